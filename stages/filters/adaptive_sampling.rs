//! `adaptive_sampling`: keeps a target number of events per second.

use logwheel_core::{Enrichment, Filter, Level, StageError, Verdict};

use super::event_time::EventTime;
use super::level_set::LevelSet;
use super::rate_control::RateControl;
use crate::option::{require, require_rate, window_nanos};
use crate::random::Random;
use crate::{InvalidOption, Reading};

/// Keeps about `target_eps` events per second, by chance, however many are offered.
///
/// Once a second the rate of **offered** events over the last `window_seconds` is measured, and the
/// sample rate moves by `smoothing_factor` towards `target_eps / offered`. With a steady load the
/// kept rate comes to the target, within the bounds: 100,000 offered events per second with the
/// default `min_sample_rate` of 0.01 keep 1,000 a second, not 100. After a sudden rise more is kept
/// for a while, with the defaults for about the length of the window.
///
/// Events whose level is among `always_pass_levels` are kept, and neither counted nor charged
/// against the target. Time is that of the events. All workers share one instance, so the target
/// is that of the engine.
///
/// ```
/// use logwheel_stages::AdaptiveSampling;
///
/// let sampling = AdaptiveSampling::builder().target_eps(500.0).min_sample_rate(0.001).build()?;
/// let rate = sampling.current_sample_rate();
/// assert_eq!(rate.get(), 1.0);
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct AdaptiveSampling {
    control: RateControl,
    always_pass_levels: LevelSet,
    time: EventTime,
    random: Random,
    current: Reading,
}

/// The options of [`AdaptiveSampling`].
#[derive(Debug, Clone)]
#[must_use]
pub struct AdaptiveSamplingBuilder {
    target_eps: f64,
    min_sample_rate: f64,
    max_sample_rate: f64,
    window_seconds: f64,
    smoothing_factor: f64,
    always_pass_levels: LevelSet,
    seed: Option<u64>,
}

impl AdaptiveSampling {
    /// A target of 100 events per second.
    pub fn builder() -> AdaptiveSamplingBuilder {
        AdaptiveSamplingBuilder {
            target_eps: 100.0,
            min_sample_rate: 0.01,
            max_sample_rate: 1.0,
            window_seconds: 10.0,
            smoothing_factor: 0.3,
            always_pass_levels: LevelSet::protected(),
            seed: None,
        }
    }

    /// The sample rate as it is at any time: for the metric `logwheel_filter_sample_rate`.
    #[must_use]
    pub fn current_sample_rate(&self) -> Reading {
        self.current.clone()
    }
}

impl AdaptiveSamplingBuilder {
    /// How many events to keep per second, above 0; 100 by default.
    pub fn target_eps(mut self, target_eps: f64) -> Self {
        self.target_eps = target_eps;
        self
    }

    /// The lowest sample rate, 0 to `max_sample_rate`; 0.01 by default.
    pub fn min_sample_rate(mut self, min_sample_rate: f64) -> Self {
        self.min_sample_rate = min_sample_rate;
        self
    }

    /// The highest sample rate, 0 to 1, with which it also starts; 1 by default.
    pub fn max_sample_rate(mut self, max_sample_rate: f64) -> Self {
        self.max_sample_rate = max_sample_rate;
        self
    }

    /// Over how many seconds the offered rate is measured, 0.001 to 604,800; 10 by default.
    pub fn window_seconds(mut self, window_seconds: f64) -> Self {
        self.window_seconds = window_seconds;
        self
    }

    /// Which part of the way to the wanted rate is gone each second, above 0 and up to 1; 0.3 by
    /// default.
    pub fn smoothing_factor(mut self, smoothing_factor: f64) -> Self {
        self.smoothing_factor = smoothing_factor;
        self
    }

    /// Levels whose events are kept outside the target; by default error, critical, audit and
    /// security.
    pub fn always_pass_levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.always_pass_levels = levels.into_iter().collect();
        self
    }

    /// Where the decisions start from; by default they differ from run to run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// The first option with a value that is not allowed.
    pub fn build(self) -> Result<AdaptiveSampling, InvalidOption> {
        let Self { target_eps, min_sample_rate, max_sample_rate, smoothing_factor, .. } = self;
        require(target_eps > 0.0 && target_eps.is_finite(), "target_eps", target_eps, "a finite number above 0")?;
        require_rate("min_sample_rate", min_sample_rate)?;
        require_rate("max_sample_rate", max_sample_rate)?;
        require(min_sample_rate <= max_sample_rate, "max_sample_rate", max_sample_rate, "at least min_sample_rate")?;
        require(
            smoothing_factor > 0.0 && smoothing_factor <= 1.0,
            "smoothing_factor",
            smoothing_factor,
            "above 0, up to 1",
        )?;
        let window = window_nanos("window_seconds", self.window_seconds)?;
        let control = RateControl::new(target_eps, (min_sample_rate, max_sample_rate), window, smoothing_factor);
        Ok(AdaptiveSampling {
            current: Reading::new(control.rate()),
            control,
            always_pass_levels: self.always_pass_levels,
            time: EventTime::default(),
            random: Random::new(self.seed),
        })
    }
}

