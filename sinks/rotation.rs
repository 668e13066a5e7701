//! When a log file makes room for the next one, what it is called then, and how long it is kept.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often [`FileSink`](crate::FileSink) begins a new file.
///
/// Periods are aligned to UTC: an hour begins at minute zero, a day at midnight, other periods at
/// multiples of their length since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every period of this length; zero means never.
    Every(Duration),
}

impl From<Duration> for Rotation {
    fn from(period: Duration) -> Self {
        Self::Every(period)
    }
}

impl Rotation {
    /// The number of the period in which `time` lies. Always the same one for a length of zero.
    pub(crate) fn period_at(self, time: SystemTime) -> u128 {
        let length = match self {
            Self::Hourly => Duration::from_secs(3_600),
            Self::Daily => Duration::from_secs(86_400),
            Self::Every(length) => length,
        };
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        since_epoch.as_nanos().checked_div(length.as_nanos()).unwrap_or(0)
    }
}

/// The rotated files that belong to one log file: `app.log` becomes `app-20260102T030405Z-001.log`.
///
/// Names sort by age. Only what matches the pattern exactly is ever touched.
#[derive(Debug, Clone)]
pub(crate) struct RotatedFiles {
    directory: PathBuf,
    /// `app-`
    prefix: OsString,
    /// `.log`
    suffix: OsString,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rotated {
    stamp: String,
    number: u64,
    path: PathBuf,
    bytes: u64,
}

impl RotatedFiles {
    /// The rotated files of the log file at `path`; `None` when the path names no file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let mut prefix = path.file_stem()?.to_owned();
        prefix.push("-");
        let mut suffix = OsString::new();
        if let Some(extension) = path.extension() {
            suffix.push(".");
            suffix.push(extension);
        }
        Some(Self { directory: path.parent()?.to_owned(), prefix, suffix })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Renames the file at `path` to a rotated name that nobody uses, and returns the name.
    pub(crate) fn take_in(&self, path: &Path, now: SystemTime) -> io::Result<PathBuf> {
        let target = self.reserve(now)?;
        match fs::rename(path, &target) {
            Ok(()) => Ok(target),
            Err(error) => {
                // Best effort: an empty file left here is removed with the old ones.
                let _ = fs::remove_file(&target);
                Err(error)
            }
        }
    }

    /// Deletes the oldest files until at most `keep_files` with at most `keep_bytes` are left.
    pub(crate) fn prune(&self, keep_files: usize, keep_bytes: u64) -> io::Result<()> {
        let files = self.list()?;
        let mut count = files.len();
        let mut bytes = files.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
        for file in files {
            if count <= keep_files && bytes <= keep_bytes {
                break;
            }
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            count -= 1;
            bytes = bytes.saturating_sub(file.bytes);
        }
        Ok(())
    }

    /// Creates an empty file under an unused name. Renaming onto it overwrites nothing else, whoever
    /// else rotates here: a rename alone would replace a file that appeared in between.
    fn reserve(&self, now: SystemTime) -> io::Result<PathBuf> {
        let stamp = stamp(now);
        let newest = self.list()?.into_iter().rfind(|file| file.stamp == stamp);
        let mut number = newest.map_or(0, |file| file.number);
        loop {
            number += 1;
            let mut name = self.prefix.clone();
            name.push(format!("{stamp}-{number:03}"));
            name.push(&self.suffix);
            let path = self.directory.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The paths of the rotated files, oldest first.
    pub(crate) fn paths(&self) -> io::Result<Vec<PathBuf>> {
        Ok(self.list()?.into_iter().map(|file| file.path).collect())
    }

    /// The rotated files, oldest first.
    fn list(&self) -> io::Result<Vec<Rotated>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Some((stamp, number)) = self.parse(&entry.file_name()) else { continue };
            // A file may vanish between listing and looking: someone else cleans up, too.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                files.push(Rotated { stamp, number, path: entry.path(), bytes: metadata.len() });
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Time stamp and number out of a rotated file's name; `None` for all other names.
    fn parse(&self, name: &OsStr) -> Option<(String, u64)> {
        let rest = name.as_encoded_bytes().strip_prefix(self.prefix.as_encoded_bytes())?;
        let rest = rest.strip_suffix(self.suffix.as_encoded_bytes())?;
        let (stamp, number) = std::str::from_utf8(rest).ok()?.split_once('-')?;
        let shape = |text: &str, shape: &str| {
            let fits = |(b, s): (u8, u8)| if s == b'0' { b.is_ascii_digit() } else { b == s };
            text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
        };
        let numbered = (3..=18).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        (shape(stamp, "00000000T000000Z") && numbered).then(|| Some((stamp.to_owned(), number.parse().ok()?)))?
    }
}

fn stamp(time: SystemTime) -> String {
    // Beyond the year 9999 a clock is broken; the number still keeps names apart.
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn periods_begin_at_utc_boundaries() {
        for (rotation, length) in
            [(Rotation::Hourly, 3_600), (Rotation::Daily, 86_400), (Duration::from_secs(600).into(), 600)]
        {
            assert_eq!(rotation.period_at(at(0)), 0);
            assert_eq!(rotation.period_at(at(length - 1)), 0);
            assert_eq!(rotation.period_at(at(length)), 1);
            assert_eq!(rotation.period_at(at(7 * length + 5)), 7);
        }
        assert_eq!(
            Rotation::Every(Duration::ZERO).period_at(at(5)),
            Rotation::Every(Duration::ZERO).period_at(at(900))
        );
        assert_eq!(Rotation::Daily.period_at(UNIX_EPOCH - Duration::from_secs(5)), 0);
    }

    #[test]
    fn stamps_are_readable_utc() {
        assert_eq!(stamp(at(1_767_323_045)), "20260102T030405Z");
    }

    #[test]
    fn only_own_names_are_recognised() {
        let files = RotatedFiles::of(Path::new("/var/log/app.log")).unwrap();
        let own = |name: &str| files.parse(OsStr::new(name));
        assert_eq!(own("app-20260102T030405Z-001.log"), Some(("20260102T030405Z".into(), 1)));
        assert_eq!(own("app-20260102T030405Z-1000.log"), Some(("20260102T030405Z".into(), 1000)));
        for foreign in [
            "app.log",
            "app-x-20260102T030405Z-001.log",
            "app-20260102T030405Z-001.log.gz",
            "app-20260102T030405Z-001",
            "app-20260102T030405Z-01.log",
            "app-20260102T030405Z-0+1.log",
            "app-2026010200304050-001.log",
            "app-20260102T030405Z-001-2.log",
            "other-20260102T030405Z-001.log",
            "app-é0260102T03040Z-001.log",
            "app-.log",
        ] {
            assert_eq!(own(foreign), None, "{foreign}");
        }
        assert!(RotatedFiles::of(Path::new("/")).is_none());
    }
}
