//! Latencies of log calls: collected per thread, shown as percentiles and bars.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::text::{bar, nanos, percent};

const MAX_NANOS: u64 = 600_000_000_000;
/// Where bars begin, in nanoseconds.
const EDGES: [u64; 13] =
    [0, 50, 100, 200, 500, 1_000, 2_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, MAX_NANOS];

pub struct Latencies(Histogram<u64>);

/// The percentiles that are shown, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Percentiles {
    pub p50: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, MAX_NANOS, 3).expect("the bounds are fixed and in order"))
    }
}

impl Latencies {
    #[inline(always)]
    pub fn record(&mut self, taken: Duration) {
        self.0.saturating_record(taken.as_nanos() as u64);
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With `overhead` taken off: what the clock itself adds to each measurement.
    pub fn percentiles(&self, overhead: u64) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile).saturating_sub(overhead);
        Percentiles { p50: at(0.5), p99: at(0.99), p99_9: at(0.999), max: at(1.0) }
    }

    /// The share of calls between two edges, and how many they are.
    fn between(&self, from: u64, to: u64, overhead: u64) -> (f64, u64) {
        let from = if from == 0 { 0 } else { from + overhead };
        let count = self.0.count_between(from, to + overhead - 1);
        (count as f64 / self.0.len().max(1) as f64, count)
    }
}

/// A bar for each range of latencies that has calls in it, one column of bars for each phase.
pub fn bars(phases: &[(&str, &Latencies)], overhead: u64) -> String {
    const WIDTH: usize = 18;
    let mut out = String::new();
    let _ = write!(out, "{:>18}", "");
    for (name, _) in phases {
        let _ = write!(out, "  {name:<w$}", w = WIDTH + 20);
    }
    for range in EDGES.windows(2) {
        let &[from, to] = range else { continue };
        let shares: Vec<_> = phases.iter().map(|(_, latencies)| latencies.between(from, to, overhead)).collect();
        if shares.iter().all(|(_, count)| *count == 0) {
            continue;
        }
        let label = match (from, to) {
            (0, to) => format!("under {}", nanos(to)),
            (from, MAX_NANOS) => format!("from {}", nanos(from)),
            (from, to) => format!("{} – {}", nanos(from), nanos(to)),
        };
        let _ = write!(out, "\n{label:>18}");
        for (share, count) in shares {
            let _ = write!(out, "  {:<WIDTH$} {:>8} {:<10}", bar(share, WIDTH), percent(share), count_text(count));
        }
    }
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn count_text(count: u64) -> String {
    if count == 0 { String::new() } else { format!("({count})") }
}

/// What two readings of the clock cost: the median of many, because some are interrupted.
pub fn clock_overhead() -> u64 {
    let mut pairs = Latencies::default();
    for _ in 0..20_000 {
        let began = Instant::now();
        pairs.record(began.elapsed());
    }
    pairs.percentiles(0).p50
}
