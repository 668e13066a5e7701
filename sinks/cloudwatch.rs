//! A sink that stores events in Amazon CloudWatch Logs.

mod answer;
mod client;
mod config;
mod fate;
pub mod internals;
mod request;
mod secrets;

use std::borrow::Cow;
use std::fmt;

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Health, Sink, SinkError, write_error_chain};

use self::answer::{Call, Meaning, RejectedInfo, Trouble, classify};
use self::client::Client;
pub use self::config::{CloudWatchConfigError, CloudWatchSinkBuilder};
use self::config::{CredentialsSource, Settings};
use self::fate::{Fate, Remembered, Summary, summary};
use self::request::{Message, Plan};
use self::secrets::Secrets;
use crate::refusal::{refusal, tally};

/// How often one request is sent again at once because an emulator asks for a sequence token.
const MAX_TOKEN_TRIES: usize = 2;

/// Stores events in Amazon CloudWatch Logs, through the official AWS SDK.
///
/// # Quick start
/// ```
/// use logwheel_sinks::CloudWatchSink;
///
/// let sink = CloudWatchSink::builder().log_group_name("/shop/orders").region("eu-central-1").build()?;
/// # let _ = sink;
/// # Ok::<(), logwheel_sinks::CloudWatchConfigError>(())
/// ```
/// Credentials come from where every AWS SDK takes them: the environment (`AWS_ACCESS_KEY_ID`, …),
/// the profile, a web identity token, the container, the instance. Profiles of IAM Identity Center
/// (SSO) need the feature `sso` of the crate `aws-config`: add it to your own dependencies with
/// `default-features = false`.
///
/// # Options
/// | Option | Default | Allowed |
/// |---|---|---|
/// | [`log_group_name`](CloudWatchSinkBuilder::log_group_name) | `/logwheel/default` | 1–512 of `A-Za-z0-9.-_/#` |
/// | [`log_stream_name`](CloudWatchSinkBuilder::log_stream_name) | `{hostname}-{seconds}-{pid}` | 1–512, no `:` or `*` |
/// | [`region`](CloudWatchSinkBuilder::region) | `AWS_REGION`, `AWS_DEFAULT_REGION`, profile, instance | |
/// | [`create_log_group`](CloudWatchSinkBuilder::create_log_group) | `true` | |
/// | [`create_log_stream`](CloudWatchSinkBuilder::create_log_stream) | `true` | |
/// | [`batch_limits`](CloudWatchSinkBuilder::batch_limits) | 2,000 events, 998,576 bytes, 1 s | ≤ 10,000 and 1,048,576 |
/// | [`max_event_bytes`](CloudWatchSinkBuilder::max_event_bytes) | 1,048,550 | 1–1,048,550 |
/// | [`timeout`](CloudWatchSinkBuilder::timeout) | 10 s | ≤ 1 h |
/// | [`endpoint_url`](CloudWatchSinkBuilder::endpoint_url) | the region's | `https://…`, `http://…` |
/// | [`credentials`](CloudWatchSinkBuilder::credentials) | the SDK's default chain | |
/// | [`allow_plain_http`](CloudWatchSinkBuilder::allow_plain_http) | `false` | |
///
/// How often and how long a batch is tried again is the engine's: the retries of the SDK are off,
/// whatever `AWS_MAX_ATTEMPTS` says, so that attempts are counted once.
///
/// # Permissions
/// | IAM action | For |
/// |---|---|
/// | `logs:PutLogEvents` | always |
/// | `logs:CreateLogStream` | `create_log_stream`, unless the stream exists |
/// | `logs:CreateLogGroup` | `create_log_group`, unless the group exists |
/// | `logs:DescribeLogStreams` | health checks ([`Sink::check`]); without it the last delivery tells |
///
/// The stream is created first; the group only when the service says that there is none. So a
/// group that exists needs no permission to create it. Nothing is described on the way of an event.
///
/// # Limits
/// A request holds at most 10,000 events and 1,048,576 bytes (UTF-8 messages and 26 bytes for each
/// event), in order of time, over at most 24 hours. Batches are sorted by time, to the millisecond
/// and otherwise in their own order, and cut into as few requests as that takes.
///
/// The service refuses single events and stores the rest; each counts as rejected:
///
/// | Reason | The event |
/// |---|---|
/// | `too_old` | is older than 14 days |
/// | `expired` | is older than the retention of its group |
/// | `too_new` | is more than two hours ahead of the service's clock |
/// | `too_large` | is longer than `max_event_bytes`, or than what the service says it takes |
/// | `invalid_parameter` | is refused for another reason: the batch was halved down to it |
/// | `invalid_utf8`, `empty` | cannot be a message; only processors of your own make such lines |
///
/// It is the service that decides by age, not this machine's clock. A timestamp keeps its
/// milliseconds; the line itself keeps all nine digits.
///
/// What was stored is never sent twice by the sink: when one of the requests of a batch fails, the
/// batch is split, and each part meets its own end.
/// Only an answer that is lost on its way (timeout, reset, cut off) makes events appear twice; the
/// service has no means to recognise them. Search for `_seq` if it matters.
///
/// # Troubleshooting
/// | Symptom | Cause and cure |
/// |---|---|
/// | `access_denied` | the text names the IAM action; allow it for the log group's ARN and `:*` behind it |
/// | `no_credentials` | none found in the whole chain; in containers often a missing task or pod role |
/// | `credentials_expired` | renewed once already; a static session token must be replaced |
/// | `credentials_refused` | key, secret or token are wrong or were deactivated |
/// | `clock_skew` | the service refuses signatures more than five minutes off: run NTP |
/// | `resource_not_found` | group or stream were deleted, or creating them is switched off |
/// | `throttled` | the account's quota of requests per second; raise `max_events` and `max_age` |
/// | `limit_exceeded` | too many log groups in the account |
/// | `invalid_name` | the service refuses group or stream name |
/// | `too_new`, `too_old` | clock or replay: an event is never stored under another time than its own |
/// | `tls` | the system has no root certificates: install `ca-certificates` |
/// | `bad_answer` | something else answers at `endpoint_url`, or answers are cut off |
/// | region: there is none | set `region` or `AWS_REGION` |
///
/// # Costs
/// CloudWatch Logs charges for each GB taken in, with 26 bytes on top of each event, and for each GB
/// and month kept; requests cost nothing. Groups that the sink creates keep their events **for
/// ever**: set a retention for the group. Filters and the size guard save more than any option
/// here.
///
/// # Emulators
/// Set `endpoint_url("http://127.0.0.1:4566")` for LocalStack, port 5000 for moto, and any
/// credentials. Both accept what the service refuses (size and span above all), and moto is off by
/// one where it says which events were too old: what was rejected is exact only with AWS itself.
/// Sequence tokens, which only old emulators still ask for, are given to them.
///
/// # Thread
/// The SDK runs on the sink's own thread, on a runtime that stands still between calls. Its tracing
/// events are switched off: a bridge into the engine would log each delivery and so cause the next
/// one.
pub struct CloudWatchSink {
    settings: Settings,
    batch_limits: BatchLimits,
    secrets: Secrets,
    client: Option<Client>,
    /// Whether the stream was created, or found, or is taken to be there.
    stream_ready: bool,
    /// Why the stream could not be created, should it turn out to be missing.
    denied: Option<DeliveryError>,
    /// What an old emulator wants to see next.
    token: Option<String>,
    remembered: Remembered,
    /// Group or stream were not found, and were created again.
    recreated: bool,
    health: Health,
}

