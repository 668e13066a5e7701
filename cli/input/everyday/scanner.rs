//! The pieces of a line of JSON: texts without escapes, numbers, words.

use logwheel::Value;
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// A place in a line, which is UTF-8.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    /// What is not passed over yet.
    pub(super) rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == byte).then(|| self.rest = rest)
    }

    #[inline(always)]
    pub(super) fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Passes over so many bytes.
    #[inline(always)]
    pub(super) fn pass(&mut self, len: usize) -> Option<()> {
        self.rest = self.rest.get(len..)?;
        Some(())
    }

    /// What was passed over since an earlier place.
    #[inline(always)]
    pub(super) fn since(&self, before: Self) -> &'a [u8] {
        before.rest.get(..before.rest.len() - self.rest.len()).unwrap_or_default()
    }

    /// A text without escapes, and without what has to be escaped.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let len = special(self.rest);
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        self.take(b'"')?;
        Some(text)
    }

    /// A value that is no text.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        let begin = *self;
        let value = match self.peek()? {
            b'0'..=b'9' => self.number(),
            b'-' => self.negative_number(),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            _ => None,
        };
        value.or_else(|| {
            *self = begin;
            self.any_value()
        })
    }

    #[inline(always)]
    fn word(&mut self, word: &[u8], value: Value<'a>) -> Option<Value<'a>> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    /// A number of few enough digits, whole or not.
    #[inline(always)]
    fn number(&mut self) -> Option<Value<'a>> {
        let source = self.rest;
        let (whole, digits) = leading_digits(source, 0);
        // 0, or without a zero before it.
        if digits > EXACT_DIGITS || digits == 0 || digits > 1 && source[0] == b'0' {
            return None;
        }
        self.rest = source.get(digits..)?;
        match self.peek()? {
            b'.' => {}
            b'e' | b'E' => return None,
            _ => return Some(Value::U64(whole)),
        }
        self.rest = &self.rest[1..];
        let (number, decimals) = leading_digits(self.rest, whole);
        // Small numbers print with an exponent.
        if whole == 0 || decimals == 0 || digits + decimals > EXACT_DIGITS {
            return None;
        }
        let ends_with_zero = self.rest.get(decimals - 1) == Some(&b'0');
        self.rest = self.rest.get(decimals..)?;
        match self.peek()? | 0x20 {
            b'e' => None,
            // It would not print as it is written.
            _ if ends_with_zero && decimals > 1 => text_of(source, digits + 1 + decimals).map(Value::Json),
            // Both are exact, and a division rounds correctly.
            _ => Some(Value::F64(number as f64 / POWERS_OF_TEN[decimals])),
        }
    }

    /// One below zero.
    #[inline(always)]
    fn negative_number(&mut self) -> Option<Value<'a>> {
        self.take(b'-')?;
        match self.number()? {
            Value::U64(number @ 1..) => Some(Value::I64(-(number as i64))),
            Value::F64(number) => Some(Value::F64(-number)),
            _ => None,
        }
    }

    /// One that takes more care.
    #[cold]
    #[inline(never)]
    fn any_value(&mut self) -> Option<Value<'a>> {
        let mut values = Deserializer::from_slice(self.rest).into_iter::<&RawValue>();
        let source = values.next()?.ok()?.get();
        self.rest = self.rest.get(values.byte_offset()..)?;
        match super::super::members::parse(source) {
            super::super::members::Parsed::Plain(value) => Some(value),
            super::super::members::Parsed::Text(_) => None,
        }
    }
}

/// The beginning of the bytes as text.
#[inline(never)]
fn text_of(bytes: &[u8], len: usize) -> Option<&str> {
    std::str::from_utf8(bytes.get(..len)?).ok()
}

/// A text of decimal digits up to this length is exactly what the nearest `f64` prints, shortest.
const EXACT_DIGITS: usize = 15;
const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// What the digits at the beginning say, behind those of `number`, and how many there are.
#[inline(always)]
fn leading_digits(bytes: &[u8], number: u64) -> (u64, usize) {
    if let Some(word) = bytes.first_chunk() {
        let (value, digits) = digits_of_word(u64::from_le_bytes(*word));
        if digits < 8 {
            return (number.wrapping_mul(TENS[digits]).wrapping_add(value), digits);
        }
    }
    digits_one_by_one(bytes, number)
}

#[inline(never)]
fn digits_one_by_one(bytes: &[u8], mut number: u64) -> (u64, usize) {
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

const TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Times a byte, it is that byte in each of eight.
const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// What the digits at the front of eight bytes say, and how many there are.
#[inline(always)]
fn digits_of_word(word: u64) -> (u64, usize) {
    // Digits become 0 to 9; what is above sets the top bit of its byte, and maybe of bytes behind it.
    let values = word ^ (ONES * u64::from(b'0'));
    let others = (values.wrapping_add(ONES * 0x76) | values) & (ONES * 0x80);
    let digits = others.trailing_zeros() as usize / 8;
    // The last digit comes last, with zeros before the first.
    let values = values.checked_shl(64 - 8 * digits as u32).unwrap_or(0);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let eight = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    (eight, digits)
}

/// How far there is no quote, no backslash and no control character.
#[inline(always)]
fn special(bytes: &[u8]) -> usize {
    let (mut at, mut rest) = (0, bytes);
    while let Some((word, behind)) = rest.split_first_chunk() {
        let marks = special_bits(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        (at, rest) = (at + 8, behind);
    }
    at + special_one_by_one(rest)
}

#[inline(never)]
fn special_one_by_one(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(bytes.len())
}

/// The top bits of those of eight bytes that are one of these. A borrow can mark a byte wrongly, but only above one
/// that is marked rightly.
#[inline(always)]
fn special_bits(word: u64) -> u64 {
    // With this bit turned, a quote comes right behind the control characters, which stay among themselves.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_read_together_as_one_by_one(bytes in "[0-9]{0,12}[./:é]?[0-9]{0,9}", number in 0u64..100_000) {
            prop_assert_eq!(leading_digits(bytes.as_bytes(), number), digits_one_by_one(bytes.as_bytes(), number));
        }

        #[test]
        fn eight_bytes_are_read_together_as_one_by_one(bytes in any::<[u8; 8]>()) {
            prop_assert_eq!(digits_of_word(u64::from_le_bytes(bytes)), digits_one_by_one(&bytes, 0));
        }

        #[test]
        fn the_first_special_byte_is_found_wherever_it_is(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x1eu8..0x24, Just(b'a')], 0..40),
        ) {
            prop_assert_eq!(special(&bytes), special_one_by_one(&bytes));
        }
    }
}
