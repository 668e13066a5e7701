//! The publish path does not allocate. A binary of its own, for its allocator.
#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use logwheel::{
    Engine, Lanes, Level, Logger, MemorySink, NullSink, OnFull, RawJson, Scope, TraceContext, Value, debug, event, info,
};
use support::{LONG, parse, private_lanes, wait_until};

/// Counts what each thread takes and gives back, so that a test sees its own calls only.
struct Counting;

thread_local! {
    // Constant and without destructor: reading it never allocates.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    CALLS.with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory
// but a thread-local number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates or frees on this thread.
fn calls_in(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

fn engine() -> Engine {
    support::engine().on_full(OnFull::Block).promote_after(u32::MAX).sink(NullSink).build().unwrap()
}

/// Every kind of statement that copies its values.
fn log_all_kinds(logger: &Logger, n: u64) {
    let text = "a text that lives on the stack of nobody";
    info!(logger, "no fields");
    info!(logger, "numbers", n, signed = -1i64, wide = u128::MAX, float = 1.5, small = 1.5f32);
    info!(logger, "texts", text, borrowed = &text, character = 'x', bytes = b"bytes", raw = RawJson("{\"a\":1}"));
    info!(logger, "others", yes = true, nothing = (), some = Some(1), took = LONG);
    info!(logger, text, "literal key" = n, dotted.key = n);
    event!(Level::ERROR, logger, "of any level", n);
    debug!(logger, "below the level", n, text);
    logger.log_fields(Level::WARN, text, &[("name", Value::Str(text)), ("n", Value::U64(n))]);
}

#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(calls_in(|| drop(std::hint::black_box(Box::new(1)))), 2);
}

#[test]
fn a_statement_on_a_lane_of_its_own_does_not_allocate() {
    let engine = engine();
    engine.attach_thread().unwrap();
    let logger = engine.logger("t").with("bound", "field").with("shard", 3);
    log_all_kinds(&logger, 0);
    assert_eq!(calls_in(|| (0..500).for_each(|n| log_all_kinds(&logger, n))), 0);
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_statement_on_the_shared_lane_does_not_allocate() {
    for lanes in [Lanes::PerThread, Lanes::Shared] {
        let engine = support::engine()
            .lanes(lanes)
            .on_full(OnFull::Block)
            .promote_after(u32::MAX)
            .sink(NullSink)
            .build()
            .unwrap();
        let logger = engine.logger("t").with("bound", "field");
        log_all_kinds(&logger, 0);
        assert_eq!(calls_in(|| (0..500).for_each(|n| log_all_kinds(&logger, n))), 0);
        assert!(engine.shutdown(LONG).complete);
    }
}

#[test]
fn the_fields_and_the_trace_of_a_scope_are_copied_without_allocating() {
    let engine = engine();
    let logger = engine.logger("t");
    let trace = TraceContext { trace_id: [1; 16], span_id: [2; 8], flags: 1 };
    let scope = Scope::new().field("request_id", "r-1").trace(trace);
    let nested = Scope::new().field("user", 7);
    {
        let (_outer, _inner) = (scope.enter(), nested.enter());
        log_all_kinds(&logger, 0);
    }
    // Entering scopes that were made before costs nothing either, once the thread has room.
    let calls = calls_in(|| {
        for n in 0..200 {
            let (_outer, _inner) = (scope.enter(), nested.enter());
            log_all_kinds(&logger, n);
        }
    });
    assert_eq!(calls, 0);
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_disabled_statement_does_not_allocate() {
    let engine = engine();
    let logger = engine.logger("t");
    let disabled = Logger::disabled();
    // Not even the first one.
    let calls = calls_in(|| {
        for n in 0..1_000 {
            debug!(logger, "below", n, text = %n);
            info!(disabled, "nowhere", n, text = %n);
            debug!(logger, format!("made {n}"), made = "never".to_owned());
        }
    });
    assert_eq!(calls, 0);
    assert_eq!(engine.shutdown(LONG).ledger.submitted, 0);
}

#[test]
fn an_event_that_goes_to_the_overflow_pool_does_not_allocate() {
    for attached in [false, true] {
        let engine = engine();
        if attached {
            engine.attach_thread().unwrap();
        }
        let logger = engine.logger("t");
        let text = "x".repeat(20_000);
        let log = |n: u64| info!(logger, "big", n, text);
        log(0);
        assert_eq!(calls_in(|| (1..100).for_each(log)), 0);
        let ledger = engine.shutdown(LONG).ledger;
        assert_eq!((ledger.notes.cut, ledger.dispatched), (0, 100), "{ledger}");
    }
}

#[test]
fn an_event_that_is_cut_does_not_allocate() {
    let engine = support::engine().overflow_bytes(0).on_full(OnFull::Block).sink(NullSink).build().unwrap();
    let logger = engine.logger("t");
    let text = "x".repeat(20_000);
    let log = |n: u64| info!(logger, "big", n, text);
    log(0);
    assert_eq!(calls_in(|| (1..50).for_each(log)), 0);
    assert_eq!(engine.shutdown(LONG).ledger.notes.cut, 50);
}

#[test]
fn formatting_values_does_not_allocate_once_the_thread_has_room_for_them() {
    let engine = engine();
    let logger = engine.logger("t");
    let log = |n: u64| info!(logger, "formatted", a = %n, b = ?Some(n), c = %format_args!("{n:>20}"));
    log(u64::MAX);
    assert_eq!(calls_in(|| (0..500).for_each(log)), 0);
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn moving_to_a_lane_of_its_own_does_not_allocate() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = support::engine()
        .lane_slots(1024)
        .identity(true)
        .reserved_lanes(0)
        .promote_after(3)
        .on_full(OnFull::Block)
        .sink(memory)
        .build()
        .unwrap();
    wait_until("there is a spare lane", || private_lanes(&engine) > 0);
    let logger = engine.logger("t");
    info!(logger, "the first event makes the thread known");
    let mut calls = 0;
    for n in 0..300 {
        calls += calls_in(|| info!(logger, "m", n));
        // The thread moves when the shared lane has seen its last event.
        engine.flush(LONG).unwrap();
    }
    assert!(engine.shutdown(LONG).complete);
    let lines = handle.lines();
    let of_lane = |line: &String, lane: &str| parse(line)["_seq"].as_str().unwrap().contains(lane);
    assert!(of_lane(&lines[0], "-0-") && of_lane(&lines[300], "-1-"), "it did move: {}", lines[300]);
    assert_eq!(calls, 0);
}

#[test]
fn an_event_that_is_dropped_does_not_allocate() {
    let gate = support::Gate::new();
    let filter = {
        let gate = gate.clone();
        move |_: &logwheel::Event<'_>| {
            gate.pass();
            true
        }
    };
    let engine = support::small().on_full(OnFull::Drop).filter(filter).sink(NullSink).build().unwrap();
    engine.attach_thread().unwrap();
    let logger = engine.logger("t");
    (0..64).for_each(|n| info!(logger, "fills the lane", n));
    assert_eq!(calls_in(|| (0..100).for_each(|n| info!(logger, "finds it full", n))), 0);
    gate.open();
    assert_eq!(engine.shutdown(LONG).ledger.dropped["full"], 100);
}
