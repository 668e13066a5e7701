//! What all callers of one engine share: the level, the lanes, the overflow pool, the counters.

use crossbeam_utils::CachePadded;
use logwheel_core::Level;

use super::{CallerCounts, CallerTotals};
use crate::clock::TickClock;
use crate::config::{Config, SHARED_LANE_FACTOR};
use crate::ring::{LaneReader, LaneState, LaneWriter, OverflowPool, SharedLane, private_lane};
use crate::sync::{Arc, AtomicBool, AtomicU8, Condvar, Mutex, Ordering};
use crate::workers::{Inbox, Task};

pub(crate) struct Intake {
    /// Read by every call, written hardly ever.
    gate: CachePadded<Gate>,
    pub(crate) config: Config,
    pub(crate) clock: TickClock,
    pub(crate) overflow: OverflowPool,
    pub(crate) shared: SharedLane,
    pool: Mutex<LanePool>,
    /// Wakes the thread that makes lanes.
    lanes_wanted: Condvar,
    /// A caller found no spare lane; the next worker that passes by tells the lane maker.
    spares_low: AtomicBool,
    registry: Mutex<Registry>,
    /// Counters for threads that have none (any more).
    pub(super) strays: CallerCounts,
    pub(crate) inboxes: Vec<Arc<Inbox>>,
}

struct Gate {
    /// The lowest level that passes.
    level: AtomicU8,
    /// Written once, by shutdown.
    closed: AtomicBool,
    /// Levels from this one on wake a worker; above all levels if none does.
    wake_level: u8,
}

struct LanePool {
    /// Writing ends that no thread owns.
    free: Vec<LaneWriter>,
    /// States of all lanes ever made, for the ledger.
    made: Vec<Arc<LaneState>>,
    /// Lanes that are being made outside the lock.
    in_making: usize,
    max: usize,
    reserved: usize,
    closed: bool,
}

#[derive(Default)]
struct Registry {
    live: Vec<Arc<CallerCounts>>,
    /// Sums over threads that are gone.
    retired: CallerTotals,
}

impl Intake {
    /// The intake, and the reading end of the shared lane.
    pub(crate) fn new(config: Config, clock: TickClock, inboxes: Vec<Arc<Inbox>>) -> (Self, LaneReader) {
        let (shared, reader) = SharedLane::new(config.lane_slots * SHARED_LANE_FACTOR, config.slot_bytes);
        let intake = Self {
            gate: CachePadded::new(Gate {
                level: AtomicU8::new(config.level.number()),
                closed: AtomicBool::new(false),
                wake_level: config.wake_level.map_or(u8::MAX, Level::number),
            }),
            clock,
            overflow: OverflowPool::new(config.overflow_bytes),
            pool: Mutex::new(LanePool {
                free: Vec::new(),
                made: vec![Arc::clone(&shared.state)],
                in_making: 0,
                max: config.private_lanes(),
                reserved: config.reserved_lanes,
                closed: false,
            }),
            shared,
            lanes_wanted: Condvar::new(),
            spares_low: AtomicBool::new(false),
            registry: Mutex::default(),
            strays: CallerCounts::contended(),
            inboxes,
            config,
        };
        (intake, reader)
    }

    #[inline(always)]
    pub(crate) fn passes(&self, level: Level) -> bool {
        level.number() >= self.gate.level.load(Ordering::Relaxed)
    }

    pub(crate) fn level(&self) -> Level {
        Level::from_number(self.gate.level.load(Ordering::Relaxed)).unwrap_or(Level::SECURITY)
    }

