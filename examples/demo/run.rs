//! The run itself: the pipeline, the threads that log, and what came of it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{
    Engine, FieldMask, FileSink, Host, HttpFormat, HttpSink, Level, LevelFilter, OnFull, Overflow, Report, StaticFields,
};

use crate::caller::{Caller, Counts};
use crate::files::Files;
use crate::latency::{Latencies, clock_overhead};
use crate::progress::Progress;
use crate::receiver::{Received, Receiver};
use crate::service::{SECRET_FIELDS, Service};
use crate::tally::Tally;

/// What is logged, ready to be logged.
pub enum Work {
    Events(u64),
    Files(Files),
}

/// All that is known at the end.
pub struct Outcome {
    pub threads: usize,
    /// What the demo counted itself.
    pub calls: Counts,
    pub paced: Option<Phase>,
    pub burst: Phase,
    /// What two readings of the clock add to each latency, in nanoseconds.
    pub clock_overhead: u64,
    pub received: Received,
    pub file: Tally,
    /// What the engine counted.
    pub report: Report,
    /// What went wrong besides.
    pub troubles: Vec<String>,
}

impl Outcome {
    /// Nothing went wrong that counts would not show.
    pub fn is_clean(&self) -> bool {
        let tallies = [&self.received.tally, &self.file];
        self.report.complete
            && self.troubles.is_empty()
            && tallies.iter().all(|tally| tally.leaks == 0 && tally.malformed == 0)
    }
}

/// A part of the run.
pub struct Phase {
    pub events: u64,
    pub latencies: Latencies,
    /// Until the last call returned.
    pub logging: Duration,
    /// Until everything was delivered.
    pub delivering: Duration,
}

/// The paced phase: how many events at most, and how far apart all threads together log them.
const PACED_EVENTS: u64 = 50_000;
const PACE: Duration = Duration::from_micros(20);
/// Both sinks keep pace, and nothing here may be lost: so workers wait for room in their queues.
const ROOM: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(300);

pub fn run(work: &Work, threads: usize, file: &Path) -> Result<Outcome, String> {
    let clock_overhead = clock_overhead();
    let receiver = Receiver::start().map_err(|error| format!("cannot start the receiver: {error}"))?;
    let engine = pipeline(work, &receiver.url(), file)?;

    let mut troubles = Vec::new();
    let (paced, burst) = thread::scope(|scope| {
        let total = match work {
            Work::Events(events) => Some(*events),
            Work::Files(_) => None,
        };
        let progress = Progress::start(scope, &engine, total);
        log_all(work, threads, &engine, &progress, &mut troubles)
    });
    let report = engine.shutdown(PATIENCE);
    let received = receiver.stop();
    let file = Tally::of_file(file).map_err(|error| format!("cannot read {} again: {error}", file.display()))?;

    let mut calls = burst.0;
    if let Some((counts, _)) = &paced {
        calls.merge(*counts);
    }
    let (paced, burst) = (paced.map(|(_, phase)| phase), burst.1);
    Ok(Outcome { threads, calls, paced, burst, clock_overhead, received, file, report, troubles })
}

/// Filter, enrichers, redactor, encoding, and the two sinks.
fn pipeline(work: &Work, url: &str, file: &Path) -> Result<Engine, String> {
    let http = HttpSink::builder(url).format(HttpFormat::Ndjson).build().map_err(|error| error.to_string())?;
    let redactor = FieldMask::new(SECRET_FIELDS).map_err(|error| error.to_string())?;
    let least = match work {
        // Those for developers are not wanted.
        Work::Events(_) => Level::INFO,
        // Every line is.
        Work::Files(_) => Level::TRACE,
    };
    Engine::builder()
        // What the filter stage drops has to be submitted first.
        .level(Level::TRACE)
        .on_full(OnFull::Block)
        .filter(LevelFilter::new(least))
        .enricher(StaticFields::new().field("service", "shop").field("version", env!("CARGO_PKG_VERSION")))
        .enricher(Host::new())
        .redactor(redactor)
        .sink_with(http, |sink| sink.overflow(Overflow::Block(ROOM)))
        .sink_with(FileSink::new(file), |sink| sink.overflow(Overflow::Block(ROOM)))
        .build()
        .map_err(|error| error.to_string())
}

type Logged = (Counts, Phase);

/// The paced phase, where there is one, and the burst.
fn log_all(
    work: &Work,
    threads: usize,
    engine: &Engine,
    progress: &Progress,
    troubles: &mut Vec<String>,
) -> (Option<Logged>, Logged) {
    match work {
        Work::Events(events) => {
            let service = Service::new(engine);
            let paced_events = (events / 20).min(PACED_EVENTS);
            let paced = (paced_events > 0).then(|| {
                progress.phase("paced");
                phase(engine, threads, troubles, |thread, caller| {
                    log_paced(&service, (thread..paced_events).step_by(threads), caller);
                    Ok(())
                })
            });
            progress.phase("burst");
            let burst = phase(engine, threads, troubles, |thread, caller| {
                (paced_events + thread..*events).step_by(threads).for_each(|n| service.log(n, caller));
                Ok(())
            });
            (paced, burst)
        }
        Work::Files(files) => {
            progress.phase("input");
            let logger = engine.logger("input");
            (None, phase(engine, threads, troubles, |_, caller| files.log(&logger, caller)))
        }
    }
}

/// Each event when its time has come. Sleeping is never exact: what is late is made up for.
fn log_paced(service: &Service, numbers: impl Iterator<Item = u64>, caller: &mut Caller) {
    let began = Instant::now();
    for n in numbers {
        let due = began + PACE.saturating_mul(n as u32);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        service.log(n, caller);
    }
}

/// Has several threads log, and waits until everything is delivered.
fn phase(
    engine: &Engine,
    threads: usize,
    troubles: &mut Vec<String>,
    log: impl Fn(u64, &mut Caller) -> Result<(), String> + Sync,
) -> Logged {
    let log_from = |thread| {
        let mut caller = Caller::default();
        // Without a lane of its own it logs through the shared one.
        caller.counts.without_lane = u64::from(engine.attach_thread().is_err());
        let result = log(thread, &mut caller);
        (caller, result)
    };
    let began = Instant::now();
    let mut all = Caller::default();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads as u64).map(|thread| scope.spawn(move || log_from(thread))).collect();
        for thread in running {
            match thread.join() {
                Ok((caller, result)) => {
                    all.merge(&caller);
                    troubles.extend(result.err());
                }
                Err(_) => troubles.push("a logging thread panicked".to_owned()),
            }
        }
    });
    let logging = began.elapsed();
    if let Err(error) = engine.flush(PATIENCE) {
        troubles.push(error.to_string());
    }
    let Caller { latencies, counts } = all;
    (counts, Phase { events: counts.logged, latencies, logging, delivering: began.elapsed() })
}
