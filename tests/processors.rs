//! Processors in the pipeline: their order, what one that fails costs, and what the sinks get.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use logwheel::{
    EngineBuilder, Envelope, Health, Ledger, MemorySink, ProcessFailure, Processed, Processor, SizeAction, SizeGuard,
    StageError, info, named,
};
use support::{EXPECTED, LONG, events, lock, parse, silence_expected_panics, small, stage};

/// Logs one event through these processors; the lines that the sink got, and the books.
#[track_caller]
fn run(configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> (Vec<String>, Ledger) {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = configure(small()).sink(memory).build().unwrap();
    info!(engine.logger("t"), "hello", n = 1);
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    (handle.lines(), report.ledger)
}

/// Appends a member to each line.
fn mark(name: &'static str) -> impl Processor + 'static {
    named(name, move |line: &[u8], out: &mut Vec<u8>| {
        out.extend_from_slice(&line[..line.len() - 1]);
        out.extend_from_slice(format!(",\"{name}\":true}}").as_bytes());
        Processed::Replaced
    })
}

/// Writes half a line, then fails.
struct Failing;

impl Processor for Failing {
    fn name(&self) -> &str {
        "failing"
    }
    fn process(&mut self, _: &[u8], out: &mut Vec<u8>) -> Result<Processed, StageError> {
        out.extend_from_slice(b"{\"half\":");
        Err(StageError::new("no more"))
    }
}

#[test]
fn story_5_0_a_chain_of_two_keeps_its_order() {
    let (lines, _) = run(|builder| builder.processor(mark("first")).processor(mark("second")));
    assert!(lines[0].ends_with(r#""n":1,"first":true,"second":true}"#), "{lines:?}");
}

#[test]
fn story_5_0_without_processors_the_line_is_the_encoded_event() {
    let (lines, ledger) = run(|builder| builder);
    assert!(lines[0].ends_with(r#","logger":"t","message":"hello","n":1}"#), "{lines:?}");
    assert!(ledger.stages.is_empty());
}

#[test]
fn story_5_0_when_the_first_fails_the_second_runs_on_what_came() {
    let (lines, ledger) = run(|builder| builder.processor(mark("before")).processor(Failing).processor(mark("behind")));
    assert!(lines[0].ends_with(r#""n":1,"before":true,"behind":true}"#), "one step is lost, not the chain: {lines:?}");
    let errors = |name| stage(&ledger, name).errors;
    assert_eq!((errors("before"), errors("failing"), errors("behind")), (0, 1, 0), "counted where it was");
}

#[test]
fn story_5_0_on_error_drop_ends_the_event_and_counts_it() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let behind = named("behind", move |_: &[u8], _: &mut Vec<u8>| {
        counter.fetch_add(1, Ordering::SeqCst);
        Processed::Unchanged
    });
    let (lines, ledger) = run(|builder| builder.processor_with(Failing, ProcessFailure::Drop).processor(behind));
    assert!(lines.is_empty());
    assert_eq!(ledger.dropped["processing_failed"], 1);
    assert_eq!((stage(&ledger, "failing").ended, seen.load(Ordering::SeqCst)), (1, 0));
}

#[test]
fn story_5_0_an_empty_output_is_a_failure_and_never_an_empty_line() {
    let empty = || named("empty", |_: &[u8], _: &mut Vec<u8>| Processed::Replaced);
    let (lines, ledger) = run(|builder| builder.processor(empty()).processor(mark("behind")));
    assert!(lines[0].ends_with(r#""n":1,"behind":true}"#), "{lines:?}");
    assert_eq!(stage(&ledger, "empty").errors, 1);
    let (lines, ledger) = run(|builder| builder.processor_with(empty(), ProcessFailure::Drop));
    assert!(lines.is_empty());
    assert_eq!(ledger.dropped["processing_failed"], 1);
}

#[test]
fn story_5_0_what_the_chain_makes_is_what_every_sink_gets() {
    let other = MemorySink::new();
    let second = other.handle();
    let (lines, _) = run(|builder| {
        builder
            .processor(named("replace", |_: &[u8], out: &mut Vec<u8>| {
                out.extend_from_slice(b"[\"another line\"]");
                Processed::Replaced
            }))
            .sink_with(other, |sink| sink.name("other"))
    });
    assert_eq!(lines, ["[\"another line\"]"]);
    assert_eq!(second.lines(), lines);
}

#[test]
fn story_5_0_processors_are_started_asked_and_stopped() {
    #[derive(Clone, Default)]
    struct Watched(Arc<Mutex<Vec<String>>>, &'static str);
    impl Watched {
        fn note(&self, what: &str) {
            lock(&self.0).push(format!("{what} {}", self.1));
        }
    }
    impl Processor for Watched {
        fn name(&self) -> &str {
            self.1
        }
        fn start(&mut self) -> Result<(), StageError> {
            self.note("start");
            Ok(())
        }
        fn stop(&mut self) -> Result<(), StageError> {
            self.note("stop");
            Ok(())
        }
        fn health(&self) -> Health {
            Health::Healthy
        }
        fn process(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Processed, StageError> {
            self.note("process");
            Ok(Processed::Unchanged)
        }
    }
    let calls = Arc::default();
    let [a, b] = ["a", "b"].map(|name| Watched(Arc::clone(&calls), name));
    run(|builder| builder.processor(a).processor(b));
    let calls = lock(&calls).clone();
    assert_eq!(calls, ["start a", "start b", "process a", "process b", "stop b", "stop a"]);
}

/// Fails as encryption might, by an error or a panic.
struct Cipher {
    panics: bool,
}

impl Processor for Cipher {
    fn name(&self) -> &str {
        "cipher"
    }
    fn reads_json(&self) -> bool {
        false
    }
    fn wraps(&self) -> bool {
        true
    }
    fn process(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Processed, StageError> {
        assert!(!self.panics, "{EXPECTED}");
        Err(StageError::new("no key"))
    }
}

#[test]
fn story_5_0_a_wrapping_processor_that_fails_ships_no_clear_text_unless_told_to() {
    silence_expected_panics();
    for panics in [false, true] {
        let (lines, ledger) = run(|builder| builder.processor(Cipher { panics }));
        assert!(lines.is_empty(), "in the clear: {lines:?}");
        assert_eq!(ledger.dropped["processing_failed"], 1);
    }
    let (lines, _) = run(|builder| builder.processor_with(Cipher { panics: false }, ProcessFailure::Pass));
    assert_eq!(lines.len(), 1);
}

#[test]
fn story_5_13_an_engine_truncates_in_both_envelopes_and_counts() {
    for envelope in [Envelope::Flat, Envelope::V1_1] {
        let guard = SizeGuard::builder().max_bytes(400).build().unwrap();
        let counts = guard.counts();
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = small().workers(2).envelope(envelope).processor(guard).sink(memory).build().unwrap();
        let logger = engine.logger("orders");
        for n in 0..20 {
            info!(
                logger,
                "filled",
                n = n,
                correlation_id = "c-7",
                body = "b".repeat(if n % 2 == 0 { 10 } else { 900 })
            );
        }
        assert!(engine.shutdown(LONG).complete);
        assert_eq!((counts.truncated(), counts.dropped(), counts.warned()), (10, 0, 0));
        let events = events(&handle);
        assert_eq!(events.len(), 20);
        for (line, event) in handle.lines().iter().zip(&events) {
            assert!(line.len() <= 400, "{line}");
            let (fields, marks, context) = match envelope {
                Envelope::Flat => (event, event, event),
                _ => (&event["log"]["data"], &event["log"]["diagnostics"], &event["log"]["context"]),
            };
            let cut = fields["n"].as_u64().unwrap() % 2 == 1;
            assert_eq!(fields["body"].is_null(), cut);
            assert_eq!(marks["_truncated"] == true, cut);
            assert_eq!(context["correlation_id"], "c-7");
        }
    }
}

#[test]
fn story_5_13_a_dropped_event_is_in_the_books() {
    let guard = SizeGuard::builder().max_bytes(10).action(SizeAction::Drop).build().unwrap();
    let (lines, ledger) = run(|builder| builder.processor(guard));
    assert!(lines.is_empty());
    assert_eq!((ledger.dropped["size_guard"], stage(&ledger, "size_guard").ended), (1, 1));
    let marker = SizeGuard::builder().max_bytes(90).action(SizeAction::Drop).drop_marker(true).build().unwrap();
    let (lines, ledger) = run(|builder| builder.processor(marker));
    assert_eq!(parse(&lines[0])["_reason"], "payload_size_exceeded");
    assert_eq!(ledger.total_dropped(), 0);
}

#[cfg(feature = "encrypt")]
#[test]
fn encrypted_events_of_several_workers_come_back_and_each_has_its_nonce() {
    use logwheel::{Decryptor, Encrypt, EncryptKey};

    let key = EncryptKey::new("k1", &[7; 32]);
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().workers(3).processor(Encrypt::new(key.clone())).sink(memory).build().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let engine: &logwheel::Engine = &engine;
            scope.spawn(move || {
                engine.attach_thread().unwrap();
                for n in 0..100 {
                    info!(engine.logger("t"), "N33DLE", thread = thread, n = n);
                }
            });
        }
    });
    assert!(engine.shutdown(LONG).complete);
    let decryptor = Decryptor::new([key]);
    let mut nonces = std::collections::HashSet::new();
    for line in handle.lines() {
        assert!(!line.contains("N33DLE"), "{line}");
        nonces.insert(parse(&line)["nonce"].clone());
        let event = parse(str::from_utf8(&decryptor.decrypt(line.as_bytes()).unwrap()).unwrap());
        assert_eq!(event["message"], "N33DLE");
    }
    assert_eq!(nonces.len(), 300);
}
