//! `http_request`: the facts of an HTTP request in one form.

use logwheel_core::{Enricher, Enrichment, Event, StageError, Value};

use super::process_info::require_prefix;
use crate::InvalidOption;
use crate::path::{FieldPath, read_number};

/// Adds method, path, status, status class and latency of an HTTP request in a form that all services
/// share.
///
/// A service sets the facts itself, as far as it knows them: method and path in a scope around the
/// request, status and latency in the statement at its end. This enricher reads them and adds
///
/// | field | from | value |
/// |---|---|---|
/// | `http_method` | `method` | in upper case; `_OTHER` (as in OpenTelemetry) if it is not a usual one |
/// | `http_path` | `path` | up to the query or fragment, which may hold secrets and would make every path another one |
/// | `http_status` | `status` | a number, 100 to 599 |
/// | `http_status_class` | `status` | `1xx` to `5xx` |
/// | `http_latency_ms` | `latency` | milliseconds, from a length of time or a number of seconds |
/// | `http_invalid` | | the sources, if any, that are there but say nothing of the kind, such as `status,latency` |
///
/// Each source is looked for under its name behind the prefix first (`http_method`), then under its name
/// alone; an option names another place, also inside raw JSON. An event without a method (1 to 32
/// characters of HTTP's tokens) is not about a request and stays as it is. The fields that are read stay
/// too, and a field that an event has already is not overwritten. Nothing is allocated, unless a source is
/// inside JSON.
///
/// ```
/// use logwheel_stages::HttpRequest;
///
/// let http = HttpRequest::builder().latency_field("elapsed").status_field("response.code").build()?;
/// # let _ = http;
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpRequest {
    method: Source,
    path: Source,
    status: Source,
    latency: Source,
    names: Names,
    scratch: String,
    text: String,
}

/// Where a fact may be, in the order of the search.
#[derive(Debug, Clone)]
struct Source(Vec<FieldPath>);

/// The fields that are added.
#[derive(Debug, Clone)]
struct Names {
    method: String,
    path: String,
    status: String,
    status_class: String,
    latency_ms: String,
    invalid: String,
}

/// The options of [`HttpRequest`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpRequestBuilder {
    prefix: String,
    method_field: Option<String>,
    path_field: Option<String>,
    status_field: Option<String>,
    latency_field: Option<String>,
}

impl HttpRequest {
    /// The usual names, and the prefix `http_`.
    pub fn builder() -> HttpRequestBuilder {
        HttpRequestBuilder {
            prefix: "http_".to_owned(),
            method_field: None,
            path_field: None,
            status_field: None,
            latency_field: None,
        }
    }
}

impl HttpRequestBuilder {
    /// What the names of the added fields start with; `http_` by default, at most 60,000 bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Where the method is; by default `http_method`, then `method`.
    pub fn method_field(mut self, path: impl Into<String>) -> Self {
        self.method_field = Some(path.into());
        self
    }

    /// Where the path is; by default `http_path`, then `path`.
    pub fn path_field(mut self, path: impl Into<String>) -> Self {
        self.path_field = Some(path.into());
        self
    }

    /// Where the status is; by default `http_status`, then `status`.
    pub fn status_field(mut self, path: impl Into<String>) -> Self {
        self.status_field = Some(path.into());
        self
    }

    /// Where the latency is; by default `http_latency`, then `latency`.
    pub fn latency_field(mut self, path: impl Into<String>) -> Self {
        self.latency_field = Some(path.into());
        self
    }

