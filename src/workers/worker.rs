//! A worker thread's loop.

use std::time::Duration;

use logwheel_core::{Batch, Callsite, Event, EventBuffers, Identity, Level, Record, Shape, TraceContext};

use super::chain::Fate;
use super::merge::Merge;
use super::{Chain, FlushRound, Inbox, Task, WorkerCounts};
use crate::caller::Intake;
use crate::clock::WallClock;
use crate::delivery::SinkQueue;
use crate::ring::{Flags, LaneReader, Slot};
use crate::sync::Arc;

pub(crate) struct Worker {
    intake: Arc<Intake>,
    inbox: Arc<Inbox>,
    counts: Arc<WorkerCounts>,
    sinks: Arc<[Arc<SinkQueue>]>,
    lanes: Vec<Lane>,
    chain: Chain,
    buffers: EventBuffers,
    /// An event's bytes, gathered from the overflow pool.
    gathered: Vec<u8>,
    /// The lines of a round on their way to the sinks.
    staged: Batch,
    merge: Merge,
    wall: WallClock,
    flushes: Vec<PendingFlush>,
    idle: Idle,
    /// The first part of every identity; differs for each run.
    epoch: u64,
    /// When told to stop: how many slots of the shared lane must be consumed before.
    stopping: Option<u64>,
}

/// A lane as its worker knows it.
struct Lane {
    reader: LaneReader,
    /// How many slots a round takes at most: a lane is never held as a whole.
    limit: usize,
    /// How many of the open slots were carried.
    carried: usize,
    /// The last number given out, and the losses it covers.
    number: u64,
    lost: u64,
}

/// What a round found.
enum Round {
    /// Events that are gone now.
    Carried,
    /// Events that have to wait for others.
    Waiting,
    /// Nothing.
    Empty,
}

struct PendingFlush {
    round: Arc<FlushRound>,
    /// For each lane there was: how many slots must be consumed.
    targets: Vec<u64>,
}

/// How many slots ahead are fetched: about as long as one takes to come from a caller's core.
const PREFETCH: usize = 3;
/// Lines are handed on when they take as much, if not at the end of the round.
const STAGED_BYTES: usize = 512 << 10;

impl Worker {
    pub(crate) fn new(
        intake: Arc<Intake>,
        inbox: Arc<Inbox>,
        counts: Arc<WorkerCounts>,
        sinks: Arc<[Arc<SinkQueue>]>,
        chain: Chain,
        epoch: u64,
    ) -> Self {
        Self {
            wall: WallClock::new(intake.clock.clone()),
            idle: Idle::new(intake.config.max_park, intake.config.idle_park),
            intake,
            inbox,
            counts,
            sinks,
            lanes: Vec::new(),
            chain,
            buffers: EventBuffers::default(),
            gathered: Vec::new(),
            staged: Batch::new(),
            merge: Merge::default(),
            flushes: Vec::new(),
            epoch,
            stopping: None,
        }
    }

    /// Runs until told to stop, then until the lanes are empty.
    pub(crate) fn run(mut self) {
        self.inbox.attend();
        loop {
            self.attend_to_tasks();
            let round = self.round();
            self.finish_flushes();
            self.intake.look_after_spares();
            let may_stop = self.stopping.is_some_and(|target| self.has_consumed(target));
            match round {
                Round::Carried => self.idle.reset(),
                Round::Empty if may_stop => break,
                Round::Empty | Round::Waiting => self.idle.wait(&self.inbox),
            }
        }
        self.chain.stop();
    }

    fn attend_to_tasks(&mut self) {
        while let Some(task) = self.inbox.pop() {
            match task {
                Task::Lane(reader) => self.lanes.push(Lane::new(*reader)),
                Task::Flush(round) => {
                    let targets = self.lanes.iter_mut().map(|lane| lane.flush_target(&round)).collect();
                    self.flushes.push(PendingFlush { round, targets });
                }
                Task::Stop { shared_target } => self.stopping = Some(shared_target),
            }
        }
    }

    /// Whether so many slots of the shared lane, if it is this worker's, are consumed.
    fn has_consumed(&self, shared_target: u64) -> bool {
        let shared = self.lanes.iter().find(|lane| lane.is_shared());
        shared.is_none_or(|lane| lane.reader.consumed() >= shared_target)
    }

    fn finish_flushes(&mut self) {
        let lanes = &self.lanes;
        self.flushes.retain(|flush| {
            let done = lanes.iter().zip(&flush.targets).all(|(lane, target)| lane.reader.consumed() >= *target);
            if done {
                flush.round.worker_done();
            }
            !done
        });
    }

