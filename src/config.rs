//! The engine's own options, with their defaults and limits.

use std::time::Duration;

use logwheel_core::{Envelope, Level};

use crate::cores::Cores;

/// What happens to an event that finds its lane full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFull {
    /// The caller waits up to `full_wait`, then the event is dropped and counted. After such a
    /// drop, events that find the lane full are dropped at once until a quarter of the lane was
    /// freed.
    #[default]
    Wait,
    /// The event is dropped at once and counted; only events of a protected level wait.
    Drop,
    /// The caller waits until there is room (also in the overflow pool, for a big event), or up to
    /// `block_timeout`. Nothing is lost while the engine runs and no timeout is set, but a stalled
    /// pipeline stalls the caller.
    Block,
}

/// What happens to a big event when the overflow pool is empty. (With [`OnFull::Block`] it waits
/// for the pool first, as for a lane.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOverflow {
    /// Its longest values are cut until it fits into its slot; the event is marked and counted.
    #[default]
    Cut,
    /// It is dropped with the reason `overflow_full`.
    Drop,
}

/// How threads get to lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Lanes {
    /// Busy threads get a lane of their own.
    #[default]
    PerThread,
    /// All threads share one lane: one total order, and contention.
    Shared,
}

/// How stages are spread over worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Topology {
    /// Per stage where the process may use at least four cores (affinity and CPU quota) and
    /// `workers` is 1, else fused.
    #[default]
    Auto,
    /// One worker for the filters, one to enrich, redact and encode, one for processors and
    /// dispatch.
    PerStage,
    /// Each worker takes a share of the lanes and runs all stages for them.
    Fused,
}

/// What a worker does when there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Wait {
    /// It spins briefly, yields, then sleeps: up to `max_park` while an event came in the last
    /// second, longer and longer up to `idle_park` after that. An idle engine costs next to
    /// nothing; an event waits at most that long.
    #[default]
    Adaptive,
    /// It never stops looking: events are seen within a microsecond or two, and each worker takes
    /// a whole core. Only for machines with cores to spare, and with `pin`.
    BusySpin,
    /// It looks, and lets others run in between: as quick when there is a core to spare, a whole
    /// core as well.
    Yield,
    /// It spins briefly, yields, then sleeps for 100 µs at a time: some per cent of a core.
    Sleep,
}

/// Where worker threads run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pin {
    /// Wherever the system puts them.
    #[default]
    None,
    /// Each worker on a core of its own, if that leaves at least as many cores to the service
    /// (affinity and CPU quota counted); else as [`None`](Self::None).
    Auto,
    /// The workers on these cores, in turn.
    Cores(Vec<usize>),
}

/// The engine's options. The builder's setters carry the same names.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) level: Level,
    /// The level cannot be set lower: the only filter would drop it.
    pub(crate) level_floor: Option<Level>,
    pub(crate) lanes: Lanes,
    pub(crate) lane_slots: usize,
    pub(crate) slot_bytes: usize,
    pub(crate) max_lanes: Option<usize>,
    pub(crate) reserved_lanes: usize,
    pub(crate) promote_after: u32,
    pub(crate) memory_budget: usize,
    pub(crate) overflow_bytes: usize,
    pub(crate) huge_pages: bool,
    pub(crate) max_event_bytes: usize,
    pub(crate) on_full: OnFull,
    pub(crate) on_overflow: OnOverflow,
    pub(crate) full_wait: Duration,
    pub(crate) block_timeout: Duration,
    pub(crate) protected_levels: Vec<Level>,
    pub(crate) topology: Topology,
    pub(crate) workers: usize,
    pub(crate) pin: Pin,
    pub(crate) wait: Wait,
    pub(crate) lane_idle: Duration,
    /// Fields in which callers write the name of their thread; from the enrichers.
    pub(crate) thread_fields: Vec<String>,
    pub(crate) max_park: Duration,
    pub(crate) idle_park: Duration,
    pub(crate) wake_level: Option<Level>,
    pub(crate) envelope: Envelope,
    pub(crate) identity: bool,
    pub(crate) shutdown_timeout: Duration,
}

/// How many more slots than a private lane the shared one has.
pub(crate) const SHARED_LANE_FACTOR: usize = 4;

