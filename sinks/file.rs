//! A sink that writes to a file, which rotates by size and time.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Health, Sink, SinkError};

use crate::hash_chain::HashChain;
use crate::progress::Progress;
use crate::rotation::{RotatedFiles, Rotation};

mod chained;

/// Writes events to a file, one line each, and begins a new file by size or time.
///
/// The newest lines are always in the file at `path`; it is appended to after a restart. A rotated
/// file gets its time in its name, `app.log` becomes `app-20260102T030405Z-001.log`: such names sort
/// by age, and no existing file is ever overwritten. Missing directories are created.
///
/// Lines stay whole: files change between lines only, a line that a crash cut short is closed
/// before the next one, and a batch that could not be written (say, because the disk is full) is
/// taken back out of the file before it is tried again. A file that was renamed or removed by
/// someone else, such as `logrotate`, is noticed before the next batch and created anew. Time
/// rotation looks at the clock, not at the events' time stamps, and happens with the first batch of
/// a period. When a file cannot be rotated, lines are still written, and diagnostics and [`Sink::health`] say why.
///
/// Several processes may write to one file on a local disk; their lines do not mix (not with
/// [`hash_chain`](Self::hash_chain): a chain has one writer). A special file such as
/// `/dev/null` is written to but neither rotated nor repaired; a symbolic link is not rotated.
/// Batches are sealed after 200 ms.
///
/// ```
/// use logwheel_sinks::{FileSink, Rotation};
///
/// let sink = FileSink::new("/var/log/orders/orders.log")
///     .rotate_bytes(100 << 20)
///     .rotate_every(Rotation::Daily)
///     .keep_files(30)
///     .keep_bytes(1 << 30);
/// ```
pub struct FileSink {
    path: PathBuf,
    rotate_bytes: u64,
    rotate_every: Option<Rotation>,
    keep_files: usize,
    keep_bytes: u64,
    fsync: bool,
    chain: Option<HashChain>,
    /// Why the chain's key cannot be used.
    key_problem: Option<String>,
    clock: Box<dyn Fn() -> SystemTime + Send>,
    write: WriteAll,
    /// `None` when the path names no file.
    rotated: Option<RotatedFiles>,
    open: Option<OpenFile>,
    progress: Progress,
    /// Why the file could not be rotated or cleaned up after, the last time that was due.
    trouble: Option<String>,
    /// What was said of it.
    told: Option<String>,
    health: Health,
}

/// Replaced in tests by one that fails.
type WriteAll = Box<dyn FnMut(&File, &[u8]) -> io::Result<()> + Send>;

struct OpenFile {
    file: File,
    id: FileId,
    len: u64,
    /// The period in which the first line came.
    period: u128,
    /// Not a device or pipe.
    regular: bool,
}

