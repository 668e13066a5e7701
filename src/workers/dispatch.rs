//! The last step: finished lines to the sinks' queues.

use logwheel_core::{Batch, Event};

use super::WorkerCounts;
use crate::delivery::SinkQueue;
use crate::sync::Arc;

/// Finished lines on their way to the sinks, in order.
#[derive(Default)]
pub(super) struct Lines {
    batch: Batch,
}

/// What sinks want to know of events beside their lines.
#[derive(Clone)]
pub(crate) struct Dispatch {
    sinks: Arc<[Arc<SinkQueue>]>,
    counts: Arc<WorkerCounts>,
}

/// Lines are handed on when they take as much, if not at the end of the round.
const STAGED_BYTES: usize = 512 << 10;

impl Lines {
    /// Appends an event's line.
    #[inline]
    pub(super) fn push(&mut self, line: &[u8], event: &Event<'_>) {
        self.batch.push(line, event.timestamp(), event.level());
    }

    /// Appends a line in place of another one.
    pub(super) fn push_instead(&mut self, line: &[u8], others: &Lines, index: usize) {
        self.batch.push_instead(line, &others.batch, index);
    }

    pub(super) fn len(&self) -> usize {
        self.batch.len()
    }

    /// The line at `index`.
    pub(super) fn line(&self, index: usize) -> &[u8] {
        self.batch.get(index).map_or(&[], |entry| entry.payload)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether it is time to hand them on.
    pub(super) fn is_full(&self) -> bool {
        self.batch.byte_len() >= STAGED_BYTES
    }

    pub(super) fn clear(&mut self) {
        self.batch.clear();
    }
}

impl Dispatch {
    pub(crate) fn new(sinks: Arc<[Arc<SinkQueue>]>, counts: Arc<WorkerCounts>) -> Self {
        Self { sinks, counts }
    }

    /// Hands the lines to the sinks; none are left.
    pub(super) fn send(&self, lines: &mut Lines) {
        if lines.is_empty() {
            return;
        }
        let events = lines.batch.len() as u64;
        let mut routed = false;
        for sink in self.sinks.iter().filter(|sink| !sink.is_standby()) {
            sink.append(&lines.batch);
            routed = true;
        }
        if routed {
            self.counts.dispatched(events);
        } else {
            self.counts.dropped("unrouted", events);
        }
        self.counts.consumed(events);
        lines.clear();
    }
}
