//! `context`: context variables as every event is expected to have them.

use logwheel_core::wire::{MAX_NAME, Reader};
use logwheel_core::{EncodedFields, Enricher, Enrichment, Layer, StageError, ToValue, Value};

use crate::InvalidOption;
use crate::option::require;

/// Completes the context of events: a correlation id, copies under other names, and defaults.
///
/// The context variables themselves (the fields of loggers and scopes) come with each event, because they
/// are captured where it is logged; workers, on which stages run, have none. What is left to do:
///
/// 1. **A correlation id.** An event without a field `correlation_id` gets one: the id of its trace as 32
///    hexadecimal digits, else the text of its field `request_id`; without either, none.
/// 2. **Copies.** The value of a context field is added under another name too, which must not be taken:
///    for readers that expect other names. Fields of the statement itself are not context.
/// 3. **Defaults.** A field that the event does not have from anywhere is added with a fixed value, so that
///    it is never missing. Defaults also fill what no copy filled.
///
/// Each event costs a search for each of these names; nothing is allocated. A field that an event has
/// already is not overwritten.
///
/// ```
/// use logwheel_stages::ContextFields;
///
/// let context = ContextFields::builder()
///     .default("tenant_id", "none")
///     .copy("request_id", "req")
///     .fields(["user_id"])
///     .prefix("ctx_")
///     .build()?;
/// # let _ = context; // adds `correlation_id`, `req`, `ctx_user_id`, `tenant_id`
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
pub struct ContextFields {
    correlation_id: bool,
    /// From which context field to which new one.
    copies: Vec<(String, String)>,
    defaults: EncodedFields,
    scratch: Vec<u8>,
}

/// The options of [`ContextFields`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ContextFieldsBuilder {
    correlation_id: bool,
    copies: Vec<(String, String)>,
    fields: Vec<String>,
    prefix: String,
    default_names: Vec<String>,
    defaults: EncodedFields,
}

impl ContextFields {
    /// A correlation id only.
    pub fn builder() -> ContextFieldsBuilder {
        ContextFieldsBuilder {
            correlation_id: true,
            copies: Vec::new(),
            fields: Vec::new(),
            prefix: "ctx_".to_owned(),
            default_names: Vec::new(),
            defaults: EncodedFields::new(),
        }
    }
}

impl ContextFieldsBuilder {
    /// Whether events without a `correlation_id` get one; true by default.
    pub fn correlation_id(mut self, correlation_id: bool) -> Self {
        self.correlation_id = correlation_id;
        self
    }

    /// Copies the context field `from` to the name `to`. One field can be copied to several names.
    pub fn copy(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.copies.push((from.into(), to.into()));
        self
    }

    /// Copies these context fields to their own names behind the [`prefix`](Self::prefix); none by default.
    pub fn fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// What the copies of [`fields`](Self::fields) start with; `ctx_` by default, not empty.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The value of a field where an event does not have it; an earlier one for the same name is replaced.
    pub fn default(mut self, name: &str, value: impl ToValue) -> Self {
        self.default_names.push(name.to_owned());
        self.defaults.push(name, value);
        self.defaults.write_ahead();
        self
    }

    /// The enricher.
    ///
    /// # Errors
    /// When a name is empty or longer than 65,535 bytes, or `prefix` is empty while there are `fields`.
    pub fn build(self) -> Result<ContextFields, InvalidOption> {
        require(!self.prefix.is_empty() || self.fields.is_empty(), "prefix", "\"\"", "given where there are fields")?;
        let prefixed = self.fields.into_iter().map(|from| (from.clone(), format!("{}{from}", self.prefix)));
        let with_prefix: Vec<_> = prefixed.collect();
        for (option, names) in [
            ("fields", with_prefix.iter().flat_map(|(from, to)| [from, to]).collect::<Vec<_>>()),
            ("copy", self.copies.iter().flat_map(|(from, to)| [from, to]).collect()),
            ("default", self.default_names.iter().collect()),
        ] {
            for name in names {
                let is_name = (1..=MAX_NAME).contains(&name.len());
                require(is_name, option, format_args!("a name of {} bytes", name.len()), "names of 1 to 65535 bytes")?;
            }
        }
        let mut copies = self.copies;
        copies.extend(with_prefix);
        Ok(ContextFields { correlation_id: self.correlation_id, copies, defaults: self.defaults, scratch: Vec::new() })
    }
}

