//! Threads come and go; lanes and memory stay bounded and nothing is lost.

mod support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use logwheel::{AttachError, Lanes, Logger, MemorySink, NullSink, OnFull, Scope, info};
use support::{
    LONG, assert_each_thread_in_order, assert_unique, events, private_lanes, resident_bytes, small, thread_and_number,
    wait_until,
};

#[test]
fn a_thousand_threads_that_log_a_little_lose_nothing_and_share_few_lanes() {
    const ROUNDS: u64 = 125;
    const AT_ONCE: u64 = 8;
    const EACH: u64 = 20;
    const MAX_LANES: usize = 3;
    let memory = MemorySink::new();
    let handle = memory.handle();
    // A lane takes half a mebibyte: a lane for each thread, never freed, would take 500 of them.
    let engine = support::engine()
        .lane_slots(1024)
        .slot_bytes(512)
        .max_lanes(MAX_LANES)
        .reserved_lanes(0)
        .promote_after(5)
        .on_full(OnFull::Block)
        .identity(true)
        .sink(memory)
        .build()
        .unwrap();
    wait_until("there is a spare lane", || private_lanes(&engine) > 0);
    let before = resident_bytes();
    for round in 0..ROUNDS {
        thread::scope(|scope| {
            for index in 0..AT_ONCE {
                let (engine, logger) = (&engine, engine.logger("t"));
                scope.spawn(move || {
                    let thread = round * AT_ONCE + index;
                    for n in 0..EACH {
                        if n == 5 && index < 4 {
                            // So that some threads, about to look, find their events carried and move.
                            engine.flush(LONG).unwrap();
                        }
                        info!(logger, "m", thread, n);
                    }
                });
            }
        });
        assert!(private_lanes(&engine) <= MAX_LANES, "{engine:?}");
    }
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        let grown = now.saturating_sub(before);
        assert!(grown < 100 << 20, "grown by {} MiB", grown >> 20);
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!(report.ledger.submitted, ROUNDS * AT_ONCE * EACH);
    let lines = handle.lines();
    let received = thread_and_number(&lines);
    assert_eq!(received.len() as u64, ROUNDS * AT_ONCE * EACH);
    assert_unique(&received);
    assert_each_thread_in_order(&received);
    // Or lanes were never handed on.
    let on_private_lanes: HashSet<_> = events(&handle)
        .iter()
        .filter(|event| !event["_seq"].as_str().unwrap().contains("-0-"))
        .map(|event| event["thread"].as_u64().unwrap())
        .collect();
    assert!(on_private_lanes.len() > MAX_LANES, "{on_private_lanes:?}");
}

/// Logs when its thread destroys it.
struct LastWords(&'static str, Logger);

impl Drop for LastWords {
    fn drop(&mut self) {
        info!(self.1, "last words", from = self.0, formatted = %"text");
    }
}

thread_local! {
    static EARLY: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

#[test]
fn what_is_logged_while_a_threads_locals_are_destroyed_arrives() {
    for attached in [false, true] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = small().sink(memory).build().unwrap();
        let logger = engine.logger("t");
        thread::scope(|scope| {
            let last = scope.spawn(|| {
                // One is made before the thread's own state in the engine, one after it: locals
                // are destroyed in some order, so that one of them meets that state destroyed.
                EARLY.set(Some(LastWords("early", logger.clone())));
                if attached {
                    engine.attach_thread().unwrap();
                }
                info!(logger, "alive", from = "thread");
                LATE.set(Some(LastWords("late", logger.clone())));
            });
            // The end of the scope alone does not wait for the thread's locals.
            last.join().unwrap();
        });
        let report = engine.shutdown(LONG);
        assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
        assert_eq!(report.ledger.submitted, 3);
        let mut from: Vec<_> = events(&handle).iter().map(|event| event["from"].as_str().unwrap().to_owned()).collect();
        from.sort();
        assert_eq!(from, ["early", "late", "thread"]);
    }
}

#[test]
fn there_are_no_more_private_lanes_than_allowed() {
    let engine = small().max_lanes(2).reserved_lanes(2).sink(NullSink).build().unwrap();
    let (attached, tried) = (Barrier::new(3), Barrier::new(3));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                assert_eq!(engine.attach_thread(), Ok(()));
                assert_eq!(engine.attach_thread(), Ok(()), "asking again is no harm");
                attached.wait();
                tried.wait();
            });
        }
        attached.wait();
        let refused = engine.attach_thread();
        assert_eq!(refused, Err(AttachError::NoneLeft { max_lanes: 2 }));
        assert!(refused.unwrap_err().to_string().contains("max_lanes"), "says what to do");
        // The thread goes on logging through the shared lane.
        info!(engine.logger("t"), "still here");
        tried.wait();
    });
    wait_until("a lane was handed back", || engine.attach_thread().is_ok());
    assert_eq!(private_lanes(&engine), 2);
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!(ledger.dispatched, 1);
}