    /// The enricher.
    ///
    /// # Errors
    /// When the prefix is too long or a field is no path.
    pub fn build(self) -> Result<HttpRequest, InvalidOption> {
        require_prefix(&self.prefix)?;
        let name = |name: &str| format!("{}{name}", self.prefix);
        let source = |option: &'static str, given: Option<&String>, usual: &str| match given {
            Some(text) => match FieldPath::parse(text) {
                Some(path) => Ok(Source(vec![path])),
                None => Err(InvalidOption::new(option, format_args!("{text:?}"), FieldPath::ALLOWED)),
            },
            // A prefix that makes no path leaves the name alone.
            None => Ok(Source([&name(usual), usual].into_iter().filter_map(FieldPath::parse).collect())),
        };
        Ok(HttpRequest {
            method: source("method_field", self.method_field.as_ref(), "method")?,
            path: source("path_field", self.path_field.as_ref(), "path")?,
            status: source("status_field", self.status_field.as_ref(), "status")?,
            latency: source("latency_field", self.latency_field.as_ref(), "latency")?,
            names: Names {
                method: name("method"),
                path: name("path"),
                status: name("status"),
                status_class: name("status_class"),
                latency_ms: name("latency_ms"),
                invalid: name("invalid"),
            },
            scratch: String::new(),
            text: String::new(),
        })
    }
}

impl Source {
    fn find<'e>(&self, event: &'e Event<'_>, scratch: &'e mut String) -> Option<Value<'e>> {
        let located = self.0.iter().find_map(|path| path.locate(event))?;
        Some(located.value(scratch))
    }
}

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The method in its usual form; `None` if the text is no method at all.
fn method_of(value: &Value<'_>) -> Option<&'static str> {
    let Value::Str(text) = value else { return None };
    // RFC 9110, section 5.6.2.
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    if !(1..=32).contains(&text.len()) || !text.bytes().all(is_token) {
        return None;
    }
    let usual = METHODS.into_iter().find(|method| method.eq_ignore_ascii_case(text));
    Some(usual.unwrap_or("_OTHER"))
}

/// The path of a request target: RFC 9112, section 3.2, in origin or asterisk form.
fn path_of<'v>(value: &Value<'v>) -> Option<&'v str> {
    let Value::Str(text) = value else { return None };
    let path = text.split(['?', '#']).next().unwrap_or_default();
    (path.starts_with('/') || path == "*").then_some(path)
}

fn status_of(value: &Value<'_>) -> Option<u64> {
    let status = match number_in(value).as_ref().unwrap_or(value) {
        Value::U64(status) => *status,
        Value::I64(status) => u64::try_from(*status).ok()?,
        _ => return None,
    };
    (100..=599).contains(&status).then_some(status)
}

/// In milliseconds.
fn latency_of(value: &Value<'_>) -> Option<f64> {
    let seconds = match number_in(value).as_ref().unwrap_or(value) {
        Value::Duration(duration) => duration.as_secs_f64(),
        Value::F64(seconds) => *seconds,
        Value::F32(seconds) => f64::from(*seconds),
        Value::U64(seconds) => *seconds as f64,
        Value::I64(seconds) => *seconds as f64,
        _ => return None,
    };
    (seconds >= 0.0 && seconds.is_finite()).then_some(seconds * 1e3)
}

