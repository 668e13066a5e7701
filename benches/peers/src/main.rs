//! logwheel side by side with other Rust loggers: the same event, each in fresh processes. See the
//! README beside `Cargo.toml` for what is measured and how.

mod chart;
mod clock;
mod job;
mod lines;
mod machine;
mod measure;
mod order;
mod peers;
mod ratios;
mod report;
mod results;
mod rounds;
mod stats;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use job::Job;
use machine::Machine;
use peers::{ALL, Entry};
use results::{Results, Settings};

#[derive(Debug, Parser)]
#[command(name = "peers", about = "Measures logwheel and its peers, and prints tables")]
struct Arguments {
    /// Writes SVG charts, results.json and a README.md with all tables into this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// Only these peers
    #[arg(long, value_delimiter = ',', value_parser = names())]
    only: Vec<String>,
    /// Numbers of threads that log
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2],
          value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: Vec<u64>,
    /// Gaps between two events of a paced measurement, in µs
    #[arg(long, value_name = "µs", value_delimiter = ',', default_values_t = [1, 5, 50],
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    gaps: Vec<u64>,
    /// Calls of each thread in a paced measurement, as far as two seconds allow
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    calls: u64,
    /// Events of a burst
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    events: u64,
    /// Fresh processes for each figure, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    runs: u64,
    /// A short run, to see that everything works: at most one process, 10,000 calls, 100,000 events
    #[arg(long)]
    quick: bool,
    /// Measures nothing, and shows what this results.json holds
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["only", "threads", "gaps", "calls", "events", "runs", "quick"])]
    from: Option<PathBuf>,
    /// Lists the peers with their configurations
    #[arg(long)]
    list: bool,
    /// The job of a child process
    #[arg(long, hide = true)]
    child: Option<String>,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.iter().map(|entry| entry.about.name))
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    if let Some(job) = &arguments.child {
        let job: Job = serde_json::from_str(job).map_err(|error| format!("--child: {error}"))?;
        return job.work();
    }
    if arguments.list {
        for Entry { about, .. } in ALL {
            println!("{:<20} {}", about.name, about.setup);
        }
        return Ok(());
    }
    let results = match &arguments.from {
        Some(file) => Results::read(file)?,
        None => measure_all(&arguments),
    };
    println!("{}", report::summary(&results));
    eprint!("{}", report::failures(&results));
    arguments.charts.as_deref().map_or(Ok(()), |folder| write(folder, &results))
}

fn measure_all(arguments: &Arguments) -> Results {
    let quick = arguments.quick;
    let cap = |value: u64, most: u64| if quick { value.min(most) } else { value };
    let settings = Settings {
        quick,
        runs: cap(arguments.runs, 1) as usize,
        threads: arguments.threads.iter().map(|threads| *threads as usize).collect(),
        gaps_ns: arguments.gaps.iter().map(|gap| gap * 1_000).collect(),
        calls: cap(arguments.calls, 10_000),
        events: cap(arguments.events, 100_000),
    };
    let only = &arguments.only;
    let chosen = |entry: &&Entry| only.is_empty() || only.iter().any(|name| name == entry.about.name);
    let entries: Vec<&Entry> = ALL.iter().filter(chosen).collect();

    let machine = Machine::look(entries.iter().copied());
    if machine.is_busy() {
        eprintln!("other work is running (load average {:.1}): the figures will not be worth much", machine.load);
    }
    let peers = rounds::measure(&entries, &settings, Job::run_apart);
    Results { machine, settings, peers }
}

fn write(folder: &Path, results: &Results) -> Result<(), String> {
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let charts = chart::all(results);
    let links: Vec<_> = charts.iter().map(|chart| (chart.title.clone(), chart.file.clone())).collect();
    for chart in charts {
        put(&chart.file, chart.svg)?;
    }
    put("results.json", results.json())?;
    put("README.md", report::page(results, &links))
}
