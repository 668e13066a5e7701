//! An event as stages see it: what the caller wrote, and beside it what stages made of it.

use crate::wire::{MAX_NAME, Reader, encode_named};
use crate::{Callsite, Level, TraceContext, Value};

mod entries;
mod fields;
mod held;
mod index;
mod names;
mod parts;

pub(crate) use entries::Layout;
use entries::{Entries, FieldEntry, Place, Source, Span};

pub use fields::{EncodedFields, Enrichment};
pub use held::HeldEvent;
pub use names::NameEnds;
pub(crate) use parts::{Part, RawField};

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

    pub(crate) fn logger_tag(&self) -> u32 {
        names::tag(self.unchecked_logger())
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
        Some(Field { name: self.name_of(entry), value: self.value_at(entry.value()), layer: entry.layer })
    }

    /// The name of the field at a position; `None` where it was removed. Cheaper than
    /// [`field`](Self::field), which also reads the value.
    #[must_use]
    pub fn field_name(&self, index: usize) -> Option<&str> {
        Some(self.name_of(self.buffers.entries.live(index)?))
    }

    /// As [`field_name`](Self::field_name), not checked to be UTF-8 (it always is, unless the
    /// event is [damaged](Self::is_damaged)).
    #[must_use]
    #[inline]
    pub fn field_name_bytes(&self, index: usize) -> Option<&[u8]> {
        Some(self.name_bytes(self.buffers.entries.live(index)?))
    }

    /// Whether the value of the field at a position is raw JSON, or was cut, so that nobody can
    /// tell. Does not read the value.
    #[must_use]
    #[inline]
    pub fn may_hold_json(&self, index: usize) -> bool {
        self.buffers.entries.live(index).is_some_and(|entry| entry.may_be_json)
    }

    /// The cheapest way to look for a few names: the first position from `from` on whose name
    /// may end with one of `ends`, or whose value [may be JSON](Self::may_hold_json). Others can be
    /// among those found.
    #[must_use]
    #[inline]
    pub fn next_ending_with(&self, ends: &NameEnds, from: usize) -> Option<usize> {
        self.buffers.entries.next_ending_with(ends, from)
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        let entry = self.buffers.entries.live(self.position(name)?)?;
        Some(self.value_at(entry.value()))
    }

    /// The position of a field.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.find(names::tag(name.as_bytes()), name.as_bytes())
    }

    /// The position of a field by its name and the tag of that.
    #[inline]
    fn find(&self, tag: u32, name: &[u8]) -> Option<usize> {
        self.buffers.entries.find(tag, |entry| self.name_bytes(entry) == name)
    }

    /// Replaces the value of the field at a position.
    pub fn replace(&mut self, index: usize, value: Value<'_>) {
        let place = self.store(value);
        if let Some(entry) = self.buffers.entries.get_mut(index) {
            entry.set_value(place.at, matches!(value, Value::Json(_) | Value::Cut { .. }));
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
        self.buffers.entries.rename(index, names::tag(name.as_bytes()), span);
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
        self.buffers.entries.iter_mut().for_each(|entry| entry.set_value(place.at, false));
        if !self.message_is_static() {
            self.buffers.message = Some(place);
        }
        self.buffers.redaction_failed = true;
    }

    #[inline]
    fn bytes_of(&self, source: Source) -> &[u8] {
        match source {
            Source::Context => self.record.context,
            Source::Arguments => self.record.arguments,
            Source::Added => &self.buffers.added,
            Source::Callsite => &[],
        }
    }

    #[inline]
    fn stored(&self, source: Source, span: Span) -> &[u8] {
        self.bytes_of(source).get(span.at as usize..(span.at + span.len) as usize).unwrap_or_default()
    }

    #[inline]
    fn name_bytes(&self, entry: &FieldEntry) -> &[u8] {
        match entry.name_in {
            Source::Callsite => self.name_at_callsite(entry).as_bytes(),
            source => self.stored(source, entry.name),
        }
    }

    fn name_of(&self, entry: &FieldEntry) -> &str {
        match entry.name_in {
            Source::Callsite => self.name_at_callsite(entry),
            source => std::str::from_utf8(self.stored(source, entry.name)).unwrap_or_default(),
        }
    }

    #[inline]
    fn name_at_callsite(&self, entry: &FieldEntry) -> &'static str {
        let names = self.record.callsite.map_or(&[][..], Callsite::fields);
        names.get(entry.name.at as usize).copied().unwrap_or_default()
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
