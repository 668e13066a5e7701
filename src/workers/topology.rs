//! Which workers there are, and how they are started.

use std::io;
use std::thread::JoinHandle;

use super::fused::FusedWorker;
use super::numbering::Numbering;
use super::per_stage::{Belt, EncodeWorker, FilterWorker, OutWorker};
use super::{Dispatch, Inbox, Plan, StageSet, WorkerCounts};
use crate::caller::Intake;
use crate::config::{Config, Pin, Topology, Wait};
use crate::cores::{Cores, pin_to};
use crate::diagnostics::{Diagnostics, Severity};
use crate::sync::Arc;

/// The topology, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// So many workers, each with a share of the lanes.
    Fused(usize),
    /// Three workers, one behind the other.
    PerStage,
}

/// From how many usable cores on a thread for each stage group pays.
const PER_STAGE_FROM: usize = 4;

impl Layout {
    pub(crate) fn choose(config: &Config, cores: &Cores) -> Self {
        match config.topology {
            Topology::Fused => Self::Fused(config.workers),
            Topology::PerStage => Self::PerStage,
            Topology::Auto if config.workers == 1 && cores.count() >= PER_STAGE_FROM => Self::PerStage,
            Topology::Auto => Self::Fused(config.workers),
        }
    }

    /// How many threads there are.
    pub(crate) fn threads(self) -> usize {
        match self {
            Self::Fused(workers) => workers,
            Self::PerStage => 3,
        }
    }

    /// How many workers read lanes first, each with an inbox.
    pub(crate) fn first_workers(self) -> usize {
        match self {
            Self::Fused(workers) => workers,
            Self::PerStage => 1,
        }
    }

    /// How many readers each lane has.
    pub(crate) fn readers(self) -> usize {
        match self {
            Self::Fused(_) => 1,
            Self::PerStage => 3,
        }
    }
}

/// The workers of an engine, ready to be started.
pub(crate) struct Crew {
    pub(crate) layout: Layout,
    pub(crate) cores: Cores,
    pub(crate) intake: Arc<Intake>,
    pub(crate) stages: StageSet,
    pub(crate) plan: Arc<Plan>,
    /// One for each thread.
    pub(crate) counts: Vec<Arc<WorkerCounts>>,
    pub(crate) diagnostics: Arc<Diagnostics>,
    /// The first part of every identity; differs for each run.
    pub(crate) epoch: u64,
}

