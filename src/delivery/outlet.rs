//! A sender: a thread with an instance of the sink, which does what the delivery policy says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{Batch, Delivered, DeliveryError, Health, Sink, SinkError};
use logwheel_sinks::policy::{Command, Role, split_by_stream};

use super::{SinkQueue, report_news};
use crate::diagnostics::{Diagnostics, Severity};
use crate::sync::Arc;
use crate::workers::panic_text;

pub(crate) struct Outlet {
    pub(crate) sink: Box<dyn Sink>,
    /// Which of the sink's senders this is.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) queue: Arc<SinkQueue>,
    pub(crate) fallback: Option<Arc<SinkQueue>>,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) started: bool,
    /// How the last attempt failed, if it did: that speaks against a sink that says nothing of its health.
    pub(crate) failed: Option<String>,
}

impl Outlet {
    /// Runs until the policy says that it is over.
    pub(crate) fn run(mut self) {
        loop {
            let report = |news| report_news(&self.diagnostics, &self.name, news);
            let Some(command) = self.queue.next(Role::Sender(self.number), None, report) else {
                self.check();
                continue;
            };
            match command {
                Command::Send { batch } => self.send(batch),
                Command::Sort { batch } => self.sort(batch),
                Command::HandOver { id, batch } => {
                    // First there, then gone here: seen from outside it is never nowhere.
                    if let Some(fallback) = &self.fallback {
                        fallback.adopt(&batch);
                    }
                    drop(batch);
                    self.queue.answer(|policy, _| policy.handed_over(id));
                }
                Command::Flush { ticket } => {
                    if self.started {
                        self.call("flush", |sink| sink.flush());
                    }
                    self.listen();
                    let number = self.number;
                    self.queue.answer(|policy, _| policy.flushed(number, ticket));
                }
                Command::End => break,
                // What is not for senders.
                _ => {}
            }
        }
        if self.started {
            self.call("stop", |sink| sink.stop());
        }
        self.listen();
    }

    fn send(&mut self, batch: Arc<Batch>) {
        let result = self.attempt(&batch);
        // Then its memory can be used again.
        drop(batch);
        self.failed = match &result {
            Err(error @ (DeliveryError::Retry { .. } | DeliveryError::Fatal { .. })) => Some(error.to_string()),
            // What was refused speaks against the events.
            _ => None,
        };
        self.listen();
        let number = self.number;
        self.queue.answer(|policy, now| policy.on_result(now, number, result));
    }

    fn sort(&mut self, batch: Arc<Batch>) {
        let sink = &self.sink;
        let sort = || split_by_stream(Arc::clone(&batch), |batch, entry| sink.stream_of(batch, entry));
        let parts = catch_unwind(AssertUnwindSafe(sort)).unwrap_or_else(|panic| {
            self.queue.count_panic();
            self.report(Severity::Warning, || format!("stream_of panicked: {}", panic_text(&*panic)));
            vec![(0, Arc::clone(&batch))]
        });
        drop(batch);
        self.listen();
        self.queue.answer(|policy, _| policy.sorted(parts));
    }

    /// One attempt. A sink that did not start yet is started; a panic is a failed attempt.
    fn attempt(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let attempted = catch_unwind(AssertUnwindSafe(|| {
            self.start().map_err(|detail| DeliveryError::Retry {
                reason: "not_started",
                detail: detail.into(),
                after: None,
            })?;
            self.sink.deliver(batch)
        }));
        attempted.unwrap_or_else(|panic| {
            self.queue.count_panic();
            Err(DeliveryError::Retry {
                reason: "panic",
                detail: format!("the sink panicked: {}", panic_text(&*panic)).into(),
                after: None,
            })
        })
    }

    /// Starts the sink, if it has not started yet; or says why it does not.
    fn start(&mut self) -> Result<(), String> {
        if !self.started {
            self.sink.start().map_err(|error| chain(&error))?;
            self.started = true;
        }
        Ok(())
    }

    /// A health check. While the breaker is open, it would tell nothing new.
    fn check(&mut self) {
        let (check, is_of_use) = self.queue.wanted_check();
        if is_of_use {
            let health = catch_unwind(AssertUnwindSafe(|| match self.start() {
                Ok(()) => self.sink.check(),
                Err(text) => Health::unhealthy(format!("it did not start: {text}")),
            }));
            let health = health.unwrap_or_else(|panic| {
                self.queue.count_panic();
                Health::unhealthy(format!("it panicked while checked: {}", panic_text(&*panic)))
            });
            self.queue.says(health);
        }
        self.queue.checked(check);
    }

    /// What the sink has to say beside the fate of batches: a notice, and how it is.
    fn listen(&mut self) {
        let failed = self.failed.clone().map(Health::unhealthy);
        if !self.started {
            failed.into_iter().for_each(|failed| self.queue.says(failed));
            return;
        }
        let sink = &mut self.sink;
        match catch_unwind(AssertUnwindSafe(|| (sink.health(), sink.notice()))) {
            Ok((health, notice)) => {
                self.queue.says(failed.filter(|_| health.is_healthy()).unwrap_or(health));
                if let Some(text) = notice {
                    self.report(Severity::Warning, || text.into_owned());
                }
            }
            Err(panic) => {
                self.queue.count_panic();
                self.queue.says(Health::unhealthy("it panicked when it was asked how it is"));
                self.report(Severity::Warning, || {
                    format!("panicked while asked for a notice: {}", panic_text(&*panic))
                });
            }
        }
    }

    fn call(&mut self, what: &str, call: impl FnOnce(&mut dyn Sink) -> Result<(), SinkError>) {
        let sink = &mut *self.sink;
        match catch_unwind(AssertUnwindSafe(|| call(sink))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.report(Severity::Warning, || format!("{what} failed: {}", chain(&error))),
            Err(panic) => {
                self.queue.count_panic();
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
