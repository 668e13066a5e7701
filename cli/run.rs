//! `logwheel run`: from the settings to the report.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use logwheel::{Engine, FlushError, Logger};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{ReportForm, RunArgs};
use crate::input::{InputCounts, Intake, latencies};
use crate::report::{Books, Outcome};
use crate::settings::{Pipeline, SinkSettings};

/// Something was lost, or not read.
const LOST: u8 = 1;
/// Nothing was read at all.
const WRONG: u8 = 2;
/// How long a reader may take to notice that it is to stop; one that waits for input never does,
/// and holds nothing.
const NOTICE: Duration = Duration::from_secs(1);
/// How often the final flush looks for a signal.
const LOOK: Duration = Duration::from_millis(250);

/// Runs a pipeline to the end of its input.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    match try_run(args) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("logwheel: {problem}");
            ExitCode::from(WRONG)
        }
    }
}

fn try_run(args: &RunArgs) -> Result<ExitCode, String> {
    let config = std::fs::read_to_string(&args.config)
        .map_err(|error| format!("--config {}: {error}", args.config.display()))?;
    // What is no Unicode is none of ours, and may not be referred to.
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let pipeline =
        Pipeline::from_toml_in(&config, &variables).map_err(|error| format!("{}: {error}", args.config.display()))?;
    let inputs = open_all(&args.input)?;
    let mut report_to = ReportTo::open(args.report_file.as_deref(), &pipeline.sinks)?;
    let (sinks, shutdown_timeout) = (pipeline.sinks.clone(), pipeline.shutdown_timeout);
    // Before the engine: from here on a signal must not lose anything.
    let (news, told) = channel();
    listen_to_signals(news.clone()).map_err(|error| format!("cannot listen to signals: {error}"))?;
    let engine = pipeline.start().map_err(|error| format!("{}: {error}", args.config.display()))?;

    let began = Instant::now();
    let reading = Reading::start(inputs, engine.logger(""), news);
    let read = reading.wait(&told);
    if !read.interrupted {
        flush(&engine, &told);
    }
    let seconds = began.elapsed();
    let report = engine.shutdown(shutdown_timeout);
    let outcome = Outcome {
        input: reading.counts.totals(),
        latencies: read.latencies,
        troubles: read.troubles,
        interrupted: read.interrupted,
        // What is delivered by an interrupted run, is delivered while it shuts down.
        delivering: if read.interrupted { seconds + report.elapsed } else { seconds },
        report,
        sinks,
    };
    let books = Books::new(&outcome);
    report_to.write(&match args.report {
        ReportForm::Text => books.to_text(&outcome),
        ReportForm::Json => format!("{}\n", books.to_json(&outcome)),
    });
    Ok(if books.nothing_lost() && outcome.troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(LOST) })
}

/// An input and its name for errors.
type Input = (String, Box<dyn Read + Send>);

/// Opens all of them, so that a wrong name is told before anything is read.
fn open_all(paths: &[PathBuf]) -> Result<Vec<Input>, String> {
    let standard_input = || -> Input { ("standard input".to_owned(), Box::new(io::stdin())) };
    if paths.is_empty() {
        return Ok(vec![standard_input()]);
    }
    let open = |path: &PathBuf| {
        if path.as_os_str() == "-" {
            return Ok(standard_input());
        }
        let failed = |error: io::Error| format!("--input {}: {error}", path.display());
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        Ok((path.display().to_string(), Box::new(file) as Box<dyn Read + Send>))
    };
    paths.iter().map(open).collect()
}

/// What happens during a run.
enum News {
    /// The reader is done: what its calls took, and what it could not read.
    Read(Box<Histogram<u64>>, Vec<String>),
    /// The process is to end.
    Signal,
}

/// The thread that reads and logs.
struct Reading {
    counts: Arc<InputCounts>,
    stop: Arc<AtomicBool>,
}

/// What became of it.
struct WhatWasRead {
    interrupted: bool,
    latencies: Histogram<u64>,
    troubles: Vec<String>,
}

impl Reading {
    fn start(inputs: Vec<Input>, logger: Logger, news: Sender<News>) -> Self {
        let (counts, stop) = (Arc::new(InputCounts::default()), Arc::new(AtomicBool::new(false)));
        let reading = Self { counts: Arc::clone(&counts), stop: Arc::clone(&stop) };
        let read = move || {
            let mut intake = Intake::new(logger, &counts);
            let mut troubles = Vec::new();
            for (name, input) in inputs {
                if let Err(error) = intake.log_all(input, &stop) {
                    troubles.push(format!("{name}: cannot be read further: {error}"));
                }
            }
            // Nobody listens any more after a signal.
            let _ = news.send(News::Read(Box::new(intake.into_latencies()), troubles));
        };
        thread::spawn(read);
        reading
    }

    /// Waits for the end of the input, or for a signal.
    fn wait(&self, told: &Receiver<News>) -> WhatWasRead {
        let mut interrupted = false;
        let mut next = told.recv().map_err(|_| RecvTimeoutError::Disconnected);
        if matches!(next, Ok(News::Signal)) {
            interrupted = true;
            self.stop.store(true, Ordering::Relaxed);
            next = told.recv_timeout(NOTICE);
        }
        match next {
            Ok(News::Read(latencies, troubles)) => WhatWasRead { interrupted, latencies: *latencies, troubles },
            Ok(News::Signal) | Err(RecvTimeoutError::Timeout) => {
                WhatWasRead { interrupted, latencies: latencies(), troubles: Vec::new() }
            }
            // The channel's other end is kept by the thread that listens to signals.
            Err(RecvTimeoutError::Disconnected) => {
                let troubles = vec!["the reading thread ended unexpectedly".to_owned()];
                WhatWasRead { interrupted, latencies: latencies(), troubles }
            }
        }
    }
}

/// Waits until everything has its fate, however long the sinks try; or for a signal.
fn flush(engine: &Engine, told: &Receiver<News>) {
    while let Err(FlushError::TimedOut { .. }) = engine.flush(LOOK) {
        if told.try_recv().is_ok() {
            return;
        }
    }
}

/// The first signal is told, the second ends the process as if nobody listened.
fn listen_to_signals(news: Sender<News>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let listen = move || {
        let mut seen = false;
        for signal in &mut signals {
            if std::mem::replace(&mut seen, true) {
                // Ends the process; if it cannot, the first signal still does its work.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            let _ = news.send(News::Signal);
        }
    };
    thread::Builder::new().name("signals".into()).spawn(listen).map(drop)
}

/// Where the report goes.
enum ReportTo {
    Stdout,
    Stderr,
    File(PathBuf, File),
}

impl ReportTo {
    fn open(file: Option<&Path>, sinks: &[SinkSettings]) -> Result<Self, String> {
        match file {
            Some(path) => {
                let file = File::create(path).map_err(|error| format!("--report-file {}: {error}", path.display()))?;
                Ok(Self::File(path.to_owned(), file))
            }
            None if sinks.iter().any(|sink| sink.kind == "stdout") => Ok(Self::Stderr),
            None => Ok(Self::Stdout),
        }
    }

    fn write(&mut self, text: &str) {
        match self {
            // Whoever closed them does not want to read on.
            Self::Stdout => drop(io::stdout().lock().write_all(text.as_bytes())),
            Self::Stderr => drop(io::stderr().lock().write_all(text.as_bytes())),
            Self::File(path, file) => {
                if let Err(error) = file.write_all(text.as_bytes()) {
                    // The books are worth more than where they were to go.
                    eprintln!("logwheel: --report-file {}: {error}\n{text}", path.display());
                }
            }
        }
    }
}
