//! The Loki sink behind the engine: labels, many streams, a Loki that restarts, an event that it refuses.
#![cfg(feature = "loki")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{
    BreakerSettings, EngineBuilder, FieldMask, LokiFormat, LokiSink, LokiSinkBuilder, OnFull, RawJson, RetrySettings,
    Scope, SinkOptions, Topology, TraceContext, error, info,
};
use serde_json::Value as Json;
use support::receiver::Receiver;
use support::{LONG, lock, parse, small, wait_until};

type Pairs = BTreeMap<String, String>;
/// Time in nanoseconds, line, structured metadata.
type Line = (u64, String, Pairs);

/// What a Loki of this process stores and how it answers.
#[derive(Default)]
struct Loki {
    /// As Loki does, it keeps lines of equal time, text and metadata once.
    streams: Mutex<BTreeMap<Pairs, Vec<Line>>>,
    /// A line with this text is refused, and nobody is told which one it was.
    poison: Option<&'static str>,
    delay: Duration,
    /// What it answers instead, and how.
    trouble: Mutex<Option<Trouble>>,
    /// Requests that met trouble.
    troubled: AtomicU64,
    under_way: AtomicU64,
    most_at_once: AtomicU64,
}

#[derive(Clone, Copy)]
enum Trouble {
    Hanging,
    EmptyRing,
}

impl Loki {
    fn serve(self) -> (Arc<Self>, Receiver) {
        let loki = Arc::new(self);
        let serving = Arc::clone(&loki);
        (loki, Receiver::start(move |request| serving.answer(&request.body)))
    }

    fn answer(&self, body: &str) -> Option<(u16, String)> {
        let trouble = *lock(&self.trouble);
        if let Some(trouble) = trouble {
            self.troubled.fetch_add(1, Ordering::SeqCst);
            return match trouble {
                Trouble::Hanging => None,
                Trouble::EmptyRing => Some((500, "empty ring\n".into())),
            };
        }
        let at_once = 1 + self.under_way.fetch_add(1, Ordering::SeqCst);
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        thread::sleep(self.delay);
        let refused = self.store(&parse(body));
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        Some(if refused { (400, "something is wrong\n".into()) } else { (204, String::new()) })
    }

    /// Stores what is not refused; says whether something was.
    fn store(&self, push: &Json) -> bool {
        let mut refused = false;
        let mut streams = lock(&self.streams);
        for stream in push["streams"].as_array().unwrap() {
            let stored = streams.entry(pairs(&stream["stream"])).or_default();
            for value in stream["values"].as_array().unwrap() {
                let text = |index: usize| value[index].as_str().unwrap().to_owned();
                let line = (text(0).parse().unwrap(), text(1), pairs(&value[2]));
                if self.poison.is_some_and(|poison| line.1.contains(poison)) {
                    refused = true;
                } else if !stored.contains(&line) {
                    stored.push(line);
                }
            }
        }
        refused
    }

    fn len(&self) -> u64 {
        lock(&self.streams).values().map(|lines| lines.len() as u64).sum()
    }

