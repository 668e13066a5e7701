//! Events for the tests of stages, and a stand-in for the engine that carries them through.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use logwheel_core::wire::encode_named;
use logwheel_core::{
    Enricher, Enrichment, Event, EventBuffers, Filter, Layer, Level, Record, Shape, TraceContext, Value, Verdict,
};

pub const SECOND: u64 = 1_000_000_000;
/// Where the tests' time starts.
pub const START: u64 = 1_700_000_000 * SECOND;

/// An event as a caller would have written it.
#[derive(Debug, Clone)]
pub struct TestEvent {
    pub timestamp: u64,
    level: Level,
    trace: Option<TraceContext>,
    logger: String,
    context: Vec<u8>,
    arguments: Vec<u8>,
}

impl TestEvent {
    pub fn new(message: &str) -> Self {
        let mut arguments = Vec::new();
        Value::Str(message).encode(&mut arguments);
        Self {
            timestamp: START,
            level: Level::INFO,
            trace: None,
            logger: String::new(),
            context: Vec::new(),
            arguments,
        }
    }

    /// Logged so many seconds after the start.
    pub fn at(mut self, seconds: f64) -> Self {
        self.timestamp = START + (seconds * SECOND as f64) as u64;
        self
    }

    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    pub fn trace(mut self, id: u128) -> Self {
        self.trace = Some(TraceContext { trace_id: id.to_be_bytes(), span_id: 1u64.to_be_bytes(), flags: 1 });
        self
    }

    pub fn logger(mut self, name: &str) -> Self {
        self.logger = name.to_owned();
        self
    }

    /// A field of the statement.
    pub fn field(mut self, name: &str, value: Value<'_>) -> Self {
        encode_named(name, &value, &mut self.arguments);
        self
    }

    /// A field of a scope.
    pub fn scoped(mut self, name: &str, value: Value<'_>) -> Self {
        encode_named(name, &value, &mut self.context);
        self
    }

    pub fn open<T>(&self, test: impl FnOnce(&mut Event<'_>) -> T) -> T {
        self.open_in(&mut EventBuffers::default(), test)
    }

    pub fn open_in<T>(&self, buffers: &mut EventBuffers, test: impl FnOnce(&mut Event<'_>) -> T) -> T {
        let mut context = Vec::new();
        if !self.logger.is_empty() || !self.context.is_empty() {
            context.extend_from_slice(&(self.logger.len() as u16).to_le_bytes());
            context.extend_from_slice(self.logger.as_bytes());
            context.extend_from_slice(&self.context);
        }
        let record = Record {
            timestamp: self.timestamp,
            level: self.level,
            callsite: None,
            trace: self.trace,
            shape: Shape { inline_message: true, named_arguments: true, truncated: false },
            context: &context,
            arguments: &self.arguments,
        };
        test(&mut Event::open(record, buffers))
    }
}

/// A filter's verdict, and the fields that it added.
pub fn judge(filter: &mut dyn Filter, event: &TestEvent) -> (Verdict, Vec<String>) {
    event.open(|event| {
        let mut enrichment = Enrichment::new(event);
        let verdict = filter.filter(&mut enrichment).unwrap_or(Verdict::Keep);
        enrichment.commit();
        (verdict, added(event))
    })
}

/// Whether a filter keeps the event; a filter that cannot decide keeps it, as in the engine.
pub fn keeps(filter: &mut dyn Filter, event: &TestEvent) -> bool {
    judge(filter, event).0 == Verdict::Keep
}

/// The fields that an enricher adds to the event.
pub fn enrich(enricher: &mut dyn Enricher, event: &TestEvent) -> Vec<String> {
    event.open(|event| {
        let mut enrichment = Enrichment::new(event);
        enricher.enrich(&mut enrichment).expect("no enricher of ours fails");
        enrichment.commit();
        added(event)
    })
}

fn added(event: &Event<'_>) -> Vec<String> {
    let added = event.fields().filter(|(_, field)| field.layer == Layer::Added);
    added.map(|(_, field)| format!("{}={:?}", field.name, field.value)).collect()
}

/// Carries events through a filter that holds some back, as the engine does.
#[derive(Default)]
pub struct Carrier {
    /// `message` of what went on, with the fields that were added.
    pub out: Vec<String>,
    pub dropped: u64,
    pub held: u64,
}

impl Carrier {
    pub fn carry(&mut self, filter: &mut dyn Filter, event: &TestEvent) {
        let (verdict, line) = event.open(|event| {
            let mut enrichment = Enrichment::new(event);
            let verdict = filter.filter(&mut enrichment).expect("it can decide");
            enrichment.commit();
            (verdict, line(event))
        });
        self.release(filter, event.timestamp, false);
        match verdict {
            Verdict::Keep => self.out.push(line),
            Verdict::Drop => self.dropped += 1,
            _ => self.held += 1,
        }
    }

    pub fn release(&mut self, filter: &mut dyn Filter, now: u64, all: bool) {
        while let Some(mut held) = filter.release(now, all) {
            self.held -= 1;
            self.out.push(line(&held.event()));
        }
    }
}

fn line(event: &Event<'_>) -> String {
    let mut line = event.message().to_owned();
    for field in added(event) {
        line.push(' ');
        line.push_str(&field);
    }
    line
}
