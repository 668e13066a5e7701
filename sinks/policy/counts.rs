//! What became of the events.

use std::collections::BTreeMap;

/// The fates of a sink's events: `routed + recovered` equals the sum of all from `queued` to
/// `unconfirmed`, at every moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryCounts {
    /// Events that came from the pipeline.
    pub routed: u64,
    /// Events that another sink handed over, and those found in the spool at the start.
    pub recovered: u64,
    /// Events that wait in memory.
    pub queued: u64,
    /// Events that are being delivered or handed over.
    pub in_flight: u64,
    /// Events that arrived.
    pub delivered: u64,
    /// Events that the destination refused for good, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Events that were given up, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Events handed to the fallback.
    pub fallback: u64,
    /// Events that are in the spool and nowhere else.
    pub spooled: u64,
    /// Events that may or may not have arrived.
    pub unconfirmed: u64,
    /// Attempts after which the same batch waits for another one. Not a fate.
    pub retries: u64,
}

impl DeliveryCounts {
    pub(super) fn drop_events(&mut self, reason: &'static str, events: u64) {
        if events > 0 {
            *self.dropped.entry(reason).or_default() += events;
        }
    }

    pub(super) fn reject_events(&mut self, reason: &'static str, events: u64) {
        if events > 0 {
            *self.rejected.entry(reason).or_default() += events;
        }
    }
}
