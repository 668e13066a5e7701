//! Results as tables, in Markdown.

mod ahead;
mod table;

use std::fmt::Write;

use ahead::ahead;
use table::Table;

use crate::job::{Latency, Work, micros, threads_title};
use crate::peers::{WhenFull, Writes};
use crate::results::{Measured, Results};

/// Stands behind latencies of runs in which events were lost: a call that drops is a quick one.
const LOSSY: &str = "†";
const NONE: &str = "–";

/// What the terminal shows: everyone, and how far logwheel is ahead where that can be told.
pub fn summary(results: &Results) -> String {
    let mut summary = everyone(results);
    if let Some(ahead) = ahead(results) {
        let _ = write!(summary, "\n{ahead}");
    }
    summary
}

/// The main table: a line for each peer.
fn everyone(results: &Results) -> String {
    let settings = &results.settings;
    let gaps: Vec<String> = settings.gaps_ns.iter().map(|gap| micros(*gap)).collect();
    let gaps = gaps.join(" / ");
    let mut head = vec!["library".to_owned(), "writes".to_owned(), "when full".to_owned()];
    for threads in &settings.threads {
        head.push(format!("{threads}T mean99, ns, at {gaps} µs"));
        head.push(format!("{threads}T p99.9, ns"));
    }
    for threads in &settings.threads {
        head.push(format!("{threads}T burst, k ev/s"));
        head.push(format!("{threads}T CPU s per M"));
    }
    head.extend(["peak MiB".to_owned(), "dropped".to_owned()]);

    let mut table = Table::new(head, 3);
    for peer in &results.peers {
        let mut row = vec![name(peer), writes(peer).to_owned(), when_full(peer).to_owned()];
        for threads in settings.threads.iter().copied() {
            for figure in [|run: &Latency| run.mean99, |run: &Latency| run.p999] {
                let figures = settings.gaps_ns.iter().map(|gap| nanos(peer, threads, *gap, figure));
                row.push(figures.collect::<Vec<_>>().join(" / "));
            }
        }
        for threads in settings.threads.iter().copied() {
            row.push(cell(peer.events_per_second(threads), |rate| grouped(rate / 1e3)));
            row.push(cell(peer.cpu_per_million(threads), |seconds| format!("{seconds:.2}")));
        }
        row.push(peak(peer, &settings.threads));
        row.push(losses(peer));
        table.row(row);
    }
    table.finish()
}

/// All latencies with this many threads.
fn latencies(results: &Results, threads: usize) -> String {
    let mut head = vec!["library".to_owned()];
    for gap in &results.settings.gaps_ns {
        head.extend(["mean99", "p50", "p99", "p99.9", "max"].map(|figure| format!("{} µs: {figure}", micros(*gap))));
    }
    let mut table = Table::new(head, 1);
    for peer in &results.peers {
        let mut row = vec![name(peer)];
        for gap in results.settings.gaps_ns.iter().copied() {
            let figures: [fn(&Latency) -> f64; 5] =
                [|run| run.mean99, |run| run.p50, |run| run.p99, |run| run.p999, |run| run.max];
            row.extend(figures.map(|figure| nanos(peer, threads, gap, figure)));
        }
        table.row(row);
    }
    table.finish()
}

/// The page that embeds the charts.
pub fn page(results: &Results, charts: &[(String, String)]) -> String {
    let settings = &results.settings;
    let mut page = String::from(
        "# Side by side\n\nMade by `cargo xtask bench peers`; do not edit. What is measured, and how, says \
         `benches/peers/README.md`.\n\n",
    );
    let _ = writeln!(page, "{}. {}\n", results.machine.line(), sample_size(results));
    if settings.quick {
        page.push_str("**A smoke run, to see that everything works. Its figures mean little.**\n\n");
    }
    if results.machine.is_busy() {
        let load = results.machine.load;
        let _ = writeln!(page, "**Other work was running (load average {load:.1}): not for comparison.**\n");
    }
    page.push_str(&everyone(results));
    let _ = writeln!(page, "\n{}\n", legend(results));
    if let Some(ahead) = ahead(results) {
        let _ = writeln!(page, "## How far ahead\n\n{ahead}");
    }
    for (title, file) in charts {
        let _ = writeln!(page, "![{title}]({file})\n");
    }
    for threads in &settings.threads {
        let of = threads_title(*threads);
        let _ = writeln!(page, "## Latency, {of}\n\nns, timer overhead taken off.\n\n{}", latencies(results, *threads));
    }
    page.push_str("## Configurations\n\n");
    for peer in &results.peers {
        let _ = writeln!(page, "- {}: {}", peer.name, peer.setup);
    }
    let _ = writeln!(page, "\nVersions: {}.", results.machine.versions_line());
    let failures = failures(results);
    if !failures.is_empty() {
        let _ = write!(page, "\n## Failed\n\n{failures}");
    }
    page
}

/// How often and how much.
pub fn sample_size(results: &Results) -> String {
    let settings = &results.settings;
    let runs = match settings.runs {
        1 => "One process for each figure".to_owned(),
        n => format!("Medians of {n} fresh processes"),
    };
    format!(
        "{runs}; {} calls a thread when paced (or 2 s of them), bursts of {} events",
        grouped(settings.calls as f64),
        grouped(settings.events as f64)
    )
}

/// What the words and signs of the table mean.
fn legend(results: &Results) -> String {
    let mut legend = "\
        mean99: the mean of the fastest 99 %. Writes: *json* has the three values as fields, *text* only in the \
        message, *nothing* is a floor for handing values over. When full: *waits* loses nothing in bounded memory, \
        *grows* loses nothing while there is memory, *writes* has no queue, so the caller writes the file itself, \
        *drops* loses events. \
        Peak memory and dropped events: the most of any run."
        .to_owned();
    let lossy = results.peers.iter().any(|peer| peer.dropped().0 > 0);
    if lossy {
        let _ = write!(legend, " {LOSSY}: events were lost in these runs, and a call that drops is a quick one.");
    }
    legend
}

