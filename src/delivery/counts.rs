//! A sink's part of the ledger.

use std::collections::BTreeMap;
use std::fmt;

use logwheel_sinks::policy::DeliveryCounts;

/// What became of the events for one sink: `routed + recovered` equals the sum of all the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkLedger {
    /// The sink's name.
    pub name: String,
    /// Events that the dispatcher gave to this sink.
    pub routed: u64,
    /// Events taken over from another sink whose fallback this is, and those that an earlier
    /// process left in the spool.
    pub recovered: u64,
    /// Events that wait.
    pub queued: u64,
    /// Events in the batches that are being delivered or handed to the fallback.
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
    /// How often delivery of a batch was tried again. Not a fate.
    pub retries: u64,
    /// How often the sink panicked. Not a fate.
    pub panics: u64,
}

impl SinkLedger {
    pub(super) fn new(name: &str, counts: DeliveryCounts, panics: u64) -> Self {
        Self {
            name: name.to_owned(),
            routed: counts.routed,
            recovered: counts.recovered,
            queued: counts.queued,
            in_flight: counts.in_flight,
            delivered: counts.delivered,
            rejected: counts.rejected,
            dropped: counts.dropped,
            fallback: counts.fallback,
            spooled: counts.spooled,
            unconfirmed: counts.unconfirmed,
            retries: counts.retries,
            panics,
        }
    }

    /// Events that came in.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.routed + self.recovered
    }

    /// Events that were refused, whatever the reason.
    #[must_use]
    pub fn total_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Events that were given up, whatever the reason.
    #[must_use]
    pub fn total_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Events whose fate is known or that are on their way to one.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.queued
            + self.in_flight
            + self.delivered
            + self.total_rejected()
            + self.total_dropped()
            + self.fallback
            + self.spooled
            + self.unconfirmed
    }

    /// Whether every event that came in is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.taken() == self.accounted()
    }
}

impl fmt::Display for SinkLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: routed {}", self.name, self.routed)?;
        for (name, count) in [("recovered", self.recovered), ("queued", self.queued), ("in flight", self.in_flight)] {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        write!(f, ", delivered {}", self.delivered)?;
        for (name, count) in [("fallback", self.fallback), ("spooled", self.spooled), ("unconfirmed", self.unconfirmed)]
        {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        for (kind, reasons) in [("rejected", &self.rejected), ("dropped", &self.dropped)] {
            for (reason, count) in reasons {
                write!(f, ", {kind} {count} ({reason})")?;
            }
        }
        if self.retries > 0 {
            write!(f, "; {} retries", self.retries)?;
        }
        if self.panics > 0 {
            write!(f, "; {} panics", self.panics)?;
        }
        Ok(())
    }
}
