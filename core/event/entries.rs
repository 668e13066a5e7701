//! Where the fields of an open event lie, and how one is found by its name.

use super::Layer;

/// Which bytes a place counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Context,
    Arguments,
    Added,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) source: Source,
    pub(super) at: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    /// The call site's name at the entry's own position.
    Static(&'static str),
    Stored(Source, Span),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct FieldEntry {
    pub(super) name: Name,
    pub(super) value: Place,
    /// Name and value as they stand in a JSON object, if they were written ahead: among what was
    /// added. Empty if not.
    pub(super) member: Span,
    pub(super) layer: Layer,
    pub(super) removed: bool,
}

/// The fields in their order, and beside each a tag of its name: most names that differ have tags
/// that differ, so that a search reads a few words and hardly ever a name.
#[derive(Debug, Default, Clone)]
pub(super) struct Entries {
    list: Vec<FieldEntry>,
    tags: Vec<u32>,
    /// A bit for each tag that there is, or was.
    seen: u64,
}

/// A name's length and three of its bytes.
#[inline]
pub(super) fn tag(name: &[u8]) -> u32 {
    match name {
        [] => 0,
        [first, ..] => u32::from_le_bytes([name.len() as u8, *first, name[name.len() / 2], name[name.len() - 1]]),
    }
}

/// One bit for a tag; others can have the same.
#[inline]
fn bit(tag: u32) -> u64 {
    1 << (tag.wrapping_mul(0x9e37_79b1) >> 26)
}

impl Entries {
    pub(super) fn clear(&mut self) {
        self.truncate(0);
        self.seen = 0;
    }

    /// Whether there is surely none with this tag.
    #[inline]
    pub(super) fn is_new(&self, tag: u32) -> bool {
        self.seen & bit(tag) == 0
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
        self.tags.truncate(len);
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The memory that it keeps, in bytes.
    pub(super) fn capacity_bytes(&self) -> usize {
        self.list.capacity() * size_of::<FieldEntry>() + self.tags.capacity() * size_of::<u32>()
    }

    #[inline]
    pub(super) fn push(&mut self, tag: u32, entry: FieldEntry) {
        self.list.push(entry);
        self.tags.push(tag);
        self.seen |= bit(tag);
    }

    /// What is at a position, unless it was removed.
    #[inline]
    pub(super) fn live(&self, index: usize) -> Option<&FieldEntry> {
        self.list.get(index).filter(|entry| !entry.removed)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut FieldEntry> {
        self.list.get_mut(index)
    }

    /// All of them with their tags.
    #[inline]
    pub(super) fn tagged(&self) -> impl Iterator<Item = (u32, &FieldEntry)> + '_ {
        self.tags.iter().copied().zip(&self.list)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut FieldEntry> + '_ {
        self.list.iter_mut()
    }

    /// Gives the entry at a position another name.
    pub(super) fn rename(&mut self, index: usize, tag: u32, name: Name) {
        self.list[index].name = name;
        self.list[index].member = Span::default();
        self.tags[index] = tag;
        self.seen |= bit(tag);
    }

    /// The position of the entry with this tag that `is_it` agrees to.
    #[inline]
    pub(super) fn find(&self, tag: u32, is_it: impl Fn(&FieldEntry) -> bool) -> Option<usize> {
        let tags = self.tags.iter().enumerate();
        tags.filter(|(_, other)| **other == tag).map(|(index, _)| index).find(|index| {
            let entry = &self.list[*index];
            !entry.removed && is_it(entry)
        })
    }
}
