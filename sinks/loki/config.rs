//! The options of the Loki sink and their validation.

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use logwheel_core::Health;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::encode::{Encoder, Json, Protobuf};
use super::guard::Guard;
use super::labels::{FromField, Labels, MAX_VALUE, clean, is_label_name, metadata_name};
use super::pack::Packer;
use super::plan::Tails;
use super::unfinished::Unfinished;
use super::{LokiFormat, LokiSink, LongLine, Settings, Shared};
use crate::HttpConfigError;
use crate::http::client::{ClientOptions, client_setters, option_error};

/// Loki's `max_label_names_per_series`.
const MAX_LABELS: usize = 15;
/// Loki's `max_structured_metadata_entries_count`.
const MAX_METADATA_NAMES: usize = 128;
const PUSH: &str = "/loki/api/v1/push";

/// Builds a [`LokiSink`]. See [`LokiSink::builder`].
#[must_use]
pub struct LokiSinkBuilder {
    client: ClientOptions,
    tenant_id: Option<String>,
    labels: Vec<(String, String)>,
    /// Label and field.
    label_keys: Vec<(String, String)>,
    structured_metadata: Vec<String>,
    sanitize_values: bool,
    max_label_values: usize,
    max_streams: usize,
    format: LokiFormat,
    line_limit: usize,
    long_lines: LongLine,
    strict_timestamps: bool,
    max_request_bytes: usize,
    in_flight: usize,
    blocked_status: u16,
}

impl LokiSinkBuilder {
    pub(super) fn new(url: String) -> Self {
        Self {
            client: ClientOptions::new("url", url, Duration::from_secs(10)),
            tenant_id: None,
            labels: Vec::new(),
            label_keys: vec![("level".into(), "level".into())],
            structured_metadata: Vec::new(),
            sanitize_values: false,
            max_label_values: 100,
            max_streams: 1_000,
            format: LokiFormat::default(),
            line_limit: 256 * 1024,
            long_lines: LongLine::default(),
            strict_timestamps: false,
            max_request_bytes: 2 << 20,
            in_flight: 4,
            blocked_status: 260,
        }
    }

