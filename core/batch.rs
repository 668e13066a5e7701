//! A batch: finished payloads on their way to one sink.

use std::sync::Arc;

use crate::{Event, Identity, JsonEncoder, Level, LineBuffer};

/// Finished payloads, in order, each one line of JSON.
///
/// The payloads lie one behind the other, each closed by a newline, so that a sink which writes
/// lines can hand [`Batch::lines`] to one write call.
///
/// Beside each payload a batch can carry the values of some fields, as text, one for each of its
/// *columns*: what a sink makes labels or metadata of without reading JSON.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    bytes: LineBuffer,
    entries: Vec<EntryMeta>,
    columns: Option<Arc<[String]>>,
    /// For each entry a cell for each column.
    cells: Vec<Cell>,
    /// What cells say, one behind the other.
    texts: Vec<u8>,
}

/// Where a cell's text is; a start of [`Cell::ABSENT`] is none.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: u32,
    len: u32,
}

impl Cell {
    const ABSENT: u32 = u32::MAX;
    const NONE: Cell = Cell { start: Cell::ABSENT, len: 0 };
}

#[derive(Debug, Clone, Copy)]
struct EntryMeta {
    /// Where the payload begins; it ends one byte (the newline) before the next one begins.
    start: u32,
    level: Level,
    timestamp: u64,
}

/// One payload of a [`Batch`].
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// One line of JSON, without its newline.
    pub payload: &'a [u8],
    /// When the event was logged, in nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// The event's level.
    pub level: Level,
    batch: &'a Batch,
    index: usize,
}

impl<'a> Entry<'a> {
    /// The value of a field, by the position of its column; `None` if the event has no such field.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<&'a str> {
        let columns = self.batch.columns().len();
        let cell = self.batch.cells[self.index * columns..].get(column).filter(|_| column < columns)?;
        self.batch.text(*cell)
    }
}

impl Batch {
    /// The most bytes one batch can hold: offsets inside it are 32 bits wide.
    pub const MAX_BYTES: usize = u32::MAX as usize;

    /// An empty batch; it grows as it is filled and keeps what it grew to through [`clear`](Self::clear).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch whose entries have a cell for each of these fields.
    #[must_use]
    pub fn with_columns(columns: Arc<[String]>) -> Self {
        Self { columns: Some(columns).filter(|columns| !columns.is_empty()), ..Self::default() }
    }