/// The number that a text spells.
fn number_in(value: &Value<'_>) -> Option<Value<'static>> {
    match value {
        Value::Str(text) => read_number(text),
        _ => None,
    }
}

impl Enricher for HttpRequest {
    fn name(&self) -> &str {
        "http_request"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        let Self { method, path, status, latency, names, scratch, text } = self;
        let found = method.find(event, scratch).as_ref().and_then(method_of);
        let Some(method) = found else { return Ok(()) };
        event.add(&names.method, method);

        // `None`: no such field; `Some(None)`: it is there and makes no sense.
        let path = path.find(event, scratch).map(|value| {
            path_of(&value).map(|path| {
                text.clear();
                text.push_str(path);
            })
        });
        if path == Some(Some(())) {
            event.add(&names.path, text.as_str());
        }
        let status = status.find(event, scratch).map(|value| status_of(&value));
        if let Some(Some(status)) = status {
            event.add(&names.status, status);
            event.add(&names.status_class, CLASSES[status as usize / 100 - 1]);
        }
        let latency = latency.find(event, scratch).map(|value| latency_of(&value));
        if let Some(Some(latency)) = latency {
            event.add(&names.latency_ms, latency);
        }

        let invalid =
            [(path == Some(None), "path"), (status == Some(None), "status"), (latency == Some(None), "latency")];
        text.clear();
        for (_, name) in invalid.iter().filter(|(is_invalid, _)| *is_invalid) {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
        }
        if !text.is_empty() {
            event.add(&names.invalid, text.as_str());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::support::{TestEvent, enrich};

    fn http() -> HttpRequest {
        HttpRequest::builder().build().unwrap()
    }

    fn request(method: &str) -> TestEvent {
        TestEvent::new("m").scoped("method", Value::Str(method))
    }

    #[test]
    fn story_5_20_the_facts_of_a_request_are_added_in_one_form() {
        let event = request("get")
            .scoped("path", Value::Str("/orders/7?token=secret#top"))
            .field("status", Value::U64(404))
            .field("latency", Value::Duration(Duration::from_micros(12_500)));
        let expected = [
            "http_method=Str(\"GET\")",
            "http_path=Str(\"/orders/7\")",
            "http_status=U64(404)",
            "http_status_class=Str(\"4xx\")",
            "http_latency_ms=F64(12.5)",
        ];
        let mut enricher = http();
        assert_eq!(enrich(&mut enricher, &event), expected);
        assert_eq!(enrich(&mut *enricher.replicate().unwrap(), &event), expected);
    }

    #[test]
    fn story_5_20_an_event_without_a_method_is_left_alone() {
        for event in [
            TestEvent::new("m").field("status", Value::U64(200)).field("path", Value::Str("/etc/passwd")),
            request("").field("status", Value::U64(200)),
            request("not a token").field("status", Value::U64(200)),
            TestEvent::new("m").field("method", Value::U64(1)),
            request(&"m".repeat(33)),
        ] {
            assert_eq!(enrich(&mut http(), &event), [""; 0]);
        }
        assert_eq!(enrich(&mut http(), &request("purge")), ["http_method=Str(\"_OTHER\")"]);
    }

    #[test]
    fn story_5_20_what_makes_no_sense_is_named_and_not_added() {
        let event = |path: Value<'_>, status: Value<'_>, latency: Value<'_>| {
            request("PUT").field("path", path).field("status", status).field("latency", latency)
        };
        let all = event(Value::Str("orders"), Value::U64(42), Value::F64(-1.0));
        assert_eq!(
            enrich(&mut http(), &all),
            ["http_method=Str(\"PUT\")", "http_invalid=Str(\"path,status,latency\")"]
        );
        for (status, latency) in [
            (Value::Str("ok"), Value::F64(f64::NAN)),
            (Value::I64(-200), Value::Bool(true)),
            (Value::Null, Value::Null),
        ] {
            let added = enrich(&mut http(), &event(Value::Str("*"), status, latency));
            assert_eq!(added[1..], ["http_path=Str(\"*\")", "http_invalid=Str(\"status,latency\")"]);
        }
    }

    #[test]
    fn numbers_in_texts_and_values_in_json_are_understood() {
        let mut enricher =
            HttpRequest::builder().status_field("response.code").latency_field("took").prefix("h.").build().unwrap();
        let event = TestEvent::new("m")
            .field("h.method", Value::Str("Post"))
            .field("response", Value::Json("{\"code\":\"503\"}"))
            .field("took", Value::Str("0.25"));
        assert_eq!(
            enrich(&mut enricher, &event),
            ["h.status=U64(503)", "h.status_class=Str(\"5xx\")", "h.latency_ms=F64(250.0)"]
        );
        let whole = request("GET").field("latency", Value::U64(2));
        assert_eq!(enrich(&mut http(), &whole)[1..], ["http_latency_ms=F64(2000.0)"]);
    }

    #[test]
    fn options_that_are_no_paths_are_refused_by_name() {
        let options = HttpRequest::builder;
        for (builder, option) in [
            (options().method_field(""), "method_field"),
            (options().path_field("a..b"), "path_field"),
            (options().status_field("."), "status_field"),
            (options().latency_field("x."), "latency_field"),
            (options().prefix("p".repeat(60_001)), "prefix"),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
    }
}
