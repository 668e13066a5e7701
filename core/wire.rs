//! The compact tagged encoding in which an event's values travel through a lane.
//!
//! A value is one tag byte and a payload: integers and floats raw in little endian, texts as a
//! length (8 bits for short ones, else 32) and their bytes. A named field is a 16-bit length, the name, and a value. The
//! encoding never leaves the process; its reader trusts nothing all the same.

use std::time::Duration;

use crate::Value;

mod blocks;

pub use blocks::{EncodedName, FieldBuffer, FieldWriter};

/// Where encoded bytes go.
///
/// Implementations must not panic, allocate or block: they run while a slot of a lane is claimed.
/// Callers ask [`Value::encoded_len`] first, so there is always room; an implementation that has
/// none keeps what fits.
pub trait Out {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Appends bytes whose number is known to the compiler.
    #[inline(always)]
    fn put_array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put(&bytes);
    }
}

impl Out for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

pub(crate) mod tag {
    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const I64: u8 = 3;
    pub const U64: u8 = 4;
    pub const F64: u8 = 5;
    pub const STR: u8 = 6;
    pub const BYTES: u8 = 7;
    pub const I128: u8 = 8;
    pub const U128: u8 = 9;
    pub const DURATION: u8 = 10;
    pub const JSON: u8 = 11;
    pub const CUT: u8 = 12;
    pub const CHAR: u8 = 13;
    pub const F32: u8 = 14;
    pub const SHORT_STR: u8 = 15;
    /// No value: a time before the first one.
    pub const TIME: u8 = 16;
}

/// The longest name of a field, in bytes; a longer one is cut.
pub const MAX_NAME: usize = u16::MAX as usize;

impl Value<'_> {
    /// How many bytes [`encode`](Self::encode) writes.
    #[must_use]
    #[inline(always)]
    pub fn encoded_len(&self) -> usize {
        match self {
            Value::Null | Value::Bool(_) => 1,
            Value::I64(_) | Value::U64(_) | Value::F64(_) => 9,
            Value::I128(_) | Value::U128(_) => 17,
            Value::Duration(_) => 13,
            Value::Char(_) | Value::F32(_) => 5,
            Value::Str(text) => text_len(text.as_bytes()),
            Value::Json(text) => 5 + text.len(),
            Value::Bytes(bytes) => 5 + bytes.len(),
            Value::Cut { kept, .. } => 9 + kept.len(),
            // Formatted before they get here; what slipped through is a null.
            Value::Display(_) | Value::Debug(_) | Value::Error(_) => 1,
        }
    }

    /// Writes the value. Only copies: it cannot fail, panic or allocate by itself.
    #[inline(always)]
    pub fn encode<O: Out>(&self, out: &mut O) {
        match self {
            Value::Null | Value::Display(_) | Value::Debug(_) | Value::Error(_) => out.put_array([tag::NULL]),
            Value::Bool(false) => out.put_array([tag::FALSE]),
            Value::Bool(true) => out.put_array([tag::TRUE]),
            Value::I64(v) => put_word(out, tag::I64, v.to_le_bytes()),
            Value::U64(v) => put_word(out, tag::U64, v.to_le_bytes()),
            Value::F64(v) => put_word(out, tag::F64, v.to_le_bytes()),
            Value::I128(v) => put_word(out, tag::I128, v.to_le_bytes()),
            Value::U128(v) => put_word(out, tag::U128, v.to_le_bytes()),
            Value::F32(v) => put_word(out, tag::F32, v.to_le_bytes()),
            Value::Char(c) => put_word(out, tag::CHAR, u32::from(*c).to_le_bytes()),
            Value::Duration(d) => {
                put_word(out, tag::DURATION, d.as_secs().to_le_bytes());
                out.put_array(d.subsec_nanos().to_le_bytes());
            }
            Value::Str(text) => encode_text(text.as_bytes(), out),
            Value::Json(text) => put_text(out, tag::JSON, text.as_bytes()),
            Value::Bytes(bytes) => put_text(out, tag::BYTES, bytes),
            Value::Cut { kept, original_len } => {
                put_word(out, tag::CUT, original_len.to_le_bytes());
                out.put_array((kept.len() as u32).to_le_bytes());
                out.put(kept);
            }
        }
    }
}

