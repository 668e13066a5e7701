//! Opening an event: where its fields are.

use super::entries::{FieldEntry, Place, Source, Span};
use super::{Event, Layer, names};
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
        let Some(site) = self.record.callsite else { return Some(()) };
        let place = || Some((reader.position() as u32, reader.pass_value().ok()?));
        self.buffers.entries.lay_out(site.layout(), place).then_some(())
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
        let layer = if source == Source::Arguments { Layer::Argument } else { Layer::Context };
        while !reader.is_at_end() {
            let at = reader.position() as u32 + 2;
            let name = reader.checked_name().ok()?;
            let value = reader.position() as u32;
            let may_be_json = reader.pass_value().ok()?;
            let tag = names::tag(name);
            match self.find(tag, name).and_then(|index| self.buffers.entries.get_mut(index)) {
                None => self.buffers.entries.push(FieldEntry {
                    tag,
                    name: Span { at, len: name.len() as u32 },
                    value,
                    member: Span::default(),
                    name_in: source,
                    value_in: source,
                    layer,
                    removed: false,
                    may_be_json,
                    is_plain: false,
                }),
                // The inner scope, written later, hides the outer one; the statement hides both.
                Some(entry) if entry.layer == layer => (entry.value, entry.may_be_json) = (value, may_be_json),
                Some(_) => {}
            }
        }
        Some(())
    }
}
