//! How far logwheel is ahead of its rivals: for each figure, the ratio of a rival's to logwheel's. The
//! speed of a machine moves from one round to the next, and moves both sides of a ratio alike; so a
//! ratio is made within a round, and the median is taken of ratios.

use crate::job::{Outcome, Work};
use crate::peers::Writes;
use crate::results::{Measured, Results};
use crate::stats::median;

/// Who is compared with the rivals. Its variants bear its name as the first part of theirs.
const OURS: &str = "logwheel";

/// One figure of one job, beside the rivals over which the lead is least.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub threads: usize,
    pub work: Work,
    pub figure: &'static str,
    /// Among those who write JSON.
    pub best_json: Option<Lead>,
    /// Among those who write JSON or text.
    pub best_of_all: Lead,
}

/// How many times logwheel is better than a rival; below 1, it is worse.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    pub rival: String,
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// A row for each figure in which logwheel has a rival.
pub fn rows(results: &Results) -> Vec<Row> {
    let Some(ours) = results.peers.iter().find(|peer| peer.name == OURS) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for (threads, work) in results.settings.jobs() {
        // Losing events is quicker than writing them.
        let lossless = |peer: &&Measured| peer.worst_loss(threads, |other| work.compares_with(other)) == 0.0;
        if !lossless(&ours) {
            continue;
        }
        let rivals: Vec<&Measured> = results.peers.iter().filter(is_rival).filter(lossless).collect();
        for figure in figures(work) {
            let best = |json_only: bool| {
                let rivals = rivals.iter().filter(|rival| !json_only || rival.writes == Writes::Json);
                let leads = rivals.filter_map(|rival| figure.lead(ours, rival, threads, work));
                leads.min_by(|one, other| one.median.total_cmp(&other.median))
            };
            if let Some(best_of_all) = best(false) {
                rows.push(Row { threads, work, figure: figure.name, best_json: best(true), best_of_all });
            }
        }
    }
    rows
}

/// Floors write no file, and logwheel is no rival of itself.
fn is_rival(peer: &&Measured) -> bool {
    peer.writes != Writes::Nothing && !peer.name.starts_with(OURS)
}

struct Figure {
    name: &'static str,
    of: fn(&Outcome) -> Option<f64>,
    better: Better,
}

enum Better {
    Lower,
    Higher,
}

fn figures(work: Work) -> &'static [Figure] {
    match work {
        Work::Paced { .. } => &[
            Figure { name: "mean99", of: |run| Some(run.paced()?.mean99), better: Better::Lower },
            Figure { name: "p99", of: |run| Some(run.paced()?.p99), better: Better::Lower },
            Figure { name: "p99.9", of: |run| Some(run.paced()?.p999), better: Better::Lower },
        ],
        Work::Burst { .. } => &[
            Figure { name: "events/s", of: |run| Some(run.burst()?.events_per_second()), better: Better::Higher },
            Figure { name: "CPU s per event", of: |run| Some(run.burst()?.cpu_per_million()), better: Better::Lower },
        ],
    }
}

impl Figure {
    /// The ratios of all rounds in which both came through; `None` where there is no such round.
    fn lead(&self, ours: &Measured, rival: &Measured, threads: usize, work: Work) -> Option<Lead> {
        let pairs = ours.rounds(threads, work).zip(rival.rounds(threads, work));
        let ratios = pairs.filter_map(|(ours, theirs)| self.ratio((self.of)(ours?)?, (self.of)(theirs?)?));
        let ratios: Vec<f64> = ratios.collect();
        Some(Lead {
            rival: rival.name.clone(),
            median: median(ratios.iter().copied())?,
            lowest: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            highest: ratios.iter().copied().fold(0.0, f64::max),
        })
    }

