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
pub(super) fn by_name(name: &str) -> Option<Level> {
    let name = name.trim();
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
            assert_eq!(by_name(name), Some(level), "{name}");
        }
        assert_eq!(by_name("loud"), None);
        assert_eq!(by_name(""), None);
        assert_eq!((by_number(30), by_number(3), by_number(35)), (Some(Level::WARN), None, None));
    }
}
