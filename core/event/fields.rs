//! Adding fields to an event.

use std::ops::Deref;

use super::entries::{FieldEntry, Source, Span};
use super::names::{self, TagSet};
use super::{Event, Layer};
use crate::json::{is_of_context, member};
use crate::value::write_error_chain;
use crate::wire::{Reader, encode_named};
use crate::{ToValue, Value};

/// An event that can be read and added to, but not changed: what an enricher works on.
///
/// What was added is taken back when the enrichment is dropped without [`commit`](Self::commit):
/// after an error and, just as well, after a panic.
#[derive(Debug)]
pub struct Enrichment<'e, 'a> {
    event: &'e mut Event<'a>,
    /// Sizes of the buffers before this enrichment: what to go back to.
    entries: usize,
    added: usize,
}

impl<'e, 'a> Enrichment<'e, 'a> {
    /// Opens an event for adding.
    #[must_use]
    pub fn new(event: &'e mut Event<'a>) -> Self {
        let (entries, added) = (event.buffers.entries.len(), event.buffers.added.len());
        Self { event, entries, added }
    }

    /// Adds a field, unless the event has one of this name. Says whether it did.
    pub fn add(&mut self, name: &str, value: impl ToValue) -> bool {
        self.add_value(name, value.to_value())
    }

    /// As [`add`](Self::add), for a [`Value`].
    pub fn add_value(&mut self, name: &str, value: Value<'_>) -> bool {
        let tag = names::tag(name.as_bytes());
        if self.event.find(tag, name.as_bytes()).is_some() {
            return false;
        }
        let may_be_json = matches!(value, Value::Json(_) | Value::Cut { .. });
        let (name_at, value) = self.event.store_named(name, value);
        // A name that was cut has another tag.
        let len = name_at.len as usize;
        let tag = if len == name.len() { tag } else { names::tag(&name.as_bytes()[..len]) };
        self.event.buffers.entries.push(added(tag, name_at, value.at, may_be_json));
        true
    }

    /// Adds fields that were encoded once, ahead; those whose names the event has are left out.
    pub fn add_encoded(&mut self, fields: &EncodedFields) {
        let buffers = &mut self.event.buffers;
        let base = buffers.added.len() as u32;
        buffers.added.extend_from_slice(&fields.texts);
        let members = base + fields.encoded as u32;
        let entries = fields.index.iter().map(|field| FieldEntry {
            name: field.name.shifted(base),
            value: field.value + base,
            member: field.member.shifted(members),
            ..*field
        });
        let is_new = |field: &FieldEntry| self.event.find(field.tag, fields.name(field)).is_none();
        if self.event.buffers.entries.are_new(&fields.tags) || fields.index.iter().all(is_new) {
            let together = if fields.are_together { (fields.texts.len() - fields.encoded) as u32 } else { 0 };
            let members = Span { at: members, len: together };
            return self.event.buffers.entries.append(entries, &fields.tags, members);
        }
        for (field, entry) in fields.index.iter().zip(entries) {
            if self.event.find(field.tag, fields.name(field)).is_none() {
                self.event.buffers.entries.push(entry);
            }
        }
    }

    /// Makes the additions part of the event.
    pub fn commit(mut self) {
        (self.entries, self.added) = (usize::MAX, usize::MAX);
    }
}

impl Drop for Enrichment<'_, '_> {
    fn drop(&mut self) {
        self.event.buffers.entries.truncate(self.entries);
        self.event.buffers.added.truncate(self.added);
    }
}

impl<'a> Deref for Enrichment<'_, 'a> {
    type Target = Event<'a>;

    fn deref(&self) -> &Event<'a> {
        self.event
    }
}

/// Named fields in encoded form: encoded once, copied into many events.
#[derive(Debug, Clone, Default)]
pub struct EncodedFields {
    /// The encoded fields, and behind them the members of a JSON object that were written ahead, with
    /// commas between them: events get both in one piece.
    texts: Vec<u8>,
    /// How long the first part is.
    encoded: usize,
    /// Each name once. Names and values lie in the first part, members in the second.
    index: Vec<FieldEntry>,
    tags: TagSet,
    /// Whether all of them are among the members, and stand in the same section of any line.
    are_together: bool,
}

/// An entry for what was added.
fn added(tag: u32, name: Span, value: u32, may_be_json: bool) -> FieldEntry {
    let (name_in, value_in) = (Source::Added, Source::Added);
    let member = Span::default();
    let (layer, removed, is_plain) = (Layer::Added, false, false);
    FieldEntry { tag, name, value, member, name_in, value_in, layer, removed, may_be_json, is_plain }
}

impl EncodedFields {
    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field; an earlier one of the same name is hidden by it.
    pub fn push(&mut self, name: &str, value: impl ToValue) {
        encode_formatted(value.to_value(), |value| {
            // Not before: formatting runs foreign code, which may panic.
            self.texts.truncate(self.encoded);
            encode_named(name, &value, &mut self.texts);
        });
        self.encoded = self.texts.len();
        self.rebuild_index();
    }

    /// The encoded bytes: named fields one behind the other.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.texts[..self.encoded]
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn name(&self, field: &FieldEntry) -> &[u8] {
        &self.texts[field.name.at as usize..(field.name.at + field.name.len) as usize]
    }

    fn rebuild_index(&mut self) {
        let mut index: Vec<FieldEntry> = Vec::new();
        self.are_together = false;
        let mut reader = Reader::new(self.as_bytes());
        while !reader.is_at_end() {
            let at = reader.position() as u32 + 2;
            let name = reader.name().expect("our own encoding");
            let (span, value) = (Span { at, len: name.len() as u32 }, reader.position() as u32);
            let may_be_json = reader.pass_value().expect("our own encoding");
            let is_plain = names::is_plain(name);
            let field = FieldEntry { is_plain, ..added(names::tag(name.as_bytes()), span, value, may_be_json) };
            match index.iter_mut().find(|earlier| self.name(earlier) == name.as_bytes()) {
                Some(earlier) => *earlier = field,
                None => index.push(field),
            }
        }
        self.tags = TagSet::default();
        index.iter().for_each(|field| self.tags.insert(field.tag));
        self.index = index;
    }

    /// Writes the fields as JSON ahead: for those that go into many events. Undone by
    /// [`push`](Self::push).
    pub fn write_ahead(&mut self) {
        self.are_together = true;
        let (mut members, encoded) = (Vec::new(), &self.texts[..self.encoded]);
        for field in &mut self.index {
            let name = &encoded[field.name.at as usize..(field.name.at + field.name.len) as usize];
            let value = Reader::starting_at(encoded, field.value as usize).value().expect("our own encoding");
            if !members.is_empty() {
                members.push(b',');
            }
            let member = member(name, value);
            field.member = Span { at: members.len() as u32, len: member.len() as u32 };
            members.extend_from_slice(&member);
            self.are_together &= field.member.len > 0 && !is_of_context(name);
        }
        self.texts.truncate(self.encoded);
        self.texts.extend(members);
    }
}

/// Hands on a value that can be encoded, formatted first if need be.
pub(super) fn encode_formatted(value: Value<'_>, encode: impl FnOnce(Value<'_>)) {
    let text = match value {
        Value::Display(value) => value.to_string(),
        Value::Debug(value) => format!("{value:?}"),
        Value::Error(error) => {
            let mut text = String::new();
            // A `String` never refuses; an error's own `Display` that fails leaves what it wrote.
            let _ = write_error_chain(error, &mut text);
            text
        }
        plain => return encode(plain),
    };
    encode(Value::Str(&text));
}
