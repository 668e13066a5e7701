//! The options of the CloudWatch Logs sink and their validation.

use std::fmt;
use std::time::{Duration, SystemTime};

use logwheel_core::{BatchLimits, Health};
use url::{Host, Url};

use super::CloudWatchSink;
use super::fate::Remembered;
use super::request::{EVENT_OVERHEAD, MAX_MESSAGE, MAX_REQUEST_BYTES, MAX_REQUEST_EVENTS};
use super::secrets::Secrets;

/// Builds a [`CloudWatchSink`]. See [`CloudWatchSink::builder`].
#[must_use]
pub struct CloudWatchSinkBuilder {
    settings: Settings,
    log_stream_name: Option<String>,
    batch_limits: BatchLimits,
    allow_plain_http: bool,
}

/// An option of the CloudWatch Logs sink that cannot be used. The text names the option, its value
/// unless that may be secret, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct CloudWatchConfigError {
    option: &'static str,
    problem: String,
}

impl CloudWatchConfigError {
    /// The name of the option.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

/// What the sink works by.
pub(super) struct Settings {
    pub(super) log_group_name: String,
    pub(super) log_stream_name: String,
    pub(super) region: Option<String>,
    pub(super) create_log_group: bool,
    pub(super) create_log_stream: bool,
    pub(super) endpoint_url: Option<String>,
    pub(super) max_event_bytes: usize,
    pub(super) timeout: Duration,
    pub(super) credentials: CredentialsSource,
    /// Whether the proxy variables of the environment hold.
    pub(super) proxied: bool,
}

/// Where credentials come from.
pub(super) enum CredentialsSource {
    /// The SDK's default chain.
    Chain,
    /// The program itself.
    Keys { access_key_id: String, secret_access_key: String, session_token: Option<String> },
    /// A test.
    #[cfg(test)]
    Provider(aws_credential_types::provider::SharedCredentialsProvider),
}

impl CloudWatchSinkBuilder {
    pub(super) fn new() -> Self {
        // So many events of any size fit into one request with their overhead. A batch counts one
        // byte of it already, for the newline.
        let max_events = 2_000;
        let max_bytes = MAX_REQUEST_BYTES - max_events * (EVENT_OVERHEAD - 1);
        Self {
            settings: Settings {
                log_group_name: "/logwheel/default".to_owned(),
                log_stream_name: String::new(),
                region: None,
                create_log_group: true,
                create_log_stream: true,
                endpoint_url: None,
                max_event_bytes: MAX_MESSAGE,
                timeout: Duration::from_secs(10),
                credentials: CredentialsSource::Chain,
                proxied: true,
            },
            log_stream_name: None,
            batch_limits: BatchLimits { max_events, max_bytes, ..BatchLimits::default() },
            allow_plain_http: false,
        }
    }

    /// The log group. Default `/logwheel/default`; 1 to 512 of the characters `A-Z`, `a-z`, `0-9`
    /// and `.-_/#`, not beginning with `aws/`.
    pub fn log_group_name(mut self, name: impl Into<String>) -> Self {
        self.settings.log_group_name = name.into();
        self
    }

    /// The log stream. Default `{hostname}-{Unix time in seconds}-{process id}`, so that no two
    /// processes share one; 1 to 512 characters, none of them `:` or `*`.
    pub fn log_stream_name(mut self, name: impl Into<String>) -> Self {
        self.log_stream_name = Some(name.into());
        self
    }

    /// The region, as `eu-central-1`. Default: `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the
    /// profile, then what the instance says; `us-east-1` if there is none of them but an
    /// [`endpoint_url`](Self::endpoint_url).
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// Whether the log group is created when it does not exist. Default `true`.
    pub fn create_log_group(mut self, create: bool) -> Self {
        self.settings.create_log_group = create;
        self
    }

    /// Whether the log stream is created when it does not exist. Default `true`.
    pub fn create_log_stream(mut self, create: bool) -> Self {
        self.settings.create_log_stream = create;
        self
    }

