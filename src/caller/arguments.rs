//! A statement's values on their way into a slot.

use logwheel_core::Value;
use logwheel_core::wire::{Out, Reader, TIME_LEN, encode_named, encode_text, encode_time, named_len, text_len};

/// The values of a statement as the macros hand them over: a list of pairs, `(a, (b, (c, ())))`.
///
/// Unlike an array it is taken apart by the compiler, which then knows each value's kind.
pub trait Values<'a>: Copy {
    /// The sum of the encoded lengths.
    fn encoded_len(&self) -> usize;
    /// Whether one of them has to be formatted.
    fn needs_formatting(&self) -> bool;
    /// Writes one after the other.
    fn encode<O: Out>(&self, out: &mut O);
    /// Copies them to the front of an array.
    fn copy_to(&self, array: &mut [Value<'a>]);
}

impl<'a> Values<'a> for () {
    #[inline(always)]
    fn encoded_len(&self) -> usize {
        0
    }
    #[inline(always)]
    fn needs_formatting(&self) -> bool {
        false
    }
    #[inline(always)]
    fn encode<O: Out>(&self, _: &mut O) {}
    #[inline(always)]
    fn copy_to(&self, _: &mut [Value<'a>]) {}
}

impl<'a, R: Values<'a>> Values<'a> for (Value<'a>, R) {
    #[inline(always)]
    fn encoded_len(&self) -> usize {
        self.0.encoded_len() + self.1.encoded_len()
    }
    #[inline(always)]
    fn needs_formatting(&self) -> bool {
        self.0.needs_formatting() || self.1.needs_formatting()
    }
    #[inline(always)]
    fn encode<O: Out>(&self, out: &mut O) {
        self.0.encode(out);
        self.1.encode(out);
    }
    #[inline(always)]
    fn copy_to(&self, array: &mut [Value<'a>]) {
        if let Some((first, rest)) = array.split_first_mut() {
            *first = self.0;
            self.1.copy_to(rest);
        }
    }
}

/// The values of a statement, plain or with their names.
pub(super) trait Arguments: Copy {
    fn encoded_len(&self) -> usize;
    fn encode<O: Out>(&self, out: &mut O);
    /// As above, with every text cut to at most `cap` bytes.
    fn capped_len(&self, cap: usize) -> usize;
    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O);
}

/// In the order of the call site's names.
impl<const N: usize> Arguments for [Value<'_>; N] {
    fn encoded_len(&self) -> usize {
        self.iter().map(Value::encoded_len).sum()
    }

    fn encode<O: Out>(&self, out: &mut O) {
        self.iter().for_each(|value| value.encode(out));
    }

    fn capped_len(&self, cap: usize) -> usize {
        self.iter().map(|value| capped(*value, cap).encoded_len()).sum()
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        self.iter().for_each(|value| capped(*value, cap).encode(out));
    }
}

/// Encoded in the statement, in the order of the call site's names.
#[derive(Clone, Copy)]
pub(super) struct Encoded<'a>(pub(super) &'a [u8]);

impl Encoded<'_> {
    /// The values again, each with at most `cap` bytes of text.
    fn capped(&self, cap: usize) -> impl Iterator<Item = Value<'_>> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || if reader.is_at_end() { None } else { reader.value().ok() })
            .map(move |value| capped(value, cap))
    }
}

impl Arguments for Encoded<'_> {
    #[inline(always)]
    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn encode<O: Out>(&self, out: &mut O) {
        out.put(self.0);
    }

    fn capped_len(&self, cap: usize) -> usize {
        self.capped(cap).map(|value| value.encoded_len()).sum()
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        self.capped(cap).for_each(|value| value.encode(out));
    }
}

/// A message made at run time, and fields with names of their own.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) message: Value<'a>,
    pub(super) fields: &'a [(&'a str, Value<'a>)],
}

impl Arguments for Named<'_> {
    fn encoded_len(&self) -> usize {
        self.message.encoded_len() + self.fields.iter().map(|(name, value)| named_len(name, value)).sum::<usize>()
    }

    fn encode<O: Out>(&self, out: &mut O) {
        self.message.encode(out);
        self.fields.iter().for_each(|(name, value)| encode_named(name, value, out));
    }

    fn capped_len(&self, cap: usize) -> usize {
        let fields = self.fields.iter().map(|(name, value)| named_len(name, &capped(*value, cap)));
        capped(self.message, cap).encoded_len() + fields.sum::<usize>()
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        capped(self.message, cap).encode(out);
        self.fields.iter().for_each(|(name, value)| encode_named(name, &capped(*value, cap), out));
    }
}

/// As [`Named`], for an event that happened at another time than now.
#[derive(Clone, Copy)]
pub(super) struct Timed<'a> {
    /// In nanoseconds since the Unix epoch.
    pub(super) time: u64,
    pub(super) named: Named<'a>,
}

