//! Whether a part of the pipeline can do its work.

use std::borrow::Cow;

/// What a stage or sink says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Health {
    /// It works.
    #[default]
    Healthy,
    /// It does not, and why.
    Unhealthy {
        /// What is wrong, for a person to read; no secrets.
        reason: Cow<'static, str>,
    },
}

impl Health {
    /// Unhealthy, for this reason.
    pub fn unhealthy(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unhealthy { reason: reason.into() }
    }

    /// Whether it works.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }
}
