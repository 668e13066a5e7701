//! The ratios as a table.

use super::table::Table;
use super::{NONE, grouped};
use crate::ratios::{Lead, rows};
use crate::results::Results;

const HOW: &str = "\
    Times better: how many times better logwheel is than its best rival, within the same round; the median of all \
    rounds (lowest–highest). Above 1 logwheel is better, below 1 the rival. The best rival is the one over which the \
    lead is least, among those who write JSON and among all who write a file; who lost events in a job is not compared \
    there.";

/// The table, with what it means; `None` where logwheel or a rival was not measured.
pub fn ahead(results: &Results) -> Option<String> {
    let rows = rows(results);
    if rows.is_empty() {
        return None;
    }
    let times = "times better (lowest–highest)";
    let mut table =
        Table::new(["work", "figure", "best JSON", times, "best of all", times].map(str::to_owned).into(), 3);
    for row in rows {
        let work = row.work.title(row.threads);
        let [json, json_times] = row.best_json.as_ref().map_or([NONE.to_owned(), NONE.to_owned()], cells);
        let [all, all_times] = cells(&row.best_of_all);
        table.row(vec![work, row.figure.to_owned(), json, json_times, all, all_times]);
    }
    Some(format!("{HOW}\n\n{}", table.finish()))
}

fn cells(lead: &Lead) -> [String; 2] {
    let [median, lowest, highest] = [lead.median, lead.lowest, lead.highest].map(two_digits);
    [lead.rival.clone(), format!("{median} ({lowest}–{highest})")]
}

/// With two significant digits.
fn two_digits(ratio: f64) -> String {
    let rounded: f64 = format!("{ratio:.1e}").parse().expect("a number as it was just written");
    match rounded {
        10.0.. => grouped(rounded),
        1.0.. => format!("{rounded:.1}"),
        0.1.. => format!("{rounded:.2}"),
        _ => format!("{rounded:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::samples::results;

    #[test]
    fn ratios_have_two_digits() {
        let shown = [0.0123, 0.0996, 0.8749, 0.996, 1.0, 3.449, 9.96, 12.3, 99.6, 1_234.0].map(two_digits);
        assert_eq!(shown, ["0.012", "0.10", "0.87", "1.0", "1.0", "3.4", "10", "12", "100", "1,200"]);
    }

    #[test]
    fn a_row_names_the_rivals() {
        let table = ahead(&results()).unwrap();
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| 2 threads, 50 µs")).collect();
        let figures = ["mean99", "p99", "p99.9"].map(|figure| {
            format!("| 2 threads, 50 µs | {figure} | slog-async | 5.6 (5.6–5.6) | ticklog | 3.2 (3.2–3.2) |")
        });
        assert_eq!(rows, figures, "{table}");
    }

    #[test]
    fn where_no_rival_writes_json_there_is_a_dash() {
        let mut results = results();
        results.peers.retain(|peer| ["logwheel", "ticklog"].contains(&peer.name.as_str()));
        assert!(ahead(&results).unwrap().contains("| 1 thread, 1 µs | p99 | – | – | ticklog | 3.2 (3.2–3.2) |"));
        results.peers.truncate(1);
        assert_eq!(ahead(&results), None);
    }
}