impl Arguments for Timed<'_> {
    fn encoded_len(&self) -> usize {
        TIME_LEN + self.named.encoded_len()
    }

    fn encode<O: Out>(&self, out: &mut O) {
        encode_time(self.time, out);
        self.named.encode(out);
    }

    fn capped_len(&self, cap: usize) -> usize {
        TIME_LEN + self.named.capped_len(cap)
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        encode_time(self.time, out);
        self.named.encode_capped(cap, out);
    }
}

/// As [`Timed`] or [`Named`], with fields that are encoded.
#[derive(Clone, Copy)]
pub(super) struct EncodedNamed<'a> {
    pub(super) time: Option<u64>,
    pub(super) message: &'a [u8],
    pub(super) fields: &'a [u8],
}

impl EncodedNamed<'_> {
    #[inline]
    fn time_len(&self) -> usize {
        if self.time.is_some() { TIME_LEN } else { 0 }
    }

    #[inline]
    fn encode_time<O: Out>(&self, out: &mut O) {
        if let Some(time) = self.time {
            encode_time(time, out);
        }
    }

    fn capped_message(&self, cap: usize) -> Value<'_> {
        capped(std::str::from_utf8(self.message).map_or(Value::Bytes(self.message), Value::Str), cap)
    }

    /// The fields again, each with at most `cap` bytes of text.
    fn capped(&self, cap: usize) -> impl Iterator<Item = (&str, Value<'_>)> {
        let mut reader = Reader::new(self.fields);
        std::iter::from_fn(move || {
            if reader.is_at_end() {
                return None;
            }
            Some((reader.name().ok()?, capped(reader.value().ok()?, cap)))
        })
    }
}

impl Arguments for EncodedNamed<'_> {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.time_len() + text_len(self.message) + self.fields.len()
    }

    #[inline]
    fn encode<O: Out>(&self, out: &mut O) {
        self.encode_time(out);
        encode_text(self.message, out);
        out.put(self.fields);
    }

    fn capped_len(&self, cap: usize) -> usize {
        let fields = self.capped(cap).map(|(name, value)| named_len(name, &value));
        self.time_len() + self.capped_message(cap).encoded_len() + fields.sum::<usize>()
    }

    fn encode_capped<O: Out>(&self, cap: usize, out: &mut O) {
        self.encode_time(out);
        self.capped_message(cap).encode(out);
        self.capped(cap).for_each(|(name, value)| encode_named(name, &value, out));
    }
}

/// The value with at most `cap` bytes of text; whole where the cut one, which also says how long
/// it was, would not be shorter.
fn capped(value: Value<'_>, cap: usize) -> Value<'_> {
    let (bytes, end) = match value {
        Value::Str(text) | Value::Json(text) => (text.as_bytes(), text.floor_char_boundary(cap)),
        Value::Bytes(bytes) => (bytes, cap.min(bytes.len())),
        other => return other,
    };
    let cut = Value::Cut { kept: &bytes[..end], original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) };
    if cut.encoded_len() < value.encoded_len() { cut } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_characters_border() {
        let Value::Cut { kept, original_len } = capped(Value::Str("aééééééééé"), 4) else { panic!("not cut") };
        assert_eq!((std::str::from_utf8(kept), original_len), (Ok("aé"), 19));
    }

    #[test]
    fn encoded_fields_are_cut_as_plain_ones_are() {
        let fields =
            [("a", Value::U64(7)), ("é", Value::Str("a long text of some bytes")), ("", Value::Json("[1, 2, 3, 4]"))];
        let (message, mut bytes) = ("a message of some bytes", Vec::new());
        fields.iter().for_each(|(name, value)| encode_named(name, value, &mut bytes));
        for cap in [0, 3, 9, 20, 100] {
            let plain = Timed { time: 5, named: Named { message: Value::Str(message), fields: &fields } };
            let encoded = EncodedNamed { time: Some(5), message: message.as_bytes(), fields: &bytes };
            let (mut from_plain, mut from_encoded) = (Vec::new(), Vec::new());
            plain.encode_capped(cap, &mut from_plain);
            encoded.encode_capped(cap, &mut from_encoded);
            assert_eq!(from_plain, from_encoded, "{cap}");
            assert_eq!(encoded.capped_len(cap), from_plain.len(), "{cap}");
            from_plain.clear();
            from_encoded.clear();
            plain.encode(&mut from_plain);
            encoded.encode(&mut from_encoded);
            assert_eq!((&from_plain, encoded.encoded_len()), (&from_encoded, from_plain.len()));
        }
    }

    #[test]
    fn encoded_values_are_cut_as_plain_ones_are() {
        let values = [Value::U64(7), Value::Str("a long text of some bytes"), Value::Bytes(b"and so many others")];
        let mut bytes = Vec::new();
        values.encode(&mut bytes);
        for cap in [0, 3, 9, 20, 100] {
            let (mut plain, mut encoded) = (Vec::new(), Vec::new());
            values.encode_capped(cap, &mut plain);
            Encoded(&bytes).encode_capped(cap, &mut encoded);
            assert_eq!(plain, encoded, "{cap}");
            assert_eq!(Encoded(&bytes).capped_len(cap), plain.len(), "{cap}");
        }
    }
}