    /// The fields whose values are carried beside each payload.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        self.columns.as_deref().unwrap_or_default()
    }

    /// The position of a field among the columns.
    #[must_use]
    pub fn column(&self, field: &str) -> Option<usize> {
        self.columns().iter().position(|column| column == field)
    }

    /// Appends a payload in place of another batch's entry: with its timestamp, level and cells.
    ///
    /// # Panics
    /// When there is no such entry, or the batch would grow beyond [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push_instead(&mut self, payload: &[u8], other: &Batch, index: usize) {
        let mut draft = self.draft();
        draft.set(payload);
        draft.finish_instead(other, index);
    }

    /// Fills a cell of the entry that was pushed last.
    ///
    /// # Panics
    /// When there is no such entry or column, or the texts would grow beyond
    /// [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn set_cell(&mut self, column: usize, text: &str) {
        assert!(column < self.columns().len(), "column {column} of {}", self.columns().len());
        assert!(self.texts.len() + text.len() < Self::MAX_BYTES, "texts of at most {} bytes", Self::MAX_BYTES);
        let at = self.cells.len() - self.columns().len() + column;
        self.cells[at] = Cell { start: self.texts.len() as u32, len: text.len() as u32 };
        self.texts.extend_from_slice(text.as_bytes());
    }

    fn text(&self, cell: Cell) -> Option<&str> {
        let bytes = self.texts.get(cell.start as usize..cell.start as usize + cell.len as usize)?;
        (cell.start != Cell::ABSENT).then(|| std::str::from_utf8(bytes).unwrap_or_default())
    }

    /// Appends one payload (one line of JSON without its newline).
    ///
    /// # Panics
    /// When the batch would grow beyond [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn push(&mut self, payload: &[u8], timestamp: u64, level: Level) {
        let mut draft = self.draft();
        draft.set(payload);
        draft.finish(timestamp, level);
    }

    /// Begins a payload that is written where it will stay.
    #[must_use]
    pub fn draft(&mut self) -> PayloadDraft<'_> {
        PayloadDraft { start: self.bytes.len(), batch: self }
    }

    /// Appends the entries `range` of another batch. An empty batch takes over its columns; else
    /// cells for which there is no column here are left out.
    ///
    /// # Panics
    /// When `range` is not inside `other`, or the batch would grow beyond
    /// [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn append(&mut self, other: &Batch, range: std::ops::Range<usize>) {
        let (from, to) = (other.start_of(range.start), other.start_of(range.end));
        let offset = self.offset_for(to - from);
        self.bytes.extend_from_slice(&other.bytes[from..to]);
        self.entries.extend(
            other.entries[range.clone()].iter().map(|e| EntryMeta { start: e.start - from as u32 + offset, ..*e }),
        );
        self.append_cells(other, range);
    }

    fn append_cells(&mut self, other: &Batch, range: std::ops::Range<usize>) {
        if self.entries.len() == range.len() && self.cells.is_empty() {
            self.columns.clone_from(&other.columns);
        }
        if self.columns.is_none() {
            return;
        }
        for index in range {
            let at = self.cells.len();
            self.cells.extend(std::iter::repeat_n(Cell::NONE, self.columns().len()));
            for column in 0..self.columns().len() {
                let theirs = other.column(&self.columns()[column]);
                let text = theirs.and_then(|theirs| other.text(other.cells[index * other.columns().len() + theirs]));
                if let Some(text) = text {
                    self.cells[at + column] = Cell { start: self.texts.len() as u32, len: text.len() as u32 };
                    self.texts.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    /// How many payloads the batch holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the batch holds no payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of all payloads, newlines included.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes that the entry `index` takes, its newline included.
    ///
    /// # Panics
    /// When there is no such entry.
    #[must_use]
    pub fn entry_bytes(&self, index: usize) -> usize {
        assert!(index < self.entries.len(), "entry {index} of a batch of {}", self.entries.len());
        self.start_of(index + 1) - self.start_of(index)
    }

    /// The heap memory the batch keeps, used or not.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.texts.capacity()
            + self.entries.capacity() * size_of::<EntryMeta>()
            + self.cells.capacity() * size_of::<Cell>()
    }

    /// Every payload, each closed by a newline.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Entry<'_>> {
        let meta = self.entries.get(index)?;
        let payload = &self.bytes[meta.start as usize..self.start_of(index + 1) - 1];
        Some(Entry { payload, timestamp: meta.timestamp, level: meta.level, batch: self, index })
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + '_ {
        (0..self.len()).map(|index| self.get(index).expect("index is below len"))
    }

    /// Cuts the batch in two: it keeps the entries before `at`, the rest is returned.
    ///
    /// # Panics
    /// When `at` is beyond the last entry.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Batch {
        let mut tail = Batch::new();
        tail.append(self, at..self.len());
        self.bytes.truncate(self.start_of(at));
        self.entries.truncate(at);
        // What the cells of the tail said stays behind, until the batch is cleared.
        self.cells.truncate(at * self.columns().len());
        tail
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.cells.clear();
        self.texts.clear();
    }

    fn start_of(&self, index: usize) -> usize {
        self.entries.get(index).map_or(self.bytes.len(), |e| e.start as usize)
    }

    fn offset_for(&self, more: usize) -> u32 {
        assert!(self.bytes.len() + more <= Self::MAX_BYTES, "a batch holds at most {} bytes", Self::MAX_BYTES);
        self.bytes.len() as u32
    }
}

/// A payload on its way into a [`Batch`], behind those that are there: no part of the batch until
/// it is [finished](Self::finish), and gone if it is dropped before.
#[derive(Debug)]
pub struct PayloadDraft<'b> {
    batch: &'b mut Batch,
    start: usize,
}

