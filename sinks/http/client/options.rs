//! The options that all sinks over HTTP share, and their validation.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use ureq::{Proxy, ProxyProtocol};

use super::tls::TlsOptions;
use super::{Client, HttpTimeouts, new_agent, proxy};

/// An option of a sink over HTTP that cannot be used. The text names the option, its value unless
/// that may be secret, and what is allowed.
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

pub(crate) fn option_error<T>(option: &'static str, problem: impl Into<String>) -> Result<T, HttpConfigError> {
    Err(HttpConfigError { option, problem: problem.into() })
}

/// What a builder collects for its [`Client`]; its setters come from [`client_setters`].
pub(crate) struct ClientOptions {
    /// What the sink calls the option with the URL.
    pub(crate) url_option: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bearer_token: Option<String>,
    pub(crate) basic_auth: Option<(String, String)>,
    pub(crate) timeouts: HttpTimeouts,
    pub(crate) allow_plain_http: bool,
    pub(crate) proxy_from_env: bool,
    tls: TlsOptions,
}

/// The setters of [`ClientOptions`] for a builder that keeps them in its field `client`.
macro_rules! client_setters {
    (timeout: $timeout:literal) => {
        /// Adds a header to each request; one of the same name is replaced. What describes the body
        /// is the sink's whatever is given here. Values count as secret.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.client.headers.push((name.into(), value.into()));
            self
        }

        /// Sends `Authorization: Bearer …`.
        pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
            self.client.bearer_token = Some(token.into());
            self
        }

        /// Sends `Authorization: Basic …`.
        pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
            self.client.basic_auth = Some((user.into(), password.into()));
            self
        }

        /// How long one request may take: a `Duration` for the whole of it, or
        /// [`HttpTimeouts`](crate::HttpTimeouts) for its parts as well.
        #[doc = concat!("Default ", $timeout, " in total; each more than zero, at most one hour.")]
        pub fn timeout(mut self, timeout: impl Into<crate::HttpTimeouts>) -> Self {
            self.client.timeouts = timeout.into();
            self
        }

        /// The certificates (PEM, one or several) of those who may vouch for the destination.
        /// Default Mozilla's roots; these come in their place, not in addition.
        pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
            self.client.set_ca(pem.into());
            self
        }

        /// The certificate (PEM; its chain behind it) and the private key (PEM: PKCS #8, PKCS #1 or
        /// SEC 1, unencrypted) by which the destination knows us (mTLS). Default none.
        pub fn client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
            self.client.set_client_certificate(chain.into(), key.into());
            self
        }

        /// Whether the proxy variables of the environment hold (`HTTPS_PROXY` or `HTTP_PROXY` by
        /// the URL's scheme, `ALL_PROXY`, `NO_PROXY`; lower case first). They are read when the
        /// sink is built, and never hold for loopback addresses. Default `true`.
        pub fn proxy_from_env(mut self, obey: bool) -> Self {
            self.client.proxy_from_env = obey;
            self
        }

        /// Whether credentials may travel over `http://` to another machine, where everybody on the
        /// way can read them. Default `false`.
        ///
        /// Credentials are `bearer_token`, `basic_auth`, and headers whose names look like it:
        /// `Authorization`, `Cookie`, and names with `key`, `token`, `secret`, `auth` or `password`.
        pub fn allow_plain_http(mut self, allow: bool) -> Self {
            self.client.allow_plain_http = allow;
            self
        }
    };
}
pub(crate) use client_setters;

impl ClientOptions {
    pub(crate) fn new(url_option: &'static str, url: String, timeout: Duration) -> Self {
        Self {
            url_option,
            url,
            headers: Vec::new(),
            bearer_token: None,
            basic_auth: None,
            timeouts: HttpTimeouts::new(timeout),
            allow_plain_http: false,
            proxy_from_env: true,
            tls: TlsOptions::default(),
        }
    }

    pub(crate) fn set_ca(&mut self, pem: Vec<u8>) {
        self.tls.ca = Some(pem);
    }

    pub(crate) fn set_client_certificate(&mut self, chain: Vec<u8>, key: Vec<u8>) {
        self.tls.client = Some((chain, key));
    }

