//! The command line.

use std::path::PathBuf;

/// Carries log lines through a pipeline, and accounts for every one of them.
#[derive(Debug, clap::Parser)]
#[command(name = "logwheel", version, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the command can do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Carry the lines of files or standard input through the pipeline of a settings file
    ///
    /// A line that is a JSON object becomes an event with its members as fields, every other line
    /// an event with the line as its message. At the end of the input everything is flushed and the
    /// books are printed: to standard output, or to standard error if a stdout sink writes there.
    ///
    /// Exit code: 0 when nothing was lost, 1 when something was, 2 for wrong arguments or settings.
    Run(RunArgs),
}

/// The arguments of `logwheel run`.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// The settings file (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,

    /// Files to read, one after the other; - is standard input, which is also the default
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    pub input: Vec<PathBuf>,

    /// How the books are printed
    #[arg(long, value_name = "FORM", value_enum, default_value_t = ReportForm::Text)]
    pub report: ReportForm,

    /// Write the books to this file instead
    #[arg(long, value_name = "FILE")]
    pub report_file: Option<PathBuf>,
}

/// How the books are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportForm {
    /// A few lines for people
    Text,
    /// One line of JSON
    Json,
}
