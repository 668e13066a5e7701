//! Reading the time stamp counter around a call.

/// A counter that is read only once all before it is done. Without the fence the processor reads it
/// while the last instructions of a call are still under way, and short calls seem to cost nothing.
pub struct Clock {
    counter: quanta::Clock,
    tick_ns: f64,
}

impl Clock {
    pub fn new() -> Self {
        let counter = quanta::Clock::new();
        let tick_ns = counter.delta_as_nanos(0, 1 << 30) as f64 / f64::from(1 << 30);
        Self { counter, tick_ns }
    }

    /// Ticks since some point in time.
    #[inline(always)]
    pub fn read(&self) -> u64 {
        wait_for_what_came_before();
        self.counter.raw()
    }

    pub fn ticks(&self, ns: u64) -> u64 {
        (ns as f64 / self.tick_ns) as u64
    }

    pub fn ns(&self, ticks: f64) -> f64 {
        ticks * self.tick_ns
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "the standard library offers the instruction only so")]
fn wait_for_what_came_before() {
    // SAFETY: `lfence` belongs to SSE2, which every x86-64 processor has, and touches no memory.
    unsafe { std::arch::x86_64::_mm_lfence() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn wait_for_what_came_before() {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn ticks_are_time() {
        let (clock, begin) = (Clock::new(), Instant::now());
        let before = clock.read();
        std::thread::sleep(Duration::from_millis(20));
        let took = clock.ns((clock.read() - before) as f64);
        let outside = begin.elapsed().as_nanos() as f64;
        assert!((20e6 * 0.99..=outside * 1.01).contains(&took), "{took} of {outside}");
        assert!((clock.ns(clock.ticks(1_000_000) as f64) - 1e6).abs() < 1e3);
    }
}