/// Why a request was not stored.
enum NotStored {
    /// Its only event was refused.
    Refused { reason: &'static str, detail: String },
    /// It failed as a whole.
    Failed(DeliveryError),
}

impl CloudWatchSink {
    /// A sink with all options at their defaults.
    ///
    /// # Errors
    /// See [`CloudWatchSinkBuilder::build`].
    pub fn new() -> Result<Self, CloudWatchConfigError> {
        Self::builder().build()
    }

    /// Begins a sink.
    pub fn builder() -> CloudWatchSinkBuilder {
        CloudWatchSinkBuilder::new()
    }

    fn store(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let mut fates = self.remembered.take(batch);
        if summary(&fates) == Summary::Mixed {
            // Part of it was stored: to send the rest from here would be an attempt for each
            // halving, and no pause between them.
            return self.split(batch, &fates);
        }
        let plan = Plan::new(batch, &mut fates, self.settings.max_event_bytes, self.batch_limits.max_events);
        let (mut failure, mut said) = (None, None);
        for request in &plan.requests {
            let messages = &plan.messages[request.clone()];
            match self.put(messages) {
                Ok(rejected) => {
                    let positions = messages.iter().map(|message| message.position).enumerate();
                    positions.for_each(|(at, position)| fates[position] = rejected.fate(at));
                }
                Err(NotStored::Refused { reason, detail }) => {
                    fates[messages[0].position] = Fate::Refused(reason);
                    said = Some((reason, detail));
                }
                Err(NotStored::Failed(error)) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        match (summary(&fates), failure) {
            (Summary::Delivered, _) => Ok(Delivered::all()),
            (Summary::Refused(refused), _) => {
                let why = tally(&refused, |count, reason| format!("{count} {}", self.why(reason, said.as_ref())));
                refusal(refused, batch.len(), || why.into()).map_or(Ok(Delivered::all()), Err)
            }
            (Summary::Open, Some(error)) => {
                if self.remembered.expects_more() {
                    // It may come back before the parts behind it.
                    self.remembered.keep(batch, &fates);
                }
                Err(error)
            }
            (Summary::Open, None) | (Summary::Mixed, _) => self.split(batch, &fates),
        }
    }

    /// What happened cannot be said of the batch as a whole, but of parts of it.
    fn split(&mut self, batch: &Batch, fates: &[Fate]) -> Result<Delivered, DeliveryError> {
        self.remembered.keep(batch, fates);
        Err(DeliveryError::Split { reason: "partly_stored" })
    }

    /// Stores the messages of one request, creating what is missing for it.
    fn put(&mut self, messages: &[Message<'_>]) -> Result<RejectedInfo, NotStored> {
        let (mut recreated, mut refreshed, mut token_tries) = (false, false, 0);
        // Ends: each turn but the last uses up one of these three.
        loop {
            let meaning = match self.ready() {
                Ok(()) => match self.send(messages) {
                    Ok(rejected) => {
                        self.recreated |= recreated;
                        return Ok(rejected);
                    }
                    Err(trouble) => classify(Call::PutLogEvents, &trouble, &self.secrets),
                },
                Err(meaning) => meaning,
            };
            let error = match meaning {
                Meaning::AlreadyAccepted => return Ok(RejectedInfo::default()),
                Meaning::Exists => unreachable!("only calls that create something mean that, and they take it"),
                Meaning::WrongToken { expected, error } => {
                    self.token = expected;
                    token_tries += 1;
                    if token_tries <= MAX_TOKEN_TRIES {
                        continue;
                    }
                    error
                }
                Meaning::Missing(error) => {
                    (self.stream_ready, self.token) = (false, None);
                    if !recreated && (self.settings.create_log_stream || self.settings.create_log_group) {
                        recreated = true;
                        continue;
                    }
                    self.with_advice(error)
                }
                Meaning::Credentials(error) => {
                    if matches!(self.settings.credentials, CredentialsSource::Keys { .. }) {
                        return Err(NotStored::Failed(error));
                    }
                    // Nothing that is cached anywhere survives this.
                    self.client = None;
                    if !refreshed {
                        refreshed = true;
                        continue;
                    }
                    error
                }
                Meaning::Content { reason, detail } if messages.len() == 1 => {
                    return Err(NotStored::Refused { reason, detail });
                }
                Meaning::Content { reason, .. } => DeliveryError::Split { reason },
                Meaning::Failed(error) => error,
            };
            return Err(NotStored::Failed(error));
        }
    }

    fn send(&mut self, messages: &[Message<'_>]) -> Result<RejectedInfo, Trouble> {
        let Settings { log_group_name, log_stream_name, .. } = &self.settings;
        let client = self.client.as_ref().expect("`ready` has connected it");
        let stored = client.put_log_events(log_group_name, log_stream_name, self.token.as_deref(), messages)?;
        if self.token.is_some() {
            self.token = stored.next_token;
        }
        Ok(stored.rejected)
    }

    /// Connects, unless that was done.
    fn connected(&mut self) -> Result<&Client, DeliveryError> {
        if self.client.is_none() {
            let connected = Client::connect(&self.settings, &self.secrets).map_err(|error| {
                let mut detail = String::new();
                // A `String` never refuses.
                let _ = write_error_chain(&error, &mut detail);
                DeliveryError::Retry { reason: "not_started", detail: detail.into(), after: None }
            })?;
            self.client = Some(connected);
        }
        Ok(self.client.as_ref().expect("it was just connected"))
    }

    /// Connects, and creates stream and group unless that was done.
    fn ready(&mut self) -> Result<(), Meaning> {
        self.connected().map_err(Meaning::Failed)?;
        if !self.stream_ready {
            self.create()?;
            self.stream_ready = true;
        }
        Ok(())
    }

    /// Creates the stream, and the group when the service says that there is none.
    fn create(&mut self) -> Result<(), Meaning> {
        self.denied = None;
        let Settings { create_log_group, create_log_stream, .. } = self.settings;
        if !create_log_stream {
            return if create_log_group { self.create_one(Call::CreateLogGroup) } else { Ok(()) };
        }
        let mut created = self.create_one(Call::CreateLogStream);
        if create_log_group && matches!(created, Err(Meaning::Missing(_))) {
            self.create_one(Call::CreateLogGroup)?;
            created = self.create_one(Call::CreateLogStream);
        }
        match created {
            // Who may not create a stream may still write to one that others made.
            Err(Meaning::Failed(error @ DeliveryError::Fatal { reason: "access_denied", .. })) => {
                self.denied = Some(error);
                Ok(())
            }
            Err(Meaning::Missing(error)) => Err(Meaning::Failed(self.with_advice(error))),
            created => created,
        }
    }

    /// That it exists already is success.
    fn create_one(&self, call: Call) -> Result<(), Meaning> {
        let Settings { log_group_name: group, log_stream_name: stream, .. } = &self.settings;
        let client = self.client.as_ref().expect("`ready` has connected it");
        let created = match call {
            Call::CreateLogGroup => client.create_log_group(group),
            _ => client.create_log_stream(group, stream),
        };
        match created.map_err(|trouble| classify(call, &trouble, &self.secrets)) {
            Ok(()) | Err(Meaning::Exists) => Ok(()),
            Err(meaning) => Err(meaning),
        }
    }

    /// Names what is missing and why it was not created.
    fn with_advice(&mut self, error: DeliveryError) -> DeliveryError {
        if let Some(denied) = self.denied.take() {
            return denied;
        }
        let Settings { log_group_name, log_stream_name, create_log_group, create_log_stream, .. } = &self.settings;
        let off = match (create_log_group, create_log_stream) {
            (true, true) => "",
            (true, false) => " and `create_log_stream` is off",
            (false, true) => " and `create_log_group` is off",
            (false, false) => " and `create_log_group` and `create_log_stream` are off",
        };
        let what = format!("log group {log_group_name:?} or log stream {log_stream_name:?} does not exist{off}");
        match error {
            DeliveryError::Retry { reason, detail, after } => {
                DeliveryError::Retry { reason, detail: format!("{what}; {detail}").into(), after }
            }
            other => other,
        }
    }

    /// Whether the stream is there, or will be created with the first batch.
    fn look(&mut self) -> Result<(), String> {
        let Settings { log_group_name, log_stream_name, .. } = &self.settings;
        let (group, stream) = (log_group_name.clone(), log_stream_name.clone());
        let client = self.connected().map_err(|error| error.to_string())?;
        let found = client.has_log_stream(&group, &stream);
        match found.map_err(|trouble| classify(Call::DescribeLogStreams, &trouble, &self.secrets)) {
            Ok(true) => Ok(()),
            Ok(false) if self.settings.create_log_stream => Ok(()),
            Ok(false) => Err(format!("log stream {stream:?} does not exist, and `create_log_stream` is off")),
            Err(Meaning::Missing(_)) if self.settings.create_log_group => Ok(()),
            Err(Meaning::Missing(_)) => {
                Err(format!("log group {group:?} does not exist, and `create_log_group` is off"))
            }
            // Who may not look may still write: the last delivery knows better.
            Err(Meaning::Failed(DeliveryError::Fatal { reason: "access_denied", .. })) => match &self.health {
                Health::Unhealthy { reason } => Err(reason.clone().into_owned()),
                _ => Ok(()),
            },
            Err(Meaning::Credentials(error) | Meaning::Failed(error)) => Err(error.to_string()),
            Err(other) => Err(format!("it was looked for in vain: {other:?}")),
        }
    }

    /// The text for events that were refused for `reason`; `said` is what the service said of one of
    /// them, if it said something.
    fn why(&self, reason: &'static str, said: Option<&(&'static str, String)>) -> String {
        if let Some((_, text)) = said.filter(|(about, _)| *about == reason) {
            return text.clone();
        }
        match reason {
            "too_old" => "older than the 14 days that CloudWatch Logs takes".to_owned(),
            "expired" => format!("older than the retention of log group {:?}", self.settings.log_group_name),
            "too_new" => "more than 2 hours ahead of the clock of CloudWatch Logs".to_owned(),
            "too_large" => format!("longer than `max_event_bytes` ({})", self.settings.max_event_bytes),
            "empty" => "a message must not be empty".to_owned(),
            "invalid_utf8" => "a message must be UTF-8".to_owned(),
            _ => "refused by CloudWatch Logs".to_owned(),
        }
    }
}

impl fmt::Debug for CloudWatchSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatchSink")
            .field("settings", &self.settings)
            .field("batch_limits", &self.batch_limits)
            .field("connected", &self.client.is_some())
            .finish_non_exhaustive()
    }
}

impl Sink for CloudWatchSink {
    fn name(&self) -> &str {
        "cloudwatch"
    }

    fn start(&mut self) -> Result<(), SinkError> {
        // Group and stream are created with the first batch, where a failure has its meaning.
        self.client = Some(Client::connect(&self.settings, &self.secrets)?);
        Ok(())
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        if batch.is_empty() {
            return Ok(Delivered::all());
        }
        let result = self.store(batch);
        self.health = match &result {
            // A refused batch says nothing against the destination.
            Ok(_) | Err(DeliveryError::Split { .. } | DeliveryError::Reject { .. }) => Health::Healthy,
            Err(error) => Health::unhealthy(error.to_string()),
        };
        result
    }

    fn stop(&mut self) -> Result<(), SinkError> {
        self.client = None;
        Ok(())
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn check(&mut self) -> Health {
        self.look().map_or_else(Health::unhealthy, |()| Health::Healthy)
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        let Settings { log_group_name: group, log_stream_name: stream, .. } = &self.settings;
        let text =
            || format!("log group {group:?} or log stream {stream:?} was not found and was created again").into();
        std::mem::take(&mut self.recreated).then(text)
    }

    fn batch_limits(&self) -> BatchLimits {
        self.batch_limits
    }
}

#[cfg(test)]
mod double;
#[cfg(test)]
mod tests;
