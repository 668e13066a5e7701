//! Stages do not allocate per event once they have run for a while. A binary of its own, for its
//! allocator.

mod counting;
mod support;

use std::time::Duration;

use logwheel_core::{Enricher, Enrichment, Event, EventBuffers, Filter, Level, Value};
use logwheel_stages::{
    AdaptiveSampling, ContextFields, Dedupe, DedupeMode, EnvFields, FillGauge, FirstOccurrence, Host, HttpRequest,
    Kubernetes, LevelFilter, MatchFilter, OverflowAction, PressureFilter, ProcessInfo, RateLimit, Sampling,
    StaticFields, TraceSampling,
};
use support::{SECOND, START, TestEvent};

/// Events of the kind that a service logs, each with a key of its own.
fn events(n: u64) -> Vec<TestEvent> {
    let event = |n: u64| {
        TestEvent::new(&format!("order {n} filled"))
            .level(if n.is_multiple_of(10) { Level::WARN } else { Level::INFO })
            .logger("orders")
            .at(n as f64 / 1_000.0)
            .field("user", Value::U64(n))
            .field("path", Value::Str("/orders/7?page=2"))
            .field("status", Value::U64(200 + n % 300))
            .field("latency", Value::Duration(Duration::from_millis(n)))
            .field("request", Value::Json("{\"id\":\"r-7\",\"method\":\"GET\",\"retries\":0}"))
            .scoped("request_id", Value::Str("r-7"))
            .scoped("method", Value::Str("get"))
    };
    (0..n).map(event).collect()
}

/// How often `work` allocates or frees on the events, after it had as many to warm up. Only those
/// events count for which it says so.
fn calls_per_events(mut work: impl FnMut(&mut Event<'_>) -> bool) -> u64 {
    let events = events(2_000);
    let mut buffers = EventBuffers::default();
    let mut calls = 0;
    for round in 0..3 {
        calls = 0;
        for event in &events {
            let mut event = event.clone();
            event.timestamp += round * 3 * SECOND;
            calls += event.open_in(&mut buffers, |event| {
                let before = counting::taken() + counting::given();
                let counts = work(event);
                if counts { counting::taken() + counting::given() - before } else { 0 }
            });
        }
    }
    calls
}

#[track_caller]
fn filter_is_free(mut filter: impl Filter) {
    let calls = calls_per_events(|event| {
        let mut enrichment = Enrichment::new(event);
        // The warning about the number of keys is a text.
        let is_no_warning = filter.filter(&mut enrichment).is_ok();
        enrichment.commit();
        assert!(filter.release(START, false).is_none());
        is_no_warning
    });
    assert_eq!(calls, 0, "{}", filter.name());
}

#[track_caller]
fn enricher_is_free(mut enricher: impl Enricher) {
    let calls = calls_per_events(|event| {
        let mut enrichment = Enrichment::new(event);
        enricher.enrich(&mut enrichment).unwrap();
        enrichment.commit();
        true
    });
    assert_eq!(calls, 0, "{}", enricher.name());
}

#[test]
fn the_counter_sees_an_allocation() {
    let calls = calls_per_events(|_| *std::hint::black_box(Box::new(true)));
    assert_eq!(calls, 4_000);
}

#[test]
fn filters_do_not_allocate() {
    filter_is_free(LevelFilter::default());
    filter_is_free(Sampling::builder().sample_rate(0.5).build().unwrap());
    filter_is_free(AdaptiveSampling::builder().build().unwrap());
    filter_is_free(TraceSampling::builder().trace_id_field("request_id").build().unwrap());
    filter_is_free(TraceSampling::builder().trace_id_field("request.id").build().unwrap());
    let gauge = FillGauge::new();
    gauge.set(0.7);
    filter_is_free(PressureFilter::builder(gauge).build().unwrap());
}

#[test]
fn filters_with_keys_do_not_allocate_once_their_tables_have_grown() {
    filter_is_free(RateLimit::builder().overflow_action(OverflowAction::Mark).build().unwrap());
    for max_keys in [100, 10_000] {
        let limit = RateLimit::builder().key_field("user").max_keys(max_keys);
        filter_is_free(limit.clone().build().unwrap());
        filter_is_free(limit.refill_rate_per_sec(1e9).build().unwrap());
        filter_is_free(RateLimit::builder().key_field("request.id").max_keys(max_keys).build().unwrap());
        filter_is_free(FirstOccurrence::builder().max_keys(max_keys).build().unwrap());
        filter_is_free(FirstOccurrence::builder().max_keys(max_keys).window_seconds(0.5).build().unwrap());
        filter_is_free(Dedupe::builder().max_keys(max_keys).build().unwrap());
        filter_is_free(
            Dedupe::builder().mode(DedupeMode::Window).max_keys(max_keys).window_seconds(0.5).build().unwrap(),
        );
    }
}

#[test]
fn a_run_of_duplicates_allocates_for_its_held_event_only() {
    let mut filter = Dedupe::builder().key_fields(["logger"]).window_seconds(600.0).build().unwrap();
    let calls = calls_per_events(|event| filter.filter(&mut Enrichment::new(event)).is_ok());
    assert_eq!(calls, 0);
}

#[test]
fn expressions_do_not_allocate() {
    for expression in [
        "level >= warn",
        "status >= 500 and not path starts_with '/health'",
        "path matches '^/orders/\\d+' or latency > 0.5",
        "request.method == 'GET' and request.retries < 3",
        "message contains 'filled' and user exists and status ends_with '7'",
    ] {
        filter_is_free(MatchFilter::builder().expression(expression).build().unwrap());
    }
}

#[test]
fn enrichers_do_not_allocate() {
    enricher_is_free(StaticFields::new().field("service", "orders"));
    enricher_is_free(Host::new());
    enricher_is_free(ProcessInfo::builder().version("1").build().unwrap());
    enricher_is_free(EnvFields::builder().variables(["CARGO_PKG_NAME", "PATH"]).build().unwrap());
    enricher_is_free(Kubernetes::builder().pod_name_env("CARGO_PKG_NAME").build().unwrap());
    enricher_is_free(logwheel_stages::build_info!().build().unwrap());
    enricher_is_free(
        ContextFields::builder()
            .copy("request_id", "req")
            .fields(["method"])
            .default("tenant", "none")
            .build()
            .unwrap(),
    );
    enricher_is_free(HttpRequest::builder().build().unwrap());
    enricher_is_free(HttpRequest::builder().method_field("request.method").build().unwrap());
}
