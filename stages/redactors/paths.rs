//! The paths to fields and members, and where on them a search stands.

use std::ops::Range;

use logwheel_core::NameEnds;

/// A path that no redactor can follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fields: {path:?}: {problem}")]
pub struct FieldPathError {
    path: String,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("a path must be one or more names joined by '.', none of them empty")]
    EmptyName,
    #[error("'*' and '**' must stand alone in place of a name; patterns within a name are not supported")]
    Pattern,
}

/// The segments of all paths one behind the other, each path closed by an [`End`](Segment::End).
#[derive(Debug, Clone, Default)]
pub struct Paths {
    segments: Vec<Segment>,
    /// The path that a segment belongs to.
    path_of: Vec<usize>,
    /// Where a search begins: at the start of each path, and behind each `**` there.
    starts: Vec<Place>,
    /// The last name of each path, to tell most other names apart.
    name_ends: NameEnds,
    pub case_insensitive: bool,
}

/// How far a search has come on a path: the index of the segment that is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(usize);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// A name, and the position of an element if it is a number.
    Name(Box<str>, Option<usize>),
    Any,
    /// Any number of names, also none.
    AnyDepth,
    End,
}

impl Paths {
    pub fn parse(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, FieldPathError> {
        let mut paths = Self::default();
        for (number, text) in texts.into_iter().enumerate() {
            let path = text.as_ref();
            let error = |problem| FieldPathError { path: path.to_owned(), problem };
            let start = Place(paths.segments.len());
            for name in path.split('.') {
                paths.segments.push(match name {
                    "" => return Err(error(Problem::EmptyName)),
                    "*" => Segment::Any,
                    "**" => Segment::AnyDepth,
                    name if name.contains('*') => return Err(error(Problem::Pattern)),
                    name => Segment::Name(name.into(), position(name)),
                });
            }
            match paths.segments.last() {
                Some(Segment::Name(name, _)) => paths.name_ends.add(name),
                _ => paths.name_ends.add_any(),
            }
            paths.segments.push(Segment::End);
            paths.path_of.resize(paths.segments.len(), number);
            let mut starts = std::mem::take(&mut paths.starts);
            let level = starts.len();
            paths.add(start, level, &mut starts);
            paths.starts = starts;
        }
        Ok(paths)
    }

    /// Whether a path is complete here.
    pub fn ends_at(&self, place: Place) -> bool {
        self.segments[place.0] == Segment::End
    }

    /// At another name than one that ends with these is no path complete.
    #[inline]
    pub fn name_ends(&self) -> &NameEnds {
        &self.name_ends
    }

    /// Adds where the paths lead from an event to its field of this name.
    pub fn enter(&self, name: &str, places: &mut Vec<Place>) {
        self.enter_from(self.starts.len(), |_, index| self.starts[index], name, places);
    }

    /// Adds where the paths lead from the places in `from` to a member of this name.
    pub fn enter_member(&self, from: Range<usize>, name: &str, places: &mut Vec<Place>) {
        self.enter_from(from.len(), |places, index| places[from.start + index], name, places);
    }

    /// Adds where the paths lead from the places in `from` to an element of an array: an array
    /// passes its paths on, beside what names the element.
    pub fn enter_element(&self, from: Range<usize>, index: usize, places: &mut Vec<Place>) {
        let level = places.len();
        for at in from {
            let place = places[at];
            self.add(place, level, places);
            let is_named = match &self.segments[place.0] {
                Segment::Any => true,
                Segment::Name(_, position) => *position == Some(index),
                Segment::AnyDepth | Segment::End => false,
            };
            if is_named {
                self.add(Place(place.0 + 1), level, places);
            }
        }
    }

    /// A name with dots is taken as one name and as several.
    fn enter_from(&self, count: usize, from: impl Fn(&[Place], usize) -> Place, name: &str, places: &mut Vec<Place>) {
        let level = places.len();
        (0..count).for_each(|index| self.step(from(places, index), name, level, places));
        let Some((first, rest)) = name.split_once('.') else { return };
        let mut part_level = places.len();
        let as_one = part_level;
        (0..count).for_each(|index| self.step(from(places, index), first, part_level, places));
        for part in rest.split('.') {
            let (from, level) = (part_level..places.len(), places.len());
            from.for_each(|index| self.step(places[index], part, level, places));
            part_level = level;
        }
        places.drain(as_one..part_level);
        places[level..].sort_unstable();
        let mut kept = level;
        for index in level..places.len() {
            if index == level || places[index] != places[kept - 1] {
                places[kept] = places[index];
                kept += 1;
            }
        }
        places.truncate(kept);
    }

    fn step(&self, from: Place, name: &str, level: usize, places: &mut Vec<Place>) {
        match &self.segments[from.0] {
            Segment::Name(own, _) if **own == *name || (self.case_insensitive && equal_in_any_case(own, name)) => {
                self.add(Place(from.0 + 1), level, places);
            }
            Segment::Any => self.add(Place(from.0 + 1), level, places),
            Segment::AnyDepth => self.add(from, level, places),
            Segment::Name(..) | Segment::End => {}
        }
    }

    /// Adds a place to the level that starts at `level`, and those behind it that `**` leads to.
    /// Each once: in nested arrays places meet again, and they must not multiply. Those of one
    /// path stand together.
    fn add(&self, mut place: Place, level: usize, places: &mut Vec<Place>) {
        loop {
            let path = self.path_of[place.0];
            let mut of_this_path = places[level..].iter().rev().take_while(|other| self.path_of[other.0] == path);
            if !of_this_path.any(|other| *other == place) {
                places.push(place);
            }
            if self.segments[place.0] != Segment::AnyDepth {
                return;
            }
            place.0 += 1;
        }
    }
}

/// The position that a name stands for, if it is a number as one writes it.
fn position(name: &str) -> Option<usize> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    is_plain.then(|| name.parse().ok()).flatten()
}

fn equal_in_any_case(a: &str, b: &str) -> bool {
    let lower = |c: char| c.to_lowercase();
    a.eq_ignore_ascii_case(b)
        || (!(a.is_ascii() && b.is_ascii()) && a.chars().flat_map(lower).eq(b.chars().flat_map(lower)))
}
