//! The paths that are masked, and where on them a search stands.

use std::ops::Range;

/// A path that [`FieldMask`](super::FieldMask) cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fields: {path:?}: {problem}")]
pub struct FieldMaskError {
    path: String,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("a path must be one or more names joined by '.', none of them empty")]
    EmptyName,
    #[error("'*' must stand alone in place of a name; patterns within a name are not supported")]
    Pattern,
}

/// The segments of all paths one behind the other, each path closed by an [`End`](Segment::End).
#[derive(Debug, Clone, Default)]
pub struct Paths {
    segments: Vec<Segment>,
    starts: Vec<Place>,
    pub case_insensitive: bool,
}

/// How far a search has come on a path: the index of the segment that is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Name(Box<str>),
    Any,
    End,
}

impl Paths {
    pub fn parse(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, FieldMaskError> {
        let mut paths = Self::default();
        for text in texts {
            let path = text.as_ref();
            let error = |problem| FieldMaskError { path: path.to_owned(), problem };
            paths.starts.push(Place(paths.segments.len()));
            for name in path.split('.') {
                paths.segments.push(match name {
                    "" => return Err(error(Problem::EmptyName)),
                    "*" => Segment::Any,
                    name if name.contains('*') => return Err(error(Problem::Pattern)),
                    name => Segment::Name(name.into()),
                });
            }
            paths.segments.push(Segment::End);
        }
        Ok(paths)
    }

    /// Whether a path is complete here.
    pub fn ends_at(&self, place: Place) -> bool {
        self.segments[place.0] == Segment::End
    }

    /// Adds where the paths lead from an event to its field of this name.
    pub fn enter(&self, name: &str, places: &mut Vec<Place>) {
        let level = places.len();
        for start in &self.starts {
            self.step(*start, name, level, places);
        }
    }

    /// Adds where the paths lead from the places in `from` to a member of this name.
    pub fn enter_member(&self, from: Range<usize>, name: &str, places: &mut Vec<Place>) {
        let level = places.len();
        for index in from {
            self.step(places[index], name, level, places);
        }
    }

    /// Adds where the paths lead from the places in `from` to the elements of an array.
    pub fn enter_array(&self, from: Range<usize>, places: &mut Vec<Place>) {
        let level = places.len();
        for index in from {
            let place = places[index];
            add(place, level, places);
            if self.segments[place.0] == Segment::Any {
                add(Place(place.0 + 1), level, places);
            }
        }
    }

    fn step(&self, from: Place, name: &str, level: usize, places: &mut Vec<Place>) {
        if self.matches(from.0, name) {
            add(Place(from.0 + 1), level, places);
        }
        if name.contains('.') {
            let mut next = from.0;
            // An `End` matches no part, so `next` stays within this path.
            let matches = name.split('.').all(|part| {
                next += 1;
                self.matches(next - 1, part)
            });
            if matches {
                add(Place(next), level, places);
            }
        }
    }

    fn matches(&self, segment: usize, name: &str) -> bool {
        match &self.segments[segment] {
            Segment::Name(own) => **own == *name || (self.case_insensitive && equal_in_any_case(own, name)),
            Segment::Any => true,
            Segment::End => false,
        }
    }
}

/// Adds a place to the level that starts at `level`, once: in nested arrays places meet again, and
/// they must not multiply.
fn add(place: Place, level: usize, places: &mut Vec<Place>) {
    if !places[level..].contains(&place) {
        places.push(place);
    }
}

fn equal_in_any_case(a: &str, b: &str) -> bool {
    let lower = |c: char| c.to_lowercase();
    a.eq_ignore_ascii_case(b)
        || (!(a.is_ascii() && b.is_ascii()) && a.chars().flat_map(lower).eq(b.chars().flat_map(lower)))
}
