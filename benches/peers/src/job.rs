//! One measurement, in a process made for it: the program runs itself again with the job as argument.
//!
//! Most loggers are globals that cannot be set up twice, and what one leaves behind (threads, memory,
//! a warm allocator) must not meet the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::peers;

/// A child that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(300);

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub peer: String,
    pub threads: usize,
    pub work: Work,
    /// Where the child puts its outcome and, in `files`, the peer its files.
    pub folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Each thread makes `calls` calls. The gap is that between two events of the process: of two
    /// threads, each makes a call every two gaps.
    Paced { gap_ns: u64, calls: u64 },
    /// All threads together log `events` events as fast as they can.
    Burst { events: u64 },
}

impl Work {
    /// Says that figures of both belong side by side. How often a call was made does not matter.
    pub fn compares_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Paced { gap_ns: one, .. }, Self::Paced { gap_ns: other, .. }) => one == other,
            (Self::Burst { .. }, Self::Burst { .. }) => true,
            _ => false,
        }
    }

    /// In a few words, with this many threads.
    pub fn title(self, threads: usize) -> String {
        let threads = threads_title(threads);
        match self {
            Self::Paced { gap_ns, .. } => format!("{threads}, {} µs", micros(gap_ns)),
            Self::Burst { .. } => format!("{threads}, burst"),
        }
    }
}

/// A number of threads in words.
pub fn threads_title(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

/// A time as the titles have it, in µs.
pub fn micros(nanos: u64) -> String {
    (nanos as f64 / 1e3).to_string()
}

/// What came out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Paced(Latency),
    Burst(Throughput),
}

/// The cost of a call to its caller, in ns, with the timer's overhead taken off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The mean of the fastest 99 %.
    pub mean99: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// What was taken off.
    pub overhead: f64,
    pub events: Events,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// From the first call until the last line was in the file.
    pub seconds: f64,
    /// User and system time of the process, from before the logger was set up.
    pub cpu_seconds: f64,
    /// The most memory that was resident.
    pub peak_bytes: u64,
    pub events: Events,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    pub logged: u64,
    /// Lines in the files, counted afterwards.
    pub arrived: u64,
}

impl Outcome {
    pub fn paced(&self) -> Option<&Latency> {
        if let Self::Paced(latency) = self { Some(latency) } else { None }
    }

    pub fn burst(&self) -> Option<&Throughput> {
        if let Self::Burst(throughput) = self { Some(throughput) } else { None }
    }
}

impl Throughput {
    /// Events that reached the file, a second.
    pub fn events_per_second(&self) -> f64 {
        self.events.arrived as f64 / self.seconds
    }

    /// CPU seconds for a million events that reached the file.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.events.arrived.max(1) as f64
    }
}

impl Events {
    pub fn dropped(self) -> u64 {
        self.logged.saturating_sub(self.arrived)
    }
}

impl Job {
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    fn outcome(&self) -> PathBuf {
        self.folder.join("outcome.json")
    }

    /// Does the job here: the child's side.
    pub fn work(&self) -> Result<(), String> {
        let entry = peers::find(&self.peer).ok_or_else(|| format!("no peer {:?}", self.peer))?;
        // A peer that never finishes must not hold up the others. A thread that sleeps disturbs nobody.
        std::thread::spawn(|| {
            std::thread::sleep(LIMIT);
            eprintln!("not finished after {} s", LIMIT.as_secs());
            std::process::exit(3);
        });
        fs::create_dir_all(self.files()).map_err(|error| error.to_string())?;
        let outcome = (entry.run)(self);
        let json = serde_json::to_vec(&outcome).expect("plain numbers");
        fs::write(self.outcome(), json).map_err(|error| error.to_string())
    }

    /// Has the job done by a fresh process, and takes its files away.
    pub fn run_apart(mut self) -> Result<Outcome, String> {
        let folder = scratch().map_err(|error| format!("no folder for the files: {error}"))?;
        self.folder = folder.path().to_owned();
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let job = serde_json::to_string(&self).expect("plain values");
        let child = Command::new(program)
            .args(["--child", &job])
            .env(peers::RLG_TO_STDOUT, "1")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if !child.status.success() {
            let said = String::from_utf8_lossy(&child.stderr);
            return Err(format!("{}: {}", child.status, said.trim().lines().last().unwrap_or("said nothing")));
        }
        let json = fs::read(self.outcome()).map_err(|error| format!("no outcome: {error}"))?;
        serde_json::from_slice(&json).map_err(|error| format!("no outcome: {error}"))
    }
}

/// A folder in memory where there is one, so that no disk is measured.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    let shm = Path::new("/dev/shm");
    let parent = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("logwheel-peers-").tempdir_in(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_its_journey_through_the_command_line() {
        let job = Job {
            peer: "logwheel".to_owned(),
            threads: 2,
            work: Work::Paced { gap_ns: 5_000, calls: 7 },
            folder: PathBuf::from("/somewhere"),
        };
        let json = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&json).unwrap(), job);
    }

    #[test]
    fn a_line_too_many_is_no_negative_drop() {
        assert_eq!(Events { logged: 5, arrived: 3 }.dropped(), 2);
        assert_eq!(Events { logged: 5, arrived: 6 }.dropped(), 0);
    }
}
