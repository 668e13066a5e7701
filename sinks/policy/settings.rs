//! What a policy can be told.

use std::time::Duration;

use logwheel_core::BatchLimits;

use super::BreakerSettings;
use crate::RetrySettings;

/// What happens to lines that find their sink's queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest batch that was not tried yet is dropped, counted as `queue_full`.
    #[default]
    DropOldest,
    /// The new lines are dropped, counted as `queue_full`.
    DropNewest,
    /// Once the queue is half full, everything goes through the spool. The default for a sink that
    /// has one. Should the disk not keep pace, the worker waits for it up to
    /// [`SPOOL_WAIT`](Self::SPOOL_WAIT); after that, and when it fails, the oldest batch is dropped
    /// as with [`DropOldest`](Self::DropOldest).
    Spool,
    /// The worker waits for room up to this long, then drops the new lines. Meanwhile no other
    /// sink gets anything either, and lanes fill up: for sinks that keep pace, like files, and
    /// for programs whose input can wait. `build` warns of it where there are other sinks and
    /// callers would not wait in any case.
    Block(Duration),
}

impl Overflow {
    /// How long a worker waits for a disk to take what a full queue holds, once until the disk has
    /// taken something: 250 ms.
    pub const SPOOL_WAIT: Duration = Duration::from_millis(250);

    /// How long a worker waits for room.
    #[must_use]
    pub fn wait(self) -> Option<Duration> {
        match self {
            Self::Block(timeout) => Some(timeout),
            Self::Spool => Some(Self::SPOOL_WAIT),
            Self::DropOldest | Self::DropNewest => None,
        }
    }
}

/// How a sink is fed.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// When a batch is full.
    pub batch: BatchLimits,
    /// How many bytes may be in memory, those under way included. Default 16 MiB.
    pub queue_bytes: usize,
    /// What happens when there are more.
    pub overflow: Overflow,
    /// How failed batches are tried again. Should have no [problems](RetrySettings::problems).
    pub retry: RetrySettings,
    /// When the destination is left alone.
    pub breaker: BreakerSettings,
    /// How many batches of different streams may be under way at once. Default 1.
    pub senders: usize,
    /// Whether there is a spool. Default no.
    pub spool: bool,
    /// Whether there is a fallback. Default no.
    pub fallback: bool,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            batch: BatchLimits::default(),
            queue_bytes: 16 << 20,
            overflow: Overflow::default(),
            retry: RetrySettings::default(),
            breaker: BreakerSettings::default(),
            senders: 1,
            spool: false,
            fallback: false,
        }
    }
}
