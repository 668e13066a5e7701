//! What does a log call cost its caller?
//!
//! `cargo bench -p logwheel --bench publish`. Every case publishes bursts that fit into the lane
//! (what a full lane costs is a matter of policy, not of publishing) while a worker, or the
//! floor's consumer, reads along; between bursts the lane is drained, untimed. The floor is the
//! `disruptor` crate alone with a slot of the same 256 bytes, filled with the same clock reading
//! and the same three fields, raw.
//!
//! At the end, percentiles of single calls at a 50 µs pace, less the cost of reading the clock.

mod measure;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use disruptor::{BusySpin, EventPoller, Polling, Producer, build_multi_producer, build_single_producer};
use hdrhistogram::Histogram;
use logwheel::{Engine, Event, Lanes, Logger, OnFull, info};
use measure::events::{AGENT, eight_fields, three_fields};

const BURST: u64 = 2048;
const SLOTS: usize = 8192;

/// A way to publish: `publish` is timed, `drain` is not.
trait Subject {
    fn publish(&mut self, n: u64);
    fn drain(&mut self);
}

/// Times `iterations` calls in bursts.
fn bursts(subject: &mut impl Subject, iterations: u64) -> Duration {
    let (mut left, mut took) = (iterations, Duration::ZERO);
    while left > 0 {
        let burst = left.min(BURST);
        let begin = Instant::now();
        (0..burst).for_each(|n| subject.publish(n));
        took += begin.elapsed();
        subject.drain();
        left -= burst;
    }
    took
}

// The floor.

#[repr(align(64))]
struct RawSlot([u8; 256]);

#[inline(always)]
fn fill(slot: &mut RawSlot, ticks: u64, n: u64) {
    slot.0[..8].copy_from_slice(&ticks.to_le_bytes());
    slot.0[8..16].copy_from_slice(&n.to_le_bytes());
    slot.0[16..24].copy_from_slice(&101.5f64.to_le_bytes());
    slot.0[24..32].copy_from_slice(black_box("ACMECORP").as_bytes());
}

struct Floor<P> {
    producer: P,
    clock: quanta::Clock,
    published: u64,
    consumed: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    consumer: Option<JoinHandle<()>>,
}

impl<P: Producer<RawSlot>> Floor<P> {
    fn new<B: Send + Sync + 'static>(producer: P, mut poller: EventPoller<RawSlot, B>) -> Self
    where
        EventPoller<RawSlot, B>: Poll,
    {
        let (consumed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let consumer = {
            let (consumed, stop) = (Arc::clone(&consumed), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match poller.read() {
                        0 => thread::yield_now(),
                        n => drop(consumed.fetch_add(n, Ordering::Release)),
                    }
                }
            })
        };
        Self { producer, clock: quanta::Clock::new(), published: 0, consumed, stop, consumer: Some(consumer) }
    }
}

/// Reads what there is.
trait Poll {
    fn read(&mut self) -> u64;
}

macro_rules! poll {
    ($($barrier:ty),*) => {$(
        impl Poll for EventPoller<RawSlot, $barrier> {
            fn read(&mut self) -> u64 {
                match self.poll() {
                    Ok(mut events) => (&mut events).map(|slot| black_box(&slot.0)[0]).fold(0, |n, _| n + 1),
                    Err(Polling::NoEvents | Polling::Shutdown) => 0,
                }
            }
        }
    )*};
}
poll!(disruptor::SingleProducerBarrier, disruptor::MultiProducerBarrier);

impl<P: Producer<RawSlot>> Subject for Floor<P> {
    #[inline(always)]
    fn publish(&mut self, n: u64) {
        let ticks = self.clock.raw();
        let published = self.producer.try_publish(|slot| fill(slot, ticks, n));
        assert!(published.is_ok(), "a burst fits");
        self.published += 1;
    }

    fn drain(&mut self) {
        while self.consumed.load(Ordering::Acquire) < self.published {
            thread::yield_now();
        }
    }
}

impl<P> Drop for Floor<P> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.consumer.take().map(JoinHandle::join);
    }
}

fn single_producer_floor() -> impl Subject {
    let (poller, builder) = build_single_producer(SLOTS, || RawSlot([0; 256]), BusySpin).new_event_poller();
    Floor::new(builder.build(), poller)
}

fn multi_producer_floor() -> impl Subject {
    let (poller, builder) = build_multi_producer(4 * SLOTS, || RawSlot([0; 256]), BusySpin).new_event_poller();
    Floor::new(builder.build(), poller)
}

// Logwheel.

/// An engine whose worker reads every event and drops it in a filter.
fn engine(lanes: Lanes) -> Engine {
    let builder = Engine::builder().lanes(lanes).on_full(OnFull::Drop);
    builder.filter(|_: &Event<'_>| false).build().expect("valid options")
}

struct Calls<'e, F> {
    engine: &'e Engine,
    logger: Logger,
    call: F,
}

