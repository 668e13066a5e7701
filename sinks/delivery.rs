//! The delivery policy: what happens to a batch after an attempt to deliver it.
//!
//! A pure state machine over one batch at a time, the head of a sink's queue: what comes in is the
//! time and the outcome of an attempt, what goes out is a [`Decision`]. It has no clock, thread or
//! socket, so tests run years of failures in a moment.

use std::borrow::Cow;
use std::time::Duration;

use logwheel_core::{Delivered, DeliveryError, Refused};

use crate::RetrySettings;

/// Decides what happens to the batch at the head of a sink's queue after each attempt.
///
/// The driver delivers the head, passes the outcome to [`on_result`](Self::on_result) and does what
/// the [`Decision`] says. Time is given as a `Duration` since any fixed moment.
///
/// ```
/// use logwheel_core::{Delivered, DeliveryError};
/// use logwheel_sinks::{Decision, DeliveryPolicy, RetrySettings};
/// use std::time::Duration;
///
/// let mut policy = DeliveryPolicy::new(RetrySettings::new(), 42);
/// let busy = DeliveryError::Retry { reason: "http_503", detail: "".into(), after: None };
/// let now = Duration::from_secs(10);
/// let Decision::RetryAt { at, .. } = policy.on_result(now, 3, Err(busy)) else { panic!() };
/// assert!(at <= now + Duration::from_millis(500));
/// assert_eq!(policy.on_result(at, 3, Ok(Delivered::all())), Decision::Done { delivered: 3, unconfirmed: 0 });
/// ```
#[derive(Debug, Clone)]
pub struct DeliveryPolicy {
    settings: RetrySettings,
    random: SplitMix64,
    /// What is known of the head once it failed; `None` while it has not.
    trouble: Option<Trouble>,
}

/// What to do with the head of the queue.
///
/// All but [`RetryAt`](Self::RetryAt) end the head's time: the policy is ready for the next batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The batch has arrived. `delivered + unconfirmed` is its length.
    Done {
        /// How many entries certainly arrived.
        delivered: usize,
        /// How many may or may not have arrived.
        unconfirmed: usize,
    },
    /// Deliver the same batch again at that time.
    RetryAt {
        /// When, on the clock that was passed in.
        at: Duration,
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// Replace the batch, which has at least two entries, by its two halves, in order.
    Split {
        /// The word for the ledger.
        reason: &'static str,
    },
    /// The destination refused entries for good; all others arrived.
    Reject {
        /// Which entries; positions are ascending, each once, inside the batch and not all of it.
        refused: Refused,
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
    /// Nothing of the batch arrived and no attempt is left: it goes to the fallback if there is
    /// one, else it is lost.
    GiveUp {
        /// The word for the ledger.
        reason: &'static str,
        /// The text for diagnostics.
        detail: Cow<'static, str>,
    },
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    first_failure: Duration,
    failures: u32,
}

impl DeliveryPolicy {
    /// A policy for one sink.
    ///
    /// `settings` should have no [problems](RetrySettings::problems). Give each sink of each
    /// process its own `seed`: it decides the random part of the pauses.
    #[must_use]
    pub fn new(settings: RetrySettings, seed: u64) -> Self {
        Self { settings, random: SplitMix64(seed), trouble: None }
    }

    /// Decides what happens to the head, a batch of `batch_len` entries, after an attempt that
    /// ended at `now` with `result`.
    ///
    /// Never fails, whatever a sink reports: positions outside the batch are ignored, an
    /// `unconfirmed` beyond its length is cut to it.
    #[must_use]
    pub fn on_result(&mut self, now: Duration, batch_len: usize, result: Result<Delivered, DeliveryError>) -> Decision {
        let decision = match result {
            Ok(delivered) => done(batch_len, delivered.unconfirmed),
            Err(DeliveryError::Retry { reason, detail, after }) => self.retry(now, reason, detail, after),
            Err(DeliveryError::Split { reason }) if batch_len > 1 => Decision::Split { reason },
            Err(DeliveryError::Split { reason }) => {
                Decision::Reject { refused: Refused::All, reason, detail: "a single entry is too large".into() }
            }
            Err(DeliveryError::Reject { refused, reason, detail }) => match sane(refused, batch_len) {
                Some(refused) => Decision::Reject { refused, reason, detail },
                None => done(batch_len, 0),
            },
            Err(DeliveryError::Fatal { reason, detail }) => Decision::GiveUp { reason, detail },
            // A kind of error this version does not know: no advice to follow.
            Err(other) => Decision::GiveUp { reason: other.reason(), detail: other.to_string().into() },
        };
        if !matches!(decision, Decision::RetryAt { .. }) {
            self.trouble = None;
        }
        decision
    }

    /// How often the head has failed so far.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.trouble.map_or(0, |trouble| trouble.failures)
    }

    /// Forgets the head: for a driver that drops it between two attempts, say because its queue
    /// overflowed.
    pub fn forget_head(&mut self) {
        self.trouble = None;
    }

    fn retry(
        &mut self,
        now: Duration,
        reason: &'static str,
        detail: Cow<'static, str>,
        after: Option<Duration>,
    ) -> Decision {
        let before = self.trouble.unwrap_or(Trouble { first_failure: now, failures: 0 });
        let trouble = Trouble { failures: before.failures.saturating_add(1), ..before };
        let RetrySettings { base_delay, max_delay, max_elapsed, max_attempts } = self.settings;

        let ceiling = base_delay.saturating_mul(1 << before.failures.min(31)).min(max_delay);
        let asked = after.unwrap_or_default().min(max_delay);
        let at = now.saturating_add(self.random.up_to(ceiling).max(asked));

        let why = if max_attempts.is_some_and(|most| trouble.failures >= most) {
            "max_attempts reached"
        } else if at > trouble.first_failure.saturating_add(max_elapsed) {
            "max_elapsed reached"
        } else {
            self.trouble = Some(trouble);
            return Decision::RetryAt { at, reason, detail };
        };
        let attempts = trouble.failures;
        Decision::GiveUp { reason, detail: format!("{why} after {attempts} attempts, the last one: {detail}").into() }
    }
}

fn done(batch_len: usize, unconfirmed: usize) -> Decision {
    let unconfirmed = unconfirmed.min(batch_len);
    Decision::Done { delivered: batch_len - unconfirmed, unconfirmed }
}

/// The refused positions in canonical form; `None` when none of them is inside the batch.
fn sane(refused: Refused, batch_len: usize) -> Option<Refused> {
    let Refused::Entries(mut entries) = refused else {
        return Some(Refused::All);
    };
    entries.retain(|index| *index < batch_len);
    entries.sort_unstable();
    entries.dedup();
    match entries.len() {
        0 => None,
        all if all == batch_len => Some(Refused::All),
        _ => Some(Refused::Entries(entries)),
    }
}

/// The SplitMix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration from zero to `ceiling`, both included, each nanosecond as likely as the next.
    fn up_to(&mut self, ceiling: Duration) -> Duration {
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        let scaled = (u128::from(self.next()) * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(scaled as u64)
    }
}

#[cfg(test)]
mod tests;
