//! The seam to the outside world: what a sink is and what it says of a batch.

use std::borrow::Cow;
use std::time::Duration;

use crate::{Batch, Entry, Health};

/// A destination for batches.
///
/// A sink owns its connection or file and nothing else: batching, queueing, retrying and counting
/// belong to the engine. Its methods run on the sink's own thread, so they may block. A panic in
/// [`deliver`](Sink::deliver) is treated as [`DeliveryError::Retry`].
pub trait Sink: Send {
    /// The name by which the ledger, errors and routes know the sink, unless the builder gives
    /// another one.
    fn name(&self) -> &str;

    /// Opens whatever the sink needs. Called once, before the first batch.
    ///
    /// # Errors
    /// What could not be opened. The sink's thread tries again, as after a failed delivery.
    fn start(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Delivers one batch.
    ///
    /// # Errors
    /// What went wrong, as advice to the engine: see [`DeliveryError`].
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError>;

    /// Pushes out what the sink itself still buffers. Called after the last batch of a flush.
    ///
    /// # Errors
    /// What could not be pushed out.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Closes the sink. Called once, after the last batch.
    ///
    /// # Errors
    /// What could not be closed cleanly.
    fn stop(&mut self) -> Result<(), SinkError> {
        self.flush()
    }

    /// Whether the sink believes that it can deliver. Asked whenever it was called.
    fn health(&self) -> Health {
        Health::Healthy
    }

    /// Finds out whether the destination would take a batch, by a call as cheap as it offers; for
    /// health checks, between batches. Called on a sink that has started. Default: what it
    /// [believes](Self::health).
    fn check(&mut self) -> Health {
        self.health()
    }

    /// What it has to say that is not about one batch, since it was asked last: a warning for
    /// diagnostics, which limit the rate. No secrets, nothing of an event. Once the sink has
    /// started, each of its threads asks its instance whenever it has called it. Default nothing.
    fn notice(&mut self) -> Option<Cow<'static, str>> {
        None
    }

    /// When a batch for this sink is full, unless the builder says otherwise.
    fn batch_limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    /// The fields whose values it wants beside each line, as text: see [`Batch::column`]. Taken
    /// from the event after redaction. `level`, `logger`, `message`, `trace_id` and `span_id` stand
    /// for these parts of an event that has no such field, and names joined by dots lead into a
    /// field with raw JSON: `user.plan`. Default none. Asked once.
    fn columns(&self) -> &[String] {
        &[]
    }

    /// The stream to which an entry belongs. A sink that answers differently for different
    /// entries gets batches of one stream each; those of one stream arrive in order, one after
    /// the other. Default: everything is one stream.
    fn stream_of(&self, batch: &Batch, entry: &Entry<'_>) -> u64 {
        let _ = (batch, entry);
        0
    }

    /// How many batches of different streams may be under way at once. Default 1. Above that the
    /// engine asks for [replicas](Self::replicate), each with a thread of its own.
    fn in_flight(&self) -> usize {
        1
    }

    /// A second instance for a second thread, not started yet. Default none.
    fn replicate(&self) -> Option<Box<dyn Sink>> {
        None
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn start(&mut self) -> Result<(), SinkError> {
        (**self).start()
    }
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        (**self).deliver(batch)
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        (**self).flush()
    }
    fn stop(&mut self) -> Result<(), SinkError> {
        (**self).stop()
    }
    fn health(&self) -> Health {
        (**self).health()
    }
    fn check(&mut self) -> Health {
        (**self).check()
    }
    fn notice(&mut self) -> Option<Cow<'static, str>> {
        (**self).notice()
    }
    fn batch_limits(&self) -> BatchLimits {
        (**self).batch_limits()
    }
    fn columns(&self) -> &[String] {
        (**self).columns()
    }
    fn stream_of(&self, batch: &Batch, entry: &Entry<'_>) -> u64 {
        (**self).stream_of(batch, entry)
    }
    fn in_flight(&self) -> usize {
        (**self).in_flight()
    }
    fn replicate(&self) -> Option<Box<dyn Sink>> {
        (**self).replicate()
    }
}

/// When an open batch is sealed: at the first of the three limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most events in a batch. Default 1,000.
    pub max_events: usize,
    /// The most payload bytes in a batch, newlines included. Default 1 MiB. A single larger
    /// payload travels alone.
    pub max_bytes: usize,
    /// How long after its first event a batch is sealed. Default 1 s.
    pub max_age: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { max_events: 1_000, max_bytes: 1 << 20, max_age: Duration::from_secs(1) }
    }
}

/// What a sink can prove about a batch that did not fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// How many entries may or may not have arrived; the others did.
    pub unconfirmed: usize,
}

impl Delivered {
    /// Every entry arrived.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// `entries` of the batch may or may not have arrived.
    #[must_use]
    pub fn unconfirmed(entries: usize) -> Self {
        Self { unconfirmed: entries }
    }
}

/// Which entries of a batch were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The whole batch.
    All,
    /// These positions, ascending and each once; the other entries arrived.
    Entries(Vec<usize>),
    /// These positions, ascending and each once, each with its own word for the ledger in the place
    /// of the error's `reason`; the other entries arrived. For destinations that tell entries apart.
    ByReason(Vec<(usize, &'static str)>),
}

/// Why a batch was not (wholly) delivered, and what the engine should do next.
///
/// `reason` is a short fixed word for the ledger (`"http_503"`, `"timeout"`); `detail` goes to
/// diagnostics and must hold no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// Try the same batch again, not before `after` if that is given.
    #[error("{reason}: {detail}")]
    Retry {
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
        /// How long the destination asked us to wait.
        after: Option<Duration>,
    },
    /// The batch is too large for the destination: deliver its halves.
    #[error("{reason}: batch too large, to be split")]
    Split {
        /// The word for the ledger, should a single entry still be too large.
        reason: &'static str,
    },
    /// The destination refused entries for good; all others arrived.
    #[error("{reason}: {detail}")]
    Reject {
        /// Which ones.
        refused: Refused,
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// No retry can help this batch: it goes to the fallback if there is one.
    #[error("{reason}: {detail}")]
    Fatal {
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
}

impl DeliveryError {
    /// The short word for the ledger.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Retry { reason, .. }
            | Self::Split { reason }
            | Self::Reject { reason, .. }
            | Self::Fatal { reason, .. } => reason,
        }
    }
}

/// A sink could not start, flush or stop.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SinkError {
    /// An error with a text that says what failed; it must hold no secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// The same with the error behind it.
    pub fn caused_by(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }
}
