//! For tests: events without an engine, and a clock that stands still.
//!
//! | What | For |
//! |---|---|
//! | [`TestEvent`] | one event, to be run through a stage or the encoder |
//! | [`sensitive_event`], [`SECRETS`] | an event full of what a redactor should take away |
//! | [`batch_of_lines`], [`batch_of`] | batches, to be given to a sink |
//! | [`correlation_id`], [`trace_context`] | ids that tell events apart |
//! | [`VirtualClock`] | time that passes when the test says so |
//!
//! ```
//! use logwheel_core::testing::{SECRETS, TestEvent, sensitive_event};
//! use logwheel_core::{Envelope, Event, Redactor, StageError, Value};
//!
//! struct NoNumbers;
//!
//! impl Redactor for NoNumbers {
//!     fn name(&self) -> &str {
//!         "no_numbers"
//!     }
//!     fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
//!         for index in 0..event.slots() {
//!             if event.field(index).is_some_and(|field| matches!(field.value, Value::U64(_))) {
//!                 event.replace(index, Value::Str("--"));
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let event = TestEvent::new().message("paid").field("amount", 12u64).field("currency", "EUR");
//! let line = event.run(|event| {
//!     NoNumbers.redact(event).unwrap();
//!     logwheel_core::testing::line_of(event, Envelope::Flat)
//! });
//! assert!(line.ends_with(r#""message":"paid","amount":"--","currency":"EUR"}"#));
//!
//! let leaking = sensitive_event().line(Envelope::Flat);
//! assert!(SECRETS.iter().all(|secret| leaking.contains(secret)));
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::wire::MAX_NAME;
use crate::{
    Batch, Callsite, EncodedFields, Envelope, Event, EventBuffers, JsonEncoder, Level, LineBuffer, RawJson, Record,
    Shape, ToValue, TraceContext, Value,
};

/// An event as a caller would have written it, to be opened as an [`Event`] as often as needed.
///
/// It begins as an event at [`Level::INFO`], of the first moment of 1970, without message, logger and
/// fields. Values that need formatting (`Display`, `Debug`, `Error`) are kept as their text, as in
/// an engine.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestEvent {
    timestamp: u64,
    level: Level,
    trace: Option<TraceContext>,
    callsite: Option<&'static Callsite>,
    logger: String,
    bound: EncodedFields,
    message: Option<String>,
    fields: EncodedFields,
    /// What the record points to, made of the above.
    context: Vec<u8>,
    arguments: Vec<u8>,
}

impl TestEvent {
    /// An empty event.
    pub fn new() -> Self {
        Self {
            timestamp: 0,
            level: Level::INFO,
            trace: None,
            callsite: None,
            logger: String::new(),
            bound: EncodedFields::new(),
            message: None,
            fields: EncodedFields::new(),
            context: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// When it was logged, in nanoseconds since the Unix epoch.
    pub fn timestamp(mut self, nanoseconds: u64) -> Self {
        self.timestamp = nanoseconds;
        self
    }

    /// Its level.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The name of its logger, at most 65,535 bytes of it.
    pub fn logger(mut self, name: &str) -> Self {
        name[..name.floor_char_boundary(MAX_NAME)].clone_into(&mut self.logger);
        self.encoded()
    }

    /// Its message, as one made at run time.
    pub fn message(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self.encoded()
    }

    /// A field of the statement; a later one of the same name replaces it.
    pub fn field(mut self, name: &str, value: impl ToValue) -> Self {
        self.fields.push(name, value);
        self.encoded()
    }

    /// A field of the logger or of a scope; a later one of the same name replaces it, and one of
    /// the statement hides it.
    pub fn bound(mut self, name: &str, value: impl ToValue) -> Self {
        self.bound.push(name, value);
        self.encoded()
    }

    /// The trace and span in which it was logged.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The statement it comes from: file, line and module, and the message if it has no other.
    pub fn callsite(mut self, callsite: &'static Callsite) -> Self {
        self.callsite = Some(callsite);
        self
    }

    /// What the caller wrote.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record {
            timestamp: self.timestamp,
            level: self.level,
            callsite: self.callsite,
            trace: self.trace,
            shape: Shape { inline_message: self.message.is_some(), named_arguments: true, truncated: false },
            context: &self.context,
            arguments: &self.arguments,
        }
    }

    /// Opens it in these buffers, for tests that go from stage to stage.
    pub fn open<'a>(&'a self, buffers: &'a mut EventBuffers) -> Event<'a> {
        Event::open(self.record(), buffers)
    }

