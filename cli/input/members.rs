//! A line of JSON: its members, and what they say about the event.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use logwheel::{Level, Value};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{levels, time};

/// An object with more members is no event. The names of an event are unique, and seeing to that
/// takes each of them to be compared with all others.
pub(super) const MAX_MEMBERS: usize = 1_024;
/// A longer text is no name of a logger.
pub(super) const MAX_LOGGER: usize = 256;

/// The members of one object, in order, each name once.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<Member<'a>>);

#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) value: Parsed<'a>,
    /// The value as it was written.
    source: &'a str,
}

#[derive(Debug)]
pub(super) enum Parsed<'a> {
    Text(Cow<'a, str>),
    Plain(Value<'a>),
}

/// What an object says about the event, beside its fields.
#[derive(Debug, Default)]
pub(super) struct Said<'m> {
    pub(super) time: Option<SystemTime>,
    pub(super) level: Option<Level>,
    /// There was a level, of which nobody knows what it means.
    pub(super) unknown_level: bool,
    pub(super) message: &'m str,
    pub(super) logger: Option<&'m str>,
    /// The members that are said by the above, by role.
    taken: [Option<usize>; ROLES],
}

impl Said<'_> {
    /// Whether the member at this position is no field.
    pub(super) fn is_taken(&self, index: usize) -> bool {
        self.taken.contains(&Some(index))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Time,
    Level,
    Message,
    Logger,
}

pub(super) const ROLES: usize = 4;

/// What a name stands for, and its rank: of several candidates the one with the least is taken.
#[inline]
pub(super) fn role_of(name: &str) -> Option<(Role, usize)> {
    // Most names are told apart by their length and how they begin, in any case of a letter.
    let begin = name.as_bytes().first()? | 0x20;
    let candidates: &[(&str, Role, usize)] = match (name.len(), begin) {
        (2, b't') => &[("ts", Role::Time, 3)],
        (3, b'l') => &[("lvl", Role::Level, 2)],
        (3, b'm') => &[("msg", Role::Message, 1)],
        (4, b't') => &[("time", Role::Time, 2)],
        (5, b'l') => &[("level", Role::Level, 0)],
        (6, b'l') => &[("logger", Role::Logger, 0)],
        (7, b'm') => &[("message", Role::Message, 0)],
        (8, b'd') => &[("datetime", Role::Time, 4)],
        (8, b's') => &[("severity", Role::Level, 1)],
        (8, b'l') => &[("loglevel", Role::Level, 3)],
        (9, b't') => &[("timestamp", Role::Time, 0)],
        (9, b'l') => &[("log_level", Role::Level, 4), ("log.level", Role::Level, 5), ("levelname", Role::Level, 6)],
        // That of `@`.
        (10, b'`') => &[("@timestamp", Role::Time, 1)],
        _ => return None,
    };
    let candidate = candidates.iter().find(|(known, ..)| *known == name || known.eq_ignore_ascii_case(name));
    candidate.map(|(_, role, rank)| (*role, *rank))
}

impl<'a> Members<'a> {
    /// Reads a line. Says whether it is one object, and not too large a one.
    pub(super) fn read(&mut self, line: &'a str) -> bool {
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = Object(&mut self.0).deserialize(&mut deserializer);
        read.and_then(|()| deserializer.end()).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member<'a>> {
        self.0.iter()
    }

    /// The memory of these members, for those of another line.
    pub(super) fn reused<'b>(mut self) -> Members<'b> {
        self.0.clear();
        // Nothing is left to convert; the standard library keeps the allocation.
        Members(self.0.into_iter().map(|_| unreachable!("it was cleared")).collect())
    }

    /// What the members say about the event.
    pub(super) fn event(&self) -> Said<'_> {
        let mut said = Said::default();
        let mut ranks = [usize::MAX; ROLES];
        for (index, member) in self.0.iter().enumerate() {
            let Some((role, rank)) = role_of(&member.name).filter(|(role, rank)| *rank < ranks[*role as usize]) else {
                continue;
            };
            if said.take(role, member) {
                said.taken[role as usize] = Some(index);
                ranks[role as usize] = rank;
            }
        }
        said.unknown_level &= said.level.is_none();
        said
    }
}

impl<'m> Said<'m> {
    /// Takes what a member says; `false` if that cannot be understood.
    fn take(&mut self, role: Role, member: &'m Member<'_>) -> bool {
        match (role, &member.value) {
            (Role::Time, value) => {
                let time = match value {
                    Parsed::Text(text) => time::from_text(text),
                    Parsed::Plain(Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Json(_)) => {
                        time::from_number(member.source)
                    }
                    Parsed::Plain(_) => None,
                };
                self.time = time.or(self.time);
                time.is_some()
            }
            (Role::Level, value) => {
                let level = match value {
                    Parsed::Text(text) => levels::by_name(text.as_bytes()),
                    Parsed::Plain(Value::U64(number)) => levels::by_number(*number),
                    Parsed::Plain(_) => None,
                };
                self.unknown_level |= level.is_none();
                self.level = level.or(self.level);
                level.is_some()
            }
            (Role::Message, Parsed::Text(text)) => {
                self.message = text;
                true
            }
            (Role::Logger, Parsed::Text(name)) if (1..=MAX_LOGGER).contains(&name.len()) => {
                self.logger = Some(name);
                true
            }
            _ => false,
        }
    }
}

/// Reads an object into a vector of its members.
struct Object<'v, 'a>(&'v mut Vec<Member<'a>>);

impl<'a> DeserializeSeed<'a> for Object<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            let source = map.next_value::<&RawValue>()?.get();
            let member = Member { name, value: parse(source), source };
            // Few members: comparing is faster than hashing.
            match self.0.iter().position(|earlier| earlier.name == member.name) {
                Some(earlier) => self.0[earlier] = member,
                None if self.0.len() == MAX_MEMBERS => return Err(de::Error::custom("too many members")),
                None => self.0.push(member),
            }
        }
        Ok(())
    }
}

/// Reads a text, borrowed where it has no escapes.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A value from its source, which is valid JSON. What no value of its kind can hold stays as it is
/// written.
pub(super) fn parse(source: &str) -> Parsed<'_> {
    let plain = match source.as_bytes().first() {
        Some(b'"') => return text(source).map_or(Parsed::Plain(Value::Json(source)), Parsed::Text),
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'-' | b'0'..=b'9') => number(source),
        _ => Value::Json(source),
    };
    Parsed::Plain(plain)
}

/// `None` for a text with half a surrogate pair in it, which is valid JSON and no Unicode.
fn text(source: &str) -> Option<Cow<'_, str>> {
    let inner = source.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(source).ok().map(Cow::Owned)
}

/// A number that comes out as it went in, or its source.
fn number(source: &str) -> Value<'_> {
    let is_whole = source.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole && source != "-0" {
        if let Ok(number) = source.parse() {
            return Value::U64(number);
        }
        if let Ok(number) = source.parse() {
            return Value::I64(number);
        }
    }
    match source.parse::<f64>() {
        Ok(number) if number.is_finite() && zmij::Buffer::new().format_finite(number) == source => Value::F64(number),
        _ => Value::Json(source),
    }
}

#[cfg(test)]
mod tests;
