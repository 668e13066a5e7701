//! The testing kit, used as a service or the author of a sink would.
#![cfg(all(feature = "testing", feature = "http"))]

use std::time::Duration;

use logwheel::testing::{
    Attempt, Reply, SECRETS, ScriptedServer, ScriptedSink, TestEvent, VirtualClock, batch_of, batch_of_lines, line_of,
    sensitive_event, trace_context,
};
use logwheel::{
    Engine, Envelope, FieldMask, FileSink, HttpFormat, HttpSink, Level, Redactor, RetrySettings, Rotation, Sink, info,
};

const LONG: Duration = Duration::from_secs(60);

fn quick() -> RetrySettings {
    RetrySettings::new().base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(1))
}

#[test]
fn a_scripted_sink_shows_how_the_engine_deals_with_each_outcome() {
    let sink = ScriptedSink::new([
        Attempt::retry(),
        Attempt::panic(),
        Attempt::split(),
        Attempt::reject([0]),
        Attempt::unconfirmed(1),
    ])
    .failing_starts(2);
    let seen = sink.handle();
    let engine =
        Engine::builder().sink_with(sink, |sink| sink.retry(quick()).batch_max_age(LONG).batch_max_events(4)).build();
    let engine = engine.unwrap();
    let logger = engine.logger("test");
    (0..4).for_each(|n| info!(logger, "event", n));
    let report = engine.shutdown(LONG);
    let ledger = report.ledger.sink("scripted").unwrap();
    assert!(report.complete && report.ledger.is_balanced());
    // Split in halves: of the first one entry was refused, of the second one may have arrived.
    assert_eq!((ledger.delivered, ledger.total_rejected(), ledger.unconfirmed, ledger.panics), (2, 1, 1, 1));
    assert_eq!((seen.starts(), seen.stops(), seen.attempts().len()), (3, 1, 5));
    let delivered: Vec<_> = seen.delivered().iter().map(|line| line.ends_with("\"n\":1}")).collect();
    assert_eq!(delivered, [true, false]);
}

#[test]
fn a_mixed_rejection_is_counted_by_reason() {
    let sink = ScriptedSink::new([Attempt::reject_by_reason([(0, "too_old"), (2, "line_too_long"), (3, "too_old")])]);
    let engine = Engine::builder().sink_with(sink, |sink| sink.batch_max_age(LONG).batch_max_events(5)).build();
    let engine = engine.unwrap();
    let logger = engine.logger("test");
    (0..5).for_each(|n| info!(logger, "event", n));
    let report = engine.shutdown(LONG);
    let ledger = report.ledger.sink("scripted").unwrap();
    assert!(report.complete && report.ledger.is_balanced());
    assert_eq!(ledger.rejected.clone().into_iter().collect::<Vec<_>>(), [("line_too_long", 1), ("too_old", 2)]);
    assert_eq!((ledger.delivered, ledger.total_rejected()), (2, 3));
    assert!(ledger.to_string().contains("rejected 1 (line_too_long), rejected 2 (too_old)"), "{ledger}");
}

#[test]
fn a_blocked_sink_holds_up_its_own_events_until_it_is_released() {
    let sink = ScriptedSink::new([Attempt::ok().blocked()]);
    let seen = sink.handle();
    let engine = Engine::builder().sink(sink).build().unwrap();
    info!(engine.logger("test"), "held up");
    assert!(seen.wait_until_blocked(LONG));
    assert!(engine.flush(Duration::from_millis(1)).is_err());
    seen.release();
    assert!(engine.flush(LONG).is_ok() && seen.delivered().len() == 1);
}

#[test]
fn a_scripted_server_shows_what_a_sink_sends() {
    let server = ScriptedServer::new([Reply::status(503), Reply::close(), Reply::status(204)]);
    let http = HttpSink::builder(server.url()).format(HttpFormat::Ndjson).timeout(LONG).build().unwrap();
    let engine = Engine::builder().sink_with(http, |sink| sink.retry(quick())).build().unwrap();
    info!(engine.logger("test"), "sent three times");
    let report = engine.shutdown(LONG);
    assert_eq!((report.ledger.sink("http").unwrap().retries, server.requests().len()), (2, 3));
    assert!(server.requests().iter().all(|request| request.text() == server.requests()[0].text()));
}

#[test]
fn a_redactor_can_be_held_against_an_event_full_of_secrets() {
    let paths =
        ["password", "card.number", "authorization", "api_key", "user.email", "user.id.ssn", "url", "client_ip"];
    let mut redactor = FieldMask::new(paths).unwrap();
    let event = sensitive_event().message("sign-in failed");
    for envelope in [Envelope::Flat, Envelope::V1_1] {
        let line = event.run(|event| {
            redactor.redact(event).unwrap();
            line_of(event, envelope)
        });
        assert!(SECRETS.iter().all(|secret| !line.contains(secret)), "{line}");
        assert!(line.contains(r#""order_id":42"#) && line.contains(r#""name":"ada""#), "{line}");
    }
}

#[test]
fn a_file_rotates_by_a_virtual_clock() {
    let directory = std::env::temp_dir().join(format!("logwheel-testing-{}", std::process::id()));
    let clock = VirtualClock::new();
    let shown = clock.clone();
    let mut sink =
        FileSink::new(directory.join("app.log")).rotate_every(Rotation::Hourly).clock(move || shown.system_time());
    sink.start().unwrap();
    let event = TestEvent::new().level(Level::WARN).timestamp(clock.unix_nanos()).trace(trace_context(1));
    sink.deliver(&batch_of([&event, &event])).unwrap();
    sink.deliver(&batch_of_lines(["{}"])).unwrap();
    clock.advance(Duration::from_secs(3_600));
    sink.deliver(&batch_of_lines(["{}"])).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["app-20260101T010000Z-001.log", "app.log"]);
    std::fs::remove_dir_all(directory).unwrap();
}
