//! The stages in their order, in the three parts that can have a thread each: [`filtering`],
//! [`encoding`] (enrich, redact, encode) and [`processing`].

use logwheel_core::{Enricher, Envelope, Filter, Processor, Redactor};

use super::instance::Instance;
use super::{StageKind, WorkerCounts};
use crate::diagnostics::Diagnostics;
use crate::sync::Arc;

mod encoding;
mod failure;
mod filtering;
mod processing;

pub(super) use encoding::Encoding;
use failure::Reporter;
pub(crate) use failure::panic_text;
pub(super) use filtering::{Filtering, Passed};
pub(super) use processing::Processing;

/// What happens to an event on which a redactor failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RedactFailure {
    /// Every value is replaced by `***`, and the event is marked `_redaction_failed`.
    #[default]
    Mask,
    /// It is dropped with the reason `redaction_failed`.
    Drop,
    /// It goes on as it is, secrets included.
    Pass,
}

/// What happens to a line on which a processor failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ProcessFailure {
    /// It goes on as it came.
    #[default]
    Pass,
    /// It is dropped with the reason `processing_failed`.
    Drop,
}

/// The stages as the builder collects them.
#[derive(Default)]
pub(crate) struct StageSet {
    pub(crate) filters: Vec<Box<dyn Filter>>,
    pub(crate) enrichers: Vec<Box<dyn Enricher>>,
    pub(crate) redactors: Vec<(Box<dyn Redactor>, RedactFailure)>,
    pub(crate) processors: Vec<(Box<dyn Processor>, ProcessFailure)>,
}

/// Line buffers beyond this are not kept from round to round.
pub(super) const KEEP_BYTES: usize = 256 << 10;

/// The stages of one worker, or of the workers that an event passes one after the other.
pub(crate) struct Chain {
    pub(super) filtering: Filtering,
    pub(super) encoding: Encoding,
    pub(super) processing: Processing,
}

impl StageSet {
    /// The stages' names, unique, in the order in which events meet them.
    pub(crate) fn names(&self) -> Vec<(String, StageKind)> {
        let mut names: Vec<(String, StageKind)> = Vec::new();
        let filters = self.filters.iter().map(|stage| (stage.name(), StageKind::Filter));
        let enrichers = self.enrichers.iter().map(|stage| (stage.name(), StageKind::Enricher));
        let redactors = self.redactors.iter().map(|(stage, _)| (stage.name(), StageKind::Redactor));
        let processors = self.processors.iter().map(|(stage, _)| (stage.name(), StageKind::Processor));
        for (name, kind) in filters.chain(enrichers).chain(redactors).chain(processors) {
            let is_taken = |name: &str| names.iter().any(|(taken, _)| taken == name);
            let unique = if is_taken(name) {
                let numbered = (2..).map(|n| format!("{name}-{n}")).find(|name| !is_taken(name));
                numbered.expect("there are more numbers than stages")
            } else {
                name.to_owned()
            };
            names.push((unique, kind));
        }
        names
    }

    /// Starts every stage. All the errors there are; if there is one, those that did start are
    /// stopped again.
    pub(crate) fn start(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut started: Vec<&mut dyn Stops> = Vec::new();
        macro_rules! start {
            ($kind:literal, $stages:expr) => {
                for stage in $stages {
                    match stage.start() {
                        Ok(()) => started.push(stage),
                        Err(error) => problems.push(format!("{} {:?}: {error}", $kind, stage.name())),
                    }
                }
            };
        }
        start!("filter", &mut self.filters);
        start!("enricher", &mut self.enrichers);
        start!("redactor", self.redactors.iter_mut().map(|(stage, _)| stage));
        start!("processor", self.processors.iter_mut().map(|(stage, _)| stage));
        if !problems.is_empty() {
            started.into_iter().rev().for_each(Stops::stop_again);
        }
        problems
    }

    /// A chain for each set of counters: one for each of the three parts, which are the same where
    /// one worker runs them all.
    pub(crate) fn into_chains(
        self,
        envelope: Envelope,
        counts: &[[Arc<WorkerCounts>; 3]],
        diagnostics: &Arc<Diagnostics>,
    ) -> Vec<Chain> {
        let names: Arc<[_]> = self.names().into();
        let reporter = |counts: &Arc<WorkerCounts>, first: usize| Reporter {
            names: Arc::clone(&names),
            first,
            counts: Arc::clone(counts),
            diagnostics: Arc::clone(diagnostics),
        };
        let encoding_at = self.filters.len();
        let processing_at = names.len() - self.processors.len();
        let mut chains: Vec<Chain> = counts
            .iter()
            .map(|[filtering, encoding, processing]| Chain {
                filtering: Filtering::new(reporter(filtering, 0)),
                encoding: Encoding::new(envelope, reporter(encoding, encoding_at)),
                processing: Processing::new(reporter(processing, processing_at)),
            })
            .collect();
        let workers = chains.len();
        for stage in self.filters {
            let holds = stage.holds();
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.filtering.add(stage, holds));
        }
        for stage in self.enrichers {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.encoding.enrichers.push(stage));
        }
        for (stage, on_error) in self.redactors {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains
                .iter_mut()
                .zip(instances)
                .for_each(|(chain, stage)| chain.encoding.redactors.push((stage, on_error)));
        }
        for (stage, on_error) in self.processors {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.processing.add(stage, on_error));
        }
        chains
    }
}

/// A stage of any kind, to be stopped after another one did not start.
trait Stops {
    fn stop_again(&mut self);
}

macro_rules! stops {
    ($($stage:ident),*) => {$(
        impl Stops for Box<dyn $stage> {
            fn stop_again(&mut self) {
                // There is an error to report already.
                let _ = self.stop();
            }
        }
    )*};
}
stops!(Filter, Enricher, Redactor, Processor);
