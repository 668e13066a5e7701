//! Loggers: what a service holds to log with.

use std::fmt;

use logwheel_core::wire::MAX_NAME;
use logwheel_core::{Callsite, EncodedFields, Level, ToValue, Value};

use super::big::Named;
use super::thread::{Elsewhere, Site, Statement, publish};
use super::{Intake, format};
use crate::ring::Flags;
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
        static CALLSITE: Callsite = Callsite::new("", module_path!(), file!(), line!(), &[]);
        let Some(intake) = self.intake.as_ref().filter(|intake| intake.passes(level)) else { return };
        let flags = Flags::INLINE_MESSAGE.with(Flags::NAMED_ARGUMENTS, true);
        let statement = Statement { callsite: &CALLSITE, level, flags, context: &self.context };
        publish::<Elsewhere, _>(intake, statement, Named { message: Value::Str(message), fields });
    }

    /// What the macros expand to.
    #[doc(hidden)]
    #[inline(always)]
    pub fn __log<S: Site, const N: usize>(
        &self,
        _site: S,
        callsite: &'static Callsite,
        level: Level,
        inline_message: bool,
        values: [Value<'_>; N],
    ) {
        let Some(intake) = &self.intake else { return };
        let flags = Flags::default().with(Flags::INLINE_MESSAGE, inline_message);
        let statement = Statement { callsite, level, flags, context: &self.context };
        let mut format = false;
        for value in &values {
            format |= value.needs_formatting();
        }
        if format {
            format::publish_formatted(intake, statement, values);
        } else {
            publish::<S, _>(intake, statement, values);
        }
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
