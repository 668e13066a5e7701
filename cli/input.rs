//! The lines that come in: from files or standard input, as JSON or text, into an engine.
//!
//! # What a line becomes
//!
//! A line that begins with `{` and is one JSON object becomes an event with the object's members as
//! fields. Texts, whole numbers of 64 bits, `true`, `false` and `null` become values of their kind;
//! arrays, objects and all other numbers keep their source text. Some members are recognised, by
//! these names in any case, and stand for more than a field:
//!
//! | Member | Names | Becomes |
//! |---|---|---|
//! | time | `timestamp`, `@timestamp`, `time`, `ts`, `datetime` | the event's time: RFC 3339 or alike (UTC where it names no zone), or a number of seconds, milliseconds, microseconds or nanoseconds since 1970 (told apart by its size; from 1973 on) |
//! | level | `level`, `severity`, `lvl`, `loglevel`, `log_level`, `log.level`, `levelname` | the event's level: a name (`warning`, `err`, `E` …) or a number of a built-in level |
//! | message | `message`, `msg` | the event's message, if it is a text |
//! | logger | `logger` | the event's logger, if it is a text of at most 256 bytes |
//!
//! Of several candidates the first in this table is taken; the others, and those that cannot be
//! understood, stay fields. A field of a name that the envelope uses itself is written with
//! `field_` before it. An event without a level, or with an unknown one, counts as `INFO`. One
//! without a time has that of its arrival.
//!
//! Of two members of the same name the last counts. An object with more than 1,024 members is taken
//! as text.
//!
//! **Every other line is text**: it becomes the message of an event at `INFO`. If it begins with `{`
//! it is counted as malformed.
//!
//! Lines end in `\n` or `\r\n`. Empty ones, and those of white space alone, are skipped and counted.
//! What is not UTF-8 is replaced by U+FFFD and counted. A line of more than 1 MiB is cut: its
//! beginning becomes a text with a mark at its end.

mod counts;
mod everyday;
mod levels;
mod lines;
mod loggers;
mod members;
mod names;
mod time;

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

use hdrhistogram::Histogram;
use logwheel::{Level, Logger, Value};

pub use counts::{InputCounts, InputTotals};
pub use lines::MAX_LINE;

use counts::one_more;
use everyday::Everyday;
use lines::Lines;
use loggers::Loggers;
use members::{Members, Parsed};
use time::Times;

/// Every so many calls, one is measured.
const MEASURE_EVERY: u64 = 16;

/// Logs lines: one event for each.
pub struct Intake<'c> {
    logger: Logger,
    loggers: Loggers,
    times: Times,
    counts: &'c InputCounts,
    /// What some of the log calls took, in nanoseconds.
    latencies: Histogram<u64>,
    /// Memory for members, kept from line to line.
    everyday: Everyday,
    members: Members<'static>,
    fields: Vec<(&'static str, Value<'static>)>,
    until_measured: u64,
}

impl<'c> Intake<'c> {
    /// Logs with this logger, and under other names where events have one.
    #[must_use]
    pub fn new(logger: Logger, counts: &'c InputCounts) -> Self {
        Self {
            loggers: Loggers::new(logger.clone()),
            logger,
            times: Times::default(),
            counts,
            latencies: latencies(),
            everyday: Everyday::default(),
            members: Members::default(),
            fields: Vec::new(),
            until_measured: 0,
        }
    }

    /// Logs every line of `input`, until its end or until `stop` is set.
    ///
    /// # Errors
    /// When the input cannot be read; what was read before is logged.
    pub fn log_all(&mut self, input: impl Read, stop: &AtomicBool) -> io::Result<()> {
        let mut lines = Lines::new(input, stop);
        while let Some(line) = lines.next()? {
            one_more(&self.counts.lines);
            let bytes = line.bytes.strip_suffix(b"\r").filter(|_| !line.is_cut()).unwrap_or(line.bytes);
            if line.is_utf8 && self.log_everyday(bytes).is_some() {
                continue;
            }
            if bytes.trim_ascii().is_empty() {
                one_more(&self.counts.empty);
                continue;
            }
            let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
            if matches!(text, Cow::Owned(_)) {
                one_more(&self.counts.not_utf8);
            }
            if line.is_cut() {
                one_more(&self.counts.cut);
                // A character at the cut may be damaged; that is no fault of the input's.
                let text = text.trim_end_matches('\u{fffd}');
                self.log_text(&format!("{text}...[truncated, {} bytes]", line.whole_len));
            } else {
                self.log_line(&text, line.is_utf8);
            }
        }
        Ok(())
    }

