//! Severity levels, built-in and registered.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// How severe an event is: a number from 0 to 99, greater is more severe.
///
/// The built-in levels carry the numbers of the Python library fapilog; others can be
/// [registered](Level::register) before the first engine is built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

/// The names of registered levels, by number. Written once per entry, before the first engine.
static REGISTERED: [OnceLock<&'static str>; Level::COUNT] = [const { OnceLock::new() }; Level::COUNT];
static FROZEN: AtomicBool = AtomicBool::new(false);

const BUILT_IN: [(Level, &str); 8] = [
    (Level::TRACE, "TRACE"),
    (Level::DEBUG, "DEBUG"),
    (Level::INFO, "INFO"),
    (Level::WARN, "WARN"),
    (Level::ERROR, "ERROR"),
    (Level::CRITICAL, "CRITICAL"),
    (Level::AUDIT, "AUDIT"),
    (Level::SECURITY, "SECURITY"),
];

/// Other spellings that are accepted when a level is read from text.
const ALIASES: [(Level, &str); 4] =
    [(Level::WARN, "WARNING"), (Level::CRITICAL, "FATAL"), (Level::ERROR, "ERR"), (Level::INFO, "NOTICE")];

impl Level {
    /// Finest detail (5).
    pub const TRACE: Level = Level(5);
    /// For developers (10).
    pub const DEBUG: Level = Level(10);
    /// Normal operation (20).
    pub const INFO: Level = Level(20);
    /// Something to look at (30).
    pub const WARN: Level = Level(30);
    /// An operation failed (40).
    pub const ERROR: Level = Level(40);
    /// The service is in danger (50).
    pub const CRITICAL: Level = Level(50);
    /// A record that must be kept (60).
    pub const AUDIT: Level = Level(60);
    /// A record of a security matter (70).
    pub const SECURITY: Level = Level(70);

    /// How many level numbers there are.
    pub const COUNT: usize = 100;

    /// The level's number, 0 to 99.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The level with this number; `None` above 99.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Level> {
        if (number as usize) < Self::COUNT { Some(Level(number)) } else { None }
    }

    /// The level's name in upper case. An unnamed number takes the name of the built-in level
    /// below it (`TRACE` if there is none).
    #[must_use]
    pub fn name(self) -> &'static str {
        if let Some(name) = REGISTERED[self.0 as usize].get() {
            return name;
        }
        BUILT_IN.iter().rev().find(|(level, _)| *level <= self).map_or("TRACE", |(_, name)| name)
    }

    /// Gives the number a name of its own. The name is stored in upper case.
    ///
    /// # Errors
    /// When the number is above 99 or taken, when the name is taken or is not made of ASCII
    /// letters, digits, `_` and `-`, or when an engine was already built: then names are frozen,
    /// because worker threads read them.
    pub fn register(name: &str, number: u8) -> Result<Level, LevelError> {
        let error = |problem| Err(LevelError { name: name.to_owned(), number, problem });
        if FROZEN.load(Ordering::Acquire) {
            return error(LevelProblem::Frozen);
        }
        let Some(level) = Self::from_number(number) else {
            return error(LevelProblem::OutOfRange);
        };
        let valid = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(valid) {
            return error(LevelProblem::InvalidName);
        }
        // Aliases may be taken over: "NOTICE" is a level of its own to many.
        if Self::named(name).is_some() {
            return error(LevelProblem::NameTaken);
        }
        if BUILT_IN.iter().any(|(taken, _)| *taken == level) {
            return error(LevelProblem::NumberTaken);
        }
        // A handful of names for the life of the process: leaking them makes reading free.
        let name_for_ever: &'static str = Box::leak(name.to_ascii_uppercase().into_boxed_str());
        match REGISTERED[number as usize].set(name_for_ever) {
            Ok(()) => Ok(level),
            Err(_) => error(LevelProblem::NumberTaken),
        }
    }

    /// Ends registration; called by the engine when it is built.
    #[doc(hidden)]
    pub fn freeze() {
        FROZEN.store(true, Ordering::Release);
    }

    /// The level with this name or alias, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Level> {
        Self::named(text)
            .or_else(|| ALIASES.iter().find(|(_, alias)| alias.eq_ignore_ascii_case(text)).map(|(level, _)| *level))
    }

    fn named(text: &str) -> Option<Level> {
        let built_in = BUILT_IN.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(level, _)| *level);
        built_in.or_else(|| {
            let position = REGISTERED.iter().position(|n| n.get().is_some_and(|n| n.eq_ignore_ascii_case(text)))?;
            Some(Level(position as u8))
        })
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| UnknownLevel { text: text.to_owned() })
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown level {text:?}: expected trace, debug, info, warn, error, critical, audit, security or a registered level"
)]
pub struct UnknownLevel {
    text: String,
}

/// A level could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("level {name:?} ({number}): {problem}")]
pub struct LevelError {
    name: String,
    number: u8,
    problem: LevelProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum LevelProblem {
    #[error("levels must be registered before the first engine is built")]
    Frozen,
    #[error("the number must be 0 to 99")]
    OutOfRange,
    #[error("the name must be 1 to 32 ASCII letters, digits, '_' or '-'")]
    InvalidName,
    #[error("the name is taken")]
    NameTaken,
    #[error("the number is taken")]
    NumberTaken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_parse_in_any_case() {
        for (text, level) in [
            ("info", Level::INFO),
            ("Warning", Level::WARN),
            ("FATAL", Level::CRITICAL),
            ("critical", Level::CRITICAL),
            ("audit", Level::AUDIT),
        ] {
            assert_eq!(text.parse::<Level>(), Ok(level), "{text}");
        }
        let error = "loud".parse::<Level>().unwrap_err().to_string();
        assert!(error.contains("\"loud\"") && error.contains("critical"), "{error}");
    }

    #[test]
    fn order_follows_severity() {
        assert!(BUILT_IN.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    // One test: registration is global and ends for good.
    #[test]
    fn custom_levels_register_until_frozen() {
        let notice = Level::register("notice", 25).unwrap();
        assert_eq!((notice.name(), notice.number()), ("NOTICE", 25));
        assert_eq!("Notice".parse::<Level>(), Ok(notice));
        assert!(Level::INFO < notice && notice < Level::WARN);
        assert_eq!(Level::from_number(26).unwrap().name(), "INFO");

        for (name, number, problem) in [
            ("notice", 26, "name is taken"),
            ("other", 25, "number is taken"),
            ("other", 20, "number is taken"),
            ("info", 26, "name is taken"),
            ("other", 100, "0 to 99"),
            ("sp ace", 26, "1 to 32"),
            ("", 26, "1 to 32"),
        ] {
            let error = Level::register(name, number).unwrap_err().to_string();
            assert!(error.contains(problem), "{name} {number}: {error}");
        }
        Level::freeze();
        assert!(Level::register("late", 27).unwrap_err().to_string().contains("before the first engine"));
    }
}
