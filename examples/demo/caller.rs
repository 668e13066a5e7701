//! One logging thread's own books: how many calls it made, and how long each took.

use std::time::Instant;

use crate::latency::Latencies;

/// Makes the calls of one thread. Counting here is what makes the demo's numbers independent of
/// the engine's.
#[derive(Default)]
pub struct Caller {
    pub latencies: Latencies,
    pub counts: Counts,
}

#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Log calls made.
    pub logged: u64,
    /// Those of them that the filter stage is to drop.
    pub to_be_filtered: u64,
    /// Input lines that were not UTF-8.
    pub not_utf8: u64,
    /// Threads that got no lane of their own.
    pub without_lane: u64,
}

impl Caller {
    /// Makes and times a call whose event is to be delivered.
    #[inline(always)]
    pub fn keeps(&mut self, call: impl FnOnce()) {
        let began = Instant::now();
        call();
        self.latencies.record(began.elapsed());
        self.counts.logged += 1;
    }

    /// Makes and times a call whose event is submitted, for a filter to drop.
    #[inline(always)]
    pub fn filters(&mut self, call: impl FnOnce()) {
        self.keeps(call);
        self.counts.to_be_filtered += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.latencies.merge(&other.latencies);
        self.counts.merge(other.counts);
    }
}

impl Counts {
    pub fn merge(&mut self, other: Self) {
        self.logged += other.logged;
        self.to_be_filtered += other.to_be_filtered;
        self.not_utf8 += other.not_utf8;
        self.without_lane += other.without_lane;
    }
}