    /// Opens it, and gives it to `test`.
    pub fn run<T>(&self, test: impl FnOnce(&mut Event<'_>) -> T) -> T {
        test(&mut self.open(&mut EventBuffers::default()))
    }

    /// The line of JSON that it becomes.
    #[must_use]
    pub fn line(&self, envelope: Envelope) -> String {
        self.run(|event| line_of(event, envelope))
    }

    fn encoded(mut self) -> Self {
        self.context.clear();
        if !self.logger.is_empty() || !self.bound.is_empty() {
            self.context.extend_from_slice(&(self.logger.len() as u16).to_le_bytes());
            self.context.extend_from_slice(self.logger.as_bytes());
            self.context.extend_from_slice(self.bound.as_bytes());
        }
        self.arguments.clear();
        if let Some(message) = &self.message {
            Value::Str(message).encode(&mut self.arguments);
        }
        self.arguments.extend_from_slice(self.fields.as_bytes());
        self
    }
}

impl Default for TestEvent {
    fn default() -> Self {
        Self::new()
    }
}

/// The line of JSON that an event becomes as it is now.
#[must_use]
pub fn line_of(event: &Event<'_>, envelope: Envelope) -> String {
    let mut line = LineBuffer::new();
    JsonEncoder::new(envelope).encode(event, None, &mut line);
    String::from_utf8(line.to_vec()).expect("lines are UTF-8")
}

/// What is secret in a [`sensitive_event`]: none of these may be left behind a redactor that knows
/// its fields.
pub const SECRETS: [&str; 8] = [
    "hunter2",
    "4929004212345678",
    "Bearer eyJhbGciOi",
    "AKIAIOSFODNN7EXAMPLE",
    "ada@private.example",
    "078-05-1120",
    "s3cr3t-in-a-url",
    "192.0.2.77",
];

/// An event that carries all of [`SECRETS`]: in plain fields, in fields of the logger, inside
/// raw JSON, in a URL, and in its message.
///
/// Its fields are `password`, `card.number`, `authorization` (bound), `api_key`, `user` (raw JSON with
/// `name`, `email` and `id.ssn`), `url`, `client_ip`, and the harmless `order_id`; the message
/// names the address of the mail once more.
pub fn sensitive_event() -> TestEvent {
    let user = r#"{"name":"ada","email":"ada@private.example","id":{"ssn":"078-05-1120"}}"#;
    TestEvent::new()
        .level(Level::WARN)
        .logger("accounts")
        .bound("authorization", "Bearer eyJhbGciOi.J9")
        .message("sign-in of ada@private.example failed")
        .field("password", "hunter2")
        .field("card.number", "4929004212345678")
        .field("api_key", "AKIAIOSFODNN7EXAMPLE")
        .field("user", RawJson(user))
        .field("url", "https://ada:s3cr3t-in-a-url@shop.example/orders")
        .field("client_ip", "192.0.2.77")
        .field("order_id", 42u64)
}

/// A batch of these lines, at [`Level::INFO`], a nanosecond apart from 0 on.
///
/// ```
/// let batch = logwheel_core::testing::batch_of_lines(["{}", r#"{"a":1}"#]);
/// assert_eq!(batch.lines(), b"{}\n{\"a\":1}\n");
/// ```
pub fn batch_of_lines<'l>(lines: impl IntoIterator<Item = &'l str>) -> Batch {
    let mut batch = Batch::new();
    for (timestamp, line) in (0..).zip(lines) {
        batch.push(line.as_bytes(), timestamp, Level::INFO);
    }
    batch
}

/// A batch of these events in the flat envelope, with their times and levels.
pub fn batch_of<'e>(events: impl IntoIterator<Item = &'e TestEvent>) -> Batch {
    let mut batch = Batch::new();
    for event in events {
        batch.push(event.line(Envelope::Flat).as_bytes(), event.timestamp, event.level);
    }
    batch
}

/// An id that no other call in this process gets, for telling a test's own events from others.
#[must_use]
pub fn correlation_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("test-{}-{:08}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The trace context number `n`, sampled: the same for the same number, another for another.
#[must_use]
pub fn trace_context(n: u64) -> TraceContext {
    let mut trace_id = [0xaa; 16];
    trace_id[8..].copy_from_slice(&n.to_be_bytes());
    // Neither id may be all zero.
    let span_id = (n | 1 << 63).to_be_bytes();
    TraceContext { trace_id, span_id, flags: 1 }
}

/// A clock that stands still until it is told to go on. Clones show the same time.
///
/// ```
/// use logwheel_core::testing::VirtualClock;
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let shown = clock.clone();
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(shown.now(), Duration::from_secs(30));
/// assert_eq!(shown.unix_nanos(), VirtualClock::START + 30_000_000_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct VirtualClock {
    nanoseconds: Arc<AtomicU64>,
}

