//! The hash chain of a log file: each line carries a hash of itself and of all before it.
//!
//! A chained line ends with the member `"_chain":"<number>-<hash>"`. The hash is SHA-256, or HMAC-SHA-256
//! with a key, over the hash of the line before (32 bytes, zeros before the first line), the number (64 bits, little
//! endian, from 1), and the line's own bytes up to `"_chain"`. The first line of a file also has the hash of the
//! line before, behind another `-`: so a file can be verified when older ones are deleted.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

mod verify;

pub use verify::{ChainBreak, ChainFault, ChainReport, log_files, verify_chain, verify_chain_with_key};

/// The name of the member, as it begins in a line.
const MEMBER: &[u8] = b"\"_chain\":\"";
const HASH_BYTES: usize = 32;
/// A member is not longer: its name, 20 digits, two hashes.
const MAX_MEMBER: usize = MEMBER.len() + 20 + 2 * (1 + 2 * HASH_BYTES) + 2;
/// How much of a line that a crash cut short is kept.
const MAX_TORN: u64 = 64 << 10;

type Hash = [u8; HASH_BYTES];

/// A place in the chain: a line's number and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    number: u64,
    hash: Hash,
}

impl Link {
    /// Before the first line.
    const START: Link = Link { number: 0, hash: [0; HASH_BYTES] };

    /// The link of the line that begins with `own`.
    fn next(self, key: Option<&Hmac<Sha256>>, own: &[u8]) -> Self {
        let number = self.number + 1;
        let hash = match key {
            None => {
                Sha256::new().chain_update(self.hash).chain_update(number.to_le_bytes()).chain_update(own).finalize()
            }
            Some(key) => {
                let keyed = key.clone().chain_update(self.hash).chain_update(number.to_le_bytes());
                keyed.chain_update(own).finalize().into_bytes()
            }
        };
        Self { number, hash: hash.into() }
    }
}

/// The member of a line, and what it is behind of.
struct Member<'a> {
    own: &'a [u8],
    link: Link,
    /// The hash of the line before, on the first line of a file.
    before: Option<Hash>,
}

impl<'a> Member<'a> {
    /// The member with which a line ends.
    fn of(line: &'a [u8]) -> Option<Self> {
        let from = line.len().saturating_sub(MAX_MEMBER);
        let at = from + line[from..].windows(MEMBER.len()).rposition(|window| window == MEMBER)?;
        let text = str::from_utf8(line[at + MEMBER.len()..].strip_suffix(b"\"}")?).ok()?;
        let mut parts = text.split('-');
        let number: u64 = parts.next()?.parse().ok()?;
        let link = Link { number, hash: from_hex(parts.next()?)? };
        let before = match parts.next() {
            None => None,
            Some(before) => Some(from_hex(before)?),
        };
        let member = Self { own: &line[..at], link, before };
        // What is written in another way, such as with a sign or capital letters, was not written by us.
        let mut written = Vec::with_capacity(MAX_MEMBER);
        push_member(&mut written, link, before);
        (written == line[at..]).then_some(member)
    }
}

