//! The options of the HTTP sink and their validation.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logwheel_core::Health;
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::body::Body;
use super::{HttpFormat, HttpSink};

/// Builds an [`HttpSink`]. See [`HttpSink::builder`].
#[must_use]
pub struct HttpSinkBuilder {
    endpoint: String,
    format: HttpFormat,
    wrapper_key: String,
    headers: Vec<(String, String)>,
    bearer_token: Option<String>,
    basic_auth: Option<(String, String)>,
    gzip: bool,
    timeout: Duration,
    allow_plain_http: bool,
}

/// An option of the HTTP sink that cannot be used. The text names the option, its value unless that
/// may be secret, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct HttpConfigError {
    option: &'static str,
    problem: String,
}

impl HttpConfigError {
    /// The name of the option.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl HttpSinkBuilder {
    pub(super) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            format: HttpFormat::default(),
            wrapper_key: "logs".into(),
            headers: Vec::new(),
            bearer_token: None,
            basic_auth: None,
            gzip: false,
            timeout: Duration::from_secs(5),
            allow_plain_http: false,
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

    /// Adds a header to each request; one of the same name is replaced.
    ///
    /// `Content-Type` is the format's whatever is given here. Values count as secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends `Authorization: Bearer …`.
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.bearer_token = Some(token.into());
        self
    }

    /// Sends `Authorization: Basic …`.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.basic_auth = Some((user.into(), password.into()));
        self
    }

    /// Whether bodies are compressed with gzip, at its fastest level. Default `false`.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// How long one request may take, from the look-up of the host to the end of the answer.
    /// Default 5 s; more than zero, at most one hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether credentials may travel over `http://` to another machine, where everybody on the way
    /// can read them. Default `false`.
    ///
    /// Credentials are `bearer_token`, `basic_auth`, and headers whose names look like it:
    /// `Authorization`, `Cookie`, and names with `key`, `token`, `secret`, `auth` or `password`.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Builds the sink. Nothing is sent yet.
    ///
    /// # Errors
    /// When the endpoint is not an `http://` or `https://` URL or holds credentials; when a header
    /// is malformed or set by the sink itself; when there is more than one kind of authorization;
    /// when `wrapper_key` is empty; when `timeout` is out of range; when credentials would go
    /// unencrypted to another machine and [`allow_plain_http`](Self::allow_plain_http) is not set.
    pub fn build(self) -> Result<HttpSink, HttpConfigError> {
        let endpoint = self.parse_endpoint()?;
        let (headers, secrets) = self.build_headers()?;
        let loopback = endpoint.host().is_some_and(is_loopback);
        let plain = endpoint.scheme() == Some(&Scheme::HTTP);
        if let Some(name) = headers.keys().find(|name| holds_credentials(name))
            && plain
            && !loopback
            && !self.allow_plain_http
        {
            let problem = format!(
                "the header {name} would go to {} unencrypted; use https:// or set allow_plain_http",
                shown(&endpoint)
            );
            return error("endpoint", problem);
        }
        if self.wrapper_key.is_empty() {
            return error("wrapper_key", "it must not be empty");
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_secs(3_600) {
            return error("timeout", format!("{:?}: it must be more than 0 and at most 1 h", self.timeout));
        }

        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(self.timeout))
            .user_agent(concat!("logwheel/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(1)
            .max_idle_connections_per_host(1);
        // What stays on the machine, credentials included, must not leave it through a proxy.
        let config = if loopback { config.proxy(None) } else { config };
        Ok(HttpSink {
            agent: config.build().new_agent(),
            shown: shown(&endpoint),
            endpoint,
            headers,
            secrets,
            body: Body::new(self.format, &self.wrapper_key, self.gzip),
            answer: Vec::new(),
            health: Health::Healthy,
        })
    }

    fn parse_endpoint(&self) -> Result<Uri, HttpConfigError> {
        let expected = "expected a URL like https://host/path";
        let Ok(uri) = self.endpoint.parse::<Uri>() else {
            return error("endpoint", format!("{:?}: {expected}", shown_raw(&self.endpoint)));
        };
        let scheme_fits = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
        if !scheme_fits || uri.host().is_none_or(str::is_empty) {
            return error("endpoint", format!("{:?}: {expected}, with http or https", shown_raw(&self.endpoint)));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return error("endpoint", "it holds credentials; give them with basic_auth or bearer_token instead");
        }
        Ok(uri)
    }

    /// The headers to send, and the texts that must not come back in diagnostics.
    fn build_headers(&self) -> Result<(HeaderMap, Vec<String>), HttpConfigError> {
        let mut headers = HeaderMap::new();
        let mut secrets = Vec::new();
        for (name, value) in &self.headers {
            let Ok(parsed) = name.parse::<HeaderName>() else {
                return error("header", format!("{name:?} is no header name; letters, digits and - are allowed"));
            };
            if is_ours(&parsed) {
                return error("header", format!("{parsed} is set by the sink itself; leave it out"));
            }
            headers.insert(parsed, secret_value("header", name, value)?);
            secrets.push(value.clone());
        }
        let ways =
            [headers.contains_key(header::AUTHORIZATION), self.bearer_token.is_some(), self.basic_auth.is_some()];
        if ways.iter().filter(|used| **used).count() > 1 {
            let problem = "only one of bearer_token, basic_auth and the header authorization can be used";
            return error("authorization", problem);
        }
        if let Some(token) = &self.bearer_token {
            let value = secret_value("bearer_token", "authorization", &format!("Bearer {token}"))?;
            headers.insert(header::AUTHORIZATION, value);
            secrets.push(token.clone());
        }
        if let Some((user, password)) = &self.basic_auth {
            if user.contains(':') {
                return error("basic_auth", "the user name must not contain ':'");
            }
            let encoded = STANDARD.encode(format!("{user}:{password}"));
            let value = secret_value("basic_auth", "authorization", &format!("Basic {encoded}"))?;
            headers.insert(header::AUTHORIZATION, value);
            secrets.extend([encoded, password.clone()]);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.format.content_type()));
        if self.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        // To blot out every "a" of a text hides nothing.
        secrets.retain(|secret| secret.len() >= 4);
        // A longer one may contain a shorter one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok((headers, secrets))
    }
}

