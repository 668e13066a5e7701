//! Code of others that panics, or logs where nobody expects it, costs at most its own effect.

mod support;

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use logwheel::{
    Engine, Enrichment, Event, Lanes, Ledger, Logger, MemorySink, OnFull, ProcessFailure, Processed, RedactFailure,
    RetrySettings, Scope, Value, info, named,
};
use serde_json::{Value as Json, json};
use support::{EXPECTED, FusedWorkers, Gate, LONG, Reply, ScriptedSink, events, silence_expected_panics, small, stage};

/// Writes a part of its text, then panics.
struct Bomb;

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half a te")?;
        panic!("{EXPECTED}")
    }
}

impl fmt::Debug for Bomb {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("{EXPECTED}")
    }
}

#[test]
fn a_value_that_panics_while_it_is_formatted_is_marked_and_its_event_arrives() {
    silence_expected_panics();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let logger = engine.logger("t");
    info!(logger, "display", before = 1, bomb = %Bomb, after = %"after");
    info!(logger, "debug", bomb = ?Bomb, other = ?"x");
    info!(logger, "both", a = %Bomb, b = ?Bomb);
    info!(logger, "fine", text = %"fine");
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(ledger.notes.format_panics, 4);
    let events = events(&handle);
    assert_eq!(events.len(), 4);
    let mark = json!("[panicked while formatting]");
    assert_eq!((&events[0]["before"], &events[0]["bomb"], &events[0]["after"]), (&json!(1), &mark, &json!("after")));
    assert_eq!((&events[1]["bomb"], &events[1]["other"]), (&mark, &json!("\"x\"")));
    assert_eq!((&events[2]["a"], &events[2]["b"]), (&mark, &mark));
    assert_eq!(events[3]["text"], "fine");
}

/// Logs an event of its own in the midst of being formatted.
struct Chatty<'a> {
    logger: &'a Logger,
    depth: u32,
}

impl fmt::Display for Chatty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out")?;
        if self.depth > 0 {
            let deeper = Chatty { logger: self.logger, depth: self.depth - 1 };
            info!(self.logger, "inner", depth = self.depth, a = %"before", deeper = %deeper, b = ?"behind");
        }
        f.write_str("er")
    }
}

#[test]
fn a_display_that_logs_itself_disturbs_neither_event() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let logger = engine.logger("t");
    for attached in [false, true] {
        if attached {
            engine.attach_thread().unwrap();
        }
        info!(logger, "outer", a = %"first", chatty = %Chatty { logger: &logger, depth: 3 }, b = %"last");
    }
    assert!(engine.shutdown(LONG).complete);
    let events = events(&handle);
    for round in events.chunks(4) {
        let depths: Vec<_> = round.iter().map(|event| event["depth"].as_u64().unwrap_or(0)).collect();
        assert_eq!(depths, [1, 2, 3, 0], "the innermost is finished first");
        for inner in &round[..3] {
            assert_eq!([&inner["a"], &inner["deeper"], &inner["b"]], ["before", "outer", "\"behind\""]);
        }
        assert_eq!([&round[3]["a"], &round[3]["chatty"], &round[3]["b"]], ["first", "outer", "last"]);
    }
    assert_eq!(events.len(), 8);
}

const EVENTS: u64 = 300;

fn number(event: &Event<'_>) -> u64 {
    match event.get("n") {
        Some(Value::U64(n)) => n,
        _ => u64::MAX,
    }
}

fn json_number(line: &[u8]) -> u64 {
    serde_json::from_slice::<Json>(line).unwrap()["n"].as_u64().unwrap()
}

