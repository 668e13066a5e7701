//! The policy's side of the spool: what it holds, what goes to it and what comes back.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saving {
    /// The piece of this number, which stays in memory too.
    Piece(u64),
    /// The oldest sealed batch, which leaves memory.
    Sealed,
}

/// The spool as the policy knows it: records `acknowledged..next_unread` have been read or were
/// written while in memory, those from `next_unread` on are only in the spool.
#[derive(Debug, Clone, Default)]
pub(super) struct Spooling {
    pub(super) configured: bool,
    /// New batches go to the spool.
    pub(super) active: bool,
    pub(super) saving: Option<Saving>,
    pub(super) reading: bool,
    /// For records that are in memory too: how many of their events have no fate yet.
    pub(super) records: BTreeMap<u64, u64>,
    pub(super) next_unread: u64,
    pub(super) acknowledged: u64,
    /// All pieces below this number are in the spool too.
    pub(super) save_from: u64,
    pub(super) failures: u32,
    /// Since the last batch was saved, somebody waited for room and got none.
    pub(super) waited_in_vain: bool,
    pub(super) retry_at: Duration,
}

impl Spooling {
    /// `events` of a record have their fate.
    pub(super) fn settle(&mut self, record: Option<u64>, events: u64) {
        let Some(record) = record else { return };
        if let Some(left) = self.records.get_mut(&record) {
            *left = left.saturating_sub(events);
            if *left == 0 {
                self.records.remove(&record);
            }
        }
    }

    /// The first record that is still needed, if it changed.
    pub(super) fn acknowledge(&mut self) -> Option<u64> {
        let first_needed = self.records.keys().next().copied().unwrap_or(self.next_unread);
        if first_needed <= self.acknowledged {
            return None;
        }
        self.acknowledged = first_needed;
        Some(first_needed)
    }
}
