//! From a batch to the body of a request.

use std::fmt;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use logwheel_core::Batch;

/// How a batch becomes the body of a request. The events themselves stay byte for byte as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HttpFormat {
    /// A JSON array: `[{…},{…}]`, as `application/json`.
    #[default]
    Array,
    /// One line each, the last one closed as well, as `application/x-ndjson`.
    Ndjson,
    /// An object around the array: `{"logs":[{…},{…}]}`, as `application/json`. Its key is the
    /// builder's `wrapper_key`.
    Wrapped,
}

impl HttpFormat {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Array | Self::Wrapped => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// How bodies are compressed, and so what the header `Content-Encoding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HttpCompression {
    /// Not at all.
    #[default]
    None,
    /// With gzip at its fastest level, which already takes logs to about a tenth.
    Gzip,
    /// With zstd at level 1: smaller and cheaper than gzip, where the receiver knows it.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl HttpCompression {
    /// The name in `Content-Encoding`.
    pub(super) fn encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Builds bodies in memory that it keeps from batch to batch.
pub(super) struct Body {
    format: HttpFormat,
    /// `{"logs":`
    wrapper: String,
    compression: HttpCompression,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Body {
    pub(super) fn new(format: HttpFormat, wrapper_key: &str, compression: HttpCompression) -> Self {
        let wrapper = format!("{{{}:", serde_json::Value::from(wrapper_key));
        Self { format, wrapper, compression, plain: Vec::new(), packed: Vec::new() }
    }

    /// The body for `batch`; the same batch always gives the same bytes.
    pub(super) fn encode<'a>(&'a mut self, batch: &'a Batch) -> &'a [u8] {
        self.plain.clear();
        let plain: &[u8] = match self.format {
            HttpFormat::Ndjson => batch.lines(),
            HttpFormat::Array => {
                push_array(&mut self.plain, batch);
                &self.plain
            }
            HttpFormat::Wrapped => {
                self.plain.extend_from_slice(self.wrapper.as_bytes());
                push_array(&mut self.plain, batch);
                self.plain.push(b'}');
                &self.plain
            }
        };
        match self.compression {
            HttpCompression::None => return plain,
            HttpCompression::Gzip => gzip(plain, &mut self.packed),
            #[cfg(feature = "zstd")]
            HttpCompression::Zstd => {
                self.packed.clear();
                zstd::stream::copy_encode(plain, &mut self.packed, 1).expect("writing to a Vec cannot fail");
            }
        }
        &self.packed
    }
}

/// Replaces what is in `out` by `plain`, compressed with gzip at its fastest level. The same bytes
/// always give the same bytes.
pub(crate) fn gzip(plain: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut encoder = GzEncoder::new(out, Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.try_finish()).expect("writing to a Vec cannot fail");
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("format", &self.format)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

fn push_array(out: &mut Vec<u8>, batch: &Batch) {
    out.reserve(batch.byte_len() + 2);
    let mut separator = b'[';
    for entry in batch.iter() {
        out.push(separator);
        out.extend_from_slice(entry.payload);
        separator = b',';
    }
    if batch.is_empty() {
        out.push(b'[');
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use logwheel_core::Level;

    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::new();
        for line in lines {
            batch.push(line.as_bytes(), 0, Level::INFO);
        }
        batch
    }

    #[test]
    fn each_format_keeps_the_bytes_of_each_event() {
        // Spacing and 0.10 would not survive being parsed and written again.
        let events = batch(&[r#"{"a": 0.10}"#, r#"{"b":"é"}"#]);
        for (format, expected) in [
            (HttpFormat::Array, r#"[{"a": 0.10},{"b":"é"}]"#),
            (HttpFormat::Ndjson, "{\"a\": 0.10}\n{\"b\":\"é\"}\n"),
            (HttpFormat::Wrapped, r#"{"lo\"gs":[{"a": 0.10},{"b":"é"}]}"#),
        ] {
            let mut body = Body::new(format, "lo\"gs", HttpCompression::None);
            for _ in 0..2 {
                assert_eq!(std::str::from_utf8(body.encode(&events)).unwrap(), expected);
            }
        }
        assert_eq!(Body::new(HttpFormat::Array, "", HttpCompression::None).encode(&Batch::new()), b"[]");
    }

    #[test]
    fn compressed_bodies_unpack_to_the_same_bytes_every_time() {
        let unpack_gzip = |packed: &[u8]| {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(packed).read_to_end(&mut unpacked).unwrap();
            unpacked
        };
        let unpack = |compression, packed: &[u8]| match compression {
            #[cfg(feature = "zstd")]
            HttpCompression::Zstd => zstd::stream::decode_all(packed).unwrap(),
            _ => unpack_gzip(packed),
        };
        let compressions = [
            HttpCompression::Gzip,
            #[cfg(feature = "zstd")]
            HttpCompression::Zstd,
        ];
        let events = batch(&[r#"{"a":1}"#, &format!("{{\"text\":\"{}\"}}", "x".repeat(100_000))]);
        for format in [HttpFormat::Array, HttpFormat::Ndjson, HttpFormat::Wrapped] {
            let plain = Body::new(format, "logs", HttpCompression::None).encode(&events).to_vec();
            for compression in compressions {
                let mut packer = Body::new(format, "logs", compression);
                let packed = packer.encode(&events).to_vec();
                assert_eq!(packer.encode(&events), packed);
                assert!(packed.len() < plain.len() / 10);
                assert_eq!(unpack(compression, &packed), plain);
            }
        }
    }
}
