//! An everyday line of JSON, in one pass and without a step between: names and texts without escapes, each name once,
//! and nothing that is to say something and cannot be understood.
//!
//! Every other line is left to [`Members`](super::members::Members), which reads it from its beginning and decides
//! whether it is JSON at all. So nothing is refused here, and nothing is taken that would be refused, or would
//! become another event, there.

use std::time::SystemTime;

use logwheel::{Level, Value};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::members::{MAX_LOGGER, MAX_MEMBERS, ROLES, Role, role_of};
use super::time::Times;
use super::{levels, reused, time};

/// The members of one object: fields in order, and what is to say more.
#[derive(Debug, Default)]
pub(super) struct Everyday<'a> {
    pub(super) fields: Vec<(&'a str, Value<'a>)>,
    /// By role, with their sources.
    said: [Option<(&'a str, Value<'a>, &'a str)>; ROLES],
    /// A bit for each name, by which most names are known to be new.
    seen: u64,
}

/// What the members say about the event, beside its level and its fields.
#[derive(Debug, PartialEq)]
pub(super) struct Said<'a> {
    pub(super) time: Option<SystemTime>,
    pub(super) message: &'a str,
    pub(super) logger: Option<&'a str>,
}

impl<'a> Everyday<'a> {
    /// Reads a line; `None` for one that has to be read in another way.
    pub(super) fn read(&mut self, line: &'a str) -> Option<()> {
        let mut scanner = Scanner { line, bytes: line.as_bytes(), at: 0 };
        scanner.skip_space();
        scanner.take(b'{')?;
        scanner.skip_space();
        if scanner.peek()? != b'}' {
            loop {
                let name = scanner.text()?;
                scanner.skip_space();
                scanner.take(b':')?;
                scanner.skip_space();
                let begin = scanner.at;
                let value = scanner.value()?;
                match role_of(name) {
                    None => self.add(name, value)?,
                    Some((role, _)) => {
                        // Of two, one is a field; which one, is said elsewhere.
                        let said = &mut self.said[role as usize];
                        said.is_none().then_some(())?;
                        *said = Some((name, value, line.get(begin..scanner.at)?));
                    }
                }
                scanner.skip_space();
                match scanner.peek()? {
                    b',' => scanner.at += 1,
                    b'}' => break,
                    _ => return None,
                }
                scanner.skip_space();
            }
        }
        scanner.at += 1;
        scanner.skip_space();
        (scanner.at == line.len()).then_some(())
    }

    #[inline(always)]
    fn add(&mut self, name: &'a str, value: Value<'a>) -> Option<()> {
        let bit = bit_of(name.as_bytes());
        if self.seen & bit != 0 && self.fields.iter().any(|(earlier, _)| *earlier == name) {
            return None;
        }
        // With one for each role.
        if self.fields.len() + ROLES >= MAX_MEMBERS {
            return None;
        }
        self.seen |= bit;
        self.fields.push((name, value));
        Some(())
    }

    /// The level, `INFO` where there is none; `None` if there is one that nobody knows.
    pub(super) fn level(&self) -> Option<Level> {
        match self.said[Role::Level as usize] {
            None => Some(Level::INFO),
            Some((_, Value::Str(text), _)) => levels::by_name(text),
            Some((_, Value::U64(number), _)) => levels::by_number(number),
            Some(_) => None,
        }
    }

    /// The rest of what is said; `None` if any of it cannot be understood.
    pub(super) fn event(&self, times: &mut Times) -> Option<Said<'a>> {
        let text = |role: Role| match self.said[role as usize] {
            None => Some(None),
            Some((_, Value::Str(text), _)) => Some(Some(text)),
            Some(_) => None,
        };
        let time = match self.said[Role::Time as usize] {
            None => None,
            Some((_, Value::Str(text), _)) => Some(times.read(text)?),
            Some((_, Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Json(_), source)) => {
                Some(time::from_number(source)?)
            }
            Some(_) => return None,
        };
        let logger = text(Role::Logger)?;
        if logger.is_some_and(|name| !(1..=MAX_LOGGER).contains(&name.len())) {
            return None;
        }
        Some(Said { time, message: text(Role::Message)?.unwrap_or_default(), logger })
    }

    /// The memory of these members, for those of another line.
    pub(super) fn reused<'b>(self) -> Everyday<'b> {
        Everyday { fields: reused(self.fields), said: [None; ROLES], seen: 0 }
    }
}

