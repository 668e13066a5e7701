//! Finding out whether chained files are as they were written.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use super::{Link, Member};
use crate::rotation::RotatedFiles;

/// What [`verify_chain`] found in files that are as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainReport {
    /// How many files there are.
    pub files: usize,
    /// How many lines they have.
    pub lines: u64,
    /// The number of the first line; above 1, older files are not here. 0 without lines.
    pub first: u64,
    /// The number of the last line; 0 without lines.
    pub last: u64,
    /// The hash of the last line, in hexadecimal.
    pub head: String,
}

/// Where a chain is broken first.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {fault}", path.display())]
#[non_exhaustive]
pub struct ChainBreak {
    /// The file.
    pub path: PathBuf,
    /// The line in it, from 1.
    pub line: u64,
    /// What is wrong with the line.
    #[source]
    pub fault: ChainFault,
}

/// What is wrong with a line of a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It does not end as a chained line does.
    #[error("the line has no valid `_chain`: it was inserted, changed or cut")]
    Unchained,
    /// It is the last one, and has no line break.
    #[error("the line is cut short")]
    Torn,
    /// Its text does not belong to its hash.
    #[error("the line was changed, or belongs to another chain or key")]
    Changed,
    /// Lines before it are not there.
    #[error("lines {expected} to {} are missing before it", found - 1)]
    Missing {
        /// The number of the line that should be here.
        expected: u64,
        /// The number of the line that is.
        found: u64,
    },
    /// It was here before: it was moved or repeated, or a new chain begins.
    #[error("it has number {found}, where {expected} is due: it was moved or repeated, or a new chain begins here")]
    Misplaced {
        /// The number of the line that should be here.
        expected: u64,
        /// The number of the line that is.
        found: u64,
    },
    /// It is the first line to be seen, but was not the first one of its file.
    #[error("lines before it are missing in this file")]
    Headless,
}

/// Whether files that a [`FileSink`](crate::FileSink) with [`hash_chain`](crate::FileSink::hash_chain) wrote are as it
/// wrote them. They are given from the oldest to the newest, see [`log_files`]; older ones may be missing.
///
/// A line that was changed, removed, inserted, moved or cut is found, and named by its file and line. Two things
/// cannot be found in the files alone:
/// - **lines missing at the end**: compare [`ChainReport::last`] and [`head`](ChainReport::head) with what was noted
///   elsewhere;
/// - without a key, a chain that was **calculated anew** from the change on, by someone who could write the files
///   and knows how: note the `head` elsewhere, or use a key, see [`verify_chain_with_key`].
///
/// ```
/// # use logwheel_core::{Batch, Level, Sink};
/// use logwheel_sinks::{ChainFault, FileSink, log_files, verify_chain};
///
/// # let dir = std::env::temp_dir().join(format!("logwheel-doc-{}", std::process::id()));
/// let path = dir.join("audit.log");
/// let mut sink = FileSink::new(&path).hash_chain(true);
/// # let mut batch = Batch::new();
/// # for n in 1..=3 { batch.push(format!("{{\"n\":{n}}}").as_bytes(), 0, Level::AUDIT); }
/// # sink.deliver(&batch)?;
/// let report = verify_chain(log_files(&path)?)?;
/// assert_eq!((report.lines, report.last), (3, 3));
///
/// let changed = std::fs::read_to_string(&path)?.replace("\"n\":2", "\"n\":9");
/// std::fs::write(&path, changed)?;
/// let found = verify_chain([&path]).unwrap_err();
/// assert!(matches!(found.fault, ChainFault::Changed) && found.line == 2);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where the chain is broken first, or what could not be read.
pub fn verify_chain<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<ChainReport, ChainBreak> {
    verify(paths, None)
}

/// As [`verify_chain`], for a chain with a [key](crate::FileSink::hash_chain_key): without it, nobody can change a line
/// and calculate the rest anew.
///
/// # Errors
/// Where the chain is broken first, or what could not be read.
pub fn verify_chain_with_key<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    key: impl AsRef<[u8]>,
) -> Result<ChainReport, ChainBreak> {
    verify(paths, Some(Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length")))
}

fn verify<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    key: Option<Hmac<Sha256>>,
) -> Result<ChainReport, ChainBreak> {
    let mut report = ChainReport { files: 0, lines: 0, first: 0, last: 0, head: String::new() };
    let mut head = None;
    for path in paths {
        let path = path.as_ref();
        report.files += 1;
        let mut number = 0;
        let mut check = || -> Result<(), ChainFault> {
            let mut file = BufReader::new(File::open(path)?);
            let mut line = Vec::new();
            loop {
                line.clear();
                number += 1;
                if file.read_until(b'\n', &mut line)? == 0 {
                    return Ok(());
                }
                let link = check_line(&line, head, key.as_ref())?;
                if report.lines == 0 {
                    report.first = link.number;
                }
                report.lines += 1;
                head = Some(link);
            }
        };
        check().map_err(|fault| ChainBreak { path: path.to_owned(), line: number, fault })?;
    }
    if let Some(Link { number, hash }) = head {
        report.last = number;
        report.head = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    Ok(report)
}

/// The link of a line behind `head`, which is unknown for the first line of all.
pub(super) fn check_line(line: &[u8], head: Option<Link>, key: Option<&Hmac<Sha256>>) -> Result<Link, ChainFault> {
    let line = line.strip_suffix(b"\n").ok_or(ChainFault::Torn)?;
    let Member { own, link, before } = Member::of(line).ok_or(ChainFault::Unchained)?;
    let head = match (head, before) {
        (Some(head), _) => head,
        (None, _) if link.number == 1 => Link::START,
        (None, Some(hash)) if link.number > 0 => Link { number: link.number - 1, hash },
        (None, _) => return Err(ChainFault::Headless),
    };
    let (expected, found) = (head.number + 1, link.number);
    if found > expected {
        return Err(ChainFault::Missing { expected, found });
    }
    if found < expected {
        return Err(ChainFault::Misplaced { expected, found });
    }
    if head.next(key, own) != link || before.is_some_and(|before| before != head.hash) {
        return Err(ChainFault::Changed);
    }
    Ok(link)
}

/// The files of the log at `path`, oldest first: those that a [`FileSink`](crate::FileSink) rotated, then the
/// current one, if it is there.
///
/// # Errors
/// When the directory cannot be read.
pub fn log_files(path: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let path = std::path::absolute(path.as_ref())?;
    let Some(rotated) = RotatedFiles::of(&path) else { return Ok(Vec::new()) };
    let mut files = rotated.paths()?;
    if path.try_exists()? {
        files.push(path);
    }
    Ok(files)
}
