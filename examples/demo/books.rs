//! Holds the engine's books against what was counted outside of it.

use logwheel::{Ledger, SinkLedger};

use crate::run::Outcome;

/// The numbers of both sides, as they are compared.
pub struct Books {
    pub submitted: u64,
    pub filtered: u64,
    /// Before the sinks, and by the HTTP sink.
    pub dropped: u64,
    /// What the HTTP sink has an acknowledgement for.
    pub delivered: u64,
    /// What does not agree.
    pub faults: Vec<String>,
}

impl Books {
    pub fn new(outcome: &Outcome) -> Self {
        let Outcome { calls, received, file, report, .. } = outcome;
        let ledger = &report.ledger;
        let mut faults = Vec::new();
        let mut same = |left: u64, what_left: &str, right: u64, what_right: &str| {
            if left != right {
                faults.push(format!("{what_left} {left}, but {what_right} {right}"));
            }
        };
        let (filtered, dropped) = (ledger.total_filtered(), ledger.total_dropped());
        same(calls.logged, "calls made", ledger.submitted, "submitted");
        if dropped == 0 {
            same(calls.to_be_filtered, "calls for the filter", filtered, "filtered");
        }
        let kept = calls.logged.saturating_sub(filtered + dropped);
        for (name, outside) in [("http", received.tally.lines), ("file", file.lines)] {
            let sink = sink(ledger, name);
            let delivered = sink.delivered;
            same(kept.saturating_sub(lost(&sink)), &format!("{name}: kept events"), delivered, "delivered");
            same(delivered, &format!("{name}: delivered"), outside, "arrived");
        }
        if !ledger.is_balanced() {
            faults.push("the ledger's own identities do not hold".to_owned());
        }
        let http = sink(ledger, "http");
        Self {
            submitted: ledger.submitted,
            filtered,
            dropped: dropped + lost(&http),
            delivered: http.delivered,
            faults,
        }
    }

    pub fn balanced(&self) -> bool {
        self.faults.is_empty()
    }
}

pub fn sink(ledger: &Ledger, name: &str) -> SinkLedger {
    ledger.sink(name).cloned().unwrap_or_default()
}

fn lost(sink: &SinkLedger) -> u64 {
    sink.total_dropped() + sink.total_rejected()
}