impl FileSink {
    /// A sink for the file at `path`, without rotation. The file is opened when the engine starts.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        // A service that changes its directory later keeps its log file.
        let path = std::path::absolute(&path).unwrap_or(path);
        Self {
            rotated: RotatedFiles::of(&path),
            path,
            rotate_bytes: 0,
            rotate_every: None,
            keep_files: 10,
            keep_bytes: u64::MAX,
            fsync: false,
            chain: None,
            key_problem: None,
            clock: Box::new(SystemTime::now),
            write: Box::new(|mut file, bytes| file.write_all(bytes)),
            open: None,
            progress: Progress::default(),
            trouble: None,
            told: None,
            health: Health::Healthy,
        }
    }

    /// Begins a new file before a line that would make the file larger than this many bytes. A
    /// line that alone is larger gets a file of its own. Default 0: never by size.
    #[must_use]
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.rotate_bytes = bytes;
        self
    }

    /// Begins a new file in every period: a [`Rotation`] or a `Duration`. Default: never by time.
    #[must_use]
    pub fn rotate_every(mut self, rotation: impl Into<Rotation>) -> Self {
        self.rotate_every = Some(rotation.into());
        self
    }

    /// The most rotated files to keep beside the current one; the oldest go first. Default 10.
    #[must_use]
    pub fn keep_files(mut self, files: usize) -> Self {
        self.keep_files = files;
        self
    }

    /// The most bytes to keep in rotated files; the oldest go first. Default: no limit beside
    /// [`keep_files`](Self::keep_files).
    #[must_use]
    pub fn keep_bytes(mut self, bytes: u64) -> Self {
        self.keep_bytes = bytes;
        self
    }

    /// Whether each batch is forced to the disk before it counts as delivered, so that it survives
    /// a power cut. Slow. Default `false`: lines survive a crash of the process, not of the system.
    #[must_use]
    pub fn fsync(mut self, fsync: bool) -> Self {
        self.fsync = fsync;
        self
    }

    /// Whether each line carries a hash of itself and of all lines before, so that
    /// [`verify_chain`](crate::verify_chain) finds lines that were changed, removed, inserted or moved. Default
    /// `false`.
    ///
    /// A line gets a last member `"_chain":"<number>-<hash>"`, 77 bytes and the digits of the number, on the first line
    /// of a file 65 more. A line that is no JSON object, or has a `_chain` already, becomes `{"_line":…,"_chain":…}`.
    ///
    /// The chain goes on over rotation and restart: the sink finds where it stopped at the end of the newest file.
    /// What a crash left of a line is taken out and kept, up to 64 KiB, as `{"_torn":"…","_chain":…}`. A file
    /// whose last line is not of this chain (it is from before the option was set, or the key is another one) is moved
    /// aside, as when rotated, and a chain begins in a new file. A file that someone else moved while nothing was
    /// running is not found; then, too, a new chain begins.
    ///
    /// It costs one SHA-256 over each line, and a copy.
    #[must_use]
    pub fn hash_chain(mut self, hash_chain: bool) -> Self {
        // A key that was set before stays.
        self.chain = if hash_chain { self.chain.or_else(|| Some(HashChain::new(None))) } else { None };
        self
    }

    /// As [`hash_chain`](Self::hash_chain), with HMAC and this secret key of at least 16 bytes: who does not know it can
    /// neither make lines nor calculate the chain anew. [`verify_chain_with_key`](crate::verify_chain_with_key)
    /// needs the same key.
    #[must_use]
    pub fn hash_chain_key(mut self, key: impl AsRef<[u8]>) -> Self {
        let key = key.as_ref();
        let too_short = key.len() < HashChain::MIN_KEY_BYTES;
        let problem =
            || format!("hash_chain_key: has {} bytes, must have at least {}", key.len(), HashChain::MIN_KEY_BYTES);
        self.key_problem = too_short.then(problem);
        self.chain = Some(HashChain::new(Some(key)));
        self
    }

    /// Replaces the clock, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Writes `lines` from `*done` on; `*done` tells how far it came for good, also on error.
    fn write_batch(&mut self, batch: &Batch, done: &mut usize) -> io::Result<()> {
        let now = (self.clock)();
        self.trouble = None;
        self.ready_file(now)?;
        if self.chain.is_some() {
            return self.write_chained(batch, done, now);
        }
        let lines = batch.lines();
        if self.rotate_bytes == 0 {
            return self.append(lines, done, lines.len());
        }
        let mut end = 0;
        for index in 0..batch.len() {
            let begin = end;
            end += batch.entry_bytes(index);
            if end <= *done {
                continue;
            }
            let before = self.len() + (begin - *done) as u64;
            let too_long = before > 0 && before + (end - begin) as u64 > self.rotate_bytes;
            if too_long && self.trouble.is_none() {
                self.append(lines, done, begin)?;
                self.rotate(now)?;
            }
        }
        self.append(lines, done, end)
    }

    /// Makes sure that the open file is the one at the path and belongs to the period of `now`.
    fn ready_file(&mut self, now: SystemTime) -> io::Result<()> {
        if let Some(open) = &mut self.open {
            match fs::metadata(&self.path) {
                Ok(metadata) if FileId::of(&metadata) == open.id => open.measure(&metadata),
                Ok(_) => self.open = None,
                Err(error) if error.kind() == ErrorKind::NotFound => self.open = None,
                // A service may have dropped the rights to look, but not the file.
                Err(_) => {}
            }
        }
        self.opened(now)?;
        let Some(rotation) = self.rotate_every else { return Ok(()) };
        let period = rotation.period_at(now);
        let open = self.opened(now)?;
        if open.len == 0 {
            open.period = period;
        } else if period > open.period {
            self.rotate(now)?;
        }
        Ok(())
    }

    fn opened(&mut self, now: SystemTime) -> io::Result<&mut OpenFile> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.open_file(now)?,
        };
        self.open = Some(open);
        let first = self.len() == 0;
        if self.chain.as_mut().is_some_and(|chain| chain.push_torn(first)) {
            self.append_chained(&mut 0)?;
        }
        self.open.as_mut().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn len(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.len)
    }

    /// Writes `lines[*done..end]`, wholly or not at all as far as the file system lets us.
    fn append(&mut self, lines: &[u8], done: &mut usize, end: usize) -> io::Result<()> {
        let bytes = &lines[*done..end];
        if bytes.is_empty() {
            return Ok(());
        }
        let open = self.open.as_mut().ok_or(ErrorKind::NotFound)?;
        let mut result = (self.write)(&open.file, bytes);
        if self.fsync && open.regular {
            result = result.and_then(|()| open.file.sync_data());
        }
        match result {
            Ok(()) => {
                open.len += bytes.len() as u64;
                *done = end;
            }
            Err(_) => {
                *done += open.take_back(bytes);
                // Opening it again closes a torn line.
                self.open = None;
            }
        }
        result
    }

    /// Moves the current file aside and opens the next one. Trouble with the former is noted and
    /// does not stop the lines.
    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let Some(open) = self.open.take_if(|open| open.regular) else { return Ok(()) };
        let synced = if self.fsync { open.file.sync_all() } else { Ok(()) };
        // Closed before it is renamed: not every system renames open files.
        drop(open);
        let rotated = synced.and_then(|()| self.move_aside(now));
        self.opened(now)?;
        if let Err(error) = rotated.and_then(|()| self.clean_up()) {
            self.trouble = Some(format!("could not rotate {}: {error}", self.path.display()));
        }
        Ok(())
    }

    fn move_aside(&self, now: SystemTime) -> io::Result<()> {
        let rotated = self.rotated.as_ref().ok_or(ErrorKind::InvalidInput)?;
        if fs::symlink_metadata(&self.path)?.is_symlink() {
            return Err(io::Error::other("it is a symbolic link; set the path to the file itself"));
        }
        match rotated.take_in(&self.path, now) {
            // Another process rotated it first.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result.map(drop),
        }
    }

    fn clean_up(&self) -> io::Result<()> {
        let rotated = self.rotated.as_ref().ok_or(ErrorKind::InvalidInput)?;
        if self.fsync {
            sync_directory(rotated.directory())?;
        }
        rotated.prune(self.keep_files, self.keep_bytes)
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("path", &self.path)
            .field("rotate_bytes", &self.rotate_bytes)
            .field("rotate_every", &self.rotate_every)
            .field("keep_files", &self.keep_files)
            .field("keep_bytes", &self.keep_bytes)
            .field("fsync", &self.fsync)
            .field("hash_chain", &self.chain.is_some())
            .field("hash_chain_key", &self.chain.as_ref().is_some_and(HashChain::is_keyed))
            .finish_non_exhaustive()
    }
}

