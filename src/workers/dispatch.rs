//! The last step: finished lines to the sinks' queues.

use std::fmt::Write;
use std::ops::Range;

use logwheel_core::{Batch, Event, PayloadDraft, Value};
use logwheel_stages::Column;

use super::WorkerCounts;
use crate::delivery::{Routes, SinkQueue};
use crate::sync::Arc;

/// Finished lines on their way to the sinks, in order.
#[derive(Default)]
pub(super) struct Lines {
    batch: Batch,
    /// For values that are no text, and for texts that have to be made.
    cell: String,
    scratch: String,
    /// Which sinks get each line, a bit for each; empty where every line goes to the same ones.
    masks: Vec<u64>,
}

/// What sinks want to know of an event, beside its line, and who they are.
pub(crate) struct Plan {
    pub(crate) sinks: Vec<Arc<SinkQueue>>,
    pub(crate) routes: Routes,
    /// What of an event travels beside its line: names, and how to find it.
    pub(crate) columns: Arc<[String]>,
    pub(crate) cells: Box<[Column]>,
}

/// Hands lines on and counts them; one worker's.
pub(crate) struct Dispatch {
    plan: Arc<Plan>,
    counts: Arc<WorkerCounts>,
    /// The lines for one of the sinks.
    selected: Batch,
}

/// Lines are handed on when they take as much, if not at the end of the round.
const STAGED_BYTES: usize = 512 << 10;

impl Lines {
    /// Begins the line of an event: to be finished, and [described](Self::describe).
    #[inline]
    pub(super) fn draft(&mut self, plan: &Plan) -> PayloadDraft<'_> {
        if self.batch.is_empty() && self.batch.columns().len() != plan.columns.len() {
            self.batch = Batch::with_columns(Arc::clone(&plan.columns));
        }
        self.batch.draft()
    }

    /// Adds to the last line, which is this event's, what the plan asks for.
    #[inline]
    pub(super) fn describe(&mut self, event: &Event<'_>, plan: &Plan) {
        if !plan.routes.is_trivial() {
            self.masks.push(plan.routes.mask(event));
        }
        for (column, cell) in plan.cells.iter().enumerate() {
            match cell.get(event, &mut self.scratch) {
                Some(Value::Str(text)) => self.batch.set_cell(column, text),
                Some(value) if write_value(&value, &mut self.cell) => self.batch.set_cell(column, &self.cell),
                // Null is no label.
                Some(_) | None => {}
            }
        }
    }

    /// Appends another one's line, changed by `process`, unless that says why it ends here.
    pub(super) fn push_processed<E>(
        &mut self,
        others: &Lines,
        index: usize,
        process: impl FnOnce(&mut PayloadDraft<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut draft = self.batch.draft();
        draft.set(others.batch.get(index).map_or(&[], |entry| entry.payload));
        process(&mut draft)?;
        draft.finish_instead(&others.batch, index);
        self.masks.extend(others.masks.get(index));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.batch.len()
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
        self.masks.clear();
    }

    /// Runs of neighbouring lines that have this bit.
    fn runs(&self, bit: u64) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at + self.masks[at..].iter().position(|mask| mask & bit != 0)?;
            let len = self.masks[start..].iter().take_while(|mask| *mask & bit != 0).count();
            at = start + len;
            Some(start..at)
        })
    }
}

/// Writes a value as the text of a cell. `false` for null, which is none.
fn write_value(value: &Value<'_>, text: &mut String) -> bool {
    text.clear();
    let written = match value {
        Value::Bool(value) => write!(text, "{value}"),
        Value::Char(value) => write!(text, "{value}"),
        Value::I64(value) => write!(text, "{value}"),
        Value::U64(value) => write!(text, "{value}"),
        Value::I128(value) => write!(text, "{value}"),
        Value::U128(value) => write!(text, "{value}"),
        Value::F32(value) => write!(text, "{value}"),
        Value::F64(value) => write!(text, "{value}"),
        Value::Duration(value) => write!(text, "{}", value.as_secs_f64()),
        Value::Json(json) => write!(text, "{json}"),
        Value::Bytes(bytes) => write!(text, "{}", String::from_utf8_lossy(bytes)),
        Value::Cut { kept, .. } => write!(text, "{}", String::from_utf8_lossy(kept)),
        _ => return false,
    };
    written.is_ok()
}

impl Dispatch {
    pub(crate) fn new(plan: Arc<Plan>, counts: Arc<WorkerCounts>) -> Self {
        Self { plan, counts, selected: Batch::new() }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Hands the lines to the sinks; none are left.
    pub(super) fn send(&mut self, lines: &mut Lines) {
        if lines.is_empty() {
            return;
        }
        let events = lines.batch.len() as u64;
        let unrouted = if self.plan.routes.is_trivial() { self.send_to_all(lines) } else { self.send_by_mask(lines) };
        if unrouted > 0 {
            self.counts.dropped("unrouted", unrouted);
        }
        self.counts.dispatched(events - unrouted);
        self.counts.consumed(events);
        lines.clear();
    }

    fn send_to_all(&self, lines: &Lines) -> u64 {
        let mut unrouted = lines.batch.len() as u64;
        for sink in self.plan.sinks.iter().filter(|sink| !sink.is_standby()) {
            sink.append(&lines.batch);
            unrouted = 0;
        }
        unrouted
    }

    fn send_by_mask(&mut self, lines: &Lines) -> u64 {
        for (index, sink) in self.plan.sinks.iter().enumerate() {
            self.selected.clear();
            lines.runs(1 << index).for_each(|run| self.selected.append(&lines.batch, run));
            if !self.selected.is_empty() {
                sink.append(&self.selected);
            }
        }
        lines.masks.iter().filter(|mask| **mask == 0).count() as u64
    }
}
