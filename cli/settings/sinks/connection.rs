//! The options of a connection over HTTP, which several types of sinks have.

use std::fs;

use logwheel::{HttpConfigError, HttpTimeouts};

use crate::settings::units::DURATION_FORM;
use crate::settings::{Options, Reported, given};

/// What a settings file says about a connection.
pub(super) struct Connection {
    pub(super) headers: Vec<(String, String)>,
    pub(super) timeout: Option<HttpTimeouts>,
    pub(super) bearer_token: Option<String>,
    pub(super) basic_auth: Option<(String, String)>,
    pub(super) ca_certificates: Option<Vec<u8>>,
    /// The chain and the key.
    pub(super) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) proxy_from_env: bool,
    pub(super) allow_plain_http: bool,
}

/// Hands a connection's options to a builder: the setters are the same, the types are not.
macro_rules! connect {
    ($builder:expr, $connection:expr) => {{
        let connection = $connection;
        let mut builder =
            $builder.proxy_from_env(connection.proxy_from_env).allow_plain_http(connection.allow_plain_http);
        for (name, value) in connection.headers {
            builder = builder.header(name, value);
        }
        if let Some(timeout) = connection.timeout {
            builder = builder.timeout(timeout);
        }
        if let Some(token) = connection.bearer_token {
            builder = builder.bearer_token(token);
        }
        if let Some((user, password)) = connection.basic_auth {
            builder = builder.basic_auth(user, password);
        }
        if let Some(pem) = connection.ca_certificates {
            builder = builder.ca_certificates(pem);
        }
        if let Some((chain, key)) = connection.client_certificate {
            builder = builder.client_certificate(chain, key);
        }
        builder
    }};
}
pub(super) use connect;

impl Connection {
    pub(super) fn read(options: &mut Options<'_>) -> Self {
        let (bearer_token, basic_auth) = options.table("auth", |auth| {
            let token = auth.optional_text("bearer_token");
            let (user, password) = (auth.optional_text("user"), auth.optional_text("password"));
            if user.is_some() != password.is_some() {
                auth.problem("must have both user and password, or neither");
            }
            (token, user.zip(password))
        });
        let client_certificate = options.table("client_certificate", |certificate| {
            let (chain, key) = (pem(certificate, "chain"), pem(certificate, "key"));
            if certificate.has("chain") != certificate.has("key") {
                certificate.problem("must have both chain and key");
            }
            chain.zip(key)
        });
        Self {
            headers: options.secret_pairs("headers"),
            timeout: timeout(options),
            bearer_token,
            basic_auth,
            ca_certificates: pem(options, "ca_certificates"),
            client_certificate,
            proxy_from_env: options.flag("proxy_from_env", true),
            allow_plain_http: options.flag("allow_plain_http", false),
        }
    }
}

/// A duration, or a table of them.
fn timeout(options: &mut Options<'_>) -> Option<HttpTimeouts> {
    if !matches!(options.get("timeout"), Some(toml::Value::Table(_))) {
        return options.optional_duration("timeout").map(HttpTimeouts::new);
    }
    options.table("timeout", |timeout| {
        let parts = ["total", "connect", "response"].map(|key| timeout.optional_duration(key));
        if !timeout.has("total") {
            timeout.problem(format!("must have `total`, {DURATION_FORM}"));
        }
        let [total, connect, response] = parts;
        let timeouts = given(HttpTimeouts::new(total?), connect, HttpTimeouts::connect);
        Some(given(timeouts, response, HttpTimeouts::response))
    })
}

/// Certificates or a key: the path of a PEM file, or, where the text has a line that begins one,
/// the PEM itself, as out of an environment variable.
fn pem(options: &mut Options<'_>, key: &'static str) -> Option<Vec<u8>> {
    let text = options.optional_text(key)?;
    if text.contains("-----BEGIN") {
        return Some(text.into_bytes());
    }
    fs::read(&text)
        .map_err(|error| options.refuse(key, format!("cannot be read: {error}; must be a PEM file, or PEM itself")))
        .ok()
}

/// Notes what a builder of a sink over HTTP refused.
pub(super) fn refused(options: &Options<'_>, error: &HttpConfigError) -> Reported {
    let key = match error.option() {
        "header" => "headers",
        "bearer_token" | "basic_auth" | "authorization" => "auth",
        key => key,
    };
    let text = error.to_string();
    let reason = text.strip_prefix(error.option()).and_then(|text| text.strip_prefix(": "));
    options.refuse_unshown(key, reason.unwrap_or(&text))
}
