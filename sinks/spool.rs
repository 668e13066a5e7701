//! The spool: batches on disk, in order, until their destination has them.
//!
//! A folder holds segments, a cursor and a lock:
//!
//! - `<first record>.seg`: a header and records, each with a checksum over its own header and one
//!   over its payload. Records are numbered one by one, and count events from the beginning of the
//!   spool, so that a reader can tell how many events a damaged stretch held.
//! - `cursor`: the first record that is still needed. Two slots, written in turn, each with a
//!   checksum: one of them is always whole.
//! - `lock`: held while a process uses the folder.
//!
//! A record is one write. What a process that is killed leaves half-written at the end is no record;
//! a new process always begins a new segment. Delivery is *at least once*: what was delivered but
//! not noted in the cursor comes again.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use logwheel_core::Batch;

use crate::policy::{Replayed, Saved};

mod codec;
mod cursor;
mod segment;
mod settings;

pub use settings::{SpoolSettings, SpoolSync};

use cursor::Cursor;
use segment::{Reader, Segment, Writer};

/// An open spool. One process at a time has it, and one thread uses it.
///
/// ```
/// use logwheel_core::{Batch, Level};
/// use logwheel_sinks::{Spool, SpoolSettings};
///
/// let dir = std::env::temp_dir().join(format!("logwheel-doc-{}", std::process::id()));
/// let mut spool = Spool::open(&SpoolSettings::new(&dir))?;
/// let mut batch = Batch::new();
/// batch.push(b"{}", 0, Level::INFO);
/// spool.append(&batch, true)?;
/// let replayed = spool.read().expect("one record is unread");
/// assert_eq!(replayed.batch.lines(), b"{}\n");
/// spool.acknowledge(replayed.record + 1)?;
/// assert!(spool.read().is_none());
/// # drop(spool);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Spool {
    settings: SpoolSettings,
    /// Held as long as the spool is open.
    _lock: File,
    cursor: Cursor,
    /// In order; the last one may be open for writing.
    segments: VecDeque<Segment>,
    writer: Option<Writer>,
    reader: Option<Reader>,
    next_record: u64,
    next_event: u64,
    /// The first record that was not read, and the number of its first event.
    unread_record: u64,
    unread_event: u64,
    damaged: u64,
    /// Unread events that had to go and of which nobody knows yet.
    evicted: u64,
    /// When the oldest write that is not yet synced was made.
    unsynced_since: Option<Instant>,
}