    /// The tenant, as `X-Scope-OrgID`. Default none, which is right for a Loki without
    /// `auth_enabled`. At most 150 of the characters `A-Z a-z 0-9 ! - _ . * ' ( ) :`.
    pub fn tenant_id(mut self, tenant: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant.into());
        self
    }

    /// Adds a label with the same value for all lines. Default, when none is added:
    /// `service="logwheel"`.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// The fields whose values are labels of the same name; replaces those chosen before. Default
    /// `level`, which stands for the event's level in lower case.
    ///
    /// Each combination of values is a stream, and Loki keeps files for each: choose fields with
    /// few values, and put the others into [`structured_metadata`](Self::structured_metadata). An
    /// event without the field goes without the label.
    pub fn label_keys<I: IntoIterator<Item: Into<String>>>(mut self, fields: I) -> Self {
        self.label_keys = fields.into_iter().map(Into::into).map(|field: String| (field.clone(), field)).collect();
        self
    }

    /// Adds a label that takes its values from a field of another name, or from where a path leads
    /// to: `user.plan` is the member `plan` of the raw JSON in the field `user`, unless there is a
    /// field of that name; `logger` is the event's logger.
    pub fn label_from(mut self, label: impl Into<String>, field: impl Into<String>) -> Self {
        self.label_keys.push((label.into(), field.into()));
        self
    }

    /// The fields that are sent as structured metadata, searchable and not indexed; paths as in
    /// [`label_from`](Self::label_from). Default none; at most 128, labels from fields included.
    ///
    /// Names become what Loki would make of them: each character but `A-Z a-z 0-9 _` becomes `_`.
    /// With one line go at most 60 KiB of them; what is beyond is cut.
    pub fn structured_metadata<I: IntoIterator<Item: Into<String>>>(mut self, fields: I) -> Self {
        self.structured_metadata = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Whether label values are reduced to at most 128 of the characters `A-Z a-z 0-9 _ -`; each
    /// other one becomes `_`. Default `false`: Loki takes any text of up to 2,048 bytes; longer ones
    /// are cut there.
    pub fn sanitize_values(mut self, sanitize: bool) -> Self {
        self.sanitize_values = sanitize;
        self
    }

    /// How many values a label from a field may have. With one more it stops being a label: from
    /// then on, until the sink is built anew, it is sent as structured metadata. Default 100, at
    /// least 1. Diagnostics say so, and [`LokiHandle::moved_labels`](super::LokiHandle::moved_labels) tells.
    pub fn max_label_values(mut self, values: usize) -> Self {
        self.max_label_values = values;
        self
    }

    /// How many streams there may be. With one more, the label that has the most values stops
    /// being one. Default 1,000, at least 1; Loki itself refuses the 5,001st of a tenant by default.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.max_streams = streams;
        self
    }

    /// How batches are sent. Default [`LokiFormat::Protobuf`].
    pub fn format(mut self, format: LokiFormat) -> Self {
        self.format = format;
        self
    }

    /// The most bytes of a line. Default 256 KiB, which is Loki's own default (`max_line_size`);
    /// 64 bytes to 1 MiB.
    pub fn line_limit(mut self, bytes: usize) -> Self {
        self.line_limit = bytes;
        self
    }

    /// What happens to longer lines. Default [`LongLine::Reject`].
    pub fn long_lines(mut self, action: LongLine) -> Self {
        self.long_lines = action;
        self
    }

    /// Whether no two lines of a stream may have the same time, nor a later one an earlier time
    /// than one that was sent before: times are then moved on, by as little as that takes. Default
    /// `false`: only exact repeats are moved, by a nanosecond. For servers that refuse what is out
    /// of order (`unordered_writes: false`).
    pub fn strict_timestamps(mut self, strict: bool) -> Self {
        self.strict_timestamps = strict;
        self
    }

    /// The most bytes of one request before compression, counted as Loki counts. Default 2 MiB;
    /// 64 KiB to 3 MiB: beyond 4 MiB Loki takes nothing by default, and says "try again". A single
    /// line goes alone whatever its size. When a server takes less, the sink finds out.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// How many requests, each of another stream, may be under way at once. Default 4; 1 to 64.
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = requests;
        self
    }

    /// The status by which the server says that an operator has blocked this tenant and nothing was
    /// stored. Default 260, which is Loki's.
    pub fn blocked_status(mut self, status: u16) -> Self {
        self.blocked_status = status;
        self
    }

    client_setters!(timeout: "10 s");

    /// Builds the sink. Nothing is sent yet.
    ///
    /// # Errors
    /// When a name is not allowed at Loki, appears twice, or is one too many; when there is no
    /// label that every line has; when `tenant_id` or a number is out of its range; and for the
    /// options of the connection as in [`HttpSinkBuilder::build`](crate::HttpSinkBuilder::build).
    pub fn build(self) -> Result<LokiSink, HttpConfigError> {
        let labels = self.build_labels()?;
        self.check_numbers()?;
        let mut own = HeaderMap::new();
        let (content_type, encoding) = self.format.headers();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(encoding) = encoding {
            own.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if let Some(tenant) = &self.tenant_id {
            let value = HeaderValue::from_str(checked_tenant(tenant)?).expect("visible ASCII is allowed in headers");
            own.insert(HeaderName::from_static("x-scope-orgid"), value);
        }
        let mut client = self.client;
        if client.url.contains('?') || client.url.contains('#') {
            return option_error("url", "it must end with the path: Loki's push endpoint takes no query");
        }
        let base = client.url.trim_end_matches('/');
        let base = base.strip_suffix(PUSH).unwrap_or(base).to_owned();
        client.url = format!("{base}{PUSH}");

        let guard = Guard::new(labels.from_fields.len(), self.max_label_values, self.max_streams);
        let client = client.build(own)?;
        // The push URL was accepted, so this one can be none other.
        let ready = format!("{base}/ready").parse();
        let ready = ready.or_else(|_| option_error("url", "it cannot be understood"))?;
        Ok(LokiSink {
            client,
            shared: Arc::new(Shared {
                columns: labels.fields(),
                labels,
                guard,
                tails: Tails::default(),
                unfinished: Unfinished::default(),
                lines: RandomState::new(),
                retimed: AtomicU64::new(0),
                cut: AtomicU64::new(0),
                told_cut: AtomicU64::new(0),
                settings: Settings {
                    ready,
                    format: self.format,
                    line_limit: self.line_limit,
                    long_lines: self.long_lines,
                    strict_timestamps: self.strict_timestamps,
                    in_flight: self.in_flight,
                    blocked_status: self.blocked_status,
                },
            }),
            max_request_bytes: self.max_request_bytes,
            told_request_bytes: self.max_request_bytes,
            encoder: encoder(self.format),
            packer: Packer::default(),
            health: Health::Healthy,
        })
    }

    fn build_labels(&self) -> Result<Labels, HttpConfigError> {
        let mut fixed = self.labels.clone();
        if fixed.is_empty() {
            fixed.push(("service".into(), "logwheel".into()));
        }
        for (name, value) in &mut fixed {
            check_label("labels", name)?;
            if value.is_empty() || value.len() > MAX_VALUE {
                let problem = format!("the value of {name} has {} bytes; 1 to {MAX_VALUE} are allowed", value.len());
                return option_error("labels", problem);
            }
            if self.sanitize_values {
                *value = clean(value).into_owned();
            }
        }
        let mut level = false;
        let mut from_fields = Vec::new();
        for (name, field) in &self.label_keys {
            check_label("label_keys", name)?;
            if field == "level" && name == "level" {
                level = true;
            } else {
                from_fields.push(FromField { name: name.clone(), field: field.clone() });
            }
        }
        let names = || fixed.iter().map(|(name, _)| name).chain(self.label_keys.iter().map(|(name, _)| name));
        if let Some(twice) = first_twice(names()) {
            return option_error("labels", format!("{twice} is there twice, among `labels` and `label_keys`"));
        }
        let count = names().count();
        if count > MAX_LABELS {
            let problem =
                format!("{count} labels: Loki takes at most {MAX_LABELS} by default; use structured_metadata");
            return option_error("labels", problem);
        }
        let mut metadata = Vec::new();
        for field in &self.structured_metadata {
            let Some(name) = metadata_name(field) else {
                let problem =
                    format!("{field:?} has no ASCII letter or digit, and Loki would refuse every push with it");
                return option_error("structured_metadata", problem);
            };
            metadata.push(FromField { name, field: field.clone() });
        }
        let metadata_names = metadata.iter().chain(&from_fields).map(|source| &source.name);
        if let Some(twice) = first_twice(metadata_names.clone()) {
            let problem = format!("two fields, labels included, would be stored as {twice}");
            return option_error("structured_metadata", problem);
        }
        let count = metadata_names.count();
        if count > MAX_METADATA_NAMES {
            let problem = format!("{count} fields, labels included: Loki takes at most {MAX_METADATA_NAMES}");
            return option_error("structured_metadata", problem);
        }
        let sanitize = self.sanitize_values;
        Ok(Labels { fixed, level, from_fields, metadata, sanitize, hasher: RandomState::new() })
    }

    fn check_numbers(&self) -> Result<(), HttpConfigError> {
        let ranges = [
            ("max_label_values", self.max_label_values, 1..=usize::MAX),
            ("max_streams", self.max_streams, 1..=usize::MAX),
            ("line_limit", self.line_limit, 64..=1 << 20),
            ("max_request_bytes", self.max_request_bytes, 64 << 10..=3 << 20),
            ("in_flight", self.in_flight, 1..=64),
            ("blocked_status", usize::from(self.blocked_status), 100..=999),
        ];
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((option, value, range)) => {
                option_error(option, format!("{value}: it must be {} to {}", range.start(), range.end()))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LokiSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LokiSinkBuilder")
            .field("client", &self.client)
            .field("tenant_id", &self.tenant_id)
            .field("labels", &self.labels)
            .field("label_keys", &self.label_keys)
            .field("structured_metadata", &self.structured_metadata)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

pub(super) fn encoder(format: LokiFormat) -> Encoder {
    match format {
        LokiFormat::Protobuf => Encoder::Protobuf(Protobuf::default()),
        LokiFormat::Json | LokiFormat::JsonGzip => Encoder::Json(Json::default()),
    }
}

fn check_label(option: &'static str, name: &str) -> Result<(), HttpConfigError> {
    if is_label_name(name) {
        return Ok(());
    }
    let advice = if option == "label_keys" { "; give it another name with label_from" } else { "" };
    let problem = format!("{name:?} is no label name: [a-zA-Z_][a-zA-Z0-9_]* of up to 1,024 bytes is allowed{advice}");
    option_error(option, problem)
}

fn checked_tenant(tenant: &str) -> Result<&str, HttpConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!-_.*'():".contains(c);
    let fits = !tenant.is_empty() && tenant.len() <= 150 && tenant.chars().all(allowed);
    if fits && tenant != "." && tenant != ".." {
        return Ok(tenant);
    }
    let allowed = "1 to 150 letters, digits and !-_.*'(): are allowed, but not . and ..";
    option_error("tenant_id", format!("{tenant:?}: {allowed}"))
}

fn first_twice<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> LokiSinkBuilder {
        LokiSink::builder("https://loki.example.com")
    }

    #[track_caller]
    fn assert_problem(builder: LokiSinkBuilder, option: &str, text: &str) {
        let error = builder.build().unwrap_err();
        assert_eq!(error.option(), option, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }

    #[test]
    fn names_are_checked() {
        for name in ["a-b", "a.b", "1a", "", "é", "a=\"1\",evil", "\"a.b\""] {
            assert_problem(builder().label(name, "x"), "labels", "is no label name");
            assert_problem(builder().label_keys([name]), "label_keys", "label_from");
            assert!(builder().label_from("good", name).build().is_ok());
        }
        assert_problem(builder().label("app", ""), "labels", "1 to 2048");
        assert_problem(builder().label("app", "x".repeat(2_049)), "labels", "2049 bytes");
        assert_problem(builder().label("level", "x"), "labels", "level is there twice");
        assert_problem(builder().label_keys(["a", "a"]), "labels", "a is there twice");
        assert_problem(builder().label_keys((0..15).map(|n| format!("l{n}"))), "labels", "16 labels");
        assert!(builder().label_keys((0..14).map(|n| format!("l{n}"))).build().is_ok());
    }

    #[test]
    fn metadata_names_that_would_poison_a_push_are_refused() {
        for name in ["é", "世", "_", "__", ""] {
            assert_problem(builder().structured_metadata([name]), "structured_metadata", "no ASCII letter or digit");
        }
        let clash = builder().structured_metadata(["a-b", "a.b"]);
        assert_problem(clash, "structured_metadata", "two fields, labels included, would be stored as a_b");
        let clash = builder().label_keys(["user_id"]).structured_metadata(["user.id"]);
        assert_problem(clash, "structured_metadata", "stored as user_id");
        let many = builder().structured_metadata((0..129).map(|n| format!("m{n}")));
        assert_problem(many, "structured_metadata", "129 fields");
    }

    #[test]
    fn tenants_and_numbers_are_checked() {
        for tenant in ["", ".", "..", "a b", "a/b", "a|b", "a@b", "é", &"x".repeat(151)] {
            assert_problem(builder().tenant_id(tenant), "tenant_id", "are allowed");
        }
        assert!(builder().tenant_id("Team-1_!.*'():").build().is_ok());
        assert_problem(builder().max_streams(0), "max_streams", "0: it must be 1");
        assert_problem(builder().max_label_values(0), "max_label_values", "0: it must be 1");
        assert_problem(builder().line_limit(63), "line_limit", "63: it must be 64 to 1048576");
        assert_problem(builder().max_request_bytes(4 << 20), "max_request_bytes", "65536 to 3145728");
        assert_problem(builder().in_flight(0), "in_flight", "1 to 64");
        assert_problem(builder().timeout(Duration::ZERO), "timeout", "total is 0ns");
        assert_problem(LokiSink::builder("loki:3100"), "url", "https://host/path");
        assert_problem(LokiSink::builder("http://h/?a=b"), "url", "no query");
        assert_problem(LokiSink::builder("http://h/").bearer_token("hunter2"), "url", "allow_plain_http");
    }

    #[test]
    fn the_url_is_completed_once() {
        for url in ["https://h", "https://h/", "https://h/loki/api/v1/push", "https://h/loki/api/v1/push/"] {
            let sink = LokiSink::builder(url).build().unwrap();
            assert!(format!("{sink:?}").contains("\"https://h/loki/api/v1/push\""), "{sink:?}");
        }
    }

    #[test]
    fn secrets_are_in_no_error_and_no_debug_output() {
        let secret = || builder().basic_auth("user", "hunter2").header("X-Key", "hunter2");
        for text in [format!("{:?}", secret()), format!("{:?}", secret().build().unwrap())] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        let error = secret().bearer_token("hunter2").build().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
