//! What all callers of one engine share: the level, the lanes, the overflow pool, the counters.

use crossbeam_utils::CachePadded;
use logwheel_core::Level;
use logwheel_stages::FillGauge;

use super::{CallerCounts, CallerTotals};
use crate::clock::TickClock;
use crate::config::{Config, SHARED_LANE_FACTOR};
use crate::ring::{Fill, Flags, LaneWriter, Marks, OverflowPool, SharedLane, SlotHeader, SlotWriter, private_lane};
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
    /// Wakes those who wait for one that is being made.
    lane_made: Condvar,
    /// A caller found no spare lane; the next worker that passes by tells the lane maker.
    spares_low: AtomicBool,
    registry: Mutex<Registry>,
    /// Counters for threads that have none (any more).
    pub(super) strays: CallerCounts,
    /// Of the workers that read lanes first.
    pub(crate) inboxes: Vec<Arc<Inbox>>,
    /// How many readers each lane has: one for each worker that an event passes.
    readers: usize,
    /// How full lanes are, for those who let less pass then.
    pub(crate) gauge: Option<FillGauge>,
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
    /// Private lanes that exist or are being made.
    lanes: usize,
    /// Those that are being made.
    in_making: usize,
    /// The number of the next lane. Numbers never come back: receivers tell events by them.
    next_index: u32,
    /// The fewest lanes that were free at once since the lane maker last looked.
    unused: usize,
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
    /// The intake. The readers of the shared lane are left with the first worker.
    pub(crate) fn new(
        config: Config,
        clock: TickClock,
        inboxes: Vec<Arc<Inbox>>,
        readers: usize,
        gauge: Option<FillGauge>,
    ) -> Self {
        let (shared, shared_readers) =
            SharedLane::new(config.lane_slots * SHARED_LANE_FACTOR, config.slot_bytes, config.huge_pages, readers);
        inboxes[0].push(Task::Lane(shared_readers));
        Self {
            gate: CachePadded::new(Gate {
                level: AtomicU8::new(config.level.number()),
                closed: AtomicBool::new(false),
                wake_level: config.wake_level.map_or(u8::MAX, Level::number),
            }),
            clock,
            overflow: OverflowPool::new(config.overflow_bytes, config.huge_pages),
            pool: Mutex::new(LanePool {
                free: Vec::new(),
                lanes: 0,
                in_making: 0,
                next_index: 1,
                unused: 0,
                max: config.private_lanes(),
                reserved: config.reserved_lanes,
                closed: false,
            }),
            shared,
            lanes_wanted: Condvar::new(),
            lane_made: Condvar::new(),
            spares_low: AtomicBool::new(false),
            registry: Mutex::default(),
            strays: CallerCounts::contended(),
            inboxes,
            readers,
            gauge,
            config,
        }
    }

    #[inline(always)]
    pub(crate) fn passes(&self, level: Level) -> bool {
        level.number() >= self.gate.level.load(Ordering::Relaxed)
    }

    pub(crate) fn level(&self) -> Level {
        Level::from_number(self.gate.level.load(Ordering::Relaxed)).unwrap_or(Level::SECURITY)
    }

    pub(crate) fn set_level(&self, level: Level) {
        self.gate
            .level
            .store(self.config.level_floor.map_or(level, |floor| level.max(floor)).number(), Ordering::Relaxed);
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
        self.lane_made.notify_all();
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
    pub(crate) fn attached_lane(&self) -> Option<LaneWriter> {
        self.spares_low.store(true, Ordering::Relaxed);
        loop {
            let mut pool = self.pool.lock();
            if let Some(lane) = pool.take() {
                return Some(lane);
            }
            if pool.may_grow() {
                drop(pool);
                if let Some(lane) = self.make_lane(LanePool::may_grow) {
                    self.lane_is_made(&mut self.pool.lock());
                    return Some(lane);
                }
            } else if pool.in_making > 0 {
                // The last one there may be is on its way.
                self.lane_made.wait(&mut pool);
            } else {
                return None;
            }
            if self.is_closed() {
                return None;
            }
        }
    }

    /// A thread does not need its lane any more.
    pub(crate) fn give_back(&self, lane: LaneWriter) {
        let mut pool = self.pool.lock();
        if !pool.closed {
            pool.free.push(lane);
            if pool.free.len() == pool.kept() + 1 {
                // The lane maker is to look now and then whether so many are needed.
                self.lanes_wanted.notify_one();
            }
        }
    }

    /// Called by workers between rounds.
    #[inline]
    pub(crate) fn look_after_lanes(&self) {
        if self.spares_low.load(Ordering::Relaxed) {
            self.spares_low.store(false, Ordering::Relaxed);
            // Under the lock, or the lane maker could miss it between looking and waiting.
            let _pool = self.pool.lock();
            self.lanes_wanted.notify_one();
        }
    }

    /// The lane maker's thread: keeps the reserve and one spare lane ready, and frees lanes that
    /// nobody needed for `lane_idle`.
    pub(crate) fn make_lanes(&self) {
        let wanted = |pool: &LanePool| pool.free.len() < pool.kept() && pool.may_grow();
        loop {
            while let Some(lane) = self.make_lane(wanted) {
                let mut pool = self.pool.lock();
                if !pool.closed {
                    pool.free.push(lane);
                }
                self.lane_is_made(&mut pool);
            }
            let mut pool = self.pool.lock();
            if pool.closed {
                return;
            }
            if wanted(&pool) {
                continue;
            }
            if pool.free.len() <= pool.kept() {
                self.lanes_wanted.wait(&mut pool);
                pool.unused = 0;
            } else if self.lanes_wanted.wait_for(&mut pool, self.config.lane_idle).timed_out() {
                let gone = pool.take_unused();
                drop(pool);
                gone.into_iter().for_each(|lane| self.remove_lane(lane));
            }
        }
    }

    /// Frees a lane that is empty and that no thread owns.
    fn remove_lane(&self, lane: LaneWriter) {
        let index = lane.state.index;
        // Nothing can be written any more when its reader hears of it.
        drop(lane);
        self.worker_of(index).push(Task::LaneGone(index));
    }

    /// A lane that was in the making has an owner, or lies in the pool.
    fn lane_is_made(&self, pool: &mut LanePool) {
        pool.in_making -= 1;
        self.lane_made.notify_all();
    }

    /// Makes a lane if `wanted`; its reading end goes to its worker. It counts as being in the making until
    /// [`lane_is_made`](Self::lane_is_made) is told of it.
    fn make_lane(&self, wanted: impl Fn(&LanePool) -> bool) -> Option<LaneWriter> {
        let index = {
            let mut pool = self.pool.lock();
            if pool.closed || !wanted(&pool) {
                return None;
            }
            pool.lanes += 1;
            pool.in_making += 1;
            pool.next_index += 1;
            pool.next_index - 1
        };
        // A millisecond's work, outside the lock.
        let Config { lane_slots, slot_bytes, huge_pages, .. } = self.config;
        let (writer, readers) = private_lane(index, lane_slots, slot_bytes, huge_pages, self.readers);
        self.worker_of(index).push(Task::Lane(readers));
        Some(writer)
    }

    /// Publishes an empty event into the shared lane: when it is consumed, so is everything that was
    /// published there before it, whatever claims were unfinished. Says how many slots are consumed
    /// then; nothing if the lane is full.
    pub(crate) fn mark_shared_lane(&self) -> Option<u64> {
        let mut lane = self.shared.writer();
        lane.try_publish(&Marker { ticks: self.clock.now() }).ok()?;
        Some(lane.published())
    }

    /// How many private lanes there are.
    pub(crate) fn private_lanes(&self) -> usize {
        self.pool.lock().lanes
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

/// No event: a flush or the shutdown finds it by its place.
struct Marker {
    ticks: u64,
}

impl Fill for Marker {
    fn header(&self) -> SlotHeader {
        SlotHeader { ticks: self.ticks, marks: Marks::flagged(Flags::MARKER), ..SlotHeader::default() }
    }

    fn fill(&self, _: &mut SlotWriter<'_>) {}
}

impl LanePool {
    fn may_grow(&self) -> bool {
        self.lanes < self.max
    }

    /// How many free lanes are kept ready: the reserve and one spare.
    fn kept(&self) -> usize {
        self.reserved + 1
    }

    /// A free lane that its worker has emptied.
    fn take(&mut self) -> Option<LaneWriter> {
        let position = self.free.iter().position(LaneWriter::is_drained)?;
        let lane = self.free.swap_remove(position);
        self.unused = self.unused.min(self.free.len());
        Some(lane)
    }

    /// Takes out the lanes that nobody needed since this was asked last, beyond those to keep.
    fn take_unused(&mut self) -> Vec<LaneWriter> {
        let mut gone = Vec::new();
        for _ in 0..self.unused.saturating_sub(self.kept()) {
            let Some(position) = self.free.iter().rposition(LaneWriter::is_drained) else { break };
            gone.push(self.free.swap_remove(position));
        }
        self.lanes -= gone.len();
        self.unused = self.free.len();
        gone
    }
}
