//! Sets of levels.

use logwheel_core::Level;

/// Some of the hundred levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LevelSet(u128);

impl LevelSet {
    /// Error, critical, audit and security: what is never to be thinned out unless asked for.
    pub(crate) fn protected() -> Self {
        [Level::ERROR, Level::CRITICAL, Level::AUDIT, Level::SECURITY].into_iter().collect()
    }

    pub(crate) fn contains(self, level: Level) -> bool {
        self.0 >> level.number() & 1 == 1
    }
}

impl FromIterator<Level> for LevelSet {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> Self {
        Self(levels.into_iter().fold(0, |set, level| set | 1 << level.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let levels = || (0..100).filter_map(Level::from_number);
        let even: LevelSet = levels().filter(|level| level.number() % 2 == 0).collect();
        assert!(levels().all(|level| even.contains(level) == (level.number() % 2 == 0)));
        assert!(levels().all(|level| !LevelSet::default().contains(level)));
        assert!(LevelSet::protected().contains(Level::AUDIT) && !LevelSet::protected().contains(Level::WARN));
    }
}
