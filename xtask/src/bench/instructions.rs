//! `cargo xtask bench instructions`: what callgrind counts, held against the budgets.

use std::fs;
use std::path::{Path, PathBuf};

use super::budgets::{Budgets, Counts};
use crate::step::{Failure, Step, root, target_dir};

const BUDGETS: &str = "benches/instructions.toml";
/// For budgets that were never saved.
const TOLERANCE: f64 = 3.0;
/// Threads that look for work a little more often than usual are no reason to fail: what is over its budget is
/// counted again, and the least counts.
const ATTEMPTS: usize = 3;
/// The sides of the bench, and how callgrind tells what to count; the names are those of the bench's functions.
const SIDES: [(&str, &str, &str); 2] =
    [("caller", "no", "*instructions_counted*"), ("behind", "yes", "*instructions_uncounted*")];

/// Counts, and fails where a count is above its budget; says so where nothing can be counted.
pub fn check() -> Result<(), Failure> {
    if !is_possible() {
        println!("xtask: SKIPPED bench instructions: valgrind is not installed, so no instructions were counted");
        return Ok(());
    }
    let bench = build()?;
    let budgets = Budgets::parse(&fs::read_to_string(root().join(BUDGETS)).map_err(failed(BUDGETS))?)?;
    let mut counts = count(&bench)?;
    let mut comparison = budgets.compare(&counts);
    for _ in 1..ATTEMPTS {
        if comparison.over.is_empty() {
            break;
        }
        println!("again, because these are over their budgets: {}", comparison.over.join(", "));
        let again = count(&bench)?;
        counts.iter_mut().zip(again).for_each(|((_, count), (_, again))| *count = count.min(again));
        comparison = budgets.compare(&counts);
    }
    print!("{}", comparison.table);
    let counted_with = counted_with()?;
    if counted_with != budgets.counted_with {
        println!("not held against the budgets: those are for {}, this is {counted_with}", budgets.counted_with);
        return Ok(());
    }
    if !comparison.over.is_empty() {
        return Err(Failure::new(format!(
            "more instructions than {BUDGETS} allows (tolerance {} %): {}; \
             `cargo xtask bench instructions --save` sets new budgets, if they are worth it",
            budgets.tolerance,
            comparison.over.join(", ")
        )));
    }
    if comparison.outdated {
        println!("the budgets can be renewed: `cargo xtask bench instructions --save`");
    }
    Ok(())
}

/// Counts, and makes that the budgets.
pub fn save() -> Result<(), Failure> {
    if !is_possible() {
        return Err(Failure::new("instructions cannot be counted: valgrind is not installed"));
    }
    let counts = count(&build()?)?;
    let earlier = fs::read_to_string(root().join(BUDGETS)).ok().and_then(|text| Budgets::parse(&text).ok());
    if let Some(earlier) = &earlier {
        print!("{}", earlier.compare(&counts).table);
    }
    let tolerance = earlier.map_or(TOLERANCE, |earlier| earlier.tolerance);
    fs::write(root().join(BUDGETS), Budgets::text(&counted_with()?, tolerance, &counts)).map_err(failed(BUDGETS))?;
    println!("{BUDGETS}: {} budgets saved", counts.len());
    Ok(())
}

fn is_possible() -> bool {
    Step::command("valgrind").arg("--version").succeeds_silently()
}

fn failed(path: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(format!("{path}: {error}"))
}

/// The bench, as a release of the leanest build.
fn build() -> Result<PathBuf, Failure> {
    let step = Step::cargo("bench -p logwheel --no-default-features --bench instructions --no-run");
    let messages = step.arg("--message-format=json-render-diagnostics").output()?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_bench = message["target"]["name"] == "instructions";
        is_bench.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    });
    executable.ok_or_else(|| Failure::new("cargo built no bench `instructions`"))
}

/// What the counts depend on, beside the source.
fn counted_with() -> Result<String, Failure> {
    let rustc = Step::command("rustc").arg("--version").quiet_output()?;
    // Copies are made by the C library, in its own way in each version.
    let libc = Step::command("getconf").arg("GNU_LIBC_VERSION").quiet_output().unwrap_or_default();
    let parts = [rustc.trim(), libc.trim(), std::env::consts::ARCH];
    Ok(parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", "))
}

fn count(bench: &Path) -> Result<Counts, Failure> {
    let mut counts = Counts::new();
    for (side, at_start, toggle) in SIDES {
        let directory = root().join(target_dir()).join("instructions").join(side);
        let shown = directory.display().to_string();
        // The parts of an earlier run must not be taken for those of this one.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).map_err(failed(&shown))?;
        let said = Step::command("valgrind")
            .arg("--quiet")
            .arg("--tool=callgrind")
            .arg(&format!("--callgrind-out-file={shown}/part"))
            // Behind the toggle, which would set it too.
            .arg(&format!("--toggle-collect={toggle}"))
            .arg(&format!("--collect-atstart={at_start}"))
            .arg("--dump-before=*instructions_mark*")
            .arg(&bench.display().to_string())
            .arg(side)
            .output()?;
        counts.extend(read_parts(&said, |number| {
            let path = directory.join(format!("part.{number}"));
            fs::read_to_string(&path).map_err(failed(&path.display().to_string()))
        })?);
    }
    Ok(counts)
}

/// Instructions for an operation: of the parts that the bench told of, line by line; `dump` has callgrind's files.
fn read_parts(said: &str, dump: impl Fn(usize) -> Result<String, Failure>) -> Result<Counts, Failure> {
    let mut sums: Vec<(String, i64, i64)> = Vec::new();
    for (index, line) in said.lines().enumerate() {
        let wrong = || Failure::new(format!("the bench said {line:?}, which is not understood"));
        let [what, name, operations] = line.split(' ').collect::<Vec<_>>().try_into().map_err(|_| wrong())?;
        let sign = match what {
            "count" => 1,
            "less" => -1,
            _ => return Err(wrong()),
        };
        let operations = sign * operations.parse::<i64>().map_err(|_| wrong())?;
        // The odd ones lie between parts.
        let number = 2 * index + 2;
        let instructions = total(&dump(number)?)
            .ok_or_else(|| Failure::new(format!("callgrind's part {number} has no total for {name}")))?;
        match sums.iter_mut().find(|(known, ..)| known == name) {
            Some((_, sum, of)) => (*sum, *of) = (*sum + sign * instructions, *of + operations),
            None => sums.push((name.to_owned(), sign * instructions, operations)),
        }
    }
    Ok(sums.into_iter().map(|(name, sum, operations)| (name, sum as f64 / operations as f64)).collect())
}

fn total(dump: &str) -> Option<i64> {
    dump.lines().rev().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_and_taken_off_and_what_lies_between_is_left_out() {
        let said = "less behind/a 100\ncount behind/a 300\ncount caller/b 10\n";
        let dump = |number: usize| {
            Ok(format!("events: Ir\nfn=(1) x\n1 5\ntotals: {}\n", [0, 7, 1_000, 7, 3_000, 7, 50][number]))
        };
        let counts = read_parts(said, dump).unwrap();
        assert_eq!(counts, [("behind/a".to_owned(), 10.0), ("caller/b".to_owned(), 5.0)]);
    }

    #[test]
    fn what_is_not_understood_is_a_failure() {
        assert!(read_parts("thread panicked", |_| Ok("totals: 1\n".to_owned())).is_err());
        assert!(read_parts("count a 1", |_| Ok("no such line\n".to_owned())).is_err());
        assert!(read_parts("count a 1", |_| Err(Failure::new("no such file"))).is_err());
    }
}
