use std::collections::BTreeMap;

use logwheel_core::{Callsite, Event, EventBuffers, Identity, Level, Record, Shape, TraceContext};
use serde_json::value::RawValue;

use super::{Input, lines};

static SITE: Callsite = Callsite::new("order \"filled\"\n", "module", "file", 1, &["id", "message", "trace_id"]);

/// Any record, damaged or not, becomes one line of valid JSON in each envelope, and a flat line
/// has every field once.
///
/// The input: a byte of flags, the level, the timestamp, the trace, the length of the context as
/// 16 bits, the context, the arguments.
pub fn json_line(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.byte();
    let flag = |bit: u8| flags & (1 << bit) != 0;
    let level = Level::from_number(input.byte() % Level::COUNT as u8).expect("below the count");
    let timestamp = u64::from_le_bytes(input.array());
    let trace = TraceContext { trace_id: input.array(), span_id: input.array(), flags: 1 };
    let context_len = usize::from(u16::from_le_bytes(input.array()));
    let record = Record {
        timestamp,
        level,
        callsite: flag(0).then_some(&SITE),
        trace: flag(1).then_some(trace),
        shape: Shape { inline_message: flag(2), named_arguments: flag(3), truncated: flag(4) },
        context: input.bytes(context_len),
        arguments: input.0,
    };
    let identity = flag(5).then_some(Identity { epoch: timestamp, lane: 7, number: u64::MAX });

    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record, &mut buffers);
    if flag(6) {
        event.mask_all("\"\\\n");
    }
    let [flat, _] = lines(&event, identity);

    let members: BTreeMap<String, &RawValue> = serde_json::from_str(&flat).expect("it was checked to be JSON");
    let marks = [
        !event.logger().is_empty(),
        identity.is_some(),
        event.is_truncated(),
        event.redaction_failed(),
        event.is_damaged(),
    ];
    // Time, level and message are always there.
    let own = 3 + 2 * usize::from(event.trace().is_some()) + marks.iter().filter(|mark| **mark).count();
    assert_eq!(members.len(), own + event.fields().count(), "a name is missing or twice in {flat}");
}
