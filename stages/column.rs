//! What the engine puts beside a line for a sink.

use logwheel_core::{Event, Value};

use crate::path::FieldPath;

/// A value that a sink wants of each event: see `Sink::columns`.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub struct Column {
    name: String,
    /// `None` for what can only be a field's name.
    path: Option<FieldPath>,
}

impl Column {
    /// A field's name, or a path into a field.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { path: FieldPath::parse(&name), name }
    }

    /// The value. A text that has to be made is put into `scratch`.
    #[inline]
    pub fn get<'e>(&self, event: &'e Event<'_>, scratch: &'e mut String) -> Option<Value<'e>> {
        match event.get(&self.name) {
            Some(value) => Some(value),
            None => Some(self.path.as_ref()?.locate(event)?.value(scratch)),
        }
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Level;

    use super::*;
    use crate::support::TestEvent;

    #[test]
    fn a_column_is_a_field_a_part_of_the_event_or_a_way_into_json() {
        let user = r#"{"plan":"gold","id":7,"name":"Zo\u00eb","tags":["a","b"],"none":null}"#;
        let event = TestEvent::new("m").logger("shop").level(Level::WARN).field("user", Value::Json(user));
        let event = event.field("user.id", Value::U64(8)).field("a..b", Value::Bool(true)).trace(9);
        event.open(|event| {
            let mut scratch = String::new();
            let mut is = |name: &str, expected: Option<Value<'_>>| {
                let found = Column::new(name).get(event, &mut scratch);
                assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{name}");
            };
            is("user.plan", Some(Value::Str("gold")));
            is("user.id", Some(Value::U64(8)));
            is("user.name", Some(Value::Str("Zoë")));
            is("user.tags.1", Some(Value::Str("b")));
            is("user.none", Some(Value::Null));
            is("user.email", None);
            is("plan", None);
            is("a..b", Some(Value::Bool(true)));
            is("b..a", None);
            is("logger", Some(Value::Str("shop")));
            is("level", Some(Value::Str("WARN")));
            is("message", Some(Value::Str("m")));
            is("trace_id", Some(Value::Str("00000000000000000000000000000009")));
        });
    }

    #[test]
    fn a_field_comes_before_the_part_of_the_event_that_has_its_name() {
        let event = TestEvent::new("m").logger("shop").field("logger", Value::Str("field"));
        event.open(|event| {
            let mut scratch = String::new();
            assert!(matches!(Column::new("logger").get(event, &mut scratch), Some(Value::Str("field"))));
        });
    }
}
