//! An everyday line of JSON, in one pass and without a step between: names and texts without escapes, each name once,
//! and nothing that is to say something and cannot be understood.
//!
//! Every other line is left to [`Members`](super::members::Members), which reads it from its beginning and decides
//! whether it is JSON at all. So nothing is refused here, and nothing is taken that would be refused, or would
//! become another event, there.

use std::str::from_utf8;

use logwheel::wire::FieldBuffer;
use logwheel::{Level, Value};

use super::levels;
use super::members::{MAX_LOGGER, MAX_MEMBERS, ROLES, Role};
use super::names::{Name, Names};
use super::time::{self, Times, nanoseconds};
use scanner::Scanner;

mod scanner;

/// Reads lines, and knows what it met before.
#[derive(Debug, Default)]
pub(super) struct Everyday {
    names: Names,
    /// The fields of the last line, encoded, in order.
    fields: FieldBuffer,
}

/// What the members of one object say, beside its fields.
#[derive(Debug)]
pub(super) struct Said<'a, 'f> {
    /// By role.
    said: [Option<What<'a>>; ROLES],
    /// Its level may pass.
    pub(super) wanted: bool,
    /// Encoded, one behind the other.
    pub(super) fields: &'f [u8],
}

/// What becomes of a line, beside its level and its fields.
#[derive(Debug, PartialEq)]
pub(super) struct Event<'a> {
    /// In nanoseconds since 1970.
    pub(super) time: Option<u64>,
    pub(super) message: &'a [u8],
    pub(super) logger: Option<&'a [u8]>,
}

impl Everyday {
    /// Reads a line of UTF-8; `None` for one that has to be read in another way. Of one whose level does not pass the
    /// fields that come behind that are not kept.
    pub(super) fn read<'a>(&mut self, line: &'a [u8], passes: impl Fn(Level) -> bool) -> Option<Said<'a, '_>> {
        let Self { names, fields } = self;
        let (mut said, mut members, mut wanted) = ([None; ROLES], 0, true);
        names.begin();
        // The most is made of `"":1,`: eleven bytes of five.
        let mut out = fields.begin(3 * line.len());
        let mut scanner = Scanner { rest: line };
        scanner.skip_space();
        scanner.take(b'{')?;
        let mut next = names.expected::<0>(scanner.rest);
        if next.is_none() {
            scanner.skip_space();
        }
        if scanner.peek()? != b'}' {
            loop {
                let name = match next {
                    Some((name, len)) => {
                        scanner.pass(len)?;
                        name
                    }
                    None => read_name(&mut scanner, names)?,
                };
                let mut first = scanner.peek()?;
                if first != b'"' && matches!(first, b' ' | b'\t') {
                    scanner.skip_space();
                    first = scanner.peek()?;
                }
                let begin = scanner;
                if first == b'"' {
                    let text = scanner.text()?;
                    match name.role {
                        None if !wanted => {}
                        None => {
                            out.name(&name.encoded)?;
                            out.text(&begin.rest[1..], text.len())?;
                        }
                        Some(role) => {
                            if role == Role::Level {
                                wanted = levels::by_name(text).is_none_or(&passes);
                            }
                            say(&mut said, role, What::Text(text))?;
                        }
                    }
                } else {
                    let value = scanner.value()?;
                    match name.role {
                        None if !wanted => {}
                        None => {
                            out.name(&name.encoded)?;
                            out.value(&value)?;
                        }
                        Some(role) => say(&mut said, role, What::Plain(value, scanner.since(begin)))?,
                    }
                }
                members += 1;
                next = names.expected::<1>(scanner.rest);
                if next.is_none() {
                    scanner.skip_space();
                    if scanner.take(b',').is_none() {
                        break;
                    }
                }
            }
        }
        scanner.take(b'}')?;
        scanner.skip_space();
        (scanner.rest.is_empty() && members <= MAX_MEMBERS).then(|| Said { said, wanted, fields: out.finish() })
    }
}

/// Reads a name that was not expected, up to its value.
#[inline(never)]
fn read_name<'n>(scanner: &mut Scanner<'_>, names: &'n mut Names) -> Option<&'n Name> {
    scanner.skip_space();
    // Of two, the last one counts; that is seen to elsewhere.
    let name = names.other(scanner.text()?)?;
    scanner.skip_space();
    scanner.take(b':')?;
    Some(name)
}

/// `None` if the role is taken. Of two, one is a field; which one, is said elsewhere.
#[inline(always)]
fn say<'a>(said: &mut [Option<What<'a>>; ROLES], role: Role, what: What<'a>) -> Option<()> {
    let said = &mut said[role as usize];
    said.is_none().then(|| *said = Some(what))
}

/// The value of a member that is to say something.
#[derive(Debug, Clone, Copy)]
enum What<'a> {
    Text(&'a [u8]),
    /// With its source.
    Plain(Value<'a>, &'a [u8]),
}

impl<'a> Said<'a, '_> {
    /// The level, `INFO` where there is none; `None` if there is one that nobody knows.
    #[inline]
    pub(super) fn level(&self) -> Option<Level> {
        match self.said[Role::Level as usize] {
            None => Some(Level::INFO),
            Some(What::Text(text)) => levels::by_name(text),
            Some(What::Plain(Value::U64(number), _)) => levels::by_number(number),
            Some(What::Plain(..)) => None,
        }
    }

    /// The rest of what is said; `None` if any of it cannot be understood.
    #[inline]
    pub(super) fn event(&self, times: &mut Times) -> Option<Event<'a>> {
        let text = |role: Role| match self.said[role as usize] {
            None => Some(None),
            Some(What::Text(text)) => Some(Some(text)),
            Some(What::Plain(..)) => None,
        };
        let time = match self.said[Role::Time as usize] {
            None => None,
            Some(What::Text(text)) => Some(times.read(text)?),
            Some(What::Plain(Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Json(_), source)) => {
                Some(nanoseconds(time::from_number(from_utf8(source).ok()?)?))
            }
            Some(What::Plain(..)) => return None,
        };
        let logger = text(Role::Logger)?;
        if logger.is_some_and(|name| !(1..=MAX_LOGGER).contains(&name.len())) {
            return None;
        }
        Some(Event { time, message: text(Role::Message)?.unwrap_or_default(), logger })
    }
}

#[cfg(test)]
mod tests;
