//! The usual line, read in one pass: an object whose names have no escapes.
//!
//! Texts with escapes, objects and arrays are left to serde_json, and so is the whole line when
//! there is anything else about it that this reader does not know. What it does read, it reads as
//! serde_json does; a test compares the two.

use std::borrow::Cow;

use logwheel::Value;
use serde_json::value::RawValue;

use super::{Parsed, number, parse};

/// Calls `member` with each name, source and value, as long as that agrees. Says whether the line
/// is one object and was read to its end.
pub(super) fn read<'a>(line: &'a str, mut member: impl FnMut(&'a str, &'a str, Parsed<'a>) -> bool) -> bool {
    let mut scan = Scan { line, at: 0 };
    scan.members(&mut member).is_some() && scan.peek().is_none() && scan.at == line.len()
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn members(&mut self, member: &mut impl FnMut(&'a str, &'a str, Parsed<'a>) -> bool) -> Option<()> {
        self.pass(b'{')?;
        if self.peek()? == b'}' {
            return self.pass(b'}');
        }
        loop {
            let name = self.plain_text()?;
            self.pass(b':')?;
            let (source, value) = self.value()?;
            if !member(name, source, value) {
                return None;
            }
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.pass(b'}'),
            }
        }
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.line.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A text without escapes.
    #[inline]
    fn plain_text(&mut self) -> Option<&'a str> {
        self.pass(b'"')?;
        let rest = &self.line.as_bytes()[self.at..];
        let len = plain_len(rest)?;
        if rest[len] != b'"' {
            return None;
        }
        let text = self.line.get(self.at..self.at + len)?;
        self.at += len + 1;
        Some(text)
    }

    #[inline]
    fn value(&mut self) -> Option<(&'a str, Parsed<'a>)> {
        let first = self.peek()?;
        let start = self.at;
        let literal = |text: &str, value| self.line[start..].starts_with(text).then_some((text.len(), value));
        let (len, value) = match first {
            b'"' => {
                if let Some(text) = self.plain_text() {
                    return Some((&self.line[start..self.at], Parsed::Text(Cow::Borrowed(text))));
                }
                self.at = start;
                return self.any_value();
            }
            b'-' | b'0'..=b'9' => {
                let source = &self.line[start..start + number_len(&self.line.as_bytes()[start..])?];
                (source.len(), number(source))
            }
            b't' => literal("true", Value::Bool(true))?,
            b'f' => literal("false", Value::Bool(false))?,
            b'n' => literal("null", Value::Null)?,
            _ => return self.any_value(),
        };
        self.at += len;
        Some((&self.line[start..self.at], Parsed::Plain(value)))
    }

    /// A value of any kind.
    #[cold]
    fn any_value(&mut self) -> Option<(&'a str, Parsed<'a>)> {
        let mut values = serde_json::Deserializer::from_str(&self.line[self.at..]).into_iter::<&'a RawValue>();
        let source = values.next()?.ok()?.get();
        self.at += source.len();
        Some((source, parse(source)))
    }
}

/// Where a text without escapes cannot go on, if anywhere: at its end, an escape, a control
/// character. Looks at eight bytes at a time.
#[inline]
fn plain_len(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    // The top bit of each byte that is below `limit`, if no lower byte is, too: the first one counts.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & TOPS;
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let found = below(word, 0x20) | is(b'"') | is(b'\\');
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes[at..].iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'));
    rest.map(|len| at + len)
}

/// How long the number is with which the bytes begin; `None` if it is none.
#[inline]
fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    // No number begins with a zero that says nothing.
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    Some(at)
}
