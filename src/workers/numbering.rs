//! Numbers from which a receiver can tell gaps and duplicates: `identity`.

use logwheel_core::Identity;

use crate::ring::LaneState;

/// Gives each event that passed the filters its number, lane by lane; events that were lost to a
/// full lane leave a gap.
pub(super) struct Numbering {
    /// Whether anyone wants to know.
    wanted: bool,
    /// The first part of every identity; differs for each run.
    epoch: u64,
    /// By lane number; in the order in which lanes were first seen.
    lanes: Vec<LaneNumbers>,
    /// Events that a filter had held back belong to no lane any more.
    held: LaneNumbers,
}

struct LaneNumbers {
    lane: u32,
    /// The last number given out, and the losses it covers.
    number: u64,
    lost: u64,
}

impl LaneNumbers {
    fn new(lane: u32) -> Self {
        Self { lane, number: 0, lost: 0 }
    }
}

impl Numbering {
    /// `worker` tells the numbers of events that were held back by one worker from those of others.
    pub(super) fn new(wanted: bool, epoch: u64, worker: u32) -> Self {
        Self { wanted, epoch, lanes: Vec::new(), held: LaneNumbers::new(u32::MAX - worker) }
    }

    /// The next event of a lane.
    #[inline]
    pub(super) fn next(&mut self, lane: &LaneState) -> Option<Identity> {
        if self.wanted { Some(self.number(lane)) } else { None }
    }

    /// The next event that was held back.
    pub(super) fn next_held(&mut self) -> Option<Identity> {
        self.held.number += 1;
        let LaneNumbers { lane, number, .. } = self.held;
        self.wanted.then_some(Identity { epoch: self.epoch, lane, number })
    }

    fn number(&mut self, state: &LaneState) -> Identity {
        let lane = state.index;
        let position = self.lanes.iter().position(|known| known.lane == lane).unwrap_or_else(|| {
            self.lanes.push(LaneNumbers::new(lane));
            self.lanes.len() - 1
        });
        let numbers = &mut self.lanes[position];
        let lost = state.lost();
        numbers.number += 1 + lost - std::mem::replace(&mut numbers.lost, lost);
        Identity { epoch: self.epoch, lane, number: numbers.number }
    }

    /// A lane is gone; its number never comes back.
    pub(super) fn forget(&mut self, lane: u32) {
        self.lanes.retain(|known| known.lane != lane);
    }
}
