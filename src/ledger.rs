//! The books: where every event went.

use std::collections::BTreeMap;
use std::fmt;

use crate::caller::{CallerTotals, DropReason};
use crate::delivery::SinkLedger;
use crate::workers::{StageKind, StageTotals, WorkerTotals};

/// Where every submitted event went, up to the moment when the ledger was asked for.
///
/// Two identities hold. For the engine:
/// `submitted = in_lanes + filtered + dropped + dispatched`; for each sink:
/// `routed + recovered = queued + in_flight + delivered + rejected + dropped + fallback + spooled + unconfirmed`.
/// They are exact after a flush and after shutdown; in between, events that are just changing
/// places can be missing from a term, and no term is ever negative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// Log calls at or above the level.
    pub submitted: u64,
    /// Events in lanes, or about to enter one.
    pub in_lanes: u64,
    /// Events that a filter dropped, by the filter's name.
    pub filtered: BTreeMap<String, u64>,
    /// Events that were dropped before any sink saw them, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Events handed to the sinks.
    pub dispatched: u64,
    /// What became of those.
    pub sinks: Vec<SinkLedger>,
    /// What the stages did.
    pub stages: Vec<StageTotals>,
    /// What happened to events without ending them.
    pub notes: Notes,
}

/// Things worth knowing that are not fates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notes {
    /// Events of which something was cut to make them fit.
    pub cut: u64,
    /// Values whose `Display` or `Debug` panicked.
    pub format_panics: u64,
    /// Calls that had to wait for a free slot.
    pub full_waits: u64,
    /// Calls that woke a sleeping worker, which takes a system call of some microseconds: at a
    /// quarter of a lane, at `wake_level`, or on finding the lane full.
    pub wakes: u64,
    /// NaN and infinities, written as null.
    pub non_finite: u64,
    /// Raw JSON values that were none, written as text.
    pub invalid_json: u64,
    /// Runs of bytes that are not UTF-8, written as U+FFFD.
    pub invalid_utf8: u64,
    /// Events whose bytes could not be read to the end: a bug in logwheel, please report it.
    pub damaged: u64,
}

impl Ledger {
    /// `closed`: no worker reads the lanes any more, so what is left in them counts as dropped.
    pub(crate) fn new(sinks: Vec<SinkLedger>, workers: WorkerTotals, callers: &CallerTotals, closed: bool) -> Self {
        let entered = callers.entered();
        let mut in_lanes = entered.saturating_sub(workers.consumed);
        let mut dropped = workers.dropped;
        for (reason, events) in DropReason::ALL.iter().zip(callers.dropped) {
            *dropped.entry(reason.name()).or_default() += events;
        }
        if closed {
            *dropped.entry(DropReason::Closed.name()).or_default() += std::mem::take(&mut in_lanes);
        }
        dropped.retain(|_, events| *events > 0);
        let filters = workers.stages.iter().filter(|stage| stage.kind == StageKind::Filter);
        Self {
            submitted: callers.submitted,
            in_lanes,
            filtered: filters.map(|stage| (stage.name.clone(), stage.ended)).collect(),
            dropped,
            dispatched: workers.dispatched,
            sinks,
            notes: Notes {
                cut: callers.cut,
                format_panics: callers.format_panics,
                full_waits: callers.full_waits,
                wakes: callers.wakes,
                non_finite: workers.non_finite,
                invalid_json: workers.invalid_json,
                invalid_utf8: workers.invalid_utf8,
                damaged: workers.damaged,
            },
            stages: workers.stages,
        }
    }

    /// Events that a filter dropped, whichever.
    #[must_use]
    pub fn total_filtered(&self) -> u64 {
        self.filtered.values().sum()
    }

    /// Events that were dropped before any sink saw them, whatever the reason.
    #[must_use]
    pub fn total_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// The sink of this name.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<&SinkLedger> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// Whether both identities hold.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.submitted == self.in_lanes + self.total_filtered() + self.total_dropped() + self.dispatched
            && self.sinks.iter().all(SinkLedger::is_balanced)
    }
}

/// As a few lines for a person.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let balance = if self.is_balanced() { "balanced" } else { "NOT BALANCED" };
        writeln!(f, "submitted {} ({balance})", self.submitted)?;
        if self.in_lanes > 0 {
            writeln!(f, "  in lanes {}", self.in_lanes)?;
        }
        for (filter, events) in &self.filtered {
            writeln!(f, "  filtered {events} ({filter})")?;
        }
        for (reason, events) in &self.dropped {
            writeln!(f, "  dropped {events} ({reason})")?;
        }
        writeln!(f, "  dispatched {}", self.dispatched)?;
        for sink in &self.sinks {
            writeln!(f, "    {sink}")?;
        }
        for stage in self.stages.iter().filter(|stage| stage.errors + stage.panics > 0) {
            writeln!(f, "  stage {}: {} errors, {} panics", stage.name, stage.errors, stage.panics)?;
        }
        let Notes { cut, format_panics, full_waits, wakes, non_finite, invalid_json, invalid_utf8, damaged } =
            self.notes;
        for (note, count) in [
            ("events were cut to fit", cut),
            ("values panicked while being formatted", format_panics),
            ("calls waited for a free slot", full_waits),
            ("calls woke a sleeping worker", wakes),
            ("numbers were not finite", non_finite),
            ("raw JSON values were none", invalid_json),
            ("texts were not UTF-8", invalid_utf8),
            ("events were damaged", damaged),
        ] {
            if count > 0 {
                writeln!(f, "  note: {count} {note}")?;
            }
        }
        Ok(())
    }
}
