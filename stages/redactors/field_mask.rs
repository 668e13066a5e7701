//! `field_mask`: masks fields by name, also inside JSON.

use std::ops::Range;

use logwheel_core::{Event, Redactor, StageError, Value};

mod json;
mod paths;

pub use paths::FieldMaskError;

use paths::{Paths, Place};

/// Replaces the values of named fields by a mask.
///
/// A path is one or more names joined by dots; `*` in place of a name stands for any one name. Each
/// path is matched in two ways:
///
/// - against the names of the event's fields: `password` masks the field `password`, `user.email`
///   masks a field with the literal name `user.email`. **A path of one name reaches the event's own
///   fields only**, not members of the same name inside JSON: for those, write `*.password`.
/// - against the members inside fields that hold raw JSON ([`Value::Json`]): `user.email` masks the
///   member `email` of the object in the field `user`. An array passes the path on to its elements,
///   so this also reaches `[{"email":…}]`; `*` matches an element as well, other names never match
///   a position. A member's name that has dots of its own is taken as one name and as several, as
///   with fields.
///
/// What is masked becomes the string `***`, whatever it was. Everything else in the JSON keeps its
/// source text: order, white space, the digits of numbers, and members that occur twice (all of
/// them are masked). Names are compared after unescaping: `"pass\u0077ord"` is `password`.
///
/// What cannot be searched does not get out. A field that lies on a path is masked as a whole
/// - if its JSON is not valid, or has names that are no Unicode text;
/// - if arrays and objects along a path nest deeper than [`max_depth`](Self::max_depth);
/// - if it is a [`Value::Cut`], which may have been JSON.
///
/// Texts are not parsed: a [`Value::Str`] or [`Value::Bytes`] that happens to hold JSON is masked
/// if a path names its field, and otherwise goes out as it is. The message is not a field.
///
/// Events without JSON on a path cost no allocation; those with it may cost a few small ones.
///
/// ```
/// use logwheel_stages::FieldMask;
///
/// let mask = FieldMask::new(["password", "user.email", "*.token"])?.mask("[hidden]").case_insensitive(true);
/// # let _ = mask;
/// # Ok::<(), logwheel_stages::FieldMaskError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FieldMask {
    paths: Paths,
    mask: String,
    /// The mask as a JSON string.
    json_mask: String,
    max_depth: usize,
    // Reused from event to event.
    places: Vec<Place>,
    masked: Vec<Range<usize>>,
    text: String,
}

/// What is to be done with a field.
enum Action {
    Keep,
    Mask,
    /// The JSON in `text` takes its place.
    Rewrite,
}

impl FieldMask {
    /// The deepest nesting that [`max_depth`](Self::max_depth) can allow.
    pub const DEPTH_LIMIT: usize = 128;

    /// Masks these paths. Without any, it does nothing.
    ///
    /// # Errors
    /// When a path is empty or has an empty name in it, or when a name has a `*` beside other
    /// characters: such patterns would match nothing.
    pub fn new(paths: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, FieldMaskError> {
        let masks_nothing = Self {
            paths: Paths::parse(paths)?,
            mask: String::new(),
            json_mask: String::new(),
            max_depth: 16,
            places: Vec::new(),
            masked: Vec::new(),
            text: String::new(),
        };
        Ok(masks_nothing.mask("***"))
    }

    /// What a masked value becomes; `***` by default.
    #[must_use]
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.mask = mask.into();
        self.json_mask = serde_json::to_string(&self.mask).expect("every text is a JSON string");
        self
    }

    /// Whether `Password` is masked by the path `password`; not by default. Letters beyond ASCII
    /// are compared by their lower case.
    #[must_use]
    pub fn case_insensitive(mut self, case_insensitive: bool) -> Self {
        self.paths.case_insensitive = case_insensitive;
        self
    }

    /// How deep objects and arrays may nest along a path; 16 by default, at most
    /// [`DEPTH_LIMIT`](Self::DEPTH_LIMIT). A field whose JSON goes deeper there is masked as a
    /// whole. Nesting beside the paths is not followed and does not count.
    #[must_use]
    pub fn max_depth(mut self, max_depth: usize) -> Self {
        self.max_depth = max_depth.min(Self::DEPTH_LIMIT);
        self
    }

    /// Whether the field of this name is on a path; `places` says where.
    fn concerns(&mut self, name: &str) -> bool {
        self.places.clear();
        self.paths.enter(name, &mut self.places);
        !self.places.is_empty()
    }

    /// What becomes of a field on a path.
    fn action(&mut self, value: Value<'_>) -> Action {
        if self.places.iter().any(|place| self.paths.ends_at(*place)) {
            return Action::Mask;
        }
        match value {
            Value::Json(json) => self.rewrite(json),
            Value::Cut { .. } => Action::Mask,
            _ => Action::Keep,
        }
    }

    /// Masks inside JSON; `places` says where on the paths it stands.
    fn rewrite(&mut self, json: &str) -> Action {
        self.masked.clear();
        if json::find(json, &self.paths, &mut self.places, self.max_depth, &mut self.masked).is_err() {
            return Action::Mask;
        }
        if self.masked.is_empty() {
            return Action::Keep;
        }
        self.text.clear();
        let mut copied = 0;
        for part in &self.masked {
            self.text.push_str(&json[copied..part.start]);
            self.text.push_str(&self.json_mask);
            copied = part.end;
        }
        self.text.push_str(&json[copied..]);
        Action::Rewrite
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
        for index in 0..event.slots() {
            if !event.field_name(index).is_some_and(|name| self.concerns(name)) {
                continue;
            }
            let Some(field) = event.field(index) else { continue };
            match self.action(field.value) {
                Action::Keep => {}
                Action::Mask => event.replace(index, Value::Str(&self.mask)),
                Action::Rewrite => event.replace(index, Value::Json(&self.text)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
