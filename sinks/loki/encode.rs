//! The bodies of push requests: one stream each, as protobuf or JSON.
//!
//! The protobuf messages are those of Loki's push API (`PushRequest`, `StreamAdapter`,
//! `EntryAdapter`, `LabelPairAdapter`), of which only four field types are needed; that is shorter
//! to write than to generate, and nothing is built in memory but the bytes.

use std::io::Write;

/// The labels of a stream, by name.
pub(crate) type LabelSet = Vec<(String, String)>;

/// One line on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Nanoseconds since the epoch.
    pub(crate) timestamp: u64,
    /// The line is these two, one behind the other.
    pub(crate) text: [&'a [u8]; 2],
    pub(crate) metadata: &'a [(&'a str, &'a str)],
}

/// A line, and how long it is as protobuf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
    line: Line<'a>,
    /// The length of its text.
    text: usize,
    /// The length of its timestamp.
    timestamp: usize,
    /// The length of all of it, without the tag and length before it.
    content: usize,
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn measured(self) -> Measured<'a> {
        let text = self.text[0].len() + self.text[1].len();
        let timestamp = timestamp_size(self.timestamp);
        let metadata = self.metadata.iter().map(|(name, value)| delimited_size(pair_size(name, value)));
        let content = delimited_size(timestamp) + text_size(text) + metadata.sum::<usize>();
        Measured { line: self, text, timestamp, content }
    }
}

impl Measured<'_> {
    /// The bytes it takes as protobuf, which is what Loki's limits count, whatever the body is.
    pub(crate) fn size(&self) -> usize {
        delimited_size(self.content)
    }
}

/// Builds a body in memory that it keeps from request to request. The same stream and lines
/// always give the same bytes.
#[derive(Debug)]
pub(crate) enum Encoder {
    Protobuf(Protobuf),
    Json(Json),
}

impl Encoder {
    /// Begins a body with the stream's labels.
    pub(crate) fn begin(&mut self, labels: &LabelSet) {
        match self {
            Self::Protobuf(encoder) => encoder.begin(labels),
            Self::Json(encoder) => encoder.begin(labels),
        }
    }

    pub(crate) fn push(&mut self, line: &Measured<'_>) {
        match self {
            Self::Protobuf(encoder) => encoder.push(line),
            Self::Json(encoder) => encoder.push(&line.line),
        }
    }

    /// The body, not compressed.
    pub(crate) fn finish(&mut self) -> &[u8] {
        match self {
            Self::Protobuf(encoder) => encoder.finish(),
            Self::Json(encoder) => encoder.finish(),
        }
    }
}

const STREAMS: u8 = 1;
const LABELS: u8 = 1;
const ENTRIES: u8 = 2;
const TIMESTAMP: u8 = 1;
const LINE: u8 = 2;
const METADATA: u8 = 3;
const SECONDS: u8 = 1;
const NANOS: u8 = 2;
const NAME: u8 = 1;
const VALUE: u8 = 2;

/// Room for the tag and the length of the only stream, which is known when all lines are there.
const HEAD: usize = 11;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Protobuf {
    buffer: Vec<u8>,
}

impl Protobuf {
    fn begin(&mut self, labels: &LabelSet) {
        self.buffer.clear();
        self.buffer.resize(HEAD, 0);
        bytes(&mut self.buffer, LABELS, selector(labels).as_bytes());
    }

    fn push(&mut self, measured: &Measured<'_>) {
        let Measured { line, text, timestamp, content } = measured;
        let mut front = Front::default();
        open(&mut front, ENTRIES, *content);
        open(&mut front, TIMESTAMP, *timestamp);
        number(&mut front, SECONDS, line.timestamp / NANOS_PER_SECOND);
        number(&mut front, NANOS, line.timestamp % NANOS_PER_SECOND);
        if *text > 0 {
            open(&mut front, LINE, *text);
        }
        let out = &mut self.buffer;
        out.reserve(content + HEAD);
        // As a block, which takes no call; what is too much of it is taken back.
        let end = out.len() + front.len;
        out.extend_from_slice(&front.bytes);
        out.truncate(end);
        line.text.iter().filter(|part| !part.is_empty()).for_each(|part| out.extend_from_slice(part));
        for (name, value) in line.metadata {
            open(out, METADATA, pair_size(name, value));
            bytes(out, NAME, name.as_bytes());
            bytes(out, VALUE, value.as_bytes());
        }
    }

