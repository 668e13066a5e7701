//! The budgets of instructions: a file in the repository, and what of it is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::table::{Table, percent};
use crate::step::Failure;

/// Instructions for an operation, by its name, in the order of the bench.
pub type Counts = Vec<(String, f64)>;

/// What the file says.
#[derive(Debug, PartialEq)]
pub struct Budgets {
    /// The compiler and the C library: others make other instructions of the same source.
    pub counted_with: String,
    /// How much more than its budget an operation may take, in percent.
    pub tolerance: f64,
    pub counts: BTreeMap<String, f64>,
}

/// What counts say beside their budgets.
pub struct Comparison {
    pub table: Table,
    /// The names of what takes more than it may.
    pub over: Vec<String>,
    /// Something takes so much less that its budget has become too generous, or has none.
    pub outdated: bool,
}

const HEAD: &str = "\
# Instructions for one operation, as `cargo xtask bench instructions` counts them; `--save` writes this file.
# CI fails where a count is above its budget by more than the tolerance. Counts are held against budgets only
# with the compiler and C library that these were counted with.
";

impl Budgets {
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |problem: &str| Failure::new(format!("benches/instructions.toml: {problem}"));
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(&error.to_string()))?;
        let number = |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|number| number as f64));
        let counted_with = table.get("counted_with").and_then(toml::Value::as_str);
        let tolerance = table.get("tolerance_percent").and_then(number);
        let counts = table.get("counts").and_then(toml::Value::as_table).ok_or_else(|| wrong("[counts] is missing"))?;
        let count = |(name, value): (&String, &toml::Value)| {
            let count = number(value).ok_or_else(|| wrong(&format!("{name} must be a number")))?;
            Ok((name.clone(), count))
        };
        Ok(Self {
            counted_with: counted_with.ok_or_else(|| wrong("counted_with must be a text"))?.to_owned(),
            tolerance: tolerance.ok_or_else(|| wrong("tolerance_percent must be a number"))?,
            counts: counts.iter().map(count).collect::<Result<_, Failure>>()?,
        })
    }

    /// The text of a file with these counts as budgets.
    pub fn text(counted_with: &str, tolerance: f64, counts: &Counts) -> String {
        let mut text = format!("{HEAD}counted_with = {counted_with:?}\ntolerance_percent = {tolerance}\n\n[counts]\n");
        for (name, count) in counts {
            writeln!(text, "{name:?} = {count:.0}").expect("writing to memory");
        }
        text
    }

    pub fn compare(&self, counts: &Counts) -> Comparison {
        let mut table = Table::new(&["instructions for one", "count", "budget", "change", ""]);
        let (mut over, mut outdated) = (Vec::new(), false);
        for (name, count) in counts {
            let Some(&budget) = self.counts.get(name) else {
                outdated = true;
                table.row([name.clone(), format!("{count:.0}"), "none".to_owned()]);
                continue;
            };
            // Budgets are whole numbers.
            let allowed = budget * (self.tolerance / 100.0) + 0.5;
            let verdict = if *count > budget + allowed {
                over.push(name.clone());
                "OVER"
            } else if *count < budget - allowed {
                outdated = true;
                "less"
            } else {
                ""
            };
            table.row([
                name.clone(),
                format!("{count:.0}"),
                format!("{budget:.0}"),
                percent(budget, *count),
                verdict.to_owned(),
            ]);
        }
        outdated |= self.counts.keys().any(|name| !counts.iter().any(|(counted, _)| counted == name));
        Comparison { table, over, outdated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, f64)]) -> Counts {
        pairs.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let saved = Budgets::text("rustc 1.95.0", 3.0, &counts(&[("caller/b", 309.6), ("caller/a", 13.0)]));
        let expected = Budgets {
            counted_with: "rustc 1.95.0".to_owned(),
            tolerance: 3.0,
            counts: BTreeMap::from([("caller/a".to_owned(), 13.0), ("caller/b".to_owned(), 310.0)]),
        };
        assert_eq!(Budgets::parse(&saved).unwrap(), expected);
    }

    #[test]
    fn the_budgets_of_the_repository_can_be_read() {
        let budgets = Budgets::parse(include_str!("../../../benches/instructions.toml")).unwrap();
        assert!(budgets.counts.contains_key("caller/private/3_fields"));
    }

    #[test]
    fn a_wrong_file_is_refused_with_what_is_wrong() {
        for (text, problem) in [
            ("tolerance_percent = 3\n[counts]\n", "counted_with"),
            ("counted_with = \"x\"\ntolerance_percent = 3\n[counts]\na = \"b\"\n", "a must be a number"),
            ("counted_with = \"x\"\ntolerance_percent = 3\n", "[counts]"),
        ] {
            let failure = Budgets::parse(text).unwrap_err().to_string();
            assert!(failure.contains(problem), "{failure}");
        }
    }

    #[test]
    fn only_what_is_above_the_tolerance_is_over() {
        let budgets = Budgets::parse(
            "counted_with = \"x\"\ntolerance_percent = 3\n[counts]\nsmall = 10\nover = 1000\nless = 1000\nkept = 1000\n",
        );
        let budgets = budgets.unwrap();
        let counted = counts(&[("small", 10.7), ("over", 1030.6), ("less", 900.0), ("kept", 1030.0)]);
        let comparison = budgets.compare(&counted);
        assert_eq!(comparison.over, ["over"]);
        assert!(comparison.outdated);
        assert!(
            !budgets.compare(&counts(&[("small", 10.0), ("over", 1.0e3), ("less", 1.0e3), ("kept", 1.0e3)])).outdated
        );
        assert!(budgets.compare(&counts(&[("small", 10.0)])).outdated, "budgets for what is not counted any more");
    }
}
