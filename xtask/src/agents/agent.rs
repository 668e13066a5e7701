//! An agent as a process: its settings, and what it took.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Job;
use super::events::Events;
use super::receiver::Receiver;
use crate::step::Failure;

pub enum Agent {
    Logwheel(PathBuf),
    FluentBit(PathBuf),
}

/// What a run took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Seconds until the last event arrived.
    pub wall: f64,
    /// User and system seconds of the whole process, to its end.
    pub cpu: f64,
    pub peak_mib: f64,
    pub first: f64,
    pub arrived: u64,
}

/// An agent that delivered nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(2);
/// Clock ticks in a second, of which `/proc` counts: fixed for user space on Linux.
const TICKS: f64 = 100.0;

impl Agent {
    pub fn name(&self) -> &'static str {
        match self {
            Agent::Logwheel(_) => "logwheel run",
            Agent::FluentBit(_) => "Fluent Bit",
        }
    }

    /// Carries all events to the receiver.
    pub fn carry(&self, job: Job, events: &Events, receiver: &Receiver, folder: &Path) -> Result<Taken, Failure> {
        let (program, settings, mut command) = match self {
            Agent::Logwheel(program) => {
                let settings = folder.join("logwheel.toml");
                let mut command = Command::new(program);
                command.args(["run", "--report", "json", "--config"]).arg(&settings).arg("--input").arg(&events.path);
                (program, (settings, logwheel_settings(job, receiver.port)), command)
            }
            Agent::FluentBit(program) => {
                let settings = folder.join("fluent-bit.yaml");
                let mut command = Command::new(program);
                command.arg("-q").arg("-c").arg(&settings);
                (program, (settings, fluent_bit_settings(job, &events.path, receiver.port)), command)
            }
        };
        let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", program.display()));
        fs::write(&settings.0, settings.1).map_err(failed)?;
        let began = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().map_err(failed)?;
        self.watch(&mut child, began, events.kept, receiver).map_err(failed)
    }

    fn watch(&self, child: &mut Child, began: Instant, expected: u64, receiver: &Receiver) -> std::io::Result<Taken> {
        let (mut wall, mut peak_mib, mut cpu) = (0.0, 0.0f64, 0.0);
        let (mut before, mut moved) = (0, Instant::now());
        loop {
            let status = Status::of(child.id());
            peak_mib = peak_mib.max(status.peak_mib);
            cpu = status.cpu.max(cpu);
            let arrived = receiver.events();
            if arrived > before {
                (before, moved) = (arrived, Instant::now());
                wall = began.elapsed().as_secs_f64();
            }
            let all_there = arrived >= expected;
            if status.has_ended || moved.elapsed() > PATIENCE {
                break;
            }
            if all_there && matches!(self, Agent::FluentBit(_)) {
                // It would follow the file for ever. What ending it takes is not counted.
                child.kill()?;
                break;
            }
            thread::sleep(LOOK);
        }
        child.kill()?;
        child.wait()?;
        Ok(Taken { wall, cpu, peak_mib, first: receiver.first(began), arrived: receiver.events() })
    }
}

/// What `/proc` says of a process, also of one that has ended and was not waited for yet.
#[derive(Default)]
struct Status {
    cpu: f64,
    peak_mib: f64,
    has_ended: bool,
}

impl Status {
    fn of(process: u32) -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
        let stat = read("stat");
        // Behind the name, which is in brackets: state, and eleven fields later both times.
        let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        let status = read("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cpu: (ticks(11) + ticks(12)) / TICKS,
            peak_mib: kib / 1024.0,
            has_ended: fields.first().is_none_or(|state| *state == "Z" || *state == "X"),
        }
    }
}

/// The default level drops what is below INFO.
fn logwheel_settings(job: Job, port: u16) -> String {
    let sink = match job {
        Job::Http => format!("type = \"http\"\nendpoint = \"http://127.0.0.1:{port}/in\"\nformat = \"ndjson\""),
        Job::Loki => loki(port, "[]"),
        Job::LokiByLevel => loki(port, "[\"level\"]"),
    };
    format!(
        "[[sink]]\n{sink}\nqueue_bytes = \"64MiB\"\noverflow = \"block\"\nblock_timeout = \"60s\"\nbatch = {{ max_events = 10000 }}\n"
    )
}

fn loki(port: u16, keys: &str) -> String {
    format!(
        "type = \"loki\"\nurl = \"http://127.0.0.1:{port}\"\nlabels = {{ service = \"orders\" }}\nlabel_keys = {keys}"
    )
}

/// As it was tuned for the recorded figures: large chunks in memory, one worker for the output.
fn fluent_bit_settings(job: Job, input: &Path, port: u16) -> String {
    let output = match job {
        Job::Http => "    - name: http\n      uri: /in\n      format: json_lines\n".to_owned(),
        Job::Loki => "    - name: loki\n      labels: service=orders\n      line_format: json\n".to_owned(),
        Job::LokiByLevel => {
            "    - name: loki\n      labels: service=orders\n      label_keys: $level\n      line_format: json\n"
                .to_owned()
        }
    };
    format!(
        "service:\n  flush: 0.1\n  log_level: error\n\
         parsers:\n  - name: json\n    format: json\n\
         pipeline:\n  inputs:\n    - name: tail\n      path: {}\n      parser: json\n      read_from_head: true\n      \
         buffer_chunk_size: 2M\n      buffer_max_size: 8M\n      mem_buf_limit: 256M\n      tag: in\n  \
         filters:\n    - name: grep\n      match: in\n      exclude: level ^DEBUG$\n  \
         outputs:\n{output}      match: in\n      host: 127.0.0.1\n      port: {port}\n      workers: 1\n",
        input.display()
    )
}
