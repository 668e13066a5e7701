//! Where the fields of an open event lie, and how one is found by its name.

use super::Layer;
use super::names::{self, NameEnds, TagSet};

/// Which bytes a place counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// For names: `at` is the position among those of the call site.
    Callsite,
    Context,
    Arguments,
    Added,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn shifted(self, by: u32) -> Self {
        Self { at: self.at + by, len: self.len }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) source: Source,
    pub(super) at: u32,
}

/// A field; small, because an everyday event has a dozen.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldEntry {
    /// What most names that differ have different: see [`names::tag`].
    pub(super) tag: u32,
    pub(super) name: Span,
    pub(super) value: u32,
    /// Name and value as they stand in a JSON object, if they were written ahead: among what was
    /// added. Empty if not.
    pub(super) member: Span,
    pub(super) name_in: Source,
    pub(super) value_in: Source,
    pub(super) layer: Layer,
    pub(super) removed: bool,
    /// Whether the value is raw JSON, or was cut and may have been.
    pub(super) may_be_json: bool,
    /// Whether the name is known to be [plain](names::is_plain).
    pub(super) is_plain: bool,
}

/// Neighbouring fields that were written ahead together, with commas between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) first: usize,
    pub(super) len: usize,
    pub(super) members: Span,
}

/// The fields of all events of one call site, but for where their values are.
#[derive(Debug)]
pub(crate) struct Layout {
    entries: Box<[FieldEntry]>,
    tags: TagSet,
}

impl Layout {
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut tags = TagSet::default();
        let entry = |(at, name): (usize, &&str)| FieldEntry {
            tag: names::tag(name.as_bytes()),
            name: Span { at: at as u32, len: 0 },
            value: 0,
            member: Span::default(),
            name_in: Source::Callsite,
            value_in: Source::Arguments,
            layer: Layer::Argument,
            removed: false,
            may_be_json: false,
            is_plain: names::is_plain(name),
        };
        let entries: Box<[_]> = names.iter().enumerate().map(entry).collect();
        entries.iter().for_each(|entry| tags.insert(entry.tag));
        Self { entries, tags }
    }
}

/// The fields in their order.
#[derive(Debug, Default, Clone)]
pub(super) struct Entries {
    list: Vec<FieldEntry>,
    /// Of the tags that there are, or were.
    seen: TagSet,
    /// Those whose fields are all as they were added.
    runs: Vec<Run>,
}

impl FieldEntry {
    #[inline]
    pub(super) fn value(&self) -> Place {
        Place { source: self.value_in, at: self.value }
    }

    /// Gives it a value that is among what was added.
    pub(super) fn set_value(&mut self, at: u32, may_be_json: bool) {
        (self.value, self.value_in, self.may_be_json) = (at, Source::Added, may_be_json);
        self.member = Span::default();
    }
}

impl Entries {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.runs.clear();
        self.seen = TagSet::default();
    }

    /// Whether there are surely none with these tags.
    #[inline]
    pub(super) fn are_new(&self, tags: &TagSet) -> bool {
        self.seen.is_apart_from(tags)
    }

    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.list.len() {
            self.list.truncate(len);
            self.runs.retain(|run| run.first + run.len <= len);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The memory that it keeps, in bytes.
    pub(super) fn capacity_bytes(&self) -> usize {
        self.list.capacity() * size_of::<FieldEntry>() + self.runs.capacity() * size_of::<Run>()
    }

    /// Appends the fields of a call site, as far as `place` says where their values are: offset,
    /// and whether it may be JSON. Says whether it did for all.
    #[inline]
    pub(super) fn lay_out(&mut self, layout: &Layout, mut place: impl FnMut() -> Option<(u32, bool)>) -> bool {
        let first = self.list.len();
        self.seen.add_all(&layout.tags);
        self.list.extend_from_slice(&layout.entries);
        for at in first..self.list.len() {
            let Some((value, may_be_json)) = place() else {
                self.list.truncate(at);
                return false;
            };
            let entry = &mut self.list[at];
            (entry.value, entry.may_be_json) = (value, may_be_json);
        }
        true
    }

    #[inline]
    pub(super) fn push(&mut self, entry: FieldEntry) {
        self.seen.insert(entry.tag);
        self.list.push(entry);
    }

    /// Appends entries with these tags, written ahead together unless `members` is empty.
    #[inline]
    pub(super) fn append(&mut self, entries: impl ExactSizeIterator<Item = FieldEntry>, tags: &TagSet, members: Span) {
        if members.len > 0 {
            self.runs.push(Run { first: self.list.len(), len: entries.len(), members });
        }
        self.seen.add_all(tags);
        self.list.extend(entries);
    }

    /// What is at a position, unless it was removed.
    #[inline]
    pub(super) fn live(&self, index: usize) -> Option<&FieldEntry> {
        self.list.get(index).filter(|entry| !entry.removed)
    }

    /// What is at a position, to be changed.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut FieldEntry> {
        self.runs.retain(|run| !(run.first..run.first + run.len).contains(&index));
        self.list.get_mut(index)
    }

    pub(super) fn list(&self) -> &[FieldEntry] {
        &self.list
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut FieldEntry> + '_ {
        self.runs.clear();
        self.list.iter_mut()
    }

    /// Gives the entry at a position another name, which is among what was added.
    pub(super) fn rename(&mut self, index: usize, tag: u32, name: Span) {
        self.seen.insert(tag);
        if let Some(entry) = self.get_mut(index) {
            *entry =
                FieldEntry { tag, name, name_in: Source::Added, member: Span::default(), is_plain: false, ..*entry };
        }
    }

    /// The position of the entry with this tag that `is_it` agrees to.
    #[inline]
    pub(super) fn find(&self, tag: u32, is_it: impl Fn(&FieldEntry) -> bool) -> Option<usize> {
        if !self.seen.may_contain(tag) {
            return None;
        }
        self.list.iter().position(|entry| entry.tag == tag && !entry.removed && is_it(entry))
    }

    /// The first position from `from` on with a name that may end with one of these, or with a
    /// value that may be JSON.
    #[inline]
    pub(super) fn next_ending_with(&self, ends: &NameEnds, from: usize) -> Option<usize> {
        let suspect =
            |entry: &FieldEntry| (ends.may_end(entry.tag, entry.is_plain) || entry.may_be_json) && !entry.removed;
        Some(from + self.list.get(from..)?.iter().position(suspect)?)
    }
}