    /// Builds the client. `own` are headers of the sink, which win over the user's.
    ///
    /// # Errors
    /// The first option that cannot be used.
    pub(crate) fn build(&self, own: HeaderMap) -> Result<Client, HttpConfigError> {
        let uri = self.parse_url()?;
        let (mut headers, secrets) = self.build_headers()?;
        for (name, value) in &own {
            headers.insert(name, value.clone());
        }
        let loopback = uri.host().is_some_and(is_loopback);
        let plain = uri.scheme() == Some(&Scheme::HTTP);
        if let Some(name) = headers.keys().find(|name| holds_credentials(name))
            && plain
            && !loopback
            && !self.allow_plain_http
        {
            let problem = format!(
                "the header {name} would go to {} unencrypted; use https:// or set allow_plain_http",
                shown(&uri)
            );
            return option_error(self.url_option, problem);
        }
        if let Some(problem) = self.timeouts.problem() {
            return option_error("timeout", problem);
        }
        if plain && self.tls.client.is_some() {
            let problem = format!("{} is not encrypted, so no certificate is ever shown; use https://", shown(&uri));
            return option_error("client_certificate", problem);
        }

        let HttpTimeouts { total, connect, response } = self.timeouts;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(total))
            .timeout_resolve(connect)
            .timeout_connect(connect)
            .timeout_send_body(response)
            .timeout_recv_response(response)
            .user_agent(concat!("logwheel/", env!("CARGO_PKG_VERSION")))
            .tls_config(self.tls.build()?)
            // What stays on the machine, credentials included, must not leave it through a proxy.
            .proxy(if loopback || !self.proxy_from_env { None } else { environment_proxy(&uri)? })
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .build();
        let (agent, addresses) = new_agent(config);
        Ok(Client { agent, addresses, shown: shown(&uri), uri, headers, secrets, answer: Vec::new() })
    }

    fn parse_url(&self) -> Result<Uri, HttpConfigError> {
        let expected = "expected a URL like https://host/path";
        let Ok(uri) = self.url.parse::<Uri>() else {
            return option_error(self.url_option, format!("{:?}: {expected}", shown_raw(&self.url)));
        };
        let scheme_fits = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
        if !scheme_fits || uri.host().is_none_or(str::is_empty) {
            let problem = format!("{:?}: {expected}, with http or https", shown_raw(&self.url));
            return option_error(self.url_option, problem);
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            let problem = "it holds credentials; give them with basic_auth or bearer_token instead";
            return option_error(self.url_option, problem);
        }
        Ok(uri)
    }

    /// The headers to send, and the texts that must not come back in diagnostics.
    fn build_headers(&self) -> Result<(HeaderMap, Vec<String>), HttpConfigError> {
        let mut headers = HeaderMap::new();
        let mut secrets = Vec::new();
        for (name, value) in &self.headers {
            let parsed = header_name("header", name)?;
            if holds_credentials(&parsed) {
                secrets.extend(parts(value, [' ', ';', ',']));
            }
            headers.insert(parsed, secret_value("header", name, value)?);
            secrets.push(value.clone());
        }
        let ways =
            [headers.contains_key(header::AUTHORIZATION), self.bearer_token.is_some(), self.basic_auth.is_some()];
        if ways.iter().filter(|used| **used).count() > 1 {
            let problem = "only one of bearer_token, basic_auth and the header authorization can be used";
            return option_error("authorization", problem);
        }
        if let Some(token) = &self.bearer_token {
            let value = secret_value("bearer_token", "authorization", &format!("Bearer {token}"))?;
            headers.insert(header::AUTHORIZATION, value);
            secrets.push(token.clone());
        }
        if let Some((user, password)) = &self.basic_auth {
            if user.contains(':') {
                return option_error("basic_auth", "the user name must not contain ':'");
            }
            let encoded = STANDARD.encode(format!("{user}:{password}"));
            let value = secret_value("basic_auth", "authorization", &format!("Basic {encoded}"))?;
            headers.insert(header::AUTHORIZATION, value);
            secrets.extend([encoded, password.clone()]);
        }
        // Servers like to repeat the URL that they do not know.
        if let Some((_, query)) = self.url.split_once('?') {
            secrets.extend(parts(query, ['&', ';', '#']));
            secrets.push(query.to_owned());
        }
        // To blot out every "a" of a text hides nothing.
        secrets.retain(|secret| secret.len() >= 4);
        // A longer one may contain a shorter one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok((headers, secrets))
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("url", &shown_raw(&self.url))
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("timeouts", &self.timeouts)
            .field("proxy_from_env", &self.proxy_from_env)
            .finish_non_exhaustive()
    }
}

/// A header name that the sink does not set by itself.
pub(in crate::http) fn header_name(option: &'static str, name: &str) -> Result<HeaderName, HttpConfigError> {
    let Ok(parsed) = name.parse::<HeaderName>() else {
        return option_error(option, format!("{name:?} is no header name; letters, digits and - are allowed"));
    };
    if is_ours(&parsed) {
        return option_error(option, format!("{parsed} is set by the sink itself; leave it out"));
    }
    Ok(parsed)
}

/// The parts of a text that may be secrets by themselves: `abc` of `ApiKey abc` and of `key=abc`. Short ones are
/// words like `Bearer`, and a diagnostic without those is hard to read.
fn parts<'t>(text: &'t str, between: [char; 3]) -> impl Iterator<Item = String> + 't {
    let long = |part: &&str| part.len() >= 8;
    let both = |part: &'t str| [Some(part), part.split_once('=').map(|(_, value)| value)];
    text.split(between).flat_map(both).flatten().filter(long).map(str::to_owned)
}

fn secret_value(option: &'static str, name: &str, value: &str) -> Result<HeaderValue, HttpConfigError> {
    // Bytes beyond ASCII have no agreed meaning in a header.
    let parsed = HeaderValue::from_str(value).ok().filter(|_| value.is_ascii());
    let Some(mut value) = parsed else {
        return option_error(option, format!("the value for {name} has a character that is not visible ASCII"));
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
    // The name with `key` that everybody may read.
    name.as_str() != "idempotency-key" && words.iter().any(|word| name.as_str().contains(word))
}

/// The proxy that the environment asks for; a variable that cannot be used is an error, since
/// going without it may leak what was to stay inside.
fn environment_proxy(uri: &Uri) -> Result<Option<Proxy>, HttpConfigError> {
    let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
    let Some((variable, value)) = proxy::from_environment(scheme, host, |name| std::env::var(name).ok()) else {
        return Ok(None);
    };
    // Its value may hold a password.
    match Proxy::new(value.trim()) {
        Ok(proxy) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => Ok(Some(proxy)),
        _ => {
            let problem = format!("{variable} of the environment is no http:// or https:// URL of a proxy");
            option_error("proxy_from_env", problem)
        }
    }
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
pub(crate) fn shown_raw(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").map_or(("", endpoint), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest.to_owned(), |(_, rest)| format!("…@{rest}"));
    let rest = rest.split_once('?').map_or(rest.clone(), |(rest, _)| format!("{rest}?…"));
    if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") }
}
