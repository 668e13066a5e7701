//! Stages that take secrets out of events.
//!
//! They run behind the enrichers and before the encoder, in the order in which they were configured,
//! and see the fields of the caller, of scopes and loggers, and of enrichers.
//!
//! | type | does | options (defaults) |
//! |---|---|---|
//! | [`field_mask`](FieldMask) | masks fields and members of JSON by their path | `fields`, `mask` (`"***"`), `case_insensitive` (`false`), `max_depth` (6), `max_keys` (5,000) |
//! | [`field_blocker`](FieldBlocker) | removes them | `fields`, `mask` (`"***"`, for what cannot be searched), `case_insensitive` (`false`), `max_depth` (6), `max_keys` (5,000) |
//! | [`regex_mask`](RegexMask) | masks what matches regular expressions | `patterns` (a list, or a table of names and patterns), `mask` (`"***"`, `{name}` for the pattern's name), `numbers` (`false`) |
//! | [`url_credentials`](UrlCredentials) | masks user and password in URLs | `mask` (`"***"`), `query_parameters` (none) |
//! | [`string_truncate`](StringTruncate) | shortens long texts | `max_chars` (no limit), `max_bytes` (no limit), `suffix` (`"...[truncated]"`) |
//! | [`preset`](PresetMask) | masks what collections of names and patterns know: `gdpr`, `pci`, `hipaa`, `cloud_keys`, `jwt`, `auth_tokens`, `private_keys`, `credentials` | `presets`, `mask` (`"***"`), `without` (none) |
//!
//! A secret that the program itself knows as one is best wrapped in a
//! [`Secret`](logwheel_core::Secret): it logs as `***` whatever redactors there are.
//!
//! # What holds for all of them
//!
//! - **They fail closed.** What one cannot look into (JSON that is not valid, text with half a
//!   surrogate pair, what goes beyond a limit, a text that was cut) is masked and not passed on. None of
//!   them returns an error; a panic, which would be a bug, lets the engine mask the whole event.
//! - **Nothing in an event can switch them off.** There is no field, no member and no text that they
//!   take as a mark; whether and how they run is decided when the engine is built, nowhere else.
//! - **JSON is searched as it reads**: names and strings without their escapes, at any depth. What is
//!   not touched keeps its source text to the byte; what is replaced is valid JSON again.
//! - **Texts that hold JSON are texts.** A string with `{"password":"x"}` in it is not parsed; the
//!   patterns of `regex_mask` and of presets such as `credentials` still see it.
//! - The fixed text of a statement and the names of its fields are part of the program, and are left
//!   alone; so are level, time, logger and trace ids.
//! - Several workers each have their own instance.
//!
//! # Examples
//!
//! The one event of these examples, before and after:
//!
//! ```
//! use logwheel_core::wire::encode_named;
//! use logwheel_core::{Event, EventBuffers, Level, Record, Redactor, Shape, Value};
//! use logwheel_stages::*;
//!
//! /// The fields of an event after a redactor.
//! fn redacted(mut redactor: impl Redactor) -> Vec<String> {
//!     let mut fields = Vec::new();
//!     encode_named("user", &Value::Json(r#"{"name": "ann", "pass\u0077ord": "hunter2"}"#), &mut fields);
//!     encode_named("paid", &Value::Str("card 4111 1111 1111 1111"), &mut fields);
//!     encode_named("via", &Value::Str("amqp://ann:hunter2@mq/orders?token=t0ken"), &mut fields);
//!     let shape = Shape { named_arguments: true, ..Shape::default() };
//!     let (callsite, trace) = (None, None);
//!     let record =
//!         Record { timestamp: 0, level: Level::INFO, callsite, trace, shape, context: &[], arguments: &fields };
//!     let mut buffers = EventBuffers::default();
//!     let mut event = Event::open(record, &mut buffers);
//!     redactor.redact(&mut event).unwrap();
//!     let text = |value| match value {
//!         Value::Str(text) | Value::Json(text) => text.to_owned(),
//!         other => format!("{other:?}"),
//!     };
//!     event.fields().map(|(_, field)| format!("{} = {}", field.name, text(field.value))).collect()
//! }
//!
//! // field_mask
//! assert_eq!(redacted(FieldMask::new(["paid", "user.password"])?), [
//!     r#"user = {"name": "ann", "pass\u0077ord": "***"}"#,
//!     "paid = ***",
//!     "via = amqp://ann:hunter2@mq/orders?token=t0ken",
//! ]);
//! // field_blocker
//! assert_eq!(redacted(FieldBlocker::new(["paid", "**.password"])?), [
//!     r#"user = {"name": "ann"}"#,
//!     "via = amqp://ann:hunter2@mq/orders?token=t0ken",
//! ]);
//! // regex_mask
//! assert_eq!(redacted(RegexMask::named([("password", "hunter[0-9]")])?.mask("<{name}>")), [
//!     r#"user = {"name": "ann", "pass\u0077ord": "<password>"}"#,
//!     "paid = card 4111 1111 1111 1111",
//!     "via = amqp://ann:<password>@mq/orders?token=t0ken",
//! ]);
//! // url_credentials
//! assert_eq!(redacted(UrlCredentials::new().query_parameters(["token"]))[2], "via = amqp://***@mq/orders?token=***");
//! // string_truncate
//! assert_eq!(redacted(StringTruncate::new().max_chars(6).suffix("…")), [
//!     r#"user = {"name": "ann", "pass\u0077ord": "hunte…"}"#,
//!     "paid = card …",
//!     "via = amqp:…",
//! ]);
//! // preset
//! assert_eq!(redacted(PresetMask::new([RedactPreset::Pci, RedactPreset::Credentials])), [
//!     r#"user = {"name": "ann", "pass\u0077ord": "***"}"#,
//!     "paid = card ***",
//!     "via = amqp://***@mq/orders?token=***",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod field_blocker;
mod field_mask;
mod fields;
mod json;
mod known_names;
mod paths;
mod patterns;
mod preset;
mod regex_mask;
mod string_truncate;
mod texts;
mod url_credentials;

pub use field_blocker::FieldBlocker;
pub use field_mask::FieldMask;
pub use paths::FieldPathError;
pub use preset::{Finding, PresetError, PresetMask, PresetPattern, RedactPreset};
pub use regex_mask::{RegexMask, RegexMaskError};
pub use string_truncate::StringTruncate;
pub use url_credentials::UrlCredentials;
