//! An event as stages see it: what the caller wrote, and beside it what stages made of it.

use crate::wire::{self, MAX_NAME, Reader, encode_named};
use crate::{Callsite, Level, TraceContext, Value};

mod entries;
mod fields;
mod held;

use entries::{Entries, FieldEntry, Name, Place, Source, Span};

pub use fields::{EncodedFields, Enrichment};
pub use held::HeldEvent;

/// What a caller wrote into a lane. Write-once: no stage changes it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When it was logged, in nanoseconds since the Unix epoch. An event that brings a time of its
    /// own in its arguments ([`encode_time`](crate::wire::encode_time)) has that one.
    pub timestamp: u64,
    /// Its level.
    pub level: Level,
    /// The log statement; `None` only for statements beyond the table of call sites.
    pub callsite: Option<&'static Callsite>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// How `arguments` is to be read.
    pub shape: Shape,
    /// The logger's name (16-bit length and text) and the named fields of logger and scopes.
    /// Empty when there is neither.
    pub context: &'a [u8],
    /// The encoded values of the statement.
    pub arguments: &'a [u8],
}

/// How the arguments of a [`Record`] are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// The first value is the message; the event's own time may stand before it.
    pub inline_message: bool,
    /// Each value comes with its name instead of taking it from the call site.
    pub named_arguments: bool,
    /// Something did not fit and was cut.
    pub truncated: bool,
}

/// Where a field of an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The log statement.
    Argument,
    /// The logger or a scope around the statement.
    Context,
    /// A stage of the pipeline.
    Added,
}

/// One field of an event.
#[derive(Debug, Clone, Copy)]
pub struct Field<'e> {
    /// Its name.
    pub name: &'e str,
    /// Its value.
    pub value: Value<'e>,
    /// Where it comes from.
    pub layer: Layer,
}

/// One field as the encoder reads it: nothing of it is checked to be UTF-8.
#[derive(Clone, Copy)]
pub(crate) struct RawField<'e> {
    /// Its position.
    pub(crate) index: usize,
    /// Its name, and the tag of that.
    pub(crate) tag: u32,
    pub(crate) name: &'e [u8],
    /// Whether the name is the call site's, at this position.
    pub(crate) of_callsite: bool,
    /// The encoding of its value, and what comes behind it.
    pub(crate) wire: &'e [u8],
    /// Name and value as they stand in a JSON object, if that was written ahead; else empty.
    pub(crate) member: &'e [u8],
    pub(crate) layer: Layer,
}

/// The memory in which stages change an event; reused from event to event.
#[derive(Debug, Default, Clone)]
pub struct EventBuffers {
    entries: Entries,
    /// Encoded values, and the names that are not `'static`, of what stages added or replaced.
    added: Vec<u8>,
    logger: Span,
    message: Option<Place>,
    redaction_failed: bool,
    damaged: bool,
}

impl EventBuffers {
    /// Lets go of memory beyond about `bytes`, which an unusual event left behind.
    pub fn trim(&mut self, bytes: usize) {
        if self.added.capacity() > bytes {
            self.added = Vec::new();
        }
        if self.entries.capacity_bytes() > bytes {
            self.entries = Entries::default();
        }
    }
}

/// An event on its way through the stages.
///
/// Names are unique: a field of the statement hides one of the same name from a scope, which
/// hides one from the logger; a stage cannot add a name that is there already.
#[derive(Debug)]
pub struct Event<'a> {
    record: Record<'a>,
    buffers: &'a mut EventBuffers,
}

impl<'a> Event<'a> {
    /// Opens a record for the stages; what was in `buffers` is forgotten.
    #[must_use]
    pub fn open(record: Record<'a>, buffers: &'a mut EventBuffers) -> Self {
        buffers.entries.clear();
        buffers.added.clear();
        buffers.logger = Span::default();
        buffers.message = None;
        buffers.redaction_failed = false;
        let mut event = Self { record, buffers };
        // Damaged bytes would be a bug of ours. The event keeps what could be read and says so.
        event.buffers.damaged = event.index_arguments().is_none() | event.index_context().is_none();
        event
    }

