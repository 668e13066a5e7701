//! The first thread: reads the lanes, merges them, filters.

use logwheel_core::Event;

use super::{Belt, Source, TRAY_EVENTS, Tray};
use crate::caller::Intake;
use crate::clock::WallClock;
use crate::ring::{Flags, Slot};
use crate::sync::Arc;
use crate::workers::chain::{Filtering, Passed};
use crate::workers::lanes::{LaneSet, Round};
use crate::workers::reading::record;
use crate::workers::wait::Waiting;
use crate::workers::{Inbox, WorkerCounts};

pub(crate) struct FilterWorker {
    intake: Arc<Intake>,
    inbox: Arc<Inbox>,
    lanes: LaneSet,
    gate: Gate,
    /// Where empty trays come from, and where full ones go.
    empty: Arc<Belt>,
    next: Arc<Belt>,
    waiting: Waiting,
}

/// What an event passes before it is on a tray.
struct Gate {
    intake: Arc<Intake>,
    counts: Arc<WorkerCounts>,
    wall: WallClock,
    /// An event's bytes, gathered from the overflow pool.
    gathered: Vec<u8>,
    filtering: Filtering,
}

impl FilterWorker {
    pub(crate) fn new(
        intake: Arc<Intake>,
        inbox: Arc<Inbox>,
        counts: Arc<WorkerCounts>,
        filtering: Filtering,
        empty: Arc<Belt>,
        next: Arc<Belt>,
    ) -> Self {
        Self {
            inbox,
            lanes: LaneSet::new(Arc::clone(&intake)),
            gate: Gate {
                wall: WallClock::new(intake.clock.clone()),
                intake: Arc::clone(&intake),
                counts,
                gathered: Vec::new(),
                filtering,
            },
            empty,
            next,
            waiting: Waiting::for_events(&intake.config),
            intake,
        }
    }

    /// Runs until told to stop, then until the lanes are empty.
    pub(crate) fn run(mut self) {
        let mut spare = None;
        loop {
            // Without an empty tray there is nowhere to put anything: the workers behind are busy.
            let Some(mut tray) = spare.take().or_else(|| self.empty.take()) else {
                self.waiting.wait(&self.inbox);
                continue;
            };
            // Before the tasks: whatever was logged until now, its lane is known then.
            let now = self.intake.clock.now();
            while let Some(task) = self.inbox.pop() {
                self.lanes.attend_to(task, |change| tray.changes.push(change));
            }
            let round = self.round(now, &mut tray);
            self.gate.release_held(&mut tray, false);
            while let Some(flush) = self.lanes.finished_flush() {
                self.gate.release_held(&mut tray, true);
                tray.flushes.push(flush);
            }
            self.intake.look_after_lanes();
            if round == Round::Empty && self.lanes.may_stop() {
                self.gate.release_held(&mut tray, true);
                tray.is_last = true;
                self.next.put(tray);
                break;
            }
            if tray.is_empty() {
                spare = Some(tray);
            } else {
                self.next.put(tray);
            }
            match round {
                Round::Carried => self.waiting.reset(),
                Round::Empty | Round::Waiting => self.waiting.wait(&self.inbox),
            }
        }
        self.gate.filtering.stop();
    }

    fn round(&mut self, now: u64, tray: &mut Tray) -> Round {
        self.gate.wall.renew(now);
        let gate = &mut self.gate;
        let round = self.lanes.round(now, TRAY_EVENTS, |position, lane, slot| {
            gate.admit(Source::Slot { lane: position, index: lane.carried }, slot, tray);
        });
        if round == Round::Carried {
            let taken = self.lanes.lanes().iter().map(|lane| lane.carried).enumerate();
            tray.taken.extend(taken.filter(|(_, slots)| *slots > 0));
            self.gate.filtering.settle();
            self.lanes.release();
        }
        round
    }
}

impl Gate {
    /// Takes one event through the filters and onto the tray.
    fn admit(&mut self, source: Source, slot: Slot<'_>, tray: &mut Tray) {
        if slot.header.has(Flags::MARKER) {
            return;
        }
        let timestamp = self.wall.unix_nanos(slot.header.ticks);
        let record = record(slot, timestamp, &self.intake.overflow, &mut self.gathered);
        let mut event = Event::open(record, tray.spare_buffers());
        if event.is_damaged() {
            self.counts.damaged();
        }
        let passed = self.filtering.pass(&mut event);
        match passed {
            Passed::Kept => {
                let parcel = tray.add();
                (parcel.source, parcel.timestamp) = (source, timestamp);
            }
            Passed::Filtered => self.counts.consumed(1),
            Passed::Held => {}
        }
        self.send_released(tray, passed == Passed::Kept);
    }

    /// Events that filters held until now, or `all` of them, go on.
    fn release_held(&mut self, tray: &mut Tray, all: bool) {
        if self.filtering.holds() {
            self.filtering.release(self.wall.unix_nanos(self.intake.clock.now()), all);
            self.send_released(tray, false);
        }
    }

    /// What filters released goes onto the tray; before the event that was put there last, if that
    /// one made them do it.
    fn send_released(&mut self, tray: &mut Tray, before_last: bool) {
        for held in self.filtering.released.drain(..) {
            let parcel = tray.add();
            (parcel.source, parcel.timestamp) = (Source::Held(Box::new(held)), 0);
            if before_last {
                tray.swap_last_two();
            }
        }
    }
}
