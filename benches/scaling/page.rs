//! What was measured, as a page.

use std::fmt::Write as _;

use crate::cost::Cost;
use crate::line::Line;
use crate::questions::Answer;

const INTRODUCTION: &str = "\
# How cost grows

Made by `cargo xtask bench scaling -- --write docs/scaling.md`; do not edit. The prose is in `benches/scaling/`.

Each table varies one number and leaves all else: an engine with the default options and `topology = \"fused\"` (one \
worker), one thread on a lane of its own, `order filled` with three fields, one null sink. Threads log in bursts that fit \
into their lanes, with a flush behind each. *Caller* is the CPU time of the threads that log, *behind* that of all other \
threads, waking, sleeping and flushing included, both in nanoseconds per event. Where growth is expected to be straight, \
`fit` is the line that fits best (least squares of the relative errors); points that lie more than a quarter beside it are marked `*`.
";

/// The share by which a point may lie beside its line.
const TOLERANCE: f64 = 0.25;

pub fn page(answers: &[Answer<'_>], rounds: usize) -> String {
    let mut page = String::from(INTRODUCTION);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = processor.map_or("an unknown processor", |(_, name)| name);
    write!(page, "\n{processor}, {cores} cores; medians of {rounds} rounds.\n").expect("writing to memory");
    answers.iter().for_each(|answer| section(answer, &mut page));
    page
}

fn section(answer: &Answer<'_>, page: &mut String) {
    let question = answer.question;
    let mut put = |text: String| page.push_str(&text);
    put(format!("\n## {}\n\n{}\n", question.title, question.model));
    let mut lines = Vec::new();
    for &(from, to) in question.straight {
        let points = || answer.costs.iter().filter(|(x, _)| (from..=to).contains(x));
        let fit =
            |of: fn(&Cost) -> f64| Line::through(&points().map(|(x, cost)| (*x as f64, of(cost))).collect::<Vec<_>>());
        let (caller, behind) = (fit(|cost| cost.caller), fit(|cost| cost.behind));
        put(format!("\nFrom {from} to {to}: caller {}, behind {}.\n", equation(caller), equation(behind)));
        lines.push((from, to, caller, behind));
    }
    put(format!("\n| {} | caller, ns | fit | behind, ns | fit |\n|--:|--:|--:|--:|--:|\n", question.of));
    for (x, cost) in &answer.costs {
        let line = lines.iter().find(|(from, to, ..)| (from..=to).contains(&x));
        let [caller, behind] = match line {
            None => [String::new(), String::new()],
            Some((_, _, caller, behind)) => [(caller, cost.caller), (behind, cost.behind)].map(|(line, measured)| {
                let fit = line.at(*x as f64);
                let mark = if (measured - fit).abs() > fit.abs() * TOLERANCE { " *" } else { "" };
                format!("{}{mark}", number(fit))
            }),
        };
        put(format!("| {x} | {} | {caller} | {} | {behind} |\n", number(cost.caller), number(cost.behind)));
    }
}

fn equation(line: Line) -> String {
    let digits = if line.slope.abs() < 1.0 { 2 } else { 1 };
    format!("{:.0} + {:.digits$} x", line.base, line.slope)
}

fn number(ns: f64) -> String {
    format!("{ns:.0}")
}
