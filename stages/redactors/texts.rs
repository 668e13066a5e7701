//! What the redactors of texts share: going over everything in an event that is text.

use std::fmt::Write as _;

use logwheel_core::{Event, Value};

use super::fields::MASK;
use super::json::{Edited, Editor, Fate, Rules, Unsearchable};

/// How much of the end of a text that was cut is masked, at least: what stands there may be the
/// beginning of a secret.
const CUT_TAIL: usize = 64;

/// What a redactor does to texts.
pub trait TextRules {
    /// Whether it takes out secrets, so that what it cannot look into must not get out.
    const SECRETS: bool;

    /// Writes to `out`, which is empty, what takes the place of a text; false if the text stays.
    fn text(&mut self, text: &str, out: &mut String) -> bool;

    /// Whether a field or member of this name is masked, whatever it holds.
    fn hides(&mut self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// The smallest whole number that [`number`](Self::number) is to be asked about; none if it need
    /// not be asked, which spares writing numbers out.
    fn smallest_number(&self) -> Option<u128> {
        None
    }

    /// Whether a number, with these digits, is masked.
    fn number(&mut self, digits: &str) -> bool {
        let _ = digits;
        false
    }
}

/// Applies rules to the texts of events, in memory that it keeps.
#[derive(Debug, Clone)]
pub struct Texts {
    mask: String,
    /// The mask as a JSON string.
    json_mask: String,
    editor: Editor,
    out: String,
    decoded: String,
}

/// What is to be done with a value.
enum Action {
    Keep,
    Mask,
    /// The text in `out` takes its place.
    Text,
    /// So does what is left of a longer text, of this length.
    Cut(u32),
    /// The JSON in the editor takes its place.
    Json,
}

impl Texts {
    pub fn new() -> Self {
        let mut texts = Self {
            mask: String::new(),
            json_mask: String::new(),
            editor: Editor::default(),
            out: String::new(),
            decoded: String::new(),
        };
        texts.set_mask(MASK.to_owned());
        texts
    }

    /// Sets what takes the place of values that are masked as a whole.
    pub fn set_mask(&mut self, mask: String) {
        self.mask = mask;
        self.json_mask = serde_json::to_string(&self.mask).expect("every text is a JSON string");
    }

    /// Applies the rules to the message, unless it is the statement's fixed text, to the names of
    /// fields that do not come from the statement's text, and to all values.
    pub fn redact<R: TextRules>(&mut self, event: &mut Event<'_>, rules: &mut R) {
        if !event.message_is_static() {
            match self.action(event.message_value(), rules) {
                Action::Keep => {}
                Action::Mask | Action::Json => event.replace_message(&self.mask),
                Action::Text => event.replace_message(&self.out),
                Action::Cut(original_len) => {
                    // As the encoder would have said it.
                    let _ = write!(self.out, "...[truncated, {original_len} bytes]");
                    event.replace_message(&self.out);
                }
            }
        }
        for index in 0..event.slots() {
            let Some(field) = event.field(index) else { continue };
            let action = if rules.hides(field.name) { Action::Mask } else { self.action(field.value, rules) };
            match action {
                Action::Keep => {}
                Action::Mask => event.replace(index, Value::Str(&self.mask)),
                Action::Text => event.replace(index, Value::Str(&self.out)),
                Action::Cut(original_len) => {
                    event.replace(index, Value::Cut { kept: self.out.as_bytes(), original_len });
                }
                Action::Json => event.replace(index, Value::Json(self.editor.result())),
            }
            if R::SECRETS {
                self.redact_name(event, index, rules);
            }
        }
    }

    /// Applies the rules to the name of a field, unless it is part of the program.
    fn redact_name(&mut self, event: &mut Event<'_>, index: usize, rules: &mut impl TextRules) {
        let Some(name) = event.field_name(index) else { return };
        let of_statement = event.callsite().and_then(|callsite| callsite.fields().get(index));
        if of_statement.is_some_and(|fixed| std::ptr::eq(*fixed, name)) {
            return;
        }
        self.out.clear();
        if !rules.text(name, &mut self.out) || event.rename(index, &self.out) {
            return;
        }
        // Names stay unique.
        let len = self.out.len();
        for number in 2..=event.slots() + 1 {
            self.out.truncate(len);
            let _ = write!(self.out, "_{number}");
            if event.rename(index, &self.out) {
                return;
            }
        }
        // It could not be renamed: more names like it than fields there are.
        event.remove(index);
    }

