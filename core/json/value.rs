//! Values as JSON, straight from their encoding.

use serde_json::value::RawValue;

use super::digits::eight_digits;
use super::envelope::may_be_reserved;
use super::text::{push_mostly_plain, push_string};
use crate::wire::{Reader, tag};
use crate::{LineBuffer, Value};

/// How often the encoder had to change a value to keep the line valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EncodeCounts {
    /// NaN or an infinity became `null`.
    pub non_finite: u64,
    /// What was logged as raw JSON is none, and was written as a string.
    pub invalid_json: u64,
    /// A run of bytes that is not UTF-8 became U+FFFD.
    pub invalid_utf8: u64,
}

impl EncodeCounts {
    /// Appends the value that begins `wire`; the usual kinds without taking them apart first.
    #[inline(always)]
    pub(super) fn push_wire(&mut self, wire: &[u8], out: &mut LineBuffer) {
        let Some((tag, rest)) = wire.split_first() else { return out.put(*b"null") };
        match (*tag, rest.first_chunk()) {
            (tag::U64, Some(word)) => push_number(out, u64::from_le_bytes(*word)),
            (tag::I64, Some(word)) => push_integer(out, i64::from_le_bytes(*word)),
            (tag::F64, Some(word)) => self.push_float(out, f64::from_le_bytes(*word), f64::is_finite),
            (tag::TRUE, _) => out.put(*b"true"),
            (tag::FALSE, _) => out.put(*b"false"),
            (tag::SHORT_STR, _) => {
                let (len, text) = rest.split_first().unwrap_or((&0, &[]));
                self.invalid_utf8 += push_mostly_plain(out, text.get(..usize::from(*len)).unwrap_or_default());
            }
            _ => self.push_unusual(wire, out),
        }
    }

    #[inline(never)]
    fn push_unusual(&mut self, wire: &[u8], out: &mut LineBuffer) {
        let value = Reader::new(wire).unchecked_value().map_or(Value::Null, |(_, value)| value);
        self.push(value, out);
    }

    /// Appends a value. Texts that were not checked come as [`Value::Bytes`].
    pub(super) fn push(&mut self, value: Value<'_>, out: &mut LineBuffer) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::I64(v) => push_integer(out, v),
            Value::U64(v) => push_integer(out, v),
            Value::I128(v) => push_integer(out, v),
            Value::U128(v) => push_integer(out, v),
            Value::F64(v) => self.push_float(out, v, f64::is_finite),
            Value::F32(v) => self.push_float(out, v, f32::is_finite),
            Value::Bytes(bytes) => self.invalid_utf8 += push_string(out, bytes),
            Value::Str(text) => drop(push_string(out, text.as_bytes())),
            Value::Char(c) => drop(push_string(out, c.encode_utf8(&mut [0; 4]).as_bytes())),
            Value::Duration(duration) => push_duration(out, duration),
            Value::Json(text) => self.push_json(text, out),
            Value::Cut { kept, original_len } => {
                self.invalid_utf8 += push_string(out, kept);
                out.truncate(out.len() - 1);
                out.extend_from_slice(b"...[truncated, ");
                push_integer(out, original_len);
                out.extend_from_slice(b" bytes]\"");
            }
            // Formatted before they entered the lane; `store` sees to those of stages.
            Value::Display(_) | Value::Debug(_) | Value::Error(_) => out.extend_from_slice(b"null"),
        }
    }

    #[inline]
    fn push_float<F: zmij::Float + Copy>(&mut self, out: &mut LineBuffer, value: F, is_finite: impl Fn(F) -> bool) {
        if is_finite(value) {
            out.put_short(zmij::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.non_finite += 1;
            out.extend_from_slice(b"null");
        }
    }

    fn push_json(&mut self, text: &str, out: &mut LineBuffer) {
        match serde_json::from_str::<&RawValue>(text) {
            // Line breaks can only stand between tokens here: inside a string they would be invalid.
            Ok(json) => {
                let start = out.len();
                out.extend_from_slice(json.get().as_bytes());
                out.written()[start..].iter_mut().for_each(|byte| *byte = if *byte < 0x20 { b' ' } else { *byte });
            }
            Err(_) => {
                self.invalid_json += 1;
                push_string(out, text.as_bytes());
            }
        }
    }
}

/// `"name":value`, if that is what each event will have in either envelope; else nothing.
pub(crate) fn member(name: &[u8], value: Value<'_>) -> LineBuffer {
    let (mut out, mut changed) = (LineBuffer::new(), EncodeCounts::default());
    if !may_be_reserved(name) {
        push_string(&mut out, name);
        out.push(b':');
        changed.push(value, &mut out);
    }
    if changed != EncodeCounts::default() {
        // Is to be counted each time.
        out.clear();
    }
    out
}

#[inline]
pub(super) fn push_integer(out: &mut LineBuffer, value: impl itoa::Integer) {
    out.put_short(itoa::Buffer::new().format(value).as_bytes());
}

/// As [`push_integer`]: most numbers have at most eight digits, which are made together and copied as a block.
#[inline]
fn push_number(out: &mut LineBuffer, value: u64) {
    if value >= 100_000_000 {
        return push_integer(out, value);
    }
    let digits = eight_digits(value as u32);
    // The last one stays, also of 0.
    let zeros = (digits | (1 << 56)).trailing_zeros() / 8;
    let text = (digits | u64::from_ne_bytes([b'0'; 8])) >> (8 * zeros);
    out.put_some_of(&text.to_le_bytes(), (8 - zeros) as usize);
}

fn push_duration(out: &mut LineBuffer, duration: std::time::Duration) {
    push_integer(out, duration.as_secs());
    let mut fraction = duration.subsec_nanos();
    if fraction > 0 {
        let mut digits = *b".000000000";
        for digit in digits[1..].iter_mut().rev() {
            *digit += (fraction % 10) as u8;
            fraction /= 10;
        }
        let len = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        out.extend_from_slice(&digits[..len]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_written_with_their_digits(value in prop_oneof![0u64..100, 0u64..200_000_000, any::<u64>()]) {
            let mut out = LineBuffer::new();
            out.push(b'x');
            push_number(&mut out, value);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), format!("x{value}"));
        }
    }
}
