//! All that was measured, as it stands in `results.json`: every run, so that tables and charts can be
//! made again without measuring. Medians are taken when they are shown.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::job::{Latency, Outcome, Throughput, Work};
use crate::machine::Machine;
use crate::peers::{About, WhenFull, Writes};
use crate::stats::median;

/// A paced measurement takes no longer than this.
const PACED_LIMIT_NS: u64 = 2_000_000_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    pub machine: Machine,
    pub settings: Settings,
    pub peers: Vec<Measured>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// A short run to see that everything works. Its figures mean little.
    pub quick: bool,
    /// Fresh processes for each figure.
    pub runs: usize,
    pub threads: Vec<usize>,
    pub gaps_ns: Vec<u64>,
    /// Calls of each thread when paced; fewer where they would take longer than two seconds.
    pub calls: u64,
    /// Events of a burst.
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub name: String,
    pub writes: Writes,
    pub when_full: WhenFull,
    pub setup: String,
    pub runs: Vec<Run>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub threads: usize,
    pub work: Work,
    /// Or why there is none.
    pub outcome: Result<Outcome, String>,
}

impl Settings {
    /// The jobs of a round in their order, each with its number of threads.
    pub fn jobs(&self) -> impl Iterator<Item = (usize, Work)> {
        self.threads.iter().flat_map(move |&threads| {
            let paced = self.gaps_ns.iter().map(move |&gap_ns| {
                let most = PACED_LIMIT_NS / (gap_ns * threads as u64);
                Work::Paced { gap_ns, calls: self.calls.min(most).max(100) }
            });
            paced.chain([Work::Burst { events: self.events }]).map(move |work| (threads, work))
        })
    }
}

impl Measured {
    pub fn new(about: &About) -> Self {
        Self {
            name: about.name.to_owned(),
            writes: about.writes,
            when_full: about.when_full,
            setup: about.setup.to_owned(),
            runs: Vec::new(),
        }
    }

    /// The median of a figure over the paced runs with this gap.
    pub fn paced(&self, threads: usize, gap_ns: u64, figure: impl Fn(&Latency) -> f64) -> Option<f64> {
        median(self.outcomes(threads).filter_map(|(work, outcome)| match (work, outcome) {
            (Work::Paced { gap_ns: gap, .. }, Outcome::Paced(latency)) if gap == gap_ns => Some(figure(latency)),
            _ => None,
        }))
    }

    /// The median of a figure over the bursts.
    pub fn burst(&self, threads: usize, figure: impl Fn(&Throughput) -> f64) -> Option<f64> {
        median(self.outcomes(threads).filter_map(|(_, outcome)| match outcome {
            Outcome::Burst(throughput) => Some(figure(throughput)),
            Outcome::Paced(_) => None,
        }))
    }

    /// Events that reached the file, a second.
    pub fn events_per_second(&self, threads: usize) -> Option<f64> {
        self.burst(threads, Throughput::events_per_second)
    }

    /// CPU seconds for a million events that reached the file.
    pub fn cpu_per_million(&self, threads: usize) -> Option<f64> {
        self.burst(threads, Throughput::cpu_per_million)
    }

    /// What came out of this job, round by round; `None` where it failed.
    pub fn rounds(&self, threads: usize, work: Work) -> impl Iterator<Item = Option<&Outcome>> {
        let runs = self.runs.iter().filter(move |run| run.threads == threads && run.work.compares_with(&work));
        runs.map(|run| run.outcome.as_ref().ok())
    }

    /// The most that was lost in one paced run, and in one burst.
    pub fn dropped(&self) -> (u64, u64) {
        let all = self.runs.iter().filter_map(|run| run.outcome.as_ref().ok());
        all.fold((0, 0), |(paced, burst), outcome| match outcome {
            Outcome::Paced(latency) => (paced.max(latency.events.dropped()), burst),
            Outcome::Burst(throughput) => (paced, burst.max(throughput.events.dropped())),
        })
    }

    /// The share of the events that was lost in one kind of run at most.
    pub fn worst_loss(&self, threads: usize, kind: impl Fn(&Work) -> bool) -> f64 {
        let losses = self.outcomes(threads).filter(|(work, _)| kind(work)).map(|(_, outcome)| {
            let events = match outcome {
                Outcome::Paced(latency) => latency.events,
                Outcome::Burst(throughput) => throughput.events,
            };
            events.dropped() as f64 / events.logged.max(1) as f64
        });
        losses.fold(0.0, f64::max)
    }

