//! What a worker does when there is nothing to do.

use std::time::Duration;

use super::Inbox;
use crate::config::{Config, Wait};
use crate::sync::Instant;

/// A worker's way to wait, as `wait` says.
pub(super) struct Waiting {
    strategy: Wait,
    /// Who has work for it.
    source: Source,
    rounds: u32,
    /// When the first park after the last event began.
    since: Option<Instant>,
}

/// Who has work for a worker, and whether they wake it.
enum Source {
    /// Callers: they give a hint at best, so parks end by themselves.
    Callers { max_park: Duration, idle_park: Duration },
    /// The worker before it: that one always wakes it.
    Worker,
}

const SPINS: u32 = 64;
const YIELDS: u32 = 16;
/// Within this time after the last event, parks are short.
const RECENT: Duration = Duration::from_secs(1);
/// How long one sleep of [`Wait::Sleep`] is.
const SLEEP: Duration = Duration::from_micros(100);

impl Waiting {
    /// For a worker that reads lanes.
    pub(super) fn for_events(config: &Config) -> Self {
        let source = Source::Callers { max_park: config.max_park, idle_park: config.idle_park };
        Self { strategy: config.wait, source, rounds: 0, since: None }
    }

    /// For a worker that another one hands events to.
    pub(super) fn for_trays(config: &Config) -> Self {
        Self { strategy: config.wait, source: Source::Worker, rounds: 0, since: None }
    }

    /// There was something to do.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.rounds = 0;
        self.since = None;
    }

    /// Waits for a moment, or until woken.
    pub(super) fn wait(&mut self, inbox: &Inbox) {
        self.rounds = self.rounds.saturating_add(1);
        match self.strategy {
            Wait::BusySpin => std::hint::spin_loop(),
            Wait::Yield if self.rounds > SPINS => std::thread::yield_now(),
            Wait::Adaptive | Wait::Sleep if self.rounds > SPINS + YIELDS => self.sleep(inbox),
            Wait::Adaptive | Wait::Sleep if self.rounds > SPINS => std::thread::yield_now(),
            _ => std::hint::spin_loop(),
        }
    }

    fn sleep(&mut self, inbox: &Inbox) {
        match (&self.source, self.strategy) {
            (Source::Worker, _) => inbox.park(None),
            (Source::Callers { .. }, Wait::Sleep) => inbox.park(Some(SLEEP)),
            (Source::Callers { max_park, idle_park }, _) => {
                let idle = self.since.get_or_insert_with(Instant::now).elapsed();
                inbox.park(Some(park(idle, *max_park, *idle_park)));
            }
        }
    }
}

/// How long to park when nothing came for so long: short parks for a second, then longer and
/// longer ones.
fn park(idle: Duration, max_park: Duration, idle_park: Duration) -> Duration {
    if idle < RECENT { max_park } else { (idle / 32).clamp(max_park, idle_park) }
}

#[cfg(all(test, not(logwheel_loom)))]
mod tests {
    use super::*;

    #[test]
    fn parks_are_short_for_a_second_and_grow_to_the_limit() {
        let (short, long) = (Duration::from_millis(5), Duration::from_millis(100));
        let at = |millis| park(Duration::from_millis(millis), short, long);
        assert_eq!([at(0), at(999)], [short, short]);
        assert_eq!(at(1_600), Duration::from_millis(50));
        assert_eq!([at(3_200), at(1_000_000)], [long, long]);
        assert_eq!(park(Duration::from_secs(9), short, short), short);
    }
}
