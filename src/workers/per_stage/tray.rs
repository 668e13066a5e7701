//! What one worker hands to the next.

use logwheel_core::EventBuffers;
use logwheel_core::HeldEvent;

use crate::ring::OverflowPool;
use crate::sync::{Arc, ArrayQueue};
use crate::workers::dispatch::Lines;
use crate::workers::lanes::{Change, Lane};
use crate::workers::{FlushRound, Inbox};

/// A round of events on its way through the workers, with all else that must not overtake them.
#[derive(Default)]
pub(crate) struct Tray {
    /// Changes to the set of lanes, before the events.
    pub(super) changes: Vec<Change>,
    /// How many slots the round took, by the position of their lanes.
    pub(super) taken: Vec<(usize, usize)>,
    /// The events that passed the filters, in order, and behind them parcels for reuse.
    parcels: Vec<Parcel>,
    used: usize,
    /// Their lines, once they are encoded.
    pub(super) lines: Lines,
    /// Flushes for which everything before lies on this tray or was handed on earlier.
    pub(super) flushes: Vec<Arc<FlushRound>>,
    /// Nothing comes behind it.
    pub(super) is_last: bool,
}

/// One event beside its slot.
#[derive(Default)]
pub(super) struct Parcel {
    pub(super) source: Source,
    pub(super) timestamp: u64,
    /// What stages made of it.
    pub(super) buffers: EventBuffers,
}

/// Where an event's bytes are.
#[derive(Default)]
pub(super) enum Source {
    /// Nowhere: a parcel that is not used.
    #[default]
    None,
    /// In a slot: the position of its lane, and the slot's among those taken from it.
    Slot { lane: usize, index: usize },
    /// In a copy, which a filter held back.
    Held(Box<HeldEvent>),
}

/// More memory than this is not kept for the next event in a parcel's place.
const KEEP_PARCEL_BYTES: usize = 16 << 10;

impl Tray {
    /// Adds an event; its parcel's buffers are what the last event left.
    pub(super) fn add(&mut self) -> &mut Parcel {
        if self.used == self.parcels.len() {
            self.parcels.push(Parcel::default());
        }
        self.used += 1;
        &mut self.parcels[self.used - 1]
    }

    /// Changes the order of the two events that were added last.
    pub(super) fn swap_last_two(&mut self) {
        self.parcels[..self.used].swap(self.used - 2, self.used - 1);
    }

    /// The buffers of the parcel that comes next, for an event that may not stay.
    pub(super) fn spare_buffers(&mut self) -> &mut EventBuffers {
        self.add();
        self.used -= 1;
        &mut self.parcels[self.used].buffers
    }

    /// The events and the place for their lines.
    pub(super) fn unpack(&mut self) -> (&mut [Parcel], &mut Lines) {
        (&mut self.parcels[..self.used], &mut self.lines)
    }

    /// Whether there is anything on it that the next worker has to know.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.taken.is_empty() && self.used == 0 && self.flushes.is_empty() && !self.is_last
    }

    /// Makes it ready for the next round.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.taken.clear();
        for parcel in &mut self.parcels[..self.used] {
            parcel.source = Source::None;
            parcel.buffers.trim(KEEP_PARCEL_BYTES);
        }
        self.used = 0;
        self.lines.clear();
        self.flushes.clear();
        self.is_last = false;
    }

    /// Opens the slots that this tray is about, for a reader behind the first one.
    pub(super) fn open(&self, lanes: &mut [Lane]) {
        for (position, slots) in &self.taken {
            // The reader before has released them, and only then handed the tray on.
            let opened = lanes[*position].reader.open(*slots);
            debug_assert_eq!(opened, *slots);
        }
    }

    /// Gives these slots to the next reader, or back to the callers.
    pub(super) fn release(&self, lanes: &mut [Lane], pool: &OverflowPool) {
        for (position, slots) in &self.taken {
            lanes[*position].reader.release(*slots, pool);
        }
    }

    /// Follows the changes to the set of lanes: takes this worker's reader of each new lane and
    /// leaves the rest.
    pub(super) fn apply_changes(&mut self, lanes: &mut Vec<Lane>, mut gone: impl FnMut(&Lane)) {
        for change in &mut self.changes {
            match change {
                Change::Added(readers) => {
                    let behind = readers.split_off(1);
                    lanes.extend(std::mem::replace(readers, behind).into_iter().map(Lane::new));
                }
                Change::Removed(position) => gone(&lanes.swap_remove(*position)),
            }
        }
    }
}

/// Trays on their way to one worker, who is woken for each.
pub(crate) struct Belt {
    trays: ArrayQueue<Box<Tray>>,
    to: Arc<Inbox>,
}

impl Belt {
    /// A belt that can hold every tray there is.
    pub(crate) fn new(to: Arc<Inbox>) -> Self {
        Self { trays: ArrayQueue::new(super::TRAYS), to }
    }

    /// Fills it with all the trays there are.
    pub(crate) fn with_empty_trays(to: Arc<Inbox>) -> Self {
        let belt = Self::new(to);
        (0..super::TRAYS).for_each(|_| belt.put(Box::default()));
        belt
    }

    /// Hands a tray on and wakes the worker.
    pub(in crate::workers) fn put(&self, tray: Box<Tray>) {
        if self.trays.push(tray).is_err() {
            unreachable!("a belt holds as many trays as there are");
        }
        self.to.wake();
    }

    pub(in crate::workers) fn take(&self) -> Option<Box<Tray>> {
        self.trays.pop()
    }
}
