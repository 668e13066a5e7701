//! The names of members: each is looked at once, and then expected behind the one that it followed.
//!
//! Lines of one program mostly have the same members in the same order. So a name is mostly known before it is read,
//! with all that is to be known of it, and comparing a few words tells that it is the one.

use logwheel::wire::EncodedName;

use super::members::{MAX_MEMBERS, Role, role_of};

/// So many names are kept between lines.
const KEPT: usize = 1_024;
/// A longer name is none of an everyday line.
const MAX_NAME: usize = 256;
/// Four places for each name that there can be.
const TABLE: usize = (4 * (KEPT + MAX_MEMBERS)).next_power_of_two();
/// What is compared at once.
const WORD: usize = 16;

/// Names that were met, by number.
#[derive(Debug)]
pub(super) struct Names {
    list: Vec<Name>,
    /// Numbers, each near the place that the hash of its name says; 0 where there is none.
    table: Vec<u16>,
    /// The number of the line that is read.
    line: u64,
    /// The name that was met last, and the one that came behind it before.
    last: usize,
    expected: usize,
}

#[derive(Debug)]
pub(super) struct Name {
    /// As it stands in a line behind another member: `,"name":`.
    quoted: Box<[u8]>,
    /// How that begins, and which bits of it count.
    begin: u128,
    mask: u128,
    pub(super) role: Option<Role>,
    /// As it stands before the value of an encoded field.
    pub(super) encoded: EncodedName,
    /// The last line that it was met in.
    line: u64,
    /// The name that came behind it.
    next: u16,
}

/// Stands for the begin of a line.
const BEGIN: usize = 0;

impl Default for Names {
    fn default() -> Self {
        // No text is like this.
        let begin = Name {
            quoted: Box::default(),
            begin: u128::MAX,
            mask: u128::MAX,
            role: None,
            encoded: EncodedName::default(),
            line: 0,
            next: BEGIN as u16,
        };
        Self { list: vec![begin], table: vec![0; TABLE], line: 0, last: BEGIN, expected: BEGIN }
    }
}

impl Names {
    /// Begins another line.
    #[inline]
    pub(super) fn begin(&mut self) {
        if self.list.len() > KEPT {
            self.forget();
        }
        self.line += 1;
        self.last = BEGIN;
        self.expected = usize::from(self.list[BEGIN].next);
    }

    #[cold]
    fn forget(&mut self) {
        self.list.truncate(1);
        self.list[BEGIN].next = BEGIN as u16;
        self.table.fill(0);
    }

    /// The name with which the line goes on, if it is the one that is expected and new to the line; and the length of
    /// it with quotes and colon, and with the comma before it, if there is `BEFORE` it.
    #[inline(always)]
    pub(super) fn expected<const BEFORE: usize>(&mut self, rest: &[u8]) -> Option<(&Name, usize)> {
        let name = self.list.get_mut(self.expected)?;
        let begin = u128::from_le_bytes(*rest.first_chunk()?);
        let (without, shift) = (1 - BEFORE, 8 * (1 - BEFORE));
        let len = name.quoted.len();
        let is_it = (begin ^ (name.begin >> shift)) & (name.mask >> shift) == 0
            && (len <= WORD || rest.starts_with(name.quoted.get(without..)?));
        if !is_it || name.line == self.line {
            return None;
        }
        name.line = self.line;
        self.last = self.expected;
        self.expected = usize::from(name.next);
        Some((name, len - without))
    }

    /// Any other name. `None` for one that the line had before, or that is too long.
    #[inline(never)]
    pub(super) fn other(&mut self, name: &[u8]) -> Option<&Name> {
        let number = self.number_of(name)?;
        self.list.get_mut(self.last)?.next = number as u16;
        self.last = number;
        let name = self.list.get_mut(number)?;
        self.expected = usize::from(name.next);
        let is_new = name.line != self.line;
        name.line = self.line;
        is_new.then_some(name)
    }

    fn number_of(&mut self, name: &[u8]) -> Option<usize> {
        let mut place = hash(name) % TABLE;
        loop {
            match usize::from(self.table[place]) {
                0 => break,
                number if self.list[number].text() == name => return Some(number),
                // Three in four places are empty.
                _ => place = (place + 1) % TABLE,
            }
        }
        // A line with more names is refused.
        if name.len() > MAX_NAME || self.list.len() > KEPT + MAX_MEMBERS {
            return None;
        }
        let number = self.list.len();
        self.list.push(Name::new(std::str::from_utf8(name).ok()?));
        self.table[place] = number as u16;
        Some(number)
    }
}

impl Name {
    fn new(text: &str) -> Self {
        let quoted = format!(",\"{text}\":").into_bytes().into_boxed_slice();
        let (mut begin, mut mask) = ([0; WORD], [0; WORD]);
        for ((begin, mask), byte) in begin.iter_mut().zip(&mut mask).zip(&quoted) {
            (*begin, *mask) = (*byte, u8::MAX);
        }
        let (begin, mask) = (u128::from_le_bytes(begin), u128::from_le_bytes(mask));
        let role = role_of(text).map(|(role, _)| role);
        Self { quoted, begin, mask, role, encoded: EncodedName::new(text), line: 0, next: BEGIN as u16 }
    }

    fn text(&self) -> &[u8] {
        self.quoted.get(2..self.quoted.len().saturating_sub(2)).unwrap_or_default()
    }
}

/// Eight bytes at a time; the upper half of each product is mixed into the lower one.
fn hash(name: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let product = (hash ^ word).wrapping_mul(ODD);
        product ^ (product >> 32)
    };
    let (words, rest) = name.as_chunks::<8>();
    let hash = words.iter().fold(name.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last)) as usize
}
