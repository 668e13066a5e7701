//! The AWS SDK on a runtime of the sink's own thread.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs as logs;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use logs::config::http::HttpResponse;
use logs::config::retry::RetryConfig;
use logs::config::{SharedHttpClient, StalledStreamProtectionConfig};
use logs::error::{ProvideErrorMetadata, SdkError};
use logs::operation::put_log_events::PutLogEventsError;
use logs::types::InputLogEvent;
use logwheel_core::SinkError;
use tokio::runtime::Runtime;
use tracing::dispatcher::{Dispatch, with_default};

use super::answer::{RejectedInfo, ServiceError, Trouble};
use super::config::{CredentialsSource, Settings};
use super::request::Message;
use super::secrets::{Secrets, Watched};

/// How long a connection may wait for its next request. Shorter than what servers and balancers
/// allow, so that a request seldom meets a connection that the other side has just closed.
const MAX_IDLE: Duration = Duration::from_secs(20);

/// Calls CloudWatch Logs and waits for the answer.
pub(super) struct Client {
    /// `None` only while the client is dropped.
    runtime: Option<Runtime>,
    calls: logs::Client,
}

/// What `PutLogEvents` answered.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) rejected: RejectedInfo,
    /// What an old emulator wants to see the next time.
    pub(super) next_token: Option<String>,
}

impl Client {
    /// Looks up region and credentials and prepares the calls; asks for nothing of CloudWatch.
    pub(super) fn connect(settings: &Settings, secrets: &Secrets) -> Result<Self, SinkError> {
        quietly(|| Self::prepare(settings, secrets))
    }

    fn prepare(settings: &Settings, secrets: &Secrets) -> Result<Self, SinkError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SinkError::caused_by("no runtime for the AWS SDK", error))?;
        let config = runtime.block_on(load(settings));
        let region = match (config.region(), &settings.endpoint_url) {
            (Some(region), _) => region.clone(),
            // Emulators keep regions apart, but do not mind which one it is.
            (None, Some(_)) => Region::from_static("us-east-1"),
            (None, None) => {
                let message = "region: there is none; set `region`, AWS_REGION or AWS_DEFAULT_REGION";
                return Err(SinkError::new(message));
            }
        };
        let mut calls = logs::config::Builder::from(&config).region(region);
        if let Some(provider) = config.credentials_provider() {
            calls = calls.credentials_provider(Watched { provider, secrets: secrets.clone() });
        }
        let calls = logs::Client::from_conf(calls.build());
        Ok(Self { runtime: Some(runtime), calls })
    }

    pub(super) fn create_log_group(&self, group: &str) -> Result<(), Trouble> {
        let call = self.calls.create_log_group().log_group_name(group);
        self.wait(call.send()).map(|_| ()).map_err(|error| trouble(&error, |_| None))
    }

    pub(super) fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Trouble> {
        let call = self.calls.create_log_stream().log_group_name(group).log_stream_name(stream);
        self.wait(call.send()).map(|_| ()).map_err(|error| trouble(&error, |_| None))
    }

    pub(super) fn put_log_events(
        &self,
        group: &str,
        stream: &str,
        token: Option<&str>,
        messages: &[Message<'_>],
    ) -> Result<Stored, Trouble> {
        let call = self
            .calls
            .put_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .set_sequence_token(token.map(str::to_owned))
            .set_log_events(Some(events(messages)));
        let answer = self.wait(call.send()).map_err(|error| trouble(&error, expected_token))?;
        let rejected = answer.rejected_log_events_info.map_or_else(RejectedInfo::default, |info| RejectedInfo {
            too_old_end: info.too_old_log_event_end_index,
            expired_end: info.expired_log_event_end_index,
            too_new_start: info.too_new_log_event_start_index,
        });
        Ok(Stored { rejected, next_token: answer.next_sequence_token })
    }

    /// Whether the group has this stream. The group has to exist.
    pub(super) fn has_log_stream(&self, group: &str, stream: &str) -> Result<bool, Trouble> {
        let call = self.calls.describe_log_streams().log_group_name(group).log_stream_name_prefix(stream).limit(1);
        let answer = self.wait(call.send()).map_err(|error| trouble(&error, |_| None))?;
        // The stream's own name is the first with this prefix.
        Ok(answer.log_streams().iter().any(|found| found.log_stream_name() == Some(stream)))
    }

    fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("it is taken only by drop");
        quietly(|| {
            runtime.block_on(async {
                // Between calls nobody drives the connections: let them see first what happened
                // meanwhile, above all that the other side closed them.
                for _ in 0..2 {
                    tokio::task::yield_now().await;
                }
                call.await
            })
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let runtime = self.runtime.take();
        // A name look-up that hangs must not hold up the end of the engine.
        quietly(|| runtime.map(Runtime::shutdown_background));
    }
}

/// The messages as the SDK takes them.
pub(super) fn events(messages: &[Message<'_>]) -> Vec<InputLogEvent> {
    let event = |message: &Message<'_>| {
        let event = InputLogEvent::builder().timestamp(message.at).message(message.text);
        event.build().expect("an event needs a timestamp and a message, and has both")
    };
    messages.iter().map(event).collect()
}

/// Runs the SDK without its tracing events: bridged into the engine, each delivery would cause the
/// next one.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    with_default(&Dispatch::none(), run)
}

