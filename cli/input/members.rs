//! A line of JSON: its members, and what they say about the event.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use logwheel::{Level, Value};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::levels;
use super::time::{self, Times};

mod usual;

/// An object with more members is no event. The names of an event are unique, and seeing to that
/// takes each of them to be compared with all others.
const MAX_MEMBERS: usize = 1_024;
/// A longer text is no name of a logger.
const MAX_LOGGER: usize = 256;

/// The members of one object, in order, each name once.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<Member<'a>>);

#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) value: Parsed<'a>,
    /// The value as it was written.
    source: &'a str,
    /// Differs for most names that differ.
    tag: u32,
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
enum Role {
    Time,
    Level,
    Message,
    Logger,
}

const ROLES: usize = 4;

/// What a name stands for, and its rank: of several candidates the one with the least is taken.
fn role_of(name: &str) -> Option<(Role, usize)> {
    const NAMES: [(Role, &[&str]); ROLES] = [
        (Role::Time, &["timestamp", "@timestamp", "time", "ts", "datetime"]),
        (Role::Level, &["level", "severity", "lvl", "loglevel", "log_level", "log.level", "levelname"]),
        (Role::Message, &["message", "msg"]),
        (Role::Logger, &["logger"]),
    ];
    // Most names are none of these, and most of those do not begin like one.
    let begin = name.as_bytes().first()?.to_ascii_lowercase();
    if !b"t@dlsm".contains(&begin) || name.len() > "@timestamp".len() {
        return None;
    }
    let rank = |names: &[&str]| names.iter().position(|known| known.eq_ignore_ascii_case(name));
    NAMES.iter().find_map(|(role, names)| Some((*role, rank(names)?)))
}

impl<'a> Members<'a> {
    /// Reads a line. Says whether it is one object, and not too large a one.
    pub(super) fn read(&mut self, line: &'a str) -> bool {
        let is_usual = usual::read(line, |name, source, value| self.add(Cow::Borrowed(name), source, value));
        is_usual || self.read_unusual(line)
    }

    fn read_unusual(&mut self, line: &'a str) -> bool {
        self.0.clear();
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = Object(self).deserialize(&mut deserializer);
        read.and_then(|()| deserializer.end()).is_ok()
    }

    /// Adds a member. Says whether there was room for it.
    #[inline]
    fn add(&mut self, name: Cow<'a, str>, source: &'a str, value: Parsed<'a>) -> bool {
        let tag = tag(name.as_bytes());
        let member = Member { name, value, source, tag };
        // Few members: comparing is faster than hashing.
        match self.0.iter().position(|earlier| earlier.tag == tag && earlier.name == member.name) {
            Some(earlier) => self.0[earlier] = member,
            None if self.0.len() == MAX_MEMBERS => return false,
            None => self.0.push(member),
        }
        true
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
    pub(super) fn event(&self, times: &mut Times) -> Said<'_> {
        let mut said = Said::default();
        let mut ranks = [usize::MAX; ROLES];
        for (index, member) in self.0.iter().enumerate() {
            let Some((role, rank)) = role_of(&member.name).filter(|(role, rank)| *rank < ranks[*role as usize]) else {
                continue;
            };
            if said.take(role, member, times) {
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
    fn take(&mut self, role: Role, member: &'m Member<'_>, times: &mut Times) -> bool {
        match (role, &member.value) {
            (Role::Time, value) => {
                let time = match value {
                    Parsed::Text(text) => times.read(text),
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
                    Parsed::Text(text) => levels::by_name(text),
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
struct Object<'v, 'a>(&'v mut Members<'a>);

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
            if !self.0.add(name, source, parse(source)) {
                return Err(de::Error::custom("too many members"));
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
fn parse(source: &str) -> Parsed<'_> {
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

/// A name's length and three of its bytes.
fn tag(name: &[u8]) -> u32 {
    let [first, .., last] = *name else { return name.len() as u32 };
    u32::from_le_bytes([name.len() as u8, first, name[name.len() / 2], last])
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
        Ok(number) if is_plain_decimal(source) => Value::F64(number),
        Ok(number) if number.is_finite() && zmij::Buffer::new().format_finite(number) == source => Value::F64(number),
        _ => Value::Json(source),
    }
}

/// Whether the shortest text for this number is how it stands there, seen without writing it: up to
/// fifteen digits, of which no other fewer mean the same number, and none that says nothing.
fn is_plain_decimal(source: &str) -> bool {
    let Some((whole, fraction)) = source.split_once('.') else { return false };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    whole != "0" && !fraction.ends_with('0') && source.len() <= 16 && is_digits(whole) && is_digits(fraction)
}

#[cfg(test)]
mod tests;