    /// How many times ours is better. A coarse clock can make a latency zero, of which there is no ratio.
    fn ratio(&self, ours: f64, theirs: f64) -> Option<f64> {
        (ours > 0.0 && theirs > 0.0).then(|| match self.better {
            Better::Lower => theirs / ours,
            Better::Higher => ours / theirs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Events, Throughput};
    use crate::results::Run;
    use crate::results::samples::{latency, results};

    const GAP: Work = Work::Paced { gap_ns: 1_000, calls: 1_000 };
    const BURST: Work = Work::Burst { events: 100_000 };

    /// The peers of these names, without any runs.
    fn peers<const N: usize>(names: [&str; N]) -> Results {
        let mut results = results();
        results.peers.retain(|peer| names.contains(&peer.name.as_str()));
        assert_eq!(results.peers.len(), N);
        results.peers.iter_mut().for_each(|peer| peer.runs.clear());
        results
    }

    /// Takes part in rounds of a paced job; a round without scale is one that failed.
    fn pace(results: &mut Results, name: &str, scales: &[Option<f64>]) {
        let outcome = |scale: &Option<f64>| Ok(Outcome::Paced(latency((*scale).ok_or("it panicked")?, 1_000)));
        add(results, name, GAP, scales.iter().map(outcome));
    }

    fn burst(results: &mut Results, name: &str, seconds: f64, cpu_seconds: f64) {
        let events = Events { logged: 100_000, arrived: 100_000 };
        let run = Outcome::Burst(Throughput { seconds, cpu_seconds, peak_bytes: 1, events });
        add(results, name, BURST, [Ok(run)].into_iter());
    }

    fn add(results: &mut Results, name: &str, work: Work, outcomes: impl Iterator<Item = Result<Outcome, String>>) {
        let runs = &mut results.peers.iter_mut().find(|peer| peer.name == name).unwrap().runs;
        for outcome in outcomes {
            runs.push(Run { threads: 1, work, outcome });
            // Other jobs of the round, which must not get into the pairs.
            let other = Ok(Outcome::Paced(latency(7.0, 1_000)));
            runs.push(Run { threads: 1, work: Work::Paced { gap_ns: 3, calls: 1_000 }, outcome: other.clone() });
            runs.push(Run { threads: 2, work, outcome: other });
        }
    }

    fn lose(results: &mut Results, name: &str, work: Work) {
        let peer = results.peers.iter_mut().find(|peer| peer.name == name).unwrap();
        let run = peer.runs.iter_mut().find(|run| run.threads == 1 && run.work == work).unwrap();
        match run.outcome.as_mut().unwrap() {
            Outcome::Paced(latency) => latency.events.arrived -= 1,
            Outcome::Burst(throughput) => throughput.events.arrived -= 1,
        }
    }

    /// The rows of one job with one thread: the figure, the best who writes JSON, the best of all.
    fn leads(results: &Results, work: Work) -> Vec<(&'static str, Option<String>, String)> {
        let rows = rows(results).into_iter().filter(|row| row.threads == 1 && row.work == work);
        let shown = |lead: Lead| format!("{} {:.2} ({:.2}–{:.2})", lead.rival, lead.median, lead.lowest, lead.highest);
        rows.map(|row| (row.figure, row.best_json.map(shown), shown(row.best_of_all))).collect()
    }

    /// The best of all in mean99.
    fn best(results: &Results) -> String {
        leads(results, GAP).swap_remove(0).2
    }

    #[test]
    fn the_rival_is_the_one_over_which_the_lead_is_least() {
        let mut results = peers(["logwheel", "slog-async", "spdlog-rs"]);
        pace(&mut results, "logwheel", &[Some(1.0), Some(1.0), Some(10.0)]);
        // The lower median, and more than its share of a quick machine.
        pace(&mut results, "slog-async", &[Some(4.0), Some(4.0), Some(40.0)]);
        pace(&mut results, "spdlog-rs", &[Some(30.0), Some(2.0), Some(20.0)]);
        let lead = rows(&results)[0].best_json.clone().unwrap();
        assert_eq!((lead.rival.as_str(), lead.median), ("spdlog-rs", 2.0));
    }

    #[test]
    fn pairs_are_made_within_a_round() {
        let mut results = peers(["logwheel", "slog-async"]);
        pace(&mut results, "logwheel", &[1.0, 2.0, 4.0].map(Some));
        pace(&mut results, "slog-async", &[3.0, 2.0, 8.0].map(Some));
        // The ratio of the medians would be 1.5.
        assert_eq!(best(&results), "slog-async 2.00 (1.00–3.00)");
    }

    #[test]
    fn a_round_in_which_either_failed_makes_no_pair() {
        let mut results = peers(["logwheel", "slog-async"]);
        pace(&mut results, "logwheel", &[Some(1.0), None, Some(4.0), Some(5.0)]);
        pace(&mut results, "slog-async", &[Some(3.0), Some(2.0), None, Some(10.0)]);
        assert_eq!(best(&results), "slog-async 2.50 (2.00–3.00)");

        let mut results = peers(["logwheel", "slog-async"]);
        pace(&mut results, "logwheel", &[Some(1.0), None]);
        pace(&mut results, "slog-async", &[None, Some(1.0)]);
        assert_eq!(leads(&results, GAP), [], "never in the same round");
    }

    #[test]
    fn a_latency_of_zero_makes_no_pair() {
        let mut results = peers(["logwheel", "slog-async"]);
        pace(&mut results, "logwheel", &[0.0, 1.0, 1.0].map(Some));
        pace(&mut results, "slog-async", &[3.0, 0.0, 2.0].map(Some));
        assert_eq!(best(&results), "slog-async 2.00 (2.00–2.00)");
    }

    #[test]
    fn more_than_1_is_better_whether_a_figure_should_be_low_or_high() {
        let mut results = peers(["logwheel", "slog-async", "spdlog-rs"]);
        for (name, latency, seconds, cpu_seconds) in
            [("logwheel", 1.0, 0.5, 1.0), ("slog-async", 3.0, 2.0, 0.25), ("spdlog-rs", 5.0, 1.0, 0.5)]
        {
            pace(&mut results, name, &[Some(latency)]);
            burst(&mut results, name, seconds, cpu_seconds);
        }
        let row = |figure, lead: &str| (figure, Some(lead.to_owned()), lead.to_owned());
        let latency = "slog-async 3.00 (3.00–3.00)";
        assert_eq!(leads(&results, GAP), ["mean99", "p99", "p99.9"].map(|figure| row(figure, latency)));
        assert_eq!(
            leads(&results, BURST),
            [row("events/s", "spdlog-rs 2.00 (2.00–2.00)"), row("CPU s per event", "slog-async 0.25 (0.25–0.25)")]
        );
    }

    #[test]
    fn who_lost_events_in_a_job_is_no_rival_there() {
        let mut results = peers(["logwheel", "slog-async", "rlg"]);
        for (name, scale) in [("logwheel", 1.0), ("slog-async", 4.0), ("rlg", 2.0)] {
            pace(&mut results, name, &[Some(scale); 2]);
            burst(&mut results, name, scale, scale);
        }
        assert_eq!(best(&results), "rlg 2.00 (2.00–2.00)");
        lose(&mut results, "rlg", BURST);
        assert_eq!(leads(&results, BURST)[0].2, "slog-async 4.00 (4.00–4.00)");
        assert_eq!(best(&results), "rlg 2.00 (2.00–2.00)", "what was lost in the burst does not count here");
        lose(&mut results, "rlg", GAP);
        assert_eq!(best(&results), "slog-async 4.00 (4.00–4.00)");
        lose(&mut results, "logwheel", GAP);
        assert_eq!(leads(&results, GAP), [], "nor is logwheel ahead where it lost events itself");
    }

    #[test]
    fn rivals_write_a_file_and_are_others() {
        let mut results = peers(["logwheel", "logwheel-busy-spin", "ticklog", "slog-async", "disruptor-single"]);
        for (peer, scale) in [1.0, 0.5, 2.0, 4.0, 0.1].into_iter().enumerate() {
            let name = results.peers[peer].name.clone();
            pace(&mut results, &name, &[Some(scale)]);
        }
        let rows = leads(&results, GAP);
        let (json, text) = ("slog-async 4.00 (4.00–4.00)", "ticklog 2.00 (2.00–2.00)");
        assert_eq!(rows[0], ("mean99", Some(json.to_owned()), text.to_owned()));

        results.peers.retain(|peer| peer.name != "slog-async");
        assert_eq!(leads(&results, GAP)[0], ("mean99", None, text.to_owned()));
        results.peers.retain(|peer| peer.name != "ticklog");
        assert_eq!(leads(&results, GAP), []);
    }

    #[test]
    fn without_logwheel_there_is_nothing_to_compare() {
        let mut results = results();
        results.peers.retain(|peer| peer.name != "logwheel");
        assert_eq!(rows(&results), []);
    }
}
