//! One file of records.

use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use logwheel_core::Batch;

use super::private_file;

pub(super) const EXTENSION: &str = "seg";

/// What is known of a segment without its payloads.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first_record: u64,
    /// One past the last record.
    pub(super) end_record: u64,
    pub(super) first_event: u64,
    pub(super) end_event: u64,
    pub(super) bytes: u64,
    salt: u64,
}

/// A segment that was found on disk.
pub(super) struct Found {
    pub(super) segment: Segment,
    /// Stretches that are no records.
    pub(super) damaged: u64,
    /// The number of the first event in the first record that is needed.
    pub(super) first_needed_event: Option<u64>,
}

/// A record that was found: its payload is `None` when the checksum is wrong.
pub(super) struct FoundRecord {
    pub(super) record: u64,
    pub(super) first_event: u64,
    pub(super) events: u64,
    pub(super) payload: Option<Vec<u8>>,
}

/// Before a segment's records: magic, salt, first record, first event, checksum.
const SEGMENT_HEADER: usize = 8 + 8 + 8 + 8 + 4;
const SEGMENT_MAGIC: [u8; 8] = *b"LWSPOOL1";
/// Before a payload: magic, length, checksum of the payload, events, record, first event, checksum
/// of all this and the segment's salt. The salt keeps what somebody logs from looking like a record.
const RECORD_HEADER: usize = 4 + 4 + 4 + 4 + 8 + 8 + 4;
const RECORD_MAGIC: [u8; 4] = *b"LWRC";

#[derive(Debug, Clone, Copy)]
struct RecordHeader {
    payload_len: u32,
    payload_checksum: u32,
    events: u32,
    record: u64,
    first_event: u64,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn salted(salt: u64, header: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(header);
    hasher.finalize()
}

/// A record's bytes, but for the checksum of its header, which takes the segment's salt. `None` if
/// the payload is too long for one.
pub(super) fn encode(
    record: u64,
    first_event: u64,
    batch: &Batch,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Option<Vec<u8>> {
    let mut bytes = vec![0; RECORD_HEADER];
    bytes.reserve(batch.byte_len() + 17 * batch.len());
    payload(&mut bytes);
    let payload_len = u32::try_from(bytes.len() - RECORD_HEADER).ok()?;
    let payload_checksum = crc32fast::hash(&bytes[RECORD_HEADER..]);
    bytes[..4].copy_from_slice(&RECORD_MAGIC);
    bytes[4..8].copy_from_slice(&payload_len.to_le_bytes());
    bytes[8..12].copy_from_slice(&payload_checksum.to_le_bytes());
    bytes[12..16].copy_from_slice(&(batch.len() as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&record.to_le_bytes());
    bytes[24..32].copy_from_slice(&first_event.to_le_bytes());
    Some(bytes)
}

/// How many events an encoded record holds.
pub(super) fn events_of(encoded: &[u8]) -> u64 {
    u64::from(u32_at(encoded, 12))
}

impl RecordHeader {
    fn read(bytes: &[u8], salt: u64) -> Option<Self> {
        let bytes = bytes.get(..RECORD_HEADER)?;
        let valid = bytes.starts_with(&RECORD_MAGIC) && salted(salt, &bytes[..32]) == u32_at(bytes, 32);
        valid.then(|| Self {
            payload_len: u32_at(bytes, 4),
            payload_checksum: u32_at(bytes, 8),
            events: u32_at(bytes, 12),
            record: u64_at(bytes, 16),
            first_event: u64_at(bytes, 24),
        })
    }

    fn end_event(&self) -> u64 {
        self.first_event.saturating_add(u64::from(self.events))
    }
}

impl Segment {
    /// The bytes before the first record.
    pub(super) const HEADER: u64 = SEGMENT_HEADER as u64;

    /// Reads the headers of a file. `None` if it is no segment, or holds no record.
    pub(super) fn scan(path: &Path, needed: u64) -> io::Result<Option<Found>> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut header = [0; SEGMENT_HEADER];
        if bytes < Self::HEADER {
            return Ok(None);
        }
        file.read_exact(&mut header)?;
        if !header.starts_with(&SEGMENT_MAGIC) || crc32fast::hash(&header[..32]) != u32_at(&header, 32) {
            return Ok(None);
        }
        let (salt, first_record, first_event) = (u64_at(&header, 8), u64_at(&header, 16), u64_at(&header, 24));
        let mut segment = Self {
            path: path.to_owned(),
            first_record,
            end_record: first_record,
            first_event,
            end_event: first_event,
            bytes,
            salt,
        };
        let (mut damaged, mut first_needed_event) = (0, None);
        let mut reader = Reader { file, first_record, salt, at: Self::HEADER };
        while let Some(header) = reader.next_header(segment.end_record, bytes, &mut damaged) {
            segment.end_record = header.record + 1;
            segment.end_event = header.end_event();
            if header.record >= needed {
                first_needed_event = first_needed_event.or(Some(header.first_event));
            }
            reader.at += u64::from(header.payload_len);
        }
        let is_empty = segment.end_record == segment.first_record;
        Ok((!is_empty).then_some(Found { segment, damaged, first_needed_event }))
    }
}

/// The end of a segment, where records are added.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
}

impl Writer {
    pub(super) fn create(dir: &Path, first_record: u64, first_event: u64) -> io::Result<(Self, Segment)> {
        let path = dir.join(format!("{first_record:020}.{EXTENSION}"));
        // What an earlier process left under this name holds no record, or its number would be used.
        let mut file = private_file().create(true).truncate(true).write(true).open(&path)?;
        // Seeded at random, by the standard library.
        let salt = std::hash::RandomState::new().build_hasher().finish();
        let mut header = [0; SEGMENT_HEADER];
        header[..8].copy_from_slice(&SEGMENT_MAGIC);
        header[8..16].copy_from_slice(&salt.to_le_bytes());
        header[16..24].copy_from_slice(&first_record.to_le_bytes());
        header[24..32].copy_from_slice(&first_event.to_le_bytes());
        let checksum = crc32fast::hash(&header[..32]);
        header[32..].copy_from_slice(&checksum.to_le_bytes());
        file.write_all(&header)?;
        let (end_record, end_event, bytes) = (first_record, first_event, Segment::HEADER);
        Ok((Self { file }, Segment { path, first_record, end_record, first_event, end_event, bytes, salt }))
    }

