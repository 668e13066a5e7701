//! The circuit breaker: leaves a destination alone that fails again and again.

use std::time::Duration;

/// When a sink stops calling a destination that keeps failing, and when it tries again.
///
/// After `failure_threshold` failed attempts in a row, whatever their kind, the breaker opens: the
/// queue pauses, nothing is dropped. After `recovery` one batch goes out as a probe. A probe that
/// fails, for whatever reason, opens the breaker for another `recovery`; any other answer closes it.
///
/// ```
/// use logwheel_sinks::BreakerSettings;
/// use std::time::Duration;
///
/// let breaker = BreakerSettings::new().failure_threshold(3).recovery(Duration::from_secs(10));
/// assert!(breaker.problems().is_empty());
/// assert!(!BreakerSettings::off().enabled);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// Whether there is a breaker. Default yes.
    pub enabled: bool,
    /// How many failed attempts in a row open it. Default 5; at least 1.
    pub failure_threshold: u32,
    /// How long it stays open before a probe. Default 30 s; at least 1 ns.
    pub recovery: Duration,
}

impl BreakerSettings {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No breaker: only the pauses of [`RetrySettings`](crate::RetrySettings) spare the destination.
    #[must_use]
    pub fn off() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// Sets [`failure_threshold`](Self#structfield.failure_threshold).
    #[must_use]
    pub fn failure_threshold(mut self, failures: u32) -> Self {
        self.failure_threshold = failures;
        self
    }

    /// Sets [`recovery`](Self#structfield.recovery).
    #[must_use]
    pub fn recovery(mut self, recovery: Duration) -> Self {
        self.recovery = recovery;
        self
    }

    /// What is wrong with the settings: one sentence for each problem, with the option's name, its
    /// value and what is allowed. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.enabled && self.failure_threshold == 0 {
            problems
                .push("breaker.failure_threshold is 0: it must be at least 1; to have no breaker turn it off".into());
        }
        if self.enabled && self.recovery.is_zero() {
            problems.push("breaker.recovery is 0: it must be more; to have no breaker turn it off".into());
        }
        problems
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { enabled: true, failure_threshold: 5, recovery: Duration::from_secs(30) }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many failures in a row.
    Closed { failures: u32 },
    /// Nothing goes out before `until`.
    Open { until: Duration },
    /// One batch is out, and nothing else.
    Probing,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// From when on a batch may go out while `under_way` others are; `None` if only a result can
    /// change that.
    pub(super) fn opens_at(&self, under_way: usize) -> Option<Duration> {
        match self.state {
            State::Closed { .. } => Some(Duration::ZERO),
            // A probe is alone, so that its result is not mistaken for another one's.
            State::Open { until } => (under_way == 0).then_some(until),
            State::Probing => None,
        }
    }

    /// A batch goes out.
    pub(super) fn on_send(&mut self) {
        if matches!(self.state, State::Open { .. }) {
            self.state = State::Probing;
        }
    }

    /// The destination answered. Says whether that closed the breaker.
    pub(super) fn on_answer(&mut self) -> bool {
        let was_closed = self.is_closed();
        self.state = State::Closed { failures: 0 };
        !was_closed
    }

    /// An attempt failed. Says whether that opened the breaker (again).
    pub(super) fn on_failure(&mut self, now: Duration) -> bool {
        let failures = match self.state {
            State::Closed { failures } => failures.saturating_add(1),
            State::Probing => u32::MAX,
            // The late result of a batch that was out already.
            State::Open { .. } => return false,
        };
        let opens = self.settings.enabled && failures >= self.settings.failure_threshold;
        self.state = match opens {
            true => State::Open { until: now.saturating_add(self.settings.recovery) },
            false => State::Closed { failures },
        };
        opens
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// There is no time left for waiting: the next batch may be the probe.
    pub(super) fn hurry(&mut self, now: Duration) {
        if let State::Open { until } = &mut self.state {
            *until = now.min(*until);
        }
    }
}
