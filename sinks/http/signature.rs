//! Signatures by which a receiver knows who sent a body, and when.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};
use ureq::http::{HeaderName, HeaderValue};

use super::client::{HttpConfigError, option_error};

/// Signs each request with HMAC-SHA256, as webhooks do.
///
/// The signature covers `timestamp.body`: the Unix time in seconds as text, a dot, and the bytes of
/// the body exactly as they are sent (compressed, if they are). Each attempt is signed anew, with
/// the time of the attempt. A receiver computes the same over what it received, compares in
/// constant time, and refuses timestamps that are more than 300 s away from its own clock.
///
/// | Header | Value |
/// |---|---|
/// | `X-Logwheel-Timestamp` | `1732406400` |
/// | `X-Logwheel-Signature-256` | `sha256=` and 64 hexadecimal digits |
///
/// ```
/// use logwheel_sinks::{HttpSignature, HttpSink};
///
/// let signature = HttpSignature::new("a long random secret").timestamp_header("X-Time");
/// assert!(!format!("{signature:?}").contains("secret"));
/// HttpSink::builder("https://hooks.example.com/logs").signature(signature).build()?;
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpSignature {
    secret: Vec<u8>,
    timestamp_header: String,
    signature_header: String,
}

impl HttpSignature {
    /// Signs with this secret, which must not be empty. 32 random bytes or more are advised.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self {
            secret: secret.into(),
            timestamp_header: "X-Logwheel-Timestamp".into(),
            signature_header: "X-Logwheel-Signature-256".into(),
        }
    }

    /// The header with the time. Default `X-Logwheel-Timestamp`.
    pub fn timestamp_header(mut self, name: impl Into<String>) -> Self {
        self.timestamp_header = name.into();
        self
    }

    /// The header with the signature. Default `X-Logwheel-Signature-256`.
    pub fn signature_header(mut self, name: impl Into<String>) -> Self {
        self.signature_header = name.into();
        self
    }

    pub(super) fn build(&self) -> Result<Signer, HttpConfigError> {
        if self.secret.is_empty() {
            return option_error("signature", "the secret must not be empty");
        }
        let name = |name: &str| super::client::header_name("signature", name);
        let (timestamp, signature) = (name(&self.timestamp_header)?, name(&self.signature_header)?);
        if timestamp == signature {
            return option_error("signature", format!("timestamp and signature cannot share the header {timestamp}"));
        }
        Ok(Signer { key: hmac::Key::new(hmac::HMAC_SHA256, &self.secret), timestamp, signature })
    }
}

impl fmt::Debug for HttpSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSignature")
            .field("timestamp_header", &self.timestamp_header)
            .field("signature_header", &self.signature_header)
            .finish_non_exhaustive()
    }
}

pub(super) struct Signer {
    key: hmac::Key,
    pub(super) timestamp: HeaderName,
    pub(super) signature: HeaderName,
}

impl Signer {
    /// The two headers for a body that is sent at `now`.
    pub(super) fn headers(&self, body: &[u8], now: SystemTime) -> [(HeaderName, HeaderValue); 2] {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let mut context = hmac::Context::with_key(&self.key);
        context.update(seconds.as_bytes());
        context.update(b".");
        context.update(body);
        let mut signature = value(&format!("sha256={}", hex(context.sign().as_ref())));
        // Whoever sees it could pass the request off as new for a while.
        signature.set_sensitive(true);
        [(self.timestamp.clone(), value(&seconds)), (self.signature.clone(), signature)]
    }
}

/// A key by which a receiver knows a body that it has seen: the begin of its SHA-256.
pub(super) fn idempotency_key(body: &[u8]) -> HeaderValue {
    value(&hex(&digest::digest(&digest::SHA256, body).as_ref()[..16]))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digits and letters are allowed in headers")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[digit as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_signature_is_that_of_timestamp_dot_body() {
        let signer = HttpSignature::new("Jefe").build().unwrap();
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_999);
        let [(_, time), (_, signature)] = signer.headers(b"{\"a\":1}", now);
        assert_eq!(time, "1700000000");
        // Computed with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac Jefe
        assert_eq!(signature, "sha256=fa5f6481efc59da48b19c9dc10196c9953e5651f8304b3a318b6b87d70272e0a");
        assert!(signature.is_sensitive());
    }

    #[test]
    fn equal_bodies_share_a_key_and_others_do_not() {
        // The SHA-256 of "abc" begins with these bytes (FIPS 180-2, appendix B.1).
        assert_eq!(idempotency_key(b"abc"), "ba7816bf8f01cfea414140de5dae2223");
        assert_ne!(idempotency_key(b"abc"), idempotency_key(b"abd"));
    }

    #[test]
    fn bad_signature_options_are_named() {
        for (signature, expected) in [
            (HttpSignature::new(""), "signature: the secret must not be empty"),
            (HttpSignature::new("s").timestamp_header("a b"), "signature: \"a b\" is no header name"),
            (HttpSignature::new("s").signature_header("Host"), "signature: host is set by the sink"),
            (HttpSignature::new("s").signature_header("X").timestamp_header("x"), "signature: timestamp and signature"),
        ] {
            let text = signature.build().err().unwrap().to_string();
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
