//! Adding fields to an event.

use std::ops::Deref;

use super::entries::{self, FieldEntry, Name, Place, Source, Span};
use super::{Event, Layer};
use crate::json::write_member;
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
        let tag = entries::tag(name.as_bytes());
        if self.event.find(tag, name.as_bytes()).is_some() {
            return false;
        }
        let (span, value) = self.event.store_named(name, value);
        // A name that was cut has another tag.
        let tag =
            if span.len as usize == name.len() { tag } else { entries::tag(&name.as_bytes()[..span.len as usize]) };
        self.push(tag, span, value.at, Span::default());
        true
    }

    /// Adds fields that were encoded once, ahead; those whose names the event has are left out.
    pub fn add_encoded(&mut self, fields: &EncodedFields) {
        let base = self.event.buffers.added.len() as u32;
        self.event.buffers.added.extend_from_slice(&fields.bytes);
        let members = self.event.buffers.added.len() as u32;
        self.event.buffers.added.extend_from_slice(&fields.members);
        for field in &fields.index {
            if self.event.find(field.tag, fields.name(field)).is_none() {
                let name = Span { at: base + field.name.at, len: field.name.len };
                let member = Span { at: members + field.member.at, len: field.member.len };
                self.push(field.tag, name, base + field.value, member);
            }
        }
    }

    /// Makes the additions part of the event.
    pub fn commit(mut self) {
        (self.entries, self.added) = (usize::MAX, usize::MAX);
    }

    #[inline]
    fn push(&mut self, tag: u32, name: Span, at: u32, member: Span) {
        let (name, value) = (Name::Stored(Source::Added, name), Place { source: Source::Added, at });
        self.event.buffers.entries.push(tag, FieldEntry { name, value, member, layer: Layer::Added, removed: false });
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
    bytes: Vec<u8>,
    index: Vec<EncodedField>,
    /// Fields as members of a JSON object, one behind the other.
    members: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct EncodedField {
    name: Span,
    tag: u32,
    value: u32,
    /// Where it is among the members; empty if it has to be written for each event.
    member: Span,
}

impl EncodedFields {
    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field; an earlier one of the same name is hidden by it.
    pub fn push(&mut self, name: &str, value: impl ToValue) {
        encode_formatted(value.to_value(), |value| encode_named(name, &value, &mut self.bytes));
        self.rebuild_index();
    }

    /// The encoded bytes: named fields one behind the other.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn name(&self, field: &EncodedField) -> &[u8] {
        &self.bytes[field.name.at as usize..(field.name.at + field.name.len) as usize]
    }

    fn rebuild_index(&mut self) {
        let mut index: Vec<EncodedField> = Vec::new();
        self.members.clear();
        let mut reader = Reader::new(&self.bytes);
        while !reader.is_at_end() {
            let at = reader.position() as u32 + 2;
            let name = reader.name().expect("our own encoding");
            let field = EncodedField {
                name: Span { at, len: name.len() as u32 },
                tag: entries::tag(name.as_bytes()),
                value: reader.position() as u32,
                member: Span::default(),
            };
            reader.skip_value().expect("our own encoding");
            match index.iter_mut().find(|earlier| self.name(earlier) == name.as_bytes()) {
                Some(earlier) => *earlier = field,
                None => index.push(field),
            }
        }
        self.index = index;
    }

    /// Writes the fields as JSON ahead: for those that go into many events. Undone by
    /// [`push`](Self::push).
    pub fn write_ahead(&mut self) {
        self.members.clear();
        for field in &mut self.index {
            let name = &self.bytes[field.name.at as usize..(field.name.at + field.name.len) as usize];
            let value = Reader::starting_at(&self.bytes, field.value as usize).value().expect("our own encoding");
            let start = self.members.len() as u32;
            write_member(name, value, &mut self.members);
            field.member = Span { at: start, len: self.members.len() as u32 - start };
        }
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