    fn finish(&mut self) -> &[u8] {
        let len = self.buffer.len() - HEAD;
        let mut head = Vec::with_capacity(HEAD);
        open(&mut head, STREAMS, len);
        let start = HEAD - head.len();
        self.buffer[start..HEAD].copy_from_slice(&head);
        &self.buffer[start..]
    }
}

fn pair_size(name: &str, value: &str) -> usize {
    text_size(name.len()) + text_size(value.len())
}

fn timestamp_size(timestamp: u64) -> usize {
    [timestamp / NANOS_PER_SECOND, timestamp % NANOS_PER_SECOND]
        .into_iter()
        .map(|value| if value == 0 { 0 } else { 1 + varint_size(value) })
        .sum()
}

/// A field with bytes; empty ones are left out, as protobuf does.
fn text_size(len: usize) -> usize {
    if len == 0 { 0 } else { delimited_size(len) }
}

fn delimited_size(len: usize) -> usize {
    1 + varint_size(len as u64) + len
}

fn varint_size(value: u64) -> usize {
    ((64 - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

/// Where single bytes go.
trait Bytes {
    fn add(&mut self, byte: u8);
}

impl Bytes for Vec<u8> {
    fn add(&mut self, byte: u8) {
        self.push(byte);
    }
}

/// What stands before a line's text: five tags, each with a number, of at most 36 bytes.
struct Front {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Front {
    const MOST: usize = 40;
}

impl Default for Front {
    fn default() -> Self {
        Self { bytes: [0; Self::MOST], len: 0 }
    }
}

impl Bytes for Front {
    #[inline]
    fn add(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }
}

fn varint(out: &mut impl Bytes, mut value: u64) {
    while value >= 0x80 {
        out.add(value as u8 | 0x80);
        value >>= 7;
    }
    out.add(value as u8);
}

fn number(out: &mut impl Bytes, field: u8, value: u64) {
    if value != 0 {
        out.add(field << 3);
        varint(out, value);
    }
}

/// Begins a field of `len` bytes.
fn open(out: &mut impl Bytes, field: u8, len: usize) {
    out.add(field << 3 | 2);
    varint(out, len as u64);
}

fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    if !content.is_empty() {
        open(out, field, content.len());
        out.extend_from_slice(content);
    }
}

/// Labels as Loki's protobuf endpoint reads them: `{app="orders", level="info"}`.
fn selector(labels: &LabelSet) -> String {
    let mut text = String::from("{");
    for (name, value) in labels {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                '\n' => text.push_str("\\n"),
                // Its parser takes the escapes of Go.
                c if c.is_control() => text.push_str(&format!("\\u{:04x}", c as u32)),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text.push('}');
    text
}

#[derive(Debug, Default)]
pub(crate) struct Json {
    buffer: Vec<u8>,
}

impl Json {
    fn begin(&mut self, labels: &LabelSet) {
        self.buffer.clear();
        self.buffer.extend_from_slice(b"{\"streams\":[{\"stream\":");
        json_object(&mut self.buffer, labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.buffer.extend_from_slice(b",\"values\":[");
    }

    fn push(&mut self, line: &Line<'_>) {
        if self.buffer.last() != Some(&b'[') {
            self.buffer.push(b',');
        }
        // A timestamp that is no string makes Loki refuse the whole push.
        write!(self.buffer, "[\"{}\",", line.timestamp).expect("writing to a Vec cannot fail");
        let [head, tail] = line.text.map(String::from_utf8_lossy);
        if tail.is_empty() {
            json_text(&mut self.buffer, &head)
        } else {
            json_text(&mut self.buffer, &(head + &*tail))
        }
        if !line.metadata.is_empty() {
            self.buffer.push(b',');
            json_object(&mut self.buffer, line.metadata.iter().copied());
        }
        self.buffer.push(b']');
    }

    fn finish(&mut self) -> &[u8] {
        self.buffer.extend_from_slice(b"]}]}");
        &self.buffer
    }
}

fn json_object<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push(b'{');
    for (position, (name, value)) in pairs.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        json_text(out, name);
        out.push(b':');
        json_text(out, value);
    }
    out.push(b'}');
}

fn json_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing to a Vec cannot fail");
}

#[cfg(test)]
pub(crate) mod tests;