    pub(crate) fn set_level(&self, level: Level) {
        self.gate.level.store(level.number(), Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.gate.closed.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn wakes(&self, level: u8) -> bool {
        level >= self.gate.wake_level
    }

    /// From now on, events are dropped as `closed`. Says whether it was open.
    pub(crate) fn close(&self) -> bool {
        let was_open = !self.gate.closed.swap(true, Ordering::AcqRel);
        let mut pool = self.pool.lock();
        pool.closed = true;
        // The lanes' memory goes with the last of their ends.
        pool.free.clear();
        self.lanes_wanted.notify_all();
        was_open
    }

    /// The worker that reads a lane.
    pub(crate) fn worker_of(&self, lane: u32) -> &Inbox {
        &self.inboxes[lane as usize % self.inboxes.len()]
    }

    /// A private lane, if there is one to spare: the reserved ones are for `attach_thread`.
    pub(super) fn spare_lane(&self) -> Option<LaneWriter> {
        let mut pool = self.pool.try_lock()?;
        let lane = (pool.free.len() > pool.reserved).then(|| pool.take()).flatten();
        if lane.is_none() && pool.may_grow() {
            // Told by a worker: waking a thread is nothing for a caller.
            self.spares_low.store(true, Ordering::Relaxed);
        }
        lane
    }

    /// A private lane, made on the spot if need be: takes about a millisecond then.
    pub(super) fn attached_lane(&self) -> Option<LaneWriter> {
        let lane = self.pool.lock().take();
        self.spares_low.store(true, Ordering::Relaxed);
        lane.or_else(|| self.make_lane(LanePool::may_grow))
    }

    /// A thread does not need its lane any more.
    pub(super) fn give_back(&self, lane: LaneWriter) {
        let mut pool = self.pool.lock();
        if !pool.closed {
            pool.free.push(lane);
        }
    }

    /// Called by workers between rounds.
    #[inline]
    pub(crate) fn look_after_spares(&self) {
        if self.spares_low.load(Ordering::Relaxed) {
            self.spares_low.store(false, Ordering::Relaxed);
            // Under the lock, or the lane maker could miss it between looking and waiting.
            let _pool = self.pool.lock();
            self.lanes_wanted.notify_one();
        }
    }

    /// The lane maker's thread: keeps the reserve and one spare lane ready.
    pub(crate) fn make_lanes(&self) {
        let wanted = |pool: &LanePool| pool.free.len() <= pool.reserved && pool.may_grow();
        loop {
            while let Some(lane) = self.make_lane(wanted) {
                self.give_back(lane);
            }
            let mut pool = self.pool.lock();
            if pool.closed {
                return;
            }
            if !wanted(&pool) {
                self.lanes_wanted.wait(&mut pool);
            }
        }
    }

    /// Makes a lane if `wanted`; its reading end goes to its worker.
    fn make_lane(&self, wanted: impl Fn(&LanePool) -> bool) -> Option<LaneWriter> {
        let index = {
            let mut pool = self.pool.lock();
            if pool.closed || !wanted(&pool) {
                return None;
            }
            pool.in_making += 1;
            (pool.made.len() + pool.in_making - 1) as u32
        };
        let (writer, reader) = private_lane(index, self.config.lane_slots, self.config.slot_bytes);
        let mut pool = self.pool.lock();
        pool.in_making -= 1;
        pool.made.push(Arc::clone(&writer.state));
        self.worker_of(index).push(Task::Lane(Box::new(reader)));
        Some(writer)
    }

    /// How many private lanes there are.
    pub(crate) fn private_lanes(&self) -> usize {
        self.pool.lock().made.len() - 1
    }

    pub(super) fn register(&self) -> Arc<CallerCounts> {
        let counts = Arc::new(CallerCounts::default());
        self.registry.lock().live.push(Arc::clone(&counts));
        counts
    }

    pub(super) fn retire(&self, counts: &Arc<CallerCounts>) {
        let mut registry = self.registry.lock();
        if let Some(position) = registry.live.iter().position(|live| Arc::ptr_eq(live, counts)) {
            registry.live.swap_remove(position);
            counts.add_to(&mut registry.retired);
        }
    }

    /// What all callers counted.
    pub(crate) fn totals(&self) -> CallerTotals {
        let registry = self.registry.lock();
        let mut totals = registry.retired;
        registry.live.iter().for_each(|counts| counts.add_to(&mut totals));
        self.strays.add_to(&mut totals);
        totals
    }
}

impl LanePool {
    fn may_grow(&self) -> bool {
        self.made.len() - 1 + self.in_making < self.max
    }

    /// A free lane that its worker has emptied.
    fn take(&mut self) -> Option<LaneWriter> {
        let position = self.free.iter().position(LaneWriter::is_drained)?;
        Some(self.free.swap_remove(position))
    }
}
