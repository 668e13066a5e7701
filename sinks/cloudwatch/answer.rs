//! What an answer, or the lack of one, means. Pure functions.
//!
//! Codes come from the API's model (`logs/2014-03-28`) and from the list of common errors of AWS;
//! which of them the SDK takes for throttling, from `aws-runtime`.

use std::io::ErrorKind;
use std::time::Duration;

use logwheel_core::DeliveryError;

use super::fate::Fate;
use super::secrets::Secrets;

/// The most bytes of what the service said in a diagnostic text.
const MAX_EXCERPT: usize = 200;

/// The calls that the sink makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    CreateLogGroup,
    CreateLogStream,
    PutLogEvents,
    /// For health checks alone.
    DescribeLogStreams,
}

impl Call {
    /// The IAM action that allows the call.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::CreateLogGroup => "logs:CreateLogGroup",
            Self::CreateLogStream => "logs:CreateLogStream",
            Self::PutLogEvents => "logs:PutLogEvents",
            Self::DescribeLogStreams => "logs:DescribeLogStreams",
        }
    }
}

/// A call that did not succeed, reduced to what decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The service answered with an error.
    Service(ServiceError),
    /// No credentials could be had.
    NoCredentials(String),
    /// There was no answer in time.
    Timeout,
    /// There was no answer.
    NoAnswer { kind: Option<ErrorKind>, text: String },
    /// There was an answer that makes no sense: cut off, or from something else.
    Unreadable { status: u16, text: String },
    /// The request could not even be built.
    Unbuilt(String),
}

/// An error as the service told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) status: u16,
    /// Empty if there was none.
    pub(super) code: String,
    pub(super) message: String,
    /// What an old emulator wants as sequence token.
    pub(super) expected_token: Option<String>,
    /// How long it asked us to wait.
    pub(super) after: Option<Duration>,
}

