//! A slot's bytes as the record that stages read.

use logwheel_core::{Callsite, Level, Record, Shape, TraceContext};

use crate::ring::{Flags, OverflowPool, Slot};

/// What the caller wrote into a slot. What lies in the overflow pool is gathered in `gathered`.
#[inline]
pub(super) fn record<'a>(
    slot: Slot<'a>,
    timestamp: u64,
    overflow: &OverflowPool,
    gathered: &'a mut Vec<u8>,
) -> Record<'a> {
    let header = slot.header;
    let (parts, arguments_len) = slot.parts(overflow, gathered);
    let (trace, rest) = match parts.split_first_chunk::<{ TraceContext::ENCODED_LEN }>() {
        Some((bytes, rest)) if header.has(Flags::TRACE) => (Some(TraceContext::from_bytes(bytes)), rest),
        _ => (None, parts),
    };
    let (context, rest) = rest.split_at_checked(header.context_len as usize).unwrap_or((rest, &[]));
    let arguments = rest.get(..arguments_len).unwrap_or(rest);
    Record {
        timestamp,
        level: Level::from_number(header.marks.level_number()).unwrap_or(Level::INFO),
        callsite: Callsite::by_id(header.callsite),
        trace,
        shape: Shape {
            inline_message: header.has(Flags::INLINE_MESSAGE),
            named_arguments: header.has(Flags::NAMED_ARGUMENTS),
            truncated: header.has(Flags::TRUNCATED),
        },
        context,
        arguments,
    }
}
