//! A sink that posts batches to an HTTP endpoint.

mod bisect;
mod body;
pub(crate) mod client;
mod config;
pub mod internals;
pub(crate) mod response;
mod signature;

use std::fmt;
use std::time::SystemTime;

use logwheel_core::{Batch, Delivered, DeliveryError, Health, Sink};
use ureq::http::HeaderName;

use self::bisect::Bisect;
use self::body::Body;
#[cfg(feature = "loki")]
pub(crate) use self::body::gzip;
pub use self::body::{HttpCompression, HttpFormat};
use self::client::Client;
pub use self::client::{HttpConfigError, HttpTimeouts};
pub use self::config::HttpSinkBuilder;
pub use self::signature::HttpSignature;
use self::signature::{Signer, idempotency_key};

/// Posts each batch to an HTTP or HTTPS endpoint, as one request over a kept connection. The addresses of the host are
/// kept for a minute, and looked up anew after a request without an answer.
///
/// What an answer means for the batch:
///
/// | Answer | The batch |
/// |---|---|
/// | 2xx | has arrived |
/// | 408, 425, 429, 5xx | is tried again, not before the time in `Retry-After` |
/// | 413 | is split in two |
/// | 400, 409, 422, other 4xx | is split in two, until only the events are rejected that are refused alone, see [`bisect_refused`](HttpSinkBuilder::bisect_refused) |
/// | 401 to 407, 410, 411, 414, 415, 417, 421, 426, 428, 431, 451, 3xx | is given up, to the fallback if there is one: it is not about the events, and no retry can help. Redirects are not followed |
/// | none: no connection, failed TLS, timeout, reset | is tried again; it may have arrived |
///
/// Certificates are checked against Mozilla's roots, or those of
/// [`ca_certificates`](HttpSinkBuilder::ca_certificates). The proxy variables of the environment
/// (`HTTPS_PROXY`, `NO_PROXY` …) hold, except for loopback addresses. Header values, credentials and
/// signatures appear neither in errors nor in `Debug` output.
///
/// ```
/// use logwheel_sinks::{HttpCompression, HttpFormat, HttpSink};
///
/// let sink = HttpSink::builder("https://logs.example.com/ingest")
///     .format(HttpFormat::Ndjson)
///     .bearer_token("secret")
///     .compression(HttpCompression::Gzip)
///     .build()?;
/// assert!(!format!("{sink:?}").contains("secret"));
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
///
/// # As a webhook
/// Receivers that are called by many want to know who calls and whether they have seen it before:
///
/// ```
/// use logwheel_sinks::{HttpSignature, HttpSink};
///
/// let sink = HttpSink::builder("https://hooks.example.com/logs")
///     .signature(HttpSignature::new("a long random secret"))
///     .idempotency_header("Idempotency-Key")
///     .build()?;
/// assert!(!format!("{sink:?}").contains("secret"));
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
///
/// # For a service with a key of its own
/// Datadog's intake, for one, takes JSON arrays with a key in a header. The field names it looks
/// for come from an enricher; `examples/datadog.rs` is the whole program.
///
/// ```
/// use logwheel_sinks::{HttpCompression, HttpSink};
///
/// HttpSink::builder("https://http-intake.logs.datadoghq.com/api/v2/logs")
///     .header("DD-API-KEY", "0123456789abcdef")
///     .compression(HttpCompression::Gzip)
///     .build()?;
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
pub struct HttpSink {
    client: Client,
    body: Body,
    signer: Option<Signer>,
    idempotency: Option<HeaderName>,
    bisect: Bisect,
    health: Health,
}

impl HttpSink {
    /// A sink that posts JSON arrays to `endpoint`; all options have their defaults.
    ///
    /// # Errors
    /// See [`HttpSinkBuilder::build`].
    pub fn new(endpoint: impl Into<String>) -> Result<Self, HttpConfigError> {
        Self::builder(endpoint).build()
    }

    /// Begins a sink that posts to `endpoint`, an `http://` or `https://` URL.
    pub fn builder(endpoint: impl Into<String>) -> HttpSinkBuilder {
        HttpSinkBuilder::new(endpoint.into())
    }

    fn post(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let body = self.body.encode(batch);
        // Over the bytes that are sent and nothing else: a receiver sees no others.
        let signed = self.signer.iter().flat_map(|signer| signer.headers(body, SystemTime::now()));
        let keyed = self.idempotency.iter().map(|name| (name.clone(), idempotency_key(body)));
        let answer = self.client.post(body, signed.chain(keyed))?;
        let result = response::classify(answer.status, answer.retry_after, || answer.detail());
        self.bisect.judge(batch.len(), result)
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("client", &self.client)
            .field("body", &self.body)
            .field("signed", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &str {
        "http"
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        if batch.is_empty() {
            return Ok(Delivered::all());
        }
        let result = self.post(batch);
        self.health = match &result {
            // A refused batch says nothing against the destination.
            Ok(_) | Err(DeliveryError::Split { .. } | DeliveryError::Reject { .. }) => Health::Healthy,
            Err(error) => Health::unhealthy(error.to_string()),
        };
        result
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

#[cfg(any(test, feature = "testing"))]
pub(crate) mod scripted;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(not(test), expect(dead_code, reason = "some replies are for the sink's own tests"))]
pub(crate) mod server;
#[cfg(test)]
mod tests;
