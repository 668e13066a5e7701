//! The books of a run: for people, and for programs.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use logwheel::{Ledger, Report, SinkLedger};
use serde_json::{Map, Value, json};

use crate::input::InputTotals;
use crate::settings::SinkSettings;

/// All that is known at the end.
pub(crate) struct Outcome {
    pub(crate) input: InputTotals,
    /// What log calls took, in nanoseconds.
    pub(crate) latencies: Histogram<u64>,
    /// What could not be read.
    pub(crate) troubles: Vec<String>,
    /// A signal ended it before the end of the input.
    pub(crate) interrupted: bool,
    /// From the first line until everything was delivered.
    pub(crate) delivering: Duration,
    /// The engine's own report.
    pub(crate) report: Report,
    pub(crate) sinks: Vec<SinkSettings>,
}

/// What became of the events, told for the sink that delivered least.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) submitted: u64,
    pub(crate) filtered: u64,
    pub(crate) fates: Fates,
    pub(crate) balanced: bool,
}

/// What became of the events that passed the filters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    /// Before the sinks or by them: dropped or refused.
    pub(crate) dropped: u64,
    pub(crate) delivered: u64,
    pub(crate) unconfirmed: u64,
    pub(crate) spooled: u64,
    /// Left where they were.
    pub(crate) pending: u64,
}

impl Books {
    pub(crate) fn new(outcome: &Outcome) -> Self {
        let ledger = &outcome.report.ledger;
        let always = outcome.sinks.iter().filter(|sink| !sink.standby);
        let of_sinks = always.filter_map(|sink| fates_of(&sink.name, outcome, ledger));
        let mut fates = of_sinks.min_by_key(|fates| fates.delivered).unwrap_or_default();
        fates.dropped += ledger.total_dropped();
        fates.pending += ledger.in_lanes;
        Self {
            submitted: ledger.submitted,
            filtered: ledger.total_filtered(),
            fates,
            balanced: ledger.is_balanced() && ledger.submitted == outcome.input.logged,
        }
    }

    /// Whether everything was delivered that was to be.
    pub(crate) fn nothing_lost(&self) -> bool {
        let Fates { dropped, unconfirmed, pending, .. } = self.fates;
        self.balanced && dropped + unconfirmed + pending == 0
    }

