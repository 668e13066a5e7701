//! The fused topology: one worker takes its lanes' events through all stages.

use logwheel_core::{Event, EventBuffers, Identity};

use super::chain::{Chain, Encoding, Filtering, Passed, Processing};
use super::dispatch::Lines;
use super::lanes::{LaneSet, Round};
use super::numbering::Numbering;
use super::reading::record;
use super::wait::Waiting;
use super::{Dispatch, Inbox, WorkerCounts};
use crate::caller::Intake;
use crate::clock::WallClock;
use crate::ring::{Flags, LaneState, Slot};
use crate::sync::Arc;

pub(crate) struct FusedWorker {
    intake: Arc<Intake>,
    inbox: Arc<Inbox>,
    lanes: LaneSet,
    road: Road,
    waiting: Waiting,
}

/// All that an event passes, from its slot to the sinks.
struct Road {
    intake: Arc<Intake>,
    counts: Arc<WorkerCounts>,
    wall: WallClock,
    buffers: EventBuffers,
    /// An event's bytes, gathered from the overflow pool.
    gathered: Vec<u8>,
    filtering: Filtering,
    numbering: Numbering,
    finish: Finish,
}

/// What an event passes behind the filters.
struct Finish {
    counts: Arc<WorkerCounts>,
    encoding: Encoding,
    processing: Processing,
    lines: Lines,
    dispatch: Dispatch,
}

impl FusedWorker {
    pub(crate) fn new(
        intake: Arc<Intake>,
        inbox: Arc<Inbox>,
        counts: Arc<WorkerCounts>,
        chain: Chain,
        dispatch: Dispatch,
        numbering: Numbering,
    ) -> Self {
        Self {
            inbox,
            lanes: LaneSet::new(Arc::clone(&intake)),
            waiting: Waiting::for_events(&intake.config),
            road: Road {
                wall: WallClock::new(intake.clock.clone()),
                intake: Arc::clone(&intake),
                counts: Arc::clone(&counts),
                buffers: EventBuffers::default(),
                gathered: Vec::new(),
                filtering: chain.filtering,
                numbering,
                finish: Finish {
                    counts,
                    encoding: chain.encoding,
                    processing: chain.processing,
                    lines: Lines::default(),
                    dispatch,
                },
            },
            intake,
        }
    }

    /// Runs until told to stop, then until the lanes are empty.
    pub(crate) fn run(mut self) {
        loop {
            // Before the tasks: whatever was logged until now, its lane is known then.
            let now = self.intake.clock.now();
            while let Some(task) = self.inbox.pop() {
                self.lanes.attend_to(task, |_| {});
            }
            let round = self.round(now);
            while let Some(flush) = self.lanes.finished_flush() {
                self.road.release_held(true);
                flush.worker_done();
            }
            self.intake.look_after_lanes();
            let may_stop = self.lanes.may_stop();
            match round {
                Round::Carried => self.waiting.reset(),
                Round::Empty if may_stop => break,
                Round::Empty | Round::Waiting => self.waiting.wait(&self.inbox),
            }
        }
        self.road.release_held(true);
        self.road.stop();
    }

    fn round(&mut self, now: u64) -> Round {
        self.road.wall.renew(now);
        let road = &mut self.road;
        let round = self.lanes.round(now, usize::MAX, |_, lane, slot| road.carry(lane.reader.state(), slot));
        if round == Round::Carried {
            // What is consumed has its fate and lies in the queues.
            road.finish.settle();
            road.filtering.settle();
            self.lanes.release();
        }
        road.release_held(false);
        round
    }
}

impl Road {
    /// Takes one event through the stages.
    fn carry(&mut self, lane: &LaneState, slot: Slot<'_>) {
        if slot.header.has(Flags::MARKER) {
            return;
        }
        let timestamp = self.wall.unix_nanos(slot.header.ticks);
        let record = record(slot, timestamp, &self.intake.overflow, &mut self.gathered);
        let mut event = Event::open(record, &mut self.buffers);
        if event.is_damaged() {
            self.counts.damaged();
        }
        let Self { filtering, numbering, finish, counts, .. } = self;
        let passed = filtering.pass(&mut event);
        // What a filter held until now goes before the event that it just saw.
        for mut held in filtering.released.drain(..) {
            finish.carry(&mut held.event(), || numbering.next_held());
        }
        match passed {
            Passed::Kept => finish.carry(&mut event, || numbering.next(lane)),
            Passed::Filtered => counts.consumed(1),
            Passed::Held => {}
        }
    }

    /// Events that filters held until now, or `all` of them, go on.
    fn release_held(&mut self, all: bool) {
        if !self.filtering.holds() {
            return;
        }
        let now = self.wall.unix_nanos(self.intake.clock.now());
        self.filtering.release(now, all);
        if self.filtering.released.is_empty() {
            // Asked after every round, also of an idle worker.
            return;
        }
        for mut held in self.filtering.released.drain(..) {
            self.finish.carry(&mut held.event(), || self.numbering.next_held());
        }
        self.finish.settle();
    }

    /// The other way round than they run.
    fn stop(&mut self) {
        self.finish.processing.stop();
        self.filtering.stop();
        self.finish.encoding.stop();
    }
}

impl Finish {
    fn carry(&mut self, event: &mut Event<'_>, number: impl FnMut() -> Option<Identity>) {
        let Self { encoding, processing, lines, dispatch, .. } = self;
        let mut line = lines.draft(dispatch.plan());
        let finished = encoding.encode(event, number, &mut line).and_then(|()| processing.process(&mut line));
        match finished {
            Ok(()) => {
                line.finish(event.timestamp(), event.level());
                lines.describe(event, dispatch.plan());
                if lines.is_full() {
                    dispatch.send(lines);
                }
            }
            Err(reason) => {
                self.counts.dropped(reason, 1);
                self.counts.consumed(1);
            }
        }
    }

    /// Between rounds: hands the lines on, passes on what was counted.
    fn settle(&mut self) {
        self.dispatch.send(&mut self.lines);
        self.encoding.settle();
        self.processing.settle();
    }
}
