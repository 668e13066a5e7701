//! A sink's thread: takes batches from the queue and does what the delivery policy says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use logwheel_core::{Batch, Delivered, DeliveryError, Refused, Sink, SinkError};
use logwheel_sinks::{Decision, DeliveryPolicy};

use super::queue::Work;
use super::{SinkOptions, SinkQueue};
use crate::diagnostics::{Diagnostics, Severity};
use crate::sync::Arc;
use crate::workers::panic_text;

pub(crate) struct Outlet {
    sink: Box<dyn Sink>,
    name: String,
    queue: Arc<SinkQueue>,
    fallback: Option<Arc<SinkQueue>>,
    policy: DeliveryPolicy,
    diagnostics: Arc<Diagnostics>,
    /// The origin of the policy's clock.
    epoch: Instant,
    started: bool,
}

impl Outlet {
    pub(crate) fn new(
        sink: Box<dyn Sink>,
        options: &SinkOptions,
        queue: Arc<SinkQueue>,
        fallback: Option<Arc<SinkQueue>>,
        diagnostics: Arc<Diagnostics>,
        seed: u64,
    ) -> Self {
        Self {
            sink,
            name: options.name.clone(),
            queue,
            fallback,
            policy: DeliveryPolicy::new(options.retry.clone(), seed),
            diagnostics,
            epoch: Instant::now(),
            started: false,
        }
    }

    /// Runs until the queue says that it is over.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.next() {
                Work::Deliver(batch) => self.deliver(batch),
                Work::Flush(ticket) => {
                    if self.started {
                        self.call("flush", |sink| sink.flush());
                    }
                    self.queue.flushed(ticket);
                }
                Work::End => break,
            }
        }
        if self.started {
            self.call("stop", |sink| sink.stop());
        }
    }

    /// Sees a batch to its end: delivered, refused, handed on or given up.
    fn deliver(&mut self, batch: Batch) {
        // Halves of a batch that was too large, the first one last.
        let mut parts = vec![batch];
        while let Some(mut batch) = parts.pop() {
            let result = self.attempt(&batch);
            let (events, bytes) = (batch.len(), batch.byte_len());
            match self.policy.on_result(self.epoch.elapsed(), events, result) {
                Decision::Done { delivered, unconfirmed } => {
                    self.queue.settle(events, bytes, |ledger| {
                        ledger.delivered += delivered as u64;
                        ledger.unconfirmed += unconfirmed as u64;
                    });
                }
                Decision::RetryAt { at, reason, detail } => {
                    self.report(Severity::Warning, || format!("delivery failed ({reason}), will try again: {detail}"));
                    self.queue.note(|ledger| ledger.retries += 1);
                    if !self.queue.pause(self.epoch + at) {
                        // Abandoned: the queue has counted it.
                        return;
                    }
                    parts.push(batch);
                    continue;
                }
                Decision::Split { .. } => {
                    let second = batch.split_off(events / 2);
                    parts.push(second);
                    parts.push(batch);
                    continue;
                }
                Decision::Reject { refused, reason, detail } => {
                    let rejected = match &refused {
                        Refused::All => events,
                        Refused::Entries(entries) => entries.len(),
                    };
                    self.report(Severity::Error, || format!("{rejected} events were refused ({reason}): {detail}"));
                    self.queue.settle(events, bytes, |ledger| {
                        *ledger.rejected.entry(reason).or_default() += rejected as u64;
                        ledger.delivered += (events - rejected) as u64;
                    });
                }
                Decision::GiveUp { reason, detail } => self.give_up(&batch, reason, &detail),
            }
            self.queue.recycle(batch);
        }
    }

    /// Hands the batch to the fallback, or drops it.
    fn give_up(&self, batch: &Batch, reason: &'static str, detail: &str) {
        let events = batch.len();
        match &self.fallback {
            Some(fallback) => {
                self.report(Severity::Warning, || format!("{events} events go to the fallback ({reason}): {detail}"));
                // First there, then gone here: seen from outside it is never nowhere.
                fallback.adopt(batch);
                self.queue.settle(events, batch.byte_len(), |ledger| ledger.fallback += events as u64);
            }
            None => {
                self.report(Severity::Error, || format!("{events} events were dropped ({reason}): {detail}"));
                self.queue.settle(events, batch.byte_len(), |ledger| {
                    *ledger.dropped.entry(reason).or_default() += events as u64;
                });
            }
        }
    }

    /// One attempt. A sink that did not start yet is started; a panic is a failed attempt.
    fn attempt(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let (sink, started) = (&mut self.sink, &mut self.started);
        let attempted = catch_unwind(AssertUnwindSafe(|| {
            if !*started {
                sink.start().map_err(|error| DeliveryError::Retry {
                    reason: "not_started",
                    detail: chain(&error).into(),
                    after: None,
                })?;
                *started = true;
            }
            sink.deliver(batch)
        }));
        attempted.unwrap_or_else(|panic| {
            self.queue.note(|ledger| ledger.panics += 1);
            Err(DeliveryError::Retry {
                reason: "panic",
                detail: format!("the sink panicked: {}", panic_text(&*panic)).into(),
                after: None,
            })
        })
    }

    fn call(&mut self, what: &str, call: impl FnOnce(&mut dyn Sink) -> Result<(), SinkError>) {
        let sink = &mut *self.sink;
        match catch_unwind(AssertUnwindSafe(|| call(sink))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.report(Severity::Warning, || format!("{what} failed: {}", chain(&error))),
            Err(panic) => {
                self.queue.note(|ledger| ledger.panics += 1);
                self.report(Severity::Warning, || format!("{what} panicked: {}", panic_text(&*panic)));
            }
        }
    }

    fn report(&self, severity: Severity, message: impl FnOnce() -> String) {
        self.diagnostics.report(severity, &self.name, message);
    }
}

fn chain(error: &SinkError) -> String {
    let mut text = String::new();
    // A `String` never refuses.
    let _ = logwheel_core::write_error_chain(error, &mut text);
    text
}