    /// What becomes of a value.
    fn action<R: TextRules>(&mut self, value: Value<'_>, rules: &mut R) -> Action {
        self.out.clear();
        let has_changed = match value {
            Value::Str(text) => rules.text(text, &mut self.out),
            Value::Char(char) => rules.text(char.encode_utf8(&mut [0; 4]), &mut self.out),
            Value::Bytes(bytes) => rules.text(lossy(bytes, &mut self.decoded), &mut self.out),
            Value::Json(json) => return self.json(json, rules),
            Value::Cut { kept, original_len } => return self.cut(kept, original_len, rules),
            Value::I64(number) => return self.number(number, number.unsigned_abs().into(), rules),
            Value::U64(number) => return self.number(number, number.into(), rules),
            Value::I128(number) => return self.number(number, number.unsigned_abs(), rules),
            Value::U128(number) => return self.number(number, number, rules),
            _ => false,
        };
        if has_changed { Action::Text } else { Action::Keep }
    }

    fn number(&mut self, number: impl std::fmt::Display, size: u128, rules: &mut impl TextRules) -> Action {
        if rules.smallest_number().is_none_or(|smallest| size < smallest) {
            return Action::Keep;
        }
        self.decoded.clear();
        let _ = write!(self.decoded, "{number}");
        if rules.number(&self.decoded) { Action::Mask } else { Action::Keep }
    }

    fn json<R: TextRules>(&mut self, json: &str, rules: &mut R) -> Action {
        let Self { mask, json_mask, editor, out, .. } = self;
        match editor.edit(json, json_mask, &mut InJson { rules, mask }) {
            Edited::Unchanged => Action::Keep,
            Edited::Changed => Action::Json,
            Edited::Masked if R::SECRETS => Action::Mask,
            // The encoder writes it as a text.
            Edited::Masked if rules.text(json, out) => Action::Text,
            Edited::Masked => Action::Keep,
        }
    }

    /// A text that was cut may end within a secret, and it may have been JSON, in which escapes
    /// hide what there is.
    fn cut<R: TextRules>(&mut self, kept: &[u8], original_len: u32, rules: &mut R) -> Action {
        let text = lossy(kept, &mut self.decoded);
        if !R::SECRETS {
            return if rules.text(text, &mut self.out) { Action::Text } else { Action::Keep };
        }
        if text.contains('\\') {
            let mut buffer = String::new();
            let (plain, is_whole) = super::json::unescaped(text, &mut buffer);
            if !is_whole || rules.text(plain, &mut self.out) {
                return Action::Mask;
            }
            self.out.clear();
        }
        if !rules.text(text, &mut self.out) {
            self.out.push_str(text);
        }
        let tail = self.out.floor_char_boundary(self.out.len().saturating_sub(CUT_TAIL));
        let word = self.out[..tail].rfind(char::is_whitespace).map_or(0, |space| space + 1);
        self.out.truncate(self.out.ceil_char_boundary(word));
        self.out.push_str(&self.mask);
        Action::Cut(original_len)
    }
}

/// The rules inside a JSON document.
struct InJson<'r, R> {
    rules: &'r mut R,
    mask: &'r str,
}

impl<R: TextRules> Rules for InJson<'_, R> {
    const TEXTS: bool = true;

    fn member(&mut self, name: &str, _: bool) -> Result<Fate, Unsearchable> {
        Ok(if self.rules.hides(name) { Fate::Mask } else { Fate::Search })
    }

    fn name(&mut self, name: &str, is_whole: bool, out: &mut String) -> bool {
        R::SECRETS && self.string(name, is_whole, out)
    }

    fn string(&mut self, text: &str, is_whole: bool, out: &mut String) -> bool {
        if R::SECRETS && !is_whole {
            out.push_str(self.mask);
            return true;
        }
        self.rules.text(text, out)
    }

    fn number(&mut self, text: &str) -> bool {
        self.rules.number(text)
    }
}

/// Bytes as the encoder writes them; in `buffer` if they are not UTF-8.
fn lossy<'t>(bytes: &'t [u8], buffer: &'t mut String) -> &'t str {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text;
    }
    buffer.clear();
    for chunk in bytes.utf8_chunks() {
        buffer.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            buffer.push(char::REPLACEMENT_CHARACTER);
        }
    }
    buffer
}

#[cfg(test)]
mod tests;
