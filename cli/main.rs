//! The `logwheel` command. What it does is in the library beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use logwheel_cli::args::{Args, Command};
use logwheel_cli::run;

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Run(args) => run::run(&args),
    }
}
