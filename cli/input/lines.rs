//! Lines of bytes from an input, in a buffer of bounded size.

use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest line that is kept whole, in bytes: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;
/// What is kept of a longer one: so much less that, with its mark, it still passes an engine that
/// cuts events above 1 MiB.
const KEPT: usize = MAX_LINE - 4_096;
/// How much is asked of the input at once.
const CHUNK: usize = 256 << 10;

/// Reads lines, without their `\n`. The last one may lack it.
pub(super) struct Lines<'s, R> {
    input: R,
    stop: &'s AtomicBool,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far there is no `\n`.
    searched: usize,
    /// Where what was read ends.
    end: usize,
    /// How far it is UTF-8.
    utf8: usize,
    at_begin: bool,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    /// What was kept of it.
    pub(super) bytes: &'b [u8],
    /// How long it was.
    pub(super) whole_len: usize,
    /// It is known to be UTF-8; others may be.
    pub(super) is_utf8: bool,
}

impl Line<'_> {
    pub(super) fn is_cut(&self) -> bool {
        self.bytes.len() < self.whole_len
    }
}

impl<'s, R: Read> Lines<'s, R> {
    pub(super) fn new(input: R, stop: &'s AtomicBool) -> Self {
        let buffer = vec![0; CHUNK];
        Self { input, stop, buffer, start: 0, searched: 0, end: 0, utf8: 0, at_begin: true }
    }

