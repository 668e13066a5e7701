//! What the policy asks its driver to do.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use logwheel_core::Batch;

/// Who asks for something to do. Each is a thread of its own in a running engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The sender of this number, which has an instance of the sink.
    Sender(usize),
    /// The one that reads and writes the spool.
    Spooler,
}

/// What to do next.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Command {
    /// Take the batch apart by streams, with [`split_by_stream`](super::split_by_stream), and
    /// answer with [`sorted`](super::DeliveryPolicy::sorted).
    Sort {
        /// The batch.
        batch: Arc<Batch>,
    },
    /// Deliver the batch and answer with [`on_result`](super::DeliveryPolicy::on_result).
    Send {
        /// The batch.
        batch: Arc<Batch>,
    },
    /// Give the batch to the fallback and answer with
    /// [`handed_over`](super::DeliveryPolicy::handed_over).
    HandOver {
        /// Names the batch in the answer.
        id: u64,
        /// The batch.
        batch: Arc<Batch>,
    },
    /// Flush the sender's sink and answer with [`flushed`](super::DeliveryPolicy::flushed).
    Flush {
        /// Everything up to this ticket has its fate.
        ticket: u64,
    },
    /// Append the batch to the spool and answer with [`saved`](super::DeliveryPolicy::saved).
    Save {
        /// The batch.
        batch: Arc<Batch>,
        /// Whether it has to be read back later; else it stays in memory as well.
        unread: bool,
    },
    /// Read the spool's next record and answer with [`replayed`](super::DeliveryPolicy::replayed).
    Replay,
    /// Every record of the spool before this one is done with. Needs no answer.
    Acknowledge {
        /// The first record that is still needed.
        first_needed: u64,
    },
    /// Ask again at that time, on the clock that was passed in, or when something happened.
    Wait {
        /// When; `None` if only something that happens can give work.
        until: Option<Duration>,
    },
    /// There is nothing to do any more: close and end.
    End,
}

/// What became of a batch that went to the spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Saved {
    /// The number of its record; numbers ascend one by one.
    pub record: u64,
    /// Events that were not read yet and had to go to make room.
    pub evicted: u64,
    /// The oldest record that is left.
    pub first_record: u64,
}

/// What came out of the spool.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// The number of the record.
    pub record: u64,
    /// What it holds.
    pub batch: Batch,
    /// Events in damaged records that were skipped before it.
    pub lost: u64,
}

/// Something worth telling people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// An attempt failed; there will be another one.
    Retry {
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// The destination refused events for good.
    Rejected {
        /// How many.
        events: u64,
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// Events were given up.
    Dropped {
        /// How many.
        events: u64,
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// Events go to the fallback.
    HandedOver {
        /// How many.
        events: u64,
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// The breaker opened after so many failures in a row.
    BreakerOpened {
        /// When the next attempt will be, from now.
        recovery: Duration,
    },
    /// The destination answers again.
    BreakerClosed,
    /// From now on, new batches go to the spool.
    SpoolingBegan,
    /// The spool could not be written.
    SpoolFailed {
        /// The text for diagnostics.
        detail: String,
    },
}

impl News {
    /// Whether events were lost.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::Dropped { .. })
    }
}

impl std::fmt::Display for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retry { reason, detail } => write!(f, "delivery failed ({reason}), will try again: {detail}"),
            Self::Rejected { events, reason, detail } => write!(f, "{events} events were refused ({reason}): {detail}"),
            Self::Dropped { events, reason, detail } => write!(f, "{events} events were dropped ({reason}): {detail}"),
            Self::HandedOver { events, reason, detail } => {
                write!(f, "{events} events go to the fallback ({reason}): {detail}")
            }
            Self::BreakerOpened { recovery } => {
                write!(f, "too many failures in a row, the queue pauses; next attempt in {recovery:?}")
            }
            Self::BreakerClosed => f.write_str("the destination answers again"),
            Self::SpoolingBegan => f.write_str("new batches go to the spool until the destination has caught up"),
            Self::SpoolFailed { detail } => write!(f, "the spool cannot be written, will try again: {detail}"),
        }
    }
}
