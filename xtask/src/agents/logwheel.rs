//! `logwheel run` as an agent.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::events::EventFile;
use super::job::{Destination, Job};
use super::measured::{End, Measured};
use super::receiver::Receiver;
use crate::step::{Failure, root, target_dir};

pub fn run(job: &Job, file: &EventFile, directory: &Path) -> Result<Measured, Failure> {
    let receiver = Receiver::start()?;
    let config = directory.join("logwheel.toml");
    fs::write(&config, settings(job.to, &receiver.address.to_string()))
        .map_err(|error| Failure::new(format!("{}: {error}", config.display())))?;
    println!("{}: logwheel", job.title);
    let mut command = Command::new(root().join(target_dir()).join("release/logwheel"));
    command.arg("run").arg("--config").arg(&config).arg("--input").arg(&file.path);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Measured::of("logwheel", command, End::ByItself, &receiver, file)
}

/// The input waits for the sink: an agent is to lose nothing.
fn settings(to: Destination, address: &str) -> String {
    let sink = match to {
        Destination::Http => format!("type = \"http\"\nendpoint = \"http://{address}/ingest\"\nformat = \"ndjson\"\n"),
        Destination::Loki { level_label } => {
            let keys = if level_label { "\"level\"" } else { "" };
            let labels = format!("labels = {{ job = \"orders\" }}\nlabel_keys = [{keys}]\n");
            format!("type = \"loki\"\nurl = \"http://{address}\"\n{labels}")
        }
    };
    format!(
        "[engine]\nlevel = \"info\"\n\n[[sink]]\n{sink}allow_plain_http = true\noverflow = \"block\"\nblock_timeout = \"10m\"\nbatch = {{ max_events = 4096, max_bytes = \"1 MB\" }}\n"
    )
}
