//! The reading side of a worker: its lanes, merged by tick, and who waits for them to be emptied.

use std::time::Duration;

use super::merge::Merge;
use super::{FlushRound, Task};
use crate::caller::Intake;
use crate::ring::{LaneReader, Slot};
use crate::sync::Arc;

/// The lanes of one worker, the first one on an event's way.
pub(super) struct LaneSet {
    intake: Arc<Intake>,
    lanes: Vec<Lane>,
    merge: Merge,
    flushes: Vec<PendingFlush>,
    /// When told to stop: how many slots of the shared lane must be carried before.
    stopping: Option<u64>,
    /// When to look again how full lanes are.
    measure_fill_at: u64,
}

/// A lane as one of its readers knows it.
pub(super) struct Lane {
    pub(super) reader: LaneReader,
    /// How many slots a round takes at most: a lane is never held as a whole.
    limit: usize,
    /// How many of the open slots were carried.
    pub(super) carried: usize,
}

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Events that are gone now.
    Carried,
    /// Events that have to wait for others.
    Waiting,
    /// Nothing.
    Empty,
}

/// A change to the set of lanes, for the workers behind to follow.
pub(super) enum Change {
    /// A lane came; here are the readers for the workers behind.
    Added(Vec<LaneReader>),
    /// The lane at this position is gone; the last one took its place.
    Removed(usize),
}

struct PendingFlush {
    round: Arc<FlushRound>,
    /// For each lane by its number: how many slots must be carried.
    targets: Vec<(u32, u64)>,
}

impl LaneSet {
    pub(super) fn new(intake: Arc<Intake>) -> Self {
        Self {
            intake,
            lanes: Vec::new(),
            merge: Merge::default(),
            flushes: Vec::new(),
            stopping: None,
            measure_fill_at: 0,
        }
    }

    /// Does what others asked for.
    pub(super) fn attend_to(&mut self, task: Task, mut changed: impl FnMut(Change)) {
        match task {
            Task::Lane(mut readers) => {
                let behind = readers.split_off(1);
                self.lanes.extend(readers.into_iter().map(Lane::new));
                changed(Change::Added(behind));
            }
            Task::LaneGone(index) => {
                let position = self.lanes.iter().position(|lane| lane.reader.state().index == index);
                if let Some(position) = position {
                    self.lanes.swap_remove(position);
                    changed(Change::Removed(position));
                }
            }
            Task::Flush(round) => {
                let target = |lane: &mut Lane| (lane.reader.state().index, lane.flush_target(&round));
                let targets = self.lanes.iter_mut().map(target).collect();
                self.flushes.push(PendingFlush { round, targets });
            }
            Task::Stop { shared_target } => self.stopping = Some(shared_target),
        }
    }

    /// Takes out a flush for which everything was carried.
    pub(super) fn finished_flush(&mut self) -> Option<Arc<FlushRound>> {
        let lanes = &self.lanes;
        let carried = |index: u32, target: u64| {
            // A lane that is gone was empty.
            let lane = lanes.iter().find(|lane| lane.reader.state().index == index);
            lane.is_none_or(|lane| lane.reader.consumed() >= target)
        };
        let is_done = |flush: &PendingFlush| flush.targets.iter().all(|(index, target)| carried(*index, *target));
        let position = self.flushes.iter().position(is_done)?;
        Some(self.flushes.remove(position).round)
    }

    /// Whether it was told to stop and nothing that was accepted before can be left, if the last
    /// round found nothing.
    pub(super) fn may_stop(&self) -> bool {
        self.stopping.is_some_and(|target| self.shared_carried().is_none_or(|carried| carried >= target))
    }

    /// How many slots of the shared lane were carried, if it is among these.
    fn shared_carried(&self) -> Option<u64> {
        self.lanes.iter().find(|lane| lane.is_shared()).map(|lane| lane.reader.consumed())
    }

