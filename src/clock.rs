//! Two clocks: ticks for callers, wall time for workers.
//!
//! A caller reads a counter of the processor (or the system's monotonic clock where that counter
//! is not dependable) and nothing else. A worker turns ticks into nanoseconds since the Unix
//! epoch by a line through two readings of both clocks, which it renews every second, so that the
//! result follows the system clock when that is adjusted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The counter that callers read.
#[derive(Debug, Clone)]
pub(crate) struct TickClock(quanta::Clock);

impl TickClock {
    pub(crate) fn new() -> Self {
        Self(quanta::Clock::new())
    }

    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        self.0.raw()
    }

    /// About how many ticks this takes.
    pub(crate) fn ticks(&self, time: Duration) -> u64 {
        (time.as_nanos() as f64 / self.nanos_per_tick()) as u64
    }

    fn nanos_per_tick(&self) -> f64 {
        const MANY: u64 = 1 << 32;
        self.0.delta_as_nanos(0, MANY) as f64 / MANY as f64
    }
}

/// A worker's view of wall time.
#[derive(Debug)]
pub(crate) struct WallClock {
    ticks: TickClock,
    /// Where the rate is measured from.
    base: Reading,
    /// Where times are measured from.
    anchor: Reading,
    nanos_per_tick: f64,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    ticks: u64,
    nanos: u64,
}

const RENEW_AFTER: Duration = Duration::from_secs(1);
/// A rate that differs by more from the one before was not measured but caused by a step of the
/// system clock.
const PLAUSIBLE: f64 = 1e-3;

impl WallClock {
    pub(crate) fn new(ticks: TickClock) -> Self {
        let anchor = Reading::take(&ticks);
        Self { nanos_per_tick: ticks.nanos_per_tick(), base: anchor, anchor, ticks }
    }

    /// Renews the line if it is a second old. Called between rounds.
    pub(crate) fn renew(&mut self, now_ticks: u64) {
        let age = now_ticks.saturating_sub(self.anchor.ticks) as f64 * self.nanos_per_tick;
        if age < RENEW_AFTER.as_nanos() as f64 {
            return;
        }
        self.follow(Reading::take(&self.ticks));
    }

    fn follow(&mut self, reading: Reading) {
        let measured = (reading.nanos as f64 - self.base.nanos as f64) / (reading.ticks - self.base.ticks) as f64;
        if (measured / self.nanos_per_tick - 1.0).abs() < PLAUSIBLE {
            self.nanos_per_tick = measured;
        } else {
            self.base = reading;
        }
        self.anchor = reading;
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn unix_nanos(&self, ticks: u64) -> u64 {
        if ticks >= self.anchor.ticks {
            self.anchor.nanos + ((ticks - self.anchor.ticks) as f64 * self.nanos_per_tick) as u64
        } else {
            self.anchor.nanos.saturating_sub(((self.anchor.ticks - ticks) as f64 * self.nanos_per_tick) as u64)
        }
    }
}

impl Reading {
    /// Both clocks at once: of a few tries the one in which the least time passed between two
    /// readings of the counter.
    fn take(ticks: &TickClock) -> Self {
        let one = || {
            let before = ticks.now();
            let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
            let after = ticks.now();
            (after.saturating_sub(before), Reading { ticks: before + after.saturating_sub(before) / 2, nanos })
        };
        let best = (0..4).map(|_| one()).min_by_key(|(took, _)| *took);
        best.expect("four tries").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_the_system_time() {
        let ticks = TickClock::new();
        let clock = WallClock::new(ticks.clone());
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Duration::from_nanos(clock.unix_nanos(ticks.now()));
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let slack = Duration::from_millis(1);
        assert!(before - slack <= now && now <= after + slack, "{before:?} {now:?} {after:?}");
    }

    #[test]
    fn a_step_of_the_system_clock_is_followed_and_does_not_bend_the_rate() {
        let mut clock = WallClock::new(TickClock::new());
        let rate = clock.nanos_per_tick;
        let start = clock.anchor;
        let second = (1e9 / rate) as u64;
        let at = |seconds: u64, step: i64| Reading {
            ticks: start.ticks + seconds * second,
            nanos: (start.nanos as i64 + seconds as i64 * 1_000_000_000 + step) as u64,
        };
        clock.follow(at(1, 100));
        assert!((clock.nanos_per_tick / rate - 1.0).abs() < 1e-6, "a small drift is learnt");
        clock.follow(at(2, -3_600_000_000_000));
        assert!((clock.nanos_per_tick / rate - 1.0).abs() < 1e-6, "a step is none");
        assert_eq!(clock.unix_nanos(at(2, 0).ticks), at(2, -3_600_000_000_000).nanos);
        let earlier = clock.unix_nanos(at(1, 0).ticks);
        assert!(earlier.abs_diff(at(1, -3_600_000_000_000).nanos) < 10_000, "ticks before the anchor count back");
    }
}
