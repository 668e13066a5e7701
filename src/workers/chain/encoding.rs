//! The second part: enrichers, redactors, and the encoder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{Enricher, Enrichment, Envelope, Event, Identity, JsonEncoder, PayloadDraft, Redactor};

use super::RedactFailure;
use super::failure::{Failure, Reporter};
use crate::workers::instance::Instance;

/// What every value becomes when a redactor failed.
const MASK: &str = "***";

pub(in crate::workers) struct Encoding {
    pub(super) enrichers: Vec<Instance<dyn Enricher>>,
    pub(super) redactors: Vec<(Instance<dyn Redactor>, RedactFailure)>,
    encoder: JsonEncoder,
    reporter: Reporter,
}

impl Encoding {
    pub(super) fn new(envelope: Envelope, reporter: Reporter) -> Self {
        Self { enrichers: Vec::new(), redactors: Vec::new(), encoder: JsonEncoder::new(envelope), reporter }
    }

    /// Makes a line of an event; or says why it was dropped. `number` is called once.
    ///
    /// Stages are user code. `position` counts them off, so that after a panic in one the event
    /// goes on behind it.
    #[inline]
    pub(in crate::workers) fn encode(
        &mut self,
        event: &mut Event<'_>,
        mut number: impl FnMut() -> Option<Identity>,
        line: &mut PayloadDraft<'_>,
    ) -> Result<(), &'static str> {
        let mut position = 0;
        loop {
            let encoded = catch_unwind(AssertUnwindSafe(|| self.advance(event, &mut position, &mut number, line)));
            match encoded {
                Ok(encoded) => return encoded,
                Err(panic) => self.recover(event, position, &Failure::Panic(panic))?,
            }
            position += 1;
        }
    }

    fn advance(
        &mut self,
        event: &mut Event<'_>,
        position: &mut usize,
        number: &mut impl FnMut() -> Option<Identity>,
        line: &mut PayloadDraft<'_>,
    ) -> Result<(), &'static str> {
        while let Some(enricher) = self.enrichers.get_mut(*position) {
            // Dropped without a commit, after an error or a panic, it takes back what it added.
            let mut enrichment = Enrichment::new(event);
            match enricher.with(|enricher| enricher.enrich(&mut enrichment)) {
                Ok(()) => enrichment.commit(),
                Err(error) => {
                    drop(enrichment);
                    self.recover(event, *position, &Failure::Error(error))?;
                }
            }
            *position += 1;
        }
        while let Some((redactor, _)) = self.redactors.get_mut(*position - self.enrichers.len()) {
            if let Err(error) = redactor.with(|redactor| redactor.redact(event)) {
                self.recover(event, *position, &Failure::Error(error))?;
            }
            *position += 1;
        }
        let number = number();
        line.encode(&mut self.encoder, event, number);
        Ok(())
    }

    /// Counts the failure of the stage at `position` and does what its kind asks for: an event may
    /// end here.
    #[cold]
    fn recover(&mut self, event: &mut Event<'_>, position: usize, failure: &Failure) -> Result<(), &'static str> {
        let redactors = self.enrichers.len();
        if position == redactors + self.redactors.len() {
            // The encoder is ours: a panic in it is a bug, and costs the event.
            self.reporter.report("encoder", failure);
            return Err("encoding_failed");
        }
        self.reporter.failed(position, failure);
        if let Some((_, on_error)) = position.checked_sub(redactors).map(|redactor| &self.redactors[redactor]) {
            match on_error {
                RedactFailure::Mask => event.mask_all(MASK),
                RedactFailure::Drop => {
                    self.reporter.ended(position);
                    return Err("redaction_failed");
                }
                RedactFailure::Pass => {}
            }
        }
        Ok(())
    }

    /// Between rounds: passes on what the encoder counted and what the stages have to say, lets go
    /// of unusual memory.
    pub(in crate::workers) fn settle(&mut self) {
        self.encoder.trim(super::KEEP_BYTES);
        self.reporter.counts.encoded(self.encoder.counts());
        for (position, enricher) in self.enrichers.iter_mut().enumerate() {
            self.reporter.listen(position, || enricher.with(|enricher| (enricher.health(), enricher.notice())));
        }
        for (index, (redactor, _)) in self.redactors.iter_mut().enumerate() {
            self.reporter.listen(self.enrichers.len() + index, || {
                redactor.with(|redactor| (redactor.health(), redactor.notice()))
            });
        }
    }

    pub(in crate::workers) fn stop(&mut self) {
        let redactors = self.enrichers.len();
        for (index, (redactor, _)) in self.redactors.iter_mut().enumerate().rev() {
            self.reporter.stop(redactors + index, || redactor.with(|redactor| redactor.stop()));
        }
        for (position, enricher) in self.enrichers.iter_mut().enumerate().rev() {
            self.reporter.stop(position, || enricher.with(|enricher| enricher.stop()));
        }
    }
}
