//! What a worker counts. Written by that worker alone, read by the ledger.

use std::collections::BTreeMap;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Mutex, Ordering};

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
