//! Delivery through a running engine: outages, the spool, streams, the breaker, what a flush reports.

mod support;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logwheel::{
    Batch, BreakerSettings, Delivered, DeliveryError, Diagnostic, Engine, EngineBuilder, Entry, FlushError, MemorySink,
    NullSink, OnFull, Overflow, RetrySettings, Sink, SinkOptions, SpoolSettings, SpoolSync, info,
};
use support::{Gate, LONG, Reply, ScriptedSink, lock, small, wait_until};

/// A folder of its own for one test; whatever an earlier run left there is gone.
fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("spool-{name}"));
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", dir.display()),
        _ => dir,
    }
}

fn spool(dir: &PathBuf) -> SpoolSettings {
    SpoolSettings::new(dir).sync(SpoolSync::Never)
}

/// Small and quick in everything.
fn hasty(sink: SinkOptions) -> SinkOptions {
    let retry = RetrySettings::new().base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(5));
    let breaker = BreakerSettings::new().recovery(Duration::from_millis(5));
    sink.retry(retry).breaker(breaker).batch_max_events(20).batch_max_bytes(4_000).queue_bytes(20_000)
}

/// A destination that can be switched off.
fn switched(up: &Arc<AtomicBool>) -> ScriptedSink {
    let up = Arc::clone(up);
    ScriptedSink::new(move |_| if up.load(Ordering::SeqCst) { Reply::Accept } else { Reply::Retry })
}

fn patient() -> EngineBuilder {
    small().on_full(OnFull::Block)
}

fn numbers(lines: &[String]) -> Vec<u64> {
    lines.iter().map(|line| support::parse(line)["n"].as_u64().unwrap()).collect()
}

#[test]
fn an_outage_under_load_loses_nothing_with_a_spool() {
    const EVENTS: u64 = 6_000;
    let up = Arc::new(AtomicBool::new(true));
    let sink = switched(&up);
    let record = sink.record();
    let dir = scratch("outage");
    let engine = patient().sink_with(sink, |sink| hasty(sink).spool(spool(&dir))).build().unwrap();
    let logger = engine.logger("t");
    for n in 0..EVENTS {
        match n {
            1_000 => up.store(false, Ordering::SeqCst),
            4_000 => {
                engine.flush(LONG).unwrap();
                let ledger = engine.ledger();
                let sink = ledger.sink("scripted").unwrap();
                assert!(sink.spooled > 2_000 && ledger.is_balanced(), "{ledger}");
                up.store(true, Ordering::SeqCst);
            }
            _ => {}
        }
        info!(logger, "m", n);
    }
    wait_until("everything has arrived", || record.get().accepted.len() as u64 == EVENTS);
    assert_eq!(numbers(&record.get().accepted), (0..EVENTS).collect::<Vec<_>>(), "once each, and in order");
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("scripted").unwrap();
    assert_eq!((sink.delivered, sink.spooled, sink.total_dropped()), (EVENTS, 0, 0));
    let left = fs::read_dir(&dir).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some());
    assert_eq!(left.count(), 0, "no segment is left");
}

