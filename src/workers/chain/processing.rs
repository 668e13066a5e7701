//! The third part: processors, on encoded lines.

use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{PayloadDraft, Processed, Processor, StageError};

use super::ProcessFailure;
use super::failure::{Failure, Reporter};
use crate::workers::instance::Instance;

pub(in crate::workers) struct Processing {
    processors: Vec<(Instance<dyn Processor>, ProcessFailure)>,
    /// What the processor at work writes.
    processed: Vec<u8>,
    reporter: Reporter,
}

impl Processing {
    pub(super) fn new(reporter: Reporter) -> Self {
        Self { processors: Vec::new(), processed: Vec::new(), reporter }
    }

    pub(super) fn add(&mut self, processor: Instance<dyn Processor>, on_error: ProcessFailure) {
        self.processors.push((processor, on_error));
    }

    /// Whether there is nothing to do.
    pub(in crate::workers) fn is_empty(&self) -> bool {
        self.processors.is_empty()
    }

    /// Takes a line through the processors; or says why it was dropped.
    ///
    /// Processors are user code. `position` counts them off, so that after a panic in one the line
    /// goes on behind it.
    #[inline]
    pub(in crate::workers) fn process(&mut self, line: &mut PayloadDraft<'_>) -> Result<(), &'static str> {
        let mut position = 0;
        while position < self.processors.len() {
            let done = catch_unwind(AssertUnwindSafe(|| self.advance(line, &mut position)));
            match done {
                Ok(done) => return done,
                Err(panic) => self.recover(position, &Failure::Panic(panic))?,
            }
            position += 1;
        }
        Ok(())
    }

    fn advance(&mut self, line: &mut PayloadDraft<'_>, position: &mut usize) -> Result<(), &'static str> {
        while let Some((processor, _)) = self.processors.get_mut(*position) {
            self.processed.clear();
            match processor.with(|processor| processor.process(line.as_bytes(), &mut self.processed)) {
                Ok(Processed::Replaced) if self.processed.is_empty() || self.processed.contains(&b'\n') => {
                    let error = StageError::new("the output is not one line");
                    self.recover(*position, &Failure::Error(error))?;
                }
                Ok(Processed::Replaced) => line.set(&self.processed),
                Ok(Processed::Drop(reason)) => {
                    self.reporter.ended(*position);
                    return Err(reason);
                }
                Ok(_) => {}
                Err(error) => self.recover(*position, &Failure::Error(error))?,
            }
            *position += 1;
        }
        Ok(())
    }

    /// Counts the failure of the processor at `position` and does what `on_error` asks for.
    #[cold]
    fn recover(&mut self, position: usize, failure: &Failure) -> Result<(), &'static str> {
        self.reporter.failed(position, failure);
        match self.processors[position].1 {
            ProcessFailure::Pass => Ok(()),
            ProcessFailure::Drop => {
                self.reporter.ended(position);
                Err("processing_failed")
            }
        }
    }

    /// Between rounds: lets go of unusual memory, and hears what the processors have to say.
    pub(in crate::workers) fn settle(&mut self) {
        for (position, (processor, _)) in self.processors.iter_mut().enumerate() {
            self.reporter.listen(position, || processor.with(|processor| (processor.health(), processor.notice())));
        }
        if self.processed.capacity() > super::KEEP_BYTES {
            self.processed = Vec::new();
        }
    }

    pub(in crate::workers) fn stop(&mut self) {
        for (position, (processor, _)) in self.processors.iter_mut().enumerate().rev() {
            self.reporter.stop(position, || processor.with(|processor| processor.stop()));
        }
    }
}