#[test]
fn an_engine_with_only_a_shared_lane_attaches_no_thread() {
    let engine = small().lanes(Lanes::Shared).sink(NullSink).build().unwrap();
    assert_eq!(engine.attach_thread(), Err(AttachError::SharedOnly));
    assert_eq!(private_lanes(&engine), 0);
}

#[test]
fn a_lane_that_is_handed_on_from_thread_to_thread_keeps_order_and_loses_nothing() {
    const THREADS: u64 = 60;
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine =
        small().max_lanes(1).reserved_lanes(1).identity(true).on_full(OnFull::Block).sink(memory).build().unwrap();
    for thread in 0..THREADS {
        thread::scope(|scope| {
            scope.spawn(|| {
                wait_until("the lane is free", || engine.attach_thread().is_ok());
                let logger = engine.logger("t");
                // More than the lane holds.
                (0..100u64).for_each(|n| info!(logger, "m", thread, n));
            });
        });
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let expected: Vec<_> = (0..THREADS).flat_map(|thread| (0..100).map(move |n| (thread, n))).collect();
    assert_eq!(thread_and_number(&handle.lines()), expected);
    // One sequence without gaps, whichever thread had the lane.
    let sequence: Vec<_> =
        events(&handle).iter().map(|e| e["_seq"].as_str().unwrap().split_once('-').unwrap().1.to_owned()).collect();
    let expected: Vec<_> = (1..=THREADS * 100).map(|n| format!("1-{n}")).collect();
    assert_eq!(sequence, expected);
}

#[test]
fn a_thread_can_log_to_several_engines_in_turn() {
    let memories = [MemorySink::new(), MemorySink::new(), MemorySink::new()];
    let handles = memories.each_ref().map(MemorySink::handle);
    let engines = memories.map(|memory| small().promote_after(10).on_full(OnFull::Block).sink(memory).build().unwrap());
    engines[1].attach_thread().unwrap();
    for n in 0..300u64 {
        let engine = &engines[n as usize % 3];
        info!(engine.logger("t"), "m", thread = n % 3, n);
    }
    for (engine, handle) in engines.into_iter().zip(&handles) {
        assert!(engine.shutdown(LONG).complete);
        let received = thread_and_number(&handle.lines());
        assert_eq!(received.len(), 100);
        assert_each_thread_in_order(&received);
        assert!(received.iter().all(|(thread, _)| *thread == received[0].0), "nobody else's events");
    }
}

#[test]
fn engines_that_come_and_go_on_one_thread_give_their_memory_back() {
    let before = resident_bytes();
    for n in 0..50 {
        // Some 26 MiB each, for 1.3 GiB in all.
        let engine = support::engine().sink(NullSink).build().unwrap();
        if n % 2 == 0 {
            engine.attach_thread().unwrap();
        }
        let logger = engine.logger("t");
        (0..100).for_each(|n| info!(logger, "m", n));
        let report = engine.shutdown(LONG);
        assert!(report.complete, "{}", report.ledger);
        assert_eq!(report.ledger.dispatched, 100);
    }
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        let grown = now.saturating_sub(before);
        assert!(grown < 200 << 20, "grown by {} MiB", grown >> 20);
    }
}

#[test]
fn tens_of_thousands_of_threads_that_log_once_lose_nothing() {
    const THREADS: u64 = 20_000;
    const AT_ONCE: u64 = 50;
    let engine = small().on_full(OnFull::Block).sink(NullSink).build().unwrap();
    let before = resident_bytes();
    for round in 0..THREADS / AT_ONCE {
        thread::scope(|scope| {
            for index in 0..AT_ONCE {
                let logger = engine.logger("t");
                scope.spawn(move || info!(logger, "m", n = round * AT_ONCE + index));
            }
        });
    }
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        let grown = now.saturating_sub(before);
        assert!(grown < 100 << 20, "grown by {} MiB", grown >> 20);
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!((report.ledger.submitted, report.ledger.dispatched), (THREADS, THREADS));
}