impl<F: FnMut(&Logger, u64)> Subject for Calls<'_, F> {
    #[inline(always)]
    fn publish(&mut self, n: u64) {
        (self.call)(&self.logger, n);
    }

    fn drain(&mut self) {
        self.engine.flush(Duration::from_secs(60)).expect("a cheap pipeline");
    }
}

fn calls<F: FnMut(&Logger, u64)>(engine: &Engine, call: F) -> Calls<'_, F> {
    Calls { engine, logger: engine.logger("bench"), call }
}

/// Runs `work` while another thread publishes bursts of the same event through the same engine.
fn beside_a_neighbour<R>(engine: &Engine, attach: bool, work: impl FnOnce() -> R) -> R {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            if attach {
                engine.attach_thread().expect("a lane for the neighbour");
            }
            let mut neighbour = calls(engine, three_fields);
            while !stop.load(Ordering::Relaxed) {
                bursts(&mut neighbour, BURST / 8);
            }
        });
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn dense(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish");
    group.throughput(Throughput::Elements(1)).sample_size(30).measurement_time(Duration::from_secs(2));
    group.warm_up_time(Duration::from_millis(500));

    group.bench_function("floor/single_producer", |b| {
        let mut floor = single_producer_floor();
        b.iter_custom(|n| bursts(&mut floor, n));
    });
    group.bench_function("floor/multi_producer", |b| {
        let mut floor = multi_producer_floor();
        b.iter_custom(|n| bursts(&mut floor, n));
    });

    for (name, lanes) in [("private", Lanes::PerThread), ("shared", Lanes::Shared)] {
        let mut case = |case: &str, call: fn(&Logger, u64)| {
            group.bench_function(BenchmarkId::new(name, case), |b| {
                let engine = engine(lanes);
                if lanes == Lanes::PerThread {
                    engine.attach_thread().expect("a fresh engine has lanes");
                }
                let mut subject = calls(&engine, call);
                b.iter_custom(|n| bursts(&mut subject, n));
            });
        };
        case("level_off", |logger, n| logwheel::debug!(logger, "order filled", order_id = n));
        case("0_fields", |logger, _| info!(logger, "order filled"));
        case("3_fields", three_fields);
        case("8_fields", eight_fields);
        case("string_100", |logger, _| info!(logger, "request", agent = black_box(AGENT)));
        case("display", |logger, n| info!(logger, "request", id = %n));
        group.bench_function(BenchmarkId::new(name, "3_fields_2_threads"), |b| {
            let engine = engine(lanes);
            let attach = lanes == Lanes::PerThread;
            if attach {
                engine.attach_thread().expect("a fresh engine has lanes");
            }
            let mut subject = calls(&engine, three_fields);
            b.iter_custom(|n| beside_a_neighbour(&engine, attach, || bursts(&mut subject, n)));
        });
    }
    group.finish();
}

/// Single calls, far apart: what a service at a normal load sees.
fn paced(_: &mut Criterion) {
    const CALLS: usize = 20_000;
    const GAP: Duration = Duration::from_micros(50);

    let measure = |name: &str, subject: &mut dyn FnMut(u64)| {
        let clock = quanta::Clock::new();
        let overhead = (0..10_000).map(|_| clock.delta_as_nanos(clock.raw(), clock.raw())).min().unwrap_or(0);
        let mut latencies = Histogram::<u64>::new(3).expect("three digits");
        let mut next = Instant::now();
        for n in 0..CALLS as u64 {
            while Instant::now() < next {
                std::hint::spin_loop();
            }
            next += GAP;
            let begin = clock.raw();
            subject(n);
            let end = clock.raw();
            latencies.saturating_record(clock.delta_as_nanos(begin, end).saturating_sub(overhead));
        }
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| latencies.value_at_quantile(quantile));
        println!("{name:<36} p50 {p50:>6} ns   p99 {p99:>6} ns   p99.9 {p999:>7} ns");
    };

    println!("\npaced, one call every 50 us:");
    {
        let mut floor = single_producer_floor();
        measure("floor/single_producer", &mut |n| floor.publish(n));
        let mut floor = multi_producer_floor();
        measure("floor/multi_producer", &mut |n| floor.publish(n));
    }
    for (name, lanes) in [("private/3_fields", Lanes::PerThread), ("shared/3_fields", Lanes::Shared)] {
        let engine = engine(lanes);
        if lanes == Lanes::PerThread {
            engine.attach_thread().expect("a fresh engine has lanes");
        }
        let logger = engine.logger("bench");
        measure(name, &mut |n| three_fields(&logger, n));
    }
    println!();
}

criterion_group!(benches, dense, paced);
criterion_main!(benches);
