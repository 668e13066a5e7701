//! A batch as bytes: columns, then entries with their cells. Numbers are little-endian.

use std::sync::Arc;

use logwheel_core::{Batch, Level};

/// The length of a cell that is not there.
const ABSENT: u32 = u32::MAX;

/// Appends the batch.
pub fn encode(batch: &Batch, out: &mut Vec<u8>) {
    let text = |out: &mut Vec<u8>, text: &[u8]| {
        // A batch counts its bytes in 32 bits.
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text);
    };
    out.extend((batch.columns().len() as u32).to_le_bytes());
    batch.columns().iter().for_each(|column| text(out, column.as_bytes()));
    out.extend((batch.len() as u32).to_le_bytes());
    for entry in batch.iter() {
        out.extend(entry.timestamp.to_le_bytes());
        out.push(entry.level.number());
        text(out, entry.payload);
        for column in 0..batch.columns().len() {
            match entry.cell(column) {
                Some(cell) => text(out, cell.as_bytes()),
                None => out.extend(ABSENT.to_le_bytes()),
            }
        }
    }
}

/// The batch that was [encoded](encode); `None` if these bytes are not one.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Batch> {
    let mut input = Input(bytes);
    let columns = input.number()?;
    // Each takes at least its length.
    if columns as usize > bytes.len() / 4 {
        return None;
    }
    let columns: Option<Vec<String>> = (0..columns).map(|_| Some(input.text()?.to_owned())).collect();
    let columns: Arc<[String]> = columns?.into();
    let mut batch = Batch::with_columns(Arc::clone(&columns));
    for _ in 0..input.number()? {
        let timestamp = u64::from_le_bytes(input.take()?);
        let level = Level::from_number(input.take::<1>()?[0])?;
        let len = input.number()?;
        let payload = input.bytes(len)?;
        if payload.contains(&b'\n') {
            return None;
        }
        batch.push(payload, timestamp, level);
        for column in 0..columns.len() {
            let len = input.number()?;
            if len != ABSENT {
                batch.set_cell(column, std::str::from_utf8(input.bytes(len)?).ok()?);
            }
        }
    }
    input.0.is_empty().then_some(batch)
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn bytes(&mut self, len: u32) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len as usize)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.number()?;
        std::str::from_utf8(self.bytes(len)?).ok()
    }
}
