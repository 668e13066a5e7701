//! Who is measured when. The speed of a machine moves within minutes, so a round goes job by job, and
//! with each job over all peers: what is compared was measured shortly after one another.

use std::path::PathBuf;

use crate::job::{Job, Outcome};
use crate::peers::Entry;
use crate::results::{Measured, Run, Settings};

/// Measures everyone; `run` does a job, which is to have a process of its own.
pub fn measure(
    entries: &[&Entry],
    settings: &Settings,
    mut run: impl FnMut(Job) -> Result<Outcome, String>,
) -> Vec<Measured> {
    let mut peers: Vec<Measured> = entries.iter().map(|entry| Measured::new(&entry.about)).collect();
    for round in 1..=settings.runs {
        for (threads, work) in settings.jobs() {
            eprintln!("round {round} of {}: {}", settings.runs, work.title(threads));
            for index in order(round, entries.len()) {
                let about = &entries[index].about;
                if threads <= about.max_threads {
                    let job = Job { peer: about.name.to_owned(), threads, work, folder: PathBuf::new() };
                    peers[index].runs.push(Run { threads, work, outcome: run(job) });
                }
            }
        }
    }
    peers
}

/// The way through the peers: back in odd rounds, so that nobody always comes behind the same
/// neighbour.
fn order(round: usize, peers: usize) -> impl Iterator<Item = usize> {
    (0..peers).map(move |place| if round.is_multiple_of(2) { place } else { peers - 1 - place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::find;

    #[test]
    fn a_job_goes_over_all_peers_before_the_next_begins_and_back_in_odd_rounds() {
        // quicklog takes one thread.
        let entries = ["logwheel", "quicklog", "slog-async"].map(|name| find(name).unwrap());
        let settings =
            Settings { quick: false, runs: 2, threads: vec![1, 2], gaps_ns: vec![5_000], calls: 100, events: 100 };
        let mut seen = Vec::new();
        let peers = measure(&entries, &settings, |job| {
            seen.push(format!("{}, {}", job.peer, job.work.title(job.threads)));
            Err(seen.len().to_string())
        });
        assert_eq!(
            seen,
            [
                "slog-async, 1 thread, 5 µs",
                "quicklog, 1 thread, 5 µs",
                "logwheel, 1 thread, 5 µs",
                "slog-async, 1 thread, burst",
                "quicklog, 1 thread, burst",
                "logwheel, 1 thread, burst",
                "slog-async, 2 threads, 5 µs",
                "logwheel, 2 threads, 5 µs",
                "slog-async, 2 threads, burst",
                "logwheel, 2 threads, burst",
                "logwheel, 1 thread, 5 µs",
                "quicklog, 1 thread, 5 µs",
                "slog-async, 1 thread, 5 µs",
                "logwheel, 1 thread, burst",
                "quicklog, 1 thread, burst",
                "slog-async, 1 thread, burst",
                "logwheel, 2 threads, 5 µs",
                "slog-async, 2 threads, 5 µs",
                "logwheel, 2 threads, burst",
                "slog-async, 2 threads, burst",
            ]
        );
        let outcomes = peers.iter().map(|peer| peer.failures().map(|(_, place)| place).collect::<Vec<_>>().join(" "));
        let expected = ["3 6 8 10 11 14 17 19", "2 5 12 15", "1 4 7 9 13 16 18 20"];
        assert!(outcomes.eq(expected), "each peer keeps its own, in the order of the rounds: {peers:?}");
    }
}
