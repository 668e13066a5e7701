//! The outside evidence: what lines really arrived, counted without asking the engine.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::service::SECRETS;

/// What a stream of JSON lines held.
#[derive(Debug, Default)]
pub struct Tally {
    /// Complete lines: one event each.
    pub lines: u64,
    pub bytes: u64,
    /// Lines that are no JSON object from brace to brace, or have no end.
    pub malformed: u64,
    /// Secrets that got through the redactor.
    pub leaks: u64,
}

impl Tally {
    /// Counts the lines of a block that ends with a line's end.
    pub fn add(&mut self, block: &[u8]) {
        self.bytes += block.len() as u64;
        // As text, because searching in text is vectorised by the standard library.
        let text = String::from_utf8_lossy(block);
        self.malformed += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
        for line in text.split_inclusive('\n') {
            let whole = line.strip_suffix('\n');
            self.lines += u64::from(whole.is_some());
            self.malformed += u64::from(!whole.is_some_and(|line| line.starts_with('{') && line.ends_with('}')));
        }
        for secret in SECRETS.into_iter().filter(|secret| text.contains(secret)) {
            self.leaks += text.matches(secret).count() as u64;
        }
    }

    /// Counts the lines of a whole file.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        const BLOCK: u64 = 4 << 20;
        let mut file = File::open(path)?;
        let mut tally = Self::default();
        let mut block = Vec::new();
        while file.by_ref().take(BLOCK).read_to_end(&mut block)? > 0 {
            if let Some(end) = block.iter().rposition(|byte| *byte == b'\n') {
                tally.add(&block[..=end]);
                block.drain(..=end);
            }
        }
        tally.add(&block);
        Ok(tally)
    }
}
