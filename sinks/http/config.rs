//! The options of the HTTP sink and their validation.

use std::fmt;
use std::time::Duration;

use logwheel_core::Health;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::bisect::Bisect;
use super::body::Body;
use super::client::{ClientOptions, HttpConfigError, client_setters, header_name, option_error};
use super::{HttpCompression, HttpFormat, HttpSignature, HttpSink};

/// Builds an [`HttpSink`]. See [`HttpSink::builder`].
#[must_use]
pub struct HttpSinkBuilder {
    client: ClientOptions,
    format: HttpFormat,
    wrapper_key: String,
    compression: HttpCompression,
    signature: Option<HttpSignature>,
    idempotency_header: Option<String>,
    bisect_refused: bool,
}

impl HttpSinkBuilder {
    pub(super) fn new(endpoint: String) -> Self {
        Self {
            client: ClientOptions::new("endpoint", endpoint, Duration::from_secs(5)),
            format: HttpFormat::default(),
            wrapper_key: "logs".into(),
            compression: HttpCompression::default(),
            signature: None,
            idempotency_header: None,
            bisect_refused: true,
        }
    }

    /// How a batch becomes a body. Default [`HttpFormat::Array`].
    pub fn format(mut self, format: HttpFormat) -> Self {
        self.format = format;
        self
    }

    /// The key around the array of [`HttpFormat::Wrapped`]. Default `logs`.
    pub fn wrapper_key(mut self, key: impl Into<String>) -> Self {
        self.wrapper_key = key.into();
        self
    }

    /// How bodies are compressed. Default [`HttpCompression::None`].
    pub fn compression(mut self, compression: HttpCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Signs each request. Default unsigned.
    pub fn signature(mut self, signature: HttpSignature) -> Self {
        self.signature = Some(signature);
        self
    }

    /// Sends a key by which the receiver knows a body that it has seen before, in this header
    /// (`Idempotency-Key` is what most receivers look for). Default none.
    ///
    /// The key is the begin of the body's SHA-256, so every retry carries the same one, also after a
    /// restart. Two batches get the same key only if they are equal to the last byte, timestamps
    /// included.
    pub fn idempotency_header(mut self, name: impl Into<String>) -> Self {
        self.idempotency_header = Some(name.into());
        self
    }

    /// Whether a batch that the receiver refuses (400, 409, 422 and what else is about the content) is
    /// sent again in halves, and these in halves, so that a bad event among 10,000 costs that event
    /// alone. Default `true`.
    ///
    /// It takes up to two requests for each halving. A receiver that refuses 64 single events one after
    /// the other, and takes nothing in between, is taken to refuse everything: until it takes something
    /// again, what it refuses is rejected as a whole. Turn it off for a receiver that stores a part of
    /// what it refuses: it would get that part again.
    pub fn bisect_refused(mut self, bisect: bool) -> Self {
        self.bisect_refused = bisect;
        self
    }

    client_setters!(timeout: "5 s");

    /// Builds the sink. Nothing is sent yet.
    ///
    /// # Errors
    /// When the endpoint is not an `http://` or `https://` URL or holds credentials; when a header
    /// is malformed or set by the sink itself; when there is more than one kind of authorization;
    /// when `wrapper_key` is empty; when a timeout is out of range; when a certificate or key cannot
    /// be read, or they do not belong together; when the environment names a proxy that is none;
    /// when credentials would go unencrypted to another machine and
    /// [`allow_plain_http`](Self::allow_plain_http) is not set.
    pub fn build(self) -> Result<HttpSink, HttpConfigError> {
        if self.wrapper_key.is_empty() {
            return option_error("wrapper_key", "it must not be empty");
        }
        let signer = self.signature.as_ref().map(HttpSignature::build).transpose()?;
        let idempotency = self.idempotency_header.as_ref();
        let idempotency = idempotency.map(|name| header_name("idempotency_header", name)).transpose()?;
        let taken = |name: &HeaderName| *name == header::CONTENT_TYPE || *name == header::AUTHORIZATION;
        let named = signer.iter().flat_map(|signer| [&signer.timestamp, &signer.signature]);
        if let Some(name) = named.chain(&idempotency).find(|name| taken(name)) {
            let option = if idempotency.as_ref() == Some(name) { "idempotency_header" } else { "signature" };
            return option_error(option, format!("{name} is set by the sink itself; choose another one"));
        }
        let mut own = HeaderMap::new();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.format.content_type()));
        if let Some(encoding) = self.compression.encoding() {
            own.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(HttpSink {
            client: self.client.build(own)?,
            body: Body::new(self.format, &self.wrapper_key, self.compression),
            signer,
            idempotency,
            bisect: Bisect::new(self.bisect_refused),
            health: Health::Healthy,
        })
    }
}

