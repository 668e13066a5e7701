//! Editing a JSON text without building a tree of it.
//!
//! The text is checked once and then walked from token to token, without recursion, so that any
//! depth takes linear time. What the rules do not touch is copied as it stands: white space, the
//! digits of numbers, escapes, and members that occur twice.

use std::fmt::Write as _;
use std::ops::Range;

use logwheel_core::JsonText;
use serde_json::value::RawValue;

mod text;

pub use text::unescaped;

/// What is to become of a member, of an element, or of the whole document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays, and is not looked into.
    Keep,
    /// It is looked into.
    Search,
    /// The mask takes its place.
    Mask,
    /// It is taken out together with its name.
    Remove,
}

/// The text cannot be searched, so that nothing is known about what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsearchable;

/// What has become of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// Nothing.
    Unchanged,
    /// The result is another one: [`Editor::result`].
    Changed,
    /// It is to be masked as a whole.
    Masked,
}

/// What an [`Editor`] does to a text.
///
/// Names and strings come without escapes. `is_whole` is false if there was an escape of half a
/// surrogate pair, in whose place stands U+FFFD.
pub trait Rules {
    /// Whether strings and numbers are looked at.
    const TEXTS: bool;

    /// A member of the innermost open object: what becomes of it.
    fn member(&mut self, name: &str, is_whole: bool) -> Result<Fate, Unsearchable>;

    /// An element of the innermost open array: what becomes of it.
    fn element(&mut self, index: usize) -> Fate {
        let _ = index;
        Fate::Search
    }

    /// An object or an array to be searched begins.
    fn open(&mut self) -> Fate {
        Fate::Search
    }

    /// The innermost one ends.
    fn close(&mut self) {}

    /// Writes to `out`, which is empty, what takes the place of a member's name; false if it stays.
    fn name(&mut self, name: &str, is_whole: bool, out: &mut String) -> bool {
        let _ = (name, is_whole, out);
        false
    }

    /// As [`name`](Self::name), for a string.
    fn string(&mut self, text: &str, is_whole: bool, out: &mut String) -> bool {
        let _ = (text, is_whole, out);
        false
    }

    /// Whether a number, of this source text, is masked.
    fn number(&mut self, text: &str) -> bool {
        let _ = text;
        false
    }
}

/// Edits texts one after the other, in memory that it keeps.
///
/// A text with nested objects or arrays costs a small allocation, by the check of its syntax.
#[derive(Debug, Clone, Default)]
pub struct Editor {
    frames: Vec<Frame>,
    out: String,
    unescaped: String,
    replacement: String,
}

/// An object or an array that is being searched.
#[derive(Debug, Clone, Copy)]
struct Frame {
    is_array: bool,
    /// How many elements came before.
    index: usize,
    /// Whether something of it stays.
    has_kept: bool,
    /// Where the last comma is.
    comma: usize,
}

impl Editor {
    /// Applies the rules to a text; `json_mask` is the mask as a JSON string.
    pub fn edit(&mut self, json: &str, json_mask: &str, rules: &mut impl Rules) -> Edited {
        // This checks the whole text, also the parts that the walk skips.
        if serde_json::from_str::<&RawValue>(json).is_err() {
            return Edited::Masked;
        }
        self.frames.clear();
        self.out.clear();
        let mut walk = Walk { json, at: 0, copied: 0, has_changed: false, json_mask, editor: self, rules };
        match walk.document() {
            Err(Unsearchable) => Edited::Masked,
            Ok(()) if !walk.has_changed => Edited::Unchanged,
            Ok(()) => {
                walk.editor.out.push_str(&json[walk.copied..]);
                Edited::Changed
            }
        }
    }

    /// What became of the text, if it has changed.
    pub fn result(&self) -> &str {
        &self.out
    }
}

struct Walk<'w, R> {
    json: &'w str,
    at: usize,
    /// How much of the text the output has, or leaves out.
    copied: usize,
    has_changed: bool,
    json_mask: &'w str,
    editor: &'w mut Editor,
    rules: &'w mut R,
}

