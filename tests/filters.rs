//! Filters in an engine: their order, their failures, and what they see.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use logwheel::{
    Enrichment, Event, Filter, Level, LevelFilter, MatchAction, MatchFilter, MemorySink, OnFull, OverflowAction,
    RateLimit, RawJson, Sampling, Scope, StageError, TraceContext, TraceSampling, Verdict, debug, error, info, named,
};
use support::{LONG, events, small, stage};

/// Counts the events that it is asked about.
fn counting(name: &'static str, keeps: fn(&Event<'_>) -> bool) -> (impl Filter, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    let filter = {
        let asked = Arc::clone(&asked);
        named(name, move |event: &Event<'_>| {
            asked.fetch_add(1, Ordering::Relaxed);
            keeps(event)
        })
    };
    (filter, asked)
}

#[test]
fn story_5_2_filters_run_in_order_and_the_first_drop_ends_the_event_before_it_is_enriched() {
    let (first, asked_first) = counting("first", |event| event.message() != "dropped by the first");
    let (second, asked_second) = counting("second", |event| event.message() != "dropped by the second");
    let enriched = Arc::new(AtomicU64::new(0));
    let enricher = {
        let enriched = Arc::clone(&enriched);
        move |event: &mut Enrichment<'_, '_>| {
            enriched.fetch_add(1, Ordering::Relaxed);
            event.add("seen", true);
        }
    };
    let sees_no_enrichment = named("third", |event: &Event<'_>| event.get("seen").is_none());
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .filter(first)
        .filter(second)
        .filter(sees_no_enrichment)
        .enricher(enricher)
        .on_full(OnFull::Block)
        .sink(memory)
        .build()
        .unwrap();
    let logger = engine.logger("t");
    info!(logger, "dropped by the first");
    info!(logger, "dropped by the second");
    info!(logger, "kept");
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!([&asked_first, &asked_second, &enriched].map(|count| count.load(Ordering::Relaxed)), [3, 2, 1]);
    assert_eq!((ledger.filtered["first"], ledger.filtered["second"], ledger.filtered["third"]), (1, 1, 0));
    assert_eq!(events(&handle).len(), 1);
}

/// Marks the event, then cannot decide.
struct Undecided;

impl Filter for Undecided {
    fn name(&self) -> &str {
        "undecided"
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        event.add("mark", true);
        Err(StageError::new("no idea"))
    }
}

#[test]
fn story_5_2_a_filter_that_fails_keeps_the_event_and_is_counted_and_diagnosed() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let told = Arc::new(AtomicU64::new(0));
    let hook = {
        let told = Arc::clone(&told);
        move |diagnostic: &logwheel::Diagnostic| {
            assert!(format!("{diagnostic:?}").contains("no idea"));
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    let engine = small().diagnostics(hook).filter(Undecided).sink(memory).build().unwrap();
    info!(engine.logger("t"), "kept");
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((stage(&ledger, "undecided").errors, ledger.filtered["undecided"]), (1, 0));
    assert_eq!(told.load(Ordering::Relaxed), 1);
    let kept = events(&handle);
    assert!(kept.len() == 1 && kept[0].get("mark").is_none(), "{kept:?}");
}

#[test]
fn story_5_2_what_each_filter_drops_is_counted_under_its_name() {
    let engine = small()
        .level(Level::TRACE)
        .filter(LevelFilter::new(Level::INFO))
        .filter(MatchFilter::builder().expression("n >= 90").action(MatchAction::Drop).build().unwrap())
        .filter(Sampling::builder().sample_rate(0.5).seed(1).build().unwrap())
        .on_full(OnFull::Block)
        .sink(logwheel::NullSink)
        .build()
        .unwrap();
    let logger = engine.logger("t");
    for n in 0..100u64 {
        debug!(logger, "below", n);
        info!(logger, "at", n);
    }
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(ledger.filtered["match"], 10);
    // Below the level an event is filtered, or not even submitted if the call itself decides.
    assert_eq!(ledger.filtered["level"] + 200 - ledger.submitted, 100);
    assert_eq!(ledger.filtered["sampling"] + ledger.dispatched, 90);
    assert!((25..=65).contains(&ledger.dispatched), "{ledger}");
}

#[test]
fn story_5_3_a_rate_limit_marks_events_and_finds_its_key_in_the_scope() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let limit = RateLimit::builder()
        .key_field("user.id")
        .capacity(1)
        .refill_rate_per_sec(0.0)
        .overflow_action(OverflowAction::Mark)
        .build()
        .unwrap();
    let engine = small().filter(limit).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    for id in [r#"{"id":1}"#, r#"{"id":2}"#] {
        let _scope = Scope::new().field("user", RawJson(id)).enter();
        info!(logger, "first");
        info!(logger, "second");
    }
    assert!(engine.shutdown(LONG).ledger.is_balanced());
    let marks: Vec<_> = events(&handle).iter().map(|event| event["rate_limited"] == true).collect();
    assert_eq!(marks, [false, true, false, true]);
}

#[test]
fn story_5_3_trace_sampling_uses_the_trace_of_the_call_site_before_any_enricher_ran() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let sampling = TraceSampling::builder().sample_rate(0.5).build().unwrap();
    let engine = small().filter(sampling).on_full(OnFull::Block).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    // The last seven bytes decide, and half of their range is kept: the upper half.
    for (id, expected) in [(0x7f, "dropped"), (0x80, "kept")] {
        let mut trace = TraceContext { trace_id: [1; 16], span_id: [1; 8], flags: 1 };
        trace.trace_id[9] = id;
        let _scope = Scope::new().trace(trace).enter();
        (0..20).for_each(|_| info!(logger, expected));
        error!(logger, "always passes");
    }
    engine.shutdown(LONG);
    let messages: Vec<String> =
        events(&handle).iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect();
    let count = |message: &str| messages.iter().filter(|own| *own == message).count();
    assert_eq!((count("kept"), count("dropped"), count("always passes")), (20, 0, 2));
}
