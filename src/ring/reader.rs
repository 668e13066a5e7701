//! The reading ends of a lane.
//!
//! Each worker that an event passes has one; they follow each other through the ring, and the
//! last one gives the slots back to the producers.
#![allow(unsafe_code)]

use std::mem;
use std::ptr::NonNull;

use super::sequencing::{
    EventGuard, EventPoller, MultiProducerBarrier, Polling, SingleConsumerBarrier, SingleProducerBarrier,
};
use super::slot::SlotCell;
use super::{LaneState, OverflowPool, Slot};
use crate::sync::Arc;

/// A reading end of a lane: the only one, or one in a chain.
pub(crate) struct LaneReader {
    state: Arc<LaneState>,
    poller: LanePoller,
    /// Behind it come the producers: what it releases is free.
    is_last: bool,
    /// The slots that are open for reading: published, and not released before `release`.
    window: Vec<NonNull<u8>>,
    consumed: u64,
}

// SAFETY: the addresses in `window` belong to slots that the poller, which may be sent, holds
// against the producers; they are read only through `&self` of the one owner.
unsafe impl Send for LaneReader {}

pub(super) enum LanePoller {
    /// Reads what the owner of a private lane published.
    Private(EventPoller<SlotCell, SingleProducerBarrier>),
    /// Reads what anyone published into the shared lane.
    Shared(EventPoller<SlotCell, MultiProducerBarrier>),
    /// Reads what the reader before it released.
    Behind(EventPoller<SlotCell, SingleConsumerBarrier>),
}

/// The same for each kind of poller.
macro_rules! with_poller {
    ($poller:expr, $ring:ident => $do:expr) => {
        match $poller {
            LanePoller::Private($ring) => $do,
            LanePoller::Shared($ring) => $do,
            LanePoller::Behind($ring) => $do,
        }
    };
}

impl LaneReader {
    pub(super) fn new(state: Arc<LaneState>, poller: LanePoller, is_last: bool) -> Self {
        Self { state, poller, is_last, window: Vec::with_capacity(1024), consumed: 0 }
    }

    pub(crate) fn state(&self) -> &Arc<LaneState> {
        &self.state
    }

    /// How many slots this reader released.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Opens up to `limit` published slots for reading, in place of those open before. Says how
    /// many; they stay the reader's until [`release`](Self::release).
    pub(crate) fn open(&mut self, limit: usize) -> usize {
        self.window.clear();
        with_poller!(&mut self.poller, ring => hold(ring.take(limit as u64), &mut self.window));
        self.window.len()
    }

    /// How many slots are open.
    pub(crate) fn opened(&self) -> usize {
        self.window.len()
    }

    /// Fetches an open slot that is soon to be read: its bytes come from another core.
    #[inline]
    pub(crate) fn prefetch(&self, index: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(slot) = self.window.get(index) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch accesses nothing; it never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.as_ptr().cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = index;
    }

    /// An open slot.
    #[inline]
    pub(crate) fn slot(&self, index: usize) -> Slot<'_> {
        // SAFETY: the window holds addresses of published slots of this lane, and the poller's
        // cursor, which keeps producers off them, only moves in `release`, which takes `&mut self`.
        unsafe { Slot::at(self.window[index], self.state.slot_bytes) }
    }

    /// Gives the first `count` open slots to the next reader; the last one gives them back to the
    /// producers, with their overflow blocks.
    pub(crate) fn release(&mut self, count: usize, pool: &OverflowPool) {
        debug_assert!(count <= self.window.len());
        if self.is_last {
            for index in 0..count {
                if let Some(head) = self.slot(index).overflow() {
                    // SAFETY: the header of a published slot names a published chain; the slot is
                    // released by the last reader only once, right below.
                    unsafe { pool.release(head) };
                }
            }
        }
        self.window.clear();
        if count == 0 {
            return;
        }
        // Dropping a guard moves the cursor past all it covers: take one over exactly these slots.
        with_poller!(&mut self.poller, ring => drop(ring.take(count as u64)));
        self.consumed += count as u64;
        if self.is_last {
            self.state.released(self.consumed);
        }
    }

    /// How many slots are published and not released.
    pub(crate) fn pending(&mut self) -> u64 {
        fn count<B>(polled: Result<EventGuard<'_, SlotCell, B>, Polling>) -> u64 {
            let Ok(mut guard) = polled else { return 0 };
            let count = ExactSizeIterator::len(&&mut guard) as u64;
            // Forgotten, not dropped: the cursor stays where it is.
            mem::forget(guard);
            count
        }
        with_poller!(&mut self.poller, ring => count(ring.take(u64::MAX >> 1)))
    }
}

/// Notes the slots of a guard and leaves the cursor in front of them.
fn hold<B>(polled: Result<EventGuard<'_, SlotCell, B>, Polling>, window: &mut Vec<NonNull<u8>>) {
    let Ok(mut guard) = polled else { return };
    window.extend((&mut guard).map(SlotCell::address));
    mem::forget(guard);
}
