//! Input files: each line becomes a message.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use logwheel::{Level, Logger, event};

use crate::caller::Caller;

/// Files that threads take from, one after the other; a file's lines stay in order.
pub struct Files {
    waiting: Mutex<std::vec::IntoIter<(PathBuf, File)>>,
    repeat: u64,
}

impl Files {
    /// Opens all of them, so that a wrong name is told before anything is logged.
    pub fn open(paths: &[PathBuf], repeat: u64) -> Result<Self, String> {
        let open = |path: &PathBuf| {
            let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
            let file = File::open(path).map_err(failed)?;
            if file.metadata().map_err(failed)?.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok((path.clone(), file))
        };
        let files: Vec<_> = paths.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { waiting: Mutex::new(files.into_iter()), repeat })
    }

    /// Logs the lines of the files that no other thread has taken.
    pub fn log(&self, logger: &Logger, caller: &mut Caller) -> Result<(), String> {
        while let Some((path, file)) = self.take() {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let mut reader = BufReader::with_capacity(1 << 20, file);
            for round in 0..self.repeat {
                let rewound = if round > 0 { reader.rewind() } else { Ok(()) };
                rewound
                    .and_then(|()| log_lines(&mut reader, &name, logger, caller))
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            }
        }
        Ok(())
    }

    fn take(&self) -> Option<(PathBuf, File)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

/// Whether a path, once created, would be one of the inputs.
pub fn is_among(file: &Path, inputs: &[PathBuf]) -> bool {
    let Ok(file) = file.canonicalize() else { return false };
    inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == file))
}

fn log_lines(reader: &mut impl BufRead, name: &str, logger: &Logger, caller: &mut Caller) -> io::Result<()> {
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        caller.counts.not_utf8 += u64::from(matches!(line, Cow::Owned(_)));
        let level = guess_level(&line);
        caller.keeps(|| event!(level, logger, line, file = name));
        bytes.clear();
    }
    Ok(())
}

/// The first word near the line's beginning that names a level.
fn guess_level(line: &str) -> Level {
    let beginning = &line[..line.floor_char_boundary(100)];
    let words = beginning.split(|c: char| !c.is_ascii_alphabetic());
    let mut levels = words.filter(|word| word.len() > 2).filter_map(Level::parse);
    // "audit" and "security" are ordinary words.
    levels.find(|level| *level <= Level::CRITICAL).unwrap_or(Level::INFO)
}
