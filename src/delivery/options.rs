//! How a sink is fed: batching, queue, retries, fallback.

use std::time::Duration;

use logwheel_core::{Batch, BatchLimits};
use logwheel_sinks::{BreakerSettings, Overflow, RetrySettings, SpoolSettings};

/// How a sink is fed. Given to the closure of
/// [`EngineBuilder::sink_with`](crate::EngineBuilder::sink_with).
#[derive(Debug, Clone)]
#[must_use]
pub struct SinkOptions {
    pub(crate) name: String,
    pub(crate) batch: BatchLimits,
    pub(crate) queue_bytes: usize,
    overflow: Option<Overflow>,
    pub(crate) retry: RetrySettings,
    pub(crate) breaker: BreakerSettings,
    pub(crate) in_flight: Option<usize>,
    pub(crate) spool: Option<SpoolSettings>,
    pub(crate) fallback: Option<String>,
    pub(crate) standby: bool,
}

impl SinkOptions {
    pub(crate) fn new(name: &str, batch: BatchLimits) -> Self {
        Self {
            name: name.to_owned(),
            batch,
            queue_bytes: 16 << 20,
            overflow: None,
            retry: RetrySettings::new(),
            breaker: BreakerSettings::new(),
            in_flight: None,
            spool: None,
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

    /// What happens when the queue is full. Default: what is new goes to the spool if there is
    /// one, else the oldest batch is dropped.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// When a failing destination is left alone for a while. Default: after five failed attempts
    /// in a row, for 30 s.
    pub fn breaker(mut self, breaker: BreakerSettings) -> Self {
        self.breaker = breaker;
        self
    }

    /// How many batches of different streams may be under way at once, each on a thread of its
    /// own; from 1 to 64. Default: what the sink says, usually 1. A sink that knows no streams, or
    /// that cannot make a second instance of itself, always has one.
    pub fn in_flight(mut self, batches: usize) -> Self {
        self.in_flight = Some(batches);
        self
    }

    /// Keeps on disk what the destination does not take, through restarts, until it does. Default
    /// none: then it stays in the queue for as long as that has room, or goes to the fallback.
    ///
    /// Batches go there when their retries are over, when the queue is half full (unless
    /// `overflow` says otherwise), and at the end of the engine; new ones come behind them until
    /// all were read back. A batch can be delivered twice: after a crash, or when an answer was lost.
    pub fn spool(mut self, spool: SpoolSettings) -> Self {
        self.spool = Some(spool);
        self
    }

    /// How often and how long delivery is tried again. When `max_elapsed` is over, a batch goes to
    /// the spool, else to the fallback; with neither it stays in the queue and is tried again until
    /// the queue overflows. When `max_attempts` is reached and there is neither, it is dropped.
    pub fn retry(mut self, retry: RetrySettings) -> Self {
        self.retry = retry;
        self
    }

    /// The sink that gets what this one gave up on: batches that no retry can help, and, without
    /// a spool, those whose retries are over. Default none.
    pub fn fallback(mut self, sink: impl Into<String>) -> Self {
        self.fallback = Some(sink.into());
        self
    }

    /// Whether this sink gets only what others hand over as their fallback. Default no.
    pub fn standby(mut self, standby: bool) -> Self {
        self.standby = standby;
        self
    }

    /// What is done when the queue is full.
    pub(crate) fn overflow_or_default(&self) -> Overflow {
        self.overflow.unwrap_or(if self.spool.is_some() { Overflow::Spool } else { Overflow::DropOldest })
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
            self.overflow != Some(Overflow::Block(Duration::ZERO)),
            "overflow = block with no timeout: must be longer than zero".to_owned(),
        );
        check(
            self.overflow != Some(Overflow::Spool) || self.spool.is_some(),
            "overflow = spool: there is no spool; say where with `spool`".to_owned(),
        );
        if let Some(in_flight) = self.in_flight {
            check((1..=64).contains(&in_flight), format!("in_flight = {in_flight}: must be from 1 to 64"));
        }
        let spool = self.spool.iter().flat_map(SpoolSettings::problems);
        let more = self.retry.problems().into_iter().chain(self.breaker.problems()).chain(spool);
        problems.extend(more.map(|problem| format!("sink {name:?}: {problem}")));
        problems
    }
}
