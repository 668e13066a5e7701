//! `cargo xtask bench [SUITE…]`: the benches one after the other, and what has changed.

use std::time::SystemTime;

use super::estimates;
use crate::step::{Failure, Step, root, target_dir};

/// A bench: what it is called, and whose it is.
struct Suite {
    name: &'static str,
    package: &'static str,
    /// Measured by criterion; the others are programs with tables of their own.
    criterion: bool,
}

const fn suite(package: &'static str, name: &'static str, criterion: bool) -> Suite {
    Suite { name, package, criterion }
}

const SUITES: [Suite; 11] = [
    suite("logwheel", "publish", true),
    suite("logwheel", "pipeline", true),
    suite("logwheel", "chain", true),
    suite("logwheel", "size_guard", true),
    suite("logwheel-stages", "stages", true),
    suite("logwheel-stages", "redactors", true),
    suite("logwheel", "topologies", false),
    suite("logwheel", "waiting", false),
    suite("logwheel", "scaling", false),
    suite("logwheel", "starting", false),
    suite("logwheel", "sinks", false),
];

/// What the command line asks for.
#[derive(Default)]
struct Wanted<'a> {
    /// By position in `SUITES`.
    suites: Vec<usize>,
    save: Option<&'a str>,
    against: Option<&'a str>,
    /// For the benches themselves.
    rest: &'a [&'a str],
}

pub fn run(arguments: &[&str]) -> Result<(), Failure> {
    let wanted = Wanted::parse(arguments)?;
    let criterion = root().join(target_dir()).join("criterion");
    let baseline = wanted.against.map(|name| {
        let baseline = estimates::read(&criterion, name, SystemTime::UNIX_EPOCH);
        if baseline.is_empty() {
            return Err(Failure::new(format!("there is no baseline {name:?}: save one with --save {name}")));
        }
        Ok(baseline)
    });
    // Before the run, which may save another one under the same name.
    let baseline = baseline.transpose()?;
    let began = SystemTime::now();
    for suite in wanted.suites.iter().map(|index| &SUITES[*index]) {
        let mut step = Step::cargo("bench -p").arg(suite.package).arg("--bench").arg(suite.name).arg("--");
        if let Some(name) = wanted.save.filter(|_| suite.criterion) {
            step = step.arg("--save-baseline").arg(name);
        }
        wanted.rest.iter().fold(step, |step, argument| step.arg(argument)).run()?;
    }
    let now = estimates::read(&criterion, "new", began);
    if !now.is_empty() {
        print!("\n{}", estimates::report(&now, baseline.as_ref()));
    }
    if baseline.is_some() {
        println!("marked where the confidence intervals of both do not overlap");
    }
    Ok(())
}

impl<'a> Wanted<'a> {
    fn parse(arguments: &'a [&'a str]) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        let mut left = arguments;
        while let [argument, rest @ ..] = left {
            left = rest;
            match *argument {
                "--" => {
                    wanted.rest = rest;
                    break;
                }
                "--save" | "--against" => {
                    let [name, rest @ ..] = rest else {
                        return Err(Failure::usage(format!("{argument}: the name of a baseline is missing")));
                    };
                    left = rest;
                    *(if *argument == "--save" { &mut wanted.save } else { &mut wanted.against }) =
                        Some(baseline(name)?);
                }
                name => {
                    let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
                    let index = names.iter().position(|known| *known == name).ok_or_else(|| {
                        let names = names.join(", ");
                        Failure::usage(format!("unknown bench: {name}; there are {names}, instructions, peers, agents"))
                    })?;
                    wanted.suites.push(index);
                }
            }
        }
        if wanted.suites.is_empty() {
            wanted.suites = (0..SUITES.len()).collect();
        }
        Ok(wanted)
    }
}

/// Criterion makes folders of the names, beside folders of its own.
fn baseline(name: &str) -> Result<&str, Failure> {
    let is_valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !is_valid || name.starts_with(['-', '.']) || ["new", "base", "change", "report"].contains(&name) {
        return Err(Failure::usage(format!(
            "baseline {name:?}: must be of letters, digits, `_`, `-` and `.`, and none of new, base, change, report"
        )));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_options_and_what_goes_to_the_benches_are_told_apart() {
        let arguments = ["publish", "--save", "main", "chain", "--against", "v0.1", "--", "--quick", "--save"];
        let wanted = Wanted::parse(&arguments).unwrap();
        assert_eq!(wanted.suites.iter().map(|index| SUITES[*index].name).collect::<Vec<_>>(), ["publish", "chain"]);
        assert_eq!((wanted.save, wanted.against), (Some("main"), Some("v0.1")));
        assert_eq!(wanted.rest, ["--quick", "--save"]);
    }

    #[test]
    fn without_a_name_all_suites_run() {
        assert_eq!(Wanted::parse(&["--save", "a"]).unwrap().suites.len(), SUITES.len());
    }

    #[test]
    fn what_makes_no_sense_is_a_matter_of_usage() {
        for arguments in
            [&["publihs"][..], &["--save"], &["--save", "new"], &["--save", "../x"], &["--against", "--save"]]
        {
            assert!(Wanted::parse(arguments).is_err_and(|failure| failure.is_usage()), "{arguments:?}");
        }
    }

    #[test]
    fn every_bench_of_the_packages_is_a_suite() {
        for (package, folder) in [("logwheel", "benches"), ("logwheel-stages", "stages/benches")] {
            for entry in std::fs::read_dir(root().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".rs")) else { continue };
                // That one has a command of its own.
                let is_known = SUITES.iter().any(|suite| (suite.package, suite.name) == (package, name));
                assert!(is_known || name == "instructions", "{name}");
            }
        }
    }
}
