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
        let len = rest.iter().position(|byte| ENDS_PLAIN[usize::from(*byte)])?;
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

/// Bytes at which a text without escapes cannot go on: its end, an escape, a control character.
static ENDS_PLAIN: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

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
