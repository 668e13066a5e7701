//! How long to wait after a failed attempt.

use std::time::Duration;

use crate::RetrySettings;

/// What is known of a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) first_failure: Duration,
    pub(super) failures: u32,
}

impl Trouble {
    /// One more failure, or the first one.
    pub(super) fn after(before: Option<Trouble>, now: Duration) -> Trouble {
        let before = before.unwrap_or(Trouble { first_failure: now, failures: 0 });
        Trouble { failures: before.failures.saturating_add(1), ..before }
    }
}

/// Draws pauses: full jitter below a ceiling that doubles with each failure.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    random: SplitMix64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: SplitMix64(seed) }
    }

    /// The pause after so many failures, at least what the destination asked for; never longer
    /// than `max_delay`.
    pub(super) fn pause(&mut self, settings: &RetrySettings, failures: u32, asked: Option<Duration>) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let ceiling = settings.base_delay.saturating_mul(1 << doublings).min(settings.max_delay);
        self.random.up_to(ceiling).max(asked.unwrap_or_default().min(settings.max_delay))
    }
}

/// The SplitMix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
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
