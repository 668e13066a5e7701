use logwheel_core::{Event, EventBuffers, Level, Record, Shape, Value, wire};
use logwheel_stages::Predicate;

/// Any text is an expression or an error with a place in it; an expression, written and read again, is
/// written alike and says the same of an event.
///
/// The input: the expression, a line feed, and the JSON in the event's field `json`; its field `text` is
/// the whole input.
pub fn match_expression(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (expression, json) = text.split_once('\n').unwrap_or((&text, "{}"));
    let predicate: Predicate = match expression.parse() {
        Ok(predicate) => predicate,
        Err(error) => {
            let error: logwheel_stages::ExpressionError = error;
            assert!(expression.is_char_boundary(error.position()), "no place in {expression:?}: {error}");
            return;
        }
    };
    let mut arguments = Vec::new();
    wire::encode_named("json", &Value::Json(json), &mut arguments);
    wire::encode_named("text", &Value::Str(&text), &mut arguments);
    wire::encode_named("n", &Value::U64(data.len() as u64), &mut arguments);
    let record = Record {
        timestamp: 0,
        level: Level::WARN,
        callsite: None,
        trace: None,
        shape: Shape { named_arguments: true, ..Shape::default() },
        context: &[],
        arguments: &arguments,
    };
    let mut buffers = EventBuffers::default();
    let event = Event::open(record, &mut buffers);
    let holds = predicate.matches(&event);

    let written = predicate.to_string();
    // Words for signs and escapes can make it longer than what is allowed.
    if written.len() <= 16 << 10 {
        let read: Predicate =
            written.parse().unwrap_or_else(|error| panic!("{expression:?} is written as {written:?}: {error}"));
        assert_eq!(read.to_string(), written, "of {expression:?}");
        assert_eq!(read.matches(&event), holds, "of {expression:?}");
    }
}
