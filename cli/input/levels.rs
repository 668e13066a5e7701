//! Levels as other programs write them.

use logwheel::Level;

/// Names that logwheel itself does not know.
const NAMES: [(&str, Level); 18] = [
    ("information", Level::INFO),
    ("informational", Level::INFO),
    ("crit", Level::CRITICAL),
    ("alert", Level::CRITICAL),
    ("emerg", Level::CRITICAL),
    ("emergency", Level::CRITICAL),
    ("panic", Level::CRITICAL),
    ("severe", Level::ERROR),
    ("verbose", Level::DEBUG),
    ("fine", Level::DEBUG),
    ("finest", Level::TRACE),
    ("t", Level::TRACE),
    ("d", Level::DEBUG),
    ("i", Level::INFO),
    ("w", Level::WARN),
    ("e", Level::ERROR),
    ("f", Level::CRITICAL),
    ("c", Level::CRITICAL),
];

/// The level of this name, in any case.
#[inline]
pub(super) fn by_name(name: &[u8]) -> Option<Level> {
    // As most programs write them; these names can be given to no other level.
    match name {
        b"debug" | b"DEBUG" => Some(Level::DEBUG),
        b"info" | b"INFO" => Some(Level::INFO),
        b"warn" | b"WARN" => Some(Level::WARN),
        b"error" | b"ERROR" => Some(Level::ERROR),
        _ => by_any_name(std::str::from_utf8(name).ok()?.trim()),
    }
}

#[inline(never)]
fn by_any_name(name: &str) -> Option<Level> {
    Level::parse(name)
        .or_else(|| NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level))
}

/// The built-in level of this number. Others are not guessed at: 3 is an error to syslog, and 30 a
/// warning to one library and plain information to another.
pub(super) fn by_number(number: u64) -> Option<Level> {
    const BUILT_IN: [Level; 8] = [
        Level::TRACE,
        Level::DEBUG,
        Level::INFO,
        Level::WARN,
        Level::ERROR,
        Level::CRITICAL,
        Level::AUDIT,
        Level::SECURITY,
    ];
    BUILT_IN.into_iter().find(|level| u64::from(level.number()) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_at_once_is_known_by_search_as_well() {
        for name in ["debug", "DEBUG", "info", "INFO", "warn", "WARN", "error", "ERROR"] {
            assert_eq!(by_name(name.as_bytes()), by_any_name(name), "{name}");
        }
    }

    #[test]
    fn common_spellings_are_understood_and_others_are_not_guessed_at() {
        for (name, level) in [
            ("INFO", Level::INFO),
            (" Warning ", Level::WARN),
            ("err", Level::ERROR),
            ("Information", Level::INFO),
            ("EMERG", Level::CRITICAL),
            ("W", Level::WARN),
            ("security", Level::SECURITY),
        ] {
            assert_eq!(by_name(name.as_bytes()), Some(level), "{name}");
        }
        assert_eq!(by_name(b"loud"), None);
        assert_eq!(by_name(b""), None);
        assert_eq!((by_number(30), by_number(3), by_number(35)), (Some(Level::WARN), None, None));
    }
}