/// Tells names apart by their length and a few of their bytes.
#[inline(always)]
fn bit_of(name: &[u8]) -> u64 {
    let [first, .., last] = name else { return 1 };
    let middle = name[name.len() / 2];
    let mixed = u32::from_le_bytes([*first, middle, *last, name.len() as u8]).wrapping_mul(0x9e37_79b1);
    1 << (mixed >> 26)
}

/// A text of decimal digits up to this length is exactly what the nearest `f64` prints, shortest.
const EXACT_DIGITS: usize = 15;
const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

struct Scanner<'a> {
    line: &'a str,
    bytes: &'a [u8],
    /// Never inside a character.
    at: usize,
}

impl<'a> Scanner<'a> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// A text without escapes, and without what has to be escaped.
    #[inline(always)]
    fn text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let begin = self.at;
        self.at += special(self.bytes.get(begin..)?);
        let text = self.line.get(begin..self.at)?;
        self.take(b'"')?;
        Some(text)
    }

    #[inline(always)]
    fn value(&mut self) -> Option<Value<'a>> {
        let begin = self.at;
        let value = match self.peek()? {
            // One with escapes is none of an everyday line.
            b'"' => return self.text().map(Value::Str),
            b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => None,
        };
        match value {
            Some(value) => Some(value),
            None => self.any_value(begin),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Option<Value<'a>> {
        self.bytes[self.at..].starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    /// A number above zero of few enough digits, whole or not, whose value prints as it is written.
    #[inline]
    fn number(&mut self) -> Option<Value<'a>> {
        let rest = &self.bytes[self.at..];
        let (whole, digits) = leading_digits(rest, 0);
        // 0, or without a zero before it.
        if digits > EXACT_DIGITS || rest[0] == b'0' && digits > 1 {
            return None;
        }
        let end = *rest.get(digits)?;
        if end != b'.' {
            self.at += digits;
            return (end | 0x20 != b'e').then_some(Value::U64(whole));
        }
        let (number, decimals) = leading_digits(&rest[digits + 1..], whole);
        let end = digits + 1 + decimals;
        // Small numbers print with an exponent, and zeros at the end not at all.
        let is_plain = whole > 0
            && decimals > 0
            && digits + decimals <= EXACT_DIGITS
            && rest[end - 1] != b'0'
            && rest.get(end)? | 0x20 != b'e';
        self.at += end;
        // Both are exact, and a division rounds correctly.
        is_plain.then(|| Value::F64(number as f64 / POWERS_OF_TEN[decimals]))
    }

    /// One that takes more care.
    #[cold]
    #[inline(never)]
    fn any_value(&mut self, begin: usize) -> Option<Value<'a>> {
        let mut values = Deserializer::from_str(&self.line[begin..]).into_iter::<&RawValue>();
        let source = values.next()?.ok()?.get();
        self.at = begin + values.byte_offset();
        match super::members::parse(source) {
            super::members::Parsed::Plain(value) => Some(value),
            super::members::Parsed::Text(_) => None,
        }
    }
}

/// What the digits at the beginning say, behind those of `number`, and how many there are.
#[inline(always)]
fn leading_digits(bytes: &[u8], mut number: u64) -> (u64, usize) {
    let mut digits = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        digits += 1;
    }
    (number, digits)
}

/// How far there is no quote, no backslash and no control character.
#[inline(never)]
fn special(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (chunks, rest) = bytes.as_chunks::<8>();
    // Eight bytes at once. A borrow can mark a byte wrongly, but only above one that is marked rightly.
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
        let marks = (quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES) | word.wrapping_sub(ONES * 0x20)) & !word;
        let marks = marks & HIGHS;
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
    bytes.len() - rest.len() + found.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
