//! A line of JSON: its members, and what they say about the event.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use logwheel::{Level, Value};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::time::Times;
use super::{levels, scan, time};

/// An object with more members is no event. The names of an event are unique, and seeing to that
/// takes each of them to be compared with all others.
const MAX_MEMBERS: usize = 1_024;
/// A longer text is no name of a logger.
const MAX_LOGGER: usize = 256;

/// The members of one object, in order, each name once.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    all: Vec<Member<'a>>,
    /// A bit for each name, by which most names are known to be new.
    seen: u64,
}

#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) value: Parsed<'a>,
    /// The value as it was written.
    source: &'a str,
    /// What the name stands for, and its rank.
    role: Option<(Role, usize)>,
}

#[derive(Debug)]
pub(super) enum Parsed<'a> {
    Text(Cow<'a, str>),
    Plain(Value<'a>),
}

/// What an object says about the event's level.
#[derive(Debug, Default)]
pub(super) struct SaidLevel {
    pub(super) level: Option<Level>,
    /// There was a level, of which nobody knows what it means.
    pub(super) is_unknown: bool,
    /// The member that says it.
    pub(super) taken: Option<usize>,
}

/// What an object says about the event, beside its level and its fields.
#[derive(Debug, Default)]
pub(super) struct Said<'m> {
    pub(super) time: Option<SystemTime>,
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
    Message,
    Logger,
    /// Looked at before the others.
    Level,
}

/// Those beside the level.
const ROLES: usize = 3;

/// What a name stands for, and its rank: of several candidates the one with the least is taken.
fn role_of(name: &str) -> Option<(Role, usize)> {
    // By length, which most names are told apart by.
    let candidates: &[(&str, Role, usize)] = match name.len() {
        2 => &[("ts", Role::Time, 3)],
        3 => &[("lvl", Role::Level, 2), ("msg", Role::Message, 1)],
        4 => &[("time", Role::Time, 2)],
        5 => &[("level", Role::Level, 0)],
        6 => &[("logger", Role::Logger, 0)],
        7 => &[("message", Role::Message, 0)],
        8 => &[("datetime", Role::Time, 4), ("severity", Role::Level, 1), ("loglevel", Role::Level, 3)],
        9 => &[
            ("timestamp", Role::Time, 0),
            ("log_level", Role::Level, 4),
            ("log.level", Role::Level, 5),
            ("levelname", Role::Level, 6),
        ],
        10 => &[("@timestamp", Role::Time, 1)],
        _ => &[],
    };
    let candidate = candidates.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    candidate.map(|(_, role, rank)| (*role, *rank))
}

impl<'a> Members<'a> {
    /// Reads a line. Says whether it is one object, and not too large a one.
    pub(super) fn read(&mut self, line: &'a str) -> bool {
        if scan::members(line, |name, value, source| self.add(Cow::Borrowed(name), value, source).ok()).is_some() {
            return true;
        }
        self.read_unusual(line)
    }

    fn read_unusual(&mut self, line: &'a str) -> bool {
        self.clear();
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = Object(self).deserialize(&mut deserializer);
        read.and_then(|()| deserializer.end()).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member<'a>> {
        self.all.iter()
    }

    /// The memory of these members, for those of another line.
    pub(super) fn reused<'b>(mut self) -> Members<'b> {
        self.clear();
        // Nothing is left to convert; the standard library keeps the allocation.
        Members { all: self.all.into_iter().map(|_| unreachable!("it was cleared")).collect(), seen: 0 }
    }

    fn clear(&mut self) {
        self.all.clear();
        self.seen = 0;
    }

    /// Adds a member, or replaces the earlier one of this name; unless there are too many.
    #[inline]
    fn add(&mut self, name: Cow<'a, str>, value: Parsed<'a>, source: &'a str) -> Result<(), TooMany> {
        let bit = 1 << (hash_of(name.as_bytes()) % 64);
        let role = role_of(&name);
        let member = Member { name, value, source, role };
        if self.seen & bit != 0
            && let Some(earlier) = self.all.iter_mut().find(|earlier| earlier.name == member.name)
        {
            *earlier = member;
            return Ok(());
        }
        if self.all.len() == MAX_MEMBERS {
            return Err(TooMany);
        }
        self.seen |= bit;
        self.all.push(member);
        Ok(())
    }

    /// The level that the members say, before anything else is looked at.
    pub(super) fn level(&self) -> SaidLevel {
        let mut said = SaidLevel::default();
        let mut best = usize::MAX;
        for (index, member) in self.all.iter().enumerate() {
            let Some((Role::Level, rank)) = member.role.filter(|(_, rank)| *rank < best) else { continue };
            let level = match &member.value {
                Parsed::Text(text) => levels::by_name(text),
                Parsed::Plain(Value::U64(number)) => levels::by_number(*number),
                Parsed::Plain(_) => None,
            };
            said.is_unknown |= level.is_none();
            if level.is_some() {
                (said.level, said.taken, best) = (level, Some(index), rank);
            }
        }
        said.is_unknown &= said.level.is_none();
        said
    }

    /// What the members say about the event, beside its level.
    pub(super) fn event(&self, times: &mut Times) -> Said<'_> {
        let mut said = Said::default();
        let mut ranks = [usize::MAX; ROLES];
        for (index, member) in self.all.iter().enumerate() {
            let is_better = |(role, rank): &(Role, usize)| *role != Role::Level && *rank < ranks[*role as usize];
            let Some((role, rank)) = member.role.filter(is_better) else { continue };
            if said.take(role, member, times) {
                said.taken[role as usize] = Some(index);
                ranks[role as usize] = rank;
            }
        }
        said
    }
}

/// An object has more than [`MAX_MEMBERS`].
struct TooMany;

/// Tells names of the same length apart by a few of their bytes.
#[inline]
fn hash_of(name: &[u8]) -> usize {
    let [first, middle, last] = match name {
        [] => return 0,
        [.., last] => [name[0], name[name.len() / 2], *last].map(usize::from),
    };
    first.wrapping_mul(31) ^ middle.wrapping_mul(7) ^ last.wrapping_mul(131) ^ name.len().wrapping_mul(17)
}

impl<'m> Said<'m> {
    /// Takes what a member says; `false` if that cannot be understood.
    fn take(&mut self, role: Role, member: &'m Member<'_>, times: &mut Times) -> bool {
        match (role, &member.value) {
            (Role::Time, value) => {
                let time = match value {
                    Parsed::Text(text) => times.from_text(text),
                    Parsed::Plain(Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Json(_)) => {
                        time::from_number(member.source)
                    }
                    Parsed::Plain(_) => None,
                };
                self.time = time.or(self.time);
                time.is_some()
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

/// Reads an object into its members.
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
            let added = self.0.add(name, parse(source), source);
            added.map_err(|TooMany| de::Error::custom("too many members"))?;
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