    pub fn failures(&self) -> impl Iterator<Item = (&Run, &str)> {
        self.runs.iter().filter_map(|run| Some((run, run.outcome.as_ref().err()?.as_str())))
    }

    fn outcomes(&self, threads: usize) -> impl Iterator<Item = (Work, &Outcome)> {
        let runs = self.runs.iter().filter(move |run| run.threads == threads);
        runs.filter_map(|run| Some((run.work, run.outcome.as_ref().ok()?)))
    }
}

impl Results {
    pub fn read(path: &Path) -> Result<Self, String> {
        let json = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain values") + "\n"
    }
}

#[cfg(test)]
pub mod samples {
    //! Made-up results for the tests of tables and charts.

    use super::*;
    use crate::job::Events;
    use crate::peers::ALL;

    /// Everyone, with figures that grow from peer to peer; the last one failed throughout.
    pub fn results() -> Results {
        let settings = Settings {
            quick: false,
            runs: 1,
            threads: vec![1, 2],
            gaps_ns: vec![1_000, 50_000],
            calls: 1_000,
            events: 100_000,
        };
        let mut peers: Vec<Measured> = ALL.iter().map(|entry| Measured::new(&entry.about)).collect();
        let last = peers.len() - 1;
        for (index, peer) in peers.iter_mut().enumerate() {
            let scale = 10_f64.powf(index as f64 / 4.0);
            for threads in settings.threads.clone() {
                for gap_ns in settings.gaps_ns.clone() {
                    let outcome = Ok(Outcome::Paced(latency(scale, 1_000)));
                    peer.runs.push(Run { threads, work: Work::Paced { gap_ns, calls: 1_000 }, outcome });
                }
                let outcome = Ok(Outcome::Burst(Throughput {
                    seconds: 0.05 * scale,
                    cpu_seconds: 0.08 * scale,
                    peak_bytes: 10 << 20,
                    events: Events { logged: 100_000, arrived: 100_000 - index as u64 },
                }));
                peer.runs.push(Run { threads, work: Work::Burst { events: 100_000 }, outcome });
            }
            if index == last {
                peer.runs.iter_mut().for_each(|run| run.outcome = Err("exit status: 101: it <panicked>".to_owned()));
            }
        }
        Results { machine: Machine::look(ALL), settings, peers }
    }

    pub fn latency(scale: f64, logged: u64) -> Latency {
        Latency {
            mean99: 30.0 * scale,
            p50: 28.0 * scale,
            p99: 75.0 * scale,
            p999: 530.0 * scale,
            max: 9_000.0 * scale,
            overhead: 24.0,
            events: Events { logged, arrived: logged },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{latency, results};
    use super::*;

    #[test]
    fn results_survive_their_json() {
        let results = results();
        assert!(serde_json::from_str::<Results>(&results.json()).unwrap() == results, "too long to show");
    }

    #[test]
    fn a_slow_pace_makes_fewer_calls() {
        let mut settings = results().settings;
        (settings.threads, settings.gaps_ns, settings.calls) = (vec![2], vec![1_000, 50_000], 200_000);
        let calls = settings.jobs().map(|(threads, work)| match work {
            Work::Paced { calls, .. } => (threads, calls),
            Work::Burst { .. } => (threads, 0),
        });
        assert!(calls.eq([(2, 200_000), (2, 20_000), (2, 0)]));
    }

    #[test]
    fn a_figure_is_the_median_of_its_own_runs() {
        let mut peer = results().peers.remove(0);
        let work = Work::Paced { gap_ns: 1_000, calls: 1 };
        for scale in [2.0, 100.0] {
            peer.runs.push(Run { threads: 1, work, outcome: Ok(Outcome::Paced(latency(scale, 1))) });
        }
        assert_eq!(peer.paced(1, 1_000, |run| run.mean99), Some(60.0));
        assert_eq!(peer.paced(2, 1_000, |run| run.mean99), Some(30.0));
        assert_eq!(peer.paced(1, 7, |run| run.mean99), None);
        assert_eq!(peer.events_per_second(1), Some(2e6));
        assert_eq!(peer.cpu_per_million(1), Some(0.8));
    }

    #[test]
    fn losses_and_failures_are_seen() {
        let results = results();
        assert_eq!(results.peers[3].dropped(), (0, 3));
        assert_eq!(results.peers[3].worst_loss(1, |work| matches!(work, Work::Burst { .. })), 3e-5);
        assert_eq!(results.peers[3].worst_loss(1, |work| matches!(work, Work::Paced { .. })), 0.0);
        let failed = results.peers.last().unwrap();
        assert!(failed.failures().count() > 0 && failed.events_per_second(1).is_none());
    }
}
