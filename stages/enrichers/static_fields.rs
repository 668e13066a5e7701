//! `static`: the same fields on every event.

use logwheel_core::wire::MAX_NAME;
use logwheel_core::{EncodedFields, Enricher, Enrichment, StageError, ToValue};

/// Adds the same fields to every event: a service's name, its version, its region.
///
/// The fields are encoded once, when they are given; each event costs a copy of their bytes. A
/// field that an event has already, from its statement or a scope, is not overwritten.
///
/// ```
/// use logwheel_stages::StaticFields;
///
/// let fields = StaticFields::new().field("service", "orders").field("shard", 3);
/// # let _ = fields;
/// ```
#[derive(Debug, Clone, Default)]
pub struct StaticFields {
    encoded: EncodedFields,
    /// The length of the first name that is not allowed.
    refused: Option<usize>,
}

impl StaticFields {
    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field; an earlier one of the same name is replaced.
    ///
    /// A name has 1 to 65,535 bytes. Another one is reported when the engine is built, by
    /// [`start`](Enricher::start).
    #[must_use]
    pub fn field(mut self, name: &str, value: impl ToValue) -> Self {
        if (1..=MAX_NAME).contains(&name.len()) {
            self.encoded.push(name, value);
            self.encoded.write_ahead();
        } else {
            self.refused = self.refused.or(Some(name.len()));
        }
        self
    }
}

impl Enricher for StaticFields {
    fn name(&self) -> &str {
        "static"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn start(&mut self) -> Result<(), StageError> {
        match self.refused {
            None => Ok(()),
            Some(len) => Err(StageError::new(format!(
                "static: a field has a name of {len} bytes: names must have 1 to {MAX_NAME} bytes"
            ))),
        }
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        event.add_encoded(&self.encoded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Value;

    use super::*;
    use crate::testing::enriched;

    #[test]
    fn fields_are_added_but_never_over_those_of_the_event() {
        let mut enricher = StaticFields::new().field("service", "old").field("shard", 3).field("service", "orders");
        enricher.start().unwrap();
        assert_eq!(enriched(&mut enricher, &[]), ["service=Str(\"orders\")", "shard=I64(3)"]);
        let mut replica = enricher.replicate().unwrap();
        let own = [("service", Value::Str("own"))];
        assert_eq!(enriched(&mut *replica, &own), ["service=Str(\"own\")", "shard=I64(3)"]);
    }

    #[test]
    fn a_value_that_needs_formatting_is_kept_as_its_text() {
        let mut enricher = StaticFields::new().field("at", std::net::IpAddr::from([127, 0, 0, 1]));
        assert_eq!(enriched(&mut enricher, &[]), ["at=Str(\"127.0.0.1\")"]);
    }

    #[test]
    fn an_empty_or_overlong_name_keeps_it_from_starting() {
        for name in [String::new(), "n".repeat(MAX_NAME + 1)] {
            let mut enricher = StaticFields::new().field("service", "orders").field(&name, 1);
            let error = enricher.start().unwrap_err().to_string();
            assert!(error.contains(&format!("{} bytes", name.len())) && error.contains("1 to 65535"), "{error}");
        }
        assert!(StaticFields::new().field(&"n".repeat(MAX_NAME), 1).start().is_ok());
    }
}
