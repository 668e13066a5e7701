//! `cargo xtask simulate`: many random runs of the delivery policy.

use crate::step::{Failure, Step};

const DEFAULT_RUNS: u64 = 100_000;

pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    let (mut runs, mut seed) = (DEFAULT_RUNS, 0);
    let mut rest = arguments;
    while let [option, values @ ..] = rest {
        let Some((value, others)) = values.split_first() else {
            return Err(Failure::usage(format!("{option}: a number is missing")));
        };
        match *option {
            "--runs" => runs = number(option, value)?,
            "--seed" => seed = number(option, value)?,
            other => return Err(Failure::usage(format!("unknown option: {other}"))),
        }
        rest = others;
    }
    // With the checks of a debug build, at the speed of a release, nearly.
    Step::cargo("test --release -p logwheel-sinks --lib policy::simulation -- --nocapture")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("LOGWHEEL_SIM_RUNS", &runs.to_string())
        .env("LOGWHEEL_SIM_SEED", &seed.to_string())
        .run()
}

fn number(option: &str, text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::usage(format!("{option} {text:?}: must be a whole number")))
}
