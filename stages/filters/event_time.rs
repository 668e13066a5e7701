//! Time as the events of one filter tell it.

/// How far timestamps may run backwards before that is taken for a clock that was set, and not
/// for events that overtook each other on their way.
const TOLERANCE: u64 = 5_000_000_000;

/// The time that has passed since the first event, in nanoseconds; it never runs backwards.
///
/// Events of several threads reach a filter slightly out of order: an older one changes nothing.
/// One that is older by more than five seconds means that the clock was set back, or that one
/// event came with a time from the future: time then goes on from there, instead of standing still
/// until the timestamps have caught up.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventTime {
    passed: u64,
    /// The timestamp that stands for `passed`.
    anchor: Option<u64>,
}

impl EventTime {
    /// Moves time on to the next event's timestamp, and tells it.
    pub(crate) fn advance(&mut self, timestamp: u64) -> u64 {
        let anchor = *self.anchor.get_or_insert(timestamp);
        if timestamp > anchor {
            self.passed = self.passed.saturating_add(timestamp - anchor);
            self.anchor = Some(timestamp);
        } else if anchor - timestamp > TOLERANCE {
            self.anchor = Some(timestamp);
        }
        self.passed
    }

    /// The time as the last event told it.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn time_passes_as_timestamps_grow_and_small_steps_back_change_nothing() {
        let mut time = EventTime::default();
        let start = 1_700_000_000 * SECOND;
        let passed = [0, 2, 1, 2, 3].map(|seconds| time.advance(start + seconds * SECOND) / SECOND);
        assert_eq!(passed, [0, 2, 2, 2, 3]);
    }

    #[test]
    fn after_one_event_from_the_future_or_a_clock_set_back_time_goes_on() {
        let mut time = EventTime::default();
        let start = 1_700_000_000 * SECOND;
        time.advance(start);
        let future = time.advance(start + 1_000_000 * SECOND);
        assert_eq!(time.advance(start + SECOND), future);
        assert_eq!(time.advance(start + 3 * SECOND), future + 2 * SECOND);
    }

    proptest! {
        #[test]
        fn no_timestamps_make_time_run_backwards_or_overflow(timestamps in prop::collection::vec(any::<u64>(), 1..50)) {
            let mut time = EventTime::default();
            let mut before = 0;
            for timestamp in timestamps {
                let now = time.advance(timestamp);
                prop_assert!(now >= before);
                before = now;
            }
        }
    }
}
