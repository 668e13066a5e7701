//! What do five typical stages and the encoding cost per event, on one core?
//!
//! `cargo bench -p logwheel --bench chain`. A level filter, a rate limit (or sampling), static fields, host fields,
//! a field mask, JSON, a size guard: what a worker does with each event, without lanes, batches and sinks around it.
//! The aim is under 1 µs/event. `encode_only` is the same event without stages, `open_only` without encoding too.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logwheel::wire::encode_named;
use logwheel::{
    Enricher, Enrichment, Envelope, Event, EventBuffers, FieldMask, Filter, Host, Identity, JsonEncoder, Level,
    LevelFilter, LineBuffer, Processed, Processor, Record, Redactor, Shape, SizeGuard, StaticFields, Value, Verdict,
    filters,
};

/// The stages as a worker has them: behind pointers, of no known type.
struct Chain {
    filters: Vec<Box<dyn Filter>>,
    enrichers: Vec<Box<dyn Enricher>>,
    redactors: Vec<Box<dyn Redactor>>,
    processors: Vec<Box<dyn Processor>>,
    encoder: JsonEncoder,
    line: LineBuffer,
    out: Vec<u8>,
    number: u64,
}

impl Chain {
    fn empty(envelope: Envelope) -> Self {
        Self {
            filters: Vec::new(),
            enrichers: Vec::new(),
            redactors: Vec::new(),
            processors: Vec::new(),
            encoder: JsonEncoder::new(envelope),
            line: LineBuffer::new(),
            out: Vec::new(),
            number: 0,
        }
    }

    /// Everything is kept, masked where needed and encoded; nothing is too long.
    fn five_stages(envelope: Envelope, second_filter: Box<dyn Filter>) -> Self {
        let mask = FieldMask::new(["password", "card.number", "**.token"]).expect("valid paths");
        Self {
            filters: vec![Box::new(LevelFilter::new(Level::INFO)), second_filter],
            enrichers: vec![
                Box::new(StaticFields::new().field("service", "orders").field("env", "prod")),
                Box::new(Host::new()),
            ],
            redactors: vec![Box::new(mask)],
            processors: vec![Box::new(SizeGuard::new())],
            ..Self::empty(envelope)
        }
    }

    /// The line that comes of an event.
    fn carry(&mut self, event: &mut Event<'_>) -> Option<&[u8]> {
        for filter in &mut self.filters {
            let mut marked = Enrichment::new(event);
            if filter.filter(&mut marked).expect("these filters never fail") != Verdict::Keep {
                return None;
            }
            marked.commit();
        }
        for enricher in &mut self.enrichers {
            let mut enrichment = Enrichment::new(event);
            enricher.enrich(&mut enrichment).expect("these enrichers never fail");
            enrichment.commit();
        }
        for redactor in &mut self.redactors {
            redactor.redact(event).expect("these redactors never fail");
        }
        self.line.clear();
        self.number += 1;
        self.encoder.encode(event, Some(Identity { epoch: 1, lane: 0, number: self.number }), &mut self.line);
        for processor in &mut self.processors {
            self.out.clear();
            match processor.process(&self.line, &mut self.out).expect("these processors never fail") {
                Processed::Replaced => {
                    self.line.clear();
                    self.line.extend_from_slice(&self.out);
                }
                Processed::Unchanged => {}
                _ => return None,
            }
        }
        Some(&self.line)
    }
}

/// A message and six fields, one of them secret.
fn arguments() -> Vec<u8> {
    let mut bytes = Vec::new();
    Value::Str("order filled").encode(&mut bytes);
    for (name, value) in [
        ("order_id", Value::U64(4_711)),
        ("price", Value::F64(101.5)),
        ("symbol", Value::Str("ACMECORP")),
        ("user", Value::Str("ann")),
        ("password", Value::Str("hunter2")),
        ("retried", Value::Bool(false)),
    ] {
        encode_named(name, &value, &mut bytes);
    }
    bytes
}

fn chain(c: &mut Criterion) {
    let rate_limit = || -> Box<dyn Filter> {
        let filter = filters::RateLimit::builder().capacity(1_000).refill_rate_per_sec(1e9).key_field("user");
        Box::new(filter.build().expect("valid options"))
    };
    let sampling = filters::Sampling::builder().sample_rate(0.999_999_9).seed(1).build().expect("valid options");
    let arguments = arguments();
    let mut now = 1_700_000_000_000_000_000;
    let mut record = || {
        now += 1_000;
        Record {
            timestamp: now,
            level: Level::INFO,
            callsite: None,
            trace: None,
            shape: Shape { inline_message: true, named_arguments: true, ..Shape::default() },
            context: &[],
            arguments: black_box(&arguments),
        }
    };

    let mut group = c.benchmark_group("chain");
    group.throughput(Throughput::Elements(1));
    let mut buffers = EventBuffers::default();
    group.bench_function("open_only", |b| b.iter(|| black_box(Event::open(record(), &mut buffers).slots())));
    for (name, mut chain) in [
        ("encode_only", Chain::empty(Envelope::Flat)),
        ("rate_limit/flat", Chain::five_stages(Envelope::Flat, rate_limit())),
        ("rate_limit/v1_1", Chain::five_stages(Envelope::V1_1, rate_limit())),
        ("sampling/flat", Chain::five_stages(Envelope::Flat, Box::new(sampling))),
    ] {
        let mut event = Event::open(record(), &mut buffers);
        let line = chain.carry(&mut event).expect("it is kept");
        let hides = !line.windows(7).any(|part| part == b"hunter2");
        assert_eq!(hides, name != "encode_only", "{}", String::from_utf8_lossy(line));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut event = Event::open(record(), &mut buffers);
                black_box(chain.carry(&mut event).map(<[u8]>::len))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, chain);
criterion_main!(benches);
