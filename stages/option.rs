//! What is wrong with an option of a stage.

use std::borrow::Cow;
use std::fmt;

/// An option of a stage has a value that is not allowed.
///
/// ```
/// use logwheel_stages::Sampling;
///
/// let error = Sampling::builder().sample_rate(1.5).build().unwrap_err();
/// assert_eq!(error.option(), "sample_rate");
/// assert_eq!(error.to_string(), "sample_rate = 1.5: must be 0 to 1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} = {value}: must be {allowed}")]
pub struct InvalidOption {
    option: &'static str,
    value: String,
    allowed: Cow<'static, str>,
}

impl InvalidOption {
    pub(crate) fn new(option: &'static str, value: impl fmt::Display, allowed: impl Into<Cow<'static, str>>) -> Self {
        Self { option, value: value.to_string(), allowed: allowed.into() }
    }

    /// The name of the option, as in settings.
    #[must_use]
    pub fn option(&self) -> &str {
        self.option
    }

    /// The value that it was given, as text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is allowed.
    #[must_use]
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

/// `Ok` if the condition holds, which is what `allowed` says in words.
pub(crate) fn require(
    holds: bool,
    option: &'static str,
    value: impl fmt::Display,
    allowed: &'static str,
) -> Result<(), InvalidOption> {
    if holds { Ok(()) } else { Err(InvalidOption::new(option, value, allowed)) }
}

/// A share of events: 0 to 1.
pub(crate) fn require_rate(option: &'static str, rate: f64) -> Result<(), InvalidOption> {
    require((0.0..=1.0).contains(&rate), option, rate, "0 to 1")
}

/// A window of time in seconds, as nanoseconds.
pub(crate) fn window_nanos(option: &'static str, seconds: f64) -> Result<u64, InvalidOption> {
    require((0.001..=MAX_WINDOW).contains(&seconds), option, seconds, "0.001 to 604800 seconds (a week)")?;
    Ok((seconds * 1e9) as u64)
}

const MAX_WINDOW: f64 = 604_800.0;
