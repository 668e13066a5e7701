//! A file whose lines are chained.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::time::SystemTime;

use logwheel_core::Batch;

use super::{FileSink, OpenFile};
use crate::hash_chain::foreign;
use crate::rotation::RotatedFiles;

impl FileSink {
    /// As [`write_batch`](Self::write_batch), each line with its link.
    pub(super) fn write_chained(&mut self, batch: &Batch, done: &mut usize, now: SystemTime) -> io::Result<()> {
        let mut end = 0;
        for (index, entry) in batch.iter().enumerate() {
            end += batch.entry_bytes(index);
            if end <= *done {
                continue;
            }
            let written = self.len();
            let Some(chain) = &mut self.chain else { return Ok(()) };
            let before = written + chain.text().len() as u64;
            chain.push(entry.payload, end, before == 0);
            let after = written + chain.text().len() as u64;
            if self.rotate_bytes > 0 && before > 0 && after > self.rotate_bytes && self.trouble.is_none() {
                chain.pop();
                self.append_chained(done)?;
                self.rotate(now)?;
                let first = self.len() == 0;
                let Some(chain) = &mut self.chain else { return Ok(()) };
                chain.push(entry.payload, end, first);
            }
        }
        self.append_chained(done)
    }

    /// Writes the lines that were pushed to the chain.
    pub(super) fn append_chained(&mut self, done: &mut usize) -> io::Result<()> {
        let Some(chain) = &mut self.chain else { return Ok(()) };
        let text = chain.text();
        if text.is_empty() {
            return Ok(());
        }
        let open = self.open.as_mut().ok_or(ErrorKind::NotFound)?;
        let mut result = (self.write)(&open.file, text);
        if self.fsync && open.regular {
            result = result.and_then(|()| open.file.sync_data());
        }
        let written = match result {
            Ok(()) => text.len(),
            Err(_) => open.take_back(text),
        };
        open.len += text.len() as u64;
        if let Some(source) = chain.commit(written) {
            *done = source;
        }
        if result.is_err() {
            // Opening it again closes a torn line, and shows where the chain is.
            self.open = None;
        }
        result
    }

    pub(super) fn open_file(&mut self, now: SystemTime) -> io::Result<OpenFile> {
        let mut open = OpenFile::open(&self.path, now, self.rotate_every, self.fsync)?;
        if self.chain.is_none() {
            open.close_line()?;
            return Ok(open);
        }
        if !self.resume_chain(&mut open)? {
            drop(open);
            if let Err(error) = self.move_aside(now) {
                self.trouble = Some(format!("{}: {}, and could not be moved: {error}", self.path.display(), foreign()));
            }
            open = OpenFile::open(&self.path, now, self.rotate_every, self.fsync)?;
        }
        Ok(open)
    }

    /// Finds out behind which line the chain goes on. Says whether it can go on in this file.
    fn resume_chain(&mut self, open: &mut OpenFile) -> io::Result<bool> {
        let Some(chain) = &mut self.chain else { return Ok(true) };
        if open.regular && open.len > 0 {
            let Some(len) = chain.resume(&mut open.file, open.len)? else { return Ok(false) };
            open.len = len;
        }
        if open.len == 0
            && chain.is_new()
            && let Some(newest) =
                self.rotated.as_ref().map(RotatedFiles::paths).transpose()?.and_then(|mut all| all.pop())
        {
            chain.follow(&mut File::open(newest)?)?;
        }
        Ok(true)
    }
}