/// Starts a thread of this name.
type Spawn<'s> = &'s mut dyn FnMut(&str, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>;

impl Crew {
    /// Starts the workers, the last on an event's way first, so that each knows whom to wake.
    pub(crate) fn start(self, spawn: Spawn<'_>) -> io::Result<Vec<JoinHandle<()>>> {
        let pins = self.pins();
        let Self { layout, intake, stages, plan, counts, diagnostics, epoch, .. } = self;
        let config = &intake.config;
        let numbering = |worker: usize| Numbering::new(config.identity, epoch, worker as u32);
        let mut threads = Vec::new();
        let mut start = |name: &str, thread: usize, inbox: &Inbox, run: Box<dyn FnOnce() + Send>| {
            let (core, diagnostics) = (pins.get(thread).copied(), Arc::clone(&diagnostics));
            let pinned = Box::new(move || {
                if let Some(core) = core
                    && let Err(error) = pin_to(core)
                {
                    // Checked by `build`: the mask changed since. Elsewhere is better than not at all.
                    diagnostics.report(Severity::Warning, "workers", || format!("cannot run on core {core}: {error}"));
                }
                run();
            });
            let handle = spawn(name, pinned)?;
            inbox.parker.belongs_to(handle.thread());
            threads.push(handle);
            io::Result::Ok(())
        };
        match layout {
            Layout::Fused(_) => {
                let of_three = |counts: &Arc<WorkerCounts>| std::array::from_fn(|_| Arc::clone(counts));
                let counters: Vec<_> = counts.iter().map(of_three).collect();
                let chains = stages.into_chains(config.envelope, &counters, &diagnostics);
                for (index, (chain, counts)) in chains.into_iter().zip(counts).enumerate() {
                    let dispatch = Dispatch::new(Arc::clone(&plan), Arc::clone(&counts));
                    let inbox = Arc::clone(&intake.inboxes[index]);
                    let (intake, numbering) = (Arc::clone(&intake), numbering(index));
                    let worker = FusedWorker::new(intake, Arc::clone(&inbox), counts, chain, dispatch, numbering);
                    start(&format!("lw-work-{index}"), index, &inbox, Box::new(move || worker.run()))?;
                }
            }
            Layout::PerStage => {
                let [filtering, encoding, out]: [_; 3] = counts.try_into().expect("one for each thread");
                let counters = [[&filtering, &encoding, &out].map(Arc::clone)];
                let chain = stages.into_chains(config.envelope, &counters, &diagnostics).remove(0);
                let inboxes: [Arc<Inbox>; 3] = [Arc::clone(&intake.inboxes[0]), Arc::default(), Arc::default()];
                let empty = Arc::new(Belt::with_empty_trays(Arc::clone(&inboxes[0])));
                let [to_encode, to_out] = [1, 2].map(|worker: usize| Arc::new(Belt::new(Arc::clone(&inboxes[worker]))));

                let (inbox, belts) = (Arc::clone(&inboxes[2]), [&to_out, &empty].map(Arc::clone));
                let dispatch = Dispatch::new(Arc::clone(&plan), Arc::clone(&out));
                let worker = OutWorker::new(Arc::clone(&intake), inbox, out, chain.processing, dispatch, belts);
                start("lw-out", 2, &inboxes[2], Box::new(move || worker.run()))?;

                let (inbox, belts) = (Arc::clone(&inboxes[1]), [&to_encode, &to_out].map(Arc::clone));
                let intake_too = Arc::clone(&intake);
                let worker = EncodeWorker::new(intake_too, inbox, encoding, chain.encoding, numbering(0), plan, belts);
                start("lw-encode", 1, &inboxes[1], Box::new(move || worker.run()))?;

                let inbox = Arc::clone(&inboxes[0]);
                let worker =
                    FilterWorker::new(Arc::clone(&intake), inbox, filtering, chain.filtering, empty, to_encode);
                start("lw-filter", 0, &inboxes[0], Box::new(move || worker.run()))?;
            }
        }
        Ok(threads)
    }

    /// The cores for the threads in turn; none where they may run anywhere.
    fn pins(&self) -> Vec<usize> {
        let threads = self.layout.threads();
        let config = &self.intake.config;
        if config.wait == Wait::BusySpin && self.cores.count() <= threads {
            let usable = self.cores.count();
            self.diagnostics.report(Severity::Warning, "workers", || {
                format!("wait = busy_spin: {threads} workers spin on the {usable} cores that this process may use; callers get what is left")
            });
        }
        match &config.pin {
            Pin::None => Vec::new(),
            Pin::Auto => self.cores.spare(threads).unwrap_or_default().to_vec(),
            Pin::Cores(cores) => cores.iter().copied().cycle().take(threads).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_a_thread_for_each_stage_group_where_there_are_cores_for_it() {
        let cores = |count: usize, quota| Cores { allowed: (0..count).collect(), quota };
        let layout = |config: &Config, cores| Layout::choose(config, &cores);
        let config = Config::default();
        assert_eq!(layout(&config, cores(2, None)), Layout::Fused(1));
        assert_eq!(layout(&config, cores(4, None)), Layout::PerStage);
        assert_eq!(layout(&config, cores(64, Some(2.0))), Layout::Fused(1));
        let two_workers = Config { workers: 2, ..Config::default() };
        assert_eq!(layout(&two_workers, cores(64, None)), Layout::Fused(2));
        let per_stage = Config { topology: Topology::PerStage, ..Config::default() };
        assert_eq!(layout(&per_stage, cores(1, None)), Layout::PerStage);
    }
}
