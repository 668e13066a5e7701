//! Starting an engine: its parts put together, and the threads.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use logwheel_core::Sink;
use logwheel_sinks::{Overflow, Spool};
use logwheel_stages::{Column, FillGauge};

use super::EngineBuilder;
use crate::caller::{Intake, become_pipeline_thread};
use crate::clock::TickClock;
use crate::config::OnFull;
use crate::cores::Cores;
use crate::delivery::{Outlet, Routes, SinkOptions, SinkQueue, Spooler};
use crate::diagnostics::{Diagnostics, Severity};
use crate::engine::{Engine, Parts, Running};
use crate::sync::{Arc, AtomicBool};
use crate::workers::{Crew, Inbox, Layout, Plan, WorkerCounts};

/// What `build` made ready before anything is started.
pub(super) struct Prepared {
    pub(super) cores: Cores,
    pub(super) spools: Vec<Option<Spool>>,
    pub(super) routes: Routes,
    pub(super) gauge: Option<FillGauge>,
    pub(super) diagnostics: Arc<Diagnostics>,
}

impl EngineBuilder {
    /// Starts what was checked. `order`: the sinks' positions, each before its fallback.
    pub(super) fn start(self, order: &[usize], prepared: Prepared) -> std::io::Result<Engine> {
        let Self { config, stages, sinks, .. } = self;
        let Prepared { cores, spools, routes, gauge, diagnostics } = prepared;
        warn_of_blocking(config.on_full, &sinks, &diagnostics);
        let layout = Layout::choose(&config, &cores);
        let names = stages.names();
        let counts = || Arc::new(WorkerCounts::new(names.iter().cloned()));
        let counts: Vec<_> = (0..layout.threads()).map(|_| counts()).collect();
        let inboxes: Vec<Arc<Inbox>> = (0..layout.first_workers()).map(|_| Arc::default()).collect();
        let intake = Arc::new(Intake::new(config, TickClock::new(), inboxes, layout.readers(), gauge));

        let is_fallback =
            |name: &String| sinks.iter().any(|(_, options)| options.fallback.as_ref().is_some_and(|to| to == name));
        let senders: Vec<_> = sinks.iter().map(|(sink, options)| replicas(&**sink, options)).collect();
        let mut queues = Vec::new();
        for (((_, options), replicas), spool) in sinks.iter().zip(&senders).zip(spools) {
            let is_fallback = is_fallback(&options.name);
            queues.push(Arc::new(SinkQueue::new(options, 1 + replicas.len(), is_fallback, spool, seed())));
        }
        let outlets: usize = sinks
            .iter()
            .zip(&senders)
            .map(|((_, options), replicas)| 1 + replicas.len() + usize::from(options.spool.is_some()))
            .sum();
        let fallbacks: Vec<_> = sinks
            .iter()
            .map(|(_, options)| {
                let position = sinks.iter().position(|(_, other)| Some(&other.name) == options.fallback.as_ref());
                position.map(|position| Arc::clone(&queues[position]))
            })
            .collect();
        let running = Arc::new(Running::new(counts.len(), outlets));
        let parts = Arc::new(Parts {
            intake: Arc::clone(&intake),
            workers: counts.clone(),
            sinks: order.iter().map(|position| Arc::clone(&queues[*position])).collect(),
            flushes: Arc::default(),
            running: Arc::clone(&running),
            swept: AtomicBool::new(false),
        });
        let mut columns: Vec<String> = Vec::new();
        for column in sinks.iter().flat_map(|(sink, _)| sink.columns()) {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        let cells = columns.iter().map(Column::new).collect();
        let columns = columns.into();
        let crew = Crew {
            layout,
            cores,
            intake: Arc::clone(&intake),
            stages,
            plan: Arc::new(Plan { sinks: queues.clone(), routes, columns, cells }),
            counts,
            diagnostics: Arc::clone(&diagnostics),
            epoch: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64),
        };
        let mut threads = crew.start(&mut |name, run| {
            let running = Arc::clone(&running);
            spawn(name, move || {
                run();
                running.worker_ended();
            })
        })?;
        let sinks = sinks.into_iter().zip(senders).zip(fallbacks).zip(&queues);
        for ((((sink, options), replicas), fallback), queue) in sinks {
            let SinkOptions { name, spool, .. } = options;
            for (number, sink) in std::iter::once(sink).chain(replicas).enumerate() {
                let outlet = Outlet {
                    sink,
                    number,
                    name: name.clone(),
                    queue: Arc::clone(queue),
                    fallback: fallback.clone(),
                    diagnostics: Arc::clone(&diagnostics),
                    started: false,
                    failed: None,
                };
                let running = Arc::clone(&running);
                let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
                threads.push(spawn(&format!("lw-s-{name}{suffix}"), move || {
                    outlet.run();
                    running.outlet_ended();
                })?);
            }
            if spool.is_some() {
                let (queue, diagnostics) = (Arc::clone(queue), Arc::clone(&diagnostics));
                let running = Arc::clone(&running);
                let spooler = Spooler { name: name.clone(), queue, diagnostics };
                threads.push(spawn(&format!("lw-sp-{name}"), move || {
                    spooler.run();
                    running.outlet_ended();
                })?);
            }
        }
        threads.push(spawn("lw-lanes", move || intake.make_lanes())?);
        Ok(Engine::new(parts, threads))
    }
}

/// Whoever waits for one sink keeps the others waiting. A program whose callers wait for lanes has said that it can.
fn warn_of_blocking(on_full: OnFull, sinks: &[(Box<dyn Sink>, SinkOptions)], diagnostics: &Diagnostics) {
    let fed = |options: &SinkOptions| !options.standby;
    if on_full == OnFull::Block || sinks.iter().filter(|(_, options)| fed(options)).count() < 2 {
        return;
    }
    for (_, options) in sinks.iter().filter(|(_, options)| fed(options)) {
        if let Overflow::Block(timeout) = options.overflow_or_default() {
            diagnostics.report(Severity::Warning, &options.name, || {
                format!("overflow = block: while its queue is full, no other sink gets anything, up to {timeout:?}")
            });
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    // The kernel shows 15 bytes; a name must not hold a zero byte.
    let name: String = name.chars().filter(|c| *c != '\0').collect();
    thread::Builder::new().name(name).spawn(move || {
        become_pipeline_thread();
        run();
    })
}

/// Something that differs from sink to sink and from process to process.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Instances of a sink beside the first one, for batches that are under way at the same time.
fn replicas(sink: &dyn Sink, options: &SinkOptions) -> Vec<Box<dyn Sink>> {
    let in_flight = options.in_flight.unwrap_or_else(|| sink.in_flight()).min(64);
    (1..in_flight).map_while(|_| sink.replicate()).collect()
}