    pub(super) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Takes at most `most` events out of the lanes, oldest first, and has each carried: `carry`
    /// gets the lane's position, the lane, and the slot. What is younger than the round stays for
    /// the next one. The slots stay open until [`release`](Self::release).
    pub(super) fn round(&mut self, now: u64, most: usize, mut carry: impl FnMut(usize, &Lane, Slot<'_>)) -> Round {
        self.measure_fill(now);
        let mut horizon = now;
        let shared_carried = self.shared_carried().unwrap_or_else(|| self.intake.shared.state.consumed());
        self.merge.clear();
        let (mut opened, mut waits_for_shared) = (0, false);
        for (position, lane) in self.lanes.iter_mut().enumerate() {
            lane.carried = 0;
            let limit = lane.limit.min(most);
            let open = lane.reader.open(limit);
            if open == 0 {
                continue;
            }
            opened += open;
            let oldest = lane.reader.slot(0).header.ticks;
            if !lane.reader.state().may_begin(shared_carried) {
                // Its owner's events in the shared lane come first; others must not overtake it.
                horizon = horizon.min(oldest);
                waits_for_shared = true;
                continue;
            }
            if open == limit {
                horizon = horizon.min(lane.latest_tick());
            }
            self.merge.push(oldest, position);
        }
        if opened == 0 {
            return Round::Empty;
        }
        let mut left = most;
        while left > 0
            && let Some((position, until)) = self.merge.next(horizon)
        {
            loop {
                let lane = &mut self.lanes[position];
                lane.reader.prefetch(lane.carried + PREFETCH);
                carry(position, lane, lane.reader.slot(lane.carried));
                lane.carried += 1;
                left -= 1;
                if left == 0 || lane.carried == lane.reader.opened() {
                    break;
                }
                let tick = lane.reader.slot(lane.carried).header.ticks;
                if tick > until {
                    self.merge.push(tick, position);
                    break;
                }
            }
        }
        if left == most && waits_for_shared && self.carry_one_of_shared(now, &mut carry) {
            return Round::Carried;
        }
        if left < most { Round::Carried } else { Round::Waiting }
    }

    /// A lane waits for the shared one, whose next event seems to be younger than what waits: the
    /// clocks of two cores differ a little. The order of claims decides, or both would wait for
    /// ever. Unless that event is younger than the round, which then came too early to tell:
    /// something older may have been published after its lane was looked at.
    #[cold]
    fn carry_one_of_shared(&mut self, now: u64, carry: &mut impl FnMut(usize, &Lane, Slot<'_>)) -> bool {
        let is_next =
            |lane: &Lane| lane.is_shared() && lane.reader.opened() > 0 && lane.reader.slot(0).header.ticks <= now;
        let Some(position) = self.lanes.iter().position(is_next) else { return false };
        let lane = &mut self.lanes[position];
        carry(position, lane, lane.reader.slot(0));
        lane.carried = 1;
        true
    }

    /// Says how full the fullest lane is, some times a second: what waits in the shared lane has to
    /// be counted one by one.
    fn measure_fill(&mut self, now: u64) {
        let Some(gauge) = &self.intake.gauge else { return };
        if now < self.measure_fill_at {
            return;
        }
        self.measure_fill_at = now + self.intake.clock.ticks(FILL_EVERY);
        let fill = |lane: &mut Lane| lane.reader.pending() as f64 / lane.reader.state().slots as f64;
        let fullest = self.lanes.iter_mut().map(fill).fold(0.0, f64::max);
        // Several workers may write: what one says fades instead of being written over.
        gauge.set(fullest.max(gauge.get() * 0.9));
    }

    /// Gives back what the last round carried.
    pub(super) fn release(&mut self) {
        for lane in &mut self.lanes {
            lane.reader.release(lane.carried, &self.intake.overflow);
        }
    }
}

/// How often lanes are asked how full they are, if anyone wants to know.
const FILL_EVERY: Duration = Duration::from_millis(25);
/// How many slots ahead are fetched: about as long as one takes to come from a caller's core.
const PREFETCH: usize = 3;

impl Lane {
    pub(super) fn new(reader: LaneReader) -> Self {
        let limit = (reader.state().slots / 32).clamp(16, 1024) as usize;
        Self { reader, limit, carried: 0 }
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

    /// How many slots must be carried before this flush is done with the lane.
    fn flush_target(&mut self, round: &FlushRound) -> u64 {
        if self.is_shared() {
            // The shared lane: published slots can lie behind a neighbour's unfinished one, out
            // of sight. The marker lies behind them all.
            return round.shared_target;
        }
        self.reader.consumed() + self.reader.pending()
    }
}

#[cfg(all(test, not(logwheel_loom)))]
mod tests {
    use super::*;
    use crate::clock::TickClock;
    use crate::config::Config;
    use crate::ring::{Fill, LaneWriter, SlotHeader, SlotWriter, private_lane};
    use crate::workers::Inbox;

    /// An event of this tick, and nothing else.
    struct At(u64);

    impl Fill for At {
        fn header(&self) -> SlotHeader {
            SlotHeader { ticks: self.0, ..SlotHeader::default() }
        }

        fn fill(&self, _: &mut SlotWriter<'_>) {}
    }

    const SLOTS: usize = 64;
    const SLOT: usize = 128;

    /// A set with the shared lane and two private ones, and their writing ends.
    fn three_lanes() -> (LaneSet, [LaneWriter; 3]) {
        let config = Config { lane_slots: SLOTS, slot_bytes: SLOT, overflow_bytes: 0, ..Config::default() };
        let inbox = Arc::new(Inbox::default());
        let intake = Arc::new(Intake::new(config, TickClock::new(), vec![Arc::clone(&inbox)], 1, None));
        let mut set = LaneSet::new(Arc::clone(&intake));
        set.attend_to(inbox.pop().expect("the shared lane"), |_| {});
        let [one, two] = [1, 2].map(|index| {
            let (writer, readers) = private_lane(index, SLOTS, SLOT, false, 1);
            set.attend_to(Task::Lane(readers), |_| {});
            writer
        });
        (set, [intake.shared.writer(), one, two])
    }

    fn publish(lane: &mut LaneWriter, tick: u64) {
        lane.try_publish(&At(tick)).expect("room for a few");
    }

    fn round(set: &mut LaneSet, now: u64) -> (Round, Vec<u64>) {
        let mut ticks = Vec::new();
        let round = set.round(now, usize::MAX, |_, _, slot| ticks.push(slot.header.ticks));
        if round == Round::Carried {
            set.release();
        }
        (round, ticks)
    }

    /// Found under load: the worker lost its processor between the clock and the lanes, and took
    /// from the shared one what another lane had something older for.
    #[test]
    fn while_a_lane_waits_for_the_shared_one_nothing_goes_before_what_is_older() {
        let (mut set, [mut shared, mut one, mut two]) = three_lanes();
        publish(&mut one, 78);
        publish(&mut shared, 79);
        publish(&mut one, 80);
        two.follow(&shared);
        publish(&mut two, 81);
        assert_eq!(round(&mut set, 10), (Round::Waiting, vec![]), "all of it is younger than the round");
        assert_eq!(round(&mut set, 100), (Round::Carried, vec![78, 79, 80]));
        assert_eq!(round(&mut set, 100), (Round::Carried, vec![81]));
    }

    #[test]
    fn a_clock_that_is_behind_stops_nobody() {
        let (mut set, [mut shared, mut one, mut two]) = three_lanes();
        publish(&mut shared, 79);
        two.follow(&shared);
        publish(&mut two, 70);
        publish(&mut one, 75);
        assert_eq!(round(&mut set, 100), (Round::Carried, vec![79]));
        assert_eq!(round(&mut set, 100), (Round::Carried, vec![70, 75]));
    }
}