impl fmt::Debug for HttpSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSinkBuilder")
            .field("endpoint", &shown_raw(&self.endpoint))
            .field("format", &self.format)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("gzip", &self.gzip)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn error<T>(option: &'static str, problem: impl Into<String>) -> Result<T, HttpConfigError> {
    Err(HttpConfigError { option, problem: problem.into() })
}

fn secret_value(option: &'static str, name: &str, value: &str) -> Result<HeaderValue, HttpConfigError> {
    // Bytes beyond ASCII have no agreed meaning in a header.
    let parsed = HeaderValue::from_str(value).ok().filter(|_| value.is_ascii());
    let Some(mut value) = parsed else {
        return error(option, format!("the value for {name} has a character that is not visible ASCII"));
    };
    value.set_sensitive(true);
    Ok(value)
}

/// Headers that describe the message or the connection; a second opinion would break requests.
fn is_ours(name: &HeaderName) -> bool {
    [
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
    ]
    .contains(name)
}

fn holds_credentials(name: &HeaderName) -> bool {
    let words = ["key", "token", "secret", "auth", "password", "cookie"];
    words.iter().any(|word| name.as_str().contains(word))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Some(ipv6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return ipv6.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
    }
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

/// A URL for diagnostics: without its query, where keys travel.
fn shown(endpoint: &Uri) -> String {
    let scheme = endpoint.scheme_str().unwrap_or_default();
    let authority = endpoint.authority().map_or("", |authority| authority.as_str());
    let query = if endpoint.query().is_some() { "?…" } else { "" };
    format!("{scheme}://{authority}{}{query}", endpoint.path())
}

/// The same for a text that may not be a URL: nothing before its last `@`, nothing after a `?`.
fn shown_raw(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").map_or(("", endpoint), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest.to_owned(), |(_, rest)| format!("…@{rest}"));
    let rest = rest.split_once('?').map_or(rest.clone(), |(rest, _)| format!("{rest}?…"));
    if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(problem(builder().timeout(Duration::ZERO)).starts_with("timeout: 0ns"));
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
