//! Every peer, through the program itself: what it logs arrives, with the values that were logged, in
//! the form that the tables say.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const EVENTS: u64 = 500;

fn peers(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_peers");
    Command::new(program).args(arguments).env("RLG_FALLBACK_STDOUT", "1").output().expect("the program runs")
}

fn names() -> Vec<String> {
    let list = String::from_utf8(peers(&["--list"]).stdout).unwrap();
    list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Runs a job as the program would, and leaves the files.
fn job(peer: &str, threads: usize, work: &Value, folder: &Path) -> Value {
    let job = json!({ "peer": peer, "threads": threads, "work": work, "folder": folder });
    let output = peers(&["--child", &job.to_string()]);
    assert!(output.status.success(), "{peer}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(folder.join("outcome.json")).unwrap()).unwrap()
}

fn lines(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder.join("files")).unwrap();
    let text: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    text.lines().filter(|line| line.contains("order filled")).map(str::to_owned).collect()
}

/// The value of this name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(name).or_else(|| map.values().find_map(|inner| find(inner, name))),
        Value::Array(list) => list.iter().find_map(|inner| find(inner, name)),
        _ => None,
    }
}

/// As text, which is how some loggers write numbers.
fn text(value: Option<&Value>) -> Option<String> {
    value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[test]
fn all_that_a_peer_logs_arrives_with_its_values() {
    for peer in names() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = job(&peer, 1, &json!({ "burst": { "events": EVENTS } }), folder.path());
        let events = &outcome["burst"]["events"];
        assert_eq!((events["logged"].as_u64(), events["arrived"].as_u64()), (Some(EVENTS), Some(EVENTS)), "{peer}");
        let floor = peer.starts_with("disruptor") || peer == "crossbeam-channel";
        let lines = lines(folder.path());
        assert_eq!(lines.len() as u64, if floor { 0 } else { EVENTS }, "{peer}");
        let values = [("101.5", "ACMECORP"), ("99.95", "GLOBEXCO"), ("1204.25", "INITECHS")];
        for (id, (line, (price, symbol))) in lines.iter().zip(values).enumerate() {
            if ["ticklog", "fast_log", "ftlog", "quicklog"].contains(&peer.as_str()) {
                let values = format!("order_id={id} price={price} symbol={symbol}");
                assert!(line.contains(&values), "{peer}: {line}");
            } else {
                let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{peer}: {error}: {line}"));
                let of = |name| text(find(&json, name));
                assert_eq!(of("order_id"), Some(id.to_string()), "{peer}: {line}");
                assert_eq!(of("price").as_deref(), Some(price), "{peer}: {line}");
                assert_eq!(of("symbol").as_deref(), Some(symbol), "{peer}: {line}");
            }
        }
    }
}

#[test]
fn a_paced_measurement_counts_what_arrived_and_orders_its_percentiles() {
    let folder = tempfile::tempdir().unwrap();
    let work = json!({ "paced": { "gap_ns": 1_000, "calls": 200 } });
    let latency = &job("logwheel", 2, &work, folder.path())["paced"];
    // Warm-up included: a twentieth.
    assert_eq!(latency["events"], json!({ "logged": 420, "arrived": 420 }));
    let figures = ["p50", "p99", "p999", "max"].map(|name| latency[name].as_f64().unwrap());
    assert!(figures.is_sorted(), "{latency}");
    assert!(latency["overhead"].as_f64().unwrap() > 0.0);
}

#[test]
fn one_command_measures_prints_draws_and_shows_again_what_it_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (first, again) = (folder.path().join("first"), folder.path().join("again"));
    let quick = ["--quick", "--only", "ticklog,crossbeam-channel", "--calls", "100", "--events", "1000", "--gaps", "5"];
    let measured = peers(&[&quick[..], &["--charts", first.to_str().unwrap()]].concat());
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let table = String::from_utf8(measured.stdout).unwrap();
    assert!(
        table.contains("| ticklog | text | waits |") && table.contains("| crossbeam-channel | nothing |"),
        "{table}"
    );

    let file = first.join("results.json");
    let shown = peers(&["--from", file.to_str().unwrap(), "--charts", again.to_str().unwrap()]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), table);
    for name in ["README.md", "results.json", "burst.svg", "latency-1-thread.svg", "latency-2-threads.svg"] {
        let [first, again] = [&first, &again].map(|folder| fs::read(folder.join(name)).unwrap());
        assert_eq!(first, again, "{name}");
    }
}

#[test]
fn a_peer_that_does_not_exist_is_refused() {
    let output = peers(&["--only", "logwhel"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("logwheel"), "it suggests what was meant");
}
