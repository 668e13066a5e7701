//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

pub const USAGE: &str = "\
Logs from several threads through a whole pipeline to an HTTP receiver of its own and to a file,
and holds the engine's books against what was really logged, received and written.

Usage: cargo run --release --example demo -- [OPTIONS]

  --events N        how many service events to log (default 1,000,000)
  --input FILE...   log the lines of these files instead, each as a message
  --repeat N        log the files N times (default 1)
  --threads N       threads that log, 1 to 1024 (default 4)
  --file PATH       where the file sink writes; overwritten, and kept afterwards
                    (default: a temporary file that is removed)
  --json            print one JSON object as the last line
  -h, --help        this text

Exit code: 0 when the books balance, 1 when they do not or the run failed, 2 for wrong arguments.
";

#[derive(Debug)]
pub struct Options {
    pub source: Source,
    pub threads: usize,
    pub file: Option<PathBuf>,
    pub json: bool,
}

/// What is logged.
#[derive(Debug)]
pub enum Source {
    Events(u64),
    Files { paths: Vec<PathBuf>, repeat: u64 },
}

impl Default for Source {
    fn default() -> Self {
        Self::Events(1_000_000)
    }
}

#[derive(Debug)]
pub enum Command {
    Run(Options),
    Help,
}

#[derive(Debug)]
pub struct ArgsError(String);

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the arguments, without the program's name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, ArgsError> {
    let mut arguments = arguments.into_iter().peekable();
    let (mut events, mut repeat) = (None, None);
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut options = Options { source: Source::default(), threads: 4, file: None, json: false };
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(OsString::from(value))),
            _ => (&*text, None),
        };
        let mut value = || attached.clone().or_else(|| arguments.next_if(|next| !is_option(next)));
        match name {
            "--events" => events = Some(number(name, value(), 0, u64::MAX)?),
            "--threads" => options.threads = number(name, value(), 1, 1024)? as usize,
            "--repeat" => repeat = Some(number(name, value(), 1, u64::MAX)?),
            "--file" => options.file = Some(value().ok_or_else(|| missing(name, "a path"))?.into()),
            "--input" => {
                let first = value().ok_or_else(|| missing(name, "at least one file"))?;
                paths.push(first.into());
                paths.extend(std::iter::from_fn(|| arguments.next_if(|next| !is_option(next))).map(PathBuf::from));
            }
            "--json" | "--help" | "-h" if attached.is_some() => {
                return Err(ArgsError(format!("option {name} takes no value")));
            }
            "--json" => options.json = true,
            "--help" | "-h" => return Ok(Command::Help),
            _ if is_option(&argument) => return Err(ArgsError(format!("unknown option {name:?}"))),
            _ => return Err(ArgsError(format!("unexpected argument {text:?}: files to read follow --input"))),
        }
    }
    options.source = match (events, repeat, paths.is_empty()) {
        (Some(_), _, false) => return Err(ArgsError("--events and --input exclude one another".to_owned())),
        (_, Some(_), true) => return Err(ArgsError("--repeat needs --input".to_owned())),
        (_, repeat, false) => Source::Files { paths, repeat: repeat.unwrap_or(1) },
        (Some(events), None, true) => Source::Events(events),
        (None, None, true) => Source::default(),
    };
    Ok(Command::Run(options))
}

fn is_option(argument: &OsString) -> bool {
    argument.len() > 1 && argument.as_encoded_bytes().starts_with(b"-")
}

/// A number as people write it: `1000000`, `1_000_000` or `1,000,000`.
fn number(name: &str, value: Option<OsString>, min: u64, max: u64) -> Result<u64, ArgsError> {
    let value = value.ok_or_else(|| missing(name, "a number"))?;
    let text = value.to_string_lossy();
    match text.replace(['_', ','], "").parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) => Err(ArgsError(format!("{name} {text}: must be from {min} to {max}"))),
        Err(_) => Err(ArgsError(format!("{name} {text:?}: is no whole number"))),
    }
}

fn missing(name: &str, what: &str) -> ArgsError {
    ArgsError(format!("option {name} needs {what}"))
}