/// Logs `EVENTS` numbered events, each with a secret, a scope and a message made at run time.
fn log_and_shut_down(engine: Engine) -> Ledger {
    let logger = engine.logger("t").with("bound", "b-1");
    let _scope = Scope::new().field("scoped", "s-1").enter();
    for n in 0..EVENTS {
        info!(logger, format!("message {n}"), n, secret = "hunter2");
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!(report.ledger.submitted, EVENTS);
    report.ledger
}

#[test]
fn a_filter_that_panics_keeps_the_event() {
    silence_expected_panics();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .filter(named("bomb", |event: &Event<'_>| {
            assert!(!number(event).is_multiple_of(3), "{EXPECTED}");
            number(event) % 3 == 1
        }))
        .sink(memory)
        .build()
        .unwrap();
    let ledger = log_and_shut_down(engine);
    assert_eq!(stage(&ledger, "bomb").panics, EVENTS / 3);
    assert_eq!(ledger.filtered["bomb"], EVENTS / 3, "what it drops on purpose");
    let numbers: Vec<_> = events(&handle).iter().map(|event| event["n"].as_u64().unwrap()).collect();
    let expected: Vec<_> = (0..EVENTS).filter(|n| n % 3 != 2).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn what_a_panicking_enricher_had_added_is_taken_back() {
    silence_expected_panics();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .enricher(named("first", |event: &mut Enrichment<'_, '_>| {
            event.add("first", 1);
        }))
        .enricher(named("bomb", |event: &mut Enrichment<'_, '_>| {
            event.add("half", "added before the panic");
            assert!(!number(event).is_multiple_of(5), "{EXPECTED}");
            event.add("whole", true);
        }))
        .enricher(named("last", |event: &mut Enrichment<'_, '_>| {
            event.add("last", 3);
        }))
        .sink(memory)
        .build()
        .unwrap();
    let ledger = log_and_shut_down(engine);
    assert_eq!(stage(&ledger, "bomb").panics, EVENTS / 5);
    assert_eq!(stage(&ledger, "first").panics + stage(&ledger, "last").panics, 0);
    let events = events(&handle);
    assert_eq!(events.len() as u64, EVENTS);
    for (n, event) in (0..).zip(&events) {
        assert_eq!(event["n"], n);
        assert_eq!([&event["first"], &event["last"]], [1, 3], "its neighbours have their say");
        let panicked = n % 5 == 0;
        assert_eq!(event.get("half").is_none(), panicked, "{event}");
        assert_eq!(event.get("whole").is_none(), panicked, "{event}");
    }
}

fn engine_with_a_panicking_redactor(on_error: Option<RedactFailure>, memory: MemorySink) -> Engine {
    silence_expected_panics();
    let redactor = named("bomb", |event: &mut Event<'_>| {
        let secret = event.position("secret").unwrap();
        assert!(!number(event).is_multiple_of(4), "{EXPECTED}");
        event.replace(secret, Value::Str("[gone]"));
    });
    let builder = small().on_full(OnFull::Block).enricher(|event: &mut Enrichment<'_, '_>| {
        event.add("added", "by a stage");
    });
    let builder = match on_error {
        None => builder.redactor(redactor),
        Some(on_error) => builder.redactor_with(redactor, on_error),
    };
    builder.sink(memory).build().unwrap()
}

#[test]
fn a_redactor_that_panics_masks_every_value_and_says_so() {
    for on_error in [None, Some(RedactFailure::Mask)] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let ledger = log_and_shut_down(engine_with_a_panicking_redactor(on_error, memory));
        assert_eq!(stage(&ledger, "bomb").panics, EVENTS / 4);
        let events = events(&handle);
        assert_eq!(events.len() as u64, EVENTS);
        for (n, event) in (0..).zip(&events) {
            if n % 4 == 0 {
                assert_eq!(event["_redaction_failed"], true, "{event}");
                for name in ["message", "n", "secret", "bound", "scoped", "added"] {
                    assert_eq!(event[name], "***", "{name} of {event}");
                }
            } else {
                assert_eq!(event.get("_redaction_failed"), None, "{event}");
                assert_eq!((&event["n"], &event["secret"]), (&json!(n), &json!("[gone]")));
                assert_eq!([&event["bound"], &event["scoped"], &event["added"]], ["b-1", "s-1", "by a stage"]);
            }
        }
    }
}

