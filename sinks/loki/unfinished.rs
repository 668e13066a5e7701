//! Plans of batches that are to be tried again, by whichever instance of the sink.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use logwheel_core::Batch;
use parking_lot::Mutex;

use super::plan::Plan;

/// The most plans that are kept. More batches than that are hardly under way at once; the oldest
/// ones belong to batches that were given up.
const MAX_PLANS: usize = 64;

/// Keeps what is known of a batch from one attempt to the next.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Mutex<VecDeque<(Fingerprint, Plan)>>);

/// By what a batch is known again. Not by its address: the engine's batches move, and may have been
/// on disk.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    outline: Outline,
    hash: u64,
}

/// What can be compared at no cost.
#[derive(Debug, PartialEq, Eq)]
struct Outline {
    entries: usize,
    bytes: usize,
    first: Option<u64>,
}

impl Outline {
    fn of(batch: &Batch) -> Self {
        let first = batch.get(0).map(|entry| entry.timestamp);
        Self { entries: batch.len(), bytes: batch.byte_len(), first }
    }
}

impl Fingerprint {
    fn of(batch: &Batch) -> Self {
        let mut hasher = DefaultHasher::new();
        batch.lines().hash(&mut hasher);
        for entry in batch.iter() {
            (entry.timestamp, entry.level.number()).hash(&mut hasher);
            (0..batch.columns().len()).for_each(|column| entry.cell(column).hash(&mut hasher));
        }
        Self { outline: Outline::of(batch), hash: hasher.finish() }
    }
}

impl Unfinished {
    /// The plan that was left for this batch. Costs next to nothing when there is none.
    pub(super) fn take(&self, batch: &Batch) -> Option<Plan> {
        let mut plans = self.0.lock();
        let outline = Outline::of(batch);
        if !plans.iter().any(|(known, _)| known.outline == outline) {
            return None;
        }
        let fingerprint = Fingerprint::of(batch);
        let position = plans.iter().position(|(known, _)| *known == fingerprint)?;
        plans.remove(position).map(|(_, plan)| plan)
    }

    /// Leaves a plan for the next attempt.
    pub(super) fn put(&self, batch: &Batch, plan: Plan) {
        let fingerprint = Fingerprint::of(batch);
        let mut plans = self.0.lock();
        if plans.len() == MAX_PLANS {
            plans.pop_front();
        }
        plans.push_back((fingerprint, plan));
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Level;

    use super::*;

    fn batch(line: &str, time: u64) -> Batch {
        let mut batch = Batch::new();
        batch.push(line.as_bytes(), time, Level::INFO);
        batch
    }

    fn plan(mark: u32) -> Plan {
        Plan { streams: Vec::new(), told_to_slow_down: mark }
    }

    #[test]
    fn each_batch_finds_its_own_plan_once() {
        let unfinished = Unfinished::default();
        unfinished.put(&batch("a", 1), plan(1));
        unfinished.put(&batch("b", 1), plan(2));
        assert!(unfinished.take(&batch("a", 2)).is_none());
        assert!(unfinished.take(&batch("c", 1)).is_none());
        assert_eq!(unfinished.take(&batch("b", 1)).map(|plan| plan.told_to_slow_down), Some(2));
        assert_eq!(unfinished.take(&batch("a", 1)).map(|plan| plan.told_to_slow_down), Some(1));
        assert!(unfinished.take(&batch("a", 1)).is_none());
    }

    #[test]
    fn their_number_is_bounded() {
        let unfinished = Unfinished::default();
        (0..1_000).for_each(|n| unfinished.put(&batch("x", n), plan(0)));
        assert_eq!(unfinished.0.lock().len(), MAX_PLANS);
        assert!(unfinished.take(&batch("x", 1_000 - MAX_PLANS as u64 - 1)).is_none());
        assert!(unfinished.take(&batch("x", 999)).is_some());
    }
}