    /// What log calls took.
    #[must_use]
    pub fn into_latencies(self) -> Histogram<u64> {
        self.latencies
    }

    /// One that is not everyday, or that was not `tried` to be read as one.
    fn log_line(&mut self, text: &str, tried: bool) {
        if !text.trim_ascii_start().starts_with('{') {
            return self.log_text(text);
        }
        if !tried && self.log_everyday(text.as_bytes()).is_some() {
            return;
        }
        let mut members = std::mem::take(&mut self.members).reused();
        if members.read(text) {
            one_more(&self.counts.json);
            self.log_members(&members);
        } else {
            one_more(&self.counts.malformed);
            self.log_text(text);
        }
        self.members = members.reused();
    }

    fn log_text(&mut self, text: &str) {
        if !self.logger.enabled(Level::INFO) {
            return one_more(&self.counts.below_level);
        }
        one_more(&self.counts.logged);
        let (logger, began) = (&self.logger, begin(&mut self.until_measured));
        logger.log_fields(Level::INFO, text, &[]);
        end(began, &mut self.latencies);
    }

    /// `None`, and nothing done, if it has to be read in another way.
    fn log_everyday(&mut self, line: &[u8]) -> Option<()> {
        let said = self.everyday.read(line, |level| self.logger.enabled(level))?;
        let level = said.level()?;
        // Asked once more, for a line that names no level by its name.
        if !said.wanted || !self.logger.enabled(level) {
            one_more(&self.counts.json);
            one_more(&self.counts.below_level);
            return Some(());
        }
        let event = said.event(&mut self.times)?;
        one_more(&self.counts.json);
        one_more(&self.counts.logged);
        let logger = self.loggers.of(event.logger);
        let began = begin(&mut self.until_measured);
        logger.__log_encoded(level, event.time, event.message, said.fields);
        end(began, &mut self.latencies);
        Some(())
    }

    fn log_members(&mut self, members: &Members<'_>) {
        let event = members.event();
        if event.unknown_level {
            one_more(&self.counts.unknown_levels);
        }
        let level = event.level.unwrap_or(Level::INFO);
        if !self.logger.enabled(level) {
            return one_more(&self.counts.below_level);
        }
        let mut fields = reused(std::mem::take(&mut self.fields));
        fields.extend(members.iter().enumerate().filter(|(index, _)| !event.is_taken(*index)).map(|(_, member)| {
            let value = match &member.value {
                Parsed::Text(text) => Value::Str(text),
                Parsed::Plain(value) => *value,
            };
            (&*member.name, value)
        }));
        self.log(level, event.logger, event.time, event.message, &fields);
        self.fields = reused(fields);
    }

    fn log(
        &mut self,
        level: Level,
        logger: Option<&str>,
        time: Option<SystemTime>,
        message: &str,
        fields: &[(&str, Value<'_>)],
    ) {
        one_more(&self.counts.logged);
        let logger = self.loggers.of(logger.map(str::as_bytes));
        let began = begin(&mut self.until_measured);
        match time {
            Some(time) => logger.log_fields_at(level, time, message, fields),
            None => logger.log_fields(level, message, fields),
        }
        end(began, &mut self.latencies);
    }
}

/// Now, for every so manieth call.
#[inline]
fn begin(until_measured: &mut u64) -> Option<Instant> {
    if *until_measured > 0 {
        *until_measured -= 1;
        return None;
    }
    *until_measured = MEASURE_EVERY - 1;
    Some(Instant::now())
}

#[inline]
fn end(began: Option<Instant>, latencies: &mut Histogram<u64>) {
    if let Some(began) = began {
        latencies.saturating_record(began.elapsed().as_nanos() as u64);
    }
}

/// An empty histogram of nanoseconds, up to ten minutes.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("the bounds are fixed and in order")
}

/// The memory of a vector of pairs that borrow, for pairs that borrow from elsewhere.
fn reused<'b>(mut fields: Vec<(&str, Value<'_>)>) -> Vec<(&'b str, Value<'b>)> {
    fields.clear();
    // Nothing is left to convert; the standard library keeps the allocation.
    fields.into_iter().map(|_| unreachable!("it was cleared")).collect()
}

#[cfg(test)]
mod tests;
