//! `pressure`: lets less pass as the engine fills up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use logwheel_core::{Enrichment, Filter, Level, StageError, Verdict};

use super::event_time::EventTime;
use super::level_set::LevelSet;
use super::rate_control::RateControl;
use crate::option::require;
use crate::random::Random;
use crate::{InvalidOption, Reading};

mod ladder;

pub use ladder::{PressureLevel, PressureStep};

use ladder::Ladder;

/// How full the engine is: written by the engine, read by [`PressureFilter`]. Cheap to clone; all
/// clones show the same number.
#[derive(Debug, Clone, Default)]
pub struct FillGauge {
    fill: Reading,
}

impl FillGauge {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the fill level: 0 is empty, 1 is full. What lies outside is brought to the nearer end,
    /// NaN to 0.
    pub fn set(&self, fill: f64) {
        self.fill.set(if fill.is_nan() { 0.0 } else { fill.clamp(0.0, 1.0) });
    }

    /// The fill level.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.fill.get()
    }
}

/// Lets less pass the fuller the engine is, in steps that do not flutter.
///
/// | level | entered at | left below | lets pass |
/// |---|---|---|---|
/// | normal | | | everything |
/// | elevated | 0.60 | 0.40 | protected levels, and of the rest about `target_eps` events per second |
/// | high | 0.80 | 0.60 | as elevated, and nothing below `warn` that is not protected |
/// | critical | 0.92 | 0.75 | protected levels only |
///
/// Every `check_interval_seconds` the fill level of its [`FillGauge`] is looked at, and the pressure
/// level goes one step up or down at most; after a step it stays for `cooldown_seconds`. Time is that
/// of the events: without events nothing changes. Sampling works as
/// [`AdaptiveSampling`](crate::AdaptiveSampling). What is offered to it is measured on all levels, so
/// that it knows the load when it is needed.
///
/// All workers share one instance. Steps are counted, and told to
/// [`on_step`](PressureFilterBuilder::on_step).
///
/// ```
/// use logwheel_stages::{FillGauge, PressureFilter, PressureLevel};
///
/// let gauge = FillGauge::new();
/// let filter = PressureFilter::builder(gauge.clone()).target_eps(20.0).build()?;
/// let pressure = filter.reading();
/// gauge.set(0.7);
/// assert_eq!((pressure.level(), pressure.steps()), (PressureLevel::Normal, 0));
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
pub struct PressureFilter {
    gauge: FillGauge,
    ladder: Ladder,
    protected_levels: LevelSet,
    time: EventTime,
    control: RateControl,
    random: Random,
    reading: PressureReading,
    on_step: Option<OnStep>,
}

type OnStep = Box<dyn FnMut(PressureStep) + Send>;

/// What a [`PressureFilter`] shows to the outside, from any thread at any time; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PressureReading {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// 0 to 3; written by the filter only.
    level: AtomicU8,
    up: AtomicU64,
    down: AtomicU64,
}

impl PressureReading {
    /// The level as it is; as a number 0 to 3 for the metric `logwheel_pressure_level`.
    #[must_use]
    pub fn level(&self) -> PressureLevel {
        PressureLevel::from_number(self.shared.level.load(Ordering::Relaxed))
    }

    /// How many steps there were, up and down.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps_up() + self.steps_down()
    }

    /// How many steps up there were.
    #[must_use]
    pub fn steps_up(&self) -> u64 {
        self.shared.up.load(Ordering::Relaxed)
    }

    /// How many steps down there were.
    #[must_use]
    pub fn steps_down(&self) -> u64 {
        self.shared.down.load(Ordering::Relaxed)
    }

    fn step(&self, step: PressureStep) {
        self.shared.level.store(step.to as u8, Ordering::Relaxed);
        let counter = if step.to > step.from { &self.shared.up } else { &self.shared.down };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The options of [`PressureFilter`].
#[must_use]
pub struct PressureFilterBuilder {
    gauge: FillGauge,
    check_interval_seconds: f64,
    cooldown_seconds: f64,
    up: [f64; 3],
    down: [f64; 3],
    target_eps: f64,
    protected_levels: LevelSet,
    seed: Option<u64>,
    on_step: Option<OnStep>,
}

impl fmt::Debug for PressureFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PressureFilter")
            .field("gauge", &self.gauge)
            .field("ladder", &self.ladder)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PressureFilterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PressureFilterBuilder").field("up", &self.up).field("down", &self.down).finish_non_exhaustive()
    }
}

impl PressureFilter {
    /// Looks at this gauge.
    pub fn builder(gauge: FillGauge) -> PressureFilterBuilder {
        PressureFilterBuilder {
            gauge,
            check_interval_seconds: 0.25,
            cooldown_seconds: 2.0,
            up: [0.60, 0.80, 0.92],
            down: [0.40, 0.60, 0.75],
            target_eps: 50.0,
            protected_levels: LevelSet::protected(),
            seed: None,
            on_step: None,
        }
    }

