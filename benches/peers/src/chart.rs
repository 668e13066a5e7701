//! Results as charts. The SVG is our own: two kinds of bars need less code than a plotting crate needs
//! set-up, and none of those we know writes colours that follow the reader's light or dark theme.

mod burst;
mod latency;
mod svg;

use crate::peers::{WhenFull, Writes};
use crate::report::sample_size;
use crate::results::{Measured, Results};
use svg::{Align, Svg};

/// A chart as a file: its title, its name, its text.
pub struct Chart {
    pub title: String,
    pub file: String,
    pub svg: String,
}

/// All of them: latency for each number of threads, and the bursts.
pub fn all(results: &Results) -> Vec<Chart> {
    let mut charts: Vec<Chart> =
        results.settings.threads.iter().map(|threads| latency::chart(results, *threads)).collect();
    charts.push(burst::chart(results));
    charts
}

/// Where the names of the libraries end and the bars begin.
const NAMES: f64 = 210.0;
const MARGIN: f64 = 16.0;
/// From a library to the next.
const ROW: f64 = 24.0;
/// Above the first row: title, subtitle, heads of the panels.
const HEAD: f64 = 96.0;

/// The class of colours for a library.
fn colours(peer: &Measured) -> &'static str {
    match peer.writes {
        _ if peer.name.starts_with("logwheel") => "own",
        Writes::Nothing => "floor",
        Writes::Json | Writes::Text => "peer",
    }
}

/// A library's name, with what sets it apart from one that writes JSON and loses nothing.
fn label(svg: &mut Svg, peer: &Measured, y: f64) {
    let mut remarks = Vec::new();
    match peer.writes {
        Writes::Json => {}
        Writes::Text => remarks.push("text"),
        Writes::Nothing => remarks.push("floor"),
    }
    match peer.when_full {
        WhenFull::Waits => {}
        WhenFull::Drops => remarks.push("drops"),
        WhenFull::Grows => remarks.push("grows"),
        WhenFull::Writes => remarks.push("sync"),
    }
    let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) };
    let class = if colours(peer) == "own" { "name strong" } else { "name" };
    svg.text(NAMES - 10.0, y + ROW / 2.0 + 4.0, Align::End, class, &format!("{}{remarks}", peer.name));
}

fn titles(svg: &mut Svg, title: &str, subtitle: &str) {
    svg.text(MARGIN, 28.0, Align::Start, "title", title);
    svg.text(MARGIN, 48.0, Align::Start, "small", subtitle);
}

/// Machine, day and versions, below everything else.
fn caption(svg: &mut Svg, results: &Results, mut y: f64) {
    let warning = match (results.settings.quick, results.machine.is_busy()) {
        (true, _) => "A smoke run: its figures mean little. ",
        (false, true) => "Other work was running: not for comparison. ",
        (false, false) => "",
    };
    let lines = [
        format!("{warning}{}. {}.", results.machine.line(), sample_size(results)),
        format!("{}.", results.machine.versions_line()),
    ];
    for line in lines {
        for part in svg::wrap(&line, 190) {
            svg.text(MARGIN, y, Align::Start, "small", part);
            y += 15.0;
        }
    }
}

/// Room for the caption.
const CAPTION: f64 = 76.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::samples::results;

    /// Every tag is closed, in order; enough of a parser for what we write.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    }

    #[test]
    fn charts_are_well_formed_and_name_everyone_measured_the_machine_and_the_versions() {
        let results = results();
        let charts = all(&results);
        let files: Vec<&str> = charts.iter().map(|chart| chart.file.as_str()).collect();
        assert_eq!(files, ["latency-1-thread.svg", "latency-2-threads.svg", "burst.svg"]);
        for chart in &charts {
            assert_well_formed(&chart.svg);
            for expected in ["logwheel-busy-spin<", "ticklog (text)<", "rlg (drops)<", "log4rs (sync)<", "rustc "] {
                assert!(chart.svg.contains(expected), "{}: {expected}", chart.file);
            }
            assert!(!chart.svg.contains("smoke run"));
        }
        assert!(charts[0].svg.contains("disruptor-multi (floor)<"));
        assert!(!charts[2].svg.contains("disruptor-multi"), "a floor writes no file");
    }

    #[test]
    fn a_chart_of_nothing_is_still_a_chart() {
        let mut results = results();
        for peer in &mut results.peers {
            peer.runs.clear();
        }
        all(&results).iter().for_each(|chart| assert_well_formed(&chart.svg));
    }
}
