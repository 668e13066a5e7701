//! What a worker counts. Written by that worker alone, read by the ledger.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use logwheel_core::Health;

use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// The kinds of stages, in the order in which an event meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StageKind {
    /// Keeps or drops events.
    Filter,
    /// Adds fields.
    Enricher,
    /// Takes secrets out.
    Redactor,
    /// Changes encoded lines.
    Processor,
}

/// What became of the events in one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTotals {
    /// The stage's name; unique in its engine.
    pub name: String,
    /// Its kind.
    pub kind: StageKind,
    /// Events that ended in it: filtered by a filter, dropped by a redactor or processor.
    pub ended: u64,
    /// Events on which it reported an error.
    pub errors: u64,
    /// Events on which it panicked, and notices that it was asked for and panicked.
    pub panics: u64,
}

/// How long a failure speaks against a stage.
const FAILURE_COUNTS_FOR: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct WorkerCounts {
    cells: CachePadded<Cells>,
    stages: Vec<StageCells>,
    /// By reason; touched when something is dropped, which is rare.
    dropped: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug, Default)]
struct Cells {
    /// Events whose fate is decided.
    consumed: AtomicU64,
    /// Events handed to the sinks.
    dispatched: AtomicU64,
    non_finite: AtomicU64,
    invalid_json: AtomicU64,
    invalid_utf8: AtomicU64,
    damaged: AtomicU64,
}

#[derive(Debug)]
struct StageCells {
    name: String,
    kind: StageKind,
    ended: AtomicU64,
    errors: AtomicU64,
    panics: AtomicU64,
    health: StageHealth,
}

/// How a stage is; written when that changes, which is rare.
#[derive(Debug)]
struct StageHealth {
    /// What `said` says, to be seen without its lock.
    is_healthy: AtomicBool,
    said: Mutex<Health>,
    /// Its last failure on an event.
    failed: Mutex<Option<(Instant, String)>>,
}

/// Sums over workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkerTotals {
    pub(crate) consumed: u64,
    pub(crate) dispatched: u64,
    pub(crate) dropped: BTreeMap<&'static str, u64>,
    pub(crate) stages: Vec<StageTotals>,
    pub(crate) non_finite: u64,
    pub(crate) invalid_json: u64,
    pub(crate) invalid_utf8: u64,
    pub(crate) damaged: u64,
}

fn add(cell: &AtomicU64, more: u64) {
    // Release: pairs with `add_to`; only this worker writes.
    cell.store(cell.load(Ordering::Relaxed) + more, Ordering::Release);
}

impl WorkerCounts {
    pub(crate) fn new(stages: impl IntoIterator<Item = (String, StageKind)>) -> Self {
        let stages = stages.into_iter().map(|(name, kind)| StageCells {
            name,
            kind,
            ended: AtomicU64::default(),
            errors: AtomicU64::default(),
            panics: AtomicU64::default(),
            health: StageHealth { is_healthy: AtomicBool::new(true), said: Mutex::default(), failed: Mutex::default() },
        });
        Self { cells: CachePadded::default(), stages: stages.collect(), dropped: Mutex::default() }
    }

    pub(crate) fn consumed(&self, events: u64) {
        add(&self.cells.consumed, events);
    }

    pub(crate) fn dispatched(&self, events: u64) {
        add(&self.cells.dispatched, events);
    }

    pub(crate) fn dropped(&self, reason: &'static str, events: u64) {
        *self.dropped.lock().entry(reason).or_default() += events;
    }

    pub(crate) fn damaged(&self) {
        add(&self.cells.damaged, 1);
    }

    pub(crate) fn encoded(&self, counts: logwheel_core::EncodeCounts) {
        // The encoder counts for itself, from the start.
        self.cells.non_finite.store(counts.non_finite, Ordering::Relaxed);
        self.cells.invalid_json.store(counts.invalid_json, Ordering::Relaxed);
        self.cells.invalid_utf8.store(counts.invalid_utf8, Ordering::Relaxed);
    }

