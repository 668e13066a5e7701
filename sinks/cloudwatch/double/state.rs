//! What the double holds and which rules it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};

use super::Received;

const MAX_BYTES: usize = 1_048_576;
const OVERHEAD: usize = 26;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// An answer as it goes over the wire.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Answer {
    pub(in super::super) status: u16,
    /// Lines with their `\r\n`.
    pub(in super::super) headers: String,
    pub(in super::super) body: String,
}

impl Answer {
    fn ok(body: &Json) -> Self {
        Self { status: 200, headers: String::new(), body: body.to_string() }
    }

    pub(in super::super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "__type": code, "message": message }).to_string();
        Self { status, headers: String::new(), body }
    }
}

type Events = Vec<(i64, String)>;

/// Groups with their streams, and the ways in which this service differs from a new and friendly one.
#[derive(Debug)]
pub(in super::super) struct State {
    groups: BTreeMap<String, BTreeMap<String, Stream>>,
    /// How old an event of any group may become.
    pub(in super::super) retention: Option<Duration>,
    /// The most bytes of one event with its overhead.
    pub(in super::super) max_event: usize,
    /// Whether each request must bring the token of the one before, as of old.
    pub(in super::super) sequence_tokens: bool,
    /// IAM actions that are not allowed.
    pub(in super::super) denied: BTreeSet<&'static str>,
    /// The one access key that is accepted, if not any.
    pub(in super::super) access_key: Option<String>,
    /// The error for other access keys.
    pub(in super::super) access_error: &'static str,
    /// A request with a message that contains this is refused.
    pub(in super::super) poison: Option<String>,
}

#[derive(Debug, Default)]
struct Stream {
    events: Events,
    puts: u64,
    last: Option<Json>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            groups: BTreeMap::new(),
            retention: None,
            max_event: MAX_BYTES,
            sequence_tokens: false,
            denied: BTreeSet::new(),
            access_key: None,
            access_error: "UnrecognizedClientException",
            poison: None,
        }
    }
}

/// The time of day as the API counts it.
pub(in super::super) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

impl State {
    pub(in super::super) fn streams(&self) -> impl Iterator<Item = &Events> {
        self.groups.values().flat_map(BTreeMap::values).map(|stream| &stream.events)
    }

    /// The names of groups and their streams, as `group|stream`.
    pub(in super::super) fn names(&self) -> Vec<String> {
        let streams = |(group, streams): (&String, &BTreeMap<String, Stream>)| {
            streams.keys().map(|stream| format!("{group}|{stream}")).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(streams).collect()
    }

    pub(in super::super) fn create(&mut self, group: &str, stream: &str) {
        self.groups.entry(group.to_owned()).or_default().entry(stream.to_owned()).or_default();
    }

    pub(in super::super) fn create_group(&mut self, group: &str) {
        self.groups.entry(group.to_owned()).or_default();
    }

    pub(in super::super) fn delete_all(&mut self) {
        self.groups.clear();
    }

    pub(super) fn answer(&mut self, received: &Received) -> Answer {
        self.handle(received).unwrap_or_else(|error| error)
    }

    fn handle(&mut self, received: &Received) -> Result<Answer, Answer> {
        let Received { call, body, authorization, .. } = received;
        self.check_access(call, authorization)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let (group, stream) = (text("logGroupName"), text("logStreamName"));
        check_name("logGroupName", group, |c| c.is_ascii_alphanumeric() || ".-_/#".contains(c))?;
        if group.starts_with("aws/") {
            return Err(invalid("log group names starting with aws/ are reserved"));
        }
        if call == "CreateLogGroup" {
            if self.groups.contains_key(group) {
                return Err(Answer::error(400, "ResourceAlreadyExistsException", "The specified log group exists"));
            }
            self.groups.insert(group.to_owned(), BTreeMap::new());
            return Ok(Answer::ok(&json!({})));
        }
        let missing =
            |what| Answer::error(400, "ResourceNotFoundException", &format!("The log {what} does not exist."));
        let streams = self.groups.get_mut(group).ok_or_else(|| missing("group"))?;
        if call == "DescribeLogStreams" {
            let found = streams.keys().filter(|name| name.starts_with(text("logStreamNamePrefix")));
            let limit = body["limit"].as_u64().unwrap_or(50) as usize;
            let found: Vec<Json> = found.take(limit).map(|name| json!({ "logStreamName": name })).collect();
            return Ok(Answer::ok(&json!({ "logStreams": found })));
        }
        check_name("logStreamName", stream, |c| !":*".contains(c))?;
        match call.as_str() {
            "CreateLogStream" if streams.contains_key(stream) => {
                Err(Answer::error(400, "ResourceAlreadyExistsException", "The specified log stream already exists"))
            }
            "CreateLogStream" => {
                streams.insert(stream.to_owned(), Stream::default());
                Ok(Answer::ok(&json!({})))
            }
            "PutLogEvents" => {
                let rules =
                    Rules { max_event: self.max_event, retention: self.retention, poison: self.poison.as_deref() };
                let stream = streams.get_mut(stream).ok_or_else(|| missing("stream"))?;
                stream.put(body, self.sequence_tokens, &rules)
            }
            other => Err(Answer::error(400, "UnknownOperationException", other)),
        }
    }

    fn check_access(&self, call: &str, authorization: &str) -> Result<(), Answer> {
        let credential = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=");
        let Some((key, scope)) = credential.and_then(|credential| credential.split_once('/')) else {
            let message = "Request is missing Authentication Token";
            return Err(Answer::error(403, "MissingAuthenticationTokenException", message));
        };
        assert!(scope.contains("/logs/aws4_request") && scope.contains("Signature="), "{scope}");
        if self.access_key.as_ref().is_some_and(|expected| expected != key) {
            return Err(Answer::error(400, self.access_error, "The security token included in the request is invalid"));
        }
        if self.denied.contains(call) {
            let message = format!(
                "User: arn:aws:iam::123456789012:user/app is not authorized to perform: logs:{call} on resource: \
                 arn:aws:logs:us-east-1:123456789012:log-group:any"
            );
            return Err(Answer::error(400, "AccessDeniedException", &message));
        }
        Ok(())
    }
}

struct Rules<'a> {
    max_event: usize,
    retention: Option<Duration>,
    poison: Option<&'a str>,
}