    /// Appends an [encoded](encode) record in one write.
    pub(super) fn append(&mut self, segment: &mut Segment, encoded: &mut [u8]) -> io::Result<()> {
        let checksum = salted(segment.salt, &encoded[..32]);
        encoded[32..RECORD_HEADER].copy_from_slice(&checksum.to_le_bytes());
        let written = self.file.write_all(encoded);
        if written.is_err() {
            // Best effort: half a record is skipped when it is read.
            let _ = self.file.set_len(segment.bytes);
            return written;
        }
        segment.bytes += encoded.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A place in a segment from which records are read.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    first_record: u64,
    salt: u64,
    at: u64,
}

/// How much is looked at at once for the next record behind damage.
const STRETCH: usize = 64 << 10;

impl Reader {
    pub(super) fn open(segment: &Segment) -> io::Result<Self> {
        let file = File::open(&segment.path)?;
        Ok(Self { file, first_record: segment.first_record, salt: segment.salt, at: Segment::HEADER })
    }

    pub(super) fn is_of(&self, segment: &Segment) -> bool {
        (self.first_record, self.salt) == (segment.first_record, segment.salt)
    }

    /// The first record from `wanted` on before `end`, and counts the damage on the way.
    pub(super) fn next(&mut self, wanted: u64, end: u64, damaged: &mut u64) -> Option<FoundRecord> {
        loop {
            let header = self.next_header(self.first_record, end, damaged)?;
            let payload_at = self.at;
            self.at += u64::from(header.payload_len);
            if header.record < wanted {
                continue;
            }
            let mut payload = vec![0; header.payload_len as usize];
            let read = self.file.seek(SeekFrom::Start(payload_at)).and_then(|_| self.file.read_exact(&mut payload));
            let whole = read.is_ok() && crc32fast::hash(&payload) == header.payload_checksum;
            return Some(FoundRecord {
                record: header.record,
                first_event: header.first_event,
                events: u64::from(header.events),
                payload: whole.then_some(payload),
            });
        }
    }

    /// The next header of a record not below `least`; the reader stands at its payload then.
    fn next_header(&mut self, least: u64, end: u64, damaged: &mut u64) -> Option<RecordHeader> {
        let mut header = [0; RECORD_HEADER];
        if self.at >= end {
            return None;
        }
        if self.read_at(self.at, &mut header).is_ok_and(|read| read == RECORD_HEADER)
            && let Some(found) = self.valid(&header, self.at, least, end)
        {
            self.at += RECORD_HEADER as u64;
            return Some(found);
        }
        *damaged += 1;
        let (at, found) = self.search(self.at + 1, least, end)?;
        self.at = at + RECORD_HEADER as u64;
        Some(found)
    }

    fn valid(&self, bytes: &[u8], at: u64, least: u64, end: u64) -> Option<RecordHeader> {
        let header = RecordHeader::read(bytes, self.salt)?;
        let fits = at + RECORD_HEADER as u64 + u64::from(header.payload_len) <= end;
        (fits && header.record >= least).then_some(header)
    }

    /// The first place from `at` on where a record begins.
    fn search(&mut self, mut at: u64, least: u64, end: u64) -> Option<(u64, RecordHeader)> {
        let mut stretch = vec![0; STRETCH];
        while at < end {
            let read = self.read_at(at, &mut stretch).ok()?;
            if read < RECORD_HEADER {
                return None;
            }
            for start in 0..=read - RECORD_HEADER {
                let here = at + start as u64;
                if stretch[start..].starts_with(&RECORD_MAGIC)
                    && let Some(found) = self.valid(&stretch[start..read], here, least, end)
                {
                    return Some((here, found));
                }
            }
            at += (read - RECORD_HEADER + 1) as u64;
        }
        None
    }

    /// Fills the buffer as far as the file goes.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
