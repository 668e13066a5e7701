//! Bodies as they travel: compressed as their form asks for.

use super::LokiFormat;
use crate::http::gzip;

/// Packs bodies in memory that it keeps from request to request.
pub(super) struct Packer {
    buffer: Vec<u8>,
    /// How much of the buffer the last body takes. Cut to it, the buffer would be filled with
    /// zeros for the next body.
    len: usize,
    snappy: snap::raw::Encoder,
}

impl Default for Packer {
    fn default() -> Self {
        Self { buffer: Vec::new(), len: 0, snappy: snap::raw::Encoder::new() }
    }
}

impl Packer {
    pub(super) fn pack(&mut self, format: LokiFormat, plain: &[u8]) {
        self.len = match format {
            LokiFormat::Protobuf => {
                let most = snap::raw::max_compress_len(plain.len());
                if self.buffer.len() < most {
                    self.buffer.resize(most, 0);
                }
                self.snappy.compress(plain, &mut self.buffer).expect("the buffer has the length that was asked for")
            }
            LokiFormat::Json => {
                plain.clone_into(&mut self.buffer);
                plain.len()
            }
            LokiFormat::JsonGzip => {
                gzip(plain, &mut self.buffer);
                self.buffer.len()
            }
        };
    }

    /// The last body.
    pub(super) fn body(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}
