//! `cargo xtask bench agents`: a file of JSON events through a filter to a receiver, as agents do it.
//!
//! The jobs are those of comparisons of log agents: read a file, parse, drop what is at debug level, deliver over
//! HTTP or to Loki. The receiver is in this process and does as little as counting allows. What the agent's process
//! took is read from the system, with all of its threads.

mod events;
mod fluent_bit;
mod job;
mod logwheel;
mod measured;
mod receiver;

use std::path::PathBuf;

use crate::bench::table::Table;
use crate::step::{Failure, Step, root, target_dir};

use events::EventFile;
use job::{JOBS, Job};
use measured::Measured;

const DEFAULT_EVENTS: u64 = 2_000_000;

pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    Step::cargo("build --release -p logwheel-cli").run()?;
    let directory = root().join(target_dir()).join("agents");
    let file = EventFile::make(&directory, options.events)?;
    println!("{} events, {} of them at debug level\n", file.events, file.events - file.kept);
    let fluent_bit = fluent_bit::find(options.fluent_bit)?;
    let mut table = Table::new(&HEAD);
    for job in &JOBS {
        let ours = logwheel::run(job, &file, &directory)?;
        table.row(row(job, "logwheel", &ours, &file));
        if let Some(program) = &fluent_bit {
            let theirs = fluent_bit::run(program, job, &file, &directory)?;
            let ratio = ours.cpu().as_secs_f64() / theirs.cpu().as_secs_f64();
            table.row(row(job, &format!("Fluent Bit ({ratio:.2})"), &theirs, &file));
        } else if let Some(seconds) = job.recorded_fluent_bit {
            table.row(recorded(job, seconds, &ours, &file));
        }
    }
    print!("\n{table}");
    println!("In brackets: logwheel's CPU seconds as a share of Fluent Bit's.");
    if fluent_bit.is_none() {
        println!(
            "No fluent-bit was found; its figures are recorded ones, scaled by events, from another machine \
             of the same kind (two cores, Fluent Bit 5.1.1, tuned)."
        );
    }
    Ok(())
}

const HEAD: [&str; 10] =
    ["job", "agent", "wall s", "input ev/s", "CPU s", "user", "system", "µs/event", "peak MiB", "first s"];

fn row(job: &Job, agent: &str, measured: &Measured, file: &EventFile) -> Vec<String> {
    let (events, cpu) = (file.events as f64, measured.cpu().as_secs_f64());
    let [user, system] = [measured.user, measured.system].map(|time| format!("{:.2}", time.as_secs_f64()));
    vec![
        job.title.to_owned(),
        agent.to_owned(),
        format!("{:.2}", measured.wall.as_secs_f64()),
        format!("{:.0}k", events / measured.wall.as_secs_f64() / 1e3),
        format!("{cpu:.2}"),
        user,
        system,
        format!("{:.2}", cpu * 1e6 / events),
        format!("{:.0}", measured.peak_bytes as f64 / f64::from(1 << 20)),
        measured.first.map_or("-".to_owned(), |first| format!("{:.2}", first.as_secs_f64())),
    ]
}

fn recorded(job: &Job, seconds: f64, ours: &Measured, file: &EventFile) -> Vec<String> {
    let seconds = seconds * file.events as f64 / DEFAULT_EVENTS as f64;
    let agent = format!("Fluent Bit, recorded elsewhere ({:.2})", ours.cpu().as_secs_f64() / seconds);
    let unknown = || "-".to_owned();
    let per_event = format!("{:.2}", seconds * 1e6 / file.events as f64);
    let cells = [unknown(), unknown(), format!("{seconds:.2}"), unknown(), unknown(), per_event, unknown(), unknown()];
    [job.title.to_owned(), agent].into_iter().chain(cells).collect()
}

struct Options {
    events: u64,
    fluent_bit: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { events: DEFAULT_EVENTS, fluent_bit: None };
        let (pairs, rest) = arguments.as_chunks();
        for [option, value] in pairs {
            match *option {
                "--events" => {
                    let events = value.parse().ok().filter(|events| *events > 0);
                    options.events = events
                        .ok_or_else(|| Failure::usage(format!("--events {value:?}: must be a whole number above 0")))?;
                }
                "--fluent-bit" => options.fluent_bit = Some(PathBuf::from(value)),
                other => return Err(Failure::usage(format!("unknown option: {other}"))),
            }
        }
        match rest {
            [] => Ok(options),
            [option, ..] => Err(Failure::usage(format!("{option}: a value is missing, or it is unknown"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_are_refused() {
        let options = Options::parse(&["--events", "1000", "--fluent-bit", "/opt/fb"]).unwrap();
        assert_eq!((options.events, options.fluent_bit), (1_000, Some(PathBuf::from("/opt/fb"))));
        assert_eq!(Options::parse(&[]).unwrap().events, DEFAULT_EVENTS);
        for arguments in [&["--events"][..], &["--events", "0"], &["--event", "1"], &["1", "--events"]] {
            assert!(Options::parse(arguments).is_err_and(|failure| failure.is_usage()), "{arguments:?}");
        }
    }
}
