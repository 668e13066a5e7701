//! JSON strings: escaping and what is not UTF-8.

use crate::LineBuffer;
use crate::line_buffer::both_ends;

/// A text that displays as a JSON string with its quotes.
#[derive(Debug, Clone, Copy)]
pub struct JsonText<'a>(pub &'a str);

impl std::fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = LineBuffer::new();
        push_string(&mut out, self.0.as_bytes());
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// Appends a text as a JSON string with its quotes. Everything below U+0020, the quote and the
/// backslash are escaped, all else stays as it is; what is not UTF-8 becomes U+FFFD. Says how
/// often that was.
pub fn push_string(out: &mut LineBuffer, text: &[u8]) -> u64 {
    out.push(b'"');
    let replaced = push_escaped(out, text);
    out.push(b'"');
    replaced
}

/// As [`push_string`], for a text that is mostly short and needs no escaping: such a one is looked at and copied at
/// once.
#[inline(always)]
pub(super) fn push_mostly_plain(out: &mut LineBuffer, text: &[u8]) -> u64 {
    if out.put_short_quoted(text, |word| special_bits(word) == 0) { 0 } else { push_string(out, text) }
}

/// As [`push_string`], without the quotes.
pub fn push_escaped(out: &mut LineBuffer, text: &[u8]) -> u64 {
    let mut rest = text;
    loop {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        match rest.get(plain) {
            None => return 0,
            Some(byte) if byte.is_ascii() => push_escape(out, *byte),
            Some(_) => return push_beyond_ascii(out, &rest[plain..]),
        }
        rest = &rest[plain + 1..];
    }
}

/// As [`push_escaped`], for a text that is not all ASCII: the standard library finds what is not
/// UTF-8.
fn push_beyond_ascii(out: &mut LineBuffer, text: &[u8]) -> u64 {
    if let Ok(text) = std::str::from_utf8(text) {
        push_valid(out, text);
        return 0;
    }
    let mut replaced = 0;
    for chunk in text.utf8_chunks() {
        push_valid(out, chunk.valid());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
            replaced += 1;
        }
    }
    replaced
}

fn push_valid(out: &mut LineBuffer, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let blocks = blocks_without(rest, escape_bits);
        let special = rest[blocks..].iter().position(|byte| is_special(*byte));
        let Some(special) = special.map(|special| blocks + special) else {
            return out.extend_from_slice(rest);
        };
        out.extend_from_slice(&rest[..special]);
        push_escape(out, rest[special]);
        rest = &rest[special + 1..];
    }
}

#[cold]
fn push_escape(out: &mut LineBuffer, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        control => {
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            out.extend_from_slice(b"\\u00");
            out.push(digit(control >> 4));
            out.push(digit(control & 15));
        }
    }
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// How many bytes at the front lie in blocks of words of which none has `found` bits: without a
/// branch inside a block, so that there are vector instructions for it.
#[inline(always)]
fn blocks_without(bytes: &[u8], found: impl Fn(u64) -> u64) -> usize {
    const BLOCK: usize = 64;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let has_none = |block: &&[u8; BLOCK]| {
        let (words, _) = block.as_chunks();
        words.iter().fold(0, |any, word| any | found(u64::from_le_bytes(*word))) == 0
    };
    blocks.iter().take_while(has_none).count() * BLOCK
}

const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The top bits of those bytes of a word, from the lowest on, that are not ASCII or need escaping.
/// Above the first one found others may be wrong.
#[inline(always)]
fn special_bits(word: u64) -> u64 {
    escape_bits(word) | word & TOPS
}

/// As [`special_bits`], of those that need escaping alone.
#[inline(always)]
fn escape_bits(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // Sets the top bit of each byte that is zero.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = zeros(word ^ (ONES * u64::from(b'"')));
    let backslash = zeros(word ^ (ONES * u64::from(b'\\')));
    (control | quote | backslash) & TOPS
}

/// How many bytes at the front are ASCII and need no escaping: of a long text in blocks, then eight
/// at a time.
#[inline]
fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = blocks_without(bytes, special_bits);
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let found = special_bits(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    // The rest is looked at with what came before it, or, of a very short text, front and back.
    let (rest, found) = match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(last), ..) => (bytes.len() - 8, special_bits(u64::from_le_bytes(*last))),
        (_, Some(first), Some(last)) => {
            let word = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
            (at, special_bits(word))
        }
        _ => (at, 1),
    };
    if found == 0 {
        return bytes.len();
    }
    rest + bytes[rest..].iter().position(|byte| is_special(*byte) || !byte.is_ascii()).unwrap_or(bytes.len() - rest)
}

/// Whether both are the same, without a call for most.
#[inline(always)]
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    // The first and the last eight bytes, which may overlap, or four.
    if let (5..=16, true) = (one.len(), one.len() == other.len()) {
        if let (Some(a), Some(b)) = (both_ends::<8>(one), both_ends::<8>(other)) {
            return a == b;
        }
        if let (Some(a), Some(b)) = (both_ends::<4>(one), both_ends::<4>(other)) {
            return a == b;
        }
    }
    one == other
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_back_by_a_json_parser(text in "(?s)[a-zé]{0,40}.{0,64}") {
            let mut out = LineBuffer::new();
            push_string(&mut out, text.as_bytes());
            prop_assert!(out.iter().all(|byte| *byte >= 0x20), "no raw control character");
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn any_bytes_become_the_same_text_as_the_standard_library_makes(bytes in any::<Vec<u8>>()) {
            let mut out = LineBuffer::new();
            let replaced = push_string(&mut out, &bytes);
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(&back, &String::from_utf8_lossy(&bytes));
            prop_assert_eq!(replaced == 0, std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn a_short_text_is_as_any_other(text in "(?s)[ -~]{0,34}|.{0,40}") {
            let (mut short, mut whole) = (LineBuffer::new(), LineBuffer::new());
            [&mut short, &mut whole].into_iter().for_each(|out| out.push(b'x'));
            let replaced = push_mostly_plain(&mut short, text.as_bytes());
            prop_assert_eq!(replaced, push_string(&mut whole, text.as_bytes()));
            prop_assert_eq!(&*short, &*whole);
        }

        #[test]
        fn the_fast_scan_agrees_with_the_slow_one(bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(0x1f), Just(0x20), 0x80..=0xffu8], 0..40), before in 0..100usize) {
            let mut bytes = bytes;
            bytes.splice(..0, std::iter::repeat_n(b'x', before));
            let slow = bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\' || *b >= 0x80).unwrap_or(bytes.len());
            prop_assert_eq!(plain_prefix(&bytes), slow);
        }

        #[test]
        fn what_is_the_same_is_found_to_be(one in "[ab]{0,20}", other in "[ab]{0,20}", at in 0usize..20) {
            prop_assert_eq!(same(one.as_bytes(), other.as_bytes()), one == other);
            let mut changed = one.clone().into_bytes();
            prop_assert!(same(one.as_bytes(), &changed));
            if let Some(byte) = changed.get_mut(at) {
                *byte = b'c';
                prop_assert!(!same(one.as_bytes(), &changed));
            }
        }
    }
}
