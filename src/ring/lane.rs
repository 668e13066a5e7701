//! A lane: one ring with its writing and its reading end.
//!
//! *Private* lanes have one producer, which travels with the thread that owns it; the *shared*
//! lane has a producer per thread, cloned from one original. Both have one consumer.
#![allow(unsafe_code)]

use std::mem;
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;
use disruptor::{
    BusySpin, EventGuard, EventPoller, MultiProducer, MultiProducerBarrier, Polling, Producer, SingleConsumerBarrier,
    SingleProducer, SingleProducerBarrier, build_multi_producer, build_single_producer,
};

use super::arena::Arena;
use super::slot::SlotCell;
use super::{Fill, OverflowPool, Slot};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};

/// The memory that a lane takes.
pub(crate) fn lane_bytes(slots: usize, slot_bytes: usize) -> usize {
    slots.saturating_mul(slot_bytes.saturating_add(size_of::<SlotCell>()))
}

/// The lane had no free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// What both ends of a lane, and whoever watches it, know of it.
#[derive(Debug)]
pub(crate) struct LaneState {
    /// The lane's number, 0 for the shared one.
    pub(crate) index: u32,
    pub(crate) slots: u64,
    slot_bytes: usize,
    /// How many slots were released. Written by the lane's reader.
    consumed: CachePadded<AtomicU64>,
    /// How many events were dropped because this lane was full. Written by callers.
    lost: CachePadded<AtomicU64>,
    /// Nothing in this lane may be carried before so many slots of the shared lane were. Written
    /// by the lane's new owner before its first event.
    begins_after: AtomicU64,
    /// Callers that find the lane full do not wait before this many slots were released.
    shed_until: AtomicU64,
    /// The slots behind both ends' pointers: freed when the last of the ends is gone.
    arena: Arena,
}

impl LaneState {
    fn new(index: u32, slots: usize, slot_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            index,
            slots: slots as u64,
            slot_bytes,
            consumed: CachePadded::default(),
            lost: CachePadded::default(),
            begins_after: AtomicU64::new(0),
            shed_until: AtomicU64::new(0),
            arena: Arena::new(slots, slot_bytes),
        })
    }

    /// Makes the cells for the ring, slot by slot.
    fn cells(self: &Arc<Self>) -> impl FnMut() -> SlotCell + use<> {
        let lane = Arc::clone(self);
        let mut next = 0;
        move || {
            let memory = lane.arena.at(next * lane.slot_bytes);
            next += 1;
            // SAFETY: each piece of the arena becomes one cell; pieces are multiples of 64 bytes in
            // a page-aligned arena, so aligned for a header. Both ends keep the arena alive.
            unsafe { SlotCell::new(memory) }
        }
    }

    /// How many slots were released so far.
    pub(crate) fn consumed(&self) -> u64 {
        // Acquire: pairs with `release`: whoever sees an event consumed sees what became of it.
        self.consumed.load(Ordering::Acquire)
    }

    /// Whether what is in the lane may be carried, now that `shared` slots of the shared lane were.
    ///
    /// Asked when an event is in sight: the owner's store came before it.
    pub(crate) fn may_begin(&self, shared: &LaneState) -> bool {
        shared.consumed() >= self.begins_after.load(Ordering::Relaxed)
    }

    /// A caller waited in vain: until a quarter of the lane was freed, no other one shall.
    pub(crate) fn shed(&self) {
        self.shed_until.store(self.consumed() + self.slots / 4, Ordering::Relaxed);
    }

    /// Whether a caller waited in vain and not much was freed since.
    pub(crate) fn is_shedding(&self) -> bool {
        self.consumed() < self.shed_until.load(Ordering::Relaxed)
    }

    /// Counts an event that found the lane full.
    pub(crate) fn count_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events found the lane full.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Makes a private lane.
pub(crate) fn private_lane(index: u32, slots: usize, slot_bytes: usize) -> (LaneWriter, LaneReader) {
    let state = LaneState::new(index, slots, slot_bytes);
    let (poller, builder) = build_single_producer(slots, state.cells(), BusySpin).new_event_poller();
    let writer = LaneWriter::new(Arc::clone(&state), LaneProducer::Private(builder.build()));
    (writer, LaneReader::new(state, LanePoller::Private(poller)))
}

/// The lane of every thread that has no private one.
pub(crate) struct SharedLane {
    original: Mutex<MultiProducer<SlotCell, SingleConsumerBarrier>>,
    pub(crate) state: Arc<LaneState>,
}

impl SharedLane {
    pub(crate) fn new(slots: usize, slot_bytes: usize) -> (Self, LaneReader) {
        let state = LaneState::new(0, slots, slot_bytes);
        let (poller, builder) = build_multi_producer(slots, state.cells(), BusySpin).new_event_poller();
        let lane = Self { original: Mutex::new(builder.build()), state: Arc::clone(&state) };
        (lane, LaneReader::new(state, LanePoller::Shared(poller)))
    }

    /// A producer for one thread. Takes a lock; threads keep what they get.
    pub(crate) fn writer(&self) -> LaneWriter {
        let producer = LaneProducer::Shared(self.original.lock().clone());
        LaneWriter::new(Arc::clone(&self.state), producer)
    }
}

