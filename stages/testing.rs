//! Events for the tests of stages.

use logwheel_core::testing::{TestEvent, line_of};
use logwheel_core::wire::encode_named;
use logwheel_core::{Callsite, Enricher, Enrichment, Envelope, Event, EventBuffers, Level, Record, Shape, Value};

/// Runs `test` on an event with this level and these fields.
pub fn with_event<T>(level: Level, fields: &[(&str, Value<'_>)], test: impl FnOnce(&mut Event<'_>) -> T) -> T {
    let event = TestEvent::new().level(level);
    fields.iter().fold(event, |event, (name, value)| event.field(name, *value)).run(test)
}

/// The message of statements that bring none.
pub const MESSAGE: &str = "a fixed message";

/// Runs `test` on an event with this message, made at run time, or else the fixed one of a statement
/// whose first field is `fixed name`.
pub fn with_message<T>(
    message: Option<Value<'_>>,
    context_fields: &[(&str, Value<'_>)],
    test: impl FnOnce(&mut Event<'_>) -> T,
) -> T {
    static WITH_MESSAGE: Callsite = Callsite::new(MESSAGE, "m", "f", 1, &[FIXED_NAME]);
    let mut arguments = Vec::new();
    message.iter().for_each(|message| message.encode(&mut arguments));
    Value::U64(1).encode(&mut arguments);
    let mut context = vec![0, 0];
    context_fields.iter().for_each(|(name, value)| encode_named(name, value, &mut context));
    let record = Record {
        timestamp: 0,
        level: Level::INFO,
        callsite: Some(&WITH_MESSAGE),
        trace: None,
        shape: Shape { inline_message: message.is_some(), ..Shape::default() },
        context: &context,
        arguments: &arguments,
    };
    test(&mut Event::open(record, &mut EventBuffers::default()))
}

/// The name of the first field of [`with_message`], which belongs to its statement.
pub const FIXED_NAME: &str = "fixed name";

/// The fields of an event that had these, after the enricher.
pub fn enriched(enricher: &mut dyn Enricher, with: &[(&str, Value<'_>)]) -> Vec<String> {
    with_event(Level::INFO, with, |event| {
        let mut enrichment = Enrichment::new(event);
        enricher.enrich(&mut enrichment).expect("nothing here can fail");
        enrichment.commit();
        fields(event)
    })
}

/// The event's fields as text, in their order.
pub fn fields(event: &Event<'_>) -> Vec<String> {
    event.fields().map(|(_, field)| format!("{}={:?}", field.name, field.value)).collect()
}

/// The event as a line in each envelope.
pub fn lines(event: &Event<'_>) -> [String; 2] {
    [Envelope::Flat, Envelope::V1_1].map(|envelope| line_of(event, envelope))
}