/// Tag and word separately: gathered first, they would have to be read back in other pieces than
/// they were written in, which stalls the processor.
#[inline(always)]
fn put_word<O: Out, const N: usize>(out: &mut O, tag: u8, word: [u8; N]) {
    out.put_array([tag]);
    out.put_array(word);
}

#[inline(always)]
fn put_text<O: Out>(out: &mut O, tag: u8, text: &[u8]) {
    put_word(out, tag, (text.len() as u32).to_le_bytes());
    out.put(text);
}

/// The bytes that [`encode_text`] writes.
#[must_use]
#[inline(always)]
pub fn text_len(text: &[u8]) -> usize {
    if text.len() <= u8::MAX as usize { 2 + text.len() } else { 5 + text.len() }
}

/// Writes a text as [`Value::Str`] is written. Who reads it looks whether it is UTF-8.
#[inline(always)]
pub fn encode_text<O: Out>(text: &[u8], out: &mut O) {
    if text.len() <= u8::MAX as usize {
        out.put_array([tag::SHORT_STR, text.len() as u8]);
        out.put(text);
    } else {
        put_text(out, tag::STR, text);
    }
}

/// The bytes that [`encode_named`] writes.
#[must_use]
#[inline]
pub fn named_len(name: &str, value: &Value<'_>) -> usize {
    2 + name.len().min(MAX_NAME) + value.encoded_len()
}

/// Writes a field with its name.
#[inline]
pub fn encode_named<O: Out>(name: &str, value: &Value<'_>, out: &mut O) {
    encode_name(name, out);
    value.encode(out);
}

/// Writes the name of a field, whose value is to follow.
#[inline]
pub fn encode_name<O: Out>(name: &str, out: &mut O) {
    let name = if name.len() > MAX_NAME { name.split_at(name.floor_char_boundary(MAX_NAME)).0 } else { name };
    out.put_array((name.len() as u16).to_le_bytes());
    out.put(name.as_bytes());
}

/// How many bytes [`encode_time`] writes.
pub const TIME_LEN: usize = 9;

/// Writes the time at which an event happened, in nanoseconds since the Unix epoch: before an
/// inline message, for an event that is older than its log call. It is no value, so that no field
/// can pass for it.
pub fn encode_time<O: Out>(nanoseconds: u64, out: &mut O) {
    out.put_array([tag::TIME]);
    out.put_array(nanoseconds.to_le_bytes());
}

/// Bytes that are not an encoding: they were damaged, or read at the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged event bytes at offset {at}")]
pub struct WireError {
    at: usize,
}

