//! `regex_mask`: masks what matches regular expressions, in every text of an event.

use logwheel_core::{Event, Redactor, StageError};

use super::patterns::{MAX_MATCHES, PatternSet, Refused};
use super::texts::{TextRules, Texts};

/// Replaces what matches regular expressions by a mask.
///
/// The patterns are compiled into one set. They are looked for in
/// - the message, unless it is the fixed text of its statement;
/// - every text among the values: strings, characters, bytes (as the text they are written as);
/// - every string inside raw JSON, at any depth, as it reads without escapes;
/// - the names of members inside raw JSON, and the names of fields that are not part of the program
///   (those that bridges and loggers bring at run time): the mask becomes
///   part of the name, and if that makes two fields alike, the second gets `_2`;
/// - whole numbers, if [`numbers`](Self::numbers) says so.
///
/// Level, logger, trace ids and time are left alone.
///
/// A pattern with a group named `secret`, as `key=(?<secret>\w+)`, masks that group only. Where matches
/// overlap, all of what they cover is masked once. A string inside JSON in which something was
/// masked is escaped anew; everything else keeps its source text.
///
/// # What cannot be searched
///
/// It does not get out. JSON that is not valid, a string inside JSON with half a surrogate pair, and a
/// text with more than 1,000 matches of one pattern are masked as a whole. From a text that was
/// cut ([`Value::Cut`](logwheel_core::Value::Cut)) the last 64 bytes are masked, and the word in which
/// they begin: they may be the beginning of a secret.
///
/// # Cost and limits
///
/// Time is linear in the length of the texts (see the crate `regex`, which does no backtracking). Texts
/// without a match cost no allocation once each worker has searched a few; the check of JSON with
/// nesting takes a small one, and so does a `\b` where the text is not all ASCII, which also makes the
/// search many times slower: `(?-u:\b)`, which knows ASCII only, is better. At most 500 patterns of at most 8 KiB each; compiled, one may take 2 MiB
/// and all of them 32 MiB.
///
/// ```
/// use logwheel_stages::RegexMask;
///
/// let mask = RegexMask::new([r"\b\d{3}-\d{2}-\d{4}\b", r"(?i)pin=(?<secret>\d+)"])?;
/// let named = RegexMask::named([("ssn", r"\b\d{3}-\d{2}-\d{4}\b")])?.mask("[{name}]");
/// # let _ = (mask, named);
/// # Ok::<(), logwheel_stages::RegexMaskError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RegexMask {
    rules: PatternRules,
    names: Vec<String>,
    texts: Texts,
}

/// A pattern that [`RegexMask`] cannot use. It shows the pattern's position and name, never its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("patterns{}: {problem}", .pattern.as_deref().unwrap_or_default())]
pub struct RegexMaskError {
    pattern: Option<String>,
    problem: String,
}

#[derive(Debug, Clone)]
struct PatternRules {
    patterns: PatternSet,
    masks: Vec<String>,
    whole_mask: String,
    numbers: bool,
}

impl RegexMask {
    /// Masks what matches these patterns, in the syntax of the crate `regex`.
    ///
    /// # Errors
    /// When a pattern is no regular expression, matches the empty text or is too large, or when there
    /// are too many; the error names the pattern's position, counted from 0.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, RegexMaskError> {
        let patterns: Vec<_> = patterns.into_iter().map(|pattern| (None, pattern.as_ref().to_owned())).collect();
        Self::compile(patterns)
    }

    /// As [`new`](Self::new), for pairs of a name and a pattern. The names stand in errors, and in
    /// the [`mask`](Self::mask) where it asks for them.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn named(
        patterns: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Self, RegexMaskError> {
        let patterns = patterns.into_iter().map(|(name, pattern)| (Some(name.into()), pattern.into())).collect();
        Self::compile(patterns)
    }

    fn compile(patterns: Vec<(Option<String>, String)>) -> Result<Self, RegexMaskError> {
        let compiled = PatternSet::compile(patterns.iter().map(|(_, pattern)| (pattern.as_str(), None)), MAX_MATCHES);
        let compiled = compiled.map_err(|Refused { position, problem }| RegexMaskError {
            pattern: position.map(|position| match &patterns[position].0 {
                Some(name) => format!("[{position}] {name:?}"),
                None => format!("[{position}]"),
            }),
            problem,
        })?;
        let names = patterns.into_iter().enumerate();
        let names = names.map(|(position, (name, _))| name.unwrap_or_else(|| position.to_string())).collect();
        let rules = PatternRules { patterns: compiled, masks: Vec::new(), whole_mask: String::new(), numbers: false };
        Ok(Self { rules, names, texts: Texts::new() }.mask("***"))
    }

    /// What takes the place of a match; `***` by default. `{name}` in it stands for the name of the
    /// pattern that matched: its position, counted from 0, unless it was given one. For a value that
    /// is masked as a whole there is no pattern, and `{name}` stays empty.
    #[must_use]
    pub fn mask(mut self, mask: impl AsRef<str>) -> Self {
        let mask = mask.as_ref();
        self.rules.masks = self.names.iter().map(|name| mask.replace("{name}", name)).collect();
        self.rules.whole_mask = mask.replace("{name}", "");
        self.texts.set_mask(self.rules.whole_mask.clone());
        self
    }

    /// Whether numbers are looked at, too: whole numbers among the values, and all numbers inside raw
    /// JSON, as they are written. One in which a pattern matches is masked as a whole. Not by default.
    #[must_use]
    pub fn numbers(mut self, numbers: bool) -> Self {
        self.rules.numbers = numbers;
        self
    }
}

impl TextRules for PatternRules {
    const SECRETS: bool = true;

    fn text(&mut self, text: &str, out: &mut String) -> bool {
        let Self { patterns, masks, whole_mask, .. } = self;
        patterns.replace(text, whole_mask, |pattern| &masks[pattern], out)
    }

    fn smallest_number(&self) -> Option<u128> {
        self.numbers.then_some(0)
    }

    fn number(&mut self, digits: &str) -> bool {
        self.numbers && self.patterns.find(digits).map_or(true, |spans| !spans.is_empty())
    }
}

impl Redactor for RegexMask {
    fn name(&self) -> &str {
        "regex_mask"
    }

    fn replicate(&self) -> Option<Box<dyn Redactor>> {
        Some(Box::new(self.clone()))
    }

    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        self.texts.redact(event, &mut self.rules);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
