//! How does cost grow with fields, sizes, stages, sinks, threads and lanes?
//!
//! `cargo bench -p logwheel --bench scaling [-- --rounds N] [--only TITLE] [--write FILE]`. For each question a few engines that
//! differ in one number: CPU time of the callers and of everything behind them, per event, medians of N rounds
//! (default 15) that go over all points in turn; beside it, the straight line that fits best where growth is
//! expected to be straight. `--write` makes the page `docs/scaling.md` of it.

#[path = "../measure/mod.rs"]
mod measure;

mod cost;
mod line;
mod page;
mod questions;

use std::path::PathBuf;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let value =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let rounds = value("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    let mut questions = questions::all();
    questions.retain(|question| value("--only").is_none_or(|title| title == question.title));
    let answers: Vec<_> = questions.iter().map(|question| question.answer(rounds)).collect();
    let page = page::page(&answers, rounds);
    match value("--write").map(PathBuf::from) {
        // Benches run in the package's folder, which is the repository's.
        Some(file) => std::fs::write(&file, page).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
        None => print!("{page}"),
    }
}
