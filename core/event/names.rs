//! Telling names apart without reading them.

/// A name's length and three of its bytes, of which the last one is highest.
#[inline]
pub(super) fn tag(name: &[u8]) -> u32 {
    match name {
        [] => 0,
        [first, ..] => u32::from_le_bytes([name.len() as u8, *first, name[name.len() / 2], name[name.len() - 1]]),
    }
}

/// Whether a name is one name and not several, and as long in the other case.
pub(super) fn is_plain(name: &str) -> bool {
    name.is_ascii() && !name.contains('.')
}

/// A bit for each of some tags; others can have the same.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TagSet([u64; 4]);

impl TagSet {
    #[inline]
    pub(super) fn insert(&mut self, tag: u32) {
        let (word, bit) = Self::place(tag);
        self.0[word] |= bit;
    }

    #[inline]
    pub(super) fn may_contain(&self, tag: u32) -> bool {
        let (word, bit) = Self::place(tag);
        self.0[word] & bit != 0
    }

    /// Whether both surely have no tag in common.
    #[inline]
    pub(super) fn is_apart_from(&self, other: &TagSet) -> bool {
        self.0.iter().zip(other.0).fold(0, |common, (one, other)| common | one & other) == 0
    }

    #[inline]
    pub(super) fn add_all(&mut self, other: &TagSet) {
        self.0.iter_mut().zip(other.0).for_each(|(one, other)| *one |= other);
    }

    #[inline]
    fn place(tag: u32) -> (usize, u64) {
        let hash = tag.wrapping_mul(0x9e37_79b1) >> 24;
        (hash as usize >> 6, 1 << (hash & 63))
    }
}

/// What the names end with that somebody looks for: tells most others apart by two bits. A name with
/// dots ends with each of its parts, `card.number` with `number`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NameEnds {
    /// A bit for the last letter, by its five lowest bits: upper and lower case have them in common.
    letters: u32,
    /// A bit for the length, by its six lowest bits.
    lengths: u64,
}

impl NameEnds {
    /// No name ends with any of them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name, in whatever case. One that is not all ASCII can have other letters and another
    /// length in the other case, and stands for all.
    pub fn add(&mut self, name: &str) {
        match name.as_bytes() {
            [.., last] if name.is_ascii() => {
                self.letters |= 1 << (last & 31);
                self.lengths |= 1 << (name.len() & 63);
            }
            _ => self.add_any(),
        }
    }

    /// From now on every name may be one of them.
    pub fn add_any(&mut self) {
        (self.letters, self.lengths) = (u32::MAX, u64::MAX);
    }

    /// Whether a name of this tag may end with one of them.
    #[inline]
    pub(super) fn may_end(&self, tag: u32, is_plain: bool) -> bool {
        // Of the tag: the last letter and the length.
        let (last, len) = (tag >> 24, tag & 63);
        last > 0x7f || (self.letters >> (last & 31) & 1 == 1 && (self.lengths >> len & 1 == 1 || !is_plain))
    }
}
