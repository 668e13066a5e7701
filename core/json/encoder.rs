//! Events as lines, in the two envelopes.

use std::array;

use super::envelope::{Envelope, Identity, is_of_context, is_of_trace, is_reserved, unreserved};
use super::opening::Opening;
use super::pieces::{Keys, SeqText, SiteKeys, Template, Templates};
use super::text::{push_escaped, push_string};
use super::time::SecondText;
use super::value::EncodeCounts;
use crate::event::{Part, RawField};
use crate::{Event, Layer, LineBuffer};

/// Turns events into lines of JSON; one per worker.
#[derive(Debug)]
pub struct JsonEncoder {
    envelope: Envelope,
    templates: Templates,
    /// Of events whose message is their own, by their loggers and levels.
    openings: [Opening; OPENINGS],
    seconds: SecondText,
    keys: Keys,
    seq: SeqText,
    sections: Sections,
    counts: EncodeCounts,
}

/// Members of a `v1_1` line that wait for those of the section before.
#[derive(Debug, Default)]
struct Sections {
    diagnostics: LineBuffer,
    data: LineBuffer,
}

impl Default for JsonEncoder {
    fn default() -> Self {
        Self::new(Envelope::default())
    }
}

impl JsonEncoder {
    /// An encoder for this envelope.
    #[must_use]
    pub fn new(envelope: Envelope) -> Self {
        Self {
            envelope,
            templates: Templates::default(),
            openings: array::from_fn(|_| Opening::new(envelope, b"")),
            seconds: SecondText::default(),
            keys: Keys::new(envelope),
            seq: SeqText::default(),
            sections: Sections::default(),
            counts: EncodeCounts::default(),
        }
    }

    /// What had to be changed so far.
    #[must_use]
    pub fn counts(&self) -> EncodeCounts {
        self.counts
    }

    /// Lets go of memory beyond about `bytes`, which an unusual event left behind.
    pub fn trim(&mut self, bytes: usize) {
        for section in [&mut self.sections.diagnostics, &mut self.sections.data] {
            if section.capacity() > bytes {
                *section = LineBuffer::new();
            }
        }
    }

    /// Appends the event to `out` as one line of JSON without its newline.
    pub fn encode(&mut self, event: &Event<'_>, identity: Option<Identity>, out: &mut LineBuffer) {
        let Self { envelope, templates, openings, seconds, keys, seq, sections, counts } = self;
        let (opening, site, has_message) = match templates.of(event, *envelope) {
            Some(Template { opening, keys }) if event.message_is_static() => (opening, Some(&*keys), true),
            Some(Template { keys, .. }) => (&mut openings[opening_of(event)], Some(&*keys), false),
            None => (&mut openings[opening_of(event)], None, false),
        };
        opening.push(event, seconds, out);
        let mut line = Line { event, site, keys, seq, identity, counts, out };
        if !has_message {
            line.message();
        }
        match envelope {
            Envelope::Flat => line.flat(),
            Envelope::V1_1 => line.v1_1(opening.logger_text(), sections),
        }
    }
}

/// So many openings are kept for events with messages of their own: loggers and levels alternate among them, and each
/// that lies elsewhere than the one before finds its opening as it was.
const OPENINGS: usize = 16;

/// The place of an event's opening. Two that share one write it anew in turn.
#[inline]
fn opening_of(event: &Event<'_>) -> usize {
    let hash = event.logger_tag().wrapping_add(u32::from(event.level().number())).wrapping_mul(0x9e37_79b1);
    (hash >> 16) as usize % OPENINGS
}

/// One line that is being written, behind its opening.
struct Line<'l, 'a> {
    event: &'l Event<'a>,
    site: Option<&'l SiteKeys>,
    keys: &'l mut Keys,
    seq: &'l mut SeqText,
    identity: Option<Identity>,
    counts: &'l mut EncodeCounts,
    out: &'l mut LineBuffer,
}

impl Line<'_, '_> {
    #[inline(always)]
    fn flat(&mut self) {
        if self.event.trace().is_some() {
            self.out.push(b',');
            push_trace(self.event, self.out);
        }
        for part in self.event.parts() {
            match part {
                Part::Members(members) => {
                    self.out.push(b',');
                    self.out.extend_from_slice(members);
                }
                Part::Field(field) => {
                    if let Some(member) = field.member() {
                        self.out.push(b',');
                        self.out.extend_from_slice(member);
                    } else {
                        push_member(self.event, self.site, self.keys, &field, Envelope::Flat, self.counts, self.out);
                    }
                }
            }
        }
        self.marks(true);
        self.out.push(b'}');
    }