    /// Takes what is in the lanes, oldest first, through the stages and to the sinks. What is
    /// younger than the round stays for the next one.
    fn round(&mut self) -> Round {
        let now = self.intake.clock.now();
        let mut horizon = now;
        let shared = &self.intake.shared.state;
        self.merge.clear();
        let mut opened = 0;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.carried = 0;
            let open = lane.reader.open(lane.limit);
            if open == 0 {
                continue;
            }
            opened += open;
            let oldest = lane.reader.slot(0).header.ticks;
            if !lane.reader.state().may_begin(shared) {
                // Its owner's events in the shared lane come first; others must not overtake it.
                horizon = horizon.min(oldest);
                continue;
            }
            if open == lane.limit {
                horizon = horizon.min(lane.latest_tick());
            }
            self.merge.push(oldest, index);
        }
        if opened == 0 {
            return Round::Empty;
        }
        self.wall.renew(now);
        while let Some((index, until)) = self.merge.next(horizon) {
            loop {
                self.carry(index);
                let lane = &mut self.lanes[index];
                lane.carried += 1;
                if lane.carried == lane.reader.opened() {
                    break;
                }
                let tick = lane.reader.slot(lane.carried).header.ticks;
                if tick > until {
                    self.merge.push(tick, index);
                    break;
                }
            }
            if self.staged.byte_len() >= STAGED_BYTES {
                self.dispatch();
            }
        }
        self.dispatch();
        self.chain.settle();
        let mut carried = 0;
        for lane in &mut self.lanes {
            carried += lane.carried;
            lane.reader.release(lane.carried, &self.intake.overflow);
        }
        if carried > 0 { Round::Carried } else { Round::Waiting }
    }

    /// Takes one event through the stages.
    fn carry(&mut self, index: usize) {
        let Lane { reader, carried, number, lost, .. } = &mut self.lanes[index];
        reader.prefetch(*carried + PREFETCH);
        let slot = reader.slot(*carried);
        if slot.header.flags.contains(Flags::MARKER) {
            return;
        }
        let state = reader.state();
        let parts = slot.parts(&self.intake.overflow, &mut self.gathered);
        let record = record(slot, parts, &self.wall);
        let (timestamp, level) = (record.timestamp, record.level);
        let mut event = Event::open(record, &mut self.buffers);
        if event.is_damaged() {
            self.counts.damaged();
        }
        let (identity, epoch) = (self.intake.config.identity, self.epoch);
        let fate = self.chain.carry(&mut event, || {
            let lost_now = state.lost();
            *number += 1 + lost_now - std::mem::replace(lost, lost_now);
            identity.then_some(Identity { epoch, lane: state.index, number: *number })
        });
        match fate {
            Fate::Filtered => {}
            Fate::Dropped(reason) => self.counts.dropped(reason, 1),
            Fate::Encoded => return self.staged.push(self.chain.line(), timestamp, level),
        }
        self.counts.consumed(1);
    }

    /// Hands the staged lines to every sink.
    fn dispatch(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        let events = self.staged.len() as u64;
        let mut routed = false;
        for sink in self.sinks.iter().filter(|sink| !sink.is_standby()) {
            sink.append(&self.staged);
            routed = true;
        }
        if routed {
            self.counts.dispatched(events);
        } else {
            self.counts.dropped("unrouted", events);
        }
        self.counts.consumed(events);
        self.staged.clear();
    }
}

impl Lane {
    fn new(reader: LaneReader) -> Self {
        let limit = (reader.state().slots / 32).clamp(16, 1024) as usize;
        Self { reader, limit, carried: 0, number: 0, lost: 0 }
    }

    /// The latest tick among the open slots. Behind a full window more may wait, all younger: what
    /// other lanes hold beyond it must not overtake them.
    fn latest_tick(&self) -> u64 {
        let mut ticks = (0..self.reader.opened()).map(|index| self.reader.slot(index).header.ticks);
        // Of a private lane it is the last one; in the shared lane, neighbours can be swapped.
        if self.is_shared() { ticks.max() } else { ticks.next_back() }.unwrap_or(u64::MAX)
    }

    fn is_shared(&self) -> bool {
        self.reader.state().index == 0
    }

    /// How many slots must be consumed before this flush is done with the lane.
    fn flush_target(&mut self, round: &FlushRound) -> u64 {
        if self.is_shared() {
            // The shared lane: published slots can lie behind a neighbour's unfinished one, out
            // of sight. The marker lies behind them all.
            return round.shared_target;
        }
        self.reader.consumed() + self.reader.pending()
    }
}

/// The caller's event as the stages read it.
fn record<'a>(slot: Slot<'a>, (parts, arguments_len): (&'a [u8], usize), wall: &WallClock) -> Record<'a> {
    let header = slot.header;
    let (trace, rest) = match parts.split_first_chunk::<{ TraceContext::ENCODED_LEN }>() {
        Some((bytes, rest)) if header.flags.contains(Flags::TRACE) => (Some(TraceContext::from_bytes(bytes)), rest),
        _ => (None, parts),
    };
    let (context, rest) = rest.split_at_checked(header.context_len as usize).unwrap_or((rest, &[]));
    let arguments = rest.get(..arguments_len).unwrap_or(rest);
    Record {
        timestamp: wall.unix_nanos(header.ticks),
        level: Level::from_number(header.level).unwrap_or(Level::INFO),
        callsite: Callsite::by_id(header.callsite),
        trace,
        shape: Shape {
            inline_message: header.flags.contains(Flags::INLINE_MESSAGE),
            named_arguments: header.flags.contains(Flags::NAMED_ARGUMENTS),
            truncated: header.flags.contains(Flags::TRUNCATED),
        },
        context,
        arguments,
    }
}

/// Waiting when there is nothing to do: spin, yield, then sleep, longer and longer.
struct Idle {
    max_park: Duration,
    idle_park: Duration,
    rounds: u32,
    /// How long nothing came, counted in parks.
    slept: Duration,
}

const SPINS: u32 = 64;
const YIELDS: u32 = 16;
/// Within this time after the last event, parks are short.
const RECENT: Duration = Duration::from_secs(1);

impl Idle {
    fn new(max_park: Duration, idle_park: Duration) -> Self {
        Self { max_park, idle_park, rounds: 0, slept: Duration::ZERO }
    }

    fn reset(&mut self) {
        self.rounds = 0;
        self.slept = Duration::ZERO;
    }

    fn wait(&mut self, inbox: &Inbox) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds <= SPINS {
            std::hint::spin_loop();
        } else if self.rounds <= SPINS + YIELDS {
            std::thread::yield_now();
        } else {
            let park = self.park();
            self.slept += park;
            inbox.park(park);
        }
    }

    fn park(&self) -> Duration {
        if self.slept < RECENT {
            return self.max_park;
        }
        // Grows with the time that nothing came.
        self.max_park.max(self.slept / 32).min(self.idle_park)
    }
}