impl<R: Rules> Walk<'_, R> {
    fn document(&mut self) -> Result<(), Unsearchable> {
        self.skip_white();
        self.value(Fate::Search)?;
        while let Some(frame) = self.editor.frames.last_mut() {
            match self.json.as_bytes().get(self.at) {
                Some(b'}' | b']') => {
                    self.at += 1;
                    self.editor.frames.pop();
                    self.rules.close();
                }
                Some(b',') => {
                    frame.comma = self.at;
                    self.at += 1;
                }
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(_) => {
                    let frame = *frame;
                    self.item(frame)?;
                }
                // Not in a text that was checked.
                None => return Err(Unsearchable),
            }
        }
        Ok(())
    }

    /// A member or an element.
    fn item(&mut self, frame: Frame) -> Result<(), Unsearchable> {
        let start = self.at;
        let fate = if frame.is_array { self.rules.element(frame.index) } else { self.member()? };
        if fate == Fate::Remove {
            self.skip_value();
            self.remove(start, frame);
            return Ok(());
        }
        if let Some(frame) = self.editor.frames.last_mut() {
            frame.index += 1;
            frame.has_kept = true;
        }
        self.value(fate)
    }

    /// Reads a member up to its value.
    fn member(&mut self) -> Result<Fate, Unsearchable> {
        let span = self.string_span()?;
        let inner = &self.json[span.start + 1..span.end - 1];
        let (name, is_whole) = text::unescaped(inner, &mut self.editor.unescaped);
        let fate = self.rules.member(name, is_whole)?;
        self.editor.replacement.clear();
        let is_renamed =
            R::TEXTS && fate != Fate::Remove && self.rules.name(name, is_whole, &mut self.editor.replacement);
        if is_renamed {
            self.replace_by_text(span);
        }
        self.skip_white();
        if self.json.as_bytes().get(self.at) != Some(&b':') {
            return Err(Unsearchable);
        }
        self.at += 1;
        self.skip_white();
        Ok(fate)
    }

    fn value(&mut self, fate: Fate) -> Result<(), Unsearchable> {
        let start = self.at;
        match fate {
            Fate::Search => {}
            Fate::Keep => {
                self.skip_value();
                return Ok(());
            }
            Fate::Mask | Fate::Remove => {
                self.skip_value();
                self.mask(start..self.at);
                return Ok(());
            }
        }
        match self.json.as_bytes().get(start) {
            Some(bracket @ (b'{' | b'[')) => match self.rules.open() {
                Fate::Search => {
                    let is_array = *bracket == b'[';
                    self.editor.frames.push(Frame { is_array, index: 0, has_kept: false, comma: start });
                    self.at += 1;
                    Ok(())
                }
                fate => self.value(fate),
            },
            Some(b'"') if R::TEXTS => {
                let span = self.string_span()?;
                let inner = &self.json[span.start + 1..span.end - 1];
                let (text, is_whole) = text::unescaped(inner, &mut self.editor.unescaped);
                self.editor.replacement.clear();
                if self.rules.string(text, is_whole, &mut self.editor.replacement) {
                    self.replace_by_text(span);
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') if R::TEXTS => {
                self.skip_value();
                if self.rules.number(&self.json[start..self.at]) {
                    self.mask(start..self.at);
                }
                Ok(())
            }
            Some(_) => {
                self.skip_value();
                Ok(())
            }
            None => Err(Unsearchable),
        }
    }

    /// Leaves out an item that begins at `start` and has just been passed, and one comma.
    fn remove(&mut self, start: usize, frame: Frame) {
        if let Some(frame) = self.editor.frames.last_mut() {
            frame.index += 1;
        }
        if frame.has_kept {
            // What comes before stays, and is copied no further than its end.
            return self.cut(frame.comma..self.at);
        }
        let end = self.at;
        self.skip_white();
        if self.json.as_bytes().get(self.at) == Some(&b',') {
            self.at += 1;
            self.skip_white();
            self.cut(start..self.at);
        } else {
            self.cut(start..end);
        }
    }

    fn cut(&mut self, span: Range<usize>) {
        self.editor.out.push_str(&self.json[self.copied..span.start]);
        self.copied = span.end;
        self.has_changed = true;
    }

    fn mask(&mut self, span: Range<usize>) {
        self.cut(span);
        self.editor.out.push_str(self.json_mask);
    }

    fn replace_by_text(&mut self, span: Range<usize>) {
        self.cut(span);
        let Editor { out, replacement, .. } = &mut *self.editor;
        // A `String` never refuses.
        let _ = write!(out, "{}", JsonText(replacement));
    }

    fn skip_white(&mut self) {
        let rest = &self.json.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).unwrap_or(rest.len());
    }

    /// Passes over a string and says where it was, with its quotes.
    fn string_span(&mut self) -> Result<Range<usize>, Unsearchable> {
        let start = self.at;
        let is_string = self.json.as_bytes().get(start) == Some(&b'"');
        let end = text::string_end(self.json, start + 1).filter(|_| is_string).ok_or(Unsearchable)?;
        self.at = end;
        Ok(start..end)
    }

    /// Passes over a value of any kind.
    fn skip_value(&mut self) {
        let bytes = self.json.as_bytes();
        let mut depth = 0;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at = text::string_end(self.json, self.at + 1).unwrap_or(bytes.len());
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