/// A spool could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Somebody else has it: each sink of each process needs a folder of its own.
    #[error("spool.dir = {dir:?}: in use by another sink or process; each needs a folder of its own")]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be used.
    #[error("spool.dir = {dir:?}: {source}")]
    Io {
        /// The folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Spool {
    /// Opens the spool, making its folder if there is none. What an earlier process left is there
    /// to be [read](Self::read); only the headers of records are looked at now.
    ///
    /// # Errors
    /// When somebody else has it open, or the folder cannot be read or written.
    pub fn open(settings: &SpoolSettings) -> Result<Self, SpoolError> {
        let dir = settings.dir.clone();
        match Self::open_dir(settings) {
            Ok(Some(spool)) => Ok(spool),
            Ok(None) => Err(SpoolError::InUse { dir }),
            Err(source) => Err(SpoolError::Io { dir, source }),
        }
    }

    fn open_dir(settings: &SpoolSettings) -> io::Result<Option<Self>> {
        make_private_dir(&settings.dir)?;
        let lock = private_file().create(true).truncate(false).write(true).open(settings.dir.join("lock"))?;
        if !locked(&lock)? {
            return Ok(None);
        }
        let cursor = Cursor::open(&settings.dir.join("cursor"))?;
        let needed = cursor.record();
        let mut segments = VecDeque::new();
        let (mut damaged, mut unread_event) = (0, None);
        for path in segment_files(&settings.dir)? {
            let found = Segment::scan(&path, needed)?;
            damaged += found.as_ref().map_or(1, |found| found.damaged);
            let Some(found) = found.filter(|found| found.segment.end_record > needed) else {
                // Nothing in it is needed, or nothing can be read.
                fs::remove_file(&path)?;
                continue;
            };
            unread_event = unread_event.or(found.first_needed_event);
            segments.push_back(found.segment);
        }
        let last = segments.back();
        let next_record = last.map_or(needed, |last| last.end_record.max(needed));
        let next_event = last.map_or(0, |last| last.end_event);
        let first_record = segments.front().map_or(next_record, |first| first.first_record);
        Ok(Some(Self {
            settings: settings.clone(),
            _lock: lock,
            cursor,
            segments,
            writer: None,
            reader: None,
            next_record,
            next_event,
            unread_record: needed.max(first_record),
            unread_event: unread_event.unwrap_or(next_event),
            damaged,
            evicted: 0,
            unsynced_since: None,
        }))
    }

    /// Events that were not read yet, those in damaged records included.
    #[must_use]
    pub fn unread_events(&self) -> u64 {
        self.next_event - self.unread_event
    }

    /// The first record that was not read yet.
    #[must_use]
    pub fn unread_record(&self) -> u64 {
        self.unread_record
    }

    /// How many damaged records, or stretches of records, were met so far.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends a batch as one record. If it is not `unread`, it need not be read back before it is
    /// acknowledged: then everything before must have been read.
    ///
    /// When there is no room, the oldest segments go, with what was unread in them. A batch that is
    /// larger than the whole spool counts as damaged.
    ///
    /// # Errors
    /// When it could not be written: then it is not in the spool.
    pub fn append(&mut self, batch: &Batch, unread: bool) -> io::Result<Saved> {
        let record = self.next_record;
        let bytes = segment::encode(record, self.next_event, batch, |payload| codec::encode(batch, payload));
        if let Some(bytes) = bytes.filter(|bytes| bytes.len() as u64 + Segment::HEADER <= self.settings.max_bytes) {
            self.make_room(bytes.len() as u64)?;
            self.write(bytes)?;
        }
        self.next_record += 1;
        self.next_event += batch.len() as u64;
        if !unread {
            debug_assert_eq!(self.unread_record, record, "everything before was read");
            (self.unread_record, self.unread_event) = (self.next_record, self.next_event);
        }
        let first_record = self.segments.front().map_or(self.next_record, |segment| segment.first_record);
        Ok(Saved { record, evicted: std::mem::take(&mut self.evicted), first_record })
    }

    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        while self.bytes() + bytes + Segment::HEADER > self.settings.max_bytes {
            let Some(oldest) = self.segments.front() else { break };
            fs::remove_file(&oldest.path)?;
            if oldest.end_record > self.unread_record {
                self.evicted += oldest.end_event - self.unread_event.max(oldest.first_event);
                (self.unread_record, self.unread_event) = (oldest.end_record, oldest.end_event);
            }
            self.segments.pop_front();
            self.reader = None;
            if self.segments.is_empty() {
                self.writer = None;
            }
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        let full = |segment: &Segment| segment.bytes + bytes.len() as u64 > self.settings.segment_bytes();
        if self.segments.back().is_some_and(full) {
            self.sync()?;
            self.writer = None;
        }
        if self.writer.is_none() {
            let (writer, segment) = Writer::create(&self.settings.dir, self.next_record, self.next_event)?;
            self.writer = Some(writer);
            self.segments.push_back(segment);
            if self.settings.sync != SpoolSync::Never {
                // A new name is only there for good when its folder was synced.
                sync_dir(&self.settings.dir)?;
            }
        }
        let writer = self.writer.as_mut().expect("just made");
        let segment = self.segments.back_mut().expect("a writer writes to the last segment");
        if let Err(error) = writer.append(segment, &mut bytes) {
            // Whatever it wrote is no record; a new segment begins behind it.
            self.writer = None;
            return Err(error);
        }
        segment.end_record = self.next_record + 1;
        segment.end_event = self.next_event + segment::events_of(&bytes);
        self.unsynced_since.get_or_insert_with(Instant::now);
        if self.settings.sync == SpoolSync::EveryBatch { self.sync() } else { Ok(()) }
    }

    /// The next record that was not read, and how many events were lost in damaged ones before it.
    /// `None` when there is none left; then everything that was not read is lost.
    ///
    /// What cannot be read is skipped, whatever the reason: a spool never holds up what comes
    /// behind.
    pub fn read(&mut self) -> Option<Replayed> {
        while self.unread_record < self.next_record {
            let Some(position) = self.segments.iter().position(|segment| segment.end_record > self.unread_record)
            else {
                break;
            };
            let segment = &self.segments[position];
            let reader = match self.reader.take() {
                Some(reader) if reader.is_of(segment) => Some(reader),
                _ => Reader::open(segment).ok(),
            };
            let (unread, end) = (self.unread_record, segment.bytes);
            let found = reader.and_then(|mut reader| {
                let found = reader.next(unread, end, &mut self.damaged);
                self.reader = Some(reader);
                found
            });
            let Some(found) = found else {
                // Nothing more in this segment.
                self.unread_record = segment.end_record;
                self.reader = None;
                continue;
            };
            self.unread_record = found.record + 1;
            let batch = found.payload.as_deref().and_then(codec::decode);
            match batch.filter(|batch| batch.len() as u64 == found.events) {
                Some(batch) => {
                    let lost = found.first_event.saturating_sub(self.unread_event);
                    self.unread_event = found.first_event + found.events;
                    return Some(Replayed { record: found.record, batch, lost });
                }
                None => self.damaged += 1,
            }
        }
        (self.unread_record, self.unread_event) = (self.next_record, self.next_event);
        None
    }

    /// Notes that every record before this one is done with; segments without any other are
    /// removed.
    ///
    /// # Errors
    /// When that could not be written: then these records come again after a restart.
    pub fn acknowledge(&mut self, first_needed: u64) -> io::Result<()> {
        self.cursor.advance(first_needed)?;
        while let Some(oldest) = self.segments.front()
            && oldest.end_record <= first_needed
        {
            fs::remove_file(&oldest.path)?;
            if self.reader.as_ref().is_some_and(|reader| reader.is_of(oldest)) {
                self.reader = None;
            }
            self.segments.pop_front();
            if self.segments.is_empty() {
                (self.writer, self.unsynced_since) = (None, None);
            }
        }
        Ok(())
    }

    /// When [`sync`](Self::sync) should be called, by the settings.
    #[must_use]
    pub fn sync_due(&self) -> Option<Instant> {
        match self.settings.sync {
            SpoolSync::Interval(interval) => Some(self.unsynced_since? + interval),
            SpoolSync::Never | SpoolSync::EveryBatch => None,
        }
    }

    /// Has the system write everything to the disk, unless the settings say never.
    ///
    /// # Errors
    /// When the system could not.
    pub fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        match (&self.settings.sync, &self.writer) {
            (SpoolSync::Interval(_) | SpoolSync::EveryBatch, Some(writer)) => writer.sync(),
            _ => Ok(()),
        }
    }
}

/// The longest that a sync may be put off.
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// Takes the lock, or says that somebody else has it.
fn locked(lock: &File) -> io::Result<bool> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A lock that was given back can live on for a moment in a child process that has been forked and
/// not yet begun its own program.
const LOCK_PATIENCE: Duration = Duration::from_millis(250);

fn segment_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == segment::EXTENSION) {
            files.push(path);
        }
    }
    // Names are numbers of equal length.
    files.sort();
    Ok(files)
}

/// Logs are nobody else's business.
fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened like a file.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests;

/// For fuzzing: the payload of a record.
#[doc(hidden)]
pub mod payload {
    pub use super::codec::{decode, encode};
}
