//! What `field_mask` and `field_blocker` share: looking for fields and members on paths.

use std::ops::Range;

use logwheel_core::{Event, Value};

use super::json::{Edited, Editor, Fate, Rules, Unsearchable};
use super::known_names::{Concern, KnownNames};
use super::paths::{FieldPathError, Paths, Place};

/// The mask of what cannot be searched, unless another one is set.
pub const MASK: &str = "***";

/// How deep objects and arrays may nest along a path, unless another limit is set.
const DEFAULT_DEPTH: usize = 6;

/// How many names of members are read in a field, unless another limit is set.
const DEFAULT_KEYS: usize = 5_000;

/// Masks or removes what lies on paths.
#[derive(Debug, Clone)]
pub struct FieldSearch {
    paths: Paths,
    /// What was found out of names of the events' own fields.
    names: KnownNames,
    pub max_depth: usize,
    pub max_keys: usize,
    /// What happens at the end of a path: [`Fate::Mask`] or [`Fate::Remove`].
    end: Fate,
    mask: String,
    /// The mask as a JSON string.
    json_mask: String,
    // Reused from event to event.
    editor: Editor,
    places: Vec<Place>,
    levels: Vec<Range<usize>>,
}

/// What is to be done with a field.
enum Action {
    Keep,
    Mask,
    Remove,
    /// The JSON in the editor takes its place.
    Rewrite,
}

impl FieldSearch {
    pub fn new(paths: impl IntoIterator<Item = impl AsRef<str>>, end: Fate) -> Result<Self, FieldPathError> {
        let mut search = Self {
            paths: Paths::parse(paths)?,
            names: KnownNames::default(),
            max_depth: DEFAULT_DEPTH,
            max_keys: DEFAULT_KEYS,
            end,
            mask: String::new(),
            json_mask: String::new(),
            editor: Editor::default(),
            places: Vec::new(),
            levels: Vec::new(),
        };
        search.set_mask(MASK.to_owned());
        Ok(search)
    }

    pub fn set_mask(&mut self, mask: String) {
        self.mask = mask;
        self.json_mask = serde_json::to_string(&self.mask).expect("every text is a JSON string");
    }

    pub fn set_case_insensitive(&mut self, case_insensitive: bool) {
        self.paths.case_insensitive = case_insensitive;
        self.names = KnownNames::default();
    }

    pub fn redact(&mut self, event: &mut Event<'_>) {
        // For nearly every field this is all there is to do.
        let mut next = 0;
        while let Some(index) = event.next_ending_with(self.paths.name_ends(), next) {
            next = index + 1;
            let Some(name) = event.field_name_bytes(index) else { continue };
            let action = match self.names.of(name, || concern(&self.paths, name, &mut self.places)) {
                Concern::None => Action::Keep,
                Concern::Ends if self.end == Fate::Remove => Action::Remove,
                Concern::Ends => Action::Mask,
                Concern::Leads if event.may_hold_json(index) => self.search(event, index),
                Concern::Leads => Action::Keep,
            };
            match action {
                Action::Keep => {}
                Action::Mask => event.replace(index, Value::Str(&self.mask)),
                Action::Remove => event.remove(index),
                Action::Rewrite => event.replace(index, Value::Json(self.editor.result())),
            }
        }
    }

    /// What becomes of a field whose inside is on a path.
    fn search(&mut self, event: &Event<'_>, index: usize) -> Action {
        let Some(field) = event.field(index) else { return Action::Keep };
        let Value::Json(json) = field.value else {
            // What was cut may have been JSON.
            return if matches!(field.value, Value::Cut { .. }) { Action::Mask } else { Action::Keep };
        };
        concern(&self.paths, field.name.as_bytes(), &mut self.places);
        let Self { paths, max_depth, max_keys, end, json_mask, editor, places, levels, .. } = self;
        levels.clear();
        let mut rules = OnPaths { paths, places, levels, end: *end, max_depth: *max_depth, keys_left: *max_keys };
        match editor.edit(json, json_mask, &mut rules) {
            Edited::Unchanged => Action::Keep,
            Edited::Changed => Action::Rewrite,
            Edited::Masked => Action::Mask,
        }
    }
}

/// What the paths have to do with a field; `places` is where they lead to.
fn concern(paths: &Paths, name: &[u8], places: &mut Vec<Place>) -> Concern {
    places.clear();
    paths.enter(std::str::from_utf8(name).unwrap_or_default(), places);
    if places.iter().any(|place| paths.ends_at(*place)) {
        Concern::Ends
    } else if places.is_empty() {
        Concern::None
    } else {
        Concern::Leads
    }
}

/// The rules for one document.
struct OnPaths<'s> {
    paths: &'s Paths,
    /// Where on the paths the search stands: the places of each open object or array, and behind
    /// them those of its current member or element.
    places: &'s mut Vec<Place>,
    /// Which places belong to which open object or array.
    levels: &'s mut Vec<Range<usize>>,
    end: Fate,
    max_depth: usize,
    keys_left: usize,
}

impl OnPaths<'_> {
    /// The places of the innermost open object or array, with nothing behind them.
    fn level(&mut self) -> Range<usize> {
        let level = self.levels.last().cloned().unwrap_or_default();
        self.places.truncate(level.end);
        level
    }

    fn fate_behind(&self, level: usize) -> Fate {
        let here = &self.places[level..];
        if here.iter().any(|place| self.paths.ends_at(*place)) {
            return self.end;
        }
        if here.is_empty() { Fate::Keep } else { Fate::Search }
    }
}

impl Rules for OnPaths<'_> {
    const TEXTS: bool = false;

    fn member(&mut self, name: &str, is_whole: bool) -> Result<Fate, Unsearchable> {
        if self.keys_left == 0 || !is_whole {
            return Err(Unsearchable);
        }
        self.keys_left -= 1;
        let level = self.level();
        self.paths.enter_member(level.clone(), name, self.places);
        Ok(self.fate_behind(level.end))
    }

    fn element(&mut self, index: usize) -> Fate {
        let level = self.level();
        self.paths.enter_element(level.clone(), index, self.places);
        self.fate_behind(level.end)
    }

    fn open(&mut self) -> Fate {
        if self.levels.len() >= self.max_depth {
            return Fate::Mask;
        }
        let start = self.levels.last().map_or(0, |level| level.end);
        self.levels.push(start..self.places.len());
        Fate::Search
    }

    fn close(&mut self) {
        self.levels.pop();
    }
}
