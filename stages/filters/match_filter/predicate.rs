//! What is asked of an event.

use std::fmt;
use std::ops::Not;

use logwheel_core::Event;
use regex::Regex;

use super::compare::{Constant, Literal, searchable, write_quoted};
use super::lexer::is_bare_path;
use crate::InvalidOption;
use crate::path::{FieldPath, Located};

/// A condition on the fields of an event.
///
/// Read from a text with [`parse`](str::parse), or built from parts; its `Display` is such a text.
///
/// # Language
/// ```text
/// status >= 500 and not (path starts_with "/health" or user.role == 'robot')
/// ```
/// - `a and b`, `a or b`, `not a`, also `&&`, `||`, `!`. `not` binds closest, then `and`. Parentheses
///   group, up to 64 deep. At most 16 KiB of text.
/// - `path exists`: there is such a field, whatever its value.
/// - `path == value`, `!=`, `<`, `<=`, `>`, `>=`.
/// - `path contains "text"`, `starts_with`, `ends_with`, and `matches "regex"` (the syntax of the
///   crate `regex`, not anchored, compiled to at most 1 MiB).
///
/// A **path** is a field's name, or names joined by dots that lead into a field with raw JSON
/// (`user.id`, `items.0.price`); the name `level`, `logger`, `message`, `trace_id` or `span_id` stands
/// for that part of the event. Other characters than letters, digits and `_ @ $ . - / :` need
/// backticks: `` `user name` ``, as do paths that start with a digit or are words of the language.
///
/// A **value** is a number, `true`, `false`, `null`, or a text: in double quotes with the escapes
/// `\" \\ \n \r \t`, or in single quotes as it stands, which suits regexes: `'^\d+$'`. After `level`
/// it is the name of a level (`level >= warn`), which must be registered by then, or its number.
///
/// # Meaning
/// - Numbers are compared as numbers, whatever their type; integers of up to 127 bits with each other
///   exactly, else as 64-bit floats. A length of time counts in seconds. A text and a number are compared as numbers if
///   the text is a number in JSON's notation, as `"503"` is.
/// - Texts are compared byte by byte. A text that was cut to fit equals nothing, but what was kept of it
///   is searched. Searching a number or truth value searches its digits or its word.
/// - Levels are compared by severity.
/// - What is not there, and what cannot be compared (an object, a text with `true`), is neither equal nor
///   less nor greater, and contains nothing. `!=` is the opposite of `==`, so it holds then.
///
/// ```
/// use logwheel_stages::Predicate;
///
/// let built = Predicate::field("status")?.at_least(500).and(!Predicate::field("path")?.starts_with("/health"));
/// let parsed: Predicate = r#"status >= 500 and not path starts_with "/health""#.parse()?;
/// assert_eq!(built.to_string(), parsed.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Predicate(pub(super) Node);

#[derive(Clone)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(FieldPath, Test),
}

#[derive(Clone)]
pub(super) enum Test {
    Exists,
    Compare(Comparison, Constant),
    Contains(Box<str>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Matches(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Memory for texts that have to be made, reused from event to event.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    text: String,
    digits: String,
}

impl Predicate {
    /// Starts a condition on the value at a path.
    ///
    /// # Errors
    /// When the path is empty, has an empty name in it or is longer than 65,535 bytes.
    pub fn field(path: &str) -> Result<FieldTest, InvalidOption> {
        match FieldPath::parse(path) {
            Some(path) => Ok(FieldTest { path }),
            None => Err(InvalidOption::new("path", format_args!("{path:?}"), FieldPath::ALLOWED)),
        }
    }

    /// Holds if both do.
    #[must_use]
    pub fn and(self, other: Predicate) -> Predicate {
        Predicate(Node::all(vec![self.0, other.0]))
    }

    /// Holds if one of the two does.
    #[must_use]
    pub fn or(self, other: Predicate) -> Predicate {
        Predicate(Node::any(vec![self.0, other.0]))
    }

    /// Whether it holds for an event.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.holds(event, &mut Scratch::default())
    }

    pub(super) fn holds(&self, event: &Event<'_>, scratch: &mut Scratch) -> bool {
        self.0.holds(event, scratch)
    }
}

impl Not for Predicate {
    type Output = Predicate;

    fn not(self) -> Predicate {
        Predicate(self.0.negated())
    }
}

/// A path, waiting for what is asked of its value: see [`Predicate::field`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FieldTest {
    path: FieldPath,
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $comparison:ident),*) => {$(
        $(#[$doc])*
        pub fn $name(self, value: impl Into<Literal>) -> Predicate {
            self.test(Test::Compare(Comparison::$comparison, value.into().0))
        }
    )*};
}

impl FieldTest {
    comparisons! {
        /// `path == value`
        equals => Equal,
        /// `path != value`: also where there is no such field.
        differs => NotEqual,
        /// `path < value`
        below => Less,
        /// `path <= value`
        at_most => LessOrEqual,
        /// `path > value`
        above => Greater,
        /// `path >= value`
        at_least => GreaterOrEqual
    }

    /// There is such a field, whatever its value.
    pub fn exists(self) -> Predicate {
        self.test(Test::Exists)
    }

    /// `path contains text`
    pub fn contains(self, text: &str) -> Predicate {
        self.test(Test::Contains(text.into()))
    }

