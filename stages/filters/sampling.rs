//! `sampling`: keeps a share of the events, by chance.

use logwheel_core::{Enrichment, Filter, Level, StageError, Verdict};

use super::level_set::LevelSet;
use crate::InvalidOption;
use crate::option::require_rate;
use crate::random::Random;

/// Keeps each event with the same probability, independently of all others.
///
/// Whoever multiplies counts by `1 / sample_rate` gets an unbiased estimate. With a
/// [`seed`](SamplingBuilder::seed) and one worker the decisions are the same in each run. Every
/// worker gets an instance of its own, with its own part of the seed's randomness.
///
/// ```
/// use logwheel_stages::Sampling;
///
/// let one_in_ten = Sampling::builder().sample_rate(0.1).seed(42).build()?;
/// # let _ = one_in_ten;
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct Sampling {
    sample_rate: f64,
    always_pass_levels: LevelSet,
    random: Random,
}

/// The options of [`Sampling`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SamplingBuilder {
    sample_rate: f64,
    seed: Option<u64>,
    always_pass_levels: LevelSet,
}

impl Sampling {
    /// Keeps all events, until told otherwise.
    pub fn builder() -> SamplingBuilder {
        SamplingBuilder { sample_rate: 1.0, seed: None, always_pass_levels: LevelSet::default() }
    }
}

impl SamplingBuilder {
    /// The share of events to keep, 0 to 1: 0 drops all, 1 (the default) keeps all.
    pub fn sample_rate(mut self, sample_rate: f64) -> Self {
        self.sample_rate = sample_rate;
        self
    }

    /// Where the decisions start from; by default they differ from run to run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Levels whose events are kept without being sampled; none by default.
    pub fn always_pass_levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.always_pass_levels = levels.into_iter().collect();
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// When `sample_rate` is not 0 to 1.
    pub fn build(self) -> Result<Sampling, InvalidOption> {
        require_rate("sample_rate", self.sample_rate)?;
        Ok(Sampling {
            sample_rate: self.sample_rate,
            always_pass_levels: self.always_pass_levels,
            random: Random::new(self.seed),
        })
    }
}

impl Filter for Sampling {
    fn name(&self) -> &str {
        "sampling"
    }

    fn replicate(&self) -> Option<Box<dyn Filter>> {
        Some(Box::new(Self { random: self.random.fork(), ..*self }))
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let keeps = self.always_pass_levels.contains(event.level()) || self.random.chance(self.sample_rate);
        Ok(if keeps { Verdict::Keep } else { Verdict::Drop })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{TestEvent, keeps};

    fn kept(filter: &mut dyn Filter, event: &TestEvent, of: usize) -> usize {
        (0..of).filter(|_| keeps(filter, event)).count()
    }

    fn sampling(sample_rate: f64, seed: u64) -> Sampling {
        Sampling::builder().sample_rate(sample_rate).seed(seed).build().unwrap()
    }

    #[test]
    fn story_5_2_sampling_keeps_its_share_of_the_events() {
        let event = TestEvent::new("m");
        for (seed, rate) in [(1, 0.01), (2, 0.1), (3, 0.5), (4, 0.9)] {
            let n = 200_000.0;
            let kept = kept(&mut sampling(rate, seed), &event, n as usize) as f64;
            // Five standard deviations of a binomial: a fair sampler fails once in two million seeds.
            let deviation = (n * rate * (1.0 - rate)).sqrt();
            assert!((kept - n * rate).abs() < 5.0 * deviation, "{kept} of {n} at {rate}");
        }
    }

    #[test]
    fn story_5_2_sampling_drops_all_at_0_and_keeps_all_at_1_which_is_the_default() {
        let event = TestEvent::new("m").level(Level::ERROR);
        assert_eq!(kept(&mut sampling(0.0, 1), &event, 10_000), 0);
        assert_eq!(kept(&mut sampling(1.0, 1), &event, 10_000), 10_000);
        assert_eq!(kept(&mut Sampling::builder().build().unwrap(), &event, 10_000), 10_000);
    }

    #[test]
    fn defect_b13_the_same_seed_gives_the_same_decisions_whatever_other_filters_draw() {
        let event = TestEvent::new("m");
        let decisions = |filter: &mut dyn Filter| (0..500).map(|_| keeps(filter, &event)).collect::<Vec<_>>();
        let alone = decisions(&mut sampling(0.5, 9));
        let (mut first, mut other) = (sampling(0.5, 9), sampling(0.3, 5));
        let between: Vec<_> = (0..500)
            .map(|_| {
                keeps(&mut other, &event);
                keeps(&mut first, &event)
            })
            .collect();
        assert_eq!(alone, between);
        assert_ne!(alone, decisions(&mut sampling(0.5, 10)));
    }

    #[test]
    fn replicas_decide_independently_and_at_the_same_rate() {
        let event = TestEvent::new("m");
        let mut filter = sampling(0.25, 3);
        let mut replica = filter.replicate().unwrap();
        let pairs: Vec<_> = (0..40_000).map(|_| (keeps(&mut filter, &event), keeps(&mut *replica, &event))).collect();
        let share = |of: &dyn Fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| of(pair)).count() as f64 / 40_000.0;
        assert!((share(&|pair| pair.1) - 0.25).abs() < 0.011);
        assert!((share(&|pair| pair.0 && pair.1) - 0.0625).abs() < 0.0061, "both keep by chance only");
    }

    #[test]
    fn levels_that_always_pass_are_not_sampled() {
        let mut filter =
            Sampling::builder().sample_rate(0.0).always_pass_levels([Level::ERROR, Level::AUDIT]).build().unwrap();
        for (level, passes) in [(Level::ERROR, true), (Level::AUDIT, true), (Level::CRITICAL, false)] {
            assert_eq!(keeps(&mut filter, &TestEvent::new("m").level(level)), passes, "{level}");
        }
    }

    #[test]
    fn story_5_3_the_legacy_sampling_rate_is_sampling_that_passes_all_levels_above_info() {
        let above_info = (0..100).filter_map(Level::from_number).filter(|level| *level > Level::INFO);
        let mut filter = Sampling::builder().sample_rate(0.0).always_pass_levels(above_info).build().unwrap();
        for level in [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR, Level::SECURITY] {
            assert_eq!(keeps(&mut filter, &TestEvent::new("m").level(level)), level > Level::INFO, "{level}");
        }
    }

    #[test]
    fn story_5_2_a_sample_rate_outside_0_to_1_is_refused() {
        for rate in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            let error = Sampling::builder().sample_rate(rate).build().unwrap_err();
            assert_eq!((error.option(), error.allowed()), ("sample_rate", "0 to 1"));
        }
    }
}
