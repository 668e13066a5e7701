//! The steps of pressure as a pure state machine: fill levels and times in, steps out.

use std::fmt;

/// How much pressure there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PressureLevel {
    /// Everything passes.
    #[default]
    Normal = 0,
    /// Events are sampled.
    Elevated = 1,
    /// Events are sampled, those below `warn` dropped.
    High = 2,
    /// Only protected levels pass.
    Critical = 3,
}

impl PressureLevel {
    const ALL: [Self; 4] = [Self::Normal, Self::Elevated, Self::High, Self::Critical];

    /// The level in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["normal", "elevated", "high", "critical"][self as usize]
    }

    pub(super) fn from_number(number: u8) -> Self {
        Self::ALL[usize::from(number).min(3)]
    }
}

impl fmt::Display for PressureLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A step from one level to the next, up or down. As text: `from normal to elevated at 63 %`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PressureStep {
    /// The level before.
    pub from: PressureLevel,
    /// The level now.
    pub to: PressureLevel,
    /// The fill level that caused it, 0 to 1.
    pub fill: f64,
}

impl fmt::Display for PressureStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {} at {:.0} %", self.from, self.to, self.fill * 100.0)
    }
}

/// Where on the ladder we stand. Time is in nanoseconds and never runs backwards.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    check_interval: u64,
    cooldown: u64,
    up: [f64; 3],
    down: [f64; 3],
    level: PressureLevel,
    next_check: u64,
    /// No step before this.
    cool_at: u64,
}

impl Ladder {
    pub(super) fn new(check_interval: u64, cooldown: u64, up: [f64; 3], down: [f64; 3]) -> Self {
        Self { check_interval, cooldown, up, down, level: PressureLevel::Normal, next_check: 0, cool_at: 0 }
    }

    pub(super) fn level(&self) -> PressureLevel {
        self.level
    }

    /// Looks at the fill level, if it is time to, and makes a step, if there is one to make.
    pub(super) fn tick(&mut self, now: u64, fill: impl FnOnce() -> f64) -> Option<PressureStep> {
        if now < self.next_check {
            return None;
        }
        self.next_check = now.saturating_add(self.check_interval);
        if now < self.cool_at {
            return None;
        }
        let fill = fill();
        let from = self.level;
        let number = from as usize;
        let to = if number < 3 && fill >= self.up[number] {
            PressureLevel::ALL[number + 1]
        } else if number > 0 && fill < self.down[number - 1] {
            PressureLevel::ALL[number - 1]
        } else {
            return None;
        };
        self.level = to;
        self.cool_at = now.saturating_add(self.cooldown);
        Some(PressureStep { from, to, fill })
    }
}