    /// Goes on with a record where another stage left off: `buffers` are those with which it was
    /// opened, as that stage left them.
    #[must_use]
    pub fn resume(mut record: Record<'a>, buffers: &'a mut EventBuffers) -> Self {
        // As `open` did, which does not say so to the next stage.
        if record.shape.inline_message
            && let Some(time) = Reader::new(record.arguments).time()
        {
            record.timestamp = time;
        }
        Self { record, buffers }
    }

    /// A copy that outlives the event's slot: for filters that hold events back.
    #[must_use]
    pub fn hold(&self) -> HeldEvent {
        HeldEvent::of(&self.record, self.buffers)
    }

    /// When it happened, in nanoseconds since the Unix epoch: when it was logged, or the time it
    /// was logged with.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.record.timestamp
    }

    /// Its level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.record.level
    }

    /// The log statement it comes from.
    #[must_use]
    pub fn callsite(&self) -> Option<&'static Callsite> {
        self.record.callsite
    }

    /// The trace and span in which it was logged.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.record.trace
    }

    /// The name of the logger; empty if it has none.
    #[must_use]
    pub fn logger(&self) -> &str {
        std::str::from_utf8(self.unchecked_logger()).unwrap_or_default()
    }

    pub(crate) fn unchecked_logger(&self) -> &[u8] {
        self.stored(Source::Context, self.buffers.logger)
    }

    /// The message (what was kept of it, if it was cut).
    #[must_use]
    pub fn message(&self) -> &str {
        match self.message_value() {
            Value::Str(text) => text,
            Value::Cut { kept, .. } => std::str::from_utf8(kept).unwrap_or_default(),
            _ => "",
        }
    }

    /// The message as a value: a [`Value::Str`], or a [`Value::Cut`] if it was too long.
    #[must_use]
    pub fn message_value(&self) -> Value<'_> {
        match self.buffers.message {
            Some(place) => self.value_at(place),
            None => Value::Str(self.record.callsite.map_or("", Callsite::message)),
        }
    }

    /// Whether the message was written by the statement's author and not made at run time.
    #[must_use]
    pub fn message_is_static(&self) -> bool {
        self.buffers.message.is_none()
    }

    /// Whether something was cut to make the event fit.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.record.shape.truncated
    }

    /// Whether a redactor failed, so that every value was masked.
    #[must_use]
    pub fn redaction_failed(&self) -> bool {
        self.buffers.redaction_failed
    }

    /// Whether the event's bytes could not be read to their end.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.buffers.damaged
    }

    /// The fields with their positions, statement first, then context, then what stages added.
    pub fn fields(&self) -> impl Iterator<Item = (usize, Field<'_>)> + '_ {
        (0..self.slots()).filter_map(|index| Some((index, self.field(index)?)))
    }

    /// One past the highest position of a field.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.buffers.entries.len()
    }

    /// The field at a position; `None` where it was removed.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<Field<'_>> {
        let entry = self.buffers.entries.live(index)?;
        Some(Field { name: self.name_of(entry.name), value: self.value_at(entry.value), layer: entry.layer })
    }

    /// The name of the field at a position; `None` where it was removed. Cheaper than
    /// [`field`](Self::field), which also reads the value.
    #[must_use]
    pub fn field_name(&self, index: usize) -> Option<&str> {
        Some(self.name_of(self.buffers.entries.live(index)?.name))
    }

    /// As [`field_name`](Self::field_name), not checked to be UTF-8 (it always is, unless the
    /// event is [damaged](Self::is_damaged)): the cheapest way to look for a few names.
    #[must_use]
    #[inline]
    pub fn field_name_bytes(&self, index: usize) -> Option<&[u8]> {
        Some(self.name_bytes(self.buffers.entries.live(index)?.name))
    }

    /// Whether the value of the field at a position is raw JSON, or was cut, so that nobody can
    /// tell. Does not read the value.
    #[must_use]
    #[inline]
    pub fn may_hold_json(&self, index: usize) -> bool {
        let Some(entry) = self.buffers.entries.live(index) else { return false };
        self.bytes_of(entry.value.source).get(entry.value.at as usize..).is_some_and(wire::may_be_json)
    }

    /// As [`fields`](Self::fields), for the encoder.
    #[inline]
    pub(crate) fn raw_fields(&self) -> impl Iterator<Item = RawField<'_>> + '_ {
        let live = self.buffers.entries.tagged().enumerate().filter(|(_, (_, entry))| !entry.removed);
        live.map(|(index, (tag, entry))| RawField {
            index,
            tag,
            name: self.name_bytes(entry.name),
            of_callsite: matches!(entry.name, Name::Static(_)),
            wire: self.bytes_of(entry.value.source).get(entry.value.at as usize..).unwrap_or_default(),
            member: if entry.member.len == 0 { &[] } else { self.stored(Source::Added, entry.member) },
            layer: entry.layer,
        })
    }

    /// The encoding of a message that came with the event, and what is behind it.
    #[inline]
    pub(crate) fn raw_message(&self) -> Option<&[u8]> {
        let place = self.buffers.message?;
        Some(self.bytes_of(place.source).get(place.at as usize..).unwrap_or_default())
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.position(name).and_then(|index| self.field(index)).map(|field| field.value)
    }

    /// The position of a field.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.find(entries::tag(name.as_bytes()), name.as_bytes())
    }

    /// The position of a field by its name and the tag of that.
    #[inline]
    fn find(&self, tag: u32, name: &[u8]) -> Option<usize> {
        self.buffers.entries.find(tag, |entry| self.name_bytes(entry.name) == name)
    }

    /// Replaces the value of the field at a position.
    pub fn replace(&mut self, index: usize, value: Value<'_>) {
        let place = self.store(value);
        if let Some(entry) = self.buffers.entries.get_mut(index) {
            entry.value = place;
            entry.member = Span::default();
        }
    }

    /// Removes the field at a position; the others keep theirs.
    pub fn remove(&mut self, index: usize) {
        if let Some(entry) = self.buffers.entries.get_mut(index) {
            entry.removed = true;
        }
    }

    /// Gives the field at a position another name, of which the first 65,535 bytes count. Says
    /// whether it did: not if the event has a field of that name.
    pub fn rename(&mut self, index: usize, name: &str) -> bool {
        let name = &name[..name.floor_char_boundary(MAX_NAME)];
        if self.buffers.entries.live(index).is_none() || self.position(name).is_some() {
            return false;
        }
        let span = Span { at: self.buffers.added.len() as u32, len: name.len() as u32 };
        self.buffers.added.extend_from_slice(name.as_bytes());
        self.buffers.entries.rename(index, entries::tag(name.as_bytes()), Name::Stored(Source::Added, span));
        true
    }

    /// Replaces the message.
    pub fn replace_message(&mut self, text: &str) {
        self.buffers.message = Some(self.store(Value::Str(text)));
    }

    /// Replaces every value, and the message unless it is the statement's fixed text, and marks
    /// the event: what the engine does when a redactor fails.
    pub fn mask_all(&mut self, mask: &str) {
        let place = self.store(Value::Str(mask));
        self.buffers.entries.iter_mut().for_each(|entry| (entry.value, entry.member) = (place, Span::default()));
        if !self.message_is_static() {
            self.buffers.message = Some(place);
        }
        self.buffers.redaction_failed = true;
    }

    fn index_arguments(&mut self) -> Option<()> {
        let mut reader = Reader::new(self.record.arguments);
        if self.record.shape.inline_message {
            if let Some(time) = reader.time() {
                self.record.timestamp = time;
            }
            self.buffers.message = Some(Place { source: Source::Arguments, at: reader.position() as u32 });
            reader.skip_value().ok()?;
        }
        if self.record.shape.named_arguments {
            return self.index_named(Source::Arguments, reader);
        }
        for name in self.record.callsite.map_or(&[][..], Callsite::fields) {
            let value = Place { source: Source::Arguments, at: reader.position() as u32 };
            reader.skip_value().ok()?;
            self.add_entry(entries::tag(name.as_bytes()), Name::Static(name), value, Layer::Argument);
        }
        Some(())
    }

    fn index_context(&mut self) -> Option<()> {
        if self.record.context.is_empty() {
            return Some(());
        }
        let mut reader = Reader::new(self.record.context);
        let logger = reader.checked_name().ok()?;
        self.buffers.logger = Span { at: 2, len: logger.len() as u32 };
        self.index_named(Source::Context, reader)
    }

    fn index_named(&mut self, source: Source, mut reader: Reader<'a>) -> Option<()> {
        let layer = if source == Source::Arguments { Layer::Argument } else { Layer::Context };
        while !reader.is_at_end() {
            let at = reader.position() as u32 + 2;
            let name = reader.checked_name().ok()?;
            let value = Place { source, at: reader.position() as u32 };
            reader.skip_value().ok()?;
            let tag = entries::tag(name);
            if self.buffers.entries.is_new(tag) {
                let span = Span { at, len: name.len() as u32 };
                self.add_entry(tag, Name::Stored(source, span), value, layer);
                continue;
            }
            match self.find(tag, name).and_then(|index| self.buffers.entries.get_mut(index)) {
                // The inner scope, written later, hides the outer one; the statement hides both.
                Some(entry) if entry.layer == layer => entry.value = value,
                Some(_) => {}
                None => {
                    let span = Span { at, len: name.len() as u32 };
                    self.add_entry(tag, Name::Stored(source, span), value, layer);
                }
            }
        }
        Some(())
    }

    #[inline]
    fn add_entry(&mut self, tag: u32, name: Name, value: Place, layer: Layer) {
        let entry = FieldEntry { name, value, member: Span::default(), layer, removed: false };
        self.buffers.entries.push(tag, entry);
    }

    #[inline]
    fn bytes_of(&self, source: Source) -> &[u8] {
        match source {
            Source::Context => self.record.context,
            Source::Arguments => self.record.arguments,
            Source::Added => &self.buffers.added,
        }
    }

    #[inline]
    fn stored(&self, source: Source, span: Span) -> &[u8] {
        self.bytes_of(source).get(span.at as usize..(span.at + span.len) as usize).unwrap_or_default()
    }

    #[inline]
    fn name_bytes(&self, name: Name) -> &[u8] {
        match name {
            Name::Static(name) => name.as_bytes(),
            Name::Stored(source, span) => self.stored(source, span),
        }
    }

    fn name_of(&self, name: Name) -> &str {
        match name {
            Name::Static(name) => name,
            Name::Stored(source, span) => std::str::from_utf8(self.stored(source, span)).unwrap_or_default(),
        }
    }

    fn value_at(&self, place: Place) -> Value<'_> {
        // `open` passed over this value, so it is whole.
        Reader::starting_at(self.bytes_of(place.source), place.at as usize).value().unwrap_or(Value::Null)
    }

    fn store(&mut self, value: Value<'_>) -> Place {
        let at = self.buffers.added.len() as u32;
        fields::encode_formatted(value, |value| value.encode(&mut self.buffers.added));
        Place { source: Source::Added, at }
    }

    fn store_named(&mut self, name: &str, value: Value<'_>) -> (Span, Place) {
        let at = self.buffers.added.len() as u32;
        fields::encode_formatted(value, |value| encode_named(name, &value, &mut self.buffers.added));
        let len = u32::from(u16::from_le_bytes([self.buffers.added[at as usize], self.buffers.added[at as usize + 1]]));
        (Span { at: at + 2, len }, Place { source: Source::Added, at: at + 2 + len })
    }
}

#[cfg(test)]
mod tests;