    /// Its level and counters, to be read while it runs.
    #[must_use]
    pub fn reading(&self) -> PressureReading {
        self.reading.clone()
    }
}

impl PressureFilterBuilder {
    /// How often the gauge is looked at, in seconds of the events' time, 0 to 3,600; 0.25 by
    /// default.
    pub fn check_interval_seconds(mut self, seconds: f64) -> Self {
        self.check_interval_seconds = seconds;
        self
    }

    /// How long the level stays after a step, in seconds, 0 to 3,600; 2 by default.
    pub fn cooldown_seconds(mut self, seconds: f64) -> Self {
        self.cooldown_seconds = seconds;
        self
    }

    /// At which fill levels to go up to elevated, high and critical: rising, above 0 up to 1;
    /// 0.60, 0.80 and 0.92 by default.
    pub fn up(mut self, up: [f64; 3]) -> Self {
        self.up = up;
        self
    }

    /// Below which fill levels to go down from elevated, high and critical: rising, each lower
    /// than its counterpart in [`up`](Self::up); 0.40, 0.60 and 0.75 by default.
    pub fn down(mut self, down: [f64; 3]) -> Self {
        self.down = down;
        self
    }

    /// How many events per second pass from elevated on, above 0; 50 by default. Protected levels
    /// come on top.
    pub fn target_eps(mut self, target_eps: f64) -> Self {
        self.target_eps = target_eps;
        self
    }

    /// Levels that always pass; by default error, critical, audit and security.
    pub fn protected_levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.protected_levels = levels.into_iter().collect();
        self
    }

    /// Where the sampling decisions start from; by default they differ from run to run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Called at each step, on the worker that made it: for diagnostics. It must not block.
    pub fn on_step(mut self, on_step: impl FnMut(PressureStep) + Send + 'static) -> Self {
        self.on_step = Some(Box::new(on_step));
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// The first option with a value that is not allowed.
    pub fn build(self) -> Result<PressureFilter, InvalidOption> {
        let Self { check_interval_seconds, cooldown_seconds, up, down, target_eps, .. } = self;
        for (option, seconds) in
            [("check_interval_seconds", check_interval_seconds), ("cooldown_seconds", cooldown_seconds)]
        {
            require((0.0..=3600.0).contains(&seconds), option, seconds, "0 to 3600 seconds")?;
        }
        let rises = |levels: &[f64; 3]| levels[0] <= levels[1] && levels[1] <= levels[2];
        let as_text = |levels: &[f64; 3]| format!("{levels:?}");
        require(
            rises(&up) && up[0] > 0.0 && up[2] <= 1.0,
            "up",
            as_text(&up),
            "three rising numbers above 0, up to 1",
        )?;
        require(
            rises(&down) && down[0] >= 0.0 && down.iter().zip(&up).all(|(down, up)| down < up),
            "down",
            as_text(&down),
            "three rising numbers from 0 on, each lower than its counterpart in up",
        )?;
        require(target_eps > 0.0 && target_eps.is_finite(), "target_eps", target_eps, "a finite number above 0")?;
        let nanos = |seconds: f64| (seconds * 1e9) as u64;
        Ok(PressureFilter {
            gauge: self.gauge,
            ladder: Ladder::new(nanos(check_interval_seconds), nanos(cooldown_seconds), up, down),
            protected_levels: self.protected_levels,
            time: EventTime::default(),
            // The whole range of rates: under pressure the target is what counts.
            control: RateControl::new(target_eps, (0.0, 1.0), SAMPLING_WINDOW, SAMPLING_SMOOTHING),
            random: Random::new(self.seed),
            reading: PressureReading::default(),
            on_step: self.on_step,
        })
    }
}

/// As the defaults of `adaptive_sampling`.
const SAMPLING_WINDOW: u64 = 10_000_000_000;
const SAMPLING_SMOOTHING: f64 = 0.3;

impl Filter for PressureFilter {
    fn name(&self) -> &str {
        "pressure"
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let now = self.time.advance(event.timestamp());
        if let Some(step) = self.ladder.tick(now, || self.gauge.get()) {
            self.reading.step(step);
            if let Some(on_step) = &mut self.on_step {
                on_step(step);
            }
        }
        if self.protected_levels.contains(event.level()) {
            return Ok(Verdict::Keep);
        }
        let level = self.ladder.level();
        if level >= PressureLevel::High && event.level() < Level::WARN {
            return Ok(Verdict::Drop);
        }
        let rate = self.control.offer(now);
        let keeps = match level {
            PressureLevel::Normal => true,
            PressureLevel::Elevated | PressureLevel::High => self.random.chance(rate),
            PressureLevel::Critical => false,
        };
        Ok(if keeps { Verdict::Keep } else { Verdict::Drop })
    }
}

#[cfg(test)]
mod tests;