impl Filter for AdaptiveSampling {
    fn name(&self) -> &str {
        "adaptive_sampling"
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        if self.always_pass_levels.contains(event.level()) {
            return Ok(Verdict::Keep);
        }
        let before = self.control.rate();
        let rate = self.control.offer(self.time.advance(event.timestamp()));
        if rate != before {
            self.current.set(rate);
        }
        Ok(if self.random.chance(rate) { Verdict::Keep } else { Verdict::Drop })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{SECOND, START, TestEvent, keeps};

    fn filter(min_sample_rate: f64) -> AdaptiveSampling {
        AdaptiveSampling::builder().min_sample_rate(min_sample_rate).seed(11).build().unwrap()
    }

    /// Offers `eps` events per second, evenly, from one second to another; how many were kept.
    fn offer(filter: &mut dyn Filter, event: &mut TestEvent, eps: u64, seconds: std::ops::Range<u64>) -> u64 {
        let mut kept = 0;
        for n in seconds.start * eps..seconds.end * eps {
            event.timestamp = START + n * (SECOND / eps);
            kept += u64::from(keeps(filter, event));
        }
        kept
    }

    /// The rate over ten seconds, after thirty to settle.
    #[track_caller]
    fn converges(filter: &mut AdaptiveSampling, eps: u64, expected: f64) {
        let mut event = TestEvent::new("m");
        offer(filter, &mut event, eps, 0..30);
        let kept = offer(filter, &mut event, eps, 30..40) as f64 / 10.0;
        // Chance alone moves the mean of ten seconds by √(expected / 10); five times that, and
        // one percent for what smoothing still lacks.
        let tolerance = 5.0 * (expected / 10.0).sqrt() + 0.01 * expected;
        assert!((kept - expected).abs() <= tolerance, "{kept} kept of {eps} per second, expected {expected}");
        assert_eq!(filter.current_sample_rate().get(), filter.control.rate());
    }

    #[test]
    fn story_5_3_adaptive_sampling_keeps_all_of_10_events_per_second() {
        let (mut filter, mut event) = (filter(0.01), TestEvent::new("m"));
        assert_eq!(offer(&mut filter, &mut event, 10, 0..60), 600);
    }

    #[test]
    fn story_5_3_adaptive_sampling_converges_to_its_target_from_1_000_events_per_second() {
        converges(&mut filter(0.01), 1_000, 100.0);
    }

    #[test]
    fn story_5_3_adaptive_sampling_converges_to_its_target_from_10_000_events_per_second_and_not_to_the_root() {
        // What counted kept events would come to is √(100 × 10,000) = 1,000.
        converges(&mut filter(0.001), 10_000, 100.0);
    }

    #[test]
    fn story_5_3_adaptive_sampling_converges_to_its_target_from_100_000_events_per_second() {
        converges(&mut filter(0.000_1), 100_000, 100.0);
    }

    #[test]
    fn story_5_3_adaptive_sampling_never_goes_below_its_lowest_rate() {
        // One percent of 100,000 is more than the target: the bound holds.
        converges(&mut filter(0.01), 100_000, 1_000.0);
    }

    #[test]
    fn story_5_3_adaptive_sampling_recovers_when_the_load_falls() {
        let (mut filter, mut event) = (filter(0.001), TestEvent::new("m"));
        offer(&mut filter, &mut event, 10_000, 0..30);
        offer(&mut filter, &mut event, 50, 30..60);
        assert_eq!(offer(&mut filter, &mut event, 50, 60..70), 500);
    }

    #[test]
    fn story_5_3_priority_levels_pass_and_do_not_count_against_the_target() {
        let mut filter = filter(0.001);
        let (mut info, mut error) = (TestEvent::new("m"), TestEvent::new("e").level(Level::ERROR));
        let mut kept = 0;
        for n in 0..200_000u64 {
            // 5,000 events per second, nine tenths of them errors.
            let event = if n % 10 == 0 { &mut info } else { &mut error };
            event.timestamp = START + n * (SECOND / 5_000);
            let keeps = keeps(&mut filter, event);
            assert!(keeps || n % 10 == 0, "an error was dropped");
            kept += u64::from(keeps && n % 10 == 0 && n >= 150_000);
        }
        let kept = kept as f64 / 10.0;
        assert!((kept - 100.0).abs() < 17.0, "{kept} of 500 per second, expected 100");
    }

    #[test]
    fn story_5_3_the_sample_rate_can_be_read_while_the_filter_runs_elsewhere() {
        let filter = filter(0.01);
        let reading = filter.current_sample_rate();
        assert_eq!(reading.get(), 1.0);
        let mut elsewhere: Box<dyn Filter> = Box::new(filter);
        offer(&mut *elsewhere, &mut TestEvent::new("m"), 10_000, 0..40);
        assert!((reading.get() - 0.01).abs() < 0.001, "{}", reading.get());
    }

    #[test]
    fn options_outside_their_ranges_are_refused_by_name() {
        let options = AdaptiveSampling::builder;
        for (builder, option) in [
            (options().target_eps(0.0), "target_eps"),
            (options().target_eps(f64::NAN), "target_eps"),
            (options().min_sample_rate(-0.1), "min_sample_rate"),
            (options().max_sample_rate(1.1), "max_sample_rate"),
            (options().min_sample_rate(0.5).max_sample_rate(0.4), "max_sample_rate"),
            (options().window_seconds(0.0), "window_seconds"),
            (options().window_seconds(f64::INFINITY), "window_seconds"),
            (options().smoothing_factor(0.0), "smoothing_factor"),
            (options().smoothing_factor(1.5), "smoothing_factor"),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
    }
}
