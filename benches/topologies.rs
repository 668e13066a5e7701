//! What do topologies cost, with more or less work in the stages and with many lanes?
//!
//! `cargo bench -p logwheel --bench topologies [-- --events N]`. Two threads log as fast as they
//! can with `on_full = "block"`; the clock runs until every event has been delivered to a null
//! sink. For each topology, amount of stage work and number of lanes: events a second and CPU
//! seconds of the whole process per million events. On a machine with fewer cores than threads,
//! topologies with more threads can only lose: say the cores with the numbers.

mod measure;

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{
    Engine, EngineBuilder, Enrichment, Event, Lanes, NullSink, OnFull, Overflow, Processed, Topology, info, named,
};
use measure::cpu_time;

const LONG: Duration = Duration::from_secs(600);

/// One stage's worth of work: some hundred nanoseconds that depend on the event.
fn work(seed: u64) -> u64 {
    let mut value = seed | 1;
    for _ in 0..150 {
        value = black_box(value.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
    }
    value
}

/// A builder with so many stages that work, spread over the stage groups.
fn with_stages(builder: EngineBuilder, stages: usize) -> EngineBuilder {
    let enrich = |event: &mut Enrichment<'_, '_>| {
        event.add("worked", work(event.timestamp()));
    };
    let process = |line: &[u8], _: &mut Vec<u8>| {
        black_box(work(line.len() as u64));
        Processed::Unchanged
    };
    let filter = |event: &Event<'_>| work(event.timestamp()) != 0;
    let redact = |event: &mut Event<'_>| {
        black_box(work(event.timestamp()));
    };
    match stages {
        1 => builder.enricher(named("enrich", enrich)),
        2 => builder.enricher(named("enrich", enrich)).processor(named("process", process)),
        _ => builder
            .filter(named("filter", filter))
            .enricher(named("enrich", enrich))
            .redactor(named("redact", redact))
            .processor(named("process", process)),
    }
}

/// Logs `events` from two threads; `lanes - 2` other threads hold a lane each and log nothing.
fn run(engine: &Engine, lanes: u64, events: u64) -> (Duration, Duration) {
    let busy = lanes.min(2);
    let (ready, done) = (Barrier::new(lanes as usize + 1), Barrier::new(lanes as usize + 1));
    thread::scope(|scope| {
        for index in 0..lanes {
            let (ready, done) = (&ready, &done);
            scope.spawn(move || {
                engine.attach_thread().expect("lanes enough");
                let logger = engine.logger("bench");
                ready.wait();
                if index < busy {
                    for n in 0..events / busy {
                        info!(logger, "order filled", order_id = n, price = 101.5, symbol = black_box("ACMECORP"));
                    }
                }
                done.wait();
            });
        }
        ready.wait();
        let (cpu, begin) = (cpu_time(), Instant::now());
        done.wait();
        engine.flush(LONG).expect("the sink keeps pace");
        (begin.elapsed(), cpu_time() - cpu)
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let events = arguments.iter().position(|argument| argument == "--events").and_then(|at| arguments.get(at + 1));
    let events: u64 = events.and_then(|events| events.parse().ok()).unwrap_or(400_000);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!("{events} events a run, {cores} cores, medians of 3 runs\n");
    println!("| topology | stages | lanes, 2 of them busy | k events/s | CPU s per million |\n|---|--:|--:|--:|--:|");
    type Configure = fn(EngineBuilder) -> EngineBuilder;
    let topologies: [(&str, Configure); 4] = [
        ("fused, 1 worker", |builder| builder.topology(Topology::Fused)),
        ("fused, 2 workers", |builder| builder.topology(Topology::Fused).workers(2)),
        ("per_stage", |builder| builder.topology(Topology::PerStage)),
        ("fused, shared lane", |builder| builder.topology(Topology::Fused).lanes(Lanes::Shared)),
    ];
    for (name, topology) in topologies {
        for (stages, lanes) in [(1, 2), (2, 2), (4, 2), (1, 1), (1, 8), (1, 64)] {
            let shared = name.ends_with("shared lane");
            if shared && lanes != 2 {
                continue;
            }
            let mut runs: Vec<(Duration, Duration)> = (0..3)
                .map(|_| {
                    let base = Engine::builder().on_full(OnFull::Block).lane_slots(1024).diagnostics(|_| {});
                    let built = with_stages(topology(base), stages)
                        .max_lanes(if shared { 0 } else { 80 })
                        .reserved_lanes(0)
                        .sink_with(NullSink, |sink| sink.overflow(Overflow::Block(LONG)))
                        .build();
                    let engine = built.expect("valid options");
                    if shared { run_shared(&engine, events) } else { run(&engine, lanes, events) }
                })
                .collect();
            runs.sort();
            let (wall, cpu) = runs[1];
            println!(
                "| {name} | {stages} | {lanes} | {:.0} | {:.2} |",
                events as f64 / wall.as_secs_f64() / 1e3,
                cpu.as_secs_f64() * 1e6 / events as f64,
            );
        }
    }
}

/// As [`run`] with two threads on the shared lane.
fn run_shared(engine: &Engine, events: u64) -> (Duration, Duration) {
    let (cpu, begin) = (cpu_time(), Instant::now());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let logger = engine.logger("bench");
                for n in 0..events / 2 {
                    info!(logger, "order filled", order_id = n, price = 101.5, symbol = black_box("ACMECORP"));
                }
            });
        }
    });
    engine.flush(LONG).expect("the sink keeps pace");
    (begin.elapsed(), cpu_time() - cpu)
}
