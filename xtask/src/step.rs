//! Commands that are shown, run, and named when they fail.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

/// One command, run in the root of the workspace.
#[must_use]
pub struct Step {
    command: Command,
    shown: String,
}

/// Why a task ended.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

impl Step {
    /// `cargo` with these arguments, none of which has a space in it.
    pub fn cargo(arguments: &str) -> Self {
        // Not the `CARGO` that cargo sets: that one is past rustup and knows no `+nightly`.
        arguments.split(' ').fold(Self::command("cargo"), Step::arg)
    }

    /// Any program, without arguments yet.
    pub fn command(program: &str) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root());
        Self { command, shown: program.to_owned() }
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self.shown.push(' ');
        self.shown.push_str(argument);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown.insert_str(0, &format!("{name}={value:?} "));
        self
    }

    /// Prints the command and runs it; its output goes straight through.
    pub fn run(mut self) -> Result<(), Failure> {
        println!("$ {}", self.shown);
        let failure = |problem: String, code| Failure { message: format!("`{}` {problem}", self.shown), code };
        let status = self.command.status().map_err(|error| failure(format!("did not start: {error}"), 1))?;
        match status.code() {
            Some(0) => Ok(()),
            Some(code) => Err(failure(format!("failed with exit code {code}"), u8::try_from(code).unwrap_or(1))),
            None => Err(failure(format!("was ended: {status}"), 1)),
        }
    }

    /// As [`Step::run`], and gives back what the command wrote to its standard output.
    pub fn output(self) -> Result<String, Failure> {
        println!("$ {}", self.shown);
        self.quiet_output()
    }

    /// As [`Step::output`], without printing the command.
    pub fn quiet_output(mut self) -> Result<String, Failure> {
        let failure = |problem: String| Failure::new(format!("`{}` {problem}", self.shown));
        let output = self.command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| failure(format!("did not start: {error}")))?;
        if !output.status.success() {
            return Err(failure(format!("failed: {}", output.status)));
        }
        String::from_utf8(output.stdout).map_err(|_| failure("wrote what is no text".to_owned()))
    }

    /// Runs the command without a sign of it, and says whether it succeeded.
    pub fn succeeds_silently(mut self) -> bool {
        let status = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE }
    }

    pub fn is_usage(&self) -> bool {
        self.code == USAGE
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    static XTASK: OnceLock<PathBuf> = OnceLock::new();
    // That in which cargo runs it, not that in which it was built: two clones may share a target directory.
    let xtask = XTASK
        .get_or_init(|| std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into()).into());
    xtask.parent().expect("xtask is a folder of the workspace")
}

/// The one target directory of all steps.
pub fn target_dir() -> String {
    std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned())
}
