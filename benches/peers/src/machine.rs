//! Where, when and with what: the small print under every table.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::peers::Entry;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    /// The day, in UTC.
    pub date: String,
    pub rustc: String,
    /// Crate versions, from the lock file this program was built with.
    pub versions: BTreeMap<String, String>,
    /// The commit of logwheel, where it can be found out.
    pub commit: Option<String>,
    /// The load average before the first measurement.
    pub load: f64,
}

impl Machine {
    /// This machine, now, and the crates of these peers.
    pub fn look<'a>(peers: impl IntoIterator<Item = &'a Entry>) -> Self {
        let crates = peers.into_iter().flat_map(|entry| entry.about.crates);
        let version = |name: &&str| Some(((*name).to_owned(), locked_version(name)?.to_owned()));
        Self {
            cpu: cpu_model().unwrap_or_else(|| "unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: {
                let system = rustix::system::uname();
                format!("{} {}", system.sysname().to_string_lossy(), short(&system.release().to_string_lossy()))
            },
            date: jiff::Timestamp::now().strftime("%F").to_string(),
            rustc: compiler(),
            versions: crates.filter_map(version).collect(),
            commit: commit(),
            load: load_average().unwrap_or(0.0),
        }
    }

    /// Says that other work runs beside, which makes all figures worthless.
    pub fn is_busy(&self) -> bool {
        self.load > 0.5
    }

    /// One line: the machine, the compiler, the day.
    pub fn line(&self) -> String {
        let Self { cpu, cores, kernel, date, rustc, .. } = self;
        format!("{cpu}, {cores} cores, {kernel}, rustc {rustc}, {date}")
    }

    /// One line: who was measured in which version.
    pub fn versions_line(&self) -> String {
        let commit = self.commit.as_ref().map(|commit| format!(" ({commit})")).unwrap_or_default();
        let mut versions: Vec<String> = self
            .versions
            .iter()
            .map(|(name, version)| format!("{name} {version}{}", if name == "logwheel" { &commit } else { "" }))
            .collect();
        versions.sort_by_key(|version| !version.starts_with("logwheel "));
        versions.join(", ")
    }
}

/// The release without what a distribution hangs on to it.
fn short(release: &str) -> &str {
    release.split_once('-').map_or(release, |(version, _)| version)
}

fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn compiler() -> String {
    let line = env!("PEERS_RUSTC");
    line.split_whitespace().nth(1).unwrap_or(line).to_owned()
}

fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

const LOCK: &str = include_str!("../Cargo.lock");

/// The version of a crate in our lock file; the first one, if there are several.
fn locked_version(name: &str) -> Option<&'static str> {
    let mut lines = LOCK.lines();
    lines.find(|line| line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')) == Some(name))?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::ALL;

    #[test]
    fn every_peer_has_one_version_in_the_lock_file() {
        for name in ALL.iter().flat_map(|entry| entry.about.crates) {
            let entries = LOCK.matches(&format!("name = \"{name}\"\n")).count();
            assert_eq!(entries, 1, "{name}: name the version if there are several");
            assert!(locked_version(name).is_some_and(|version| version.contains('.')), "{name}");
        }
        assert_eq!(locked_version("no such crate"), None);
    }

    #[test]
    fn the_caption_tells_machine_and_versions_and_ours_comes_first() {
        let mut machine = Machine::look(ALL);
        machine.commit = Some("abc1234".to_owned());
        assert!(machine.line().contains("cores"));
        assert!(machine.versions_line().starts_with("logwheel 0."), "{}", machine.versions_line());
        assert!(machine.versions_line().contains("(abc1234)"));
        assert!(machine.versions_line().contains("ticklog 0."));
        assert_eq!(short("6.1.0-13-amd64"), "6.1.0");
    }
}
