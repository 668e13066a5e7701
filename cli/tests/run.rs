//! The command itself, as a process: what goes in, what comes out, and the books in between.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::testing::{Reply, ScriptedServer};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Longer than anything here takes on the slowest machine.
const LONG: Duration = Duration::from_secs(120);

/// A directory of its own for a test; kept when the test fails.
struct Place {
    directory: PathBuf,
}

impl Place {
    fn new(settings: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("run-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("settings.toml"), settings).unwrap();
        Self { directory }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.directory.join(name), bytes).unwrap();
    }

    /// The whole lines of a file that may still be written to.
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.join(name)).unwrap_or_default();
        let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// `logwheel run` in the directory.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logwheel"));
        command.args(["run", "--config", "settings.toml"]).args(arguments).current_dir(&self.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Run {
        let mut child = self.command(arguments).spawn().unwrap();
        // A command that reads files, or fails early, closes it.
        let _ = child.stdin.take().unwrap().write_all(input.as_ref());
        Run::of(&child.wait_with_output().unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The report, which is the one line on standard output.
    #[track_caller]
    fn report(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LONG, "{what}: not within {LONG:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

const FILE: &str = "[[sink]]\ntype = \"file\"\npath = \"out.log\"\n";
const JSON: [&str; 2] = ["--report", "json"];

#[test]
fn every_type_of_stage_and_sink_does_its_work_with_every_option() {
    let server = ScriptedServer::new([Reply::status(503), Reply::status(204)]);
    let settings = format!(
        r#"
        [engine]
        level = "debug"
        [[filter]]
        type = "level"
        min_level = "info"
        [[filter]]
        type = "Level"
        min_level = "security"
        drop_below = false
        [[enricher]]
        type = "static"
        fields = {{ service = "${{SERVICE}}", shard = 3, ratio = 0.5, live = true }}
        [[enricher]]
        type = "host"
        only = ["pid", "os"]
        [[redactor]]
        type = "field-mask"
        fields = ["Password", "user.email"]
        mask = "[hidden]"
        case_insensitive = true
        max_depth = 4
        on_error = "drop"
        [[sink]]
        type = "http"
        endpoint = "{url}"
        format = "wrapped"
        wrapper_key = "records"
        headers = {{ X-Scope = "orders", X-Api-Key = "${{SERVICE}}" }}
        auth = {{ bearer_token = "${{SERVICE}}-token" }}
        compression = "none"
        timeout = "60s"
        allow_plain_http = true
        retry = {{ base_delay = "1ms", max_delay = "1ms", max_elapsed = "1m", max_attempts = 3 }}
        overflow = "drop_newest"
        queue_bytes = "8 MB"
        batch = {{ max_events = 50, max_bytes = "1 MB", max_age = "10s" }}
        [[sink]]
        type = "file"
        name = "archive"
        path = "out/archive.log"
        rotate_bytes = "1 KB"
        rotate_every = "daily"
        keep_files = 2
        keep_bytes = "1 GB"
        fsync = true
        overflow = "block"
        block_timeout = "1m"
        [[sink]]
        type = "memory"
        [[sink]]
        type = "null"
        "#,
        url = server.url()
    );
    let place = Place::new(&settings);
    let input = r#"{"level":"warn","message":"one","password":"hunter2","user":{"email":"a@b","name":"ada"}}
plain text
{"level":"debug","message":"dropped by the first filter"}
{"level":"security","message":"dropped by the second filter"}
"#;
    place.write("input.log", input);
    let mut command = place.command(&["--input", "input.log", "--report", "json"]);
    let run = Run::of(&command.env("SERVICE", "orders-from-env").output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = run.report();
    let count = |key: &str| report[key].as_u64().unwrap();
    assert_eq!((count("logged"), count("submitted")), (4, 4));
    assert_eq!((count("filtered"), count("delivered"), count("delivered_file"), count("dropped")), (2, 2, 2, 0));
    assert_eq!((&report["balanced"], &report["complete"]), (&json!(true), &json!(true)));
    let sinks: Vec<_> = report["sinks"].as_array().unwrap().iter().map(|sink| sink["name"].as_str().unwrap()).collect();
    assert_eq!(BTreeSet::from_iter(sinks), BTreeSet::from(["http", "archive", "memory", "null"]));

    let requests = server.requests();
    assert_eq!(requests.len(), 2, "one failed and was tried again");
    assert_eq!(requests[1].header("authorization"), Some("Bearer orders-from-env-token"));
    assert_eq!(
        (requests[1].header("x-scope"), requests[1].header("x-api-key")),
        (Some("orders"), Some("orders-from-env"))
    );
    let body: Value = serde_json::from_str(&requests[1].text()).unwrap();
    let received = body["records"].as_array().unwrap();
    assert_eq!(received, &place.lines("out/archive.log"));
    let [one, two] = received.as_slice() else { panic!("{body}") };
    assert_eq!((&one["level"], &one["message"], &one["password"]), (&json!("WARN"), &json!("one"), &json!("[hidden]")));
    assert_eq!(one["user"], json!({"email": "[hidden]", "name": "ada"}));
    assert_eq!((&two["level"], &two["message"]), (&json!("INFO"), &json!("plain text")));
    for event in received {
        let added = ["service", "shard", "ratio", "live", "os"].map(|name| event[name].clone());
        let os = json!(std::env::consts::OS);
        assert_eq!(added, [json!("orders-from-env"), json!(3), json!(0.5), json!(true), os]);
        assert!(event["pid"].is_u64() && event.get("host").is_none());
    }
}

#[test]
fn events_on_standard_output_do_not_mix_with_the_report() {
    let input = b"one\r\n\r\n{\"n\":1.50,\"level\":\"error\"}\n{broken\n\xff";
    let place = Place::new("[[sink]]\ntype = \"stdout\"\nformat = \"json\"\n");
    let run = place.run(&JSON, input);
    assert_eq!(run.code, Some(0), "{run:?}");
    let events: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 4);
    assert!(run.out.lines().nth(1).unwrap().ends_with(r#""n":1.50}"#), "{}", run.out);
    let report: Value = serde_json::from_str(run.err.lines().last().unwrap()).unwrap();
    assert_eq!((&report["logged"], &report["delivered"], &report["malformed"]), (&json!(4), &json!(4), &json!(1)));
    assert_eq!((&report["input"]["empty"], &report["input"]["lines"]), (&json!(1), &json!(5)));
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);

    let place = Place::new("[[sink]]\ntype = \"stdout\"\nformat = \"pretty\"\ncolours = true\n");
    let run = place.run(&["--input", "-", "--report-file", "report.txt"], "hello\n");
    assert!(run.out.contains("hello") && run.out.contains('\x1b'), "{run:?}");
    assert_eq!(run.err, "");
    let report = fs::read_to_string(place.directory.join("report.txt")).unwrap();
    assert!(report.starts_with("read 1 lines") && report.ends_with("nothing was lost\n"), "{report}");
}

#[test]
fn the_report_has_every_key_of_the_demos() {
    let demo = include_str!("../../examples/demo/report.rs");
    let json = &demo[demo.find("pub fn json").unwrap()..];
    let json = &json[..json.find("\n}").unwrap()];
    let keys: BTreeSet<&str> =
        json.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\":")).map(|(key, _)| key).collect();
    assert!(keys.len() > 15 && keys.contains("balanced"), "{keys:?}");
    let report = Place::new(FILE).run(&JSON, "one\n").report();
    let mine: BTreeSet<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.difference(&mine).collect::<Vec<_>>(), Vec::<&&str>::new());
    let more: Vec<_> = mine.difference(&keys).copied().collect();
    assert_eq!(more, ["input", "pending", "sinks", "spooled", "unconfirmed"]);
}

#[test]
fn the_books_agree_with_what_was_written_and_what_was_read() {
    let place = Place::new(&format!("[engine]\nlane_slots = 64\n{FILE}[[filter]]\ntype = \"level\"\n"));
    let (mut input, mut wanted) = (String::new(), 0);
    for n in 0..20_000 {
        let level = ["debug", "info", "error"][n % 3];
        wanted += usize::from(level != "debug");
        input.push_str(&format!("{{\"n\":{n},\"level\":\"{level}\"}}\n"));
    }
    place.write("input.log", &input);
    let run = place.run(&["--input", "input.log", "input.log", "--report", "json"], "");
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = run.report();
    let count = |value: &Value| value.as_u64().unwrap();
    let events = place.lines("out.log");
    assert_eq!((events.len(), count(&report["delivered"])), (2 * wanted, 2 * wanted as u64));
    // A level filter may be asked before an event is submitted.
    let left_out = count(&report["filtered"]) + count(&report["input"]["below_level"]);
    assert_eq!((left_out + 2 * wanted as u64, &report["input"]["lines"]), (40_000, &json!(40_000)));
    assert_eq!((&report["balanced"], &report["delivered_file"]), (&json!(true), &json!(2 * wanted)));
    let order: Vec<_> = events.iter().map(|event| count(&event["n"])).collect();
    assert!(order.chunks(wanted).all(|round| round.is_sorted()), "lines stay in order");
}

#[test]
fn what_is_wrong_with_the_settings_is_said_at_once_and_nothing_is_read() {
    let place = Place::new(
        "[engine]\nlane_slots = 100\n[[sink]]\ntype = \"file\"\npath = \"out.log\"\nrotate_byte = 3\n\
         [[sink]]\ntype = \"http\"\nendpoint = \"https://h/\"\nauth = { bearer_token = \"hunter2\\n\" }\n",
    );
    let run = place.run(&JSON, "one\n");
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    for expected in [
        "settings.toml: the settings cannot be used",
        "- sink[0].rotate_byte: unknown key; did you mean \"rotate_bytes\"?",
        "- sink[1].auth: the value for authorization has a character",
        "- engine.lane_slots = 100: must be a power of two",
    ] {
        assert!(run.err.contains(expected), "{expected}\n{}", run.err);
    }
    assert!(!run.err.contains("hunter2") && !place.directory.join("out.log").exists());

    for (arguments, expected) in [
        (&["--input", "nowhere.log"][..], "--input nowhere.log: "),
        (&["--input", "."], "--input .: "),
        (&["--report", "xml"], "--report"),
        (&["--report-file", "no/such/directory"], "--report-file no/such/directory: "),
        (&["--confg", "x"], "--config"),
    ] {
        let run = Place::new(FILE).run(arguments, "one\n");
        assert!(run.code == Some(2) && run.err.contains(expected) && run.out.is_empty(), "{arguments:?} {run:?}");
    }
    let run =
        Run::of(&Command::new(env!("CARGO_BIN_EXE_logwheel")).args(["run", "-c", "nowhere.toml"]).output().unwrap());
    assert!(run.code == Some(2) && run.err.contains("--config nowhere.toml: "), "{run:?}");
}

#[test]
fn a_loss_is_told_by_the_exit_code_and_a_fallback_prevents_it() {
    let server = ScriptedServer::new([]).then(Reply::status(401));
    let http = format!("[[sink]]\ntype = \"http\"\nendpoint = \"{}\"\n", server.url());
    let run = Place::new(&http).run(&JSON, "one\ntwo\n");
    let report = run.report();
    assert_eq!((run.code, &report["dropped"], &report["delivered"]), (Some(1), &json!(2), &json!(0)));
    assert_eq!((&report["balanced"], &report["logged"]), (&json!(true), &json!(2)));
    let run = Place::new(&http).run(&[], "one\n");
    assert!(run.code == Some(1) && run.out.ends_with("LOST: 1 dropped or refused\n"), "{run:?}");

    let place = Place::new(&format!("{http}fallback = \"file\"\n{FILE}standby = true\n"));
    let run = place.run(&JSON, "one\ntwo\n");
    let report = run.report();
    assert_eq!((run.code, &report["dropped"], &report["delivered"]), (Some(0), &json!(0), &json!(2)), "{report}");
    assert_eq!(place.lines("out.log").len(), 2);
}

#[test]
fn at_the_end_of_the_input_a_sink_may_take_longer_than_shutdown_may() {
    let server = ScriptedServer::new(std::iter::repeat_n(Reply::status(503).header("Retry-After", "1"), 2));
    let place = Place::new(&format!(
        "[engine]\nshutdown_timeout = \"100ms\"\n[[sink]]\ntype = \"http\"\nendpoint = \"{}\"\n",
        server.url()
    ));
    let run = place.run(&JSON, "one\ntwo\n");
    let report = run.report();
    assert_eq!((run.code, &report["delivered"], &report["sinks"][0]["retries"]), (Some(0), &json!(2), &json!(2)));
}

#[test]
fn a_reader_that_goes_away_is_a_loss_and_no_hang() {
    let place = Place::new("[[sink]]\ntype = \"stdout\"\nbatch = { max_events = 10 }\n");
    let input = "a line of some length\n".repeat(20_000);
    place.write("input.log", &input);
    let mut child = place.command(&["--input", "input.log"]).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(&child.wait_with_output().unwrap());
    assert!(run.code == Some(1) && run.err.contains("broken_pipe"), "{run:?}");
}

/// A command that was given these lines, and whose input stays open.
fn waiting(place: &Place, arguments: &[&str], lines: &str) -> (Child, std::process::ChildStdin) {
    let mut child = place.command(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    (child, stdin)
}

#[test]
fn a_signal_ends_reading_and_what_was_read_is_delivered_and_reported() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new(FILE);
        let (child, stdin) = waiting(&place, &JSON, &"line\n".repeat(100));
        wait_until("the lines are written", || place.lines("out.log").len() == 100);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let run = Run::of(&child.wait_with_output().unwrap());
        drop(stdin);
        let report = run.report();
        assert_eq!(run.code, Some(0), "nothing was lost: {run:?}");
        assert_eq!(
            (&report["logged"], &report["delivered"], &report["complete"]),
            (&json!(100), &json!(100), &json!(false))
        );
    }
}

#[test]
fn a_signal_ends_reading_also_while_lines_keep_coming() {
    let place = Place::new(FILE);
    let (child, mut stdin) = waiting(&place, &JSON, "line\n");
    let writing = thread::spawn(move || while stdin.write_all(&b"line\n".repeat(100)).is_ok() {});
    wait_until("lines are written", || place.lines("out.log").len() > 100);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    writing.join().unwrap();
    let report = run.report();
    assert_eq!((run.code, &report["dropped"], &report["balanced"]), (Some(0), &json!(0), &json!(true)), "{report}");
    assert_eq!(report["delivered"], json!(place.lines("out.log").len()));
}

#[test]
fn a_signal_ends_also_a_run_that_a_sink_holds_up() {
    let server = ScriptedServer::new([]).then(Reply::silence());
    let place = Place::new(&format!(
        "[engine]\nlane_slots = 64\nshutdown_timeout = \"200ms\"\n[[sink]]\ntype = \"http\"\nendpoint = \"{}\"\n\
         timeout = \"10m\"\noverflow = \"block\"\nqueue_bytes = \"2 KB\"\nbatch = {{ max_bytes = \"1 KB\" }}\n",
        server.url()
    ));
    // More than lane and queue hold: the reader waits for the sink.
    let lines = "a line of some length\n".repeat(2_000);
    let (child, stdin) = waiting(&place, &JSON, &lines);
    assert!(server.wait_for_requests(1, LONG));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    drop(stdin);
    let report = run.report();
    let count = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(run.code, Some(1), "{report}");
    assert_eq!(count("submitted"), count("filtered") + count("dropped") + count("delivered") + count("pending"));
    assert_eq!((count("delivered"), &report["balanced"]), (0, &json!(true)), "{report}");
}

#[test]
fn lines_are_delivered_while_the_input_stays_open() {
    let place = Place::new("[[sink]]\ntype = \"stdout\"\n");
    let (mut child, stdin) = waiting(&place, &[], "now\n");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    assert!(line.contains("\"message\":\"now\""), "{line}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn real_logs_go_through_line_by_line() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let mut files: Vec<PathBuf> = ["logs", "ndjson"]
        .iter()
        .filter_map(|directory| fs::read_dir(data.join(directory)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    if files.is_empty() {
        return eprintln!("skipped: there are no logs in {}", data.display());
    }
    files.sort();
    let place = Place::new(&format!("[engine]\nlevel = \"trace\"\n{FILE}"));
    let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let run = place.run(&[&["--report", "json", "--input"], names.as_slice()].concat(), "");
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = run.report();
    let mut expected: Vec<String> = Vec::new();
    let mut documents = 0;
    for file in &files {
        let bytes = fs::read(file).unwrap();
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if !line.trim().is_empty() {
                documents += usize::from(line.starts_with('{'));
                expected.push(if line.starts_with('{') { String::new() } else { line.into_owned() });
            }
        }
    }
    let events = place.lines("out.log");
    let messages: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(messages, expected);
    assert_eq!((&report["delivered"], &report["input"]["json"]), (&json!(expected.len()), &json!(documents)));
    assert_eq!((&report["malformed"], &report["cut"]), (&json!(0), &json!(0)));

    // Each document comes out as it went in, but for its time.
    let ndjson = files.iter().find(|file| file.extension().is_some_and(|extension| extension == "ndjson")).unwrap();
    let text = fs::read_to_string(ndjson).unwrap();
    let mut originals = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    for event in events.iter().filter(|event| event["message"] == "") {
        let mut original = originals.next().unwrap();
        let time = original.as_object_mut().unwrap().remove("timestamp").unwrap().as_u64().unwrap();
        let mut event = event.clone();
        let fields = event.as_object_mut().unwrap();
        let timestamp = fields.remove("timestamp").unwrap();
        assert!(timestamp.as_str().unwrap().contains(&format!(".{:03}000000Z", time % 1_000)), "{timestamp} {time}");
        fields.remove("level");
        fields.remove("message");
        assert_eq!(event, original);
    }
}
