//! A lane: one ring with its writing end; its reading ends are in [`reader`](super::reader).
//!
//! *Private* lanes have one producer, which travels with the thread that owns it; the *shared*
//! lane has a producer per thread, cloned from one original. Both have a chain of readers, one for
//! each worker that an event passes.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use super::arena::Arena;
use super::reader::LanePoller;
use super::sequencing::{
    BusySpin, MultiProducer, Producer, SingleConsumerBarrier, SingleProducer, build_multi_producer,
    build_single_producer,
};
use super::slot::SlotCell;
use super::{Fill, LaneReader};
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
    pub(super) slot_bytes: usize,
    /// How many slots were released. Written by the lane's last reader.
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
    fn new(index: u32, slots: usize, slot_bytes: usize, huge_pages: bool) -> Arc<Self> {
        Arc::new(Self {
            index,
            slots: slots as u64,
            slot_bytes,
            consumed: CachePadded::default(),
            lost: CachePadded::default(),
            begins_after: AtomicU64::new(0),
            shed_until: AtomicU64::new(0),
            arena: Arena::new(slots, slot_bytes, huge_pages),
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

    /// The lane's last reader gave its slots up to here back.
    pub(super) fn released(&self, consumed: u64) {
        // Release: pairs with `consumed`.
        self.consumed.store(consumed, Ordering::Release);
    }

    /// How many slots were released so far.
    pub(crate) fn consumed(&self) -> u64 {
        // Acquire: pairs with `released`: whoever sees an event consumed sees what became of it.
        self.consumed.load(Ordering::Acquire)
    }

    /// Whether what is in the lane may be carried, now that so many slots of the shared lane were.
    ///
    /// Asked when an event is in sight: the owner's store came before it.
    pub(crate) fn may_begin(&self, shared_carried: u64) -> bool {
        shared_carried >= self.begins_after.load(Ordering::Relaxed)
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

/// Builds a chain of readers behind each other, and the producer.
macro_rules! chain_of_readers {
    ($state:expr, $builder:expr, $first:path, $readers:expr) => {{
        let (poller, builder) = $builder.new_event_poller();
        let mut readers = vec![LaneReader::new(Arc::clone(&$state), $first(poller), $readers == 1)];
        let producer = if $readers == 1 {
            builder.build()
        } else {
            let (poller, mut builder) = builder.and_then().new_event_poller();
            readers.push(LaneReader::new(Arc::clone(&$state), LanePoller::Behind(poller), $readers == 2));
            for position in 3..=$readers {
                let (poller, next) = builder.and_then().new_event_poller();
                readers.push(LaneReader::new(Arc::clone(&$state), LanePoller::Behind(poller), $readers == position));
                builder = next;
            }
            builder.build()
        };
        (producer, readers)
    }};
}

/// Makes a private lane with a chain of `readers`.
pub(crate) fn private_lane(
    index: u32,
    slots: usize,
    slot_bytes: usize,
    huge_pages: bool,
    readers: usize,
) -> (LaneWriter, Vec<LaneReader>) {
    let state = LaneState::new(index, slots, slot_bytes, huge_pages);
    let builder = build_single_producer(slots, state.cells(), BusySpin);
    let (producer, readers) = chain_of_readers!(state, builder, LanePoller::Private, readers);
    (LaneWriter::new(state, LaneProducer::Private(producer)), readers)
}

/// The lane of every thread that has no private one.
pub(crate) struct SharedLane {
    original: Mutex<MultiProducer<SlotCell, SingleConsumerBarrier>>,
    pub(crate) state: Arc<LaneState>,
}

impl SharedLane {
    /// The lane and its chain of `readers`.
    pub(crate) fn new(slots: usize, slot_bytes: usize, huge_pages: bool, readers: usize) -> (Self, Vec<LaneReader>) {
        let state = LaneState::new(0, slots, slot_bytes, huge_pages);
        let builder = build_multi_producer(slots, state.cells(), BusySpin);
        let (producer, readers) = chain_of_readers!(state, builder, LanePoller::Shared, readers);
        (Self { original: Mutex::new(producer), state }, readers)
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
    slots: Slots,
    slot_mask: u64,
    hint_mask: u64,
    /// One past the last sequence that was published through this end; of a private lane, the one that is claimed next.
    next: u64,
    producer: LaneProducer,
}

/// Where a lane's slots lie, one behind the other.
struct Slots(NonNull<u8>);

// SAFETY: an address in an arena, which may be used from any thread. What lies there is written only where a
// producer says so.
unsafe impl Send for Slots {}

enum LaneProducer {
    Private(SingleProducer<SlotCell, SingleConsumerBarrier>),
    Shared(MultiProducer<SlotCell, SingleConsumerBarrier>),
}

impl LaneWriter {
    fn new(state: Arc<LaneState>, producer: LaneProducer) -> Self {
        Self {
            slot_bytes: state.slot_bytes,
            slots: Slots(state.arena.at(0)),
            slot_mask: state.slots - 1,
            hint_mask: state.slots / 4 - 1,
            state,
            next: 0,
            producer,
        }
    }

    /// Claims a slot, has it filled, and publishes it. Says whether it was the last one of a
    /// quarter of the lane.
    #[inline(always)]
    pub(crate) fn try_publish<F: Fill + ?Sized>(&mut self, event: &F) -> Result<bool, Full> {
        let slot_bytes = self.slot_bytes;
        // Two closures, each used once: one that both arms share is not inlined.
        let sequence = match &mut self.producer {
            LaneProducer::Private(ring) => {
                // SAFETY: the mask keeps it inside the arena.
                let memory = unsafe { self.slots.0.add((self.next & self.slot_mask) as usize * slot_bytes) };
                // SAFETY: the only producer of a ring claims its sequences one by one, beginning with 0, so it is
                // `next` that is claimed; cells and slots are in the same order.
                let claimed = ring.try_publish(|cell| unsafe { cell.fill(memory, slot_bytes, event) });
                // Another version of the ring that counts otherwise is found out at its first event.
                assert!(claimed.as_ref().map_or(true, |sequence| *sequence as u64 == self.next), "one after the other");
                claimed
            }
            LaneProducer::Shared(ring) => {
                // SAFETY: the cell belongs to this lane, whose slots have this size.
                ring.try_publish(|cell| unsafe { cell.fill(cell.address(), slot_bytes, event) })
            }
        };
        self.next = sequence.map_err(|_| Full)? as u64 + 1;
        Ok(self.next & self.hint_mask == 0)
    }

    /// How many bytes a slot has.
    #[inline(always)]
    pub(crate) fn slot_bytes(&self) -> usize {
        self.slot_bytes
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

    /// Whether an eighth of the lane is waiting for its readers. Asked at each quarter, it is so at the latest when
    /// three eighths wait.
    pub(crate) fn is_filling(&self) -> bool {
        self.next.saturating_sub(self.state.consumed()) >= self.state.slots / 8
    }

    #[inline(always)]
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.producer, LaneProducer::Private(_))
    }

    /// Whether everything published through this end was released by the reader.
    pub(crate) fn is_drained(&self) -> bool {
        self.state.consumed() >= self.next
    }
}