    #[inline]
    fn v1_1(&mut self, logger: &[u8], sections: &mut Sections) {
        let has_trace = self.event.trace().is_some();
        let Sections { diagnostics, data } = sections;
        diagnostics.clear();
        data.clear();
        self.out.put(*b",\"context\":{");
        push_trace(self.event, self.out);
        let mut context_is_empty = !has_trace;
        for part in self.event.parts() {
            let field = match part {
                Part::Field(field) => field,
                Part::Members(members) => {
                    if !diagnostics.is_empty() {
                        diagnostics.push(b',');
                    }
                    diagnostics.extend_from_slice(members);
                    continue;
                }
            };
            let name = field.name();
            let is_context = is_of_context(name) && !(has_trace && is_of_trace(name));
            let (section, is_first) = match field.layer() {
                _ if is_context => (&mut *self.out, std::mem::take(&mut context_is_empty)),
                Layer::Added => (&mut *diagnostics, false),
                Layer::Argument | Layer::Context => (&mut *data, false),
            };
            if !is_first && !section.is_empty() {
                section.push(b',');
            }
            match field.member() {
                Some(member) => section.extend_from_slice(member),
                None => push_member(self.event, self.site, self.keys, &field, Envelope::V1_1, self.counts, section),
            }
        }
        self.out.put(*b"},\"diagnostics\":{");
        let no_marks = self.marks(false);
        if !no_marks && !diagnostics.is_empty() {
            self.out.push(b',');
        }
        self.out.extend_from_slice(diagnostics);
        self.out.put(*b"},\"data\":{");
        self.out.extend_from_slice(data);
        self.out.push(b'}');
        self.out.extend_from_slice(logger);
        self.out.put(*b"}}");
    }

    /// The message, if the opening has none.
    #[inline(never)]
    fn message(&mut self) {
        self.out.put(*b",\"message\":");
        match self.event.raw_message() {
            Some(wire) => self.counts.push_wire(wire, self.out),
            None => drop(push_string(self.out, self.event.message().as_bytes())),
        }
    }

    /// The engine's own members, each behind a comma if `comma` or another one came before. Says
    /// whether there was none.
    #[inline]
    fn marks(&mut self, comma: bool) -> bool {
        let mut first = !comma;
        let mut separate = |out: &mut LineBuffer| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
        };
        if let Some(identity) = self.identity {
            separate(self.out);
            self.seq.push(identity, self.out);
        }
        for (marked, name) in [
            (self.event.is_truncated(), &b"\"_truncated\":true"[..]),
            (self.event.redaction_failed(), b"\"_redaction_failed\":true"),
            (self.event.is_damaged(), b"\"_damaged\":true"),
        ] {
            if marked {
                separate(self.out);
                self.out.extend_from_slice(name);
            }
        }
        first
    }
}

/// `"name":value`, in a flat line behind a comma; and there the name must not be one of the line's own.
#[inline(always)]
fn push_member(
    event: &Event<'_>,
    site: Option<&SiteKeys>,
    keys: &mut Keys,
    field: &RawField<'_, '_>,
    envelope: Envelope,
    counts: &mut EncodeCounts,
    out: &mut LineBuffer,
) {
    match field.at_callsite().and_then(|index| site?.get(index)) {
        Some(key) => key.push(out),
        None => {
            if !keys.push(field.tag(), field.name(), out) {
                push_key(event, field.name(), envelope, out);
            }
        }
    }
    counts.push_wire(field.wire(), out);
}

/// A name that is to be looked at in each event.
#[inline(never)]
fn push_key(event: &Event<'_>, name: &[u8], envelope: Envelope, out: &mut LineBuffer) {
    if envelope == Envelope::Flat {
        out.push(b',');
    }
    out.push(b'"');
    if envelope == Envelope::Flat && is_reserved(name, event) {
        push_escaped(out, unreserved(name, event).as_bytes());
    } else {
        push_escaped(out, name);
    }
    out.put(*b"\":");
}

/// `"trace_id":"…","span_id":"…"`; nothing without a trace.
fn push_trace(event: &Event<'_>, out: &mut LineBuffer) {
    let Some(trace) = event.trace() else { return };
    let hex = |out: &mut LineBuffer, bytes: &[u8]| {
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        bytes.iter().for_each(|byte| out.put([digit(byte >> 4), digit(byte & 15)]));
    };
    out.extend_from_slice(b"\"trace_id\":\"");
    hex(out, &trace.trace_id);
    out.extend_from_slice(b"\",\"span_id\":\"");
    hex(out, &trace.span_id);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