/// Reads encoded values one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads from an offset that [`position`](Self::position) gave.
    #[must_use]
    pub fn starting_at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// How far the reader has come.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether everything is read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Reads one value. Text that is not UTF-8 comes back as [`Value::Bytes`].
    ///
    /// # Errors
    /// When the bytes are no encoding.
    #[inline]
    pub fn value(&mut self) -> Result<Value<'a>, WireError> {
        let (is_text, value) = self.unchecked_value()?;
        Ok(match value {
            Value::Bytes(bytes) if is_text => std::str::from_utf8(bytes).map_or(value, Value::Str),
            value => value,
        })
    }

    /// As [`value`](Self::value), with every text as [`Value::Bytes`]: whoever copies it byte by
    /// byte can look for what is not UTF-8 on the way. Says whether it was text.
    #[inline]
    pub(crate) fn unchecked_value(&mut self) -> Result<(bool, Value<'a>), WireError> {
        let [tag] = self.take()?;
        let value = match tag {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::I64 => Value::I64(i64::from_le_bytes(self.take()?)),
            tag::U64 => Value::U64(u64::from_le_bytes(self.take()?)),
            tag::F64 => Value::F64(f64::from_le_bytes(self.take()?)),
            tag::I128 => Value::I128(i128::from_le_bytes(self.take()?)),
            tag::U128 => Value::U128(u128::from_le_bytes(self.take()?)),
            tag::DURATION => {
                let seconds = u64::from_le_bytes(self.take()?);
                let nanos = u32::from_le_bytes(self.take()?);
                if nanos >= 1_000_000_000 {
                    return Err(self.damaged());
                }
                Value::Duration(Duration::new(seconds, nanos))
            }
            tag::CHAR => Value::Char(char::from_u32(u32::from_le_bytes(self.take()?)).ok_or_else(|| self.damaged())?),
            tag::F32 => Value::F32(f32::from_bits(u32::from_le_bytes(self.take()?))),
            tag::SHORT_STR => Value::Bytes(self.short_text()?),
            tag::STR | tag::BYTES => Value::Bytes(self.text()?),
            tag::JSON => {
                let bytes = self.text()?;
                std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Json)
            }
            tag::CUT => {
                let original_len = u32::from_le_bytes(self.take()?);
                Value::Cut { kept: self.text()?, original_len }
            }
            _ => return Err(self.damaged()),
        };
        Ok((matches!(tag, tag::STR | tag::SHORT_STR), value))
    }

    /// Passes over one value without looking at its text.
    ///
    /// # Errors
    /// When the bytes are no encoding.
    #[inline]
    pub fn skip_value(&mut self) -> Result<(), WireError> {
        self.pass_value().map(drop)
    }

    /// As [`skip_value`](Self::skip_value); says whether the value is raw JSON, or was cut and
    /// may have been.
    #[inline]
    pub(crate) fn pass_value(&mut self) -> Result<bool, WireError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = match *rest {
            [tag::U64 | tag::I64 | tag::F64, ..] => 8,
            [tag::NULL | tag::FALSE | tag::TRUE, ..] => 0,
            [tag::SHORT_STR, length, ..] => 1 + usize::from(length),
            _ => return self.pass_unusual(),
        };
        if length >= rest.len() {
            return Err(self.damaged());
        }
        self.at += 1 + length;
        Ok(false)
    }

    #[inline(never)]
    fn pass_unusual(&mut self) -> Result<bool, WireError> {
        let [tag] = self.take()?;
        let length = match tag {
            tag::I128 | tag::U128 => 16,
            tag::DURATION => 12,
            tag::CHAR | tag::F32 => 4,
            tag::STR | tag::JSON | tag::BYTES => return self.text().map(|_| tag == tag::JSON),
            tag::CUT => {
                self.take::<4>()?;
                return self.text().map(|_| true);
            }
            _ => return Err(self.damaged()),
        };
        self.slice(length).map(|_| false)
    }

    /// Reads the time that [`encode_time`] wrote, if there is one here.
    pub fn time(&mut self) -> Option<u64> {
        let (tag, time) = self.bytes.get(self.at..)?.get(..TIME_LEN)?.split_first_chunk::<1>()?;
        if *tag != [tag::TIME] {
            return None;
        }
        self.at += TIME_LEN;
        time.try_into().ok().map(u64::from_le_bytes)
    }

    /// Reads the name of a named field; its value follows.
    ///
    /// # Errors
    /// When the bytes are no encoding.
    pub fn name(&mut self) -> Result<&'a str, WireError> {
        let name = self.unchecked_name()?;
        std::str::from_utf8(name).map_err(|_| self.damaged())
    }

    /// As [`name`](Self::name), as bytes, which are UTF-8 all the same.
    #[inline]
    pub(crate) fn checked_name(&mut self) -> Result<&'a [u8], WireError> {
        let name = self.unchecked_name()?;
        if !name.is_ascii() {
            std::str::from_utf8(name).map_err(|_| self.damaged())?;
        }
        Ok(name)
    }

    #[inline]
    fn unchecked_name(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        self.slice(length)
    }

    fn short_text(&mut self) -> Result<&'a [u8], WireError> {
        let [length] = self.take()?;
        self.slice(usize::from(length))
    }

    fn text(&mut self) -> Result<&'a [u8], WireError> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        self.slice(length)
    }

    #[inline]
    fn slice(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let slice = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or_else(|| self.damaged())?;
        self.at += length;
        Ok(slice)
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let bytes = *bytes.ok_or_else(|| self.damaged())?;
        self.at += N;
        Ok(bytes)
    }

    fn damaged(&self) -> WireError {
        WireError { at: self.at }
    }
}

#[cfg(test)]
mod tests;
