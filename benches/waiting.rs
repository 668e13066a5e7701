//! What does an idle engine cost, how long does an event wait for it, and what does a burst meet?
//!
//! `cargo bench -p logwheel --bench waiting [-- --seconds N]`. For each wait strategy: CPU time of
//! an idle engine over N seconds (default 60); the time from the log call to the dispatch of a
//! single event at idle; and for the default one, bursts of 100,000 events by one thread after
//! idle, with the longest call.

mod measure;

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{Engine, EngineBuilder, NullSink, OnFull, Processed, Topology, Wait, info, named};
use measure::{cpu_time, percentile};

const LONG: Duration = Duration::from_secs(60);
const WAITS: [(&str, Wait); 4] =
    [("adaptive", Wait::Adaptive), ("sleep", Wait::Sleep), ("yield", Wait::Yield), ("busy_spin", Wait::BusySpin)];

fn builder(wait: Wait) -> EngineBuilder {
    Engine::builder().topology(Topology::Fused).wait(wait).diagnostics(|_| {})
}

/// The share of a core that an idle engine takes.
fn idle(wait: Wait, seconds: u64) -> f64 {
    let engine = builder(wait).sink(NullSink).build().expect("valid options");
    info!(engine.logger("idle"), "the last event for a while");
    // It sleeps longer and longer; what counts is the long run.
    thread::sleep(Duration::from_secs(4));
    let (cpu, begin) = (cpu_time(), Instant::now());
    thread::sleep(Duration::from_secs(seconds));
    (cpu_time() - cpu).as_secs_f64() / begin.elapsed().as_secs_f64()
}

/// Lets time pass: short pauses without sleep, which would let the caller's own caches go cold.
fn pass(pause: Duration) {
    if pause >= Duration::from_millis(1) {
        return thread::sleep(pause);
    }
    let until = Instant::now() + pause;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// How long single events wait until they have passed the last stage, with a pause before each.
fn delays(wait: Wait, pause: Duration, events: usize) -> Vec<Duration> {
    let (done, dispatched) = mpsc::channel();
    let last = named("clock", move |_: &[u8], _: &mut Vec<u8>| {
        done.send(Instant::now()).expect("the bench waits for it");
        Processed::Unchanged
    });
    let engine = builder(wait).processor(last).sink(NullSink).build().expect("valid options");
    engine.attach_thread().expect("a lane");
    let logger = engine.logger("delay");
    let mut delays: Vec<Duration> = (0..events)
        .map(|n| {
            pass(pause);
            let logged = Instant::now();
            info!(logger, "a single event", n);
            dispatched.recv_timeout(LONG).expect("it arrives").duration_since(logged)
        })
        .collect();
    delays.sort();
    delays
}

/// A burst of 100,000 events after idle: the longest call, and how many were dropped.
fn burst(on_full: OnFull) -> (Duration, u64) {
    const EVENTS: u64 = 100_000;
    let engine = builder(Wait::Adaptive).on_full(on_full).sink(NullSink).build().expect("valid options");
    engine.attach_thread().expect("a lane");
    let logger = engine.logger("burst");
    info!(logger, "warm");
    thread::sleep(Duration::from_secs(2));
    let mut longest = Duration::ZERO;
    for n in 0..EVENTS {
        let before = Instant::now();
        info!(logger, "order filled", order_id = n, price = 101.5, symbol = black_box("ACMECORP"));
        longest = longest.max(before.elapsed());
    }
    engine.flush(LONG).expect("the sink keeps pace");
    let ledger = engine.ledger();
    assert!(ledger.is_balanced() && ledger.dispatched + ledger.total_dropped() == EVENTS + 1, "{ledger}");
    (longest, ledger.total_dropped())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let seconds = arguments.iter().position(|argument| argument == "--seconds").and_then(|at| arguments.get(at + 1));
    let seconds: u64 = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(60);

    println!("An idle engine over {seconds} s, the share of a core:");
    for (name, wait) in WAITS {
        // Those that never sleep take a whole core; a moment shows it.
        let seconds = if matches!(wait, Wait::Yield | Wait::BusySpin) { 2 } else { seconds };
        println!("  {name:9} {:8.3} %", idle(wait, seconds) * 100.0);
    }
    println!("\nFrom a single call to the end of the last stage, after a pause (p50 / p99 / longest):");
    for (name, wait) in WAITS {
        let pauses =
            [(Duration::from_micros(100), 5_000), (Duration::from_millis(20), 200), (Duration::from_millis(1_500), 6)];
        for (pause, events) in pauses {
            let delays = delays(wait, pause, events);
            let [median, p99, longest] = [0.5, 0.99, 1.0].map(|share| percentile(&delays, share));
            println!("  {name:9} after {pause:8.1?}: {median:9.1?} / {p99:9.1?} / {longest:9.1?}");
        }
    }
    println!("\nA burst of 100,000 events after 2 s of idle (longest call, dropped), 5 times each:");
    for (name, on_full) in [("wait", OnFull::Wait), ("drop", OnFull::Drop), ("block", OnFull::Block)] {
        let bursts: Vec<String> =
            (0..5).map(|_| burst(on_full)).map(|(longest, dropped)| format!("{longest:.1?}, {dropped}")).collect();
        println!("  {name:6} {}", bursts.join("; "));
    }
}
