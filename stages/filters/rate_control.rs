//! The sample rate that keeps a target number of events per second.

/// How many buckets the window is counted in.
const BUCKETS: usize = 10;
/// The rate is adjusted at most this often: once a second.
const ADJUST_EVERY: u64 = 1_000_000_000;

/// Counts the events that are **offered** in a sliding window and moves the sample rate towards
/// `target / offered` by exponential smoothing.
///
/// Counting what is kept instead would let the rate act on its own measure: it would settle at
/// √(target × offered). The window is a ring of ten counters, whatever the number of events.
#[derive(Debug, Clone)]
pub(crate) struct RateControl {
    pub(crate) target_eps: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) smoothing: f64,
    bucket_nanos: u64,
    /// Events in each bucket of the window; the current one is `counts[current]`.
    counts: [u64; BUCKETS],
    current: usize,
    /// How many buckets before the current one are counted in full.
    full: u64,
    bucket_start: u64,
    adjusted: u64,
    rate: f64,
}

impl RateControl {
    /// Starts at the highest rate. Time is counted in nanoseconds from 0.
    pub(crate) fn new(target_eps: f64, (min, max): (f64, f64), window_nanos: u64, smoothing: f64) -> Self {
        Self {
            target_eps,
            min,
            max,
            smoothing,
            bucket_nanos: (window_nanos / BUCKETS as u64).max(1),
            counts: [0; BUCKETS],
            current: 0,
            full: 0,
            bucket_start: 0,
            adjusted: 0,
            rate: max,
        }
    }

    /// Counts one offered event; `now` never runs backwards. The rate at which to keep it.
    pub(crate) fn offer(&mut self, now: u64) -> f64 {
        self.turn(now);
        if now - self.adjusted >= ADJUST_EVERY {
            self.adjust(now);
        }
        self.counts[self.current] += 1;
        self.rate
    }

    /// The rate as it is.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Opens new buckets until `now` lies in the current one.
    fn turn(&mut self, now: u64) {
        let passed = (now - self.bucket_start) / self.bucket_nanos;
        // Beyond a whole window all is forgotten, however long ago.
        for _ in 0..passed.min(BUCKETS as u64) {
            self.current = (self.current + 1) % BUCKETS;
            self.counts[self.current] = 0;
        }
        self.full = (self.full + passed.min(BUCKETS as u64)).min(BUCKETS as u64 - 1);
        self.bucket_start += passed * self.bucket_nanos;
    }

    fn adjust(&mut self, now: u64) {
        // A step for each second that passed, so that few events adjust as fast as many.
        let steps = (now - self.adjusted) / ADJUST_EVERY;
        self.adjusted += steps * ADJUST_EVERY;
        let nanos = self.full * self.bucket_nanos + (now - self.bucket_start);
        let offered: u64 = self.counts.iter().sum();
        let offered_eps = offered as f64 * 1e9 / nanos.max(1) as f64;
        let wanted = (self.target_eps / offered_eps).clamp(self.min, self.max);
        let remaining = (1.0 - self.smoothing).powi(steps.min(1_000) as i32);
        // The clamp is for rounding: both ends of the step are within the bounds.
        self.rate = (wanted + (self.rate - wanted) * remaining).clamp(self.min, self.max);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn story_5_3_adaptive_sampling_moves_its_rate_by_the_smoothing_factor_once_a_second() {
        let mut control = RateControl::new(100.0, (0.01, 1.0), 10 * SECOND, 0.3);
        let rates: Vec<f64> = (0..=3_000).map(|ms| control.offer(ms * SECOND / 1_000)).collect();
        assert!(rates[..1_000].iter().all(|rate| *rate == 1.0));
        // 1,000 events/s for a target of 100: towards 0.1.
        for (second, expected) in [(1, 0.73), (2, 0.541), (3, 0.4087)] {
            assert!((rates[second * 1_000] - expected).abs() < 1e-9, "{second}: {}", rates[second * 1_000]);
            assert_eq!(rates[second * 1_000], *rates.get(second * 1_000 + 999).unwrap_or(&rates[second * 1_000]));
        }
    }

    #[test]
    fn a_silence_of_many_seconds_counts_as_many_steps() {
        let mut control = RateControl::new(10.0, (0.0, 1.0), 10 * SECOND, 0.5);
        (0..60_000).for_each(|ms| _ = control.offer(ms * SECOND / 1_000));
        assert!((control.rate() - 0.01).abs() < 1e-6);
        assert!(control.offer(80 * SECOND) > 0.999_99, "nothing was offered for 20 seconds");
    }

    #[test]
    fn the_window_forgets_what_is_older() {
        let mut control = RateControl::new(100.0, (0.0, 1.0), 2 * SECOND, 1.0);
        (0..10_000).for_each(|n| _ = control.offer(n * SECOND / 10_000));
        (0..400).for_each(|n| _ = control.offer(SECOND + n * SECOND / 100));
        assert_eq!(control.rate(), 1.0, "100 events/s since 4 seconds");
    }

    proptest! {
        #[test]
        fn story_5_3_adaptive_sampling_stays_within_its_bounds(
            target in 0.001f64..1e9, bounds in (0.0f64..=1.0, 0.0f64..=1.0), window in 1u64..100 * SECOND,
            smoothing in 0.001f64..=1.0,
            gaps in prop::collection::vec(prop_oneof![0u64..1_000, 0..100 * SECOND, any::<u64>()], 1..200),
        ) {
            let bounds = (bounds.0.min(bounds.1), bounds.0.max(bounds.1));
            let mut control = RateControl::new(target, bounds, window, smoothing);
            let mut now = 0u64;
            for gap in gaps {
                now = now.saturating_add(gap);
                let rate = control.offer(now);
                prop_assert!(rate >= bounds.0 && rate <= bounds.1, "{rate} outside {bounds:?}");
            }
        }
    }
}
