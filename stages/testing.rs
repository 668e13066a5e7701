//! Events for the tests of stages.

use logwheel_core::testing::{TestEvent, line_of};
use logwheel_core::{Enricher, Enrichment, Envelope, Event, Level, Value};

/// Runs `test` on an event with this level and these fields.
pub fn with_event<T>(level: Level, fields: &[(&str, Value<'_>)], test: impl FnOnce(&mut Event<'_>) -> T) -> T {
    let event = TestEvent::new().level(level);
    fields.iter().fold(event, |event, (name, value)| event.field(name, *value)).run(test)
}

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
