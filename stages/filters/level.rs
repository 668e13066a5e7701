//! `level`: keeps what is severe enough.

use logwheel_core::{Enrichment, Filter, Level, StageError, Verdict};

/// Drops events below a level, or from a level on.
///
/// The default keeps [`Level::INFO`] and above. It needs no state, so every worker gets its own.
///
/// ```
/// use logwheel_core::Level;
/// use logwheel_stages::LevelFilter;
///
/// let warnings_and_worse = LevelFilter::new(Level::WARN);
/// let chatter_only = LevelFilter::new(Level::WARN).drop_below(false);
/// # let _ = (warnings_and_worse, chatter_only);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelFilter {
    min_level: Level,
    drop_below: bool,
}

impl LevelFilter {
    /// Keeps events at and above this level.
    #[must_use]
    pub fn new(min_level: Level) -> Self {
        Self { min_level, drop_below: true }
    }

    /// Which side is dropped: what is below the level (`true`, the default), or what is at and
    /// above it (`false`).
    #[must_use]
    pub fn drop_below(mut self, drop_below: bool) -> Self {
        self.drop_below = drop_below;
        self
    }
}

impl Default for LevelFilter {
    fn default() -> Self {
        Self::new(Level::INFO)
    }
}

impl Filter for LevelFilter {
    fn name(&self) -> &str {
        "level"
    }

    fn replicate(&self) -> Option<Box<dyn Filter>> {
        Some(Box::new(*self))
    }

    fn min_level(&self) -> Option<Level> {
        self.drop_below.then_some(self.min_level)
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let is_below = event.level() < self.min_level;
        Ok(if is_below == self.drop_below { Verdict::Drop } else { Verdict::Keep })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_event;

    fn verdict(filter: &mut dyn Filter, level: Level) -> Verdict {
        with_event(level, &[], |event| filter.filter(&mut Enrichment::new(event))).unwrap()
    }

    #[test]
    fn story_5_2_level_splits_every_pair_of_levels_at_the_minimum_and_replicas_agree() {
        let levels = || (0..100).filter_map(Level::from_number);
        for min_level in levels() {
            let mut keeps_above = LevelFilter::new(min_level);
            let mut keeps_below = LevelFilter::new(min_level).drop_below(false).replicate().unwrap();
            for level in levels() {
                let (above, below) =
                    if level >= min_level { (Verdict::Keep, Verdict::Drop) } else { (Verdict::Drop, Verdict::Keep) };
                assert_eq!(verdict(&mut keeps_above, level), above, "{level:?} against {min_level:?}");
                assert_eq!(verdict(&mut *keeps_below, level), below, "{level:?} against {min_level:?}, reversed");
            }
        }
    }

    #[test]
    fn story_5_2_level_drops_debug_and_keeps_info_by_default() {
        let mut filter = LevelFilter::default();
        assert_eq!(verdict(&mut filter, Level::DEBUG), Verdict::Drop);
        assert_eq!(verdict(&mut filter, Level::INFO), Verdict::Keep);
    }
}
