//! Bytes that are written piece by piece.

use std::fmt;
use std::ops::Deref;

/// Where lines are written: bytes, and room behind them.
///
/// The room holds bytes that mean nothing. So a short piece can be copied as a block of a fixed size, which takes a
/// few instructions and no call: what is too much of the block lies in the room, and is written over by the next
/// piece.
#[derive(Default)]
pub struct LineBuffer {
    /// What was written, and the room.
    bytes: Vec<u8>,
    len: usize,
}

/// Room is made for as much again as was written, but within these bounds: seldom where much is written, and little
/// where a short text is kept.
const LEAST_ROOM: usize = 64;
const MOST_ROOM: usize = 4 << 10;

/// The longest text that [`LineBuffer::put_short`] takes.
const SHORT: usize = 32;

impl LineBuffer {
    /// An empty buffer; it grows as it is written.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes were written.
    #[must_use]
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The heap memory it keeps, used or not.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.extend_beyond(bytes),
        }
    }

    /// Appends a byte.
    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        self.put([byte]);
    }

    /// Forgets what was written beyond the first `len` bytes.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Forgets what was written, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends bytes whose number is known to the compiler.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put_some_of(&bytes, N);
    }

    /// Appends the first `len` bytes of a block.
    #[inline(always)]
    pub(crate) fn put_some_of<const N: usize>(&mut self, block: &[u8; N], len: usize) {
        debug_assert!(len <= N);
        *self.room() = *block;
        self.len += len;
    }

    /// Appends a text that is mostly short.
    #[inline(always)]
    pub(crate) fn put_short(&mut self, text: &[u8]) {
        let room: &mut [u8; SHORT] = self.room();
        match copy_short(text, room, |_| true) {
            true => self.len += text.len(),
            false => self.extend_from_slice(text),
        }
    }

    /// Appends a short text in quotes if all of its words are `plain`; else nothing, and says so.
    #[inline(always)]
    pub(crate) fn put_short_quoted(&mut self, text: &[u8], plain: impl Fn(u64) -> bool) -> bool {
        let room: &mut [u8; SHORT + 2] = self.room();
        let [first, rest @ ..] = room;
        *first = b'"';
        let is_plain = match rest.first_chunk_mut() {
            Some(inside) => copy_short(text, inside, plain),
            None => false,
        };
        if is_plain {
            rest[text.len()] = b'"';
            self.len += text.len() + 2;
        }
        is_plain
    }

    /// What was written, to be changed.
    #[inline(always)]
    pub(crate) fn written(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// The `N` bytes behind what was written.
    #[inline(always)]
    fn room<const N: usize>(&mut self) -> &mut [u8; N] {
        if self.bytes.len() - self.len < N {
            self.grow(N);
        }
        self.bytes[self.len..].first_chunk_mut().expect("there is as much room as was made")
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        self.bytes.resize(self.len + more + self.len.clamp(LEAST_ROOM, MOST_ROOM), 0);
    }

    /// Appends what there is no room for, and leaves no room behind it: whoever appends large pieces never needs any.
    #[cold]
    #[inline(never)]
    fn extend_beyond(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.len);
        self.bytes.extend_from_slice(bytes);
        self.len = self.bytes.len();
    }
}

