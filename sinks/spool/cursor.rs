//! The first record that is still needed, on disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::private_file;

/// Two slots, written in turn: a write that is cut short spoils one of them.
#[derive(Debug)]
pub(super) struct Cursor {
    file: File,
    turn: u64,
    record: u64,
}

/// Turn, record, checksum.
const SLOT: usize = 8 + 8 + 4;

impl Cursor {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = private_file().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        (&file).take(2 * SLOT as u64).read_to_end(&mut bytes)?;
        let (turn, record) = bytes.chunks_exact(SLOT).filter_map(read_slot).max().unwrap_or_default();
        Ok(Self { file, turn, record })
    }

    pub(super) fn record(&self) -> u64 {
        self.record
    }

    /// Moves on; never back.
    pub(super) fn advance(&mut self, record: u64) -> io::Result<()> {
        if record <= self.record {
            return Ok(());
        }
        let turn = self.turn + 1;
        let mut slot = [0; SLOT];
        slot[..8].copy_from_slice(&turn.to_le_bytes());
        slot[8..16].copy_from_slice(&record.to_le_bytes());
        let checksum = crc32fast::hash(&slot[..16]);
        slot[16..].copy_from_slice(&checksum.to_le_bytes());
        self.file.seek(SeekFrom::Start(turn % 2 * SLOT as u64))?;
        self.file.write_all(&slot)?;
        (self.turn, self.record) = (turn, record);
        Ok(())
    }
}

fn read_slot(slot: &[u8]) -> Option<(u64, u64)> {
    let (numbers, checksum) = slot.split_at(16);
    let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
    let whole = crc32fast::hash(numbers).to_le_bytes() == checksum;
    whole.then_some((number(&numbers[..8])?, number(&numbers[8..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_was_cut_short_leaves_the_one_before() {
        let dir = crate::spool::tests::Scratch::new("cursor");
        let path = dir.0.join("cursor");
        let mut cursor = Cursor::open(&path).unwrap();
        assert_eq!(cursor.record(), 0);
        for record in [3, 9, 12] {
            cursor.advance(record).unwrap();
            cursor.advance(record - 1).unwrap();
            assert_eq!(Cursor::open(&path).unwrap().record(), record, "never back");
        }
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..SLOT {
            // The third one went to the second slot.
            let mut torn = whole.clone();
            torn[SLOT + cut..].fill(0xee);
            std::fs::write(&path, torn).unwrap();
            assert_eq!(Cursor::open(&path).unwrap().record(), 9, "cut after {cut} bytes");
        }
        std::fs::write(&path, b"nonsense").unwrap();
        assert_eq!(Cursor::open(&path).unwrap().record(), 0);
    }
}
