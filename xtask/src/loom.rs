//! `cargo xtask loom`: the models of the protocols between threads; with `--mutants`, that each of
//! them fails when the code is wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{Failure, Step, root, target_dir};

/// A way to break the code, and the model that must notice.
struct Mutant {
    what: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    model: &'static str,
}

const MUTANTS: [Mutant; 9] = [
    Mutant {
        what: "a task is left without a wake",
        file: "src/workers/inbox.rs",
        right: "self.tasks.push(task);\n        self.wake();",
        wrong: "self.tasks.push(task);",
        model: "an_explicit_wake_is_never_lost",
    },
    Mutant {
        what: "the wake comes before the task",
        file: "src/workers/inbox.rs",
        right: "self.tasks.push(task);\n        self.wake();",
        wrong: "self.wake();\n        self.tasks.push(task);",
        model: "an_explicit_wake_is_never_lost",
    },
    Mutant {
        what: "parks have no end, so hints are relied on",
        file: "src/workers/inbox.rs",
        right: "self.parker.park(timeout);",
        wrong: "self.parker.park(None);",
        model: "a_missed_hint_costs_a_park_and_no_event",
    },
    Mutant {
        what: "a private lane may begin at once",
        file: "src/ring/lane.rs",
        right: "shared_carried >= self.begins_after.load(Ordering::Relaxed)",
        wrong: "shared_carried >= self.begins_after.load(Ordering::Relaxed).min(0)",
        model: "a_thread_that_moves_to_its_own_lane_keeps_its_order",
    },
    Mutant {
        what: "the count of released slots orders nothing",
        file: "src/ring/lane.rs",
        right: "self.consumed.store(consumed, Ordering::Release);",
        wrong: "self.consumed.store(consumed, Ordering::Relaxed);",
        model: "a_move_between_the_lanes_of_two_workers_keeps_the_order_of_what_they_append",
    },
    Mutant {
        what: "a lane changes hands while it holds events",
        file: "src/caller/intake.rs",
        right: "self.free.iter().position(LaneWriter::is_drained)?",
        wrong: "self.free.iter().position(|_| true)?",
        model: "a_lane_changes_hands_only_when_it_is_empty",
    },
    Mutant {
        what: "a flush counts what is visible in the shared lane",
        file: "src/workers/lanes.rs",
        right: "return round.shared_target;",
        wrong: "return self.reader.consumed() + self.reader.pending();",
        model: "a_flush_sees_through_a_neighbours_unfinished_claim",
    },
    Mutant {
        what: "a flush joins the round under way",
        file: "src/workers/flush.rs",
        right: "let wanted = rounds.begun + 1;",
        wrong: "let wanted = rounds.begun.max(rounds.done + 1);",
        model: "flushes_that_meet_share_the_next_round_and_not_the_one_under_way",
    },
    Mutant {
        what: "a worker stops when it sees nothing more",
        file: "src/workers/lanes.rs",
        right: "self.stopping.is_some_and(|target| self.shared_carried().is_none_or(|carried| carried >= target))",
        wrong: "self.stopping.is_some()",
        model: "a_shutdown_leaves_nothing_behind_that_was_logged_before_it",
    },
];

/// A build of its own: the models' cfg changes every crate's fingerprint.
fn build(target: &str) -> Step {
    Step::cargo("test --profile loom -p logwheel --no-default-features --lib --target-dir")
        .arg(&format!("{}/{target}", target_dir()))
        .env("RUSTFLAGS", "--cfg logwheel_loom")
}

pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        [] => models(),
        ["--mutants"] => mutants(),
        _ => Err(Failure::usage("loom takes no argument but --mutants")),
    }
}

/// Every model, on the code as it is.
pub fn models() -> Result<(), Failure> {
    build("loom").arg("models::").run()
}

/// Breaks a copy of the code in one place after the other.
fn mutants() -> Result<(), Failure> {
    let copy = root().join("target/loom-mutants/copy");
    let failure = |what: &str, error: std::io::Error| Failure::new(format!("{what}: {error}"));
    let files = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let files = files.map_err(|error| failure("git ls-files", error))?.stdout;
    for file in String::from_utf8_lossy(&files).split('\0').filter(|file| !file.is_empty()) {
        let to = copy.join(file);
        fs::create_dir_all(to.parent().expect("inside the copy")).map_err(|error| failure(file, error))?;
        // A file that was deleted and not committed yet is no part of the code.
        if root().join(file).is_file() {
            fs::copy(root().join(file), &to).map_err(|error| failure(file, error))?;
        }
    }
    let mut survivors = Vec::new();
    for mutant in &MUTANTS {
        let path = copy.join(mutant.file);
        let original = fs::read_to_string(&path).map_err(|error| failure(mutant.file, error))?;
        if original.matches(mutant.right).count() != 1 {
            return Err(Failure::new(format!(
                "mutant {:?}: its place is not in {} any more",
                mutant.what, mutant.file
            )));
        }
        fs::write(&path, original.replace(mutant.right, mutant.wrong)).map_err(|error| failure(mutant.file, error))?;
        let is_caught = is_caught(&copy, mutant.model);
        fs::write(&path, original).map_err(|error| failure(mutant.file, error))?;
        let is_caught = is_caught?;
        println!("{} {}: {}", if is_caught { "caught  " } else { "SURVIVED" }, mutant.model, mutant.what);
        if !is_caught {
            survivors.push(mutant.what);
        }
    }
    if survivors.is_empty() { Ok(()) } else { Err(Failure::new(format!("not caught: {}", survivors.join("; ")))) }
}

/// Whether the model fails on the copy, which must compile.
fn is_caught(copy: &Path, model: &str) -> Result<bool, Failure> {
    let test = |rest: &[&str]| {
        Command::new("cargo")
            .args(["test", "--quiet", "--profile", "loom", "-p", "logwheel", "--no-default-features", "--lib"])
            .args(rest)
            .env("CARGO_TARGET_DIR", copy.with_file_name("target"))
            .env("RUSTFLAGS", "--cfg logwheel_loom -A warnings")
            .current_dir(copy)
            .output()
            .map_err(|error| Failure::new(format!("cargo did not start: {error}")))
    };
    let built = test(&["--no-run"])?;
    if !built.status.success() {
        return Err(Failure::new(format!("a mutant does not compile:\n{}", String::from_utf8_lossy(&built.stderr))));
    }
    Ok(!test(&[model])?.status.success())
}
