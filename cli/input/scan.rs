//! An everyday line of JSON, in one pass: names and values without escapes, numbers of a usual length.
//!
//! What is not everyday (escapes, nested values, numbers with exponents) goes to `serde_json`, a value at a time;
//! what this pass does not understand is left to it altogether. So nothing is refused here, and nothing is taken
//! that `serde_json` would refuse.

use logwheel::Value;
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::members::{Parsed, parse};

/// A text of decimal digits up to this length is exactly what the nearest `f64` prints, shortest.
const EXACT_DIGITS: usize = 15;
const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Reads the members of the object that a line is: `member` gets name, value and the value's source, in order, and
/// can put an end to it. `None`, at whatever member, for a line that has to be read in another way.
pub(super) fn members<'a>(
    line: &'a str,
    mut member: impl FnMut(&'a str, Parsed<'a>, &'a str) -> Option<()>,
) -> Option<()> {
    let mut scanner = Scanner { line, at: 0 };
    scanner.skip_space();
    scanner.take(b'{')?;
    scanner.skip_space();
    if scanner.peek()? != b'}' {
        loop {
            let name = scanner.plain_text()?;
            scanner.skip_space();
            scanner.take(b':')?;
            scanner.skip_space();
            let begin = scanner.at;
            let value = scanner.value()?;
            member(name, value, &line[begin..scanner.at])?;
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

struct Scanner<'a> {
    line: &'a str,
    /// Never inside a character.
    at: usize,
}

impl<'a> Scanner<'a> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// A text without escapes, and without what has to be escaped.
    #[inline(always)]
    fn plain_text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let begin = self.at;
        let end = special(self.line.as_bytes(), begin)?;
        self.at = end;
        self.take(b'"')?;
        Some(&self.line[begin..end])
    }

    #[inline(always)]
    fn value(&mut self) -> Option<Parsed<'a>> {
        let begin = self.at;
        let plain = match self.peek()? {
            b'"' => match self.plain_text() {
                Some(text) => return Some(Parsed::Text(text.into())),
                None => None,
            },
            b'0'..=b'9' => self.number(),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => None,
        };
        match plain {
            Some(value) => Some(Parsed::Plain(value)),
            None => {
                self.at = begin;
                self.any_value()
            }
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Option<Value<'a>> {
        self.line[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// A number above zero of few enough digits, whole or not, whose value prints as it is written.
    #[inline(always)]
    fn number(&mut self) -> Option<Value<'a>> {
        let (whole, whole_digits) = self.digits(0)?;
        if self.peek()? != b'.' {
            // 0, or without a zero before it; whatever follows, if it is no end of a number.
            let is_number = (whole_digits == 1 || self.line.as_bytes()[self.at - whole_digits] != b'0')
                && !matches!(self.peek()?, b'e' | b'E');
            return is_number.then_some(Value::U64(whole));
        }
        self.at += 1;
        let (number, decimals) = self.digits(whole)?;
        // Small numbers print with an exponent; zeros at the end, or at the beginning, do not print at all.
        let is_plain = whole > 0
            && self.line.as_bytes()[self.at - decimals - 1 - whole_digits] != b'0'
            && whole_digits + decimals <= EXACT_DIGITS
            && number % 10 != 0
            && !matches!(self.peek()?, b'e' | b'E');
        // Both are exact, and a division rounds correctly.
        is_plain.then(|| Value::F64(number as f64 / POWERS_OF_TEN[decimals]))
    }

    /// What the digits from here on say, behind those of `number`, and how many there are. Not none, and not
    /// too many.
    #[inline(always)]
    fn digits(&mut self, mut number: u64) -> Option<(u64, usize)> {
        let begin = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - begin;
        (1..=EXACT_DIGITS).contains(&digits).then_some((number, digits))
    }

    #[cold]
    fn any_value(&mut self) -> Option<Parsed<'a>> {
        let mut values = Deserializer::from_str(&self.line[self.at..]).into_iter::<&RawValue>();
        let source = values.next()?.ok()?.get();
        self.at += values.byte_offset();
        Some(parse(source))
    }
}

/// The first byte from `at` on that ends a plain text: a quote, a backslash, a control character.
#[inline(always)]
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // Eight bytes at once. A borrow can mark a byte wrongly, but only above one that is marked rightly.
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
        let marks = ((quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word))
            & HIGHS;
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
    rest.map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn everyday_lines_are_read_here() {
        for line in [
            r#"{}"#,
            r#" { } "#,
            r#"{"a":"b","c":1,"d":1.25,"e":true,"f":false,"g":null}"#,
            r#"{ "a" : "ü" , "b" : [1, {"c": "}"}], "d": "x\n", "e": -1, "f": 1e5, "g": 0.10 }"#,
        ] {
            assert_eq!(members(line, |_, _, _| Some(())), Some(()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn the_first_special_byte_is_found_wherever_it_is(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0usize..40) {
            let at = at.min(bytes.len());
            let expected = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
            prop_assert_eq!(special(&bytes, at), expected.map(|found| at + found));
        }
    }
}