impl Stream {
    fn put(&mut self, body: &Json, sequence_tokens: bool, rules: &Rules<'_>) -> Result<Answer, Answer> {
        let token = (self.puts > 0).then(|| self.puts.to_string());
        if sequence_tokens {
            let refuse = |code| {
                let text = token.as_deref().unwrap_or("null");
                let message = format!("The next batch can be sent with sequenceToken: {text}");
                let body = json!({ "__type": code, "message": message, "expectedSequenceToken": token });
                Answer { status: 400, headers: String::new(), body: body.to_string() }
            };
            if self.last.as_ref() == Some(&body["logEvents"]) {
                return Err(refuse("DataAlreadyAcceptedException"));
            }
            if body["sequenceToken"].as_str() != token.as_deref() {
                return Err(refuse("InvalidSequenceTokenException"));
            }
        }
        let events = rules.events(body)?;
        self.puts += 1;
        self.last = Some(body["logEvents"].clone());

        let now = now();
        let at = |limit: i64| events.partition_point(|(timestamp, _)| *timestamp < limit);
        let too_old = at(now - 14 * DAY);
        let expired = rules.retention.map_or(0, |retention| at(now - retention.as_millis() as i64));
        let too_new = at(now + 2 * HOUR + 1);
        let valid = too_old.max(expired)..too_new;
        if let (Some((first, _)), Some((last, _))) = (events[valid.clone()].first(), events[valid.clone()].last())
            && last - first > DAY
        {
            let message = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
            return Err(invalid(message));
        }
        let mut rejected = serde_json::Map::new();
        let all = events.len();
        for (name, index, any) in [
            ("tooOldLogEventEndIndex", too_old, too_old > 0),
            ("expiredLogEventEndIndex", expired, expired > too_old),
            ("tooNewLogEventStartIndex", too_new, too_new < all),
        ] {
            if any {
                rejected.insert(name.to_owned(), json!(index));
            }
        }
        self.events.extend(events[valid].iter().cloned());
        let mut answer = json!({ "nextSequenceToken": self.puts.to_string() });
        if !rejected.is_empty() {
            answer["rejectedLogEventsInfo"] = Json::Object(rejected);
        }
        Ok(Answer::ok(&answer))
    }
}

impl Rules<'_> {
    /// The events of a request, if it keeps all rules.
    fn events(&self, body: &Json) -> Result<Events, Answer> {
        let events = body["logEvents"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=10_000).contains(&events.len()) {
            return Err(invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint"));
        }
        let read = |event: &Json| Some((event["timestamp"].as_i64()?, event["message"].as_str()?.to_owned()));
        let events: Option<Events> = events.iter().map(read).collect();
        let Some(events) = events else {
            return Err(Answer::error(400, "SerializationException", "an event is malformed"));
        };
        if events.iter().any(|(timestamp, message)| *timestamp < 0 || message.is_empty()) {
            return Err(invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint"));
        }
        if !events.is_sorted_by_key(|(timestamp, _)| *timestamp) {
            let message = "Log events in a single PutLogEvents request must be in chronological order.";
            return Err(invalid(message));
        }
        let size = |message: &String| message.len() + OVERHEAD;
        if let Some(largest) = events.iter().map(|(_, message)| size(message)).find(|size| *size > self.max_event) {
            let limit = self.max_event;
            return Err(invalid(&format!("Log event too large: {largest} bytes exceeds limit of {limit}")));
        }
        let total: usize = events.iter().map(|(_, message)| size(message)).sum();
        if total > MAX_BYTES {
            return Err(invalid(&format!("Upload too large: {total} bytes exceeds limit of {MAX_BYTES}")));
        }
        if self.poison.is_some_and(|poison| events.iter().any(|(_, message)| message.contains(poison))) {
            return Err(invalid("Log event message is not acceptable"));
        }
        Ok(events)
    }
}

fn check_name(field: &str, name: &str, allowed: impl Fn(char) -> bool) -> Result<(), Answer> {
    if (1..=512).contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint");
    Err(invalid(&message))
}

fn invalid(message: &str) -> Answer {
    Answer::error(400, "InvalidParameterException", message)
}
