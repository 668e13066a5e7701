//! The summary for people, and the one for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::books::{Books, sink};
use crate::latency::{Latencies, Percentiles, bars};
use crate::run::{Outcome, Phase};
use crate::text::{nanos, seconds, size, thousands};

pub fn summary(outcome: &Outcome, books: &Books) -> String {
    let Outcome { threads, calls, paced, burst, clock_overhead, received, file, report, troubles } = outcome;
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let of_threads = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    line(format!("logged {} events from {of_threads}", thousands(calls.logged)));
    if let Some(paced) = paced {
        line(format!("  paced  {}", pace(paced)));
    }
    line(format!("  burst  {}", pace(burst)));
    if calls.not_utf8 > 0 {
        line(format!("  {} lines were not UTF-8 and were logged with U+FFFD in place", thousands(calls.not_utf8)));
    }
    if calls.without_lane > 0 {
        line(format!("  {} times a thread found no lane of its own and used the shared one", calls.without_lane));
    }

    line(format!("\nthroughput {} events/s (burst, until delivered)", thousands(events_per_second(burst))));

    let phases: Vec<(&str, &Latencies)> = paced
        .iter()
        .map(|phase| ("paced", &phase.latencies))
        .chain([("burst", &burst.latencies)])
        .filter(|(_, latencies)| !latencies.is_empty())
        .collect();
    if !phases.is_empty() {
        line(format!("\ncaller latency, the clock's own {} ns taken off", clock_overhead));
        line(bars(&phases, *clock_overhead));
        for (name, latencies) in &phases {
            let Percentiles { p50, p99, p99_9, max } = latencies.percentiles(*clock_overhead);
            let [p50, p99, p99_9, max] = [p50, p99, p99_9, max].map(nanos);
            line(format!("  {name}  p50 {p50}, p99 {p99}, p99.9 {p99_9}, max {max}"));
        }
        let waits = report.ledger.notes.full_waits;
        if waits > 0 {
            line(format!("  in {} calls the lane was full and the thread waited for the workers", thousands(waits)));
        }
    }

    line("\ndeliveries".to_owned());
    let http = sink(&report.ledger, "http");
    line(format!(
        "  http  {} acknowledged; the receiver counted {} in {} requests, {}",
        thousands(http.delivered),
        thousands(received.tally.lines),
        thousands(received.requests),
        size(received.tally.bytes),
    ));
    line(format!(
        "  file  {} written; the file holds {} lines, {}",
        thousands(sink(&report.ledger, "file").delivered),
        thousands(file.lines),
        size(file.bytes),
    ));
    line(format!(
        "  secrets that got through {}, lines that are no JSON object {}",
        received.tally.leaks + file.leaks,
        received.tally.malformed + file.malformed,
    ));

    line(format!("\nledger (shutdown took {})", seconds(report.elapsed)));
    report.ledger.to_string().lines().for_each(|text| line(format!("  {text}")));

    line(String::new());
    troubles.iter().for_each(|trouble| line(format!("TROUBLE: {trouble}")));
    if !report.complete {
        line("TROUBLE: shutdown was not complete".to_owned());
    }
    if received.tally.leaks + file.leaks > 0 {
        line("TROUBLE: secrets got through the redactor".to_owned());
    }
    if received.tally.malformed + file.malformed > 0 {
        line("TROUBLE: lines arrived damaged".to_owned());
    }
    if books.balanced() {
        line("the books balance: calls made, events received, lines written and the ledger agree".to_owned());
    } else {
        line("THE BOOKS DO NOT BALANCE".to_owned());
        books.faults.iter().for_each(|fault| line(format!("  {fault}")));
    }
    out
}

pub fn json(outcome: &Outcome, books: &Books) -> Value {
    let Outcome { threads, calls, paced, burst, clock_overhead, received, file, report, troubles } = outcome;
    json!({
        "submitted": books.submitted,
        "logged": calls.logged,
        "filtered": books.filtered,
        "dropped": books.dropped,
        "delivered": books.delivered,
        "received": received.tally.lines,
        "delivered_file": sink(&report.ledger, "file").delivered,
        "file_lines": file.lines,
        "balanced": books.balanced(),
        "complete": report.complete && troubles.is_empty(),
        "leaked": received.tally.leaks + file.leaks,
        "malformed": received.tally.malformed + file.malformed,
        "cut": report.ledger.notes.cut,
        "not_utf8": calls.not_utf8,
        "events_per_second": events_per_second(burst),
        "seconds": burst.delivering.as_secs_f64(),
        "threads": threads,
        "caller_ns": latencies(&burst.latencies, *clock_overhead),
        "caller_ns_paced": paced.as_ref().map(|phase| latencies(&phase.latencies, *clock_overhead)),
        "clock_overhead_ns": clock_overhead,
        "full_waits": report.ledger.notes.full_waits,
    })
}

fn latencies(latencies: &Latencies, clock_overhead: u64) -> Value {
    let Percentiles { p50, p99, p99_9, max } = latencies.percentiles(clock_overhead);
    json!({ "p50": p50, "p99": p99, "p99_9": p99_9, "max": max })
}

fn events_per_second(phase: &Phase) -> u64 {
    (phase.events as f64 / phase.delivering.as_secs_f64()) as u64
}

fn pace(phase: &Phase) -> String {
    let Phase { events, logging, delivering, .. } = phase;
    let mut text = String::new();
    let _ = write!(text, "{} in {}", thousands(*events), seconds(*logging));
    let _ = write!(text, ", all delivered after {}", seconds(*delivering));
    text
}
