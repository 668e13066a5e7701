//! `cargo xtask fuzz`: runs one target for some time.

use std::fs;

use crate::step::{Failure, Step, root};

const DEFAULT_SECONDS: u32 = 60;

pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    let (target, seconds) = match arguments {
        [target] => (*target, DEFAULT_SECONDS),
        [target, "--seconds", seconds] | ["--seconds", seconds, target] => (*target, parse_seconds(seconds)?),
        _ => return Err(Failure::usage(format!("fuzz needs a target: {}", targets()?.join(", ")))),
    };
    let targets = targets()?;
    if !targets.iter().any(|known| known == target) {
        return Err(Failure::usage(format!("unknown fuzz target {target:?}: there are {}", targets.join(", "))));
    }
    if !Step::cargo("+nightly fuzz --version").succeeds_silently() {
        return Err(Failure::new(
            "fuzzing needs a nightly toolchain and cargo-fuzz: \
             `rustup toolchain install nightly` and `cargo install cargo-fuzz`",
        ));
    }
    // libFuzzer writes what it finds into the first folder; the seeds in git stay small.
    let found = format!("fuzz/target/corpus/{target}");
    fs::create_dir_all(root().join(&found)).map_err(|error| Failure::new(format!("{found}: {error}")))?;
    let folders = ["fuzz/corpus", "fuzz/regressions"].map(|folder| format!("{folder}/{target}"));
    let seeds = folders.iter().filter(|folder| root().join(folder).is_dir());
    seeds
        .fold(Step::cargo("+nightly fuzz run").arg(target).arg(&found), |step, folder| step.arg(folder))
        .arg("--")
        .arg(&format!("-max_total_time={seconds}"))
        .run()
}

fn parse_seconds(text: &str) -> Result<u32, Failure> {
    // libFuzzer takes 0 as "for ever".
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| Failure::usage(format!("--seconds {text:?}: must be a whole number above 0")))
}

/// The names of the targets: those of the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::new(format!("fuzz/fuzz_targets: {error}")))?;
    let name = |entry: fs::DirEntry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned());
    let mut names: Vec<_> = entries.flatten().filter_map(name).collect();
    names.sort();
    Ok(names)
}
