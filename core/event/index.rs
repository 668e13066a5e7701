//! Opening an event: where its fields are.

use super::entries::{self, FieldEntry, Place, Source, Span};
use super::{Event, Layer};
use crate::Callsite;
use crate::wire::Reader;

impl<'a> Event<'a> {
    pub(super) fn index_arguments(&mut self) -> Option<()> {
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
        for (at, name) in self.record.callsite.map_or(&[][..], Callsite::fields).iter().enumerate() {
            let value = reader.position() as u32;
            let may_be_json = reader.pass_value().ok()?;
            let name = FieldName { tag: entries::tag(name.as_bytes()), span: Span { at: at as u32, len: 0 } };
            self.add_entry(name, Source::Callsite, Place { source: Source::Arguments, at: value }, may_be_json);
        }
        Some(())
    }

    pub(super) fn index_context(&mut self) -> Option<()> {
        if self.record.context.is_empty() {
            return Some(());
        }
        let mut reader = Reader::new(self.record.context);
        let logger = reader.checked_name().ok()?;
        self.buffers.logger = Span { at: 2, len: logger.len() as u32 };
        self.index_named(Source::Context, reader)
    }

    fn index_named(&mut self, source: Source, mut reader: Reader<'a>) -> Option<()> {
        while !reader.is_at_end() {
            let at = reader.position() as u32 + 2;
            let name = reader.checked_name().ok()?;
            let value = Place { source, at: reader.position() as u32 };
            let may_be_json = reader.pass_value().ok()?;
            let tag = entries::tag(name);
            match self.find(tag, name).and_then(|index| self.buffers.entries.get_mut(index)) {
                None => {
                    let name = FieldName { tag, span: Span { at, len: name.len() as u32 } };
                    self.add_entry(name, source, value, may_be_json);
                }
                // The inner scope, written later, hides the outer one; the statement hides both.
                Some(entry) if entry.layer == layer_of(source) => {
                    (entry.value, entry.may_be_json) = (value.at, may_be_json);
                }
                Some(_) => {}
            }
        }
        Some(())
    }

    #[inline]
    fn add_entry(&mut self, name: FieldName, name_in: Source, value: Place, may_be_json: bool) {
        self.buffers.entries.push(FieldEntry {
            tag: name.tag,
            name: name.span,
            value: value.at,
            member: Span::default(),
            name_in,
            value_in: value.source,
            layer: layer_of(value.source),
            removed: false,
            may_be_json,
        });
    }
}

/// A name, and where it is.
#[derive(Clone, Copy)]
struct FieldName {
    tag: u32,
    span: Span,
}

/// Whose a field is whose value lies there.
#[inline]
fn layer_of(source: Source) -> Layer {
    match source {
        Source::Arguments | Source::Callsite => Layer::Argument,
        Source::Context => Layer::Context,
        Source::Added => Layer::Added,
    }
}
