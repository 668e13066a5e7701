//! A sink that posts batches to an HTTP endpoint.

mod body;
mod config;
mod response;

use std::fmt;
use std::io::Read;
use std::time::SystemTime;

use logwheel_core::{Batch, Delivered, DeliveryError, Health, Sink};
use ureq::http::{HeaderMap, Method, Request, Uri, header};

use self::body::Body;
pub use self::body::HttpFormat;
pub use self::config::{HttpConfigError, HttpSinkBuilder};

/// The most bytes of an answer that are read. Enough to reach the end of any reasonable one, which
/// is what lets the connection serve the next request.
const MAX_ANSWER: u64 = 64 * 1024;

/// Posts each batch to an HTTP or HTTPS endpoint, as one request over a kept connection.
///
/// What an answer means for the batch:
///
/// | Answer | The batch |
/// |---|---|
/// | 2xx | has arrived |
/// | 408, 425, 429, 5xx | is tried again, not before the time in `Retry-After` |
/// | 413 | is split in two |
/// | 401, 403, 3xx | is given up: no retry can help. Redirects are not followed |
/// | other 4xx | is rejected |
/// | none: no connection, failed TLS, timeout, reset | is tried again; it may have arrived |
///
/// Certificates are checked against Mozilla's roots. The proxy variables of the environment
/// (`HTTPS_PROXY`, `NO_PROXY` …) hold, except for loopback addresses. Header values and credentials
/// appear neither in errors nor in `Debug` output.
///
/// ```
/// use logwheel_sinks::{HttpFormat, HttpSink};
///
/// let sink = HttpSink::builder("https://logs.example.com/ingest")
///     .format(HttpFormat::Ndjson)
///     .bearer_token("secret")
///     .gzip(true)
///     .build()?;
/// assert!(!format!("{sink:?}").contains("secret"));
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
pub struct HttpSink {
    agent: ureq::Agent,
    endpoint: Uri,
    /// The endpoint without its query, which may hold a key.
    shown: String,
    headers: HeaderMap,
    /// Texts that an answer might repeat and diagnostics must not.
    secrets: Vec<String>,
    body: Body,
    answer: Vec<u8>,
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
        let mut request = Request::new(self.body.encode(batch));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = self.headers.clone();

        let response = self.agent.run(request).map_err(|error| response::transport_error(&error, &self.shown))?;
        let (head, body) = response.into_parts();
        self.answer.clear();
        // The status has arrived and decides; a body that breaks off only costs the connection.
        let _ = body.into_reader().take(MAX_ANSWER).read_to_end(&mut self.answer);

        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = retry_after.and_then(|value| response::retry_after(value, SystemTime::now()));
        response::classify(head.status.as_u16(), after, || {
            let excerpt = response::excerpt(&self.answer, &self.secrets);
            format!("answer {} from {}: {excerpt}", head.status.as_u16(), self.shown)
        })
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("endpoint", &self.shown)
            .field("headers", &self.headers.keys().map(header::HeaderName::as_str).collect::<Vec<_>>())
            .field("body", &self.body)
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
mod server;
#[cfg(test)]
mod tests;
