//! For benches, which see no private items.

use logwheel_core::Batch;

use super::body::Body;
use super::{HttpCompression, HttpFormat};

/// Builds bodies as the sink does, without compression.
#[derive(Debug)]
pub struct BodyBuilder(Body);

impl BodyBuilder {
    /// For bodies of this format.
    #[must_use]
    pub fn new(format: HttpFormat) -> Self {
        Self(Body::new(format, "logs", HttpCompression::None))
    }

    /// The body for a batch.
    pub fn encode<'a>(&'a mut self, batch: &'a Batch) -> &'a [u8] {
        self.0.encode(batch)
    }
}
