//! Events come out in the order in which they went in.

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use logwheel::{Engine, Event, Lanes, Logger, MemorySink, OnFull, Wait, info};
use support::{
    FusedWorkers, Gate, LONG, assert_each_thread_in_order, private_lanes, small, thread_and_number, wait_until,
};

#[test]
fn events_of_one_thread_stay_in_order_at_every_sink_while_threads_move_to_lanes_of_their_own() {
    for workers in [1, 3] {
        const THREADS: u64 = 4;
        const EACH: u64 = 4_000;
        let sinks = [MemorySink::new(), MemorySink::new()];
        let handles = sinks.each_ref().map(MemorySink::handle);
        let [first, second] = sinks;
        let engine = small()
            .fused_workers(workers)
            .on_full(OnFull::Block)
            .promote_after(5)
            .reserved_lanes(0)
            .identity(true)
            .sink_with(first, |sink| sink.name("first"))
            .sink_with(second, |sink| sink.name("second").batch_max_events(7))
            .build()
            .unwrap();
        wait_until("there is a spare lane", || private_lanes(&engine) > 0);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let logger = engine.logger("t");
                scope.spawn(move || {
                    // Without a pause: a thread moves while its events still wait in the shared lane.
                    for n in 0..EACH {
                        info!(logger, "m", thread, n);
                    }
                });
            }
        });
        let report = engine.shutdown(LONG);
        assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
        for handle in &handles {
            let lines = handle.lines();
            assert_eq!(lines.len() as u64, THREADS * EACH);
            assert_each_thread_in_order(&thread_and_number(&lines));
        }
        // Or nothing was shown about moving.
        let lanes: HashSet<String> = handles[0]
            .lines()
            .iter()
            .map(|line| support::parse(line)["_seq"].as_str().unwrap().split('-').nth(1).unwrap().to_owned())
            .collect();
        assert!(lanes.contains("0") && lanes.len() > 1, "{lanes:?}");
    }
}

#[test]
fn on_a_shared_lane_all_sinks_see_the_same_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 3_000;
    for workers in [1, 2] {
        let sinks = [MemorySink::new(), MemorySink::new()];
        let handles = sinks.each_ref().map(MemorySink::handle);
        let [first, second] = sinks;
        let engine = small()
            .lanes(Lanes::Shared)
            .fused_workers(workers)
            .on_full(OnFull::Block)
            .sink_with(first, |sink| sink.name("first").batch_max_events(3))
            .sink_with(second, |sink| sink.name("second"))
            .build()
            .unwrap();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let logger = engine.logger("t");
                scope.spawn(move || (0..EACH).for_each(|n| info!(logger, "m", thread, n)));
            }
        });
        let report = engine.shutdown(LONG);
        assert!(report.complete, "{}", report.ledger);
        let [first, second] = handles.each_ref().map(|handle| thread_and_number(&handle.lines()));
        assert_eq!(first.len() as u64, THREADS * EACH);
        assert_eq!(first, second);
        assert_each_thread_in_order(&first);
    }
}

/// How two threads take turns.
#[derive(Debug, Clone, Copy)]
enum Turns {
    /// Through channels: the other one sleeps.
    Channels,
    /// Through an atomic: the other one is awake and goes on within nanoseconds.
    Atomic,
}

/// Which of the two threads gets a lane of its own at its start.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Attached {
    Neither,
    One,
    Both,
}

const ROUNDS: u64 = 4_000;