fn push_member(out: &mut Vec<u8>, link: Link, before: Option<Hash>) {
    out.extend_from_slice(MEMBER);
    out.extend_from_slice(link.number.to_string().as_bytes());
    for hash in [Some(link.hash), before].into_iter().flatten() {
        out.push(b'-');
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        out.extend(hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    }
    out.extend_from_slice(b"\"}");
}

fn from_hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut hash = [0; HASH_BYTES];
    if digits.len() != 2 * HASH_BYTES {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(hash)
}

/// Chains the lines of one file sink. Lines are pushed, written by the caller, and then committed as far as they
/// were written.
pub(crate) struct HashChain {
    key: Option<Hmac<Sha256>>,
    /// The last line that is in the file; unknown before the file was opened.
    head: Option<Link>,
    /// A line that a crash cut short, taken out of the file, to be written as text.
    torn: Option<String>,
    text: Vec<u8>,
    pushed: Vec<Pushed>,
}

#[derive(Clone, Copy)]
struct Pushed {
    link: Link,
    /// Where it ends in the text.
    end: usize,
    /// Where it ends in the batch; none for a line that a crash cut short.
    source: Option<usize>,
}

impl HashChain {
    /// The fewest bytes of a key.
    pub(crate) const MIN_KEY_BYTES: usize = 16;

    pub(crate) fn new(key: Option<&[u8]>) -> Self {
        let keyed = |key| Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { key: key.map(keyed), head: None, torn: None, text: Vec::new(), pushed: Vec::new() }
    }

    pub(crate) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// What is to be written.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Adds a line, which ends at `source` in its batch. `first` says that it will be the first one of a file.
    pub(crate) fn push(&mut self, line: &[u8], source: usize, first: bool) {
        self.push_as(source.into(), first, |text| push_own(text, line));
    }

    /// Adds the line that a crash cut short. Says whether there was one.
    pub(crate) fn push_torn(&mut self, first: bool) -> bool {
        let Some(torn) = self.torn.clone() else { return false };
        self.push_as(None, first, |text| {
            text.extend_from_slice(b"{\"_torn\":");
            push_json(text, &torn);
        });
        true
    }

    fn push_as(&mut self, source: Option<usize>, first: bool, own: impl FnOnce(&mut Vec<u8>)) {
        let before = self.pushed.last().map_or(self.head.unwrap_or(Link::START), |pushed| pushed.link);
        let begin = self.text.len();
        own(&mut self.text);
        let link = before.next(self.key.as_ref(), &self.text[begin..]);
        push_member(&mut self.text, link, first.then_some(before.hash));
        self.text.push(b'\n');
        self.pushed.push(Pushed { link, end: self.text.len(), source });
    }

    /// Takes the last line back.
    pub(crate) fn pop(&mut self) {
        self.pushed.pop();
        self.text.truncate(self.pushed.last().map_or(0, |pushed| pushed.end));
    }

    /// The first `written` bytes of the text are in the file; forgets the rest. Where that is in the batch, if any line
    /// of it was written.
    pub(crate) fn commit(&mut self, written: usize) -> Option<usize> {
        let count = self.pushed.partition_point(|pushed| pushed.end <= written);
        let mut source = None;
        for pushed in &self.pushed[..count] {
            self.head = Some(pushed.link);
            match pushed.source {
                None => self.torn = None,
                some => source = some,
            }
        }
        self.pushed.clear();
        self.text.clear();
        source
    }

    /// Goes on at the end of a file with `len` bytes that was just opened. What is left of a line that a crash cut
    /// short is taken out of it. Returns how long the file is then, or `None` if its last line is not one of this
    /// chain and key.
    ///
    /// What was written last is known while the sink runs. A file that ends before it (say, because lines were
    /// deleted) does not turn the chain back: the gap shows.
    pub(crate) fn resume(&mut self, file: &mut File, len: u64) -> io::Result<Option<u64>> {
        let (mut whole, last) = self.last_line(file, len)?;
        if whole < len {
            let mut torn = Vec::new();
            file.seek(SeekFrom::Start(whole))?;
            file.take(MAX_TORN).read_to_end(&mut torn)?;
            if file.set_len(whole).is_ok() {
                self.torn = Some(String::from_utf8_lossy(&torn).into_owned());
            } else {
                // Such as a file to which can only be appended: the line stays and shows as a break.
                file.write_all(b"\n")?;
                whole = len + 1;
            }
        }
        match last {
            Last::Link(link) => self.head = self.head.filter(|head| head.number > link.number).or(Some(link)),
            Last::Nothing => {}
            Last::Foreign => return Ok(None),
        }
        Ok(Some(whole))
    }

    /// Whether nothing is known yet of lines before.
    pub(crate) fn is_new(&self) -> bool {
        self.head.is_none()
    }

    /// Goes on behind the last line of an older file, if that is one of this chain and key.
    pub(crate) fn follow(&mut self, older: &mut File) -> io::Result<()> {
        let len = older.metadata()?.len();
        if let (_, Last::Link(link)) = self.last_line(older, len)? {
            self.head = Some(link);
        }
        Ok(())
    }

    /// How long the file is up to its last line break, and what its last whole line is.
    fn last_line(&self, file: &mut File, len: u64) -> io::Result<(u64, Last)> {
        let whole = line_start(file, len)?;
        if whole == 0 {
            return Ok((0, Last::Nothing));
        }
        let start = line_start(file, whole - 1)?;
        let line = read(file, start, whole)?;
        let before = read(file, start.saturating_sub(MAX_MEMBER as u64 + 1), start)?;
        let before = before.strip_suffix(b"\n").and_then(Member::of).map(|member| member.link);
        let last = verify::check_line(&line, before, self.key.as_ref());
        Ok((whole, last.map_or(Last::Foreign, Last::Link)))
    }
}

/// The last line of a file.
enum Last {
    Nothing,
    /// It is not of this chain, or of another key.
    Foreign,
    Link(Link),
}

/// The line without its last brace, and with a comma if there is something before it.
fn push_own(text: &mut Vec<u8>, line: &[u8]) {
    let name = &MEMBER[..MEMBER.len() - 2];
    // A line that was chained before, or has such a field, becomes a value: no name is there twice.
    let chained =
        || line.iter().enumerate().any(|(at, byte)| *byte == b'_' && at > 0 && line[at - 1..].starts_with(name));
    match line.strip_suffix(b"}") {
        Some(b"{") => text.push(b'{'),
        Some(own) if own.starts_with(b"{") && !line.contains(&b'\n') && !chained() => {
            text.extend_from_slice(own);
            text.push(b',');
        }
        _ => {
            text.extend_from_slice(b"{\"_line\":");
            match str::from_utf8(line) {
                Ok(json) if !json.contains('\n') && serde_json::from_str::<&RawValue>(json).is_ok() => {
                    text.extend_from_slice(line);
                    text.push(b',');
                }
                _ => push_json(text, &String::from_utf8_lossy(line)),
            }
        }
    }
}

/// A text as a JSON string with a comma behind.
fn push_json(text: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(&mut *text, value).expect("writing a string to memory");
    text.push(b',');
}

/// Where the line begins that ends at `end`: behind the last line break before.
fn line_start(file: &mut File, mut end: u64) -> io::Result<u64> {
    while end > 0 {
        let begin = end.saturating_sub(64 << 10);
        let block = read(file, begin, end)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

fn read(file: &mut File, begin: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - begin).map_err(|_| ErrorKind::FileTooLarge)?];
    file.seek(SeekFrom::Start(begin))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Why a chain cannot go on in a file with other lines.
pub(crate) fn foreign() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it holds lines that are not of this chain")
}

#[cfg(test)]
mod tests;
