//! The main job: several threads log a million service events through a whole pipeline to an HTTP
//! receiver of its own and to a file, and everything is counted twice, inside and outside.
//!
//! `cargo run --release --example demo`, or `… -- --input FILE...` for real logs; `--help` tells
//! the rest.

mod args;
mod books;
mod caller;
mod files;
mod latency;
mod progress;
mod random;
mod receiver;
mod report;
mod run;
mod service;
mod tally;
mod text;

use std::fs::{self, File};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::args::{Command, Options, Source, USAGE};
use self::books::Books;
use self::files::Files;
use self::run::Work;

const WRONG_ARGUMENTS: u8 = 2;

fn main() -> ExitCode {
    let options = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error}\n\n{USAGE}");
            return ExitCode::from(WRONG_ARGUMENTS);
        }
    };
    let (work, file) = match prepare(&options) {
        Ok(prepared) => prepared,
        Err(problem) => {
            eprintln!("demo: {problem}");
            return ExitCode::from(WRONG_ARGUMENTS);
        }
    };
    let outcome = run::run(&work, options.threads, &file);
    if options.file.is_none() {
        // A temporary one: nobody will look at it again.
        let _ = fs::remove_file(&file);
    }
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(problem) => {
            eprintln!("demo: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let books = Books::new(&outcome);
    say(&report::summary(&outcome, &books));
    if options.json {
        say(&format!("{}\n", report::json(&outcome, &books)));
    }
    if books.balanced() && outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Opens the inputs, and makes the file sink's file: empty, so that its lines can be counted.
fn prepare(options: &Options) -> Result<(Work, PathBuf), String> {
    let file = options.file.clone().unwrap_or_else(temporary_file);
    let work = match &options.source {
        Source::Events(events) => Work::Events(*events),
        Source::Files { paths, repeat } => {
            if files::is_among(&file, paths) {
                return Err(format!("--file {}: is one of the inputs and would be overwritten", file.display()));
            }
            Work::Files(Files::open(paths, *repeat)?)
        }
    };
    empty(&file).map_err(|problem| format!("--file {}: {problem}", file.display()))?;
    Ok((work, file))
}

fn temporary_file() -> PathBuf {
    // By process, because several may run at once.
    std::env::temp_dir().join(format!("logwheel-demo-{}.log", std::process::id()))
}

fn empty(file: &Path) -> Result<(), String> {
    if fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        return Err("is no regular file, its lines could not be counted".to_owned());
    }
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    }
    File::create(file).map(drop).map_err(|error| error.to_string())
}

/// To stdout; whoever closed it early does not want to read on.
fn say(text: &str) {
    let _ = stdout().lock().write_all(text.as_bytes());
}
