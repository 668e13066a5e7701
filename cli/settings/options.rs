//! A typed reader over one table of the settings.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use logwheel::{InvalidOption, Level};
use toml::{Table, Value};

use super::names::{canonical, did_you_mean, is_secret, list};
use super::problems::{Problems, Reported, shown};
use super::units::{DURATION_FORM, SIZE_FORM, parse_duration, parse_size};

/// Reads the options of one stage, sink or section.
///
/// A reader takes an option by its key and says what is allowed; what is wrong is noted with its
/// path (`sink[1].batch.max_events`, counted from 0), its value and what is allowed, and the
/// default takes its place, so that everything wrong is found in one go. Keys that nobody asked
/// for are noted as unknown at the end.
///
/// So a function that builds something from options **asks for all of them first** and gives up,
/// with `?`, only then.
///
/// In every text `${NAME}` stands for an environment variable (`$${` for the characters
/// themselves), also where a number or `true` is wanted. Values of variables, and of keys like `password` or `token`, are never shown.
pub struct Options<'a> {
    table: &'a Table,
    path: String,
    /// Everything in here is secret.
    secret: bool,
    asked: BTreeSet<&'static str>,
    /// Nobody knows what may be in here.
    unjudged: bool,
    problems: &'a Problems<'a>,
}

/// What integers an option can have.
pub trait Whole: Copy + TryFrom<i64> + PartialOrd + std::fmt::Display {}
impl<T: Copy + TryFrom<i64> + PartialOrd + std::fmt::Display> Whole for T {}

