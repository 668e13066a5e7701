//! Comparing an event's values with those of a predicate.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use logwheel_core::{Level, Value};

use crate::path::read_number;

/// A value that a [`Predicate`](super::Predicate) compares with: made from a text, a number, a truth
/// value or a level.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal(pub(super) Constant);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Number(Number),
    /// With the number that it spells, if it does.
    Text(Box<str>, Option<Number>),
    Level(Level),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// A number, a length of time in seconds, or a text that is a number in JSON's notation.
    fn of(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::I64(v) => Self::Integer(i128::from(*v)),
            Value::U64(v) => Self::Integer(i128::from(*v)),
            Value::I128(v) => Self::Integer(*v),
            Value::U128(v) => i128::try_from(*v).map_or(Self::Float(*v as f64), Self::Integer),
            Value::F64(v) => Self::Float(*v),
            Value::F32(v) => Self::Float(f64::from(*v)),
            Value::Duration(v) => Self::Float(v.as_secs_f64()),
            Value::Str(text) => Self::of(&read_number(text)?)?,
            _ => return None,
        })
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_float().partial_cmp(&b.as_float()),
        }
    }

    fn as_float(self) -> f64 {
        match self {
            Self::Integer(v) => v as f64,
            Self::Float(v) => v,
        }
    }
}

impl Constant {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.into(), Number::of(&Value::Str(text)))
    }

    /// A number in JSON's notation that is not beyond all floats.
    pub(super) fn number(text: &str) -> Option<Self> {
        let number = Number::of(&read_number(text)?)?;
        number.as_float().is_finite().then_some(Self::Number(number))
    }

    /// How a value stands to this one; `None` if the two cannot be compared.
    pub(super) fn compare(&self, value: &Value<'_>) -> Option<Ordering> {
        match self {
            Self::Null => matches!(value, Value::Null).then_some(Ordering::Equal),
            Self::Bool(own) => match value {
                Value::Bool(value) => Some(value.cmp(own)),
                _ => None,
            },
            Self::Number(own) => Number::of(value)?.compare(*own),
            Self::Text(own, number) => match whole_text(value) {
                Some(text) => Some(text.as_bytes().cmp(own.as_bytes())),
                None => match value {
                    Value::Char(c) => Some((*c.encode_utf8(&mut [0; 4])).as_bytes().cmp(own.as_bytes())),
                    value => Number::of(value)?.compare((*number)?),
                },
            },
            Self::Level(own) => match value {
                Value::Str(name) => Some(Level::parse(name)?.cmp(own)),
                _ => None,
            },
        }
    }

    /// How an event's own level stands to this value: by severity.
    pub(super) fn compare_level(&self, level: Level) -> Option<Ordering> {
        match self {
            Self::Level(own) => Some(level.cmp(own)),
            Self::Number(own) => Number::Integer(i128::from(level.number())).compare(*own),
            Self::Text(name, _) => Some(level.cmp(&Level::parse(name)?)),
            Self::Null | Self::Bool(_) => None,
        }
    }
}

/// A text, if all of it is there.
fn whole_text<'v>(value: &Value<'v>) -> Option<&'v str> {
    match value {
        Value::Str(text) => Some(text),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// The text of a value to look into: of a text that was cut, what was kept; of a number or truth
/// value, what it looks like in JSON, written to `digits`.
pub(super) fn searchable<'v>(value: &Value<'v>, digits: &'v mut String) -> Option<&'v str> {
    digits.clear();
    let written = match value {
        Value::Cut { kept, .. } => return std::str::from_utf8(kept).ok(),
        Value::Char(v) => write!(digits, "{v}"),
        Value::Bool(v) => write!(digits, "{v}"),
        Value::I64(v) => write!(digits, "{v}"),
        Value::U64(v) => write!(digits, "{v}"),
        Value::I128(v) => write!(digits, "{v}"),
        Value::U128(v) => write!(digits, "{v}"),
        Value::F64(v) => write!(digits, "{v}"),
        Value::F32(v) => write!(digits, "{v}"),
        value => return whole_text(value),
    };
    written.ok().map(|()| digits.as_str())
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(v) => write!(f, "{v}"),
            Self::Number(Number::Integer(v)) => write!(f, "{v}"),
            Self::Number(Number::Float(v)) => write!(f, "{v:?}"),
            Self::Text(text, _) => write_quoted(f, text, '"'),
            // A level without a name of its own answers to that of the one below it.
            Self::Level(level) if Level::parse(level.name()) == Some(*level) => {
                level.name().chars().try_for_each(|c| f.write_char(c.to_ascii_lowercase()))
            }
            Self::Level(level) => write!(f, "{}", level.number()),
        }
    }
}

/// Writes a text as the lexer reads it back.
pub(super) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c == quote || c == '\\' => write!(f, "\\{c}")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

macro_rules! literal_from {
    ($($type:ty => |$value:ident| $constant:expr),* $(,)?) => {$(
        impl From<$type> for Literal {
            fn from($value: $type) -> Self {
                Literal($constant)
            }
        }
    )*};
}

literal_from! {
    bool => |v| Constant::Bool(v),
    i32 => |v| Constant::Number(Number::Integer(i128::from(v))),
    u32 => |v| Constant::Number(Number::Integer(i128::from(v))),
    i64 => |v| Constant::Number(Number::Integer(i128::from(v))),
    u64 => |v| Constant::Number(Number::Integer(i128::from(v))),
    i128 => |v| Constant::Number(Number::Integer(v)),
    f64 => |v| Constant::Number(Number::Float(v)),
    &str => |v| Constant::text(v),
    String => |v| Constant::text(&v),
    Level => |v| Constant::Level(v),
    () => |_v| Constant::Null,
}
