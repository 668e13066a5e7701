//! The shapes of a line, and the names that they keep for themselves.

use crate::Event;

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

/// Whether a flat line ever has a member of this name beside its fields.
pub(super) fn may_be_reserved(name: &[u8]) -> bool {
    is_always_reserved(name) || is_of_trace(name)
}

/// Whether the flat line of this event has a member of this name beside its fields.
pub(super) fn is_reserved(name: &[u8], event: &Event<'_>) -> bool {
    is_always_reserved(name) || (is_of_trace(name) && event.trace().is_some())
}

fn is_always_reserved(name: &[u8]) -> bool {
    matches!(
        name,
        b"timestamp" | b"level" | b"logger" | b"message" | b"_seq" | b"_truncated" | b"_redaction_failed" | b"_damaged"
    )
}

pub(super) fn is_of_trace(name: &[u8]) -> bool {
    matches!(name, b"trace_id" | b"span_id")
}

/// Whether `v1_1` has a field of this name under `context`.
pub(crate) fn is_of_context(name: &[u8]) -> bool {
    is_of_trace(name) || matches!(name, b"request_id" | b"user_id" | b"tenant_id" | b"correlation_id" | b"message_id")
}

/// The name under which a field with a reserved name is written: unique among the event's fields.
pub(super) fn unreserved(name: &[u8], event: &Event<'_>) -> String {
    let mut name = format!("field_{}", String::from_utf8_lossy(name));
    while event.position(&name).is_some() {
        name.insert_str(0, "field_");
    }
    name
}