/// What to make of a [`Trouble`].
#[derive(Debug)]
pub(super) enum Meaning {
    /// What was asked for is there already.
    Exists,
    /// The events were stored before.
    AlreadyAccepted,
    /// Group or stream do not exist; the error is for when they cannot be created.
    Missing(DeliveryError),
    /// An old emulator wants this sequence token; the error is for when it never has enough.
    WrongToken { expected: Option<String>, error: DeliveryError },
    /// Something in the request is not acceptable: an event, or all of them together.
    Content { reason: &'static str, detail: String },
    /// Fresh credentials may help; the error is for when they do not.
    Credentials(DeliveryError),
    /// All else.
    Failed(DeliveryError),
}

/// What the trouble with a call means.
pub(super) fn classify(call: Call, trouble: &Trouble, secrets: &Secrets) -> Meaning {
    let error = match trouble {
        Trouble::Service(error) => return classify_service(call, error, secrets),
        Trouble::NoCredentials(text) => {
            let advice = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role";
            return Meaning::Credentials(retry("no_credentials", format!("{advice}; {}", excerpt(text, secrets))));
        }
        Trouble::Timeout => retry("timeout", format!("{call:?}: no answer within `timeout`")),
        Trouble::NoAnswer { kind, text } => retry(no_answer(*kind), format!("{call:?}: {}", excerpt(text, secrets))),
        Trouble::Unreadable { status, text } => {
            let text = excerpt(text, secrets);
            retry("bad_answer", format!("{call:?}: answer {status} is not from CloudWatch Logs or cut off: {text}"))
        }
        Trouble::Unbuilt(text) => {
            let text = excerpt(text, secrets);
            fatal("request", format!("{call:?} could not be built, check `region` and `endpoint_url`: {text}"))
        }
    };
    Meaning::Failed(error)
}

fn classify_service(call: Call, error: &ServiceError, secrets: &Secrets) -> Meaning {
    let ServiceError { status, code, after, .. } = error;
    let said = said(call, error, secrets);
    let retry_after = |reason| DeliveryError::Retry { reason, detail: said.clone().into(), after: *after };
    Meaning::Failed(match code.as_str() {
        // Nonsense as the answer to another call, above all no success.
        "ResourceAlreadyExistsException" if matches!(call, Call::CreateLogGroup | Call::CreateLogStream) => {
            return Meaning::Exists;
        }
        "DataAlreadyAcceptedException" if call == Call::PutLogEvents => return Meaning::AlreadyAccepted,
        "InvalidSequenceTokenException" => {
            let expected = error.expected_token.clone();
            return Meaning::WrongToken { expected, error: retry_after("sequence_token") };
        }
        "ResourceNotFoundException" => return Meaning::Missing(retry_after("resource_not_found")),
        "InvalidParameterException" | "ValidationException" | "SerializationException" => {
            // Nothing in the events can cure a name.
            let name = ["logGroupName", "logStreamName"].into_iter().find(|name| error.message.contains(name));
            match name {
                Some("logGroupName") => fatal("invalid_name", format!("check `log_group_name`; {said}")),
                Some(_) => fatal("invalid_name", format!("check `log_stream_name`; {said}")),
                None if call == Call::PutLogEvents => {
                    let too_large = error.message.contains("too large");
                    let reason = if too_large { "too_large" } else { "invalid_parameter" };
                    return Meaning::Content { reason, detail: said };
                }
                None => fatal("invalid_parameter", said),
            }
        }
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => {
            fatal("access_denied", format!("the IAM action {} is not allowed; {said}", call.action()))
        }
        "ExpiredTokenException" | "ExpiredToken" | "TokenRefreshRequired" => {
            return Meaning::Credentials(retry("credentials_expired", format!("the credentials expired; {said}")));
        }
        // A request that was signed by a clock that is wrong.
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => clock(&said),
        "InvalidSignatureException" | "SignatureDoesNotMatch" if is_about_time(&error.message) => clock(&said),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => {
            let advice = "the credentials are not valid, check key, secret and session token";
            return Meaning::Credentials(fatal("credentials_refused", format!("{advice}; {said}")));
        }
        "OptInRequired" | "SubscriptionRequiredException" => {
            fatal("account", format!("the account cannot use the service; {said}"))
        }
        code if is_throttling(code) => retry_after("throttled"),
        "LimitExceededException" => retry_after("limit_exceeded"),
        "OperationAbortedException" => retry_after("conflict"),
        "ServiceUnavailableException" | "ServiceUnavailable" => retry_after("unavailable"),
        "InternalFailure" | "InternalServerError" | "InternalServerException" | "InternalError" => {
            retry_after("server_error")
        }
        "RequestTimeout" | "RequestTimeoutException" => retry_after("timeout"),
        _ => match status {
            413 if call == Call::PutLogEvents => return Meaning::Content { reason: "too_large", detail: said },
            408 => retry_after("timeout"),
            429 => retry_after("throttled"),
            503 => retry_after("unavailable"),
            500..=599 => retry_after("server_error"),
            401 | 403 => fatal("access_denied", format!("{} is not allowed; {said}", call.action())),
            // Neither a code nor a status that anything can be made of.
            _ => fatal("refused", said),
        },
    })
}

fn is_throttling(code: &str) -> bool {
    const CODES: [&str; 9] = [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "SlowDown",
    ];
    CODES.contains(&code)
}

fn is_about_time(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

fn clock(said: &str) -> DeliveryError {
    retry("clock_skew", format!("the clock of this machine is wrong; {said}"))
}

fn retry(reason: &'static str, detail: String) -> DeliveryError {
    DeliveryError::Retry { reason, detail: detail.into(), after: None }
}

fn fatal(reason: &'static str, detail: String) -> DeliveryError {
    DeliveryError::Fatal { reason, detail: detail.into() }
}

fn no_answer(kind: Option<ErrorKind>) -> &'static str {
    match kind {
        Some(ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "connect",
        Some(
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof,
        ) => "reset",
        Some(ErrorKind::TimedOut) => "timeout",
        // What rustls reports through a stream, a refused certificate above all.
        Some(ErrorKind::InvalidData) => "tls",
        _ => "transport",
    }
}

fn said(call: Call, error: &ServiceError, secrets: &Secrets) -> String {
    let ServiceError { status, code, message, .. } = error;
    let code = if code.is_empty() { "without a code" } else { code };
    // To a wrong signature AWS answers with the request it expected, session token included.
    let message = message.split(['\n', '\r']).next().unwrap_or_default();
    let message = message.split("The Canonical String").next().unwrap_or_default();
    excerpt(&format!("{call:?} was answered {status} {code}: {message}"), secrets)
}

/// The begin of a text for diagnostics: one line, without the credentials we know of.
pub(super) fn excerpt(text: &str, secrets: &Secrets) -> String {
    let mut text = secrets.hide(text).into_owned();
    text.truncate(text.floor_char_boundary(MAX_EXCERPT));
    text.replace(char::is_control, " ").trim_end().to_owned()
}

/// `rejectedLogEventsInfo` of an answer: positions in the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RejectedInfo {
    /// All before this one are older than 14 days.
    pub(super) too_old_end: Option<i32>,
    /// All before this one are older than the group's retention.
    pub(super) expired_end: Option<i32>,
    /// This one and all behind it are more than two hours ahead.
    pub(super) too_new_start: Option<i32>,
}

impl RejectedInfo {
    /// What became of the event at a position of the request.
    pub(super) fn fate(&self, position: usize) -> Fate {
        // Below zero is before the first one.
        let before = |end: Option<i32>| end.is_some_and(|end| usize::try_from(end).is_ok_and(|end| position < end));
        let from =
            |start: Option<i32>| start.is_some_and(|start| usize::try_from(start).map_or(true, |s| position >= s));
        match () {
            () if before(self.too_old_end) => Fate::Refused("too_old"),
            () if before(self.expired_end) => Fate::Refused("expired"),
            () if from(self.too_new_start) => Fate::Refused("too_new"),
            () => Fate::Accepted,
        }
    }
}

#[cfg(test)]
mod tests;
