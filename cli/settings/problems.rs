//! What is wrong with settings: collected, not reported one by one, and without secrets.

use std::cell::RefCell;
use std::fmt;

use toml::Value;

use super::names::is_secret;

/// Settings that cannot be used. All their problems, each with its key, value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsError {
    problems: Vec<String>,
}

impl SettingsError {
    pub(crate) fn new(problems: Vec<String>) -> Self {
        Self { problems }
    }

    /// One sentence each.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

impl std::error::Error for SettingsError {}

/// A problem was noted with the [`Options`](super::Options); there is nothing to return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported;

/// Where problems are noted, and what must not appear in them.
pub(crate) struct Problems<'a> {
    noted: RefCell<Vec<String>>,
    /// A text, and what is shown in its place.
    hidden: RefCell<Vec<(String, String)>>,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

/// Texts that must not be shown, and what is shown in their place.
#[derive(Default)]
pub(crate) struct Hidden(Vec<(String, String)>);

impl Hidden {
    pub(crate) fn hide(&self, problem: String) -> String {
        self.0.iter().fold(problem, |problem, (text, shown)| problem.replace(text, shown))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// A shorter secret is in every other word; it is hidden where its key stands, and only there.
const WORTH_HIDING: usize = 4;

impl<'a> Problems<'a> {
    pub(crate) fn new(settings: &toml::Table, environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let problems = Self { noted: RefCell::default(), hidden: RefCell::default(), environment };
        settings.iter().for_each(|(key, value)| problems.hide_secrets(value, is_secret(key)));
        problems
    }

    /// Notes a problem.
    pub(crate) fn note(&self, problem: String) {
        self.noted.borrow_mut().push(problem);
    }

    pub(crate) fn count(&self) -> usize {
        self.noted.borrow().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// All of them, in the order in which they were found, without secrets; and what to hide in
    /// those that are still to come.
    pub(crate) fn into_noted(self) -> (Vec<String>, Hidden) {
        let mut hidden = Hidden(self.hidden.take());
        // A longer one may contain a shorter one.
        hidden.0.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        (self.noted.take().into_iter().map(|problem| hidden.hide(problem)).collect(), hidden)
    }

    /// Replaces `${NAME}` by the environment variable of this name; `$${` stands for `${`.
    pub(crate) fn expand(&self, path: &str, text: &str) -> Result<String, Reported> {
        let mut expanded = String::new();
        let mut rest = text;
        let mut result = Ok(());
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = &reference[2..];
                continue;
            }
            expanded.push_str(before);
            let Some((name, behind)) = reference[2..].split_once('}') else {
                self.note(format!("{path}: \"${{\" without \"}}\"; write \"$${{\" for the characters themselves"));
                return Err(Reported);
            };
            match (self.environment)(name) {
                Some(value) => {
                    self.hide(&value, format!("${{{name}}}"));
                    expanded.push_str(&value);
                }
                None => {
                    self.note(format!("{path}: the environment variable {name:?} is not set"));
                    result = Err(Reported);
                }
            }
            rest = behind;
        }
        expanded.push_str(rest);
        result.map(|()| expanded)
    }

    fn hide(&self, text: &str, shown: String) {
        if text.len() >= WORTH_HIDING {
            self.hidden.borrow_mut().push((text.to_owned(), shown));
        }
    }

    fn hide_secrets(&self, value: &Value, secret: bool) {
        match value {
            // What refers to the environment is no secret; what it refers to is, once it is read.
            Value::String(text) if secret && !text.contains("${") => self.hide(text, "***".to_owned()),
            Value::Array(values) => values.iter().for_each(|value| self.hide_secrets(value, secret)),
            Value::Table(table) => {
                table.iter().for_each(|(key, value)| self.hide_secrets(value, secret || is_secret(key)));
            }
            _ => {}
        }
    }
}

/// A value as it may be shown in a problem.
pub(crate) fn shown(value: &Value, secret: bool) -> String {
    /// Longer texts are cut.
    const LONGEST: usize = 60;
    match value {
        Value::Array(values) => format!("an array of {}", values.len()),
        Value::Table(_) => "a table".to_owned(),
        _ if secret => "***".to_owned(),
        Value::String(text) if text.len() > LONGEST => {
            format!("{:?}", format!("{}…", &text[..text.floor_char_boundary(LONGEST)]))
        }
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
