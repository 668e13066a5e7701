//! `cargo xtask bench`: everything that measures.

mod budgets;
mod estimates;
pub mod instructions;
mod suites;
pub mod table;

use crate::agents;
use crate::step::{Failure, Step, target_dir};

pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        ["instructions"] => instructions::check(),
        ["instructions", "--save"] => instructions::save(),
        ["instructions", ..] => Err(Failure::usage("bench instructions takes no argument but --save")),
        ["peers", arguments @ ..] => peers(arguments),
        ["agents", arguments @ ..] => agents::run(arguments),
        arguments => suites::run(arguments),
    }
}

/// A package of its own, with the libraries that logwheel is compared with.
fn peers(arguments: &[&str]) -> Result<(), Failure> {
    let step = Step::cargo("run --release --manifest-path benches/peers/Cargo.toml --target-dir")
        .arg(&format!("{}/peers", target_dir()));
    arguments.iter().fold(step.arg("--").arg("--charts").arg("docs/bench"), |step, argument| step.arg(argument)).run()
}