/// The writing end of a lane.
pub(crate) struct LaneWriter {
    pub(crate) state: Arc<LaneState>,
    /// As in `state`, nearer by.
    slot_bytes: usize,
    hint_mask: u64,
    /// One past the last sequence that was published through this end.
    next: u64,
    producer: LaneProducer,
}

enum LaneProducer {
    Private(SingleProducer<SlotCell, SingleConsumerBarrier>),
    Shared(MultiProducer<SlotCell, SingleConsumerBarrier>),
}

impl LaneWriter {
    fn new(state: Arc<LaneState>, producer: LaneProducer) -> Self {
        Self { slot_bytes: state.slot_bytes, hint_mask: state.slots / 4 - 1, state, next: 0, producer }
    }

    /// Claims a slot, has it filled, and publishes it. Says whether it was the last one of a
    /// quarter of the lane.
    #[inline(always)]
    pub(crate) fn try_publish<F: Fill + ?Sized>(&mut self, event: &F) -> Result<bool, Full> {
        let slot_bytes = self.slot_bytes;
        // Two closures, each used once: one that both arms share is not inlined.
        let sequence = match &mut self.producer {
            // SAFETY: the cell belongs to this lane, whose slots have this size.
            LaneProducer::Private(ring) => ring.try_publish(|cell| unsafe { cell.fill(slot_bytes, event) }),
            // SAFETY: as above.
            LaneProducer::Shared(ring) => ring.try_publish(|cell| unsafe { cell.fill(slot_bytes, event) }),
        };
        self.next = sequence.map_err(|_| Full)? as u64 + 1;
        Ok(self.next & self.hint_mask == 0)
    }

    /// A thread moves from `previous`, the shared lane, to this one: its events here come behind
    /// those there.
    pub(crate) fn follow(&self, previous: &LaneWriter) {
        self.state.begins_after.store(previous.next, Ordering::Relaxed);
    }

    /// One past the sequence that was published last.
    pub(crate) fn published(&self) -> u64 {
        self.next
    }

    pub(crate) fn is_private(&self) -> bool {
        matches!(self.producer, LaneProducer::Private(_))
    }

    /// Whether everything published through this end was released by the reader.
    pub(crate) fn is_drained(&self) -> bool {
        self.state.consumed() >= self.next
    }
}

/// The reading end of a lane.
pub(crate) struct LaneReader {
    state: Arc<LaneState>,
    poller: LanePoller,
    /// The slots that are open for reading: published, and not released before `release`.
    window: Vec<NonNull<u8>>,
    consumed: u64,
}

// SAFETY: the addresses in `window` belong to slots that the poller, which may be sent, holds
// against the producers; they are read only through `&self` of the one owner.
unsafe impl Send for LaneReader {}

enum LanePoller {
    Private(EventPoller<SlotCell, SingleProducerBarrier>),
    Shared(EventPoller<SlotCell, MultiProducerBarrier>),
}

impl LaneReader {
    fn new(state: Arc<LaneState>, poller: LanePoller) -> Self {
        Self { state, poller, window: Vec::with_capacity(1024), consumed: 0 }
    }

    pub(crate) fn state(&self) -> &Arc<LaneState> {
        &self.state
    }

    /// How many slots were released.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Opens up to `limit` published slots for reading, in place of those open before. Says how
    /// many; they stay the reader's until [`release`](Self::release).
    pub(crate) fn open(&mut self, limit: usize) -> usize {
        self.window.clear();
        match &mut self.poller {
            LanePoller::Private(poller) => hold(poller.take(limit as u64), &mut self.window),
            LanePoller::Shared(poller) => hold(poller.take(limit as u64), &mut self.window),
        }
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

    /// Gives the first `count` open slots back to the producers, with their overflow blocks.
    pub(crate) fn release(&mut self, count: usize, pool: &OverflowPool) {
        debug_assert!(count <= self.window.len());
        for index in 0..count {
            if let Some(head) = self.slot(index).overflow() {
                // SAFETY: the header of a published slot names a published chain; the slot is
                // released only once, right below.
                unsafe { pool.release(head) };
            }
        }
        self.window.clear();
        if count == 0 {
            return;
        }
        // Dropping a guard moves the cursor past all it covers: take one over exactly these slots.
        match &mut self.poller {
            LanePoller::Private(poller) => drop(poller.take(count as u64)),
            LanePoller::Shared(poller) => drop(poller.take(count as u64)),
        }
        self.consumed += count as u64;
        // Release: pairs with `LaneState::consumed`.
        self.state.consumed.store(self.consumed, Ordering::Release);
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
        match &mut self.poller {
            LanePoller::Private(poller) => count(poller.take(u64::MAX >> 1)),
            LanePoller::Shared(poller) => count(poller.take(u64::MAX >> 1)),
        }
    }
}

/// Notes the slots of a guard and leaves the cursor in front of them.
fn hold<B>(polled: Result<EventGuard<'_, SlotCell, B>, Polling>, window: &mut Vec<NonNull<u8>>) {
    let Ok(mut guard) = polled else { return };
    window.extend((&mut guard).map(SlotCell::address));
    mem::forget(guard);
}
