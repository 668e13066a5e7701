//! Fluent Bit as an agent, where there is one.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::events::EventFile;
use super::job::{Destination, Job};
use super::measured::{End, Measured};
use super::receiver::Receiver;
use crate::step::{Failure, Step};

/// The program that was given, or the one on the path, if any.
pub fn find(given: Option<PathBuf>) -> Result<Option<PathBuf>, Failure> {
    let answers = |program: &Path| Step::command(&program.display().to_string()).arg("--version").succeeds_silently();
    match given {
        Some(program) if answers(&program) => Ok(Some(program)),
        Some(program) => Err(Failure::new(format!("--fluent-bit {}: cannot be run", program.display()))),
        None => Ok(Some(PathBuf::from("fluent-bit")).filter(|program| answers(program))),
    }
}

pub fn run(program: &Path, job: &Job, file: &EventFile, directory: &Path) -> Result<Measured, Failure> {
    let receiver = Receiver::start()?;
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok::<_, Failure>(path)
    };
    let parsers = write("parsers.conf", PARSERS)?;
    let config = write("fluent-bit.conf", &settings(job.to, receiver.address, &parsers, &file.path))?;
    println!("{}: Fluent Bit", job.title);
    let mut command = Command::new(program);
    command.arg("-c").arg(config).stdin(Stdio::null()).stdout(Stdio::null());
    Measured::of("Fluent Bit", command, End::WhenAsked, &receiver, file)
}

const PARSERS: &str = "\
[PARSER]
    Name        events
    Format      json
    Time_Key    time
    Time_Format %Y-%m-%dT%H:%M:%S.%L%z
    Time_Keep   On
";

/// With large chunks and two senders, which is faster than what it comes with.
fn settings(to: Destination, receiver: SocketAddr, parsers: &Path, input: &Path) -> String {
    let (host, port) = (receiver.ip(), receiver.port());
    let output = match to {
        Destination::Http => "    Name http\n    URI /ingest\n    Format json_lines\n".to_owned(),
        Destination::Loki { level_label } => {
            let keys = if level_label { "    Label_Keys $level\n" } else { "" };
            format!("    Name loki\n    Labels job=orders\n    Line_Format json\n{keys}")
        }
    };
    format!(
        "[SERVICE]\n    Flush 0.2\n    Grace 1\n    Log_Level error\n    Parsers_File {}\n\
         [INPUT]\n    Name tail\n    Path {}\n    Parser events\n    Read_from_Head On\n    Refresh_Interval 1\n    \
         Buffer_Chunk_Size 4M\n    Buffer_Max_Size 16M\n    Static_Batch_Size 64M\n    Mem_Buf_Limit 128M\n\
         [FILTER]\n    Name grep\n    Match *\n    Exclude level ^debug$\n\
         [OUTPUT]\n{output}    Match *\n    Host {host}\n    Port {port}\n    Workers 2\n",
        parsers.display(),
        input.display(),
    )
}
