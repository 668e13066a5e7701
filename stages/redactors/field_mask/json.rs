//! Finding the masked parts of a JSON text without building a tree of it.
//!
//! The text is read level by level, and only where a path leads; what is beside the paths is
//! skipped. The result is a list of spans, so that all else can be copied as it stands.

use std::fmt;
use std::ops::Range;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::paths::{Paths, Place};

/// Adds to `masked` the spans of `json` that lie at the end of a path, in ascending order and
/// apart from each other. `places` says where on the paths the whole text stands; it is changed.
///
/// # Errors
/// When the text is not JSON, or its nesting along a path goes deeper than `max_depth`.
pub fn find(
    json: &str,
    paths: &Paths,
    places: &mut Vec<Place>,
    max_depth: usize,
    masked: &mut Vec<Range<usize>>,
) -> Result<(), serde_json::Error> {
    // This checks the whole text, also the parts that the search skips.
    let document: &RawValue = serde_json::from_str(json)?;
    Search { json, paths, places, max_depth, masked }.follow(document.get(), 0, 1)
}

struct Search<'m> {
    json: &'m str,
    paths: &'m Paths,
    /// Where on the paths the search stands. Every level has its own places behind those of the
    /// level above.
    places: &'m mut Vec<Place>,
    max_depth: usize,
    masked: &'m mut Vec<Range<usize>>,
}

impl Search<'_> {
    /// Searches a value, whose places start at `level`.
    fn follow(&mut self, value: &str, level: usize, depth: usize) -> Result<(), serde_json::Error> {
        let mut source = serde_json::Deserializer::from_str(value);
        let inside = Inside { level, depth, search: self };
        match value.as_bytes().first() {
            Some(b'{' | b'[') if depth > inside.search.max_depth => Err(serde_json::Error::custom("nested too deeply")),
            Some(b'{') => source.deserialize_map(inside),
            Some(b'[') => source.deserialize_seq(inside),
            _ => Ok(()),
        }
    }

    /// Masks, follows or passes over a member or an element, whose places start at `level`.
    fn visit(&mut self, value: &RawValue, level: usize, depth: usize) -> Result<(), serde_json::Error> {
        let here = &self.places[level..];
        if here.is_empty() {
            return Ok(());
        }
        if here.iter().any(|place| self.paths.ends_at(*place)) {
            // Raw values are slices of the text that was parsed.
            let start = value.get().as_ptr().addr() - self.json.as_ptr().addr();
            self.masked.push(start..start + value.get().len());
            return Ok(());
        }
        self.follow(value.get(), level, depth)
    }
}

/// Reads the members of an object, or the elements of an array, whose places start at `level`.
struct Inside<'s, 'm> {
    search: &'s mut Search<'m>,
    level: usize,
    depth: usize,
}

impl<'de> Visitor<'de> for Inside<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Inside { search, level, depth } = self;
        let end = search.places.len();
        while members.next_key_seed(Name { search: &mut *search, from: level..end })?.is_some() {
            search.visit(members.next_value()?, end, depth + 1).map_err(A::Error::custom)?;
            search.places.truncate(end);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Inside { search, level, depth } = self;
        let end = search.places.len();
        search.paths.enter_array(level..end, search.places);
        while let Some(element) = elements.next_element()? {
            search.visit(element, end, depth + 1).map_err(A::Error::custom)?;
        }
        search.places.truncate(end);
        Ok(())
    }
}

/// Reads a member's name and adds the places to which it leads.
struct Name<'s, 'm> {
    search: &'s mut Search<'m>,
    from: Range<usize>,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.search.paths.enter_member(self.from, name, self.search.places);
        Ok(())
    }
}
