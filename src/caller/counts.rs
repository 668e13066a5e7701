//! What callers count: written by one thread each, summed up when somebody asks.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Ordering};

/// Why a caller's event never entered a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// No free slot, and no (more) waiting allowed.
    Full,
    /// Too big for a slot, and no free block in the overflow pool.
    OverflowFull,
    /// The engine was shut down.
    Closed,
    /// A pipeline thread found the lane full; waiting would be waiting for itself.
    Reentrant,
}

impl DropReason {
    pub(crate) const ALL: [DropReason; 4] = [Self::Full, Self::OverflowFull, Self::Closed, Self::Reentrant];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::OverflowFull => "overflow_full",
            Self::Closed => "closed",
            Self::Reentrant => "reentrant",
        }
    }
}

/// One thread's counters; a cache line of their own.
#[derive(Debug, Default)]
pub(crate) struct CallerCounts {
    cells: CachePadded<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    submitted: AtomicU64,
    /// Several threads write: read-modify-writes instead of plain stores.
    contended: bool,
    dropped: [AtomicU64; DropReason::ALL.len()],
    cut: AtomicU64,
    format_panics: AtomicU64,
    full_waits: AtomicU64,
    wakes: AtomicU64,
}

impl CallerCounts {
    /// Counters for threads that have none of their own (any more).
    pub(crate) fn contended() -> Self {
        Self { cells: CachePadded::new(Cells { contended: true, ..Cells::default() }) }
    }

    /// Before the event can be seen by anyone, so that no reader sees more come out than went in.
    #[inline(always)]
    pub(crate) fn submitted(&self) {
        self.bump(&self.cells.submitted);
    }

    /// As [`submitted`](Self::submitted), by the one thread whose counters these are.
    #[inline(always)]
    pub(crate) fn submitted_by_owner(&self) {
        debug_assert!(!self.cells.contended);
        bump_alone(&self.cells.submitted);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn dropped(&self, reason: DropReason) {
        self.bump(&self.cells.dropped[reason as usize]);
    }

    pub(crate) fn cut(&self) {
        self.bump(&self.cells.cut);
    }

    pub(crate) fn format_panic(&self) {
        self.bump(&self.cells.format_panics);
    }

    pub(crate) fn full_wait(&self) {
        self.bump(&self.cells.full_waits);
    }

    pub(crate) fn wake(&self) {
        self.bump(&self.cells.wakes);
    }

    #[inline(always)]
    fn bump(&self, cell: &AtomicU64) {
        if self.cells.contended {
            cell.fetch_add(1, Ordering::Release);
        } else {
            bump_alone(cell);
        }
    }

    /// Adds these counters to `totals`: what ends an event first, what begins it last.
    pub(crate) fn add_to(&self, totals: &mut CallerTotals) {
        let read = |cell: &AtomicU64| cell.load(Ordering::Acquire);
        totals.cut += read(&self.cells.cut);
        totals.format_panics += read(&self.cells.format_panics);
        totals.full_waits += read(&self.cells.full_waits);
        totals.wakes += read(&self.cells.wakes);
        for (total, cell) in totals.dropped.iter_mut().zip(&self.cells.dropped) {
            *total += read(cell);
        }
        totals.submitted += read(&self.cells.submitted);
    }
}

#[inline(always)]
fn bump_alone(cell: &AtomicU64) {
    // Release: pairs with `add_to`; and only this thread writes, so nothing is overwritten.
    cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Release);
}

/// Sums over callers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CallerTotals {
    pub(crate) submitted: u64,
    pub(crate) dropped: [u64; DropReason::ALL.len()],
    pub(crate) cut: u64,
    pub(crate) format_panics: u64,
    pub(crate) full_waits: u64,
    pub(crate) wakes: u64,
}

impl CallerTotals {
    /// How many events entered a lane, or are about to.
    pub(crate) fn entered(&self) -> u64 {
        self.submitted - self.dropped.iter().sum::<u64>()
    }
}
