//! What criterion measured, from its files under `target/criterion`, and what has changed since a baseline.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::table::{Table, percent};

/// The time of one iteration, in nanoseconds, and between what bounds it lies with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub nanos: f64,
    pub lower: f64,
    pub upper: f64,
}

/// Estimates by the full name of a bench.
pub type Estimates = BTreeMap<String, Estimate>;

impl Estimate {
    /// From an `estimates.json`: the slope where there is one, which is what criterion prints itself.
    fn parse(json: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(json).ok()?;
        let statistic = json.get("slope").filter(|slope| !slope.is_null()).or_else(|| json.get("mean"))?;
        let interval = statistic.get("confidence_interval")?;
        Some(Self {
            nanos: statistic.get("point_estimate")?.as_f64()?,
            lower: interval.get("lower_bound")?.as_f64()?,
            upper: interval.get("upper_bound")?.as_f64()?,
        })
    }
}

/// All estimates of a baseline; those of the last run are called `new`. Older ones than `since` are left out.
pub fn read(criterion: &Path, baseline: &str, since: SystemTime) -> Estimates {
    let mut estimates = Estimates::new();
    let mut directories = vec![criterion.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            if path.file_name().is_some_and(|name| name == baseline) && path.join("estimates.json").is_file() {
                estimates.extend(read_one(&path, since));
            } else {
                directories.push(path);
            }
        }
    }
    estimates
}

fn read_one(directory: &Path, since: SystemTime) -> Option<(String, Estimate)> {
    let file = directory.join("estimates.json");
    if fs::metadata(&file).ok()?.modified().ok()? < since {
        return None;
    }
    let benchmark: Value = serde_json::from_str(&fs::read_to_string(directory.join("benchmark.json")).ok()?).ok()?;
    let name = benchmark.get("full_id")?.as_str()?.to_owned();
    Some((name, Estimate::parse(&fs::read_to_string(file).ok()?)?))
}

/// The estimates of a run, beside those of a baseline.
pub fn report(now: &Estimates, baseline: Option<&Estimates>) -> Table {
    let Some(baseline) = baseline else {
        let mut table = Table::new(&["bench", "now"]);
        now.iter().for_each(|(name, now)| table.row([name.clone(), time(now.nanos)]));
        return table;
    };
    let mut table = Table::new(&["bench", "baseline", "now", "change", ""]);
    for (name, now) in now {
        let Some(before) = baseline.get(name) else {
            table.row([name.clone(), "-".to_owned(), time(now.nanos), "-".to_owned(), "new".to_owned()]);
            continue;
        };
        let verdict = if now.lower > before.upper {
            "slower"
        } else if now.upper < before.lower {
            "faster"
        } else {
            ""
        };
        table.row([
            name.clone(),
            time(before.nanos),
            time(now.nanos),
            percent(before.nanos, now.nanos),
            verdict.to_owned(),
        ]);
    }
    table
}

/// With four digits or so: `38.12 ns`, `1.204 ms`.
fn time(nanos: f64) -> String {
    let (value, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        ..1e6 => (nanos / 1e3, "µs"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let decimals = match value {
        ..10.0 => 3,
        ..100.0 => 2,
        _ => 1,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn json(mean: f64, slope: Option<f64>) -> String {
        let statistic = |value: f64| {
            serde_json::json!({
                "point_estimate": value,
                "standard_error": 0.1,
                "confidence_interval": {"confidence_level": 0.95, "lower_bound": value - 1.0, "upper_bound": value + 1.0},
            })
        };
        serde_json::json!({"mean": statistic(mean), "slope": slope.map(statistic)}).to_string()
    }

    #[test]
    fn the_slope_is_taken_where_there_is_one() {
        let estimate = |nanos| Some(Estimate { nanos, lower: nanos - 1.0, upper: nanos + 1.0 });
        assert_eq!(Estimate::parse(&json(40.0, Some(38.0))), estimate(38.0));
        assert_eq!(Estimate::parse(&json(40.0, None)), estimate(40.0));
        assert_eq!(Estimate::parse("{}"), None);
        assert_eq!(Estimate::parse("no JSON"), None);
    }

    #[test]
    fn a_baseline_is_read_from_criterions_folders_without_what_is_older() {
        let folder = std::env::temp_dir().join(format!("xtask-estimates-{}", std::process::id()));
        for (bench, baseline, mean) in [
            ("publish/private_3_fields", "new", 38.0),
            ("publish/private_3_fields", "main", 40.0),
            ("chain", "new", 1.0),
        ] {
            let directory = folder.join(bench).join(baseline);
            fs::create_dir_all(&directory).unwrap();
            let full_id = bench.replace('_', "/");
            fs::write(directory.join("benchmark.json"), serde_json::json!({"full_id": full_id}).to_string()).unwrap();
            fs::write(directory.join("estimates.json"), json(mean, None)).unwrap();
        }
        fs::create_dir_all(folder.join("chain/report")).unwrap();
        let means = |baseline: &str, since| -> Vec<(String, f64)> {
            read(&folder, baseline, since).into_iter().map(|(name, estimate)| (name, estimate.nanos)).collect()
        };
        let publish = "publish/private/3/fields".to_owned();
        assert_eq!(means("new", SystemTime::UNIX_EPOCH), [("chain".to_owned(), 1.0), (publish.clone(), 38.0)]);
        assert_eq!(means("main", SystemTime::UNIX_EPOCH), [(publish, 40.0)]);
        assert_eq!(means("new", SystemTime::now() + Duration::from_secs(3600)), []);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_change_is_marked_when_the_intervals_do_not_meet() {
        let estimate = |nanos| Estimate { nanos, lower: nanos - 1.0, upper: nanos + 1.0 };
        let named =
            |values: [f64; 3]| ["a", "b", "c"].map(str::to_owned).into_iter().zip(values.map(estimate)).collect();
        let (before, mut now): (Estimates, Estimates) = (named([10.0, 10.0, 10.0]), named([11.9, 12.1, 7.9]));
        now.insert("d".to_owned(), estimate(1.0));
        let text = report(&now, Some(&before)).to_string();
        let ends: Vec<_> = text.lines().skip(1).map(|line| line.rsplit("  ").next().unwrap().trim()).collect();
        assert_eq!(ends, ["+19.0 %", "slower", "faster", "new"], "{text}");
        assert_eq!(report(&before, None).to_string().lines().count(), 4);
    }

    #[test]
    fn times_have_four_digits() {
        assert_eq!([38.123, 1_204.0, 123_456.0, 7e9].map(time), ["38.12 ns", "1.204 µs", "123.5 µs", "7.000 s"]);
    }
}
