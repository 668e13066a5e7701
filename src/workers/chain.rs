//! The stages in their order, with what happens when one fails.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{
    Enricher, Enrichment, Envelope, Event, Filter, Identity, JsonEncoder, Processed, Processor, Redactor, StageError,
    Verdict,
};

use super::instance::Instance;
use super::{StageKind, WorkerCounts};
use crate::diagnostics::{Diagnostics, Severity};
use crate::sync::Arc;

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

/// How an event leaves the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// [`Chain::line`] holds its line.
    Encoded,
    Filtered,
    Dropped(&'static str),
}

/// One worker's stages.
pub(crate) struct Chain {
    filters: Vec<Instance<dyn Filter>>,
    enrichers: Vec<Instance<dyn Enricher>>,
    redactors: Vec<(Instance<dyn Redactor>, RedactFailure)>,
    processors: Vec<(Instance<dyn Processor>, ProcessFailure)>,
    encoder: JsonEncoder,
    line: Vec<u8>,
    processed: Vec<u8>,
    names: Arc<[(String, StageKind)]>,
    counts: Arc<WorkerCounts>,
    diagnostics: Arc<Diagnostics>,
}

const MASK: &str = "***";
/// Line buffers beyond this are not kept from event to event.
const KEEP: usize = 256 << 10;

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

    /// A chain for each worker with its counters.
    pub(crate) fn into_chains(
        self,
        envelope: Envelope,
        counts: &[Arc<WorkerCounts>],
        diagnostics: &Arc<Diagnostics>,
    ) -> Vec<Chain> {
        let names: Arc<[_]> = self.names().into();
        let mut chains: Vec<Chain> = counts
            .iter()
            .map(|counts| Chain {
                filters: Vec::new(),
                enrichers: Vec::new(),
                redactors: Vec::new(),
                processors: Vec::new(),
                encoder: JsonEncoder::new(envelope),
                line: Vec::new(),
                processed: Vec::new(),
                names: Arc::clone(&names),
                counts: Arc::clone(counts),
                diagnostics: Arc::clone(diagnostics),
            })
            .collect();
        let workers = chains.len();
        for stage in self.filters {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.filters.push(stage));
        }
        for stage in self.enrichers {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.enrichers.push(stage));
        }
        for (stage, on_error) in self.redactors {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.redactors.push((stage, on_error)));
        }
        for (stage, on_error) in self.processors {
            let instances = Instance::for_workers(stage, workers, |stage| stage.replicate());
            chains.iter_mut().zip(instances).for_each(|(chain, stage)| chain.processors.push((stage, on_error)));
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

impl Chain {
    /// The line of the event that left last as [`Fate::Encoded`].
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Takes an event through all stages. `number` is called once, if it passed the filters.
    ///
    /// Stages are user code. `position` counts them off, so that after a panic in one the event
    /// goes on behind it.
    pub(super) fn carry(&mut self, event: &mut Event<'_>, mut number: impl FnMut() -> Option<Identity>) -> Fate {
        let mut position = 0;
        loop {
            let carried = catch_unwind(AssertUnwindSafe(|| self.advance(event, &mut position, &mut number)));
            match carried {
                Ok(fate) => return fate,
                Err(panic) => {
                    if let Some(fate) = self.recover(event, position, &Failure::Panic(panic)) {
                        return fate;
                    }
                    position += 1;
                }
            }
        }
    }

    /// Runs the stages from `position` on.
    fn advance(
        &mut self,
        event: &mut Event<'_>,
        position: &mut usize,
        number: &mut impl FnMut() -> Option<Identity>,
    ) -> Fate {
        let (filters, enrichers, redactors) = self.ends();
        while *position < filters {
            let mut marked = Enrichment::new(event);
            match self.filters[*position].with(|stage| stage.filter(&mut marked)) {
                Ok(Verdict::Drop) => {
                    self.counts.stage_ended(*position);
                    return Fate::Filtered;
                }
                Ok(_) => marked.commit(),
                Err(error) => {
                    drop(marked);
                    self.recover(event, *position, &Failure::Error(error));
                }
            }
            *position += 1;
        }
        while *position < enrichers {
            // Dropped without a commit, after an error or a panic, it takes back what it added.
            let mut enrichment = Enrichment::new(event);
            match self.enrichers[*position - filters].with(|stage| stage.enrich(&mut enrichment)) {
                Ok(()) => enrichment.commit(),
                Err(error) => {
                    drop(enrichment);
                    self.recover(event, *position, &Failure::Error(error));
                }
            }
            *position += 1;
        }
        while *position < redactors {
            if let Err(error) = self.redactors[*position - enrichers].0.with(|stage| stage.redact(event))
                && let Some(fate) = self.recover(event, *position, &Failure::Error(error))
            {
                return fate;
            }
            *position += 1;
        }
        if *position == redactors {
            self.line.clear();
            self.encoder.encode(event, number(), &mut self.line);
            *position += 1;
        }
        // Behind the encoder, positions are one further.
        while let Some((stage, _)) = self.processors.get_mut(*position - redactors - 1) {
            self.processed.clear();
            match stage.with(|stage| stage.process(&self.line, &mut self.processed)) {
                Ok(Processed::Replaced) if self.processed.is_empty() || self.processed.contains(&b'\n') => {
                    let error = StageError::new("the output is not one line");
                    if let Some(fate) = self.recover(event, *position, &Failure::Error(error)) {
                        return fate;
                    }
                }
                Ok(Processed::Replaced) => std::mem::swap(&mut self.line, &mut self.processed),
                Ok(Processed::Drop(reason)) => {
                    self.counts.stage_ended(*position - 1);
                    return Fate::Dropped(reason);
                }
                Ok(_) => {}
                Err(error) => {
                    if let Some(fate) = self.recover(event, *position, &Failure::Error(error)) {
                        return fate;
                    }
                }
            }
            *position += 1;
        }
        Fate::Encoded
    }

    /// Where filters, enrichers and redactors end.
    fn ends(&self) -> (usize, usize, usize) {
        let enrichers = self.filters.len() + self.enrichers.len();
        (self.filters.len(), enrichers, enrichers + self.redactors.len())
    }

    /// Counts the failure of the stage at `position` and does what its kind asks for: an event
    /// may end here.
    #[cold]
    fn recover(&mut self, event: &mut Event<'_>, position: usize, failure: &Failure) -> Option<Fate> {
        let (_, enrichers, redactors) = self.ends();
        if position == redactors {
            // The encoder is ours: a panic in it is a bug, and costs the event.
            self.report("encoder", failure);
            return Some(Fate::Dropped("encoding_failed"));
        }
        let stage = if position > redactors { position - 1 } else { position };
        match failure {
            Failure::Panic(_) => self.counts.stage_panic(stage),
            Failure::Error(_) => self.counts.stage_error(stage),
        }
        let name = self.names[stage].0.clone();
        self.report(&name, failure);
        let dropped = |reason| {
            self.counts.stage_ended(stage);
            Some(Fate::Dropped(reason))
        };
        match self.names[stage].1 {
            StageKind::Redactor => match self.redactors[position - enrichers].1 {
                RedactFailure::Mask => event.mask_all(MASK),
                RedactFailure::Drop => return dropped("redaction_failed"),
                RedactFailure::Pass => {}
            },
            StageKind::Processor => match self.processors[position - redactors - 1].1 {
                ProcessFailure::Pass => {}
                ProcessFailure::Drop => return dropped("processing_failed"),
            },
            StageKind::Filter | StageKind::Enricher => {}
        }
        None
    }

    fn report(&self, stage: &str, failure: &Failure) {
        self.diagnostics.report(Severity::Warning, stage, || match failure {
            Failure::Error(error) => format!("failed on an event: {error}"),
            Failure::Panic(panic) => format!("panicked on an event: {}", panic_text(&**panic)),
        });
    }

    /// Between rounds: passes on what the encoder counted, and lets go of unusual memory.
    pub(super) fn settle(&mut self) {
        self.counts.encoded(self.encoder.counts());
        for buffer in [&mut self.line, &mut self.processed] {
            if buffer.capacity() > KEEP {
                *buffer = Vec::new();
            }
        }
    }

    /// Stops every stage, in reverse.
    pub(super) fn stop(&mut self) {
        let stop = |position: usize, stop: &mut dyn FnMut() -> Result<(), StageError>| {
            let failure = match catch_unwind(AssertUnwindSafe(stop)) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => Failure::Error(error),
                Err(panic) => Failure::Panic(panic),
            };
            self.diagnostics.report(Severity::Warning, &self.names[position].0, || match failure {
                Failure::Error(error) => format!("did not stop cleanly: {error}"),
                Failure::Panic(panic) => format!("panicked while stopping: {}", panic_text(&*panic)),
            });
        };
        let (filters, enrichers, redactors) =
            (self.filters.len(), self.filters.len() + self.enrichers.len(), self.names.len() - self.processors.len());
        for (index, (stage, _)) in self.processors.iter_mut().enumerate().rev() {
            stop(redactors + index, &mut || stage.with(|stage| stage.stop()));
        }
        for (index, stage) in self.filters.iter_mut().enumerate().rev() {
            stop(index, &mut || stage.with(|stage| stage.stop()));
        }
        for (index, (stage, _)) in self.redactors.iter_mut().enumerate().rev() {
            stop(enrichers + index, &mut || stage.with(|stage| stage.stop()));
        }
        for (index, stage) in self.enrichers.iter_mut().enumerate().rev() {
            stop(filters + index, &mut || stage.with(|stage| stage.stop()));
        }
    }
}

/// How a stage failed.
enum Failure {
    Error(StageError),
    Panic(Box<dyn Any + Send>),
}

/// What a panic said, if it said anything.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
