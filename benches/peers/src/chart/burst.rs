//! Bursts until all is in the file: events a second, beside the CPU seconds they cost; a pair of bars
//! for each library, one for each number of threads. Floors write no file and are left out.

use super::svg::{Align, Svg};
use super::{CAPTION, Chart, HEAD, MARGIN, NAMES, ROW, caption, colours, label, titles};
use crate::peers::Writes;
use crate::report::grouped;
use crate::results::{Measured, Results};

const BARS: f64 = 330.0;
/// Beside the bars: the figure.
const FIGURE: f64 = 80.0;

/// A row for each number of threads, at least as high as other charts' rows.
fn row_height(threads: usize) -> f64 {
    (threads as f64 * 13.0 + 8.0).max(ROW)
}

type Figure = fn(&Measured, usize) -> Option<f64>;
type Show = fn(f64) -> String;

pub fn chart(results: &Results) -> Chart {
    let threads = &results.settings.threads;
    let height = row_height(threads.len());
    let peers = by_rate(results);
    let width = NAMES + 2.0 * (BARS + FIGURE) + MARGIN;
    let bottom = HEAD + peers.len() as f64 * height;
    let mut svg = Svg::new(width, bottom + 24.0 + CAPTION);

    let title = "A burst, until all of it is in the file".to_owned();
    let bars: Vec<String> = threads.iter().map(|threads| format!("{threads}T")).collect();
    titles(&mut svg, &title, &format!("Bars from top to bottom: {} (T: logging threads).", bars.join(", ")));

    for (row, _) in peers.iter().enumerate().filter(|(row, _)| row % 2 == 0) {
        svg.rect(MARGIN, HEAD + row as f64 * height, width - 2.0 * MARGIN, height, "band");
    }
    let panels: [(&str, Figure, Show); 2] = [
        ("events a second, thousands (longer is better)", |peer, n| Some(peer.events_per_second(n)? / 1e3), grouped),
        ("CPU seconds per million events (shorter is better)", Measured::cpu_per_million, |value| {
            format!("{value:.2}")
        }),
    ];
    for (panel, (head, figure, show)) in panels.into_iter().enumerate() {
        let left = NAMES + panel as f64 * (BARS + FIGURE);
        svg.text(left, HEAD - 14.0, Align::Start, "head", head);
        svg.line((left, HEAD - 4.0), (left, bottom + 4.0), "grid");
        let all = peers.iter().flat_map(|peer| threads.iter().filter_map(|n| figure(peer, *n)));
        let longest = all.fold(f64::MIN_POSITIVE, f64::max);
        for (row, peer) in peers.iter().enumerate() {
            let bar = (height - 8.0) / threads.len() as f64;
            for (index, n) in threads.iter().enumerate() {
                let y = HEAD + row as f64 * height + 4.0 + index as f64 * bar;
                let middle = y + bar / 2.0 + 3.5;
                let Some(value) = figure(peer, *n) else {
                    svg.text(left + 6.0, middle, Align::Start, "value", "not measured");
                    continue;
                };
                let length = value / longest * BARS;
                svg.rect(left, y, length, bar - 1.5, &format!("{}{}", colours(peer), (index + 1).min(2)));
                svg.text(left + length + 6.0, middle, Align::Start, "value", &show(value));
            }
        }
    }
    for (row, peer) in peers.iter().enumerate() {
        label(&mut svg, peer, HEAD + row as f64 * height + (height - ROW) / 2.0);
    }
    caption(&mut svg, results, bottom + 36.0);
    Chart { svg: svg.finish(&title), title, file: "burst.svg".to_owned() }
}

/// Who writes a file, the fastest with the fewest threads first.
fn by_rate(results: &Results) -> Vec<&Measured> {
    let fewest = results.settings.threads.iter().min().copied().unwrap_or(1);
    let rate = |peer: &Measured| peer.events_per_second(fewest).unwrap_or(0.0);
    let mut peers: Vec<&Measured> = results.peers.iter().filter(|peer| peer.writes != Writes::Nothing).collect();
    peers.sort_by(|one, other| rate(other).total_cmp(&rate(one)));
    peers
}
