//! How a sink is fed: batching, queue, retries, fallback.

use std::time::Duration;

use logwheel_core::{Batch, BatchLimits};
use logwheel_sinks::RetrySettings;

/// What happens to lines that find their sink's queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest batch that is not under way is dropped, counted as `queue_full`.
    #[default]
    DropOldest,
    /// The new lines are dropped, counted as `queue_full`.
    DropNewest,
    /// The worker waits for room up to this long, then drops the new lines. Meanwhile no other
    /// sink gets anything either, and lanes fill up: for sinks that keep pace, like files, and
    /// for programs whose input can wait.
    Block(Duration),
}

/// How a sink is fed. Given to the closure of
/// [`EngineBuilder::sink_with`](crate::EngineBuilder::sink_with).
#[derive(Debug, Clone)]
#[must_use]
pub struct SinkOptions {
    pub(crate) name: String,
    pub(crate) batch: BatchLimits,
    pub(crate) queue_bytes: usize,
    pub(crate) overflow: Overflow,
    pub(crate) retry: RetrySettings,
    pub(crate) fallback: Option<String>,
    pub(crate) standby: bool,
}

impl SinkOptions {
    pub(crate) fn new(name: &str, batch: BatchLimits) -> Self {
        Self {
            name: name.to_owned(),
            batch,
            queue_bytes: 16 << 20,
            overflow: Overflow::default(),
            retry: RetrySettings::new(),
            fallback: None,
            standby: false,
        }
    }

    /// The name in the ledger and for `fallback`. Default: the kind of sink.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// When a batch is full. Default: the sink's own, usually 1,000 events, 1 MiB, 1 s.
    pub fn batch(mut self, limits: BatchLimits) -> Self {
        self.batch = limits;
        self
    }

    /// The most events in a batch.
    pub fn batch_max_events(mut self, events: usize) -> Self {
        self.batch.max_events = events;
        self
    }

    /// The most bytes in a batch; a single larger line travels alone.
    pub fn batch_max_bytes(mut self, bytes: usize) -> Self {
        self.batch.max_bytes = bytes;
        self
    }

    /// How long after its first event a batch is sealed.
    pub fn batch_max_age(mut self, age: Duration) -> Self {
        self.batch.max_age = age;
        self
    }

    /// How many bytes may wait for the sink, the batch under way included. Default 16 MiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// What happens when the queue is full. Default: the oldest batch is dropped.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How often and how long delivery is tried again.
    pub fn retry(mut self, retry: RetrySettings) -> Self {
        self.retry = retry;
        self
    }

    /// The sink that gets what this one gave up on. Default none: it is dropped and counted.
    pub fn fallback(mut self, sink: impl Into<String>) -> Self {
        self.fallback = Some(sink.into());
        self
    }

    /// Whether this sink gets only what others hand over as their fallback. Default no.
    pub fn standby(mut self, standby: bool) -> Self {
        self.standby = standby;
        self
    }

    /// Everything that is wrong with the options.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { name, batch, queue_bytes, .. } = self;
        let mut problems = Vec::new();
        let mut check = |ok: bool, problem: String| {
            if !ok {
                problems.push(format!("sink {name:?}: {problem}"));
            }
        };
        check(!name.is_empty(), "name: must not be empty".to_owned());
        check(batch.max_events > 0, "batch.max_events = 0: must be at least 1 (default 1000)".to_owned());
        check(
            (1..=Batch::MAX_BYTES / 4).contains(&batch.max_bytes),
            format!(
                "batch.max_bytes = {}: must be from 1 to {} (default 1 MiB)",
                batch.max_bytes,
                Batch::MAX_BYTES / 4
            ),
        );
        check(!batch.max_age.is_zero(), "batch.max_age = 0: must be longer than zero (default 1s)".to_owned());
        check(
            (batch.max_bytes.max(1)..=Batch::MAX_BYTES / 2).contains(queue_bytes),
            format!(
                "queue_bytes = {queue_bytes}: must be from batch.max_bytes ({}) to {} (default 16 MiB)",
                batch.max_bytes,
                Batch::MAX_BYTES / 2,
            ),
        );
        check(
            self.overflow != Overflow::Block(Duration::ZERO),
            "overflow = block with no timeout: must be longer than zero".to_owned(),
        );
        problems.extend(self.retry.problems().into_iter().map(|problem| format!("sink {name:?}: {problem}")));
        problems
    }
}