impl<'a> Options<'a> {
    pub(crate) fn new(table: &'a Table, path: impl Into<String>, problems: &'a Problems<'a>) -> Self {
        Self { table, path: path.into(), secret: false, asked: BTreeSet::new(), unjudged: false, problems }
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes that the value of a key cannot be used, with the reason: for constructors that check
    /// their arguments themselves.
    pub fn refuse(&self, key: &str, reason: impl std::fmt::Display) -> Reported {
        let value = self.table.get(key).map(|value| format!(" = {}", shown(value, self.hides(key))));
        self.problems.note(format!("{}{}: {reason}", self.path_of(key), value.unwrap_or_default()));
        Reported
    }

    /// As [`refuse`](Self::refuse), without the value: where the reason tells as much of it as may be
    /// shown.
    pub fn refuse_unshown(&self, key: &str, reason: impl std::fmt::Display) -> Reported {
        self.problems.note(format!("{}: {reason}", self.path_of(key)));
        Reported
    }

    /// Notes what a stage's builder refused: it says which option and what is allowed.
    pub fn invalid(&self, error: &InvalidOption) -> Reported {
        let key = error.option();
        // Of a list or table, the part that is wrong.
        let part = match self.table.get(key) {
            Some(Value::Array(_) | Value::Table(_)) if !self.hides(key) => format!("{}: ", error.value()),
            _ => String::new(),
        };
        self.refuse(key, format!("{part}must be {}", error.allowed()))
    }

    /// Notes a problem that is not about one key.
    pub fn problem(&self, problem: impl std::fmt::Display) -> Reported {
        self.problems.note(format!("{}: {problem}", self.path));
        Reported
    }

    /// Notes no unknown keys: for a table of which nobody knows what may be in it.
    pub(crate) fn leave_unjudged(&mut self) {
        self.unjudged = true;
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let allowed = || format!("must be true or false (default {default})");
        self.read(key, allowed, Value::as_bool).unwrap_or(default)
    }

    /// As [`flag`](Self::flag), for an option that may be left out.
    pub fn optional_flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, || "must be true or false".to_owned(), Value::as_bool)
    }

    /// A whole number in a range.
    pub fn number<T: Whole>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T {
        let allowed = || format!("must be a whole number {} (default {default})", within(&range));
        self.read(key, allowed, |value| whole(value, &range)).unwrap_or(default)
    }

    /// As [`number`](Self::number), for an option that may be left out.
    pub fn optional_number<T: Whole>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T> {
        self.read(key, || format!("must be a whole number {}", within(&range)), |value| whole(value, &range))
    }

    /// A number, with or without decimals, in a range.
    pub fn decimal(&mut self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let allowed = || format!("must be a number {} (default {default})", within(&range));
        let read = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|value| value as f64));
        self.read(key, allowed, |value| read(value).filter(|value| range.contains(value))).unwrap_or(default)
    }

    /// As [`decimal`](Self::decimal), for an option that may be left out, and whose range its
    /// builder knows.
    pub fn optional_decimal(&mut self, key: &'static str) -> Option<f64> {
        let read = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|value| value as f64));
        self.read(key, || "must be a number".to_owned(), read)
    }

    /// A share of everything: a number from 0 to 1.
    pub fn rate(&mut self, key: &'static str, default: f64) -> f64 {
        self.decimal(key, default, 0.0..=1.0)
    }

    /// A duration: text with a unit, or a number of seconds.
    pub fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        let allowed = || format!("must be {DURATION_FORM} (default {default:?})");
        self.read(key, allowed, duration).unwrap_or(default)
    }

    /// As [`duration`](Self::duration), for an option that may be left out.
    pub fn optional_duration(&mut self, key: &'static str) -> Option<Duration> {
        self.read(key, || format!("must be {DURATION_FORM}"), duration)
    }

    /// A size in bytes: text with a unit, or a number of bytes.
    pub fn size<T: Whole + TryFrom<u64>>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T {
        let allowed = || format!("must be {SIZE_FORM}, {} (default {default})", within(&range));
        self.read(key, allowed, |value| size(value, &range)).unwrap_or(default)
    }

    /// As [`size`](Self::size), for an option that may be left out.
    pub fn optional_size<T: Whole + TryFrom<u64>>(&mut self, key: &'static str, range: RangeInclusive<T>) -> Option<T> {
        self.read(key, || format!("must be {SIZE_FORM}, {}", within(&range)), |value| size(value, &range))
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, default: &str) -> String {
        self.read_text(key, || format!("must be a text (default {default:?})")).unwrap_or_else(|| default.to_owned())
    }

    /// A text that may be left out.
    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.read_text(key, || "must be a text".to_owned())
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// When it is not, or is no text, or is empty; the problem is noted.
    pub fn required_text(&mut self, key: &'static str) -> Result<String, Reported> {
        if !self.has(key) {
            self.asked.insert(key);
            self.problems.note(format!("{}: is missing", self.path_of(key)));
            return Err(Reported);
        }
        let text = self.optional_text(key).ok_or(Reported)?;
        if text.is_empty() { Err(self.refuse(key, "must not be empty")) } else { Ok(text) }
    }

    /// A list of texts, or a single one; empty when it is left out.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut texts = Vec::new();
        for (index, element) in values.iter().enumerate() {
            let path = if value.is_array() { format!("{}[{index}]", self.path_of(key)) } else { self.path_of(key) };
            match element {
                Value::String(text) => texts.extend(self.problems.expand(&path, text).ok()),
                other => self.problems.note(format!("{path} = {}: must be a text", shown(other, self.hides(key)))),
            }
        }
        texts
    }

    /// As [`texts`](Self::texts), for an option whose default is no empty list.
    pub fn optional_texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let texts = self.texts(key);
        self.has(key).then_some(texts)
    }

    /// As [`texts`](Self::texts), for a list that must have something in it.
    ///
    /// # Errors
    /// When it has not, or when something in it is no text; the problem is noted.
    pub fn required_texts(&mut self, key: &'static str) -> Result<Vec<String>, Reported> {
        let before = self.problems.count();
        let texts = self.texts(key);
        if self.problems.count() > before {
            return Err(Reported);
        }
        if texts.is_empty() { Err(self.refuse(key, "must have at least one text in it")) } else { Ok(texts) }
    }

    /// One of several words; `-` and `_`, upper and lower case are the same.
    pub fn choice<T: Copy>(&mut self, key: &'static str, default: T, choices: &[(&str, T)]) -> T {
        self.optional_choice(key, choices).unwrap_or(default)
    }

    /// As [`choice`](Self::choice), for an option that may be left out.
    pub fn optional_choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let text = self.read_text(key, || format!("must be one of {}", list(names())))?;
        let found = choices.iter().find(|(name, _)| *name == canonical(&text)).map(|(_, value)| *value);
        if found.is_none() {
            self.refuse(key, format!("must be one of {}{}", list(names()), did_you_mean(&text, names())));
        }
        found
    }

    /// A level by its name.
    pub fn level(&mut self, key: &'static str, default: Level) -> Level {
        self.optional_level(key).unwrap_or(default)
    }

    /// As [`level`](Self::level), for an option that may be left out.
    pub fn optional_level(&mut self, key: &'static str) -> Option<Level> {
        let text = self.read_text(key, || LEVELS.to_owned())?;
        let level = Level::parse(text.trim());
        if level.is_none() {
            self.refuse(key, LEVELS);
        }
        level
    }

    /// A list of levels; the default when it is left out.
    pub fn levels(&mut self, key: &'static str, default: &[Level]) -> Vec<Level> {
        if !self.has(key) {
            self.asked.insert(key);
            return default.to_vec();
        }
        let texts = self.texts(key);
        let mut levels = Vec::new();
        for text in texts {
            match Level::parse(text.trim()) {
                Some(level) => levels.push(level),
                None => self.problems.note(format!("{} = {text:?}: {LEVELS}", self.path_of(key))),
            }
        }
        levels
    }

    /// As [`levels`](Self::levels), for an option whose default its builder knows.
    pub fn optional_levels(&mut self, key: &'static str) -> Option<Vec<Level>> {
        let levels = self.levels(key, &[]);
        self.has(key).then_some(levels)
    }

    /// A table inside this one, read by `read`. When it is left out, `read` meets an empty one, so
    /// that defaults stand in one place.
    pub fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Options<'_>) -> T) -> T {
        let empty = Table::new();
        let table = match self.get(key) {
            None => &empty,
            Some(Value::Table(table)) => table,
            Some(_) => {
                self.refuse(key, "must be a table, like { key = \"value\" }");
                &empty
            }
        };
        let mut options = Options {
            table,
            path: self.path_of(key),
            secret: self.hides(key),
            asked: BTreeSet::new(),
            unjudged: false,
            problems: self.problems,
        };
        let read = read(&mut options);
        options.finish();
        read
    }

    /// A table with keys of the user's own and texts as values, in the order of the file.
    pub fn text_pairs(&mut self, key: &'static str) -> Vec<(String, String)> {
        let pairs = self.pairs(key);
        let mut texts = Vec::new();
        for (name, value) in pairs {
            let path = format!("{}.{name}", self.path_of(key));
            match value {
                Value::String(text) => texts.extend(self.problems.expand(&path, text).ok().map(|text| (name, text))),
                other => {
                    let secret = self.hides(key) || is_secret(&name);
                    self.problems.note(format!("{path} = {}: must be a text", shown(other, secret)));
                }
            }
        }
        texts
    }

    /// As [`text_pairs`](Self::text_pairs), for texts that must not be shown, whatever their keys.
    pub fn secret_pairs(&mut self, key: &'static str) -> Vec<(String, String)> {
        let was = std::mem::replace(&mut self.secret, true);
        let pairs = self.text_pairs(key);
        self.secret = was;
        pairs
    }

    /// A table with keys of the user's own and plain values (texts, numbers, `true`, `false`), in
    /// the order of the file.
    pub fn plain_pairs(&mut self, key: &'static str) -> Vec<(String, Plain)> {
        let pairs = self.pairs(key);
        let mut plain = Vec::new();
        for (name, value) in pairs {
            let path = format!("{}.{name}", self.path_of(key));
            let value = match value {
                Value::String(text) => match self.problems.expand(&path, text) {
                    Ok(text) => Plain::Text(text),
                    Err(Reported) => continue,
                },
                Value::Integer(value) => Plain::Integer(*value),
                Value::Float(value) => Plain::Float(*value),
                Value::Boolean(value) => Plain::Flag(*value),
                Value::Datetime(value) => Plain::Text(value.to_string()),
                other => {
                    let secret = self.hides(key) || is_secret(&name);
                    let problem = "must be a text, a number, true or false";
                    self.problems.note(format!("{path} = {}: {problem}", shown(other, secret)));
                    continue;
                }
            };
            plain.push((name, value));
        }
        plain
    }

    /// A table with keys of the user's own, each with one or several plain values, as texts.
    pub fn lists(&mut self, key: &'static str) -> Vec<(String, Vec<String>)> {
        let pairs = self.pairs(key);
        let mut lists = Vec::new();
        for (name, value) in pairs {
            let path = format!("{}.{name}", self.path_of(key));
            let mut texts = Vec::new();
            for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                match value {
                    Value::String(text) => texts.extend(self.problems.expand(&path, text).ok()),
                    Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
                        texts.push(value.to_string());
                    }
                    other => {
                        let secret = self.hides(key) || is_secret(&name);
                        let problem = "must be a text, a number, true or false, or a list of them";
                        self.problems.note(format!("{path} = {}: {problem}", shown(other, secret)));
                    }
                }
            }
            // One with nothing but wrong values is noted already.
            if !texts.is_empty() || value.as_array().is_some_and(Vec::is_empty) {
                lists.push((name, texts));
            }
        }
        lists
    }

    fn pairs(&mut self, key: &'static str) -> Vec<(String, &'a Value)> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::Table(table)) => table.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Some(_) => {
                self.refuse(key, "must be a table, like { name = \"value\" }");
                Vec::new()
            }
        }
    }

    /// The value of a key as the file has it: for options of a form of their own.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.insert(key);
        self.table.get(key)
    }

    /// Notes the keys that nobody asked for.
    pub(crate) fn finish(self) {
        if self.unjudged {
            return;
        }
        for key in self.table.keys().filter(|key| !self.asked.contains(key.as_str())) {
            // What is set already was not meant.
            let left = self.asked.iter().copied().filter(|asked| !self.table.contains_key(*asked));
            let hint = did_you_mean(key, left);
            let known = if !hint.is_empty() {
                hint
            } else if self.asked.is_empty() {
                String::new()
            } else {
                format!("; there are {}", list(self.asked.iter().copied()))
            };
            self.problems.note(format!("{}: unknown key{known}", self.path_of(key)));
        }
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        allowed: impl FnOnce() -> String,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let read = match self.get(key)? {
            Value::String(text) if text.contains("${") => {
                let expanded = self.problems.expand(&self.path_of(key), text).ok()?;
                // Variables hold texts: what the option is tells whether one is meant.
                let plain = plain(&expanded);
                read(&Value::String(expanded)).or_else(|| read(&plain?))
            }
            value => read(value),
        };
        if read.is_none() {
            self.refuse(key, allowed());
        }
        read
    }

    fn read_text(&mut self, key: &'static str, allowed: impl FnOnce() -> String) -> Option<String> {
        self.read(key, allowed, |value| value.as_str().map(str::to_owned))
    }

    fn path_of(&self, key: &str) -> String {
        // As it would have to be written.
        let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let key = if bare { key.to_owned() } else { format!("{key:?}") };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    fn hides(&self, key: &str) -> bool {
        self.secret || is_secret(key)
    }
}

