//! A sink that keeps nothing.

use logwheel_core::{Batch, Delivered, DeliveryError, Sink};

/// Accepts every batch and forgets it: for measuring what comes before a sink.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn name(&self) -> &str {
        "null"
    }

    fn deliver(&mut self, _batch: &Batch) -> Result<Delivered, DeliveryError> {
        Ok(Delivered::all())
    }
}