async fn load(settings: &Settings) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
        .operation_timeout(settings.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client(settings.proxied))
        // The engine counts attempts and waits between them.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .app_name(AppName::new("logwheel").expect("letters are allowed"));
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(provider) = provider(&settings.credentials) {
        loader = loader.credentials_provider(provider);
    }
    loader.load().await
}

fn provider(source: &CredentialsSource) -> Option<SharedCredentialsProvider> {
    match source {
        CredentialsSource::Chain => None,
        CredentialsSource::Keys { access_key_id, secret_access_key, session_token } => {
            let (id, secret, token) = (access_key_id.clone(), secret_access_key.clone(), session_token.clone());
            Some(SharedCredentialsProvider::new(logs::config::Credentials::new(id, secret, token, None, "logwheel")))
        }
        #[cfg(test)]
        CredentialsSource::Provider(provider) => Some(provider.clone()),
    }
}

/// rustls on ring, as in the HTTP sink: it builds with a C compiler alone. Certificates are checked
/// against the system's roots.
pub(super) fn http_client(proxied: bool) -> SharedHttpClient {
    Builder::new().pool_idle_timeout(MAX_IDLE).pool_max_idle_per_host(1).build_with_connector_fn(
        move |settings, components| {
            let mut connector = Connector::builder().pool_idle_timeout(MAX_IDLE).pool_max_idle_per_host(1);
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
            connector.set_proxy_config(proxied.then(ProxyConfig::from_env));
            connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
        },
    )
}

fn expected_token(error: &PutLogEventsError) -> Option<String> {
    match error {
        PutLogEventsError::InvalidSequenceTokenException(error) => error.expected_sequence_token.clone(),
        _ => None,
    }
}

/// Reduces what the SDK reports to what decides.
fn trouble<E>(error: &SdkError<E, HttpResponse>, expected_token: impl FnOnce(&E) -> Option<String>) -> Trouble
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if find::<CredentialsError>(error).is_some() {
        return Trouble::NoCredentials(chain(error));
    }
    match error {
        SdkError::TimeoutError(_) => Trouble::Timeout,
        SdkError::ConstructionFailure(_) => Trouble::Unbuilt(chain(error)),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Trouble::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_user() => Trouble::Unbuilt(chain(error)),
        SdkError::ServiceError(answer) => {
            let (status, headers) = (answer.raw().status(), answer.raw().headers());
            if status.is_success() {
                return Trouble::Unreadable { status: status.as_u16(), text: chain(answer.err()) };
            }
            Trouble::Service(ServiceError {
                status: status.as_u16(),
                code: answer.err().code().unwrap_or_default().to_owned(),
                message: answer.err().message().unwrap_or_default().to_owned(),
                expected_token: expected_token(answer.err()),
                after: pause(headers.get("x-amz-retry-after"), headers.get("retry-after")),
            })
        }
        SdkError::ResponseError(answer) => {
            Trouble::Unreadable { status: answer.raw().status().as_u16(), text: chain(error) }
        }
        // No answer; also whatever kinds of error a later SDK adds.
        _ => Trouble::NoAnswer { kind: kind(error), text: chain(error) },
    }
}

fn kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let closed = || find::<hyper::Error>(error).filter(|error| error.is_incomplete_message());
    let kind = find::<io::Error>(error).map(io::Error::kind);
    kind.or_else(|| closed().map(|_| io::ErrorKind::UnexpectedEof))
}

/// The pause that headers ask for: milliseconds from AWS, seconds from what stands in between.
fn pause(milliseconds: Option<&str>, seconds: Option<&str>) -> Option<Duration> {
    let number = |text: Option<&str>| text?.trim().parse::<u64>().ok();
    number(milliseconds).map(Duration::from_millis).or_else(|| number(seconds).map(Duration::from_secs))
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The error's text and those of what caused it, without repetition.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    // A `String` never refuses.
    let _ = logwheel_core::write_error_chain(error, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_comes_in_milliseconds_or_seconds() {
        assert_eq!(pause(Some("1500"), Some("9")), Some(Duration::from_millis(1_500)));
        assert_eq!(pause(None, Some(" 2 ")), Some(Duration::from_secs(2)));
        assert_eq!(pause(Some("soon"), None), None);
        assert_eq!(pause(None, None), None);
    }
}
