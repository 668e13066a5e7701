//! What an event costs its caller, and what it costs behind the caller.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use logwheel::{Engine, EngineBuilder, Logger, NullSink, OnFull, Overflow, SinkOptions, Topology};

use crate::measure::{cpu_time, thread_cpu_time};

const LONG: Duration = Duration::from_secs(600);
const BURSTS: u64 = 8;

/// CPU time per event, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub caller: f64,
    /// Workers, sinks, and whatever waking and waiting takes.
    pub behind: f64,
}

/// A log statement.
type Log = dyn Fn(&Logger, u64) + Sync;

/// An engine and those who log to it.
pub struct Load {
    pub configure: Box<dyn Fn(EngineBuilder) -> EngineBuilder + Sync>,
    /// Beside the first one.
    pub more_sinks: usize,
    pub threads: usize,
    /// Threads that have a lane and do not log.
    pub idle_threads: usize,
    /// What each thread logs between two flushes: it fits into its lane.
    pub burst: u64,
    pub log: Box<Log>,
}

impl Load {
    pub fn new(log: impl Fn(&Logger, u64) + Sync + 'static) -> Self {
        Self {
            configure: Box::new(|builder| builder),
            more_sinks: 0,
            threads: 1,
            idle_threads: 0,
            burst: 4096,
            log: Box::new(log),
        }
    }

    /// Bursts with a flush behind each, so that no caller ever waits for room.
    pub fn run(&self) -> Cost {
        let engine = self.engine();
        let (begin, end) = (Barrier::new(self.threads + 1), Barrier::new(self.threads + 1));
        let (ready, is_over) = (Barrier::new(self.idle_threads + 1), Barrier::new(self.idle_threads + 1));
        let events = (BURSTS * self.burst * self.threads as u64) as f64;
        let (callers, whole) = thread::scope(|scope| {
            for _ in 0..self.idle_threads {
                scope.spawn(|| {
                    engine.attach_thread().expect("lanes enough");
                    ready.wait();
                    is_over.wait();
                });
            }
            let threads: Vec<_> = (0..self.threads)
                .map(|_| {
                    let (engine, begin, end) = (&engine, &begin, &end);
                    scope.spawn(move || {
                        engine.attach_thread().expect("lanes enough");
                        let logger = engine.logger("bench");
                        let (mut logging, mut all) = (Duration::ZERO, Duration::ZERO);
                        // Once through the lane first, so that nothing is the first time.
                        for burst in 0..=BURSTS {
                            let awake = thread_cpu_time();
                            begin.wait();
                            let before = thread_cpu_time();
                            (0..self.burst).for_each(|n| (self.log)(&logger, n));
                            let after = thread_cpu_time();
                            end.wait();
                            if burst > 0 {
                                logging += after - before;
                                all += thread_cpu_time() - awake;
                            }
                        }
                        (logging, all)
                    })
                })
                .collect();
            ready.wait();
            let mut whole = Duration::ZERO;
            for burst in 0..=BURSTS {
                let before = cpu_time();
                begin.wait();
                end.wait();
                engine.flush(LONG).expect("a null sink");
                if burst > 0 {
                    whole += cpu_time() - before;
                }
            }
            is_over.wait();
            let mut callers = Duration::ZERO;
            for thread in threads {
                let (logging, all) = thread.join().expect("no panic");
                callers += logging;
                // What they spent on meeting each other is the bench's own.
                whole = whole.saturating_sub(all - logging);
            }
            (callers, whole)
        });
        assert!(engine.ledger().is_balanced() && engine.ledger().total_dropped() == 0, "{}", engine.ledger());
        let per_event = |time: Duration| time.as_secs_f64() * 1e9 / events;
        Cost { caller: per_event(callers), behind: per_event(whole.saturating_sub(callers)) }
    }

    fn engine(&self) -> Engine {
        let base = Engine::builder().topology(Topology::Fused).on_full(OnFull::Block).diagnostics(|_| {});
        let base = base.max_lanes(80).reserved_lanes(0).memory_budget(512 << 20);
        let patient = |sink: SinkOptions| sink.overflow(Overflow::Block(LONG));
        let builder = (self.configure)(base).sink_with(NullSink, patient);
        let more = 0..self.more_sinks;
        let builder = more
            .fold(builder, |builder, n| builder.sink_with(NullSink, |sink| patient(sink).name(format!("null-{n}"))));
        builder.build().expect("valid options")
    }
}
