//! A thread that logs on its private lane makes no system call: the kernel kills the process at
//! the first one. Each case runs in a process of its own.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod support;

use std::collections::BTreeMap;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{Engine, Logger, NullSink, OnFull, Topology, Wait, info};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, apply_filter};
use support::LONG;

/// Tells a process that it is the one to be watched.
const CASE: &str = "LOGWHEEL_TEST_NO_SYSCALLS";

/// Runs `case` in a process of its own; says how many events woke a worker.
fn run(test: &str, case: fn()) -> Option<u64> {
    if std::env::var(CASE).is_ok_and(|named| named == test) {
        case();
    }
    let this = std::env::current_exe().unwrap();
    let child = Command::new(this).args(["--exact", test, "--nocapture"]).env(CASE, test).output().unwrap();
    let out = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(
        child.status.success(),
        "{}: a system call? {out}\n{}",
        child.status,
        String::from_utf8_lossy(&child.stderr)
    );
    out.lines().find_map(|line| line.split_once("wakes: ")?.1.trim().parse().ok())
}

/// From now on this thread may make only these system calls.
fn allow_only(calls: &[i64]) {
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    apply_filter(&program).unwrap();
}

fn log(logger: &Logger, number: u64) {
    info!(logger, "order filled", order_id = number, price = 101.5, symbol = "ACMECORP");
}

/// Logs with a thread that has its own lane and is watched while `burst` runs.
fn watched(engine: &Engine, allowed: &'static [i64], burst: fn(&Logger)) -> ! {
    static DONE: AtomicU64 = AtomicU64::new(0);
    let logger = engine.logger("watched");
    thread::scope(|scope| {
        let watched = scope.spawn(move || {
            engine.attach_thread().unwrap();
            // The first events of a thread and of a statement enter tables.
            (0..100).for_each(|number| log(&logger, number));
            engine.flush(LONG).unwrap();
            allow_only(allowed);
            burst(&logger);
            DONE.store(1, Ordering::Release);
            loop {
                std::hint::spin_loop();
            }
        });
        let deadline = Instant::now() + LONG;
        while DONE.load(Ordering::Acquire) == 0 {
            assert!(!watched.is_finished() && Instant::now() < deadline, "the watched thread did not finish");
            thread::sleep(Duration::from_millis(1));
        }
        engine.flush(LONG).unwrap();
        let ledger = engine.ledger();
        assert!(ledger.is_balanced() && ledger.total_dropped() == 0, "{ledger}");
        println!("wakes: {}", ledger.notes.wakes);
        // At once: the watched thread is not allowed to end.
        exit(0)
    })
}

#[test]
fn at_a_sparse_pace_there_is_none() {
    let case = || -> () {
        let engine = Engine::builder().sink(NullSink).build().unwrap();
        watched(&engine, &[], |logger| {
            for number in 0..1_000 {
                log(logger, number);
                // Reads the clock, which is no system call.
                let next = Instant::now() + Duration::from_micros(50);
                while Instant::now() < next {
                    std::hint::spin_loop();
                }
            }
        })
    };
    assert_eq!(run("at_a_sparse_pace_there_is_none", case), Some(0));
}

#[test]
fn in_a_burst_there_is_none_while_the_worker_is_awake() {
    let case = || -> () {
        let engine = Engine::builder()
            .topology(Topology::Fused)
            .wait(Wait::BusySpin)
            .lane_slots(1 << 17)
            .max_lanes(2)
            .reserved_lanes(1)
            .memory_budget(1 << 30)
            .diagnostics(|_| {})
            .sink(NullSink)
            .build()
            .unwrap();
        watched(&engine, &[], |logger| (0..100_000).for_each(|number| log(logger, number)))
    };
    assert_eq!(run("in_a_burst_there_is_none_while_the_worker_is_awake", case), Some(0));
}

#[test]
fn in_a_burst_there_is_nothing_but_a_wake_at_a_quarter_of_the_lane() {
    let case = || -> () {
        let engine = Engine::builder()
            .on_full(OnFull::Block)
            .lane_slots(1 << 17)
            .max_lanes(2)
            .reserved_lanes(1)
            .memory_budget(1 << 30)
            .sink(NullSink)
            .build()
            .unwrap();
        // Asleep when the burst comes.
        thread::sleep(Duration::from_millis(50));
        watched(&engine, &[FUTEX], |logger| (0..100_000).for_each(|number| log(logger, number)))
    };
    let wakes = run("in_a_burst_there_is_nothing_but_a_wake_at_a_quarter_of_the_lane", case);
    assert!(wakes.is_some_and(|wakes| wakes <= 4), "{wakes:?}");
}

#[cfg(target_arch = "x86_64")]
const FUTEX: i64 = 202;
#[cfg(target_arch = "aarch64")]
const FUTEX: i64 = 98;

#[test]
fn the_watch_sees_a_system_call() {
    if std::env::var(CASE).is_ok() {
        allow_only(&[]);
        thread::yield_now();
        exit(0);
    }
    let this = std::env::current_exe().unwrap();
    let child = Command::new(this).args(["--exact", "the_watch_sees_a_system_call"]).env(CASE, "x").output().unwrap();
    assert!(!child.status.success(), "a system call went unnoticed");
}
