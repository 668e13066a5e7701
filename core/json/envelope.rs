//! The two shapes of a line: `flat` and `v1_1`.

use serde_json::value::RawValue;

use super::text::{push_escaped, push_string};
use super::time::TimestampText;
use crate::event::UncheckedField;
use crate::{Event, Layer, Value};

/// The shape of the JSON that an event becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Envelope {
    /// One flat object: `timestamp` (RFC 3339, UTC, nanoseconds), `level`, `logger`, `message`,
    /// `trace_id` and `span_id` where there is a trace, then the fields. A field of one of these
    /// names, or of one that the engine uses itself (`_seq`, `_truncated`, `_redaction_failed`,
    /// `_damaged`), is written as `field_<name>`.
    #[default]
    Flat,
    /// fapilog's schema 1.1: `{"schema_version":"1.1","log":{…}}` with the fields sorted into
    /// `context` (request, user, tenant, trace, span, correlation and message ids), `diagnostics`
    /// (what stages added) and `data` (all else).
    V1_1,
}

/// What identifies an event to a receiver: `_seq` is `<epoch>-<lane>-<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Differs for each run of the engine.
    pub epoch: u64,
    /// The lane.
    pub lane: u32,
    /// Counts up by one for each event of this lane that passed the filters or was lost to a full
    /// lane.
    pub number: u64,
}

/// How often the encoder had to change a value to keep the line valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EncodeCounts {
    /// NaN or an infinity became `null`.
    pub non_finite: u64,
    /// What was logged as raw JSON is none, and was written as a string.
    pub invalid_json: u64,
    /// A run of bytes that is not UTF-8 became U+FFFD.
    pub invalid_utf8: u64,
}

/// Turns events into lines of JSON; one per worker.
#[derive(Debug, Default)]
pub struct JsonEncoder {
    envelope: Envelope,
    time: TimestampText,
    counts: EncodeCounts,
}

const CONTEXT_NAMES: [&str; 7] =
    ["request_id", "user_id", "tenant_id", "trace_id", "span_id", "correlation_id", "message_id"];

impl JsonEncoder {
    /// An encoder for this envelope.
    #[must_use]
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, ..Self::default() }
    }

    /// What had to be changed so far.
    #[must_use]
    pub fn counts(&self) -> EncodeCounts {
        self.counts
    }

    /// Appends the event to `out` as one line of JSON without its newline.
    pub fn encode(&mut self, event: &Event<'_>, identity: Option<Identity>, out: &mut Vec<u8>) {
        match self.envelope {
            Envelope::Flat => self.flat(event, identity, out),
            Envelope::V1_1 => self.v1_1(event, identity, out),
        }
    }

    fn flat(&mut self, event: &Event<'_>, identity: Option<Identity>, out: &mut Vec<u8>) {
        out.push(b'{');
        self.head(event, out);
        if !event.unchecked_logger().is_empty() {
            out.extend_from_slice(b",\"logger\":");
            push_string(out, event.unchecked_logger());
        }
        out.extend_from_slice(b",\"message\":");
        self.value(event.unchecked_message(), out);
        if event.trace().is_some() {
            out.push(b',');
            push_trace(event, out);
        }
        for field in event.unchecked_fields() {
            out.extend_from_slice(b",\"");
            if is_reserved(field.name, event) {
                push_escaped(out, unreserved(field.name, event).as_bytes());
            } else {
                push_escaped(out, field.name);
            }
            out.extend_from_slice(b"\":");
            self.value(field.value, out);
        }
        push_marks(event, identity, true, out);
        out.push(b'}');
    }

    fn v1_1(&mut self, event: &Event<'_>, identity: Option<Identity>, out: &mut Vec<u8>) {
        let is_context = |field: &UncheckedField<'_>| {
            let traced = event.trace().is_some() && matches!(field.name, b"trace_id" | b"span_id");
            CONTEXT_NAMES.iter().any(|name| name.as_bytes() == field.name) && !traced
        };
        out.extend_from_slice(b"{\"schema_version\":\"1.1\",\"log\":{");
        self.head(event, out);
        out.extend_from_slice(b",\"message\":");
        self.value(event.unchecked_message(), out);
        out.extend_from_slice(b",\"context\":{");
        if event.trace().is_some() {
            push_trace(event, out);
        }
        self.members(event, event.trace().is_none(), is_context, out);
        out.extend_from_slice(b"},\"diagnostics\":{");
        let first = push_marks(event, identity, false, out);
        self.members(event, first, |field| field.layer == Layer::Added && !is_context(field), out);
        out.extend_from_slice(b"},\"data\":{");
        self.members(event, true, |field| field.layer != Layer::Added && !is_context(field), out);
        out.push(b'}');
        if !event.unchecked_logger().is_empty() {
            out.extend_from_slice(b",\"logger\":");
            push_string(out, event.unchecked_logger());
        }
        out.extend_from_slice(b"}}");
    }

    fn head(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"timestamp\":\"");
        self.time.push(out, event.timestamp());
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(event.level().name().as_bytes());
        out.push(b'"');
    }

    /// The fields that `wanted` picks, as members of an object.
    fn members(
        &mut self,
        event: &Event<'_>,
        mut first: bool,
        wanted: impl Fn(&UncheckedField<'_>) -> bool,
        out: &mut Vec<u8>,
    ) {
        for field in event.unchecked_fields().filter(|field| wanted(field)) {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            push_string(out, field.name);
            out.push(b':');
            self.value(field.value, out);
        }
    }

    fn value(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::I64(v) => push_integer(out, v),
            Value::U64(v) => push_integer(out, v),
            Value::I128(v) => push_integer(out, v),
            Value::U128(v) => push_integer(out, v),
            Value::F64(v) => self.float(v, v.is_finite(), out),
            Value::F32(v) => self.float(v, v.is_finite(), out),
            // Unchecked texts come as bytes.
            Value::Bytes(bytes) => self.counts.invalid_utf8 += push_string(out, bytes),
            Value::Str(text) => drop(push_string(out, text.as_bytes())),
            Value::Char(c) => drop(push_string(out, c.encode_utf8(&mut [0; 4]).as_bytes())),
            Value::Duration(duration) => push_duration(out, duration),
            Value::Json(text) => self.raw_json(text, out),
            Value::Cut { kept, original_len } => {
                self.counts.invalid_utf8 += push_string(out, kept);
                out.pop();
                out.extend_from_slice(b"...[truncated, ");
                push_integer(out, original_len);
                out.extend_from_slice(b" bytes]\"");
            }
            // Formatted before they entered the lane; `store` sees to those of stages.
            Value::Display(_) | Value::Debug(_) | Value::Error(_) => out.extend_from_slice(b"null"),
        }
    }

    fn float<F: zmij::Float>(&mut self, value: F, finite: bool, out: &mut Vec<u8>) {
        if finite {
            out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.counts.non_finite += 1;
            out.extend_from_slice(b"null");
        }
    }

    fn raw_json(&mut self, text: &str, out: &mut Vec<u8>) {
        match serde_json::from_str::<&RawValue>(text) {
            // Line breaks can only stand between tokens here: inside a string they would be invalid.
            Ok(json) => out.extend(json.get().bytes().map(|byte| if byte < 0x20 { b' ' } else { byte })),
            Err(_) => {
                self.counts.invalid_json += 1;
                push_string(out, text.as_bytes());
            }
        }
    }
}