impl Sink for FileSink {
    fn name(&self) -> &str {
        "file"
    }

    fn start(&mut self) -> Result<(), SinkError> {
        let path = self.path.display().to_string();
        if self.rotated.is_none() {
            return Err(SinkError::new(format!("path {path}: names no file")));
        }
        if let Some(problem) = &self.key_problem {
            return Err(SinkError::new(problem.clone()));
        }
        match self.opened((self.clock)()) {
            Ok(_) => {}
            Err(error) => return Err(SinkError::caused_by(format!("could not open {path}: {error}"), error)),
        }
        if self.rotate_bytes > 0 || self.rotate_every.is_some() {
            // The limits may have been lowered since the last run. Old files stop no new lines.
            if let Err(error) = self.clean_up() {
                self.health = Health::unhealthy(format!("could not delete old files of {path}: {error}"));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let mut done = self.progress.take(batch.lines());
        match self.write_batch(batch, &mut done) {
            Ok(()) => {
                self.health = self.trouble.clone().map_or(Health::Healthy, Health::unhealthy);
                Ok(Delivered::all())
            }
            Err(error) => {
                self.progress.leave(batch.lines(), done);
                let detail = format!("could not write to {}: {error}", self.path.display());
                self.health = Health::unhealthy(detail.clone());
                let reason = match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "disk_full",
                    _ => "write",
                };
                Err(DeliveryError::Retry { reason, detail: detail.into(), after: None })
            }
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        match &self.open {
            Some(open) if self.fsync && open.regular => {
                let path = self.path.display();
                let failed = |error| SinkError::caused_by(format!("could not sync {path}: {error}"), error);
                open.file.sync_all().map_err(failed)
            }
            _ => Ok(()),
        }
    }

    fn stop(&mut self) -> Result<(), SinkError> {
        let result = self.flush();
        self.open = None;
        result
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        if self.trouble == self.told {
            return None;
        }
        self.told.clone_from(&self.trouble);
        self.told.clone().map(Cow::Owned)
    }

    fn batch_limits(&self) -> BatchLimits {
        BatchLimits { max_age: Duration::from_millis(200), ..BatchLimits::default() }
    }
}

impl OpenFile {
    fn open(path: &Path, now: SystemTime, rotation: Option<Rotation>, fsync: bool) -> io::Result<Self> {
        let directory = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(directory)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let metadata = file.metadata()?;
        let (id, regular) = (FileId::of(&metadata), metadata.is_file());
        let len = if regular { metadata.len() } else { 0 };
        // An older file belongs to the period of its last line.
        let begun = if len > 0 { metadata.modified().unwrap_or(now) } else { now };
        if fsync && regular && len == 0 {
            sync_directory(directory)?;
        }
        let period = rotation.map_or(0, |rotation| rotation.period_at(begun));
        Ok(Self { file, id, len, period, regular })
    }

    /// Closes a line that a crash cut short.
    fn close_line(&mut self) -> io::Result<()> {
        if self.len > 0 && !ends_a_line(&mut self.file)? {
            self.file.write_all(b"\n")?;
            self.len += 1;
        }
        Ok(())
    }

    /// Takes over the length seen from outside: others may append to the file or cut it, too.
    fn measure(&mut self, metadata: &Metadata) {
        self.len = if self.regular { metadata.len() } else { 0 };
    }

    /// Takes a write of `bytes` that failed back out of the file. Returns how many of them stay,
    /// always whole lines: none, unless the file system does not let a file be cut.
    fn take_back(&self, bytes: &[u8]) -> usize {
        let Ok(metadata) = self.file.metadata() else { return 0 };
        let written = metadata.len().checked_sub(self.len).and_then(|more| usize::try_from(more).ok());
        match written {
            // More than we wrote: another process appended. Its lines are not ours to cut.
            Some(written) if self.regular && written <= bytes.len() => match self.file.set_len(self.len) {
                Ok(()) => 0,
                Err(_) => bytes[..written].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1),
            },
            _ => 0,
        }
    }
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Makes names in a directory survive a power cut. Only Unix lets a directory be opened.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Tells two files of one name apart, where the system can.
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device_and_inode: (metadata.dev(), metadata.ino()) }
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self {}
    }
}

#[cfg(test)]
mod tests;
