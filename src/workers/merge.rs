//! Merging lanes by the tick of their next event.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The lanes that have something open, the one with the oldest next event on top.
#[derive(Debug, Default)]
pub(super) struct Merge {
    heads: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Merge {
    /// Begins a round.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
    }

    /// `lane`'s next event has this tick.
    pub(super) fn push(&mut self, tick: u64, lane: usize) {
        self.heads.push(Reverse((tick, lane)));
    }

    /// The lane whose turn it is, and the tick up to which it may go on by itself. Nothing when
    /// all that is left is younger than `horizon`.
    ///
    /// The horizon is a reading of the clock from before new lanes were taken in and the first lane
    /// was polled. An event that was logged after another one (by a thread that knew of it) has a
    /// younger tick; if the younger one is not beyond the horizon, the older one was published before
    /// the polling began, and was seen, unless it lies behind a full window: then the horizon is moved
    /// back to that window's end. So no event overtakes one that happened before it, unless that one is
    /// hidden: in the shared lane, behind a slot that a neighbour claimed and has not published.
    pub(super) fn next(&mut self, horizon: u64) -> Option<(usize, u64)> {
        let Reverse((tick, lane)) = self.heads.pop()?;
        if tick > horizon {
            return None;
        }
        let until = self.heads.peek().map_or(horizon, |Reverse((tick, _))| horizon.min(*tick));
        Some((lane, until))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a worker does with it, on lanes of plain ticks.
    fn merged(lanes: &[Vec<u64>], horizon: u64) -> Vec<u64> {
        let mut merge = Merge::default();
        let mut at = vec![0; lanes.len()];
        for (index, lane) in lanes.iter().enumerate().filter(|(_, lane)| !lane.is_empty()) {
            merge.push(lane[0], index);
        }
        let mut out = Vec::new();
        while let Some((lane, until)) = merge.next(horizon) {
            loop {
                out.push(lanes[lane][at[lane]]);
                at[lane] += 1;
                match lanes[lane].get(at[lane]) {
                    None => break,
                    Some(tick) if *tick > until => {
                        merge.push(*tick, lane);
                        break;
                    }
                    Some(_) => {}
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn sorted_lanes_come_out_sorted_up_to_the_horizon(
            mut lanes in prop::collection::vec(prop::collection::vec(0u64..100, 0..20), 0..6),
            horizon in 0u64..100,
        ) {
            lanes.iter_mut().for_each(|lane| lane.sort_unstable());
            let mut expected: Vec<u64> = lanes.concat().into_iter().filter(|tick| *tick <= horizon).collect();
            expected.sort_unstable();
            prop_assert_eq!(merged(&lanes, horizon), expected);
        }
    }
}