    /// When a batch is full. Default 2,000 events, 998,576 bytes (so that each batch is one
    /// request), 1 s; at most 10,000 events and 1,048,576 bytes. `max_events` is also the most
    /// events of a request.
    pub fn batch_limits(mut self, limits: BatchLimits) -> Self {
        self.batch_limits = limits;
        self
    }

    /// Where to send instead of the region's endpoint: an emulator, a VPC endpoint. An `http://` or
    /// `https://` URL. Default: the region's; `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` and
    /// `AWS_ENDPOINT_URL` hold as for every AWS SDK.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint_url = Some(url.into());
        self
    }

    /// The longest message in bytes; longer ones are rejected as `too_large`. Default and maximum
    /// 1,048,550: with its overhead of 26 bytes that fills a request.
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_event_bytes = bytes;
        self
    }

    /// How long one call may take, from the look-up of the host and of credentials to the end of
    /// the answer. Default 10 s; more than zero, at most one hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Credentials from the program itself. Default: the SDK's chain, which is almost always
    /// better, as it renews them: environment, profile, web identity, container, instance.
    pub fn credentials(
        mut self,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        let (access_key_id, secret_access_key) = (access_key_id.into(), secret_access_key.into());
        self.settings.credentials = CredentialsSource::Keys { access_key_id, secret_access_key, session_token };
        self
    }

    /// Credentials from a provider that a test watches.
    #[cfg(test)]
    pub(super) fn credentials_provider(
        mut self,
        provider: impl aws_credential_types::provider::ProvideCredentials + 'static,
    ) -> Self {
        let provider = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
        self.settings.credentials = CredentialsSource::Provider(provider);
        self
    }

    /// Whether `endpoint_url` may be `http://` to another machine, where everybody on the way can
    /// read events and session token. Default `false`.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Builds the sink. Nothing is sent yet, and credentials are not looked up.
    ///
    /// # Errors
    /// When a name is not one that CloudWatch Logs allows; when `region` is no name of a region;
    /// when `batch_limits`, `max_event_bytes` or `timeout` are out of range; when `credentials` are
    /// incomplete; when `endpoint_url` is not an `http://` or `https://` URL, holds credentials, or
    /// is unencrypted to another machine without [`allow_plain_http`](Self::allow_plain_http).
    pub fn build(self) -> Result<CloudWatchSink, CloudWatchConfigError> {
        let Self { mut settings, log_stream_name, batch_limits, allow_plain_http } = self;
        check_group(&settings.log_group_name)?;
        settings.log_stream_name = match log_stream_name {
            Some(name) => check_stream(name)?,
            None => default_stream(&hostname(), SystemTime::now(), std::process::id()),
        };
        let region_fits = |region: &String| {
            !region.is_empty() && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if let Some(region) = settings.region.as_ref().filter(|region| !region_fits(region)) {
            return error("region", format!("{region:?}: expected a name like eu-central-1"));
        }
        check_batch(&batch_limits)?;
        let bytes = settings.max_event_bytes;
        if !(1..=MAX_MESSAGE).contains(&bytes) {
            return error("max_event_bytes", format!("{bytes}: it must be from 1 to {MAX_MESSAGE}"));
        }
        let timeout = settings.timeout;
        if timeout.is_zero() || timeout > Duration::from_secs(3_600) {
            return error("timeout", format!("{timeout:?}: it must be more than 0 and at most 1 h"));
        }
        settings.credentials.check()?;
        if let Some(url) = &settings.endpoint_url {
            let loopback = check_endpoint(url, allow_plain_http)?;
            // What stays on the machine must not leave it through a proxy.
            settings.proxied = !loopback;
        }
        Ok(CloudWatchSink {
            // What is not to be created is taken to be there.
            stream_ready: !settings.create_log_stream,
            settings,
            batch_limits,
            secrets: Secrets::default(),
            client: None,
            denied: None,
            token: None,
            remembered: Remembered::default(),
            recreated: false,
            health: Health::Healthy,
        })
    }
}