/// A plain value with a key of the user's own.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Plain {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
}

impl logwheel::ToValue for Plain {
    fn to_value(&self) -> logwheel::Value<'_> {
        match self {
            Self::Text(text) => logwheel::Value::Str(text),
            Self::Integer(value) => logwheel::Value::I64(*value),
            Self::Float(value) => logwheel::Value::F64(*value),
            Self::Flag(value) => logwheel::Value::Bool(*value),
        }
    }
}

const LEVELS: &str = "must be a level: trace, debug, info, warn, error, critical, audit or security";

fn whole<T: Whole>(value: &Value, range: &RangeInclusive<T>) -> Option<T> {
    let number = T::try_from(value.as_integer()?).ok()?;
    range.contains(&number).then_some(number)
}

/// The number or truth value that a text writes.
fn plain(text: &str) -> Option<Value> {
    let text = text.trim();
    let flag = || text.to_ascii_lowercase().parse().map(Value::Boolean).ok();
    let integer = || text.parse().map(Value::Integer).ok();
    let float = || text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float);
    flag().or_else(integer).or_else(float)
}

fn duration(value: &Value) -> Option<Duration> {
    match value {
        Value::String(text) => parse_duration(text),
        Value::Integer(seconds) => parse_duration(&seconds.to_string()),
        Value::Float(seconds) => parse_duration(&seconds.to_string()),
        _ => None,
    }
}

fn size<T: Whole + TryFrom<u64>>(value: &Value, range: &RangeInclusive<T>) -> Option<T> {
    let bytes = match value {
        Value::String(text) => parse_size(text)?,
        Value::Integer(bytes) => u64::try_from(*bytes).ok()?,
        _ => return None,
    };
    T::try_from(bytes).ok().filter(|bytes| range.contains(bytes))
}

fn within<T: PartialOrd + std::fmt::Display>(range: &RangeInclusive<T>) -> String {
    // An end that no value of 64 bits passes is no limit worth naming.
    let (start, end) = (range.start().to_string(), range.end().to_string());
    let unlimited =
        end.len() >= 10 && [u64::MAX.to_string(), i64::MAX.to_string(), u32::MAX.to_string()].contains(&end);
    if unlimited { format!("of at least {start}") } else { format!("from {start} to {end}") }
}

#[cfg(test)]
mod tests;
