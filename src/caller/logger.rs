//! Loggers: what a service holds to log with.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use logwheel_core::wire::MAX_NAME;
use logwheel_core::{Callsite, EncodedFields, Level, ToValue, Value};

use super::arguments::{Arguments, EncodedNamed, Named, Timed, Values};
use super::draft::Statement;
use super::thread::{publish, publish_encoded};
use super::{Intake, format};
use crate::ring::{ArgumentBuffer, Flags, MAX_ARGUMENTS, Marks, fill_arguments};
use crate::sync::Arc;

/// A handle to log with: a name and bound fields that its events carry.
///
/// Clones are cheap. Events go to the engine that made the logger; after that engine's shutdown
/// they are counted as dropped with reason `closed`.
#[derive(Clone)]
pub struct Logger {
    intake: Option<Arc<Intake>>,
    /// What its events begin with: the name (16-bit length and text), then the bound fields.
    context: Arc<[u8]>,
}

impl Logger {
    pub(crate) fn new(intake: Arc<Intake>, name: &str) -> Self {
        Self { intake: Some(intake), context: context(name, &[]) }
    }

    /// A logger without an engine: every event is below its level.
    #[must_use]
    pub fn disabled() -> Self {
        Self { intake: None, context: context("", &[]) }
    }

    /// Whether an event of this level would be submitted. About a nanosecond.
    #[must_use]
    #[inline(always)]
    pub fn enabled(&self, level: Level) -> bool {
        self.intake.as_ref().is_some_and(|intake| intake.passes(level))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        let (name, _) = self.parts();
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// The same logger under another name; it keeps its bound fields.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        let (_, fields) = self.parts();
        Self { intake: self.intake.clone(), context: context(name, fields) }
    }

    /// The same logger with one more bound field, which hides an earlier one of this name. The
    /// value is encoded here, once, and copied into each event.
    #[must_use]
    pub fn with(&self, name: &str, value: impl ToValue) -> Self {
        let mut field = EncodedFields::new();
        field.push(name, value);
        let context = [&self.context, field.as_bytes()].concat();
        Self { intake: self.intake.clone(), context: context.into() }
    }

    /// Logs a text and fields whose names are only known at run time: for bridges and readers of
    /// foreign logs. The macros are faster and more pleasant where names are fixed.
    ///
    /// Values that need formatting (`Display`, `Debug`, `Error`) are to be formatted before;
    /// here they become null.
    pub fn log_fields(&self, level: Level, message: &str, fields: &[(&str, Value<'_>)]) {
        self.log_named(level, Named { message: Value::Str(message), fields });
    }

    /// As [`log_fields`](Self::log_fields), for an event that happened at another time: its
    /// `timestamp` is `time` instead of now. Times from 1970 to 2554 can be had; others are taken
    /// as the nearer end of that.
    ///
    /// The time changes nothing in the order of events, which is that of the calls.
    ///
    /// ```
    /// use logwheel::{Engine, Level, MemorySink, Value};
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let memory = MemorySink::new();
    /// let lines = memory.handle();
    /// let engine = Engine::builder().sink(memory).build()?;
    /// let time = UNIX_EPOCH + Duration::from_secs(86_400);
    /// engine.logger("import").log_fields_at(Level::INFO, time, "started", &[("pid", Value::U64(7))]);
    /// engine.shutdown(Duration::from_secs(5));
    /// assert!(lines.lines()[0].starts_with(r#"{"timestamp":"1970-01-02T00:00:00.000000000Z""#));
    /// # Ok::<(), logwheel::BuildError>(())
    /// ```
    pub fn log_fields_at(&self, level: Level, time: SystemTime, message: &str, fields: &[(&str, Value<'_>)]) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.log_named(level, Timed { time, named: Named { message: Value::Str(message), fields } });
    }

    /// As [`log_fields_at`](Self::log_fields_at), for whoever has encoded the fields already, with their names
    /// ([`encode_name`](logwheel_core::wire::encode_name)), each once. The message is UTF-8. The time is in
    /// nanoseconds since the Unix epoch; now, if there is none.
    #[doc(hidden)]
    pub fn __log_encoded(&self, level: Level, time: Option<u64>, message: &[u8], fields: &[u8]) {
        self.log_named(level, EncodedNamed { time, message, fields });
    }

    fn log_named(&self, level: Level, arguments: impl Arguments) {
        static CALLSITE: Callsite = Callsite::new("", module_path!(), file!(), line!(), &[]);
        let Some(intake) = self.intake.as_ref().filter(|intake| intake.passes(level)) else { return };
        let flags = Flags::INLINE_MESSAGE.with(Flags::NAMED_ARGUMENTS, true);
        let statement = Statement { callsite: &CALLSITE, marks: Marks::new(level, flags), context: &self.context };
        publish(intake, statement, arguments);
    }

    /// What the macros expand to.
    ///
    /// Inlined into the statement, where the kinds of the values are known: what is left of
    /// encoding them is a few stores.
    #[doc(hidden)]
    #[inline(always)]
    pub fn __log<'a, const N: usize>(
        &self,
        callsite: &'static Callsite,
        level: Level,
        inline_message: bool,
        values: impl Values<'a>,
    ) {
        let Some(intake) = &self.intake else { return };
        let marks = Marks::new(level, Flags::default().with(Flags::INLINE_MESSAGE, inline_message));
        let formatted = values.needs_formatting();
        if formatted || values.encoded_len() > MAX_ARGUMENTS {
            // An array of `N` here, and only here: values that a call sees lie in memory.
            let mut array = [Value::Null; N];
            values.copy_to(&mut array);
            let statement = Statement { callsite, marks, context: &self.context };
            return publish_unusual(intake, statement, formatted, array);
        }
        let mut buffer = ArgumentBuffer::uninit();
        let arguments = fill_arguments(&mut buffer, |out| values.encode(out));
        publish_encoded(intake, &self.context, callsite, marks, arguments);
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let (len, rest) = self.context.split_at(2);
        rest.split_at(usize::from(u16::from_le_bytes([len[0], len[1]])))
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bound fields stay out: they may hold what a redactor is to take away.
        f.debug_struct("Logger").field("name", &self.name()).finish_non_exhaustive()
    }
}

fn context(name: &str, fields: &[u8]) -> Arc<[u8]> {
    let name = &name[..name.floor_char_boundary(MAX_NAME)];
    [&(name.len() as u16).to_le_bytes()[..], name.as_bytes(), fields].concat().into()
}

/// Values that have to be formatted, or are too long for an [`ArgumentBuffer`]: these are copied
/// into the slot, or into the overflow pool, from where they are.
#[inline(never)]
fn publish_unusual<const N: usize>(
    intake: &Arc<Intake>,
    statement: Statement<'_>,
    formatted: bool,
    values: [Value<'_>; N],
) {
    if formatted {
        format::publish_formatted(intake, statement, values);
    } else {
        publish(intake, statement, values);
    }
}

/// An error as a value: its text and those of its sources.
///
/// ```
/// # use logwheel::as_error;
/// # let logger = logwheel::Logger::disabled();
/// # let failed = std::io::Error::other("disk full");
/// logwheel::error!(logger, "write failed", error = as_error(&failed));
/// ```
#[must_use]
pub fn as_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Value<'a> {
    Value::Error(error)
}
