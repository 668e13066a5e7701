//! Where the members of a JSON object stand in its text.
//!
//! simd-json checks the text and says where its structure is; values are never taken out of it, so
//! that they can be copied as they are written: `0.10` stays `0.10`. It refuses documents that are
//! JSON all the same (integers beyond 64 bits, `1e400`, halves of surrogate pairs); for those the
//! slower parser of serde_json, which leaves values alone, does the same work.

use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;
use simd_json::{Buffers, Tape};

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    Text,
    /// A number, a literal, or no JSON at all.
    Other,
}

/// A member of an object, as positions in the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// From the quote with which the name begins, to the end of the value.
    pub span: Range<usize>,
    /// Where the name ends, behind its quote.
    pub name_end: usize,
    pub value: Place,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub start: usize,
    /// The position of its first character among the structural ones; only with simd-json.
    index: usize,
}

/// Reads lines; its memory is used again for the next one.
#[derive(Default)]
pub struct Reader {
    /// simd-json unescapes strings in place.
    scratch: Vec<u8>,
    buffers: Buffers,
    tape: Option<Tape<'static>>,
    /// Whether simd-json accepted the text.
    fast: bool,
}

/// Memory beyond this is not kept for the next line.
const KEEP: usize = 1 << 20;

impl Reader {
    /// Checks a text, and says what it is and where its value begins.
    pub fn open(&mut self, text: &str) -> (Kind, Place) {
        self.scratch.clear();
        self.scratch.extend_from_slice(text.as_bytes());
        let mut tape = self.tape.take().unwrap_or(Tape(Vec::new())).reset();
        self.fast = simd_json::fill_tape(&mut self.scratch, &mut self.buffers, &mut tape).is_ok();
        self.tape = Some(tape.reset());
        let start = text.len() - text.trim_ascii_start().len();
        let kind = match text.as_bytes().get(start) {
            _ if !self.fast && serde_json::from_str::<&RawValue>(text).is_err() => Kind::Other,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text,
            _ => Kind::Other,
        };
        (kind, Place { start, index: 0 })
    }

    /// Adds the members of the object at `place`, in their order.
    pub fn members(&self, text: &str, place: Place, members: &mut Vec<Member>) {
        if self.fast {
            self.members_fast(text.as_bytes(), place, members);
        } else {
            // It was checked; were it broken, there would be fewer members.
            let mut source = serde_json::Deserializer::from_str(&text[place.start..]);
            let _ = source.deserialize_map(Collect { text, end: place.start + 1, members });
        }
    }

    /// Follows the structural characters: those of `{"a":[1,"b"]}` are all but `a` and `b"`.
    fn members_fast(&self, text: &[u8], place: Place, members: &mut Vec<Member>) {
        let structure = self.buffers.structural_indexes();
        let at = |index: usize| structure.get(index).map_or(text.len(), |position| *position as usize);
        let byte = |index: usize| text.get(at(index)).copied();
        let mut index = place.index + 1;
        while byte(index) == Some(b'"') {
            let (name, colon, value) = (at(index), at(index + 1), index + 2);
            let mut next = value;
            let mut depth = 0usize;
            let end = loop {
                match byte(next) {
                    Some(b'{' | b'[') => depth += 1,
                    Some(b'}' | b']') if depth == 1 => {
                        next += 1;
                        break at(next - 1) + 1;
                    }
                    Some(b'}' | b']') if depth > 1 => depth -= 1,
                    Some(b',' | b'}') | None if depth == 0 => break trimmed(text, at(value)..at(next)),
                    None => return,
                    Some(_) => {}
                }
                next += 1;
            };
            members.push(Member {
                span: name..end,
                name_end: trimmed(text, name..colon),
                value: Place { start: at(value), index: value },
            });
            // Behind the comma, or behind the object.
            index = next + 1;
        }
    }