fn push_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn push_duration(out: &mut Vec<u8>, duration: std::time::Duration) {
    push_integer(out, duration.as_secs());
    let mut fraction = duration.subsec_nanos();
    if fraction > 0 {
        let mut digits = *b".000000000";
        for digit in digits[1..].iter_mut().rev() {
            *digit += (fraction % 10) as u8;
            fraction /= 10;
        }
        let len = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        out.extend_from_slice(&digits[..len]);
    }
}

/// `"trace_id":"…","span_id":"…"`; nothing without a trace.
fn push_trace(event: &Event<'_>, out: &mut Vec<u8>) {
    let Some(trace) = event.trace() else { return };
    let hex = |out: &mut Vec<u8>, bytes: &[u8]| {
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    };
    out.extend_from_slice(b"\"trace_id\":\"");
    hex(out, &trace.trace_id);
    out.extend_from_slice(b"\",\"span_id\":\"");
    hex(out, &trace.span_id);
    out.push(b'"');
}

/// The engine's own members, each behind a comma if `comma` or another one came before. Says
/// whether there was none.
fn push_marks(event: &Event<'_>, identity: Option<Identity>, comma: bool, out: &mut Vec<u8>) -> bool {
    let mut first = !comma;
    let mut separate = |out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
    };
    if let Some(Identity { epoch, lane, number }) = identity {
        separate(out);
        out.extend_from_slice(b"\"_seq\":\"");
        push_integer(out, epoch);
        out.push(b'-');
        push_integer(out, lane);
        out.push(b'-');
        push_integer(out, number);
        out.push(b'"');
    }
    for (marked, name) in [
        (event.is_truncated(), &b"\"_truncated\":true"[..]),
        (event.redaction_failed(), b"\"_redaction_failed\":true"),
        (event.is_damaged(), b"\"_damaged\":true"),
    ] {
        if marked {
            separate(out);
            out.extend_from_slice(name);
        }
    }
    first
}

fn is_reserved(name: &[u8], event: &Event<'_>) -> bool {
    match name {
        b"timestamp" | b"level" | b"logger" | b"message" => true,
        b"_seq" | b"_truncated" | b"_redaction_failed" | b"_damaged" => true,
        b"trace_id" | b"span_id" => event.trace().is_some(),
        _ => false,
    }
}

/// The name under which a field with a reserved name is written: unique among the event's fields.
fn unreserved(name: &[u8], event: &Event<'_>) -> String {
    let mut name = format!("field_{}", String::from_utf8_lossy(name));
    while event.position(&name).is_some() {
        name.insert_str(0, "field_");
    }
    name
}

#[cfg(test)]
mod tests;
