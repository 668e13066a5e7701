//! How many events a second go through the whole pipeline?
//!
//! `cargo bench -p logwheel --bench pipeline`. One or two threads log as fast as they can with
//! `on_full = "block"`; the clock runs until every event has been delivered. CPU seconds of the
//! whole process are printed beside, per million events.

mod measure;

use std::hint::black_box;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logwheel::{
    BatchLimits, Engine, EngineBuilder, FieldMask, FileSink, Host, Level, LevelFilter, MemorySink, NullSink, OnFull,
    Overflow, StaticFields, info,
};
use measure::cpu_time;

const BLOCK: Overflow = Overflow::Block(Duration::from_secs(60));

/// Logs `events` from `threads` threads and waits until all are delivered.
fn run(engine: &Engine, threads: u64, events: u64) {
    thread::scope(|scope| {
        for index in 0..threads {
            let share = events / threads + u64::from(index < events % threads);
            scope.spawn(move || {
                engine.attach_thread().expect("lanes for a few threads");
                let logger = engine.logger("bench");
                for n in 0..share {
                    info!(logger, "order filled", order_id = n, price = 101.5, symbol = black_box("ACMECORP"));
                }
            });
        }
    });
    engine.flush(Duration::from_secs(60)).expect("the sinks keep pace");
}

/// A file on tmpfs, so that no disk is measured.
fn tmpfs_file() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    let folder = if shm.is_dir() { shm } else { std::env::temp_dir() };
    folder.join(format!("logwheel-bench-{}.log", std::process::id()))
}

fn builder() -> EngineBuilder {
    Engine::builder().on_full(OnFull::Block)
}

fn five_stages() -> EngineBuilder {
    builder()
        .filter(LevelFilter::new(Level::INFO))
        .enricher(StaticFields::new().field("service", "orders"))
        .enricher(Host::new())
        .redactor(FieldMask::new(["password", "card.number"]).expect("valid paths"))
        .processor(|_: &[u8], _: &mut Vec<u8>| logwheel::Processed::Unchanged)
}

fn pipeline(c: &mut Criterion) {
    const EVENTS: u64 = 200_000;
    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(10).measurement_time(Duration::from_secs(5));
    group.warm_up_time(Duration::from_secs(1));

    let mut case = |name: &str, threads: u64, engine: Engine, between: &dyn Fn()| {
        let (mut cpu, mut events) = (0.0, 0);
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let (cpu_before, begin) = (cpu_time(), Instant::now());
                    run(&engine, threads, EVENTS);
                    took += begin.elapsed();
                    cpu += (cpu_time() - cpu_before).as_secs_f64();
                    events += EVENTS;
                    between();
                }
                took
            });
        });
        if events > 0 {
            println!("{name}: {:.2} CPU seconds per million events\n", cpu * 1e6 / events as f64);
        }
        assert!(engine.ledger().is_balanced());
    };

    let null = || builder().sink_with(NullSink, |sink| sink.overflow(BLOCK)).build().expect("valid options");
    case("null/1_thread", 1, null(), &|| {});
    case("null/2_threads", 2, null(), &|| {});

    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = builder().sink_with(memory, |sink| sink.overflow(BLOCK)).build().expect("valid options");
    case("memory/1_thread", 1, engine, &|| handle.clear());

    let path = tmpfs_file();
    let big_batches = BatchLimits { max_events: 4096, ..BatchLimits::default() };
    let file = |builder: EngineBuilder| {
        let sink = FileSink::new(&path).rotate_bytes(256 << 20).keep_files(0);
        builder.sink_with(sink, |sink| sink.overflow(BLOCK).batch(big_batches)).build().expect("valid options")
    };
    case("tmpfs_file/1_thread", 1, file(builder()), &|| {});
    case("tmpfs_file/2_threads", 2, file(builder()), &|| {});
    case("tmpfs_file/5_stages_1_thread", 1, file(five_stages()), &|| {});
    let _ = std::fs::remove_file(&path);
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
