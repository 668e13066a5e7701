//! What a caller does when its lane is full: `on_full`.

use std::thread;
use std::time::{Duration, Instant};

use super::{CallerCounts, DropReason, Intake, on_pipeline_thread};
use crate::config::OnFull;
use crate::ring::LaneState;

/// One event's wait for a free slot.
pub(super) struct Room<'a> {
    intake: &'a Intake,
    lane: &'a LaneState,
    counts: &'a CallerCounts,
    level: u8,
    since: Option<Instant>,
    rounds: u32,
}

impl<'a> Room<'a> {
    #[cold]
    pub(super) fn new(intake: &'a Intake, lane: &'a LaneState, counts: &'a CallerCounts, level: u8) -> Self {
        Self { intake, lane, counts, level, since: None, rounds: 0 }
    }

    /// How long this event may wait; `None` is for ever.
    fn patience(&self) -> Option<Duration> {
        let config = &self.intake.config;
        match config.on_full {
            OnFull::Wait => Some(config.full_wait),
            OnFull::Drop if config.protected_levels.iter().any(|level| level.number() == self.level) => {
                Some(config.full_wait)
            }
            OnFull::Drop => Some(Duration::ZERO),
            OnFull::Block if config.block_timeout.is_zero() => None,
            OnFull::Block => Some(config.block_timeout),
        }
    }
}

/// Waits a moment, then the caller tries again; or says why it should not.
#[cold]
#[inline(never)]
pub(super) fn wait(room: &mut Room<'_>) -> Result<(), DropReason> {
    if room.intake.is_closed() {
        return Err(DropReason::Closed);
    }
    if on_pipeline_thread() {
        return Err(DropReason::Reentrant);
    }
    let patience = room.patience();
    let Some(since) = room.since else {
        // After one event waited in vain the next ones do not, until a quarter was freed: or each
        // call of a stalled service would take `full_wait`.
        if patience == Some(Duration::ZERO) || (patience.is_some() && room.lane.is_shedding()) {
            return Err(DropReason::Full);
        }
        room.counts.full_wait();
        room.since = Some(Instant::now());
        // The worker may be asleep: it was given hints as the lane filled, but one can be missed.
        if room.intake.worker_of(room.lane.index).wake() {
            room.counts.wake();
        }
        return Ok(());
    };
    let waited = since.elapsed();
    if patience.is_some_and(|patience| waited >= patience) {
        room.lane.shed();
        return Err(DropReason::Full);
    }
    room.rounds += 1;
    match room.rounds {
        0..=32 => std::hint::spin_loop(),
        33..=40 => thread::yield_now(),
        // Longer and longer: a worker frees slots by the hundred, and may need this very core.
        rounds => thread::sleep(Duration::from_micros(50 << (rounds - 41).min(4))),
    }
    Ok(())
}
