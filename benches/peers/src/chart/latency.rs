//! What a paced call costs: a panel for each gap, a bar for each library on a logarithmic scale, in
//! three steps: up to the median, to p99, to p99.9.

use super::svg::{Align, Svg};
use super::{CAPTION, Chart, HEAD, MARGIN, NAMES, ROW, caption, colours, label, titles};
use crate::job::{Latency, micros, threads_title};
use crate::report::grouped;
use crate::results::{Measured, Results};

const BARS: f64 = 230.0;
/// Beside the bars: the three figures.
const FIGURES: f64 = 130.0;

pub fn chart(results: &Results, threads: usize) -> Chart {
    let gaps = &results.settings.gaps_ns;
    let peers = by_speed(results, threads);
    let scale = Scale::over(&peers, gaps, threads);
    let width = NAMES + gaps.len() as f64 * (BARS + FIGURES) + MARGIN;
    let bottom = HEAD + peers.len() as f64 * ROW;
    let mut svg = Svg::new(width.max(700.0), bottom + 24.0 + CAPTION);

    let of = threads_title(threads);
    let title = format!("What a log call costs its caller, {of}");
    titles(
        &mut svg,
        &title,
        "ns, logarithmic. Bars reach to p50 (dark), p99, and p99.9 (faint), figures beside them; shorter is better.",
    );

    for (row, _) in peers.iter().enumerate().filter(|(row, _)| row % 2 == 0) {
        svg.rect(MARGIN, HEAD + row as f64 * ROW, width - 2.0 * MARGIN, ROW, "band");
    }
    for (panel, gap) in gaps.iter().copied().enumerate() {
        let left = NAMES + panel as f64 * (BARS + FIGURES);
        svg.text(left, HEAD - 24.0, Align::Start, "head", &format!("one event every {} µs", micros(gap)));
        for (x, value) in scale.decades() {
            svg.line((left + x, HEAD - 4.0), (left + x, bottom + 4.0), "grid");
            svg.text(left + x, HEAD - 8.0, Align::Middle, "value", &short(value));
        }
        for (row, peer) in peers.iter().enumerate() {
            let y = HEAD + row as f64 * ROW;
            let Some([p50, p99, p999]) = figures(peer, threads, gap) else {
                svg.text(left + 4.0, y + ROW / 2.0 + 4.0, Align::Start, "value", "not measured");
                continue;
            };
            let class = colours(peer);
            // The faint one lies below, as it reaches furthest.
            for (value, inset, step) in [(p999, 5.0, 3), (p99, 5.0, 2), (p50, 5.0, 1)] {
                svg.rect(left, y + inset, scale.x(value), ROW - 2.0 * inset, &format!("{class}{step}"));
            }
            let values = [p50, p99, p999].map(compact).join(" · ");
            svg.text(left + BARS + 8.0, y + ROW / 2.0 + 4.0, Align::Start, "value", &values);
        }
    }
    for (row, peer) in peers.iter().enumerate() {
        label(&mut svg, peer, HEAD + row as f64 * ROW);
    }
    caption(&mut svg, results, bottom + 36.0);
    let file = if threads == 1 { "latency-1-thread.svg".to_owned() } else { format!("latency-{threads}-threads.svg") };
    Chart { svg: svg.finish(&title), title, file }
}

/// The fastest first, by the mean of the fastest 99 % at the gap in the middle. Who was not measured
/// with this many threads comes last.
fn by_speed(results: &Results, threads: usize) -> Vec<&Measured> {
    let gaps = &results.settings.gaps_ns;
    let middle = gaps.get(gaps.len() / 2).copied().unwrap_or(0);
    let speed = |peer: &Measured| peer.paced(threads, middle, |run| run.mean99).unwrap_or(f64::INFINITY);
    let mut peers: Vec<&Measured> = results.peers.iter().collect();
    peers.sort_by(|one, other| speed(one).total_cmp(&speed(other)));
    peers
}

fn figures(peer: &Measured, threads: usize, gap_ns: u64) -> Option<[f64; 3]> {
    let of = |figure: fn(&Latency) -> f64| peer.paced(threads, gap_ns, figure);
    Some([of(|run| run.p50)?, of(|run| run.p99)?, of(|run| run.p999)?])
}

/// From 10 ns to the next power of ten above all values.
struct Scale {
    decades: u32,
}

impl Scale {
    fn over(peers: &[&Measured], gaps: &[u64], threads: usize) -> Self {
        let all = gaps.iter().flat_map(|gap| peers.iter().filter_map(|peer| figures(peer, threads, *gap))).flatten();
        let longest = all.fold(100.0, f64::max);
        Self { decades: (longest / 10.0).log10().ceil() as u32 }
    }

    fn x(&self, nanos: f64) -> f64 {
        // What is not visible any more still gets a stroke.
        ((nanos.max(1.0) / 10.0).log10() / f64::from(self.decades) * BARS).max(1.5)
    }

    fn decades(&self) -> impl Iterator<Item = (f64, f64)> + use<> {
        let decades = self.decades;
        (0..=decades).map(move |decade| (f64::from(decade) / f64::from(decades) * BARS, 10_f64.powi(decade as i32 + 1)))
    }
}

/// At most four digits.
fn compact(nanos: f64) -> String {
    match nanos {
        n if n < 9_999.5 => grouped(n),
        n if n < 99_950.0 => format!("{:.1}k", n / 1e3),
        n if n < 999_500.0 => format!("{:.0}k", n / 1e3),
        n => format!("{:.1}M", n / 1e6),
    }
}

fn short(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.0} µs", n / 1e3),
        n => format!("{:.0} ms", n / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::samples::results;

    #[test]
    fn the_scale_covers_all_values_in_whole_decades() {
        let scale = Scale { decades: 4 };
        assert_eq!(scale.x(10.0), 1.5);
        assert_eq!(scale.x(1_000.0), BARS / 2.0);
        assert_eq!(scale.x(100_000.0), BARS);
        assert_eq!(
            scale.decades().map(|(_, value)| short(value)).collect::<Vec<_>>(),
            ["10 ns", "100 ns", "1 µs", "10 µs", "100 µs"]
        );
        let results = results();
        let peers = by_speed(&results, 1);
        let scale = Scale::over(&peers, &[1_000, 50_000], 1);
        let longest = figures(peers[peers.len() - 2], 1, 1_000).unwrap()[2];
        assert!(scale.x(longest) <= BARS && scale.x(longest) > BARS * 0.7);
    }

    #[test]
    fn figures_stay_short() {
        let shown = [28.4, 9_999.0, 9_999.9, 12_703.0, 99_960.0, 325_900.0, 2_786_853.0].map(compact);
        assert_eq!(shown, ["28", "9,999", "10.0k", "12.7k", "100k", "326k", "2.8M"]);
    }

    #[test]
    fn the_fastest_comes_first_and_who_was_not_measured_last() {
        let mut results = results();
        results.peers.reverse();
        let names: Vec<&str> = by_speed(&results, 2).iter().map(|peer| peer.name.as_str()).collect();
        assert_eq!((names[0], names.last().copied()), ("logwheel", Some("crossbeam-channel")));
    }
}