impl fmt::Debug for HttpSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSinkBuilder")
            .field("client", &self.client)
            .field("format", &self.format)
            .field("compression", &self.compression)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpTimeouts;

    fn builder() -> HttpSinkBuilder {
        HttpSink::builder("https://logs.example.com/in")
    }

    fn problem(builder: HttpSinkBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn bad_endpoints_are_named() {
        for endpoint in
            ["", "logs.example.com", "/in", "ftp://h/", "https://", "http://h h/", "https:///in", "mailto:a"]
        {
            let error = HttpSink::new(endpoint).unwrap_err();
            assert_eq!(error.option(), "endpoint");
            assert!(error.to_string().contains("https://host/path"), "{error}");
        }
        for endpoint in ["http://h", "https://h:8443/a?b=c", "http://[::1]:9/", "HTTPS://h/"] {
            assert!(HttpSink::new(endpoint).is_ok(), "{endpoint}");
        }
    }

    #[test]
    fn secrets_are_in_no_error_and_no_debug_output() {
        let with_secrets = || builder().header("X-Api-Key", "hunter2").bearer_token("hunter2");
        let texts = [
            format!("{:?}", with_secrets()),
            format!("{:?}", with_secrets().build().unwrap()),
            problem(HttpSink::builder("https://user:hunter2@h/")),
            problem(HttpSink::builder("ftp://user:hunter2@h/?key=hunter2")),
            problem(HttpSink::builder("http://user:hun@ter2?hunter2 @h/")),
            format!("{:?}", HttpSink::builder("https://user:hunter2@h/?key=hunter2")),
            format!("{:?}", HttpSink::new("https://h/?key=hunter2").unwrap()),
            problem(builder().header("X-Api-Key", "hunter2\n")),
            problem(builder().bearer_token("hunter2\r\nX: y")),
            problem(with_secrets().basic_auth("user", "hunter2")),
        ];
        for text in texts {
            assert!(!text.contains("hunter2") && !text.contains("ter2"), "{text}");
        }
    }

    #[test]
    fn malformed_and_reserved_headers_are_refused() {
        for (name, value, expected) in [
            ("a b", "v", "\"a b\" is no header name"),
            ("", "v", "is no header name"),
            ("X-A", "v\n", "the value for X-A"),
            ("X-A", "é", "the value for X-A"),
            ("Content-Length", "3", "content-length is set by the sink"),
            ("transfer-encoding", "chunked", "is set by the sink"),
        ] {
            let text = problem(builder().header(name, value));
            assert!(text.starts_with("header: ") && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn limits_are_checked() {
        assert!(problem(builder().timeout(Duration::ZERO)).starts_with("timeout: total is 0ns"));
        let short = HttpTimeouts::new(Duration::from_secs(1)).connect(Duration::ZERO);
        assert!(problem(builder().timeout(short)).starts_with("timeout: connect is 0ns"));
        assert!(problem(builder().timeout(Duration::MAX)).starts_with("timeout: "));
        assert_eq!(problem(builder().wrapper_key("")), "wrapper_key: it must not be empty");
        assert!(problem(builder().basic_auth("a:b", "c")).starts_with("basic_auth: "));
        let twice = builder().header("Authorization", "x").bearer_token("y");
        assert!(problem(twice).starts_with("authorization: only one of"));
    }

    #[test]
    fn credentials_go_unencrypted_only_where_allowed() {
        let with = |endpoint: &str| HttpSink::builder(endpoint).bearer_token("token");
        for endpoint in [
            "http://localhost:80/",
            "http://127.9.9.9/",
            "http://[::1]/",
            "http://a.localhost/",
            "https://example.com/",
        ] {
            assert!(with(endpoint).build().is_ok(), "{endpoint}");
        }
        for endpoint in ["http://example.com/", "http://10.0.0.1/", "http://localhost.example.com/", "http://[::2]/"] {
            let text = problem(with(endpoint));
            assert!(text.contains(endpoint) && text.contains("allow_plain_http"), "{text}");
            assert!(with(endpoint).allow_plain_http(true).build().is_ok());
            assert!(HttpSink::builder(endpoint).header("X-Scope-OrgID", "1").build().is_ok());
            assert!(HttpSink::builder(endpoint).header("DD-API-KEY", "1").build().is_err());
            assert!(HttpSink::builder(endpoint).basic_auth("u", "p").build().is_err());
        }
    }
}