/// Copies a text of at most 32 bytes to the front of `room`, a few words at once. Says whether it was as short and all
/// of its words `plain`; if not, `room` may hold anything.
#[inline(always)]
fn copy_short(text: &[u8], room: &mut [u8; SHORT], plain: impl Fn(u64) -> bool) -> bool {
    let (len, word) = (text.len(), |bytes: &[u8]| bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
    if len > SHORT {
        return false;
    }
    if let Some((first, last)) = both_ends::<16>(text) {
        room[..16].copy_from_slice(first);
        room[len - 16..len].copy_from_slice(last);
        [&first[..8], &first[8..], &last[..8], &last[8..]].iter().all(|half| plain(word(half)))
    } else if let Some((first, last)) = both_ends::<8>(text) {
        room[..8].copy_from_slice(first);
        room[len - 8..len].copy_from_slice(last);
        plain(word(first)) && (len == 8 || plain(word(last)))
    } else if let Some((first, last)) = both_ends::<4>(text) {
        room[..4].copy_from_slice(first);
        room[len - 4..len].copy_from_slice(last);
        plain(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32)
    } else {
        let mut all = 0;
        for (to, from) in room.iter_mut().zip(text) {
            (*to, all) = (*from, all << 8 | u64::from(*from));
        }
        len == 0 || plain(all | SPACES << (8 * len))
    }
}

/// The first and the last `N` bytes, which may overlap in the middle.
#[inline(always)]
pub(crate) fn both_ends<const N: usize>(text: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    Some((text.first_chunk()?, text.last_chunk()?))
}

const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);

impl Deref for LineBuffer {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Clone for LineBuffer {
    fn clone(&self) -> Self {
        Self { bytes: self.to_vec(), len: self.len }
    }
}

impl fmt::Debug for LineBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Piece {
        Slice(Vec<u8>),
        Short(Vec<u8>),
        Some([u8; 16], usize),
        Quoted(Vec<u8>),
        Truncate(usize),
        Byte(u8),
    }

    fn piece() -> impl Strategy<Value = Piece> {
        let bytes = |len| prop::collection::vec(any::<u8>(), 0..len);
        prop_oneof![
            bytes(10_000).prop_map(Piece::Slice),
            bytes(40).prop_map(Piece::Short),
            (any::<[u8; 16]>(), 0..=16usize).prop_map(|(block, len)| Piece::Some(block, len)),
            prop::collection::vec(prop_oneof![40 => any::<u8>(), 1 => Just(b'x')], 0..40).prop_map(Piece::Quoted),
            (0..12_000usize).prop_map(Piece::Truncate),
            any::<u8>().prop_map(Piece::Byte),
        ]
    }

    proptest! {
        #[test]
        fn it_holds_what_a_vector_holds(pieces in prop::collection::vec(piece(), 0..40)) {
            let (mut buffer, mut vector) = (LineBuffer::new(), Vec::new());
            for piece in pieces {
                match piece {
                    Piece::Slice(bytes) => {
                        buffer.extend_from_slice(&bytes);
                        vector.extend(bytes);
                    }
                    Piece::Short(bytes) => {
                        buffer.put_short(&bytes);
                        vector.extend(bytes);
                    }
                    Piece::Some(block, len) => {
                        buffer.put_some_of(&block, len);
                        vector.extend(&block[..len]);
                    }
                    Piece::Quoted(bytes) => {
                        let plain = |word: u64| !word.to_le_bytes().contains(&b'x');
                        let was_put = buffer.put_short_quoted(&bytes, plain);
                        prop_assert_eq!(was_put, bytes.len() <= SHORT && !bytes.contains(&b'x'));
                        if was_put {
                            vector.extend([b"\"", &bytes[..], b"\""].concat());
                        }
                    }
                    Piece::Truncate(len) => {
                        buffer.truncate(len);
                        vector.truncate(len);
                    }
                    Piece::Byte(byte) => {
                        buffer.push(byte);
                        vector.push(byte);
                    }
                }
                prop_assert_eq!(buffer.len(), vector.len());
                prop_assert!(*buffer == vector[..]);
            }
            prop_assert!(*buffer.clone() == vector[..]);
        }
    }

    #[test]
    fn a_short_text_keeps_little_memory() {
        let mut buffer = LineBuffer::new();
        (0..40).for_each(|_| buffer.push(b'x'));
        assert!(buffer.capacity() < 200, "{}", buffer.capacity());
    }

    #[test]
    fn what_only_grows_in_large_pieces_takes_no_room() {
        let mut buffer = LineBuffer::new();
        (0..10).for_each(|_| buffer.extend_from_slice(&[7; 1000]));
        assert_eq!(buffer.bytes.len(), 10_000);
    }
}