    /// The next line; `None` at the end of the input, or once `stop` is set.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let found = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]);
            let line_end = found.map_or(self.end, |at| self.searched + at);
            if line_end - self.start > MAX_LINE {
                return self.cut();
            }
            if found.is_some() {
                let line = self.start..line_end;
                (self.start, self.searched) = (line_end + 1, line_end + 1);
                let is_utf8 = line_end <= self.utf8;
                return Ok(Some(Line { whole_len: line.len(), bytes: &self.buffer[line], is_utf8 }));
            }
            self.searched = self.end;
            if self.fill()? == 0 {
                let line = std::mem::replace(&mut self.start, self.end)..self.end;
                let (bytes, is_utf8) = (&self.buffer[line], self.end <= self.utf8);
                return Ok((!bytes.is_empty()).then_some(Line { bytes, whole_len: bytes.len(), is_utf8 }));
            }
        }
    }

    /// Keeps the beginning of the line at `start` and passes over the rest of it.
    fn cut(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.copy_within(self.start..self.start + KEPT, 0);
        // What of the line stands behind its beginning, and what may come after it.
        let mut passed = 0;
        let mut from = self.start + KEPT;
        loop {
            let newline = memchr::memchr(b'\n', &self.buffer[from..self.end]);
            passed += newline.unwrap_or(self.end - from);
            if let Some(at) = newline {
                (self.start, self.searched) = (from + at + 1, from + at + 1);
                break;
            }
            // All that was read belongs to the line: room for more.
            (self.start, self.searched, self.end, self.utf8) = (KEPT, KEPT, KEPT, KEPT);
            from = KEPT;
            if self.stop.load(Ordering::Relaxed) || self.read()? == 0 {
                break;
            }
        }
        Ok(Some(Line { bytes: &self.buffer[..KEPT], whole_len: KEPT + passed, is_utf8: false }))
    }

    /// Reads more behind what there is. Says how much; nothing at the end of the input.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            // What is left of a chunk is short: part of a line.
            self.buffer.copy_within(self.start..self.end, 0);
            (self.searched, self.end) = (self.searched - self.start, self.end - self.start);
            (self.start, self.utf8) = (0, self.utf8.saturating_sub(self.start));
        }
        if self.buffer.len() - self.end < CHUNK {
            // Up to a line of the greatest length and a chunk behind it.
            self.buffer.resize(self.end + CHUNK, 0);
        }
        let read = self.read()?;
        self.check_utf8();
        Ok(read)
    }

    /// All at once, which is faster than line by line. Behind what is no UTF-8 it goes on with the next chunk.
    fn check_utf8(&mut self) {
        let from = self.utf8.max(self.start);
        let unchecked = &self.buffer[from..self.end];
        self.utf8 = from + simdutf8::compat::from_utf8(unchecked).map_or_else(|error| error.valid_up_to(), str::len);
    }

    fn read(&mut self) -> io::Result<usize> {
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    self.skip_byte_order_mark();
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    if self.stop.load(Ordering::Relaxed) {
                        return Ok(0);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Some editors put one before UTF-8.
    fn skip_byte_order_mark(&mut self) {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.at_begin && self.end >= MARK.len() {
            self.at_begin = false;
            if self.buffer.starts_with(MARK) {
                (self.start, self.searched) = (MARK.len(), MARK.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    fn lines(bytes: &[u8], piece: usize) -> Vec<(Vec<u8>, usize)> {
        let stop = AtomicBool::new(false);
        let mut lines = Lines::new(Pieces(bytes, piece), &stop);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.bytes.to_vec(), line.whole_len));
        }
        assert!(lines.buffer.len() <= MAX_LINE + 2 * CHUNK, "{}", lines.buffer.len());
        all
    }

    proptest! {
        #[test]
        fn lines_come_out_as_they_went_in_whatever_the_pieces(
            texts in prop::collection::vec("[a-z\r]{0,30}", 0..20), ends_with_newline: bool, piece in 1usize..40,
        ) {
            let mut bytes = texts.join("\n").into_bytes();
            if ends_with_newline && !texts.is_empty() {
                bytes.push(b'\n');
            }
            let mut expected = texts;
            if !ends_with_newline && expected.last().is_some_and(String::is_empty) {
                expected.pop();
            }
            let read: Vec<_> = lines(&bytes, piece).into_iter().map(|(line, _)| String::from_utf8(line).unwrap()).collect();
            prop_assert_eq!(read, expected);
        }
    }

    proptest! {
        #[test]
        fn lines_are_known_to_be_utf8_if_they_are_and_nothing_else_was_before(
            texts in prop::collection::vec(prop::collection::vec(prop_oneof![
                8 => any::<char>().prop_map(|c| c.to_string().into_bytes()), 1 => prop::collection::vec(0x80u8..=0xff, 1..2),
            ], 0..6), 0..20),
            piece in 1usize..40,
        ) {
            let bytes = texts.iter().map(|text| text.concat()).collect::<Vec<_>>().join(&b'\n');
            let stop = AtomicBool::new(false);
            let mut lines = Lines::new(Pieces(&bytes, piece), &stop);
            let mut all_are = true;
            while let Some(line) = lines.next().unwrap() {
                let is_utf8 = std::str::from_utf8(line.bytes).is_ok();
                all_are &= is_utf8;
                prop_assert!(is_utf8 || !line.is_utf8);
                prop_assert!(line.is_utf8 || !all_are);
            }
        }
    }

    #[test]
    fn a_line_up_to_the_limit_is_whole_and_a_longer_one_is_cut_and_the_next_is_not() {
        for piece in [1_000, CHUNK, usize::MAX] {
            for len in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, MAX_LINE + CHUNK, 5 * MAX_LINE + 7] {
                for end in ["", "\nnext line\n"] {
                    let mut bytes = b"first\n".to_vec();
                    bytes.resize(bytes.len() + len, b'x');
                    bytes.extend_from_slice(end.as_bytes());
                    let lines = lines(&bytes, piece);
                    let kept = if len > MAX_LINE { KEPT } else { len };
                    assert_eq!((lines[1].0.len(), lines[1].1), (kept, len), "{len} in pieces of {piece}");
                    assert!(lines[1].0.iter().all(|byte| *byte == b'x'));
                    let next: Vec<_> = lines[2..].iter().map(|(line, _)| line.as_slice()).collect();
                    assert_eq!(next, if end.is_empty() { vec![] } else { vec![&b"next line"[..]] });
                }
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_begin_only() {
        for piece in [1, 2, 100] {
            assert_eq!(lines("\u{feff}a\n\u{feff}b".as_bytes(), piece)[0].0, b"a");
            assert_eq!(lines("\u{feff}a\n\u{feff}b".as_bytes(), piece)[1].0, "\u{feff}b".as_bytes());
        }
    }

    #[test]
    fn nothing_is_read_once_it_is_to_stop() {
        let stop = AtomicBool::new(false);
        let mut lines = Lines::new(io::repeat(b'x'), &stop);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(lines.next().unwrap(), None);
        let stop = AtomicBool::new(false);
        let mut lines = Lines::new(&b"a\nb\nc"[..], &stop);
        assert_eq!(lines.next().unwrap().unwrap().bytes, b"a");
        stop.store(true, Ordering::Relaxed);
        assert_eq!(lines.next().unwrap(), None);
    }
}
