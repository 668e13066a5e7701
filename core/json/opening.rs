//! The beginning of a line.

use super::digits::nine_digits;
use super::envelope::Envelope;
use super::text::{push_string, same};
use super::time::SecondText;
use crate::{Event, Level, LineBuffer};

/// The beginning of a line as it was last: envelope, time (RFC 3339, UTC, nanoseconds), level, in a flat line the
/// logger, and a message that is always the same.
#[derive(Debug)]
pub(super) struct Opening {
    /// All of it; the nanoseconds are not those of any event.
    text: LineBuffer,
    /// How far before its end the nanoseconds begin.
    nanos_from_end: usize,
    second: u64,
    level: Option<Level>,
    /// Its name, and how a line has that.
    logger: LineBuffer,
    logger_text: LineBuffer,
    envelope: Envelope,
    /// `,"message":"…"`, or empty.
    message: LineBuffer,
}

impl Opening {
    /// One that ends with this message, which is JSON; or before the message, if that is empty.
    pub(super) fn new(envelope: Envelope, message: &[u8]) -> Self {
        let mut member = LineBuffer::new();
        if !message.is_empty() {
            member.extend_from_slice(b",\"message\":");
            member.extend_from_slice(message);
        }
        Self {
            text: LineBuffer::new(),
            nanos_from_end: 0,
            second: 0,
            level: None,
            logger: LineBuffer::new(),
            logger_text: LineBuffer::new(),
            envelope,
            message: member,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, event: &Event<'_>, seconds: &mut SecondText, out: &mut LineBuffer) {
        let (second, nanos) = (event.timestamp() / 1_000_000_000, (event.timestamp() % 1_000_000_000) as u32);
        let logger = event.unchecked_logger();
        if self.second != second || self.level != Some(event.level()) || !same(&self.logger, logger) {
            self.renew(seconds.of(second), event.level(), logger);
            self.second = second;
        }
        out.extend_from_slice(&self.text);
        // There, and not before in `text`: what was just written in pieces is slow to copy as a whole.
        let at = out.len() - self.nanos_from_end;
        if let Some(place) = out.written()[at..].first_chunk_mut() {
            *place = nine_digits(nanos);
        }
    }

    /// Without new memory in most cases: logger and level can change with every event.
    #[cold]
    fn renew(&mut self, second: &[u8; SecondText::LEN], level: Level, logger: &[u8]) {
        if *self.logger != *logger {
            self.logger.clear();
            self.logger.extend_from_slice(logger);
            self.logger_text.clear();
            if !logger.is_empty() {
                self.logger_text.extend_from_slice(b",\"logger\":");
                push_string(&mut self.logger_text, logger);
            }
        }
        let Self { text, envelope, .. } = self;
        text.clear();
        text.extend_from_slice(match envelope {
            Envelope::Flat => b"{\"timestamp\":\"",
            Envelope::V1_1 => b"{\"schema_version\":\"1.1\",\"log\":{\"timestamp\":\"",
        });
        text.extend_from_slice(second);
        text.push(b'.');
        let nanos_at = text.len();
        text.extend_from_slice(b"000000000Z\",\"level\":\"");
        text.extend_from_slice(level.name().as_bytes());
        text.push(b'"');
        if *envelope == Envelope::Flat {
            text.extend_from_slice(&self.logger_text);
        }
        text.extend_from_slice(&self.message);
        self.nanos_from_end = text.len() - nanos_at;
        self.level = Some(level);
    }

    /// `,"logger":"…"` of the last event; nothing if it has no name.
    #[inline]
    pub(super) fn logger_text(&self) -> &[u8] {
        &self.logger_text
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::{EventBuffers, Record, Shape};

    fn text(opening: &mut Opening, timestamp: u64, level: Level, logger: &str) -> String {
        let (mut buffers, mut out, mut seconds) = (EventBuffers::default(), LineBuffer::new(), SecondText::default());
        let context = [&(logger.len() as u16).to_le_bytes()[..], logger.as_bytes()].concat();
        let (shape, context) = (Shape::default(), &context[..]);
        let record = Record { timestamp, level, callsite: None, trace: None, shape, context, arguments: &[] };
        out.push(b'x');
        opening.push(&Event::open(record, &mut buffers), &mut seconds, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn time(opening: &mut Opening, timestamp: u64) -> String {
        let text = text(opening, timestamp, Level::INFO, "");
        text.strip_prefix("x{\"timestamp\":\"").unwrap().strip_suffix("\",\"level\":\"INFO\"").unwrap().to_owned()
    }

    #[test]
    fn the_epoch_and_the_last_instant_are_written() {
        let mut opening = Opening::new(Envelope::Flat, b"");
        assert_eq!(time(&mut opening, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(time(&mut opening, 1_000_000_001), "1970-01-01T00:00:01.000000001Z");
        assert_eq!(time(&mut opening, u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn what_differs_from_the_event_before_is_written_anew() {
        let mut opening = Opening::new(Envelope::Flat, b"\"m\"");
        let line = |time: &str, more: &str| {
            format!("x{{\"timestamp\":\"1970-01-01T{time}Z\",\"level\":{more},\"message\":\"m\"")
        };
        let first = text(&mut opening, 7, Level::INFO, "shop");
        assert_eq!(first, line("00:00:00.000000007", "\"INFO\",\"logger\":\"shop\""));
        let level = text(&mut opening, 7, Level::WARN, "shop");
        assert_eq!(level, line("00:00:00.000000007", "\"WARN\",\"logger\":\"shop\""));
        let logger = text(&mut opening, 8, Level::WARN, "sh\"p");
        assert_eq!(logger, line("00:00:00.000000008", "\"WARN\",\"logger\":\"sh\\\"p\""));
        let second = text(&mut opening, 2_000_000_000, Level::WARN, "");
        assert_eq!(second, line("00:00:02.000000000", "\"WARN\""));
    }

    proptest! {
        #[test]
        fn times_are_read_back(times in prop::collection::vec(any::<u64>(), 1..4)) {
            let mut opening = Opening::new(Envelope::Flat, b"");
            for nanoseconds in times {
                let back: Timestamp = time(&mut opening, nanoseconds).parse().unwrap();
                prop_assert_eq!(back.as_nanosecond(), i128::from(nanoseconds));
            }
        }
    }
}