/// Two threads log in turns, each after it has heard from the other; says how their numbers came
/// out.
fn take_turns(turns: Turns, attached: Attached, engine: &Engine) {
    let attach = |is_first: bool| {
        if attached == Attached::Both || (attached == Attached::One && is_first) {
            engine.attach_thread().unwrap();
        }
    };
    let loggers = [engine.logger("ping"), engine.logger("pong")];
    let log = |logger: &Logger, n: u64| info!(logger, "m", thread = 0, n);
    let next = &AtomicU64::new(0);
    thread::scope(|scope| match turns {
        Turns::Channels => {
            let ((to_pong, from_ping), (to_ping, from_pong)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
            let [ping, pong] = &loggers;
            scope.spawn(move || {
                attach(true);
                for round in 0..ROUNDS {
                    log(ping, 2 * round);
                    to_pong.send(()).unwrap();
                    from_pong.recv().unwrap();
                }
            });
            scope.spawn(move || {
                attach(false);
                for round in 0..ROUNDS {
                    from_ping.recv().unwrap();
                    log(pong, 2 * round + 1);
                    to_ping.send(()).unwrap();
                }
            });
        }
        Turns::Atomic => {
            for (parity, logger) in loggers.iter().enumerate() {
                scope.spawn(move || {
                    attach(parity == 0);
                    for n in (parity as u64..2 * ROUNDS).step_by(2) {
                        let mut spins = 0u32;
                        while next.load(Ordering::Acquire) != n {
                            spins += 1;
                            // With one processor for both, spinning alone would take for ever.
                            if spins.is_multiple_of(2_000) { thread::yield_now() } else { std::hint::spin_loop() }
                        }
                        log(logger, n);
                        next.store(n + 1, Ordering::Release);
                    }
                });
            }
        }
    });
}

#[track_caller]
fn assert_turns_come_back_in_order(turns: Turns, attached: Attached, promote_after: u32) {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine =
        small().on_full(OnFull::Block).reserved_lanes(2).promote_after(promote_after).sink(memory).build().unwrap();
    take_turns(turns, attached, &engine);
    assert!(engine.shutdown(LONG).complete);
    let numbers: Vec<u64> = thread_and_number(&handle.lines()).into_iter().map(|(_, n)| n).collect();
    assert_eq!(numbers.len() as u64, 2 * ROUNDS);
    let wrong: Vec<_> = numbers.windows(2).filter(|pair| pair[0] > pair[1]).collect();
    assert!(wrong.is_empty(), "{turns:?}, attached {attached:?}: {} inversions: {wrong:?}", wrong.len());
}

#[test]
fn threads_that_take_turns_through_channels_are_read_back_in_their_order() {
    for attached in [Attached::Neither, Attached::One, Attached::Both] {
        assert_turns_come_back_in_order(Turns::Channels, attached, u32::MAX);
    }
}

#[test]
fn threads_that_take_turns_through_an_atomic_are_read_back_in_their_order() {
    for attached in [Attached::Neither, Attached::One, Attached::Both] {
        assert_turns_come_back_in_order(Turns::Atomic, attached, u32::MAX);
    }
}

#[test]
fn threads_that_take_turns_keep_their_order_while_they_move_to_lanes_of_their_own() {
    assert_turns_come_back_in_order(Turns::Channels, Attached::Neither, 20);
    assert_turns_come_back_in_order(Turns::Atomic, Attached::Neither, 20);
}

#[test]
fn what_waits_behind_a_long_backlog_is_not_overtaken() {
    // The worker stands still while one thread logs more than a round takes, and another one,
    // which knows that, logs a single event.
    const BACKLOG: u64 = 3_000;
    for own_lanes in [true, false] {
        let gate = Gate::new();
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = {
            let gate = gate.clone();
            let hold = move |event: &Event<'_>| {
                if event.message() == "hold" {
                    gate.pass();
                }
                true
            };
            support::engine().promote_after(u32::MAX).filter(hold).sink(memory).build().unwrap()
        };
        let logger = engine.logger("t");
        info!(logger, "hold", thread = 0u64, n = 0u64);
        gate.wait_for_arrivals(1);
        let logs = |attach: bool, thread: u64, events: u64| {
            thread::scope(|scope| {
                scope.spawn(|| {
                    if attach {
                        engine.attach_thread().unwrap();
                    }
                    (1..=events).for_each(|n| info!(logger, "m", thread, n));
                });
            });
        };
        logs(own_lanes, 1, BACKLOG);
        logs(true, 2, 1);
        logs(own_lanes, 3, BACKLOG);
        gate.open();
        assert!(engine.shutdown(LONG).complete);
        let order: Vec<u64> = thread_and_number(&handle.lines()).into_iter().map(|(thread, _)| thread).collect();
        assert_eq!(order.len() as u64, 2 * BACKLOG + 2);
        assert!(order.is_sorted(), "own lanes {own_lanes}: {:?}", order.iter().position(|thread| *thread == 2));
    }
}

#[test]
fn a_lane_that_has_just_been_made_is_known_before_what_was_logged_after_its_first_event() {
    const ENGINES: u64 = 30;
    const LANES: u64 = 40;
    for _ in 0..ENGINES {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = small().on_full(OnFull::Block).reserved_lanes(0).promote_after(u32::MAX);
        let engine = engine.wait(Wait::BusySpin).sink(memory).build().unwrap();
        let logger = engine.logger("t");
        let done = AtomicU64::new(0);
        let logged: Vec<AtomicU64> = (0..LANES).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for n in 0..LANES {
                let (engine, done, logged) = (&engine, &done, &logged[n as usize]);
                scope.spawn(move || {
                    engine.attach_thread().unwrap();
                    info!(engine.logger("t"), "m", thread = 0, n = 2 * n);
                    logged.store(1, Ordering::Release);
                    // Keeps its lane, so that the next thread gets a new one.
                    while done.load(Ordering::Acquire) == 0 {
                        thread::sleep(std::time::Duration::from_millis(1));
                    }
                });
                while logged.load(Ordering::Acquire) == 0 {
                    std::hint::spin_loop();
                }
                info!(logger, "m", thread = 0, n = 2 * n + 1);
            }
            done.store(1, Ordering::Release);
        });
        assert!(engine.shutdown(LONG).complete);
        let numbers: Vec<u64> = thread_and_number(&handle.lines()).into_iter().map(|(_, n)| n).collect();
        assert!(numbers.len() as u64 == 2 * LANES && numbers.is_sorted(), "{numbers:?}");
    }
}
