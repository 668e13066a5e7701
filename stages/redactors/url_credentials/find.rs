//! Where in a text the credentials of URLs are.
//!
//! Percent-encoding nests: `%40` is an `@` encoded once, `%2540` one encoded twice. Inside a URL that
//! was encoded n times, a delimiter counts if it was encoded at most n times; one encoded more often
//! belongs to what it stands in.

use std::ops::Range;

/// How often a URL can be encoded and still be found.
const MAX_LEVEL: usize = 3;

/// The longest name of a parameter.
const MAX_NAME: usize = 64;

#[derive(Debug, Clone, Default)]
pub struct Finder {
    /// Names in lower case, sorted.
    parameters: Vec<String>,
}

/// One byte of a text as it reads after decoding.
#[derive(Debug, Clone, Copy)]
struct Token {
    byte: u8,
    /// How often it was encoded.
    level: usize,
    len: usize,
}

impl Finder {
    pub fn set_parameters(&mut self, names: impl Iterator<Item = String>) {
        self.parameters = names.filter(|name| !name.is_empty()).collect();
        self.parameters.sort_unstable();
        self.parameters.dedup();
    }

    /// Adds the parts of a text that are credentials, in order and apart from each other.
    pub fn find(&self, text: &str, spans: &mut Vec<Range<usize>>) {
        let bytes = text.as_bytes();
        let mut words = Words::default();
        let mut at = 0;
        // A form begins with a parameter.
        if let Some(end) = self.parameter(text, 0, 0, spans) {
            at = end;
        }
        while let Some(next) = self.next_candidate(&bytes[at..]) {
            at += next;
            let token = token_at(bytes, at);
            let behind = at + token.len;
            let found = match token.byte {
                b':' => scheme_end(bytes, behind, token.level).and_then(|start| {
                    let end = userinfo_end(bytes, start, token.level, &mut words)?;
                    (end > start).then(|| {
                        spans.push(start..end);
                        end
                    })
                }),
                b'?' | b'&' | b';' | b'#' => self.parameter(text, behind, token.level, spans),
                byte if token.level == 0 && is_border(byte) => self.parameter(text, behind, 0, spans),
                _ => None,
            };
            at = found.unwrap_or(behind);
        }
    }

    /// The next byte at which something may begin.
    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        if self.parameters.is_empty() {
            return memchr::memchr2(b':', b'%', bytes);
        }
        bytes.iter().position(|byte| matches!(byte, b':' | b'%' | b'?' | b'&' | b';' | b'#') || is_border(*byte))
    }

    /// Adds the value of the parameter that begins here, if it is one of those that are masked.
    fn parameter(&self, text: &str, from: usize, level: usize, spans: &mut Vec<Range<usize>>) -> Option<usize> {
        if self.parameters.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        let (mut name, mut len) = ([0; MAX_NAME], 0);
        let mut at = from;
        let start = loop {
            let token = (at < bytes.len()).then(|| token_at(bytes, at))?;
            at += token.len;
            match token.byte {
                b'=' if token.level <= level => break at,
                byte if is_border(byte) || matches!(byte, b'&' | b'?' | b'#' | b'/') => return None,
                byte => *name.get_mut(len)? = byte.to_ascii_lowercase(),
            }
            len += 1;
        };
        let is_masked = self.parameters.binary_search_by(|own| own.as_bytes().cmp(&name[..len])).is_ok();
        if !is_masked {
            return None;
        }
        let ends = |byte| is_border(byte) || matches!(byte, b'&' | b'#');
        let end = end_of(bytes, start, level, ends);
        (end > start).then(|| {
            spans.push(start..end);
            end
        })
    }
}

/// Where the host part begins, if two slashes follow here as they do after a scheme.
fn scheme_end(bytes: &[u8], mut at: usize, level: usize) -> Option<usize> {
    for _ in 0..2 {
        // As JSON inside a text has them.
        while bytes.get(at) == Some(&b'\\') {
            at += 1;
        }
        let token = (at < bytes.len()).then(|| token_at(bytes, at))?;
        if token.byte != b'/' || token.level > level {
            return None;
        }
        at += token.len;
    }
    Some(at)
}

