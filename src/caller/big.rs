//! Events that do not fit into a slot: into the overflow pool, or cut.

use logwheel_core::wire::Out;

use super::arguments::Arguments;
use super::draft::{Draft, Surroundings};
use super::full::{self, Room};
use super::thread::place;
use super::{CallerCounts, DropReason, Intake};
use crate::config::{OnFull, OnOverflow};
use crate::ring::{Chain, Fill, Flags, HEADER_BYTES, LaneWriter, SlotHeader, SlotWriter};

/// The most generous cap with which the arguments take at most `budget` bytes.
fn cap_for<A: Arguments>(arguments: &A, budget: usize) -> Option<usize> {
    let (mut fits, mut too_much) = (0, budget + 1);
    if arguments.capped_len(0) > budget {
        return None;
    }
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        if arguments.capped_len(middle) <= budget {
            fits = middle;
        } else {
            too_much = middle;
        }
    }
    Some(fits)
}

/// Publishes an event that is larger than a slot.
#[cold]
#[inline(never)]
pub(super) fn send<A: Arguments, S: Surroundings>(
    intake: &Intake,
    lane: &mut LaneWriter,
    counts: &CallerCounts,
    event: Draft<'_, A, S>,
) {
    let config = &intake.config;
    let level = event.statement.marks.level_number();
    // Through the pool: whole, or as much of it as is allowed.
    if let Some(event) = Capped::within(event, config.max_event_bytes)
        && let Some(mut chain) = take_blocks(intake, lane, counts, level, size_of::<u32>() + event.draft.len())
    {
        chain.put_array((event.draft.arguments_len as u32).to_le_bytes());
        event.encode(&mut chain);
        let header = event.draft.header_with(chain.head(), Flags::OVERFLOW);
        if place(intake, lane, counts, level, &HeaderOnly(header)) {
            chain.published();
            event.count(counts);
        }
        return;
    }
    // Into the slot, cut.
    if config.on_overflow == OnOverflow::Cut
        && let Some(event) = Capped::within(event, config.slot_bytes - HEADER_BYTES)
    {
        if place(intake, lane, counts, level, &event) {
            event.count(counts);
        }
        return;
    }
    lane.state.count_lost();
    counts.dropped(DropReason::OverflowFull);
}

/// Blocks for `bytes`. With `on_full = "block"`, which is to lose nothing, an empty pool is waited
/// for as a full lane is.
fn take_blocks<'i>(
    intake: &'i Intake,
    lane: &LaneWriter,
    counts: &CallerCounts,
    level: u8,
    bytes: usize,
) -> Option<Chain<'i>> {
    let taken = intake.overflow.take(bytes);
    if taken.is_some() || intake.config.on_full != OnFull::Block || !intake.overflow.can_hold(bytes) {
        return taken;
    }
    let mut room = Room::new(intake, &lane.state, counts, level);
    while full::wait(&mut room).is_ok() {
        let taken = intake.overflow.take(bytes);
        if taken.is_some() {
            return taken;
        }
    }
    None
}

/// An event whose longest texts may be cut.
#[derive(Clone, Copy)]
struct Capped<'a, A, S> {
    draft: Draft<'a, A, S>,
    cap: Option<usize>,
}

impl<'a, A: Arguments, S: Surroundings> Capped<'a, A, S> {
    /// The event in at most `bytes` bytes: whole if that is enough.
    fn within(draft: Draft<'a, A, S>, bytes: usize) -> Option<Self> {
        if draft.len() <= bytes {
            return Some(Self { draft, cap: None });
        }
        let cap = cap_for(&draft.arguments, bytes.checked_sub(draft.len() - draft.arguments_len)?)?;
        let mut cut = Draft { arguments_len: draft.arguments.capped_len(cap), ..draft };
        cut.statement.marks = cut.statement.marks.with(Flags::TRUNCATED, true);
        Some(Self { draft: cut, cap: Some(cap) })
    }

    fn encode<O: Out>(&self, out: &mut O) {
        self.draft.encode_context(out);
        self.draft.arguments.encode_capped(self.cap.unwrap_or(usize::MAX), out);
    }

    fn count(&self, counts: &CallerCounts) {
        if self.cap.is_some() {
            counts.cut();
        }
    }
}

/// All of it into the slot.
impl<A: Arguments, S: Surroundings> Fill for Capped<'_, A, S> {
    fn header(&self) -> SlotHeader {
        self.draft.header()
    }

    fn fill(&self, slot: &mut SlotWriter<'_>) {
        self.encode(slot);
    }
}

/// A slot whose event is in the pool.
struct HeaderOnly(SlotHeader);

impl Fill for HeaderOnly {
    fn header(&self) -> SlotHeader {
        self.0
    }

    fn fill(&self, _: &mut SlotWriter<'_>) {}
}

#[cfg(test)]
mod tests {
    use logwheel_core::Value;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_cut_fits_its_budget_and_uses_it(
            texts in prop::collection::vec(".{0,200}", 3),
            budget in 0usize..700,
        ) {
            let values = [Value::U64(7), Value::Str(&texts[0]), Value::Bytes(texts[1].as_bytes()), Value::Json(&texts[2])];
            match cap_for(&values, budget) {
                None => prop_assert!(values.capped_len(0) > budget),
                Some(cap) => {
                    let mut out = Vec::new();
                    values.encode_capped(cap, &mut out);
                    prop_assert_eq!(out.len(), values.capped_len(cap));
                    prop_assert!(out.len() <= budget);
                    // The next cap would be too much, unless nothing is cut any more.
                    prop_assert!(values.capped_len(cap + 1) > budget || values.capped_len(cap) == values.encoded_len()
                        || cap == budget);
                }
            }
        }
    }
}
