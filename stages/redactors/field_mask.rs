//! `field_mask`: masks fields by name, also inside JSON.

use logwheel_core::{Event, Redactor, StageError};

use super::fields::FieldSearch;
use super::json::Fate;
use super::paths::FieldPathError;

/// Replaces the values of named fields by a mask.
///
/// # Paths
///
/// A path is one or more names joined by dots. `*` in place of a name stands for any one name, `**`
/// for any number of names, also none; a number stands for an element of an array as well. Each path
/// is matched in two ways:
///
/// - against the names of the event's fields: `password` masks the field `password`, `user.email`
///   masks a field with the literal name `user.email`. **A path of one name reaches the event's own
///   fields only**, not members of the same name inside JSON: for those, write `*.password`, or
///   `**.password` for fields and members at any depth.
/// - against the members inside fields that hold raw JSON ([`Value::Json`](logwheel_core::Value::Json)):
///   `user.email` masks the member `email` of the object in the field `user`. An array passes the path
///   on to all its elements, so this also reaches `[{"email":…}]`; `items.0.email` reaches the first
///   one only, and `items.*` masks every element. A member's name that has dots of its own is taken as
///   one name and as several, as with fields.
///
/// What is masked becomes the string `***`, whatever it was. Everything else in the JSON keeps its
/// source text: order, white space, the digits of numbers, and members that occur twice (all of
/// them are masked). Names are compared after unescaping: `"pass\u0077ord"` is `password`.
///
/// # What cannot be searched
///
/// It does not get out. A field that lies on a path is masked as a whole
/// - if its JSON is not valid, or has names on the way that are no Unicode text;
/// - if more than [`max_keys`](Self::max_keys) names are to be read in it;
/// - if it is a [`Value::Cut`](logwheel_core::Value::Cut), which may have been JSON.
///
/// What nests deeper along a path than [`max_depth`](Self::max_depth) is masked where the limit is
/// met; what is around it stays. None of this is an error: other fields of the event are not
/// affected, and nothing is counted.
///
/// Texts are not parsed: a [`Value::Str`](logwheel_core::Value::Str) or
/// [`Value::Bytes`](logwheel_core::Value::Bytes) that happens to hold JSON is masked if a path names
/// its field, and otherwise goes out as it is. The message is not a field.
///
/// # Cost
///
/// Events without JSON on a path cost no allocation. The check of JSON with nesting takes a small one.
///
/// ```
/// use logwheel_stages::FieldMask;
///
/// let mask = FieldMask::new(["password", "user.email", "**.token", "items.0"])?
///     .mask("[hidden]")
///     .case_insensitive(true);
/// # let _ = mask;
/// # Ok::<(), logwheel_stages::FieldPathError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FieldMask {
    search: FieldSearch,
}

impl FieldMask {
    /// The deepest nesting that [`max_depth`](Self::max_depth) can allow.
    pub const DEPTH_LIMIT: usize = 128;

    /// Masks these paths. Without any, it does nothing.
    ///
    /// # Errors
    /// When a path is empty or has an empty name in it, or when a name has a `*` beside other
    /// characters: such patterns would match nothing.
    pub fn new(fields: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, FieldPathError> {
        Ok(Self { search: FieldSearch::new(fields, Fate::Mask)? })
    }

    /// What a masked value becomes; `***` by default.
    #[must_use]
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.search.set_mask(mask.into());
        self
    }

    /// Whether `Password` is masked by the path `password`; not by default. Letters beyond ASCII
    /// are compared by their lower case.
    #[must_use]
    pub fn case_insensitive(mut self, case_insensitive: bool) -> Self {
        self.search.set_case_insensitive(case_insensitive);
        self
    }

    /// How deep objects and arrays may nest along a path; 6 by default, at most
    /// [`DEPTH_LIMIT`](Self::DEPTH_LIMIT). An object or array deeper down is masked as a whole.
    /// Nesting beside the paths is not followed and does not count.
    #[must_use]
    pub fn max_depth(mut self, max_depth: usize) -> Self {
        self.search.max_depth = max_depth.min(Self::DEPTH_LIMIT);
        self
    }

    /// How many names of members are read in the JSON of a field; 5,000 by default. If there are
    /// more, the field is masked as a whole. Objects beside the paths are not read and do not count.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.search.max_keys = max_keys;
        self
    }
}

impl Redactor for FieldMask {
    fn name(&self) -> &str {
        "field_mask"
    }

    fn replicate(&self) -> Option<Box<dyn Redactor>> {
        Some(Box::new(self.clone()))
    }

    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        self.search.redact(event);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
