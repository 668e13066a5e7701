//! The job of a log agent: a file of JSON lines in, debug lines dropped, HTTP or Loki out. What does
//! `logwheel run` take for it, and what does Fluent Bit?

mod agent;
mod events;
mod receiver;

use std::path::{Path, PathBuf};

use agent::{Agent, Taken};
use events::Events;
use receiver::Receiver;

use crate::step::{Failure, Step, root, target_dir};

/// What Fluent Bit 5.1.1 took on a machine of the kind that the README's numbers come from, with
/// 2,000,000 lines, tuned: CPU seconds for HTTP, for Loki with a constant label, with a label by level.
const RECORDED: [f64; 3] = [6.1, 7.2, 9.1];
const RECORDED_EVENTS: f64 = 2e6;

/// The three jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    Http,
    Loki,
    LokiByLevel,
}

impl Job {
    const ALL: [Job; 3] = [Job::Http, Job::Loki, Job::LokiByLevel];

    fn name(self) -> &'static str {
        match self {
            Job::Http => "http",
            Job::Loki => "loki",
            Job::LokiByLevel => "loki, label by level",
        }
    }
}

struct Options {
    events: u64,
    runs: usize,
    fluent_bit: Option<PathBuf>,
}

/// Runs the jobs and prints a table.
pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    let options = options(arguments)?;
    Step::cargo("build --release -p logwheel-cli").run()?;
    let folder = root().join(target_dir()).join("agents");
    std::fs::create_dir_all(&folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let events = Events::write(&folder, options.events)?;
    let logwheel = root().join(target_dir()).join("release/logwheel");
    let mut agents = vec![Agent::Logwheel(logwheel)];
    agents.extend(options.fluent_bit.map(Agent::FluentBit));

    println!("\n{} lines of {} bytes, of which {} are to arrive", events.lines, events.bytes_per_line(), events.kept);
    println!(
        "| job | agent | wall s | lines/s | CPU s | CPU µs/line | peak MiB | first s | arrived |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|"
    );
    for (job, recorded) in Job::ALL.into_iter().zip(RECORDED) {
        let mut of_this_job = Vec::new();
        for agent in &agents {
            let taken = median(options.runs, || measure(agent, job, &events, &folder))?;
            row(job.name(), agent.name(), &events, &taken);
            of_this_job.push(taken.cpu);
        }
        let (reference, cpu) = match of_this_job[..] {
            [ours, theirs] => ("Fluent Bit in this run", theirs / ours),
            _ => {
                let recorded = recorded * events.lines as f64 / RECORDED_EVENTS;
                ("Fluent Bit as recorded on another such machine", recorded / of_this_job[0])
            }
        };
        println!("| | {reference}: {cpu:.1} times the CPU | | | | | | | |");
    }
    Ok(())
}

fn options(arguments: &[&str]) -> Result<Options, Failure> {
    let mut options = Options { events: 2_000_000, runs: 3, fluent_bit: on_path("fluent-bit") };
    let number = |text: &str| text.parse::<u64>().map_err(|_| Failure::usage(format!("{text:?} is no number")));
    let mut rest = arguments;
    while !rest.is_empty() {
        rest = match rest {
            ["--events", events, rest @ ..] => {
                options.events = number(events)?.max(1);
                rest
            }
            ["--runs", runs, rest @ ..] => {
                options.runs = number(runs)?.max(1) as usize;
                rest
            }
            ["--fluent-bit", path, rest @ ..] => {
                options.fluent_bit = Some(PathBuf::from(path));
                rest
            }
            other => return Err(Failure::usage(format!("bench agents: unknown argument {}", other[0]))),
        };
    }
    Ok(options)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// The run with the median CPU time.
fn median(runs: usize, mut run: impl FnMut() -> Result<Taken, Failure>) -> Result<Taken, Failure> {
    let mut all = (0..runs).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    Ok(all.swap_remove(all.len() / 2))
}

fn measure(agent: &Agent, job: Job, events: &Events, folder: &Path) -> Result<Taken, Failure> {
    let receiver = Receiver::start(job).map_err(|error| Failure::new(format!("the receiver: {error}")))?;
    let taken = agent.carry(job, events, &receiver, folder)?;
    if taken.arrived != events.kept {
        let problem = format!("{} of {} events arrived", taken.arrived, events.kept);
        return Err(Failure::new(format!("{}, {}: {problem}", agent.name(), job.name())));
    }
    Ok(taken)
}

fn row(job: &str, agent: &str, events: &Events, taken: &Taken) {
    let lines = events.lines as f64;
    println!(
        "| {job} | {agent} | {:.2} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} | {} |",
        taken.wall,
        lines / taken.wall,
        taken.cpu,
        taken.cpu * 1e6 / lines,
        taken.peak_mib,
        taken.first,
        taken.arrived,
    );
}
