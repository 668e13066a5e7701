//! `field_blocker`: removes fields by name, also inside JSON.

use logwheel_core::{Event, Redactor, StageError};

use super::FieldMask;
use super::fields::FieldSearch;
use super::json::Fate;
use super::paths::FieldPathError;

/// Removes named fields.
///
/// The paths are those of [`FieldMask`]; what lies on one leaves with its name, and leaves no trace.
/// Elements that are removed from an array move the ones behind them up. What is left of a JSON text
/// keeps its source text.
///
/// What cannot be searched (JSON that is not valid, more than [`max_keys`](Self::max_keys) names,
/// nesting beyond [`max_depth`](Self::max_depth), a value that was cut) does not get out either: it is
/// masked by `***` as [`FieldMask`] does it, so that one sees that there was something.
///
/// Events without JSON on a path cost no allocation. The check of JSON with nesting takes a small one.
///
/// ```
/// use logwheel_stages::FieldBlocker;
///
/// let blocker = FieldBlocker::new(["request.body", "**.cookie"])?.case_insensitive(true);
/// # let _ = blocker;
/// # Ok::<(), logwheel_stages::FieldPathError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FieldBlocker {
    search: FieldSearch,
}

impl FieldBlocker {
    /// Removes what lies on these paths. Without any, it does nothing.
    ///
    /// # Errors
    /// When a path is empty or has an empty name in it, or when a name has a `*` beside other
    /// characters.
    pub fn new(fields: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, FieldPathError> {
        Ok(Self { search: FieldSearch::new(fields, Fate::Remove)? })
    }

    /// What takes the place of a value that cannot be searched; `***` by default.
    #[must_use]
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.search.set_mask(mask.into());
        self
    }

    /// Whether `Password` is removed by the path `password`; not by default.
    #[must_use]
    pub fn case_insensitive(mut self, case_insensitive: bool) -> Self {
        self.search.set_case_insensitive(case_insensitive);
        self
    }

    /// How deep objects and arrays may nest along a path; 6 by default, at most
    /// [`FieldMask::DEPTH_LIMIT`]. An object or array deeper down is masked.
    #[must_use]
    pub fn max_depth(mut self, max_depth: usize) -> Self {
        self.search.max_depth = max_depth.min(FieldMask::DEPTH_LIMIT);
        self
    }

    /// How many names of members are read in the JSON of a field; 5,000 by default. If there are
    /// more, the field is masked.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.search.max_keys = max_keys;
        self
    }
}

impl Redactor for FieldBlocker {
    fn name(&self) -> &str {
        "field_blocker"
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