impl PayloadDraft<'_> {
    /// What was written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.batch.bytes[self.start..]
    }

    /// Writes this instead of what was written.
    pub fn set(&mut self, payload: &[u8]) {
        self.batch.bytes.truncate(self.start);
        self.batch.bytes.extend_from_slice(payload);
    }

    /// Appends the event as JSON.
    #[inline]
    pub fn encode(&mut self, encoder: &mut JsonEncoder, event: &Event<'_>, identity: Option<Identity>) {
        encoder.encode(event, identity, &mut self.batch.bytes);
    }

    /// Makes it the last entry of the batch, with empty cells.
    ///
    /// # Panics
    /// When the batch would grow beyond [`Batch::MAX_BYTES`].
    #[inline]
    pub fn finish(mut self, timestamp: u64, level: Level) {
        self.enter(timestamp, level);
        let Batch { cells, columns, .. } = &mut *self.batch;
        if let Some(columns) = columns {
            cells.extend(std::iter::repeat_n(Cell::NONE, columns.len()));
        }
    }

    /// As [`finish`](Self::finish), in place of another batch's entry: with its timestamp, level
    /// and cells.
    ///
    /// # Panics
    /// As [`finish`](Self::finish), and when there is no such entry.
    pub fn finish_instead(mut self, other: &Batch, index: usize) {
        let EntryMeta { level, timestamp, .. } = other.entries[index];
        self.enter(timestamp, level);
        self.batch.append_cells(other, index..index + 1);
    }

    fn enter(&mut self, timestamp: u64, level: Level) {
        self.batch.offset_for(1);
        self.batch.bytes.push(b'\n');
        self.batch.entries.push(EntryMeta { start: self.start as u32, level, timestamp });
        self.start = self.batch.bytes.len();
    }
}

impl Drop for PayloadDraft<'_> {
    #[inline]
    fn drop(&mut self) {
        self.batch.bytes.truncate(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::new();
        for (i, line) in lines.iter().enumerate() {
            batch.push(line.as_bytes(), i as u64, Level::INFO);
        }
        batch
    }

    fn texts(batch: &Batch) -> Vec<String> {
        batch.iter().map(|e| String::from_utf8_lossy(e.payload).into_owned()).collect()
    }

    #[test]
    fn entries_come_back_as_pushed() {
        let batch = batch(&["{}", "", "{\"a\":1}"]);
        assert_eq!(texts(&batch), ["{}", "", "{\"a\":1}"]);
        assert_eq!(batch.lines(), b"{}\n\n{\"a\":1}\n");
        assert_eq!(batch.iter().map(|e| e.timestamp).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((0..3).map(|i| batch.entry_bytes(i)).sum::<usize>(), batch.byte_len());
    }

    #[test]
    fn append_copies_a_middle_range() {
        let source = batch(&["a", "bb", "ccc", "d"]);
        let mut target = batch(&["x"]);
        target.append(&source, 1..3);
        target.append(&source, 4..4);
        assert_eq!(texts(&target), ["x", "bb", "ccc"]);
        assert_eq!(target.lines(), b"x\nbb\nccc\n");
    }

    #[test]
    fn cells_travel_with_their_entries() {
        let columns: Arc<[String]> = ["app", "zone"].map(String::from).into();
        let mut source = Batch::with_columns(columns);
        for (index, line) in ["a", "b", "c"].into_iter().enumerate() {
            source.push(line.as_bytes(), 0, Level::INFO);
            source.set_cell(0, &format!("app-{index}"));
            if index == 1 {
                source.set_cell(1, "eu");
            }
        }
        let cells = |batch: &Batch| -> Vec<[Option<String>; 2]> {
            batch.iter().map(|entry| [0, 1].map(|column| entry.cell(column).map(str::to_owned))).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        let mut target = Batch::new();
        target.append(&source, 1..3);
        assert_eq!((target.column("zone"), target.column("other")), (Some(1), None));
        assert_eq!(cells(&target), [[some("app-1"), some("eu")], [some("app-2"), None]]);
        let tail = target.split_off(1);
        assert_eq!((cells(&target), cells(&tail)), (vec![[some("app-1"), some("eu")]], vec![[some("app-2"), None]]));
        let mut zones = Batch::with_columns(["zone".to_owned()].into());
        zones.push(b"x", 0, Level::INFO);
        zones.append(&source, 1..2);
        assert_eq!(zones.get(1).and_then(|entry| entry.cell(0)), Some("eu"), "columns are matched by name");
        assert_eq!(zones.get(0).and_then(|entry| entry.cell(0)), None);
    }

    #[test]
    fn split_keeps_every_entry_once() {
        for at in 0..=3 {
            let mut head = batch(&["a", "bb", "ccc"]);
            let tail = head.split_off(at);
            assert_eq!([texts(&head), texts(&tail)].concat(), ["a", "bb", "ccc"]);
            assert_eq!([head.lines(), tail.lines()].concat(), b"a\nbb\nccc\n");
        }
    }
}