/// Where the `@` behind user and password is, if there is one.
fn userinfo_end(bytes: &[u8], start: usize, level: usize, words: &mut Words) -> Option<usize> {
    let ends = |byte| is_border(byte) || matches!(byte, b'/' | b'?' | b'#' | b'\\');
    // An address of IPv6 has colons of its own; anywhere else the first one counts.
    let is_address = bytes.get(start) == Some(&b'[');
    let (mut last, mut colon, mut is_port) = (None, false, true);
    let mut at = start;
    while at < bytes.len() {
        let token = token_at(bytes, at);
        if token.level <= level {
            match token.byte {
                b'@' => last = Some(at),
                b':' if !colon || is_address => (colon, is_port) = (true, true),
                b']' if is_address => (colon, is_port) = (false, true),
                // The parameters of an encoded URL end where those of the one around it go on.
                b'&' if token.level < level => break,
                byte if ends(byte) => break,
                byte => is_port &= byte.is_ascii_digit(),
            }
        }
        at += token.len;
    }
    if last.is_some() || !colon || is_port {
        return last;
    }
    // A port would be a number. So this is a password with a delimiter in it, if an `@` follows.
    words.last_at(bytes, at, level)
}

/// The last `@` of each word, looked for once.
#[derive(Debug, Default)]
struct Words {
    known: [Option<Word>; MAX_LEVEL + 1],
}

#[derive(Debug, Clone, Copy)]
struct Word {
    end: usize,
    last_at: Option<usize>,
}

impl Words {
    /// The last `@` between here and the end of the word.
    fn last_at(&mut self, bytes: &[u8], from: usize, level: usize) -> Option<usize> {
        let word = match self.known.get(level).copied().flatten() {
            Some(word) if word.end > from => word,
            _ => {
                let mut last_at = None;
                let mut at = from;
                while at < bytes.len() {
                    let token = token_at(bytes, at);
                    if token.level <= level {
                        if token.byte == b'@' {
                            last_at = Some(at);
                        } else if is_border(token.byte) || (token.byte == b'&' && token.level < level) {
                            break;
                        }
                    }
                    at += token.len;
                }
                let word = Word { end: at, last_at };
                if let Some(known) = self.known.get_mut(level) {
                    *known = Some(word);
                }
                word
            }
        };
        word.last_at.filter(|at| *at >= from)
    }
}

/// Where something ends that began inside a URL encoded so often.
fn end_of(bytes: &[u8], from: usize, level: usize, ends: impl Fn(u8) -> bool) -> usize {
    let mut at = from;
    while at < bytes.len() {
        let token = token_at(bytes, at);
        if token.level <= level && ends(token.byte) {
            break;
        }
        at += token.len;
    }
    at.min(bytes.len())
}

/// What no URL goes beyond: white space, quotes, angle brackets.
fn is_border(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>')
}

/// The byte at an offset, decoded as often as it was encoded.
fn token_at(bytes: &[u8], at: usize) -> Token {
    let plain = Token { byte: bytes[at], level: 0, len: 1 };
    if plain.byte != b'%' {
        return plain;
    }
    // `%25` is a percent sign: each makes it one level more.
    let mut level = 1;
    let mut digits = at + 1;
    while bytes[digits..].starts_with(b"25") && level < MAX_LEVEL && is_hex_pair(&bytes[digits + 2..]) {
        level += 1;
        digits += 2;
    }
    match bytes.get(digits..digits + 2) {
        Some([high, low]) if is_hex_pair(&bytes[digits..]) => {
            let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
            Token { byte: value(*high) << 4 | value(*low), level, len: digits + 2 - at }
        }
        _ => plain,
    }
}

fn is_hex_pair(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
}
