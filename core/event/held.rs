//! Events that outlive their slot.

use super::{Event, EventBuffers, Record};

/// An event that a filter holds back: a copy of what the caller wrote and of what stages made of
/// it so far. Made by [`Event::hold`]; takes three allocations.
#[derive(Debug, Clone)]
pub struct HeldEvent {
    record: Record<'static>,
    context: Vec<u8>,
    arguments: Vec<u8>,
    buffers: EventBuffers,
}

impl HeldEvent {
    pub(super) fn of(record: &Record<'_>, buffers: &EventBuffers) -> Self {
        let (context, arguments) = (record.context.to_vec(), record.arguments.to_vec());
        Self {
            record: Record { context: &[], arguments: &[], ..*record },
            context,
            arguments,
            buffers: buffers.clone(),
        }
    }

    /// When it was logged, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.record.timestamp
    }

    /// The event, to be read and changed as before.
    pub fn event(&mut self) -> Event<'_> {
        let Self { record, context, arguments, buffers } = self;
        Event::resume(Record { context, arguments, ..*record }, buffers)
    }
}