    /// The field `n` of all lines, sorted.
    fn numbers(&self) -> Vec<u64> {
        let streams = lock(&self.streams);
        let mut numbers: Vec<_> = streams.values().flatten().map(|(_, line, _)| number(line)).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn number(line: &str) -> u64 {
    parse(line)["n"].as_u64().unwrap()
}

fn pairs(object: &Json) -> Pairs {
    let pairs = object.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn owned(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sink(receiver: &Receiver) -> LokiSinkBuilder {
    LokiSink::builder(receiver.url()).format(LokiFormat::Json).timeout(LONG)
}

fn patient() -> EngineBuilder {
    small().on_full(OnFull::Block)
}

/// Pauses for a test; batches, queue and attempts as they are by default.
fn hasty(sink: SinkOptions) -> SinkOptions {
    let retry = RetrySettings::new().base_delay(Duration::from_millis(2)).max_delay(Duration::from_millis(20));
    sink.retry(retry).breaker(BreakerSettings::new().recovery(Duration::from_millis(10)))
}

#[test]
fn fields_become_labels_and_structured_metadata() {
    let (loki, receiver) = Loki::default().serve();
    let sink = sink(&receiver)
        .label("service", "orders")
        .label_keys(["level", "region"])
        .label_from("part", "logger")
        .structured_metadata(["order_id", "trace.id"])
        .build()
        .unwrap();
    let engine = patient().sink(sink).build().unwrap();
    let eu = engine.logger("checkout").with("region", "eu-1");
    let us = engine.logger("checkout").with("region", "us-2");
    for n in 0..200u64 {
        info!(eu, "filled", n, order_id = n * 3, "trace.id" = "4bf9");
        if n % 4 == 0 {
            error!(us, "declined", n, order_id = "none");
        }
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!(report.ledger.sink("loki").unwrap().delivered, 250);

    let streams = lock(&loki.streams);
    let labels =
        |level, region| owned(&[("level", level), ("part", "checkout"), ("region", region), ("service", "orders")]);
    assert_eq!(streams.len(), 2, "{:?}", streams.keys());
    let filled = &streams[&labels("info", "eu-1")];
    let declined = &streams[&labels("error", "us-2")];
    let numbers = |lines: &[Line]| lines.iter().map(|(_, line, _)| number(line)).collect::<Vec<_>>();
    assert_eq!(numbers(filled), (0..200).collect::<Vec<_>>(), "in order");
    assert_eq!(numbers(declined), (0..200).step_by(4).collect::<Vec<_>>(), "in order");
    for (_, line, metadata) in filled {
        let order_id = (number(line) * 3).to_string();
        assert_eq!(*metadata, owned(&[("order_id", &order_id), ("trace_id", "4bf9")]));
        assert_eq!(parse(line)["region"], "eu-1", "the line is whole");
    }
    assert!(declined.iter().all(|(_, _, metadata)| *metadata == owned(&[("order_id", "none")])));
}

#[test]
fn labels_and_metadata_come_from_inside_json_after_redaction_and_from_the_trace() {
    for topology in [Topology::Fused, Topology::PerStage] {
        let (loki, receiver) = Loki::default().serve();
        let sink = sink(&receiver)
            .label("service", "orders")
            .label_keys(["zone"])
            .label_from("plan", "user.plan")
            .label_from("severity", "level")
            .structured_metadata(["trace_id", "user.mail", "user.name"])
            .build()
            .unwrap();
        let mask = FieldMask::new(["user.mail"]).unwrap();
        let engine = patient().topology(topology).redactor(mask).sink(sink).build().unwrap();
        let logger = engine.logger("checkout");
        let trace = TraceContext { trace_id: [7; 16], span_id: [9; 8], flags: 1 };
        for (n, plan) in [(0u64, "gold"), (1, "free"), (2, "gold")] {
            let user = format!(r#"{{"plan":"{plan}","mail":"ada@example.com","name":"Zo\u00eb"}}"#);
            let _scope = Scope::new().trace(trace).enter();
            info!(logger, "filled", n, user = RawJson(&user));
        }
        info!(logger, "of nobody", n = 3u64, user = "unknown");
        let report = engine.shutdown(LONG);
        assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);

        let streams = lock(&loki.streams);
        let labels = |plan| owned(&[("plan", plan), ("service", "orders"), ("severity", "INFO")]);
        let numbers = |lines: &[Line]| lines.iter().map(|(_, line, _)| number(line)).collect::<Vec<_>>();
        assert_eq!((numbers(&streams[&labels("gold")]), numbers(&streams[&labels("free")])), (vec![0, 2], vec![1]));
        assert_eq!(numbers(&streams[&owned(&[("service", "orders"), ("severity", "INFO")])]), [3]);
        let trace_id = "07".repeat(16);
        let metadata = owned(&[("trace_id", &trace_id), ("user_mail", "***"), ("user_name", "Zoë")]);
        assert!(streams[&labels("gold")].iter().all(|(_, _, sent)| *sent == metadata), "{streams:?}");
    }
}

#[test]
fn fifty_streams_against_a_slow_loki_leave_the_queue_flat() {
    const STREAMS: u64 = 50;
    const PER_SECOND: u64 = 1_000;
    const EVENTS: u64 = 5 * PER_SECOND;
    let (loki, receiver) = Loki { delay: Duration::from_millis(50), ..Loki::default() }.serve();
    let sink = sink(&receiver).label_keys(["tenant"]).in_flight(4).build().unwrap();
    let engine = patient().sink(sink).build().unwrap();
    let logger = engine.logger("t");
    let tenants: Vec<_> = (0..STREAMS).map(|tenant| format!("tenant-{tenant}")).collect();
    let started = Instant::now();
    let mut most_waiting = 0;
    for n in 0..EVENTS {
        info!(logger, "m", n, tenant = &tenants[(n % STREAMS) as usize]);
        if n % STREAMS == STREAMS - 1 {
            let ledger = engine.ledger();
            let sink = ledger.sink("loki").unwrap();
            most_waiting = most_waiting.max(sink.queued + sink.in_flight);
            thread::sleep((Duration::from_secs(1) * (n as u32) / PER_SECOND as u32).saturating_sub(started.elapsed()));
        }
    }
    engine.flush(LONG).unwrap();
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("loki").unwrap();
    assert_eq!((sink.delivered, sink.retries), (EVENTS, 0), "{}", report.ledger);
    // What one request after the other could not carry away would be most of the events.
    assert!(most_waiting < EVENTS * 3 / 5, "{most_waiting} waited");
    let most_at_once = loki.most_at_once.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most_at_once), "{most_at_once} at once");
    let streams = lock(&loki.streams);
    assert_eq!(streams.len() as u64, STREAMS);
    for (tenant, name) in tenants.iter().enumerate() {
        let numbers: Vec<_> = streams[&owned(&[("service", "logwheel"), ("tenant", name)])]
            .iter()
            .map(|(_, line, _)| number(line))
            .collect();
        let expected: Vec<_> = (0..EVENTS).filter(|n| n % STREAMS == tenant as u64).collect();
        assert_eq!(numbers, expected, "{name}");
    }
}

#[test]
fn a_loki_that_restarts_under_load_costs_nothing() {
    let (loki, mut receiver) = Loki::default().serve();
    // What hangs is given up soon.
    let sink = sink(&receiver).timeout(Duration::from_millis(300)).label_keys(["level", "part"]).build().unwrap();
    let engine =
        patient().sink_with(sink, |sink| hasty(sink).batch_max_age(Duration::from_millis(10))).build().unwrap();
    let (stop, logged) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let logger = engine.logger("t");
            for n in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                info!(logger, "m", n, part = n % 3);
                logged.store(n + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_micros(500));
            }
        });
        let retries = || engine.ledger().sink("loki").unwrap().retries;
        let some_more = |what: &str| {
            let before = retries();
            wait_until(what, || retries() >= before + 4);
        };
        let trouble = |trouble| *lock(&loki.trouble) = trouble;
        wait_until("some events have arrived", || loki.len() > 100);
        for _ in 0..2 {
            // It ends, comes up, and is not ready for a while.
            receiver.go_away();
            some_more("connections were refused");
            trouble(Some(Trouble::Hanging));
            receiver.come_back();
            some_more("requests were left to hang");
            trouble(Some(Trouble::EmptyRing));
            some_more("requests were refused");
            let before = loki.len();
            trouble(None);
            wait_until("events arrive again", || loki.len() > before + 100);
        }
        stop.store(true, Ordering::SeqCst);
    });
    let logged = logged.load(Ordering::SeqCst);
    engine.flush(LONG).unwrap();
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("loki").unwrap();
    assert_eq!((sink.delivered, sink.total_dropped(), sink.total_rejected()), (logged, 0, 0), "{}", report.ledger);
    assert!(loki.troubled.load(Ordering::SeqCst) >= 8);
    assert_eq!(loki.numbers(), (0..logged).collect::<Vec<_>>(), "each of them, and once");
}

#[test]
fn one_poisonous_event_among_thousands_is_the_only_one_rejected() {
    const EVENTS: u64 = 5_000;
    const POISONOUS: u64 = 3_210;
    let (loki, receiver) = Loki { poison: Some("arsenic"), ..Loki::default() }.serve();
    let engine = patient().sink_with(sink(&receiver).build().unwrap(), hasty).build().unwrap();
    let logger = engine.logger("t");
    for n in 0..EVENTS {
        info!(logger, "m", n, dish = if n == POISONOUS { "arsenic" } else { "soup" });
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("loki").unwrap();
    assert_eq!((sink.delivered, sink.total_rejected()), (EVENTS - 1, 1), "{}", report.ledger);
    assert_eq!((sink.total_dropped(), sink.retries), (0, 0), "{}", report.ledger);
    let expected: Vec<_> = (0..EVENTS).filter(|n| *n != POISONOUS).collect();
    assert_eq!(loki.numbers(), expected);
}