#[test]
fn a_redactor_that_panics_masks_no_text_of_the_statements_author() {
    silence_expected_panics();
    let event = support::one_event(
        |builder| builder.redactor(|_: &mut Event<'_>| panic!("{EXPECTED}")),
        |logger| info!(logger, "a fixed text", user = "ada"),
    );
    assert_eq!(event["message"], "a fixed text");
    assert_eq!((&event["user"], &event["_redaction_failed"]), (&json!("***"), &json!(true)));
}

#[test]
fn a_redactor_that_panics_drops_the_event_if_asked_to() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let ledger = log_and_shut_down(engine_with_a_panicking_redactor(Some(RedactFailure::Drop), memory));
    assert_eq!(ledger.dropped["redaction_failed"], EVENTS / 4);
    assert_eq!((stage(&ledger, "bomb").panics, stage(&ledger, "bomb").ended), (EVENTS / 4, EVENTS / 4));
    let numbers: Vec<_> = events(&handle).iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..EVENTS).filter(|n| n % 4 != 0).collect::<Vec<_>>());
}

#[test]
fn a_redactor_that_panics_lets_the_event_pass_only_if_asked_to() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let ledger = log_and_shut_down(engine_with_a_panicking_redactor(Some(RedactFailure::Pass), memory));
    assert_eq!(stage(&ledger, "bomb").panics, EVENTS / 4);
    let events = events(&handle);
    assert_eq!(events.len() as u64, EVENTS);
    for (n, event) in (0..).zip(&events) {
        assert_eq!(event["secret"], if n % 4 == 0 { "hunter2" } else { "[gone]" });
    }
}

fn engine_with_a_panicking_processor(on_error: Option<ProcessFailure>, memory: MemorySink) -> Engine {
    silence_expected_panics();
    let processor = named("bomb", |line: &[u8], out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"half\":");
        let n = json_number(line);
        assert!(!n.is_multiple_of(6), "{EXPECTED}");
        out.clear();
        out.extend_from_slice(format!("{{\"n\":{n},\"processed\":true}}").as_bytes());
        Processed::Replaced
    });
    let behind = named("behind", |line: &[u8], _: &mut Vec<u8>| {
        json_number(line);
        Processed::Unchanged
    });
    let builder = small().on_full(OnFull::Block);
    let builder = match on_error {
        None => builder.processor(processor),
        Some(on_error) => builder.processor_with(processor, on_error),
    };
    builder.processor(behind).sink(memory).build().unwrap()
}

#[test]
fn a_processor_that_panics_leaves_the_line_as_it_came() {
    for on_error in [None, Some(ProcessFailure::Pass)] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let ledger = log_and_shut_down(engine_with_a_panicking_processor(on_error, memory));
        assert_eq!((stage(&ledger, "bomb").panics, stage(&ledger, "behind").panics), (EVENTS / 6, 0));
        let events = events(&handle);
        assert_eq!(events.len() as u64, EVENTS);
        for (n, event) in (0..).zip(&events) {
            assert_eq!(event["n"], n);
            assert_eq!(event.get("processed").is_none(), n % 6 == 0);
            assert_eq!(event.get("message").is_some(), n % 6 == 0);
        }
    }
}

#[test]
fn a_processor_that_panics_drops_the_line_if_asked_to() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let ledger = log_and_shut_down(engine_with_a_panicking_processor(Some(ProcessFailure::Drop), memory));
    assert_eq!(ledger.dropped["processing_failed"], EVENTS / 6);
    assert_eq!((stage(&ledger, "bomb").panics, stage(&ledger, "bomb").ended), (EVENTS / 6, EVENTS / 6));
    let numbers: Vec<_> = events(&handle).iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..EVENTS).filter(|n| n % 6 != 0).collect::<Vec<_>>());
}

#[test]
fn a_processor_that_writes_two_lines_has_failed() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .processor(named("two_lines", |_: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(b"{}\n{}");
            Processed::Replaced
        }))
        .sink(memory)
        .build()
        .unwrap();
    info!(engine.logger("t"), "one");
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!(stage(&ledger, "two_lines").errors, 1);
    assert_eq!(events(&handle)[0]["message"], "one");
}

