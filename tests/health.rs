//! Stages and sinks say how they are, and whoever runs the service can ask.

mod support;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logwheel::{
    Batch, Delivered, DeliveryError, Enricher, Enrichment, Event, Filter, Health, MemorySink, OnFull, Sink, SinkError,
    StageError, Verdict, info, named,
};
use support::{EXPECTED, LONG, engine, silence_expected_panics, small, wait_until};

/// A sink whose fate is in the test's hands.
#[derive(Clone, Default)]
struct Fragile(Arc<Switches>);

#[derive(Default)]
struct Switches {
    no_start: AtomicBool,
    no_delivery: AtomicBool,
    panics: AtomicBool,
    hangs: AtomicBool,
}

fn is_on(switch: &AtomicBool) -> bool {
    switch.load(Ordering::SeqCst)
}

fn set(switch: &AtomicBool, on: bool) {
    switch.store(on, Ordering::SeqCst);
}

impl Sink for Fragile {
    fn name(&self) -> &str {
        "fragile"
    }

    fn start(&mut self) -> Result<(), SinkError> {
        if is_on(&self.0.no_start) { Err(SinkError::new("no route")) } else { Ok(()) }
    }

    fn deliver(&mut self, _: &Batch) -> Result<Delivered, DeliveryError> {
        while is_on(&self.0.hangs) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if is_on(&self.0.no_delivery) {
            return Err(DeliveryError::Retry { reason: "down", detail: "down".into(), after: None });
        }
        Ok(Delivered::all())
    }

    fn health(&self) -> Health {
        if is_on(&self.0.no_delivery) { Health::unhealthy("the last delivery failed") } else { Health::Healthy }
    }

    fn check(&mut self) -> Health {
        assert!(!is_on(&self.0.panics), "{EXPECTED}");
        self.health()
    }
}

#[test]
fn a_sink_is_unhealthy_until_it_is_started_which_a_check_does() {
    let sink = Fragile::default();
    set(&sink.0.no_start, true);
    let engine = small().sink(sink.clone()).sink(MemorySink::new()).build().unwrap();
    let report = engine.health();
    assert!(!report.is_healthy());
    assert_eq!(
        report.problems().collect::<Vec<_>>(),
        [("fragile", "it was not started yet"), ("memory", "it was not started yet")]
    );
    let report = engine.check_health(LONG);
    assert_eq!(report.problems().collect::<Vec<_>>(), [("fragile", "it did not start: no route")]);
    assert_eq!(engine.health(), report);
    assert_eq!(report.to_string(), "unhealthy\n- fragile: it did not start: no route");
    set(&sink.0.no_start, false);
    let report = engine.check_health(LONG);
    assert!(report.is_healthy() && report.to_string() == "healthy", "{report}");
    assert_eq!(report.sinks.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["fragile", "memory"]);
}

#[test]
fn a_sink_is_unhealthy_after_a_failed_delivery_and_while_its_breaker_is_open() {
    let sink = Fragile::default();
    set(&sink.0.no_delivery, true);
    let breaker = logwheel::BreakerSettings::default().failure_threshold(3).recovery(Duration::from_millis(50));
    let retry = logwheel::RetrySettings::default().base_delay(Duration::from_millis(1));
    let engine = small().sink_with(sink.clone(), |options| options.breaker(breaker).retry(retry)).build().unwrap();
    info!(engine.logger("t"), "one");
    wait_until("the delivery failed", || engine.health().to_string().contains("the last delivery failed"));
    wait_until("the breaker opened", || engine.health().to_string().contains("its circuit breaker is open"));
    // A check is answered, though nothing is sent.
    let report = engine.check_health(LONG);
    assert!(!report.is_healthy(), "{report}");
    set(&sink.0.no_delivery, false);
    wait_until("the probe closed it", || engine.health().is_healthy());
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_check_that_panics_or_finds_the_sink_busy_is_an_answer() {
    silence_expected_panics();
    let sink = Fragile::default();
    set(&sink.0.panics, true);
    let engine = small().sink(sink.clone()).sink(MemorySink::new()).build().unwrap();
    let report = engine.check_health(LONG);
    let problems: Vec<_> = report.problems().collect();
    assert!(matches!(problems[..], [("fragile", text)] if text.contains("panicked while checked")), "{report}");
    assert_eq!(engine.ledger().sink("fragile").unwrap().panics, 1);
    set(&sink.0.panics, false);
    set(&sink.0.hangs, true);
    info!(engine.logger("t"), "one");
    wait_until("it is under way", || engine.ledger().sink("fragile").unwrap().in_flight == 1);
    let report = engine.check_health(Duration::from_millis(20));
    let problems: Vec<_> = report.problems().collect();
    assert!(matches!(problems[..], [("fragile", text)] if text.contains("did not answer within 20ms")), "{report}");
    set(&sink.0.hangs, false);
    assert!(engine.check_health(LONG).is_healthy());
    assert!(engine.shutdown(LONG).complete);
}

/// A sink that says nothing of its health, and fails or panics until it is told otherwise.
struct Silent(Arc<Switches>);

impl Sink for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn deliver(&mut self, _: &Batch) -> Result<Delivered, DeliveryError> {
        assert!(!is_on(&self.0.panics), "{EXPECTED}");
        if is_on(&self.0.no_delivery) {
            return Err(DeliveryError::Retry { reason: "down", detail: "nobody there".into(), after: None });
        }
        Ok(Delivered::all())
    }
}

