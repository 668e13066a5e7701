//! The project's chores: `cargo xtask help` lists them.
#![forbid(unsafe_code)]

mod agents;
mod bench;
mod fuzz;
mod loom;
mod servers;
mod simulate;
mod step;

use std::process::ExitCode;

use step::{Failure, Step};

const USAGE: &str = "\
Usage: cargo xtask <command>

  test                         format, lints, tests, lean build, docs, fuzz replay; stops at the first failure
  bench [SUITE…] [--save NAME] [--against NAME] [-- arguments…]
                               the benches, all by default: saves a baseline, reports changes against one
  bench instructions [--save]  instructions of the hot path against their budgets (needs valgrind); or new budgets
  bench peers [arguments…]     logwheel beside other libraries; charts go to docs/bench
  bench agents [--events N] [--fluent-bit PATH]
                               a file through a filter to HTTP and Loki: logwheel beside Fluent Bit
  fuzz <target> [--seconds N]  a fuzz target on nightly, for 60 seconds by default
  loom [--mutants]             the models of the protocols between threads; or that each fails on wrong code
  servers                      the tests against moto, which is installed under target/ with Python
  simulate [--runs N] [--seed S]
                               the delivery policy on a virtual clock: 100,000 random runs by default
  help                         this text";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test(),
        ["bench", arguments @ ..] => bench::run(arguments),
        ["fuzz", arguments @ ..] => fuzz::run(arguments),
        ["loom", arguments @ ..] => loom::run(arguments),
        ["servers"] => servers::run(),
        ["simulate", arguments @ ..] => simulate::run(arguments),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [] => Err(Failure::usage("a command is missing")),
        other => Err(Failure::usage(format!("unknown command: {}", other.join(" ")))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            if failure.is_usage() {
                eprintln!("\n{USAGE}");
            }
            failure.exit_code()
        }
    }
}

/// Everything that must pass before a change is pushed; what CI runs.
fn test() -> Result<(), Failure> {
    // Clippy compiles every test, bench and example, so nothing is built for its own sake.
    Step::cargo("fmt --all --check").run()?;
    Step::cargo("clippy --workspace --all-targets --all-features -- -D warnings").run()?;
    Step::cargo("test --workspace --all-features").run()?;
    servers::run()?;
    topologies()?;
    loom::models()?;
    // The lean build must not lean on a feature.
    Step::cargo("check -p logwheel --no-default-features").run()?;
    Step::cargo("doc --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-D warnings").run()?;
    if step::root().join("fuzz/Cargo.toml").exists() {
        // A workspace of its own, which would otherwise compile every dependency once more.
        Step::cargo("test --manifest-path fuzz/Cargo.toml").arg("--target-dir").arg(&step::target_dir()).run()?;
    }
    bench::instructions::check()?;
    println!("xtask: all steps passed");
    Ok(())
}

/// The engine's tests once more, in each topology and wait strategy.
fn topologies() -> Result<(), Failure> {
    const WAITS: [&str; 4] = ["adaptive", "yield", "sleep", "busy_spin"];
    for (topology, wait) in ["fused", "per_stage"].iter().flat_map(|topology| WAITS.map(|wait| (topology, wait))) {
        let step =
            Step::cargo("test -p logwheel --all-features --test ledger --test order --test panics --test threads")
                .env("LOGWHEEL_TEST_TOPOLOGY", topology)
                .env("LOGWHEEL_TEST_WAIT", wait);
        // Workers that never sleep are not to be many at once.
        if wait == "busy_spin" { step.arg("--").arg("--test-threads=1") } else { step }.run()?;
    }
    Ok(())
}