impl Default for Config {
    fn default() -> Self {
        Self {
            level: Level::INFO,
            level_floor: None,
            lanes: Lanes::PerThread,
            lane_slots: 8192,
            slot_bytes: 256,
            max_lanes: None,
            reserved_lanes: 4,
            promote_after: 64,
            memory_budget: 128 << 20,
            overflow_bytes: 8 << 20,
            huge_pages: false,
            max_event_bytes: 1 << 20,
            on_full: OnFull::Wait,
            on_overflow: OnOverflow::Cut,
            full_wait: Duration::from_millis(50),
            block_timeout: Duration::ZERO,
            protected_levels: vec![Level::ERROR, Level::CRITICAL, Level::AUDIT, Level::SECURITY],
            topology: Topology::Auto,
            workers: 1,
            pin: Pin::None,
            wait: Wait::Adaptive,
            lane_idle: Duration::from_secs(30),
            thread_fields: Vec::new(),
            max_park: Duration::from_millis(5),
            idle_park: Duration::from_millis(100),
            wake_level: None,
            envelope: Envelope::Flat,
            identity: false,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

impl Config {
    fn lane_bytes(&self) -> usize {
        crate::ring::lane_bytes(self.lane_slots, self.slot_bytes)
    }

    fn shared_lane_bytes(&self) -> usize {
        self.lane_bytes().saturating_mul(SHARED_LANE_FACTOR)
    }

    /// How many private lanes may be made: as told, or as many as fit into the memory budget.
    pub(crate) fn private_lanes(&self) -> usize {
        if self.lanes == Lanes::Shared {
            return 0;
        }
        let left = self.memory_budget.saturating_sub(self.overflow_bytes).saturating_sub(self.shared_lane_bytes());
        let fitting = left / self.lane_bytes().max(1);
        self.max_lanes.unwrap_or(fitting).min(fitting)
    }

    /// Everything that is wrong with the options, each with its name, its value and what is allowed.
    pub(crate) fn problems(&self, cores: &Cores) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |ok: bool, problem: String| {
            if !ok {
                problems.push(problem);
            }
        };
        let Config { lane_slots, slot_bytes, memory_budget, overflow_bytes, max_event_bytes, .. } = *self;
        check(
            lane_slots.is_power_of_two() && (64..=1 << 24).contains(&lane_slots),
            format!("lane_slots = {lane_slots}: must be a power of two from 64 to 16777216 (default 8192)"),
        );
        check(
            slot_bytes.is_multiple_of(64) && (128..=65_536).contains(&slot_bytes),
            format!("slot_bytes = {slot_bytes}: must be a multiple of 64 from 128 to 65536 (default 256)"),
        );
        check(
            (slot_bytes..=1 << 26).contains(&max_event_bytes),
            format!("max_event_bytes = {max_event_bytes}: must be from slot_bytes ({slot_bytes}) to 67108864"),
        );
        let fixed = overflow_bytes.saturating_add(self.shared_lane_bytes());
        check(
            fixed <= memory_budget,
            format!(
                "memory_budget = {memory_budget}: must hold overflow_bytes ({overflow_bytes}) and the shared lane \
                 (lane_slots x slot_bytes x {SHARED_LANE_FACTOR}, {} bytes), {fixed} bytes in all",
                self.shared_lane_bytes(),
            ),
        );
        if let Some(max_lanes) = self.max_lanes {
            let fitting = Config { max_lanes: None, ..self.clone() }.private_lanes();
            check(
                max_lanes <= fitting || fixed > memory_budget,
                format!(
                    "max_lanes = {max_lanes}: only {fitting} lanes of {} bytes fit into memory_budget ({memory_budget})",
                    self.lane_bytes(),
                ),
            );
            check(
                self.reserved_lanes <= max_lanes,
                format!("reserved_lanes = {}: must be at most max_lanes ({max_lanes})", self.reserved_lanes),
            );
        }
        check(
            (1..=64).contains(&self.workers),
            format!("workers = {}: must be from 1 to 64 (default 1)", self.workers),
        );
        check(
            self.workers <= 1 || self.topology != Topology::PerStage,
            format!(
                "workers = {}: with topology per_stage there is one for each stage group, leave it at 1",
                self.workers
            ),
        );
        check(self.promote_after > 0, "promote_after = 0: must be at least 1 (default 64)".to_owned());
        check(!self.max_park.is_zero(), "max_park = 0: must be longer than zero (default 5ms)".to_owned());
        check(
            self.idle_park >= self.max_park,
            format!("idle_park = {:?}: must be at least max_park ({:?})", self.idle_park, self.max_park),
        );
        if let Pin::Cores(pins) = &self.pin {
            check(!pins.is_empty(), "pin = []: name at least one core, or leave it at none".to_owned());
            for core in pins {
                let Cores { allowed, .. } = cores;
                check(
                    allowed.contains(core),
                    format!("pin = {core}: this process may only run on the cores {allowed:?}"),
                );
            }
        }
        problems
    }
}
