//! Where the level is decided, and what passes while lanes are full.

mod support;

use logwheel::{Enrichment, Event, Level, LevelFilter, MemorySink, OnFull, debug, error, info, named, trace, warn};
use support::{Gate, LONG, events, small, wait_until};

#[test]
fn story_5_2_a_level_filter_that_is_alone_is_asked_at_the_log_call() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().filter(LevelFilter::new(Level::WARN)).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    assert!(!logger.enabled(Level::INFO) && logger.enabled(Level::WARN));
    info!(logger, "below");
    warn!(logger, "above");
    // The filter still is what it was configured to be.
    engine.set_level(Level::TRACE);
    assert_eq!(engine.level(), Level::WARN);
    info!(logger, "below");
    engine.set_level(Level::ERROR);
    warn!(logger, "below now");
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.submitted, ledger.total_filtered(), handle.len()), (1, 0, 1), "{ledger}");
}

#[test]
fn story_5_2_an_explicit_level_filter_takes_the_place_of_the_implicit_one() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let other = named("other", |event: &Event<'_>| event.message() != "no");
    let engine = small().filter(LevelFilter::new(Level::DEBUG)).filter(other).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    trace!(logger, "below");
    debug!(logger, "kept");
    debug!(logger, "no");
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.submitted, ledger.filtered["other"], handle.len()), (2, 1, 1), "{ledger}");
}

#[test]
fn with_a_level_of_the_engine_the_filter_counts_what_it_drops() {
    let engine = small().level(Level::TRACE).filter(LevelFilter::new(Level::WARN)).sink(MemorySink::new());
    let engine = engine.build().unwrap();
    let logger = engine.logger("t");
    info!(logger, "below");
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.submitted, ledger.filtered["level"]), (1, 1), "{ledger}");
}

#[test]
fn under_pressure_protected_levels_pass_and_when_it_is_over_everything_does() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let gate = Gate::new();
    let at_gate = gate.clone();
    let hold = move |event: &mut Enrichment<'_, '_>| {
        if event.message() == "hold" {
            at_gate.pass();
        }
    };
    // Time is that of the events, so the test does not wait for the ladder's clock: every event
    // that finds the lane full is a step later than the one before.
    let engine = small()
        .on_full(OnFull::Block)
        .pressure(|filter| filter.check_interval_seconds(1e-9).cooldown_seconds(0.0).target_eps(1e-9))
        .enricher(named("hold", hold))
        .sink(memory)
        .build()
        .unwrap();
    engine.attach_thread().unwrap();
    let logger = engine.logger("t");
    info!(logger, "hold");
    gate.wait_for_arrivals(1);
    // The lane, of 64 slots, fills up while the worker stands still.
    for n in 0..60u64 {
        if n % 2 == 0 { error!(logger, "bad", n) } else { info!(logger, "usual", n) }
    }
    // The fill level is looked at some times a second.
    std::thread::sleep(std::time::Duration::from_millis(60));
    gate.open();
    engine.flush(LONG).unwrap();
    let filtered = engine.ledger().filtered["pressure"];
    assert!(filtered > 0, "{}", engine.ledger());
    let count = |message: &str| events(&handle).iter().filter(|event| event["message"] == message).count();
    assert_eq!(count("bad"), 30, "errors are protected");
    wait_until("everything passes again", || {
        info!(logger, "after");
        engine.flush(LONG).unwrap();
        count("after") > 0
    });
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
}
