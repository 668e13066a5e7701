//! What a spool can be told.

use std::path::PathBuf;
use std::time::Duration;

/// Where and how a sink's events are kept on disk while the destination does not take them.
///
/// ```
/// use logwheel_sinks::{SpoolSettings, SpoolSync};
///
/// let spool = SpoolSettings::new("/var/spool/orders/loki").max_bytes(100 << 20).sync(SpoolSync::EveryBatch);
/// assert!(spool.problems().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolSettings {
    /// The folder, made if it is not there. No other sink and no other process can use it.
    pub dir: PathBuf,
    /// The most bytes on disk. When they are used up, the oldest events go, counted as
    /// `spool_full`. Default 1 GiB; at least 64 KiB.
    pub max_bytes: u64,
    /// When what was written is to be safe from a power failure. Default once a second.
    pub sync: SpoolSync,
}

/// When the system is told to write what it has to the disk (`fdatasync`). What a process wrote
/// survives its own end, however sudden; this is about the end of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolSync {
    /// Whenever the system sees fit, often half a minute later.
    Never,
    /// After each batch, before it counts as spooled.
    EveryBatch,
    /// This long after a write, for all that was written until then. At most a day.
    Interval(Duration),
}

impl SpoolSettings {
    /// A spool in this folder, with the defaults.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), max_bytes: 1 << 30, sync: SpoolSync::Interval(Duration::from_secs(1)) }
    }

    /// Sets [`max_bytes`](Self#structfield.max_bytes).
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets [`sync`](Self#structfield.sync).
    #[must_use]
    pub fn sync(mut self, sync: SpoolSync) -> Self {
        self.sync = sync;
        self
    }

    /// What is wrong with the settings: one sentence for each problem, with the option's name, its
    /// value and what is allowed. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.dir.as_os_str().is_empty() {
            problems.push("spool.dir is empty: it must name a folder".into());
        }
        if self.max_bytes < 64 << 10 {
            problems.push(format!("spool.max_bytes is {}: it must be at least 65536 (default 1 GiB)", self.max_bytes));
        }
        if let SpoolSync::Interval(interval) = self.sync
            && !(Duration::from_nanos(1)..=super::LONGEST_INTERVAL).contains(&interval)
        {
            problems.push(format!(
                "spool.sync is an interval of {interval:?}: it must be above zero and at most a day (default 1s)"
            ));
        }
        problems
    }

    /// How large segments become: what goes at once when there is no room.
    pub(super) fn segment_bytes(&self) -> u64 {
        (self.max_bytes / 16).clamp(4 << 10, 64 << 20)
    }
}
