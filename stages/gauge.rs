//! Numbers that a running stage shows to the outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that a stage keeps up to date, readable from any thread at any time; cheap to clone.
///
/// Taken from a stage before the engine gets it: see
/// [`AdaptiveSampling::current_sample_rate`](crate::AdaptiveSampling::current_sample_rate).
#[derive(Debug, Clone, Default)]
pub struct Reading {
    bits: Arc<AtomicU64>,
}

impl Reading {
    pub(crate) fn new(value: f64) -> Self {
        let reading = Self::default();
        reading.set(value);
        reading
    }

    /// The number as it was when the stage last changed it.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, value: f64) {
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }
}
