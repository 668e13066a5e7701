//! `string_truncate`: shortens long texts.

use logwheel_core::{Event, Redactor, StageError};

use super::texts::{TextRules, Texts};

/// Shortens texts that are longer than a limit.
///
/// It applies to the message, unless it is the fixed text of its statement, to every text among the
/// values, and to every string inside raw JSON; names are left alone. Lengths are those of the text,
/// not of its JSON: an escape counts as the character for which it stands, and no character is cut
/// in two. A string inside JSON that was shortened is escaped anew; everything else keeps its source
/// text. JSON that is not valid counts as a text, which it is written as.
///
/// What is left has the [`suffix`](Self::suffix) at its end and keeps the limits with it. So a text that
/// was shortened before is not shortened again.
///
/// Without limits it does nothing. No allocation where nothing is too long, but for a small one by
/// the check of JSON with nesting.
///
/// ```
/// use logwheel_stages::StringTruncate;
///
/// let truncate = StringTruncate::new().max_chars(2_000).max_bytes(4_096).suffix("…");
/// # let _ = truncate;
/// ```
#[derive(Debug, Clone)]
pub struct StringTruncate {
    limits: Limits,
    texts: Texts,
}

#[derive(Debug, Clone)]
struct Limits {
    max_chars: usize,
    max_bytes: usize,
    suffix: String,
    suffix_chars: usize,
}

impl StringTruncate {
    /// No limits yet.
    #[must_use]
    pub fn new() -> Self {
        let limits = Limits { max_chars: usize::MAX, max_bytes: usize::MAX, suffix: String::new(), suffix_chars: 0 };
        Self { limits, texts: Texts::new() }.suffix("...[truncated]")
    }

    /// How many characters (Unicode scalar values) a text may have; no limit by default.
    #[must_use]
    pub fn max_chars(mut self, max_chars: usize) -> Self {
        self.limits.max_chars = max_chars;
        self
    }

    /// How many bytes of UTF-8 a text may have; no limit by default.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.limits.max_bytes = max_bytes;
        self
    }

    /// What stands at the end of a text that was shortened; `...[truncated]` by default. It is left
    /// out where the limits have no room for it.
    #[must_use]
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.limits.suffix = suffix.into();
        self.limits.suffix_chars = self.limits.suffix.chars().count();
        self
    }
}

impl Default for StringTruncate {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// How many bytes at the front keep these limits.
    fn fitting(text: &str, max_chars: usize, max_bytes: usize) -> usize {
        let end = text.floor_char_boundary(max_bytes);
        // A text has no more characters than bytes.
        if end <= max_chars {
            return end;
        }
        text[..end].char_indices().nth(max_chars).map_or(end, |(at, _)| at)
    }
}

impl TextRules for Limits {
    const SECRETS: bool = false;

    fn text(&mut self, text: &str, out: &mut String) -> bool {
        if Self::fitting(text, self.max_chars, self.max_bytes) == text.len() {
            return false;
        }
        let rooms = (self.max_chars.checked_sub(self.suffix_chars), self.max_bytes.checked_sub(self.suffix.len()));
        let (chars, bytes, suffix) = match rooms {
            (Some(chars), Some(bytes)) => (chars, bytes, self.suffix.as_str()),
            _ => (self.max_chars, self.max_bytes, ""),
        };
        out.push_str(&text[..Self::fitting(text, chars, bytes)]);
        out.push_str(suffix);
        true
    }
}

impl Redactor for StringTruncate {
    fn name(&self) -> &str {
        "string_truncate"
    }

    fn replicate(&self) -> Option<Box<dyn Redactor>> {
        Some(Box::new(self.clone()))
    }

    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        self.texts.redact(event, &mut self.limits);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