    pub(crate) fn stage_ended(&self, stage: usize) {
        add(&self.stages[stage].ended, 1);
    }

    pub(crate) fn stage_error(&self, stage: usize) {
        add(&self.stages[stage].errors, 1);
    }

    pub(crate) fn stage_panic(&self, stage: usize) {
        add(&self.stages[stage].panics, 1);
    }

    pub(crate) fn stage_failed(&self, stage: usize, text: impl FnOnce() -> String) {
        let mut failed = self.stages[stage].health.failed.lock();
        let now = Instant::now();
        // One text a second will do, of a stage that fails on every event.
        if failed.as_ref().is_none_or(|(at, _)| now.duration_since(*at) >= Duration::from_secs(1)) {
            *failed = Some((now, text()));
        }
    }

    /// Whether the stage last said so of itself.
    #[inline]
    pub(crate) fn stage_is_healthy(&self, stage: usize) -> bool {
        self.stages[stage].health.is_healthy.load(Ordering::Relaxed)
    }

    pub(crate) fn stage_says(&self, stage: usize, health: Health) {
        let StageHealth { is_healthy, said, .. } = &self.stages[stage].health;
        is_healthy.store(health.is_healthy(), Ordering::Relaxed);
        *said.lock() = health;
    }

    /// How each stage is, at this time.
    pub(crate) fn health(&self, now: Instant) -> impl Iterator<Item = (&str, Health)> {
        self.stages.iter().map(move |stage| {
            let StageHealth { said, failed, .. } = &stage.health;
            let said = said.lock().clone();
            let failed =
                failed.lock().clone().filter(|(at, _)| now.saturating_duration_since(*at) <= FAILURE_COUNTS_FOR);
            let health = match (said, failed) {
                (Health::Healthy, Some((_, text))) => Health::unhealthy(text),
                (said, _) => said,
            };
            (stage.name.as_str(), health)
        })
    }

    /// Adds these counters to `totals`. `consumed` is read first: what it counts was counted by
    /// the caller before.
    pub(crate) fn add_to(&self, totals: &mut WorkerTotals) {
        let read = |cell: &AtomicU64| cell.load(Ordering::Acquire);
        totals.consumed += read(&self.cells.consumed);
        totals.dispatched += read(&self.cells.dispatched);
        totals.non_finite += read(&self.cells.non_finite);
        totals.invalid_json += read(&self.cells.invalid_json);
        totals.invalid_utf8 += read(&self.cells.invalid_utf8);
        totals.damaged += read(&self.cells.damaged);
        for (reason, events) in &*self.dropped.lock() {
            *totals.dropped.entry(reason).or_default() += events;
        }
        if totals.stages.is_empty() {
            totals.stages.extend(self.stages.iter().map(|stage| StageTotals {
                name: stage.name.clone(),
                kind: stage.kind,
                ended: 0,
                errors: 0,
                panics: 0,
            }));
        }
        for (total, stage) in totals.stages.iter_mut().zip(&self.stages) {
            total.ended += read(&stage.ended);
            total.errors += read(&stage.errors);
            total.panics += read(&stage.panics);
        }
    }
}

#[cfg(all(test, not(logwheel_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_failure_speaks_against_a_stage_for_ten_seconds() {
        let counts = WorkerCounts::new([("stage".to_owned(), StageKind::Filter)]);
        let health = |seconds| counts.health(Instant::now() + Duration::from_secs(seconds)).next().unwrap().1;
        assert!(health(0).is_healthy());
        counts.stage_failed(0, || "failed on an event: x".to_owned());
        assert_eq!(health(9), Health::unhealthy("failed on an event: x"));
        assert!(health(11).is_healthy());
        counts.stage_says(0, Health::unhealthy("full"));
        assert_eq!((health(0), health(11)), (Health::unhealthy("full"), Health::unhealthy("full")));
    }
}
