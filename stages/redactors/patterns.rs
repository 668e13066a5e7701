//! Several patterns, looked for at once.

use std::ops::Range;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// The longest text of a pattern, in bytes.
pub const MAX_PATTERN: usize = 8 * 1024;

/// How many patterns there can be in a set.
pub const MAX_PATTERNS: usize = 500;

/// How large one compiled pattern can be, in bytes.
const PATTERN_SIZE: usize = 2 * 1024 * 1024;

/// How large all of them together can be.
const SET_SIZE: usize = 32 * 1024 * 1024;

/// How many matches of a user's pattern are looked for in a text. Every search takes time that is
/// linear in the text's length, but may look further than its match; so this bounds all of them.
pub const MAX_MATCHES: usize = 1_000;

/// The group that is masked, where a pattern has it, in place of all that matches.
const SECRET_GROUP: &str = "secret";

/// Looks closer at a match: adds the parts of the text that are to be masked.
pub type Check = fn(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>);

/// A part of a text that is to be masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub range: Range<usize>,
    /// Which pattern found it; the first one, where several overlap.
    pub pattern: usize,
}

/// The patterns, compiled.
#[derive(Debug, Clone)]
pub struct PatternSet {
    /// Tells fast, and without allocating, that a text has nothing.
    set: RegexSet,
    patterns: Vec<Pattern>,
    max_matches: usize,
    // Reused from text to text.
    spans: Vec<Span>,
    checked: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
struct Pattern {
    regex: Regex,
    has_group: bool,
    check: Option<Check>,
}

/// What keeps a pattern, by its position, from being compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub position: Option<usize>,
    pub problem: String,
}

/// More matches than a text may have.
#[derive(Debug)]
pub struct TooMany;

impl PatternSet {
    pub fn compile<'p>(
        patterns: impl IntoIterator<Item = (&'p str, Option<Check>)>,
        max_matches: usize,
    ) -> Result<Self, Refused> {
        let patterns: Vec<_> = patterns.into_iter().collect();
        if patterns.len() > MAX_PATTERNS {
            let problem = format!("there are {} of them, at most {MAX_PATTERNS} are allowed", patterns.len());
            return Err(Refused { position: None, problem });
        }
        let mut compiled = Vec::with_capacity(patterns.len());
        for (position, (text, check)) in patterns.iter().enumerate() {
            let refused = |problem| Refused { position: Some(position), problem };
            if text.len() > MAX_PATTERN {
                return Err(refused(format!("has {} bytes, at most {MAX_PATTERN} are allowed", text.len())));
            }
            let regex = RegexBuilder::new(text).size_limit(PATTERN_SIZE).build();
            let regex = regex.map_err(|error| refused(problem_of(&error)))?;
            if regex.is_match("") {
                return Err(refused("matches the empty text, and so every text".to_owned()));
            }
            let has_group = regex.capture_names().flatten().any(|name| name == SECRET_GROUP);
            compiled.push(Pattern { regex, has_group, check: *check });
        }
        let set = RegexSetBuilder::new(patterns.iter().map(|(text, _)| text)).size_limit(SET_SIZE).build();
        let set = set.map_err(|error| Refused { position: None, problem: problem_of(&error) })?;
        Ok(Self { set, patterns: compiled, max_matches, spans: Vec::new(), checked: Vec::new() })
    }

    /// What is to be masked in a text, in order and apart from each other.
    pub fn find(&mut self, text: &str) -> Result<&[Span], TooMany> {
        self.spans.clear();
        if !self.set.is_match(text) {
            return Ok(&self.spans);
        }
        for index in self.set.matches(text).iter() {
            self.find_all(index, text)?;
        }
        self.spans.sort_by_key(|span| (span.range.start, span.pattern));
        self.spans.dedup_by(|next, span| {
            let overlaps = next.range.start < span.range.end;
            if overlaps {
                span.range.end = span.range.end.max(next.range.end);
            }
            overlaps
        });
        Ok(&self.spans)
    }

    fn find_all(&mut self, index: usize, text: &str) -> Result<(), TooMany> {
        let Self { patterns, max_matches, spans, checked, .. } = self;
        let pattern = &patterns[index];
        let mut add = |found: Range<usize>| {
            checked.clear();
            match pattern.check {
                Some(check) => check(text, found, checked),
                None => checked.push(found),
            }
            let checked = checked.iter().filter(|range| !range.is_empty());
            spans.extend(checked.map(|range| Span { range: range.clone(), pattern: index }));
        };
        let mut count = 0;
        if pattern.has_group {
            for captures in pattern.regex.captures_iter(text).take(max_matches.saturating_add(1)) {
                // A branch of the pattern may be without the group.
                let found = captures.name(SECRET_GROUP).or(captures.get(0));
                found.into_iter().for_each(|found| add(found.range()));
                count += 1;
            }
        } else {
            for found in pattern.regex.find_iter(text).take(max_matches.saturating_add(1)) {
                add(found.range());
                count += 1;
            }
        }
        if count > *max_matches { Err(TooMany) } else { Ok(()) }
    }

    /// Writes the text to `out` with its spans replaced by what `mask` gives for a pattern; false,
    /// and nothing written, if there are none. A text with too many matches is masked as a whole.
    pub fn replace<'m>(
        &mut self,
        text: &str,
        whole_mask: &str,
        mask: impl Fn(usize) -> &'m str,
        out: &mut String,
    ) -> bool {
        let Ok(spans) = self.find(text) else {
            out.push_str(whole_mask);
            return true;
        };
        let mut copied = 0;
        for span in spans {
            out.push_str(&text[copied..span.range.start]);
            out.push_str(mask(span.pattern));
            copied = span.range.end;
        }
        if copied == 0 {
            return false;
        }
        out.push_str(&text[copied..]);
        true
    }
}

/// What is wrong with a pattern, without the pattern itself: it may hold what it is to hide.
fn problem_of(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("is larger than {limit} bytes when compiled"),
        regex::Error::Syntax(text) => {
            // The crate shows the pattern with a marker, then says `error: …`.
            let reason = text.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
            format!("is not a regular expression: {}", reason.unwrap_or("its syntax is wrong"))
        }
        _ => "cannot be compiled".to_owned(),
    }
}