    /// Lets go of the memory that an unusually long line took.
    pub fn settle(&mut self) {
        if self.scratch.capacity() > KEEP {
            *self = Self::default();
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Where the text in `span` ends without the white space behind it.
fn trimmed(text: &[u8], span: Range<usize>) -> usize {
    span.start + text[span.clone()].trim_ascii_end().len()
}

/// Collects members from the positions of raw values, which are slices of the text.
struct Collect<'t, 'm> {
    text: &'t str,
    /// Where the last value ended.
    end: usize,
    members: &'m mut Vec<Member>,
}

impl<'de> Visitor<'de> for Collect<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<SkippedName>()?.is_some() {
            let value: &'de RawValue = map.next_value()?;
            let start = value.get().as_ptr().addr() - self.text.as_ptr().addr();
            // Between two values stand a comma, a name and a colon.
            let between = &self.text[self.end..start];
            let name = self.end + between.find('"').unwrap_or_default();
            let name_end = self.end + between.rfind('"').map_or(0, |quote| quote + 1);
            self.end = start + value.get().len();
            self.members.push(Member { span: name..self.end, name_end, value: Place { start, index: 0 } });
        }
        Ok(())
    }
}

/// A name, checked before: read as bytes, since it need not be Unicode text.
struct SkippedName;

impl<'de> Deserialize<'de> for SkippedName {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_bytes(Self)
    }
}

impl Visitor<'_> for SkippedName {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and values as they are written, read fast and slowly.
    fn both(text: &str) -> [Vec<(String, String)>; 2] {
        let mut reader = Reader::default();
        let (kind, place) = reader.open(text);
        assert_eq!(kind, Kind::Object, "{text}");
        assert!(reader.fast, "{text}");
        [true, false].map(|fast| {
            reader.fast = fast;
            let mut members = Vec::new();
            reader.members(text, place, &mut members);
            let texts =
                |m: &Member| (text[m.span.start..m.name_end].to_owned(), text[m.value.start..m.span.end].to_owned());
            members.iter().map(texts).collect()
        })
    }

    #[test]
    fn members_stand_where_the_text_has_them() {
        let text = " { \"a\" : 0.10 ,\"b\":[1, {\"x\":[]} ],\"c\\\"\":\"}{,:\\\"\" , \"\":{} ,\"e\":tru\\u0065}";
        let text = text.replace("tru\\u0065", "true ");
        let expected = [
            ("\"a\"", "0.10"),
            ("\"b\"", "[1, {\"x\":[]} ]"),
            ("\"c\\\"\"", "\"}{,:\\\"\""),
            ("\"\"", "{}"),
            ("\"e\"", "true"),
        ];
        for found in both(&text) {
            assert_eq!(found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
        }
        assert_eq!(both("{}"), [vec![], vec![]]);
        assert_eq!(both("{ }")[0], []);
    }

    #[test]
    fn objects_inside_are_read_at_their_place() {
        let text = r#"{"x":[{"a":1}],"log":{"p":{"q":"r"},"s":2}}"#;
        let mut reader = Reader::default();
        let (_, root) = reader.open(text);
        let mut members = Vec::new();
        reader.members(text, root, &mut members);
        let log = members[1].value;
        members.clear();
        reader.members(text, log, &mut members);
        assert_eq!(members.iter().map(|m| &text[m.span.clone()]).collect::<Vec<_>>(), [r#""p":{"q":"r"}"#, r#""s":2"#]);
    }

    #[test]
    fn what_simd_json_refuses_is_read_slowly() {
        for value in ["123456789012345678901234567890", "1e400", "-1e999", "\"\\ud800\"", "{\"\\ud800\":1}"] {
            let text = format!("{{\"a\": {value} ,\"b\\udfff\":1}}");
            let mut reader = Reader::default();
            let (kind, place) = reader.open(&text);
            let mut members = Vec::new();
            reader.members(&text, place, &mut members);
            assert_eq!((kind, reader.fast), (Kind::Object, false), "{value}");
            assert_eq!(&text[members[0].span.clone()], format!("\"a\": {value}"));
        }
    }

    #[test]
    fn kinds_are_told_apart() {
        for (text, kind) in [
            ("[1]", Kind::Array),
            (" \"x\"", Kind::Text),
            ("1", Kind::Other),
            ("null", Kind::Other),
            ("{\"a\":}", Kind::Other),
            ("{} {}", Kind::Other),
            ("plain", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Reader::default().open(text).0, kind, "{text}");
        }
    }
}