impl VirtualClock {
    /// The wall time at which it starts, in nanoseconds since the Unix epoch: 2026-01-01, midnight UTC.
    pub const START: u64 = 1_767_225_600_000_000_000;

    /// A clock at its start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Acquire))
    }

    /// Lets time pass. It stops for good after 528 years.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(by).min(u64::MAX - Self::START));
        // It never refuses.
        let _ = self.nanoseconds.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }

    /// The wall time in nanoseconds since the Unix epoch, as events carry it.
    #[must_use]
    pub fn unix_nanos(&self) -> u64 {
        Self::START + self.nanoseconds.load(Ordering::Acquire)
    }

    /// The wall time.
    #[must_use]
    pub fn system_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.unix_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn an_event_says_what_it_was_made_of_however_often_it_is_opened() {
        let event = TestEvent::new()
            .field("a", 1u8)
            .timestamp(7)
            .level(Level::ERROR)
            .bound("a", "hidden")
            .bound("b", true)
            .logger("orders")
            .message("first")
            .message("filled")
            .field("c", format_args!("{}-{}", 1, 2))
            .field("a", 3u8)
            .trace(trace_context(5));
        for _ in 0..2 {
            event.run(|event| {
                assert_eq!((event.timestamp(), event.level(), event.logger()), (7, Level::ERROR, "orders"));
                assert_eq!((event.message(), event.trace()), ("filled", Some(trace_context(5))));
                let fields: Vec<_> = event
                    .fields()
                    .map(|(_, field)| format!("{}={:?} {:?}", field.name, field.value, field.layer))
                    .collect();
                assert_eq!(fields, ["a=U64(3) Argument", "c=Str(\"1-2\") Argument", "b=Bool(true) Context"]);
                assert!(!event.is_damaged());
                event.remove(0);
            });
        }
        TestEvent::new().run(|event| {
            assert_eq!((event.message(), event.logger(), event.slots()), ("", "", 0));
            assert!(!event.is_damaged());
        });
    }

    #[test]
    fn an_event_without_a_message_has_that_of_its_statement() {
        static SITE: Callsite = Callsite::new("fixed", "m", "f", 1, &[]);
        let event = TestEvent::new().callsite(&SITE).field("a", 1u8);
        event.run(|event| assert_eq!((event.message(), event.message_is_static()), ("fixed", true)));
        event.message("other").run(|event| assert_eq!((event.message(), event.message_is_static()), ("other", false)));
    }

    #[test]
    fn the_sensitive_event_has_each_secret_and_its_fields_are_all_named() {
        for envelope in [Envelope::Flat, Envelope::V1_1] {
            let line = sensitive_event().line(envelope);
            assert!(SECRETS.iter().all(|secret| line.contains(secret)), "{line}");
        }
        sensitive_event().run(|event| {
            let names: Vec<_> = event.fields().map(|(_, field)| field.name.to_owned()).collect();
            let expected =
                ["password", "card.number", "api_key", "user", "url", "client_ip", "order_id", "authorization"];
            assert_eq!(names, expected);
            assert_eq!(event.fields().filter(|(_, field)| field.layer == Layer::Context).count(), 1);
        });
    }

    #[test]
    fn batches_carry_times_and_levels() {
        let events = [3, 9].map(|n| TestEvent::new().timestamp(n).level(Level::WARN).field("n", n));
        let batch = batch_of(&events);
        let entries: Vec<_> = batch.iter().map(|entry| (entry.timestamp, entry.level)).collect();
        assert_eq!(entries, [(3, Level::WARN), (9, Level::WARN)]);
        assert!(batch.get(1).unwrap().payload.ends_with(b"\"n\":9}"));
        assert_eq!(batch_of_lines(["a", "b"]).get(1).unwrap().timestamp, 1);
    }

    #[test]
    fn ids_tell_events_apart() {
        assert_ne!(correlation_id(), correlation_id());
        assert_eq!(trace_context(0), trace_context(0));
        assert_ne!(trace_context(0).trace_id, trace_context(1).trace_id);
        assert_ne!(trace_context(0).span_id, [0; 8]);
    }

    #[test]
    fn a_virtual_clock_goes_on_only_when_told_and_never_back() {
        let clock = VirtualClock::new();
        let shown = clock.clone();
        assert_eq!(shown.now(), Duration::ZERO);
        clock.advance(Duration::from_millis(5));
        clock.advance(Duration::from_millis(7));
        assert_eq!((shown.now(), shown.now()), (Duration::from_millis(12), Duration::from_millis(12)));
        clock.advance(Duration::MAX);
        assert_eq!(shown.unix_nanos(), u64::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(shown.unix_nanos(), u64::MAX);
    }
}
