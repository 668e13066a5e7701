//! Events that do not fit into a slot: into the overflow pool, or cut.

use logwheel_core::Value;
use logwheel_core::wire::{CUT_OVERHEAD, Out, TEXT_OVERHEAD, encode_named, named_len};

use super::thread::{Draft, place};
use super::{CallerCounts, DropReason, Intake};
use crate::config::OnOverflow;
use crate::ring::{Flags, HEADER_BYTES, LaneWriter, NO_OVERFLOW};

/// The values of a statement, plain or with their names.
pub(super) trait Arguments {
    fn encoded_len(&self) -> usize;
    fn encode<O: Out>(&self, out: &mut O);
    /// As above, with every text cut to at most `cap` bytes.
    fn capped_len(&self, cap: usize) -> usize;
    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O);
}

/// In the order of the call site's names.
impl<const N: usize> Arguments for [Value<'_>; N] {
    #[inline(always)]
    fn encoded_len(&self) -> usize {
        self.iter().map(Value::encoded_len).sum()
    }

    #[inline(always)]
    fn encode<O: Out>(&self, out: &mut O) {
        self.iter().for_each(|value| value.encode(out));
    }

    fn capped_len(&self, cap: usize) -> usize {
        self.iter().map(|value| capped(*value, cap).encoded_len()).sum()
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        self.iter().for_each(|value| capped(*value, cap).encode(out));
    }
}

/// A message made at run time, and fields with names of their own.
pub(super) struct Named<'a> {
    pub(super) message: Value<'a>,
    pub(super) fields: &'a [(&'a str, Value<'a>)],
}

impl Arguments for Named<'_> {
    fn encoded_len(&self) -> usize {
        self.capped_len(usize::MAX)
    }

    fn encode<O: Out>(&self, out: &mut O) {
        self.encode_capped(usize::MAX, out);
    }

    fn capped_len(&self, cap: usize) -> usize {
        let fields = self.fields.iter().map(|(name, value)| named_len(name, &capped(*value, cap)));
        capped(self.message, cap).encoded_len() + fields.sum::<usize>()
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        capped(self.message, cap).encode(out);
        self.fields.iter().for_each(|(name, value)| encode_named(name, &capped(*value, cap), out));
    }
}

/// The value with at most `cap` bytes of text. A cut value says how long it was, which takes four
/// bytes more: a text that is no longer than that over its cap stays whole.
fn capped(value: Value<'_>, cap: usize) -> Value<'_> {
    let (bytes, end) = match value {
        Value::Str(text) | Value::Json(text) => (text.as_bytes(), text.floor_char_boundary(cap)),
        Value::Bytes(bytes) => (bytes, cap.min(bytes.len())),
        other => return other,
    };
    if bytes.len() <= cap.saturating_add(CUT_OVERHEAD - TEXT_OVERHEAD) {
        return value;
    }
    Value::Cut { kept: &bytes[..end], original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
}

/// The most generous cap with which the arguments take at most `budget` bytes.
fn cap_for<A: Arguments + ?Sized>(arguments: &A, budget: usize) -> Option<usize> {
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
pub(super) fn send<A: Arguments + ?Sized>(
    intake: &Intake,
    lane: &mut LaneWriter,
    counts: &CallerCounts,
    event: &Draft<'_, A>,
) {
    let config = &intake.config;
    // Through the pool: whole, or as much of it as is allowed.
    if let Some(event) = event.within(config.max_event_bytes)
        && let Some(mut chain) = intake.overflow.take(event.len())
    {
        event.encode_capped(&mut chain);
        if place(intake, lane, counts, &event, chain.head(), |_| {}) {
            chain.published();
            event.count_cut(counts);
        }
        return;
    }
    // Into the slot, cut.
    if config.on_overflow == OnOverflow::Cut
        && let Some(event) = event.within(config.slot_bytes - HEADER_BYTES)
    {
        if place(intake, lane, counts, &event, NO_OVERFLOW, |slot| event.encode_capped(slot)) {
            event.count_cut(counts);
        }
        return;
    }
    lane.state.count_lost();
    counts.dropped(DropReason::OverflowFull);
}

impl<'a, A: Arguments + ?Sized> Draft<'a, A> {
    /// The event in at most `bytes` bytes: as it is, or with its longest texts cut.
    fn within(&self, bytes: usize) -> Option<Self> {
        if self.len() <= bytes {
            return Some(*self);
        }
        let cap = cap_for(self.arguments, bytes.checked_sub(self.len() - self.arguments_len)?)?;
        let mut cut = Draft { cap, arguments_len: self.arguments.capped_len(cap), ..*self };
        cut.statement.flags = cut.statement.flags.with(Flags::TRUNCATED, true);
        Some(cut)
    }

    fn encode_capped<O: Out>(&self, out: &mut O) {
        self.encode_context(out);
        self.arguments.encode_capped(self.cap, out);
    }

    fn count_cut(&self, counts: &CallerCounts) {
        if self.cap != usize::MAX {
            counts.cut();
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_text_is_cut_at_a_characters_border() {
        let Value::Cut { kept, original_len } = capped(Value::Str("aééééééééé"), 4) else { panic!("not cut") };
        assert_eq!((std::str::from_utf8(kept), original_len), (Ok("aé"), 19));
    }
}