    pub(crate) fn to_json(&self, outcome: &Outcome) -> Value {
        let Outcome { input, latencies, troubles, interrupted, delivering, report, sinks } = outcome;
        let Fates { dropped, delivered, unconfirmed, spooled, pending } = self.fates;
        let ledger = &report.ledger;
        let files = sinks.iter().filter(|sink| sink.kind == "file").filter_map(|sink| ledger.sink(&sink.name));
        let clock_overhead = clock_overhead();
        let counts: Map<String, Value> = input.iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
        json!({
            "submitted": self.submitted,
            "logged": input.logged,
            "filtered": self.filtered,
            "dropped": dropped,
            "delivered": delivered,
            "received": null,
            "delivered_file": files.map(|sink| sink.delivered).sum::<u64>(),
            "file_lines": null,
            "balanced": self.balanced,
            "complete": report.complete && troubles.is_empty() && !interrupted,
            "leaked": null,
            "malformed": input.malformed,
            "cut": ledger.notes.cut + input.cut,
            "not_utf8": input.not_utf8,
            "events_per_second": (input.logged as f64 / delivering.as_secs_f64().max(1e-9)) as u64,
            "seconds": delivering.as_secs_f64(),
            "threads": 1,
            "caller_ns": percentiles(latencies, clock_overhead),
            "caller_ns_paced": null,
            "clock_overhead_ns": clock_overhead,
            "full_waits": ledger.notes.full_waits,
            "unconfirmed": unconfirmed,
            "spooled": spooled,
            "pending": pending,
            "input": counts,
            "sinks": ledger.sinks.iter().map(sink_json).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn to_text(&self, outcome: &Outcome) -> String {
        let Outcome { input, troubles, interrupted, delivering, report, .. } = outcome;
        let mut out = String::new();
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        line(format!("read {} lines in {:.3} s, logged {}", input.lines, delivering.as_secs_f64(), input.logged));
        for (count, what) in [
            (input.empty, "were empty"),
            (input.below_level, "were below the level"),
            (input.malformed, "began like JSON and were taken as text"),
            (input.not_utf8, "were not UTF-8 and have U+FFFD in place"),
            (input.cut, "were too long and were cut"),
            (input.unknown_levels, "had an unknown level and count as INFO"),
        ] {
            if count > 0 {
                line(format!("  {count} {what}"));
            }
        }
        report.ledger.to_string().lines().for_each(|text| line(text.to_owned()));
        troubles.iter().for_each(|trouble| line(format!("TROUBLE: {trouble}")));
        if *interrupted {
            line("a signal ended the run before the end of the input".to_owned());
        }
        if !report.complete {
            line("TROUBLE: shutdown was not complete".to_owned());
        }
        let Fates { dropped, unconfirmed, pending, spooled, .. } = self.fates;
        if self.nothing_lost() {
            line("nothing was lost".to_owned());
        } else if !self.balanced {
            line("THE BOOKS DO NOT BALANCE".to_owned());
        } else {
            let mut text = format!("LOST: {dropped} dropped or refused");
            for (count, what) in [(unconfirmed, "unconfirmed"), (pending, "left behind")] {
                if count > 0 {
                    let _ = write!(text, ", {count} {what}");
                }
            }
            line(text);
        }
        if spooled > 0 {
            line(format!("{spooled} wait in a spool"));
        }
        out
    }
}

/// What became of a sink's events, those included that its fallback took over.
fn fates_of(name: &str, outcome: &Outcome, ledger: &Ledger) -> Option<Fates> {
    let sink = ledger.sink(name)?;
    let mut fates = Fates {
        dropped: sink.total_dropped() + sink.total_rejected(),
        delivered: sink.delivered,
        unconfirmed: sink.unconfirmed,
        spooled: sink.spooled,
        pending: sink.queued + sink.in_flight,
    };
    let settings = outcome.sinks.iter().find(|sink| sink.name == name);
    let Some(fallback) = settings.and_then(|sink| sink.fallback.as_deref()).filter(|_| sink.fallback > 0) else {
        return Some(fates);
    };
    // Which of a sink's events were handed over, it does not know: what it lost is taken to be
    // among them. Fallbacks do not lead back, so this ends.
    let behind = fates_of(fallback, outcome, ledger)?;
    let mut left = sink.fallback;
    let mut share = |count: u64| {
        let taken = count.min(left);
        left -= taken;
        taken
    };
    fates.dropped += share(behind.dropped);
    fates.pending += share(behind.pending);
    fates.unconfirmed += share(behind.unconfirmed);
    fates.spooled += share(behind.spooled);
    fates.delivered += left;
    Some(fates)
}

fn sink_json(sink: &SinkLedger) -> Value {
    json!({
        "name": sink.name,
        "routed": sink.routed,
        "recovered": sink.recovered,
        "queued": sink.queued,
        "in_flight": sink.in_flight,
        "delivered": sink.delivered,
        "rejected": sink.rejected,
        "dropped": sink.dropped,
        "fallback": sink.fallback,
        "spooled": sink.spooled,
        "unconfirmed": sink.unconfirmed,
        "retries": sink.retries,
        "panics": sink.panics,
    })
}

fn percentiles(latencies: &Histogram<u64>, overhead: u64) -> Value {
    let at = |quantile| latencies.value_at_quantile(quantile).saturating_sub(overhead);
    json!({ "p50": at(0.5), "p99": at(0.99), "p99_9": at(0.999), "max": at(1.0) })
}

/// What two readings of the clock take, in nanoseconds: the shortest of many, so that what is taken
/// off is never too much.
fn clock_overhead() -> u64 {
    (0..1_000).map(|_| Instant::now().elapsed().as_nanos() as u64).min().unwrap_or(0)
}