/// Who did not come through, and what they said last.
pub fn failures(results: &Results) -> String {
    let mut list = String::new();
    for peer in &results.peers {
        for (run, reason) in peer.failures() {
            let work = match run.work {
                Work::Paced { gap_ns, .. } => format!("{} µs gap", micros(gap_ns)),
                Work::Burst { .. } => "burst".to_owned(),
            };
            let _ = writeln!(list, "- {}, {work}, {} thread(s): {reason}", peer.name, run.threads);
        }
    }
    list
}

fn name(peer: &Measured) -> String {
    if peer.name.starts_with("logwheel") { format!("**{}**", peer.name) } else { peer.name.clone() }
}

pub fn writes(peer: &Measured) -> &'static str {
    match peer.writes {
        Writes::Json => "json",
        Writes::Text => "text",
        Writes::Nothing => "nothing",
    }
}

fn when_full(peer: &Measured) -> &'static str {
    match peer.when_full {
        WhenFull::Waits => "waits",
        WhenFull::Drops => "drops",
        WhenFull::Grows => "grows",
        WhenFull::Writes => "writes",
    }
}

fn nanos(peer: &Measured, threads: usize, gap_ns: u64, figure: impl Fn(&Latency) -> f64) -> String {
    let gap = |work: &Work| matches!(work, Work::Paced { gap_ns: gap, .. } if *gap == gap_ns);
    let mark = if peer.worst_loss(threads, gap) > 0.0 { LOSSY } else { "" };
    cell(peer.paced(threads, gap_ns, figure), |nanos| grouped(nanos) + mark)
}

fn peak(peer: &Measured, threads: &[usize]) -> String {
    let peaks = threads.iter().filter_map(|threads| peer.burst(*threads, |run| run.peak_bytes as f64));
    cell(peaks.reduce(f64::max), |bytes| grouped(bytes / f64::from(1 << 20)))
}

fn losses(peer: &Measured) -> String {
    if peer.runs.iter().all(|run| run.outcome.is_err()) {
        return NONE.to_owned();
    }
    match peer.dropped() {
        (0, burst) => grouped(burst as f64),
        (paced, burst) => format!("{}, paced {}", grouped(burst as f64), grouped(paced as f64)),
    }
}

fn cell(value: Option<f64>, show: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), show)
}

/// A whole number in groups of three digits.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::samples::results;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0.4, 7.0, 999.6, 123_456.0, 1_234_567.0].map(grouped);
        assert_eq!(shown, ["0", "7", "1,000", "123,456", "1,234,567"]);
        assert_eq!([micros(1_000), micros(500), micros(50_000)], ["1", "0.5", "50"]);
    }

    #[test]
    fn the_main_table_has_a_line_for_everyone_with_what_was_measured() {
        let results = results();
        let table = everyone(&results);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2 + results.peers.len());
        let bars = lines[0].matches('|').count();
        assert!(lines.iter().all(|line| line.matches('|').count() == bars), "{table}");
        assert_eq!(
            lines[2],
            "| **logwheel** | json | waits | 30 / 30 | 530 / 530 | 30 / 30 | 530 / 530 | 2,000 | 0.80 | 2,000 | 0.80 \
             | 10 | 0 |"
        );
        assert!(lines.last().unwrap().ends_with("| – / – | – / – | – / – | – / – | – | – | – | – | – | – |"));
    }

    #[test]
    fn how_far_ahead_logwheel_is_comes_behind_the_main_table_where_it_can_be_told() {
        let mut results = results();
        let row = "| 1 thread, 1 µs | mean99 | slog-async | 5.6 (5.6–5.6) | ticklog | 3.2 (3.2–3.2) |";
        let head = "| work | figure |";
        let main_table = everyone(&results);
        let summary_now = summary(&results);
        assert!(summary_now.starts_with(&main_table) && summary_now.contains(row), "{summary_now}");
        let page_now = page(&results, &[("Bursts".to_owned(), "burst.svg".to_owned())]);
        let places =
            [legend(&results).as_str(), "\n## How far ahead\n", row, "![Bursts]"].map(|part| page_now.find(part));
        assert!(places.is_sorted() && places[0].is_some(), "{places:?} {page_now}");
        assert_eq!(page_now.matches(head).count(), 1);

        results.peers.remove(0);
        assert!(!summary(&results).contains(head) && !page(&results, &[]).contains("How far ahead"));
    }

    #[test]
    fn the_page_says_who_failed_who_lost_and_when_it_is_a_smoke_run() {
        let mut results = results();
        let charts = [("Bursts".to_owned(), "burst.svg".to_owned())];
        let page_of = |results: &Results| page(results, &charts);
        assert!(page_of(&results).contains("- crossbeam-channel, burst, 2 thread(s): exit status: 101"));
        assert!(page_of(&results).contains("![Bursts](burst.svg)"));
        assert!(!page_of(&results).contains("smoke run") && !page_of(&results).contains(LOSSY));

        results.settings.quick = true;
        let Some(Ok(crate::job::Outcome::Paced(latency))) =
            results.peers[2].runs.first_mut().map(|run| &mut run.outcome)
        else {
            panic!("paced runs come first");
        };
        latency.events.arrived -= 1;
        let page = page_of(&results);
        assert!(page.contains("A smoke run") && page.contains("95† / 95 |"), "{page}");
        assert!(page.contains("†: events were lost"));
    }
}