#[test]
fn an_outage_without_a_spool_loses_what_the_books_say() {
    const EVENTS: u64 = 3_000;
    let up = Arc::new(AtomicBool::new(false));
    let sink = switched(&up);
    let record = sink.record();
    let engine = patient().sink_with(sink, hasty).build().unwrap();
    let logger = engine.logger("t");
    (0..EVENTS).for_each(|n| info!(logger, "m", n));
    wait_until("all have left the lanes", || engine.ledger().in_lanes == 0);
    up.store(true, Ordering::SeqCst);
    let report = engine.shutdown(LONG);
    assert!(report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("scripted").unwrap();
    assert_eq!(sink.delivered, record.get().accepted.len() as u64);
    assert_eq!(sink.delivered + sink.dropped["queue_full"], EVENTS, "{}", report.ledger);
    assert!(sink.delivered > 50 && numbers(&record.get().accepted).is_sorted());
}

#[test]
fn the_next_process_delivers_what_the_last_one_could_not() {
    let dir = scratch("restart");
    let up = Arc::new(AtomicBool::new(false));
    let build = |up: &Arc<AtomicBool>| {
        let sink = switched(up);
        let record = sink.record();
        (patient().sink_with(sink, |sink| hasty(sink).spool(spool(&dir))).build().unwrap(), record)
    };
    for run in 0..3u64 {
        let (engine, _) = build(&up);
        assert_eq!(engine.ledger().sink("scripted").unwrap().recovered, run * 500);
        let logger = engine.logger("t");
        (run * 500..(run + 1) * 500).for_each(|n| info!(logger, "m", n));
        let report = engine.shutdown(LONG);
        assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
        let sink = report.ledger.sink("scripted").unwrap();
        assert_eq!((sink.spooled, sink.total_dropped()), ((run + 1) * 500, 0), "{}", report.ledger);
    }
    up.store(true, Ordering::SeqCst);
    let (engine, record) = build(&up);
    let logger = engine.logger("t");
    (1_500..1_600).for_each(|n| info!(logger, "m", n));
    wait_until("everything has arrived", || record.get().accepted.len() == 1_600);
    assert_eq!(numbers(&record.get().accepted), (0..1_600).collect::<Vec<_>>(), "the old ones first");
    let report = engine.shutdown(LONG);
    let sink = report.ledger.sink("scripted").unwrap();
    assert_eq!(
        (sink.routed, sink.recovered, sink.delivered, sink.spooled),
        (100, 1_500, 1_600, 0),
        "{}",
        report.ledger
    );
    assert!(report.ledger.is_balanced());
}

#[test]
fn what_a_hanging_sink_holds_at_the_end_goes_to_its_spool() {
    let dir = scratch("hanging");
    let gate = Gate::new();
    let hanging = ScriptedSink::replies([Reply::Wait(gate.clone())]);
    let engine = patient().sink_with(hanging, |sink| hasty(sink).spool(spool(&dir))).build().unwrap();
    let logger = engine.logger("t");
    (0..100).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let report = engine.shutdown(Duration::from_millis(300));
    assert!(!report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("scripted").unwrap();
    assert_eq!((sink.spooled, sink.total_dropped()), (100, 0), "{}", report.ledger);
    // Its thread is still there; the spool is free for the next one.
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = patient().sink_with(memory, |sink| sink.spool(spool(&dir))).build().unwrap();
    assert!(handle.wait_for(100, LONG));
    assert_eq!(numbers(&handle.lines()), (0..100).collect::<Vec<_>>());
    drop(engine);
    gate.open();
}

#[test]
fn a_spool_belongs_to_one_sink_of_one_engine() {
    let dir = scratch("lock");
    let build = || Engine::builder().sink_with(MemorySink::new(), |sink| sink.spool(spool(&dir))).build();
    let engine = build().unwrap();
    let error = build().unwrap_err();
    assert!(
        error.problems()[0].contains("sink \"memory\": spool.dir") && error.to_string().contains("in use"),
        "{error}"
    );
    drop(engine);
    drop(build().unwrap());
}

#[test]
fn options_of_delivery_are_checked() {
    let problem = |configure: fn(SinkOptions) -> SinkOptions| {
        let error = Engine::builder().sink_with(MemorySink::new(), configure).build().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        error.problems()[0].clone()
    };
    for (problem, parts) in [
        (problem(|sink| sink.overflow(Overflow::Spool)), ["overflow = spool", "`spool`"]),
        (problem(|sink| sink.in_flight(0)), ["in_flight = 0", "1 to 64"]),
        (problem(|sink| sink.breaker(BreakerSettings::new().failure_threshold(0))), ["failure_threshold is 0", "1"]),
        (problem(|sink| sink.breaker(BreakerSettings::new().recovery(Duration::ZERO))), ["recovery is 0", "more"]),
        (problem(|sink| sink.spool(SpoolSettings::new("x").max_bytes(1))), ["spool.max_bytes is 1", "65536"]),
    ] {
        assert!(problem.starts_with("sink \"memory\""), "{problem}");
        parts.iter().for_each(|part| assert!(problem.contains(part), "{part:?} is missing: {problem}"));
    }
}

/// Takes a moment for each batch, and sees what comes together.
#[derive(Clone, Default)]
struct StreamSink {
    shared: Arc<Mutex<Streams>>,
    most_at_once: Arc<AtomicU64>,
}

#[derive(Default)]
struct Streams {
    under_way: HashSet<u64>,
    arrived: HashMap<u64, Vec<u64>>,
}

fn stream_of(payload: &[u8]) -> u64 {
    support::parse(std::str::from_utf8(payload).unwrap())["stream"].as_u64().unwrap()
}

impl Sink for StreamSink {
    fn name(&self) -> &str {
        "streams"
    }
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let stream = stream_of(batch.get(0).unwrap().payload);
        {
            let mut streams = lock(&self.shared);
            assert!(streams.under_way.insert(stream), "two batches of stream {stream} at once");
            self.most_at_once.fetch_max(streams.under_way.len() as u64, Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_millis(2));
        let mut streams = lock(&self.shared);
        streams.under_way.remove(&stream);
        let arrived = streams.arrived.entry(stream).or_default();
        for entry in batch.iter() {
            assert_eq!(stream_of(entry.payload), stream, "a batch of several streams");
            arrived.extend(numbers(&[String::from_utf8(entry.payload.to_vec()).unwrap()]));
        }
        Ok(Delivered::all())
    }
    fn stream_of(&self, _: &Batch, entry: &Entry<'_>) -> u64 {
        stream_of(entry.payload)
    }
    fn in_flight(&self) -> usize {
        4
    }
    fn replicate(&self) -> Option<Box<dyn Sink>> {
        Some(Box::new(self.clone()))
    }
}

#[test]
fn batches_of_different_streams_are_under_way_together_and_those_of_one_never_are() {
    let sink = StreamSink::default();
    let (shared, most_at_once) = (Arc::clone(&sink.shared), Arc::clone(&sink.most_at_once));
    let engine = patient().sink_with(sink, |sink| sink.batch_max_events(50)).build().unwrap();
    let logger = engine.logger("t");
    for n in 0..3_000u64 {
        info!(logger, "m", stream = n % 7, n);
    }
    engine.flush(LONG).unwrap();
    let streams = lock(&shared);
    for stream in 0..7 {
        let expected: Vec<u64> = (0..3_000).filter(|n| n % 7 == stream).collect();
        assert_eq!(streams.arrived[&stream], expected, "stream {stream}");
    }
    let most = most_at_once.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at once");
    drop(streams);
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_dead_sink_among_three_costs_the_others_nothing() {
    let gate = Gate::new();
    let (first, second) = (MemorySink::new(), MemorySink::new());
    let handles = [first.handle(), second.handle()];
    let engine = patient()
        .sink_with(first, |sink| sink.name("first"))
        .sink_with(ScriptedSink::replies([Reply::Wait(gate.clone())]), |sink| hasty(sink).name("dead"))
        .sink_with(second, |sink| sink.name("second"))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..5_000).for_each(|n| info!(logger, "m", n));
    for handle in &handles {
        assert!(handle.wait_for(5_000, LONG));
    }
    gate.open();
    assert!(engine.shutdown(LONG).ledger.is_balanced());
}

#[test]
fn a_flush_reports_what_became_of_the_events_of_each_sink() {
    // Nothing is sent before a flush.
    let lazy = |sink: SinkOptions| sink.batch_max_events(1_000).batch_max_age(10 * LONG);
    let dir = scratch("flush");
    let (up, once) = (Arc::new(AtomicBool::new(true)), RetrySettings::new().max_attempts(1));
    let engine = patient()
        .sink_with(ScriptedSink::new(|_| Reply::RejectEvery(10)), |sink| lazy(sink).name("picky"))
        .sink_with(switched(&up), |sink| lazy(sink).name("spooling").spool(spool(&dir)).retry(once))
        .sink_with(MemorySink::new(), |sink| lazy(sink).name("memory"))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    let flush = || {
        let report = engine.flush_report(LONG).unwrap();
        assert!(report.elapsed < LONG);
        ["memory", "picky", "spooling"].map(|name| {
            let sink = report.sinks.iter().find(|sink| sink.name == name).unwrap();
            (sink.delivered, sink.rejected, sink.spooled + sink.left)
        })
    };
    (0..100).for_each(|n| info!(logger, "m", n));
    assert_eq!(flush(), [(100, 0, 0), (90, 10, 0), (100, 0, 0)]);
    assert_eq!(flush(), [(0, 0, 0); 3]);
    up.store(false, Ordering::SeqCst);
    (0..50).for_each(|n| info!(logger, "m", n));
    // What is in the spool has a fate.
    assert_eq!(flush(), [(50, 0, 0), (45, 5, 0), (0, 0, 50)]);
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!(ledger.sink("spooling").unwrap().spooled, 50, "{ledger}");
}

#[test]
fn a_flush_that_times_out_reports_what_it_did() {
    let gate = Gate::new();
    let engine = patient()
        .sink_with(ScriptedSink::replies([Reply::Wait(gate.clone())]), |sink| sink.name("stuck"))
        .sink_with(MemorySink::new(), |sink| sink.batch_max_age(10 * LONG))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..10).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let error = engine.flush_report(Duration::from_millis(200)).unwrap_err();
    let FlushError::TimedOut { flushed, .. } = error else { panic!("{error:?}") };
    let of = |name: &str| flushed.iter().find(|sink| sink.name == name).map(|sink| (sink.delivered, sink.left));
    assert_eq!((of("stuck"), of("memory")), (Some((0, 10)), Some((10, 0))));
    gate.open();
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_sink_that_may_block_the_others_is_pointed_out() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let build = |sinks: u32, on_full: OnFull| {
        let hearing = Arc::clone(&said);
        let block = Overflow::Block(Duration::from_secs(3));
        let blocking = |sink: SinkOptions| sink.name("slow").overflow(block);
        let standby = |sink: SinkOptions| sink.name("spare").overflow(block).standby(true);
        let builder = small().on_full(on_full).sink_with(MemorySink::new(), blocking).sink_with(NullSink, standby);
        let builder = builder
            .diagnostics(move |d: &Diagnostic<'_>| lock(&hearing).push(format!("{}: {}", d.component, d.message)));
        let more = |builder: EngineBuilder, n: u32| builder.sink_with(NullSink, |sink| sink.name(format!("other-{n}")));
        let engine = (1..sinks).fold(builder, more).build().unwrap();
        assert!(engine.shutdown(LONG).complete);
        std::mem::take(&mut *lock(&said))
    };
    assert_eq!(build(1, OnFull::Wait), [""; 0], "it can block only itself");
    let warning = "slow: overflow = block: while its queue is full, no other sink gets anything, up to 3s";
    assert_eq!(build(3, OnFull::Wait), [warning]);
    assert_eq!(build(3, OnFull::Block), [""; 0], "callers wait in any case");
}