#[test]
fn a_runtime_with_a_large_blocking_pool_does_not_eat_the_private_lanes() {
    const TASKS: u64 = 400;
    const MAX_LANES: usize = 4;
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .max_lanes(MAX_LANES)
        .reserved_lanes(2)
        .on_full(OnFull::Block)
        .identity(true)
        .sink(memory)
        .build()
        .unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(200).build().unwrap();
    let gate = support::Gate::new();
    let tasks: Vec<_> = (0..TASKS)
        .map(|thread| {
            let (logger, gate) = (engine.logger("t"), gate.clone());
            runtime.spawn_blocking(move || {
                for n in 0..3u64 {
                    info!(logger, "m", thread, n);
                }
                // So that the pool grows to its limit.
                gate.pass();
            })
        })
        .collect();
    gate.wait_for_arrivals(200);
    // All of the pool has logged, and it shares a lane.
    engine.flush(LONG).unwrap();
    let lines = handle.lines();
    assert!(lines.len() >= 600 && lines.iter().all(|line| line.contains("-0-")), "{} lines", lines.len());
    // A thread that needs a lane still gets one.
    thread::scope(|scope| {
        scope.spawn(|| {
            engine.attach_thread().unwrap();
            info!(engine.logger("t"), "m", thread = TASKS, n = 0u64);
        });
    });
    gate.open();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(private_lanes(&engine) <= MAX_LANES, "{engine:?}");
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let lines = handle.lines();
    assert_eq!(lines.len() as u64, 3 * TASKS + 1);
    assert_unique(&thread_and_number(&lines));
}

#[test]
fn lanes_that_nobody_needs_any_more_are_freed_and_made_again() {
    const RUSH: usize = 12;
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .reserved_lanes(1)
        .lane_idle(Duration::from_millis(20))
        .on_full(OnFull::Block)
        .identity(true)
        .sink(memory)
        .build()
        .unwrap();
    for rush in 0..3u64 {
        let barrier = Barrier::new(RUSH);
        thread::scope(|scope| {
            for index in 0..RUSH as u64 {
                let (engine, barrier) = (&engine, &barrier);
                scope.spawn(move || {
                    engine.attach_thread().unwrap();
                    barrier.wait();
                    let lanes = private_lanes(engine);
                    info!(engine.logger("t"), "m", thread = rush * RUSH as u64 + index, n = 0u64);
                    // All hold their lanes until each has counted.
                    barrier.wait();
                    assert!(lanes >= RUSH, "{lanes} of {RUSH}");
                });
            }
        });
        // The reserve and one spare are kept.
        wait_until("the lanes of the rush are gone", || private_lanes(&engine) <= 2);
        engine.flush(LONG).unwrap();
        let lanes: HashSet<_> =
            events(&handle).iter().map(|event| event["_seq"].as_str().unwrap().to_owned()).collect();
        assert_eq!(lanes.len(), RUSH * (rush as usize + 1), "numbers of lanes do not come back");
    }
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!(handle.len(), 3 * RUSH);
}

#[test]
fn an_event_brings_the_name_of_the_thread_that_logged_it() {
    use logwheel::{ProcessField, ProcessInfo};

    let memory = MemorySink::new();
    let handle = memory.handle();
    let own = ProcessInfo::builder().only([ProcessField::Thread, ProcessField::Pid]).build().unwrap();
    let prefixed = ProcessInfo::builder().only([ProcessField::Thread]).prefix("process_").build().unwrap();
    let engine = small().promote_after(2).enricher(own).enricher(prefixed).sink(memory).build().unwrap();
    let logger = &engine.logger("orders");
    let log = move |times: u64, long: &str| {
        for n in 0..times {
            info!(logger, "from a thread", n = n, long = long);
        }
    };
    thread::scope(|scope| {
        // The first events go through the shared lane, the others through one of the thread's own.
        thread::Builder::new().name("matcher".to_owned()).spawn_scoped(scope, move || log(10, "")).unwrap();
        // Too large for a slot.
        thread::Builder::new()
            .name("gateway".to_owned())
            .spawn_scoped(scope, move || log(1, &"x".repeat(5_000)))
            .unwrap();
        scope.spawn(move || info!(logger, "nameless"));
        let inside = Scope::new().field("thread", "of the scope");
        thread::Builder::new()
            .name("worker".to_owned())
            .spawn_scoped(scope, move || {
                let _guard = inside.enter();
                info!(logger, "in a scope");
                info!(logger, "with a field", thread = "of the statement");
            })
            .unwrap();
    });
    assert!(engine.shutdown(LONG).complete);
    let mut seen: Vec<[String; 3]> = events(&handle)
        .iter()
        .map(|event| ["message", "thread", "process_thread"].map(|name| event[name].as_str().unwrap_or("-").to_owned()))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let expected = [
        ["from a thread", "gateway", "gateway"],
        ["from a thread", "matcher", "matcher"],
        ["in a scope", "of the scope", "worker"],
        ["nameless", "-", "-"],
        ["with a field", "of the statement", "worker"],
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_thread_waits_for_the_last_lane_that_is_being_made_for_the_pool() {
    // A lane of this size takes a moment, and the pool begins at once.
    let builder = || support::engine().lane_slots(4096).overflow_bytes(0).max_lanes(1).reserved_lanes(1).sink(NullSink);
    for pause in 0..40 {
        let engine = builder().build().unwrap();
        thread::sleep(Duration::from_micros(25 * pause));
        assert_eq!(engine.attach_thread(), Ok(()));
        assert_eq!(private_lanes(&engine), 1);
    }
}