#[test]
fn a_failed_delivery_speaks_against_a_sink_that_says_nothing_of_itself() {
    silence_expected_panics();
    let switches = Arc::<Switches>::default();
    set(&switches.no_delivery, true);
    let retry = logwheel::RetrySettings::default().base_delay(Duration::from_millis(1));
    let breaker = logwheel::BreakerSettings::default().failure_threshold(u32::MAX);
    let sink = Silent(Arc::clone(&switches));
    let engine = small().sink_with(sink, |options| options.retry(retry).breaker(breaker)).build().unwrap();
    info!(engine.logger("t"), "one");
    wait_until("the delivery failed", || engine.health().to_string().contains("nobody there"));
    set(&switches.panics, true);
    wait_until("the sink panicked", || engine.health().to_string().contains("the sink panicked"));
    set(&switches.panics, false);
    set(&switches.no_delivery, false);
    wait_until("it was delivered", || engine.health().is_healthy());
    assert!(engine.shutdown(LONG).complete);
}

/// A filter that says that it is unhealthy after each event with `bad`.
struct Moody(bool);

impl Filter for Moody {
    fn name(&self) -> &str {
        "moody"
    }

    fn replicate(&self) -> Option<Box<dyn Filter>> {
        Some(Box::new(Moody(false)))
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        self.0 = event.get("bad").is_some();
        Ok(Verdict::Keep)
    }

    fn health(&self) -> Health {
        if self.0 { Health::unhealthy("in a mood") } else { Health::Healthy }
    }
}

/// An enricher that fails on events with `bad`.
struct Failing;

impl Enricher for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        None
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        if event.get("bad").is_some() { Err(StageError::new("a bad one")) } else { Ok(()) }
    }
}

#[test]
fn stages_are_as_they_say_and_a_failure_speaks_against_them() {
    let engine = engine()
        .on_full(OnFull::Block)
        .diagnostics(|_| {})
        .filter(Moody(false))
        .enricher(Failing)
        .redactor(named("quiet", |_: &mut Event<'_>| {}))
        .sink(MemorySink::new())
        .build()
        .unwrap();
    let logger = engine.logger("t");
    let names: Vec<String> = engine.health().stages.into_iter().map(|part| part.name).collect();
    assert_eq!(names, ["moody", "failing", "quiet"]);
    info!(logger, "good");
    engine.flush(LONG).unwrap();
    assert!(engine.check_health(LONG).is_healthy());
    info!(logger, "bad", bad = true);
    engine.flush(LONG).unwrap();
    wait_until("it was seen", || engine.health().problems().count() == 2);
    let report = engine.health();
    let problems: Vec<_> = report.problems().collect();
    assert_eq!(problems, [("moody", "in a mood"), ("failing", "failed on an event: a bad one")]);
    info!(logger, "good");
    engine.flush(LONG).unwrap();
    wait_until("the mood is over", || engine.health().problems().all(|(name, _)| name == "failing"));
    assert!(engine.shutdown(LONG).complete);
}