impl CredentialsSource {
    fn check(&self) -> Result<(), CloudWatchConfigError> {
        if let Self::Keys { access_key_id, secret_access_key, .. } = self
            && (access_key_id.is_empty() || secret_access_key.is_empty())
        {
            return error("credentials", "access_key_id and secret_access_key must not be empty");
        }
        Ok(())
    }

    fn shown(&self) -> &'static str {
        match self {
            Self::Chain => "default chain",
            _ => "given",
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("log_group_name", &self.log_group_name)
            .field("log_stream_name", &self.log_stream_name)
            .field("region", &self.region)
            .field("create_log_group", &self.create_log_group)
            .field("create_log_stream", &self.create_log_stream)
            .field("endpoint_url", &self.endpoint_url.as_deref().map(shown_url))
            .field("max_event_bytes", &self.max_event_bytes)
            .field("timeout", &self.timeout)
            .field("credentials", &self.credentials.shown())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CloudWatchSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatchSinkBuilder")
            .field("settings", &self.settings)
            .field("log_stream_name", &self.log_stream_name)
            .field("batch_limits", &self.batch_limits)
            .field("allow_plain_http", &self.allow_plain_http)
            .finish()
    }
}

fn error<T>(option: &'static str, problem: impl Into<String>) -> Result<T, CloudWatchConfigError> {
    Err(CloudWatchConfigError { option, problem: problem.into() })
}

fn check_group(name: &str) -> Result<(), CloudWatchConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
    if !(1..=512).contains(&name.chars().count()) || !name.chars().all(allowed) {
        let problem = "1 to 512 of the characters A-Z, a-z, 0-9, '.', '-', '_', '/' and '#' are allowed";
        return error("log_group_name", format!("{name:?}: {problem}"));
    }
    if name.starts_with("aws/") {
        return error("log_group_name", format!("{name:?}: it must not begin with aws/"));
    }
    Ok(())
}

fn check_stream(name: String) -> Result<String, CloudWatchConfigError> {
    if !(1..=512).contains(&name.chars().count()) || name.contains([':', '*']) {
        let problem = "1 to 512 characters are allowed, none of them ':' or '*'";
        return error("log_stream_name", format!("{name:?}: {problem}"));
    }
    Ok(name)
}

fn check_batch(limits: &BatchLimits) -> Result<(), CloudWatchConfigError> {
    let BatchLimits { max_events, max_bytes, max_age } = *limits;
    if !(1..=MAX_REQUEST_EVENTS).contains(&max_events) {
        return error("batch_limits", format!("max_events = {max_events}: it must be from 1 to {MAX_REQUEST_EVENTS}"));
    }
    if !(1..=MAX_REQUEST_BYTES).contains(&max_bytes) {
        return error("batch_limits", format!("max_bytes = {max_bytes}: it must be from 1 to {MAX_REQUEST_BYTES}"));
    }
    if max_age.is_zero() {
        return error("batch_limits", "max_age = 0: it must be more");
    }
    Ok(())
}

/// Whether the endpoint is on this machine.
fn check_endpoint(text: &str, allow_plain_http: bool) -> Result<bool, CloudWatchConfigError> {
    let shown = shown_url(text);
    let Some(url) = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
    else {
        return error("endpoint_url", format!("{shown:?}: expected a URL like https://host:port"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return error("endpoint_url", "it holds credentials; give them with credentials instead");
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !loopback && !allow_plain_http {
        let problem = "events and session token would travel unencrypted; use https:// or set allow_plain_http";
        return error("endpoint_url", format!("{shown:?}: {problem}"));
    }
    Ok(loopback)
}

/// A URL without what may be secret in it: user, password and query.
fn shown_url(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default()),
        None => text.rsplit('@').next().unwrap_or_default().to_owned(),
    }
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The name of a stream that no other process uses.
pub(super) fn default_stream(hostname: &str, now: SystemTime, process: u32) -> String {
    let host: String = hostname.chars().take(255).map(|c| if [':', '*'].contains(&c) { '-' } else { c }).collect();
    let host = if host.is_empty() { "unknown" } else { &host };
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{host}-{seconds}-{process}")
}

#[cfg(test)]
mod tests;