impl ContextFields {
    fn add_correlation_id(&mut self, event: &mut Enrichment<'_, '_>) {
        const NAME: &str = "correlation_id";
        if event.position(NAME).is_some() {
            return;
        }
        if let Some(trace) = event.trace() {
            let mut digits = [0; 32];
            for (pair, byte) in digits.chunks_exact_mut(2).zip(trace.trace_id) {
                pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            event.add(NAME, std::str::from_utf8(&digits).expect("hexadecimal digits are ASCII"));
            return;
        }
        if let Some(value @ Value::Str(id)) = event.get("request_id")
            && !id.is_empty()
        {
            self.scratch.clear();
            value.encode(&mut self.scratch);
            self.add_scratch(event, NAME);
        }
    }

    fn copy_fields(&mut self, event: &mut Enrichment<'_, '_>) {
        for (from, to) in &self.copies {
            let Some(index) = event.position(from) else { continue };
            let Some(field) = event.field(index).filter(|field| field.layer == Layer::Context) else { continue };
            // The value lies in the event that it is added to.
            self.scratch.clear();
            field.value.encode(&mut self.scratch);
            self.add_scratch(event, to);
        }
    }

    /// Adds the value that was encoded into `scratch`.
    fn add_scratch(&self, event: &mut Enrichment<'_, '_>, name: &str) {
        if let Ok(value) = Reader::new(&self.scratch).value() {
            event.add_value(name, value);
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Enricher for ContextFields {
    fn name(&self) -> &str {
        "context"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        if self.correlation_id {
            self.add_correlation_id(event);
        }
        self.copy_fields(event);
        event.add_encoded(&self.defaults);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{TestEvent, enrich};

    fn correlation(event: &TestEvent) -> Vec<String> {
        enrich(&mut ContextFields::builder().build().unwrap(), event)
    }

    #[test]
    fn a_missing_correlation_id_is_that_of_the_trace_or_the_request() {
        let request = TestEvent::new("m").scoped("request_id", Value::Str("r-1"));
        assert_eq!(correlation(&request), ["correlation_id=Str(\"r-1\")"]);
        let traced = request.trace(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(correlation(&traced), ["correlation_id=Str(\"4bf92f3577b34da6a3ce929d0e0e4736\")"]);
        for event in [
            traced.scoped("correlation_id", Value::Str("own")),
            TestEvent::new("m"),
            TestEvent::new("m").field("request_id", Value::Str("")),
        ] {
            assert_eq!(correlation(&event), [""; 0]);
        }
        let mut without = ContextFields::builder().correlation_id(false).build().unwrap();
        assert_eq!(enrich(&mut without, &TestEvent::new("m").trace(1)), [""; 0]);
    }

    #[test]
    fn context_fields_are_copied_under_new_names_and_fields_of_the_statement_are_not() {
        let mut context = ContextFields::builder()
            .copy("user", "user_name")
            .copy("user", "taken")
            .copy("own", "copied")
            .copy("absent", "nothing")
            .fields(["user", "n"])
            .build()
            .unwrap();
        let event = TestEvent::new("m")
            .field("own", Value::Bool(true))
            .field("taken", Value::Null)
            .scoped("user", Value::Str("ada"))
            .scoped("n", Value::U64(7));
        let expected = ["user_name=Str(\"ada\")", "ctx_user=Str(\"ada\")", "ctx_n=U64(7)"];
        assert_eq!(enrich(&mut context, &event), expected);
        assert_eq!(enrich(&mut *context.replicate().unwrap(), &event), expected);
    }

    #[test]
    fn every_kind_of_value_can_be_copied() {
        let mut context = ContextFields::builder().copy("v", "w").build().unwrap();
        for value in [
            Value::Null,
            Value::F64(0.1),
            Value::I128(i128::MIN),
            Value::Json("{\"a\":1}"),
            Value::Bytes(b"\xff"),
            Value::Char('ß'),
            Value::Cut { kept: b"ab", original_len: 9 },
        ] {
            let expected = format!("w={value:?}");
            assert_eq!(enrich(&mut context, &TestEvent::new("m").scoped("v", value)), [expected]);
        }
    }

    #[test]
    fn defaults_fill_what_is_missing_and_only_that() {
        let mut context = ContextFields::builder()
            .default("tenant", "none")
            .default("shard", 1)
            .default("shard", 0)
            .copy("user", "actor")
            .default("actor", "nobody")
            .build()
            .unwrap();
        let names = |event: &TestEvent, context: &mut ContextFields| enrich(context, event);
        assert_eq!(
            names(&TestEvent::new("m"), &mut context),
            ["tenant=Str(\"none\")", "shard=I64(0)", "actor=Str(\"nobody\")"]
        );
        let event = TestEvent::new("m").scoped("user", Value::Str("ada")).field("tenant", Value::Str("acme"));
        assert_eq!(names(&event, &mut context), ["actor=Str(\"ada\")", "shard=I64(0)"]);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let options = ContextFields::builder;
        for (builder, option) in [
            (options().copy("", "a"), "copy"),
            (options().copy("a", ""), "copy"),
            (options().fields([""]), "fields"),
            (options().fields(["a"]).prefix(""), "prefix"),
            (options().default("", 1), "default"),
            (options().default(&"n".repeat(MAX_NAME + 1), 1), "default"),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
    }
}