#[test]
fn stages_of_all_kinds_may_panic_on_the_same_event_with_several_workers() {
    silence_expected_panics();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .fused_workers(3)
        .promote_after(10)
        .filter(|_: &Event<'_>| -> bool { panic!("{EXPECTED}") })
        .enricher(|_: &mut Enrichment<'_, '_>| panic!("{EXPECTED}"))
        .redactor_with(|_: &mut Event<'_>| panic!("{EXPECTED}"), RedactFailure::Pass)
        .processor(|_: &[u8], _: &mut Vec<u8>| -> Processed { panic!("{EXPECTED}") })
        .sink(memory)
        .build()
        .unwrap();
    thread::scope(|scope| {
        for thread in 0..3u64 {
            let logger = engine.logger("t");
            scope.spawn(move || (0..100u64).for_each(|n| info!(logger, "m", thread, n)));
        }
    });
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!(handle.len(), 300);
    let panics: Vec<_> = report.ledger.stages.iter().map(|stage| stage.panics).collect();
    assert_eq!(panics, [300; 4]);
    support::assert_each_thread_in_order(&support::thread_and_number(&handle.lines()));
}

#[test]
fn a_sink_that_panics_gets_the_batch_again_until_everything_arrives_once() {
    silence_expected_panics();
    let sink = ScriptedSink::replies([Reply::Panic, Reply::Accept, Reply::Panic, Reply::Panic]);
    let record = sink.record();
    let engine = small()
        .on_full(OnFull::Block)
        .sink_with(sink, |sink| {
            let retry = RetrySettings::new().base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(2));
            sink.batch_max_events(50).retry(retry)
        })
        .build()
        .unwrap();
    let ledger = log_and_shut_down(engine);
    let sink = ledger.sink("scripted").unwrap();
    assert_eq!((sink.delivered, sink.panics, sink.retries), (EVENTS, 3, 3));
    let numbers: Vec<_> = record.events().iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
}

#[test]
fn a_diagnostics_hook_that_panics_does_no_harm() {
    silence_expected_panics();
    let called = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&called);
    let sink = ScriptedSink::replies([Reply::Retry]);
    let record = sink.record();
    let engine = support::engine()
        .diagnostics(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            panic!("{EXPECTED}")
        })
        .on_full(OnFull::Block)
        .filter(|_: &Event<'_>| -> bool { panic!("{EXPECTED}") })
        .sink_with(sink, |sink| sink.retry(RetrySettings::new().base_delay(Duration::from_millis(1))))
        .build()
        .unwrap();
    log_and_shut_down(engine);
    assert_eq!(record.get().accepted.len() as u64, EVENTS);
    assert!(called.load(Ordering::Relaxed) >= 2, "once for the filter and once for the sink");
}

#[test]
fn a_stage_that_logs_into_its_own_full_lane_does_not_wait_for_itself() {
    const OUTER: u64 = 600;
    let own: Arc<OnceLock<Logger>> = Arc::default();
    let gate = Gate::new();
    let inner = Arc::new(AtomicU64::new(0));
    let filter = {
        let (own, gate, inner) = (Arc::clone(&own), gate.clone(), Arc::clone(&inner));
        let first = Cell::new(true);
        move |event: &Event<'_>| {
            if first.take() {
                gate.pass();
            }
            if event.message() == "outer" {
                inner.fetch_add(1, Ordering::Relaxed);
                info!(own.get().unwrap(), "inner", n = number(event));
            }
            true
        }
    };
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().lanes(Lanes::Shared).on_full(OnFull::Block).filter(filter).sink(memory).build().unwrap();
    own.set(engine.logger("stage")).unwrap();
    let logger = engine.logger("service");
    thread::scope(|scope| {
        scope.spawn(|| (0..OUTER).for_each(|n| info!(logger, "outer", n)));
        support::wait_until("the lane is full", || engine.ledger().notes.full_waits > 0);
        gate.open();
    });
    engine.flush(LONG).unwrap();
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(ledger.submitted, OUTER + inner.load(Ordering::Relaxed));
    assert_eq!(inner.load(Ordering::Relaxed), OUTER);
    let reentrant = ledger.dropped["reentrant"];
    assert!(reentrant > 0);
    assert_eq!(ledger.total_dropped(), reentrant, "{ledger}");
    assert_eq!(handle.len() as u64, 2 * OUTER - reentrant);
    let outer = events(&handle).iter().filter(|event| event["message"] == "outer").count();
    assert_eq!(outer as u64, OUTER, "nothing of the service is lost");
}
