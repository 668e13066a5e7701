//! How long the parts of a request may take.

use std::time::Duration;

/// How long the parts of one request may take.
///
/// The total always holds; the others are for destinations of which one wants to know sooner that
/// nobody is there. A plain `Duration` becomes the total.
///
/// ```
/// use logwheel_sinks::{HttpSink, HttpTimeouts};
/// use std::time::Duration;
///
/// let seconds = Duration::from_secs;
/// HttpSink::builder("https://h/").timeout(seconds(10)).build()?;
/// HttpSink::builder("https://h/").timeout(HttpTimeouts::new(seconds(10)).connect(seconds(2))).build()?;
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpTimeouts {
    /// From the look-up of the host to the end of the answer. More than zero, at most one hour.
    pub total: Duration,
    /// For the look-up of the host, and again for the connection with its TLS handshake. Default
    /// none but the total.
    pub connect: Option<Duration>,
    /// For sending the body, and again for the wait for the head of the answer. Default none but
    /// the total.
    pub response: Option<Duration>,
}

impl HttpTimeouts {
    /// The longest that may be set: one hour.
    pub const MAX: Duration = Duration::from_secs(3_600);

    /// One limit for everything.
    #[must_use]
    pub fn new(total: Duration) -> Self {
        Self { total, connect: None, response: None }
    }

    /// Sets [`connect`](Self#structfield.connect).
    #[must_use]
    pub fn connect(mut self, timeout: Duration) -> Self {
        self.connect = Some(timeout);
        self
    }

    /// Sets [`response`](Self#structfield.response).
    #[must_use]
    pub fn response(mut self, timeout: Duration) -> Self {
        self.response = Some(timeout);
        self
    }

    /// The first value that is out of range, with its name.
    pub(super) fn problem(&self) -> Option<String> {
        let parts = [("total", Some(self.total)), ("connect", self.connect), ("response", self.response)];
        let (name, value) = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .find(|(_, value)| value.is_zero() || *value > Self::MAX)?;
        Some(format!("{name} is {value:?}: it must be more than 0 and at most 1 h"))
    }
}

impl From<Duration> for HttpTimeouts {
    fn from(total: Duration) -> Self {
        Self::new(total)
    }
}
