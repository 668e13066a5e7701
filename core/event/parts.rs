//! An event's fields as the encoder reads them.

use super::entries::{FieldEntry, Run, Source};
use super::{Event, Layer};

/// One field; nothing of it is checked to be UTF-8.
#[derive(Clone, Copy)]
pub(crate) struct RawField<'e, 'a> {
    event: &'e Event<'a>,
    entry: &'e FieldEntry,
}

/// What the encoder writes next.
pub(crate) enum Part<'e, 'a> {
    Field(RawField<'e, 'a>),
    /// Members of a JSON object that were written ahead together, with commas between them. Stages
    /// added them, and none of them belongs into a context.
    Members(&'e [u8]),
}

/// Goes through an event's fields.
pub(crate) struct Parts<'e, 'a> {
    event: &'e Event<'a>,
    list: &'e [FieldEntry],
    runs: &'e [Run],
    at: usize,
}

impl<'a> Event<'a> {
    /// As [`fields`](Self::fields), for the encoder.
    #[inline(always)]
    pub(crate) fn parts(&self) -> Parts<'_, 'a> {
        Parts { event: self, list: self.buffers.entries.list(), runs: self.buffers.entries.runs(), at: 0 }
    }

    /// The encoding of a message that came with the event, and what is behind it.
    #[inline]
    pub(crate) fn raw_message(&self) -> Option<&[u8]> {
        let place = self.buffers.message?;
        Some(self.bytes_of(place.source).get(place.at as usize..).unwrap_or_default())
    }
}

impl<'e, 'a> Iterator for Parts<'e, 'a> {
    type Item = Part<'e, 'a>;

    // A dozen times for each event, for an encoder that takes the parts apart at once.
    #[inline(always)]
    fn next(&mut self) -> Option<Part<'e, 'a>> {
        loop {
            if let Some((run, others)) = self.runs.split_first()
                && run.first == self.at
            {
                (self.runs, self.at) = (others, self.at + run.len);
                return Some(Part::Members(self.event.stored(Source::Added, run.members)));
            }
            let entry = self.list.get(self.at)?;
            self.at += 1;
            if !entry.removed {
                return Some(Part::Field(RawField { event: self.event, entry }));
            }
        }
    }
}

impl<'e> RawField<'e, '_> {
    /// The position of its name at the call site, if it is from there.
    #[inline(always)]
    pub(crate) fn at_callsite(&self) -> Option<usize> {
        (self.entry.name_in == Source::Callsite).then_some(self.entry.name.at as usize)
    }

    #[inline(always)]
    pub(crate) fn name(&self) -> &'e [u8] {
        self.event.name_bytes(self.entry)
    }

    /// The tag of its name.
    #[inline(always)]
    pub(crate) fn tag(&self) -> u32 {
        self.entry.tag
    }

    /// The encoding of its value, and what comes behind it.
    #[inline(always)]
    pub(crate) fn wire(&self) -> &'e [u8] {
        self.event.bytes_of(self.entry.value_in).get(self.entry.value as usize..).unwrap_or_default()
    }

    /// Name and value as they stand in a JSON object, if that was written ahead.
    #[inline(always)]
    pub(crate) fn member(&self) -> Option<&'e [u8]> {
        (self.entry.member.len > 0).then(|| self.event.stored(Source::Added, self.entry.member))
    }

    #[inline(always)]
    pub(crate) fn layer(&self) -> Layer {
        self.entry.layer
    }
}
