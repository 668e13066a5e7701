//! Fields into memory that grows, in blocks: copying one takes no call, and what is too much of it is taken back.

use super::{encode_name, tag};
use crate::Value;

/// Most names, and many texts, are shorter.
const BLOCK: usize = 32;

/// A field's name in its encoding, written once for many fields.
#[derive(Debug, Clone, Default)]
pub struct EncodedName {
    block: [u8; BLOCK],
    len: usize,
    /// One that is longer than the block.
    long: Box<[u8]>,
}

impl EncodedName {
    /// The encoding of a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut encoded = Vec::new();
        encode_name(name, &mut encoded);
        let mut block = [0; BLOCK];
        match block.get_mut(..encoded.len()) {
            Some(start) => {
                start.copy_from_slice(&encoded);
                Self { block, len: encoded.len(), long: Box::default() }
            }
            None => Self { block, len: 0, long: encoded.into() },
        }
    }
}

/// Memory for encoded fields, kept from event to event.
#[derive(Debug, Default)]
pub struct FieldBuffer(Vec<u8>);

/// Beyond this, memory is not kept.
const KEPT: usize = 256 << 10;

impl FieldBuffer {
    /// Begins fields that take at most so many bytes; those before are gone.
    #[inline]
    pub fn begin(&mut self, bytes: usize) -> FieldWriter<'_> {
        let needed = bytes.saturating_add(BLOCK);
        if self.0.len() < needed || self.0.len() > KEPT {
            self.make_room(needed);
        }
        FieldWriter { bytes: &mut self.0, at: 0 }
    }

    #[cold]
    fn make_room(&mut self, bytes: usize) {
        if bytes <= KEPT && self.0.len() > KEPT {
            self.0 = Vec::new();
        }
        if self.0.len() < bytes {
            self.0.resize(bytes, 0);
        }
    }
}

/// Writes encoded fields. Each method writes nothing and says `None` where there is not enough room.
#[derive(Debug)]
pub struct FieldWriter<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl<'b> FieldWriter<'b> {
    /// As [`encode_name`]: the value is to follow.
    #[inline(always)]
    pub fn name(&mut self, name: &EncodedName) -> Option<()> {
        if name.len == 0 {
            return self.long(&[], &name.long);
        }
        self.block(&name.block, name.len)
    }

    /// Writes the first `len` of these bytes as [`Value::Str`] is written. They are UTF-8; what is behind them does not
    /// matter, but it is faster if there is something.
    #[inline(always)]
    pub fn text(&mut self, bytes: &[u8], len: usize) -> Option<()> {
        if len <= BLOCK {
            let head = [tag::SHORT_STR, len as u8];
            if let Some(block) = bytes.first_chunk::<BLOCK>() {
                self.block(&head, head.len())?;
                return self.block(block, len);
            }
            if len <= 8
                && let Some(block) = bytes.first_chunk::<8>()
            {
                self.block(&head, head.len())?;
                return self.block(block, len);
            }
        }
        let text = bytes.get(..len)?;
        match u8::try_from(len) {
            Ok(len) => self.long(&[tag::SHORT_STR, len], text),
            Err(_) => self.long_text(tag::STR, text),
        }
    }

    /// As [`Value::encode`].
    #[inline(always)]
    pub fn value(&mut self, value: &Value<'_>) -> Option<()> {
        let (tag, word) = match value {
            Value::U64(number) => (tag::U64, *number),
            Value::I64(number) => (tag::I64, *number as u64),
            Value::F64(number) => (tag::F64, number.to_bits()),
            Value::Json(text) => return self.long_text(tag::JSON, text.as_bytes()),
            _ => return self.any_value(value),
        };
        self.block(&((u128::from(word) << 8) | u128::from(tag)).to_le_bytes(), 9)
    }

    /// What was written.
    #[must_use]
    #[inline]
    pub fn finish(self) -> &'b [u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }

    /// Writes the first `len` of these bytes.
    #[inline(always)]
    fn block<const N: usize>(&mut self, block: &[u8; N], len: usize) -> Option<()> {
        *self.bytes.get_mut(self.at..)?.first_chunk_mut()? = *block;
        self.at += len;
        Some(())
    }

    fn long_text(&mut self, tag: u8, text: &[u8]) -> Option<()> {
        let [a, b, c, d] = (text.len() as u32).to_le_bytes();
        self.long(&[tag, a, b, c, d], text)
    }

    #[inline(never)]
    fn long(&mut self, head: &[u8], text: &[u8]) -> Option<()> {
        let (for_head, rest) = self.bytes.get_mut(self.at..)?.split_at_mut_checked(head.len())?;
        let for_text = rest.get_mut(..text.len())?;
        for_head.copy_from_slice(head);
        for_text.copy_from_slice(text);
        self.at += head.len() + text.len();
        Some(())
    }

    #[inline(never)]
    fn any_value(&mut self, value: &Value<'_>) -> Option<()> {
        let mut encoded = Vec::with_capacity(value.encoded_len());
        value.encode(&mut encoded);
        self.long(&[], &encoded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode_named;
    use super::*;

    fn any_value() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            any::<f64>().prop_map(Value::F64),
            Just(Value::Json("[1]")),
        ]
    }

    proptest! {
        #[test]
        fn blocks_write_what_is_written_piece_by_piece(
            fields in prop::collection::vec(("[a-zé]{0,40}", any_value(), "[a-zé]{0,300}", ".{0,40}"), 0..4),
        ) {
            let (mut buffer, mut pieces) = (FieldBuffer::default(), Vec::new());
            for (name, value, text, _) in &fields {
                encode_named(name, value, &mut pieces);
                encode_named("text", &Value::Str(text), &mut pieces);
            }
            let mut blocks = buffer.begin(pieces.len());
            for (name, value, text, behind) in &fields {
                blocks.name(&EncodedName::new(name)).unwrap();
                blocks.value(value).unwrap();
                blocks.name(&EncodedName::new("text")).unwrap();
                blocks.text(format!("{text}{behind}").as_bytes(), text.len()).unwrap();
            }
            prop_assert_eq!(blocks.finish(), &pieces);
        }
    }

    #[test]
    fn without_room_nothing_is_written() {
        let mut buffer = FieldBuffer::default();
        let mut blocks = buffer.begin(0);
        assert_eq!(blocks.text(&[b'x'; 300], 300), None);
        assert_eq!(blocks.name(&EncodedName::new(&"x".repeat(300))), None);
        assert_eq!(blocks.finish(), b"");
        assert_eq!(buffer.begin(2 * KEPT).bytes.len(), 2 * KEPT + BLOCK);
        assert_eq!(buffer.begin(1).bytes.len(), 1 + BLOCK);
    }
}
