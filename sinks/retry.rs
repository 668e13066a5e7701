//! How long and how often a failed batch is tried again.

use std::time::Duration;

/// How long and how often a batch that failed for a passing reason is tried again.
///
/// The pause before attempt *n + 1* is drawn evenly from zero to `base_delay` × 2ⁿ⁻¹, at most
/// `max_delay`: services that failed together do not come back together. A destination that asks
/// for a pause gets it, up to `max_delay`.
///
/// ```
/// use logwheel_sinks::RetrySettings;
/// use std::time::Duration;
///
/// let retry = RetrySettings::new().base_delay(Duration::from_millis(100)).max_attempts(8);
/// assert!(retry.problems().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrySettings {
    /// The longest pause after the first failure. Default 500 ms; at least 1 ns.
    pub base_delay: Duration,
    /// The longest pause ever. Default 30 s; at least `base_delay`.
    pub max_delay: Duration,
    /// How long after its first failure a batch may still be tried. Default 5 min; at least 1 ns.
    pub max_elapsed: Duration,
    /// The most attempts for one batch, the first one included. Default `None`: only
    /// `max_elapsed` ends them. `Some(1)` never tries again.
    pub max_attempts: Option<u32>,
}

impl RetrySettings {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`base_delay`](Self#structfield.base_delay).
    #[must_use]
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// Sets [`max_delay`](Self#structfield.max_delay).
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets [`max_elapsed`](Self#structfield.max_elapsed).
    #[must_use]
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = elapsed;
        self
    }

    /// Sets [`max_attempts`](Self#structfield.max_attempts); `None` lifts the limit.
    #[must_use]
    pub fn max_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.max_attempts = attempts.into();
        self
    }

    /// What is wrong with the settings: one sentence for each problem, with the option's name, its
    /// value and what is allowed. Empty when they can be used.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.base_delay.is_zero() {
            problems.push("base_delay is 0: it must be more, or a failing destination is called without pause".into());
        }
        if self.max_delay < self.base_delay {
            let (max, base) = (self.max_delay, self.base_delay);
            problems.push(format!("max_delay is {max:?}: it must be at least base_delay ({base:?})"));
        }
        if self.max_elapsed.is_zero() {
            problems.push("max_elapsed is 0: it must be more; to never try again set max_attempts to 1".into());
        }
        if self.max_attempts == Some(0) {
            problems.push("max_attempts is 0: it must be at least 1, since the first attempt counts".into());
        }
        problems
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_elapsed: Duration::from_secs(300),
            max_attempts: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_names_option_and_value() {
        assert_eq!(RetrySettings::new().problems(), Vec::<String>::new());
        assert_eq!(RetrySettings::new().max_attempts(1).problems(), Vec::<String>::new());
        let bad = RetrySettings::new().base_delay(Duration::ZERO).max_elapsed(Duration::ZERO).max_attempts(0);
        let problems = bad.problems();
        for (problem, option) in problems.iter().zip(["base_delay is 0", "max_elapsed is 0", "max_attempts is 0"]) {
            assert!(problem.starts_with(option), "{problem}");
        }
        assert_eq!(problems.len(), 3);
        let crossed = RetrySettings::new().max_delay(Duration::from_millis(499)).problems();
        assert_eq!(crossed, ["max_delay is 499ms: it must be at least base_delay (500ms)"]);
    }
}