    /// `path starts_with text`
    pub fn starts_with(self, text: &str) -> Predicate {
        self.test(Test::StartsWith(text.into()))
    }

    /// `path ends_with text`
    pub fn ends_with(self, text: &str) -> Predicate {
        self.test(Test::EndsWith(text.into()))
    }

    /// `path matches regex`: somewhere in the text, unless the regex has anchors.
    ///
    /// # Errors
    /// When the regex is not valid or compiles to more than 1 MiB.
    pub fn matches(self, regex: &str) -> Result<Predicate, InvalidOption> {
        match compile(regex) {
            Ok(regex) => Ok(self.test(Test::Matches(regex))),
            Err(problem) => {
                Err(InvalidOption::new("regex", format_args!("{regex:?}"), format!("a valid regex: {problem}")))
            }
        }
    }

    fn test(self, test: Test) -> Predicate {
        Predicate(Node::Test(self.path, test))
    }
}

/// The compiled regex, or what is wrong with it in one line.
pub(super) fn compile(regex: &str) -> Result<Regex, String> {
    const SIZE_LIMIT: usize = 1 << 20;
    regex::RegexBuilder::new(regex).size_limit(SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it compiles to more than 1 MiB".to_owned(),
        // The last of several lines, which draw the place.
        error => {
            let text = error.to_string();
            let line = text.lines().last().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    })
}

impl Node {
    /// Joined to one level, so that a long chain is not a deep one.
    pub(super) fn all(nodes: Vec<Node>) -> Node {
        let mut joined = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Node::All(inner) => joined.extend(inner),
                node => joined.push(node),
            }
        }
        Node::All(joined)
    }

    /// As [`all`](Self::all).
    pub(super) fn any(nodes: Vec<Node>) -> Node {
        let mut joined = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Node::Any(inner) => joined.extend(inner),
                node => joined.push(node),
            }
        }
        Node::Any(joined)
    }

    pub(super) fn negated(self) -> Node {
        match self {
            Node::Not(inner) => *inner,
            node => Node::Not(Box::new(node)),
        }
    }

    fn holds(&self, event: &Event<'_>, scratch: &mut Scratch) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.holds(event, scratch)),
            Node::Any(nodes) => nodes.iter().any(|node| node.holds(event, scratch)),
            Node::Not(node) => !node.holds(event, scratch),
            Node::Test(path, test) => test.holds(path.locate(event), scratch),
        }
    }
}

impl Test {
    fn holds(&self, located: Option<Located<'_>>, scratch: &mut Scratch) -> bool {
        if let Test::Compare(comparison, constant) = self {
            let order = match located {
                None => None,
                Some(Located::Level(level)) => constant.compare_level(level),
                Some(located) => constant.compare(&located.value(&mut scratch.text)),
            };
            return match comparison {
                Comparison::Equal => order.is_some_and(|order| order.is_eq()),
                Comparison::NotEqual => !order.is_some_and(|order| order.is_eq()),
                Comparison::Less => order.is_some_and(|order| order.is_lt()),
                Comparison::LessOrEqual => order.is_some_and(|order| order.is_le()),
                Comparison::Greater => order.is_some_and(|order| order.is_gt()),
                Comparison::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
            };
        }
        let Some(located) = located else { return false };
        if matches!(self, Test::Exists) {
            return true;
        }
        let Scratch { text, digits } = scratch;
        let value = located.value(text);
        let Some(text) = searchable(&value, digits) else { return false };
        match self {
            Test::Contains(part) => text.contains(&**part),
            Test::StartsWith(part) => text.starts_with(&**part),
            Test::EndsWith(part) => text.ends_with(&**part),
            Test::Matches(regex) => regex.is_match(text),
            Test::Exists | Test::Compare(..) => unreachable!("answered above"),
        }
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predicate({self})")
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, 0)
    }
}

impl Node {
    /// Writes the node; `tightness` is that of the operator around it: 1 `or`, 2 `and`, 3 `not`.
    fn write(&self, f: &mut fmt::Formatter<'_>, tightness: u8) -> fmt::Result {
        let (own, word, nodes) = match self {
            Node::All(nodes) => (2, " and ", nodes),
            Node::Any(nodes) => (1, " or ", nodes),
            Node::Not(node) => {
                f.write_str("not ")?;
                return node.write(f, 3);
            }
            Node::Test(path, test) => return write_test(f, path, test),
        };
        if own < tightness {
            f.write_str("(")?;
        }
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                f.write_str(word)?;
            }
            node.write(f, own)?;
        }
        if own < tightness {
            f.write_str(")")?;
        }
        Ok(())
    }
}

fn write_test(f: &mut fmt::Formatter<'_>, path: &FieldPath, test: &Test) -> fmt::Result {
    match path.as_str() {
        path if is_bare_path(path) => f.write_str(path)?,
        path => write_quoted(f, path, '`')?,
    }
    let (word, text) = match test {
        Test::Exists => return f.write_str(" exists"),
        Test::Compare(comparison, constant) => return write!(f, " {} {constant}", comparison.symbol()),
        Test::Contains(text) => ("contains", &**text),
        Test::StartsWith(text) => ("starts_with", &**text),
        Test::EndsWith(text) => ("ends_with", &**text),
        Test::Matches(regex) => ("matches", regex.as_str()),
    };
    write!(f, " {word} ")?;
    write_quoted(f, text, '"')
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}
