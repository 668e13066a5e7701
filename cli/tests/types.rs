//! Every type of stage in one pipeline of the command: settings in, lines out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use logwheel::testing::{Reply, ScriptedServer};
use serde_json::{Value, json};

const KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// What the tests have in common: a directory with settings and input.
fn run(name: &str, settings: &str, input: &str) -> (PathBuf, Value) {
    let (directory, output) = try_to_run(name, settings, input);
    assert!(output.status.success(), "{output:?}");
    (directory, serde_json::from_slice(&output.stdout).unwrap())
}

/// The same where events may be lost.
fn try_to_run(name: &str, settings: &str, input: &str) -> (PathBuf, Output) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("types-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("settings.toml"), settings).unwrap();
    fs::write(directory.join("input.log"), input).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_logwheel"));
    command.args(["run", "--config", "settings.toml", "--input", "input.log", "--report", "json"]);
    command.env("REGION_OF_TEST", "eu-1").env("POD_OF_TEST", "orders-7d4b9c6f5d-x2x4z").env("LOG_KEY", KEY);
    let output = command.current_dir(&directory).output().unwrap();
    (directory, output)
}

fn lines(file: impl AsRef<Path>) -> Vec<Value> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const STAGES: &str = r#"
[engine]
level = "debug"
lane_idle = "10s"
workers = 1

[[filter]]
type = "level"
min_level = "info"
[[filter]]
type = "sampling"
sample_rate = 0.0
always_pass_levels = ["info", "warn", "error"]
seed = 1
[[filter]]
type = "adaptive_sampling"
target_eps = 100_000
min_sample_rate = 1
max_sample_rate = 1.0
window_seconds = 1
smoothing_factor = 0.5
always_pass_levels = []
seed = 2
[[filter]]
type = "trace_sampling"
sample_rate = 0
trace_id_field = "trace"
always_pass_levels = ["info", "warn"]
seed = 3
[[filter]]
type = "rate_limit"
capacity = 2
refill_rate_per_sec = 0
key_field = "tenant"
max_keys = 100
overflow_action = "mark"
[[filter]]
type = "first_occurrence"
key_fields = ["code"]
window_seconds = 3_600
max_keys = 1_000
subsequent_sample_rate = 0
seed = 4
[[filter]]
type = "dedupe"
mode = "window"
key_fields = "code"
window_seconds = 60
max_keys = 10
max_held_bytes = "1 MB"
[[filter]]
type = "match"
expression = "path == \"/health\""
action = "drop"

[[enricher]]
type = "static"
fields = { service = "orders", shard = 3 }
[[enricher]]
type = "host"
only = ["os"]
[[enricher]]
type = "process"
only = ["version"]
prefix = "app_"
version = "2.1"
[[enricher]]
type = "env"
variables = ["UNSET_OF_TEST"]
prefix = "env_"
rename = { REGION_OF_TEST = "region" }
[[enricher]]
type = "kubernetes"
prefix = "pod_"
skip_if_not_k8s = true
deployment = true
pod_name_env = "POD_OF_TEST"
pod_namespace_env = "N_OF_TEST"
node_name_env = "O_OF_TEST"
container_name_env = "C_OF_TEST"
cluster_name_env = "L_OF_TEST"
[[enricher]]
type = "context"
correlation_id = true
fields = ["user_id"]
prefix = "from_"
copy = { user_id = "actor" }
default = { plan = "free", seats = 1 }
[[enricher]]
type = "build"
prefix = "b_"
package = "orders"
version = "1.0"
git_commit = "abc123"
profile = "release"
[[enricher]]
type = "http_request"
prefix = "req_"
method_field = "verb"
path_field = "path"
status_field = "status"
latency_field = "latency"

[[redactor]]
type = "field_mask"
fields = ["Password"]
mask = "[hidden]"
case_insensitive = true
max_depth = 4
max_keys = 100
on_error = "drop"
[[redactor]]
type = "field_blocker"
fields = ["body"]
mask = "(removed)"
case_insensitive = true
max_depth = 4
max_keys = 100
[[redactor]]
type = "regex_mask"
patterns = { order = "ORD-[0-9]+" }
mask = "<{name}>"
numbers = true
[[redactor]]
type = "regex_mask"
patterns = ["secret-[a-z]+"]
[[redactor]]
type = "url_credentials"
mask = "_"
query_parameters = ["sig"]
[[redactor]]
type = "string_truncate"
max_chars = 60
max_bytes = "1 KB"
suffix = "~"
[[redactor]]
type = "preset"
presets = ["jwt", "gdpr"]
without = ["phone"]
mask = "%%"

[[processor]]
type = "size_guard"
max_bytes = "2 KB"
action = "truncate"
preserve_fields = ["level", "code"]
drop_marker = false
on_error = "drop"
"#;

const INPUT: &str = r#"{"level":"debug","message":"below the level","code":0,"tenant":"a"}
{"level":"audit","message":"sampled away","code":0,"tenant":"a"}
{"level":"error","message":"its trace is not sampled","code":0,"tenant":"a","trace":"0af7651916cd43dd8448eb211c80319c"}
{"level":"info","message":"ORD-77 of ann@example.com by secret-abc","code":1,"tenant":"a","PASSWORD":"x","body":"y","link":"https://u:p@h/a?sig=1","long":"LONG","verb":"get","path":"/a","status":503,"user_id":"u7","request_id":"r9"}
{"level":"info","message":"the same code","code":1,"tenant":"b"}
{"level":"info","message":"health","code":3,"tenant":"b","path":"/health"}
{"level":"warn","message":"second of a","code":4,"tenant":"a"}
{"level":"warn","message":"third of a","code":5,"tenant":"a"}
{"level":"warn","message":"big","code":6,"tenant":"c","n":[NUMBERS]}
"#;

#[test]
fn all_types_of_stages_work_in_one_pipeline() {
    let numbers: Vec<_> = (1_000..2_000).map(|n| n.to_string()).collect();
    let input = INPUT.replace("LONG", &"l".repeat(100)).replace("NUMBERS", &numbers.join(","));
    let sinks = r#"
[[sink]]
type = "file"
path = "clear.log"
"#;
    let (directory, report) = run("all", &format!("{STAGES}{sinks}"), &input);
    assert_eq!(report["balanced"], json!(true), "{report:#}");
    let events = lines(directory.join("clear.log"));
    let [first, second, third, big] = events.as_slice() else { panic!("{events:#?}") };

    let of = |event: &Value, keys: &[&str]| keys.iter().map(|key| event[*key].clone()).collect::<Vec<_>>();
    assert_eq!(first["message"], "<order> of %% by ***");
    assert_eq!(
        of(first, &["PASSWORD", "body", "link"]),
        [json!("[hidden]"), Value::Null, json!("https://_@h/a?sig=_")]
    );
    assert_eq!(first["long"], format!("{}~", "l".repeat(59)));
    assert_eq!(of(first, &["service", "shard", "region"]), [json!("orders"), json!(3), json!("eu-1")]);
    assert_eq!(of(first, &["os", "app_version"]), [json!(std::env::consts::OS), json!("2.1")]);
    assert_eq!(of(first, &["plan", "seats"]), [json!("free"), json!(1)]);
    assert_eq!(of(first, &["b_package", "b_version", "b_commit", "b_profile"]), ["orders", "1.0", "abc123", "release"]);
    assert_eq!((&second["message"], &third["message"]), (&json!("second of a"), &json!("third of a")));
    assert_eq!(of(first, &["pod_pod", "pod_deployment"]), ["orders-7d4b9c6f5d-x2x4z", "orders"]);
    assert_eq!(of(first, &["req_method", "req_path", "req_status_class"]), ["GET", "/a", "5xx"]);
    assert_eq!((&first["correlation_id"], &second["correlation_id"]), (&json!("r9"), &Value::Null));
    let marks = [first, second, third].map(|event| event["rate_limited"].clone());
    assert_eq!(marks, [Value::Null, Value::Null, json!(true)], "the third of its tenant");
    assert_eq!((&big["_truncated"], &big["code"], &big["n"].is_array()), (&json!(true), &json!(6), &false), "{big:#}");
    let _ = fs::remove_dir_all(directory);
}

#[test]
fn repeats_are_collapsed_and_rates_are_kept() {
    let sink = "[[sink]]\ntype = 'file'\npath = 'out.log'\n";
    let dedupe = "[[filter]]\ntype = 'dedupe'\nmode = 'consecutive'\nkey_fields = ['group']\n";
    let input = "{\"message\":\"a\",\"group\":1}\n".repeat(4) + "{\"message\":\"b\",\"group\":2}\n";
    let (directory, _) = run("dedupe", &format!("{dedupe}{sink}"), &input);
    let of = |line: &Value| (line["message"].clone(), line["repeated"].clone());
    let mut events: Vec<_> = lines(directory.join("out.log")).iter().map(of).collect();
    events.sort_by_key(|event| format!("{event:?}"));
    assert_eq!(events, [(json!("a"), Value::Null), (json!("a"), json!(3)), (json!("b"), Value::Null)]);
    let _ = fs::remove_dir_all(directory);

    let sampling = "[[filter]]\ntype = 'adaptive-sampling'\nmin_sample_rate = 0\nmax_sample_rate = 0\n\
                    always_pass_levels = 'warn'\n";
    let input = "{\"message\":\"a\",\"level\":\"error\"}\n{\"message\":\"b\",\"level\":\"warn\"}\n";
    let (directory, _) = run("adaptive", &format!("{sampling}{sink}"), input);
    let events = lines(directory.join("out.log"));
    assert_eq!((events.len(), &events[0]["message"]), (1, &json!("b")));
    let _ = fs::remove_dir_all(directory);
}

#[test]
fn encrypted_lines_are_opened_with_the_key_and_the_chain_of_hashes_holds() {
    let settings = r#"
[[processor]]
type = "encrypt"
key = "${LOG_KEY}"
key_id = "2026-01"
compression = "zstd"
compression_level = 5
[[sink]]
type = "file"
path = "chained.log"
hash_chain = true
hash_chain_key = "${LOG_KEY}"
"#;
    let (directory, _) = run("encrypt", settings, "one\ntwo\n");
    let file = directory.join("chained.log");
    let report = logwheel::verify_chain_with_key([&file], KEY).unwrap();
    assert_eq!(format!("{report:?}").matches("lines: 2").count(), 1, "{report:?}");
    assert!(logwheel::verify_chain_with_key([&file], "another key of 16 bytes").is_err());
    let decryptor = logwheel::Decryptor::new([logwheel::EncryptKey::parse("2026-01", KEY).unwrap()]);
    let messages: Vec<Value> = lines(&file)
        .into_iter()
        .map(|mut line| {
            line.as_object_mut().unwrap().remove("_chain");
            let line = decryptor.decrypt(line.to_string().as_bytes()).unwrap();
            serde_json::from_slice::<Value>(&line).unwrap()["message"].clone()
        })
        .collect();
    assert_eq!(messages, ["one", "two"]);
    let _ = fs::remove_dir_all(directory);
}

#[test]
fn routes_send_events_by_level_logger_and_field() {
    let settings = r#"
[[sink]]
type = "file"
name = "errors"
path = "errors.log"
[[sink]]
type = "file"
name = "acme"
path = "acme.log"
[[sink]]
type = "file"
name = "rest"
path = "rest.log"
[[route]]
levels = ["warn"]
from_level = "error"
sinks = ["errors"]
[[route]]
fields = { tenant = ["acme", 7], live = true }
sinks = "acme"
[[route]]
loggers = ["nobody"]
sinks = ["*"]
[routing]
overlap = OVERLAP
fallback_sinks = ["rest"]
"#;
    let input = r#"{"level":"error","message":"both","tenant":"acme","live":true}
{"level":"info","message":"seven","tenant":7,"live":true}
{"level":"warn","message":"warn","tenant":"acme"}
{"level":"info","message":"dead","tenant":"acme","live":false}
"#;
    for (overlap, acme) in [("true", vec!["both", "seven"]), ("false", vec!["seven"])] {
        let (directory, _) = run(&format!("routes-{overlap}"), &settings.replace("OVERLAP", overlap), input);
        let messages = |file: &str| -> Vec<String> {
            lines(directory.join(file)).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(messages("errors.log"), ["both", "warn"]);
        assert_eq!(messages("acme.log"), acme, "overlap = {overlap}");
        assert_eq!(messages("rest.log"), ["dead"]);
        let _ = fs::remove_dir_all(directory);
    }
}

#[test]
fn what_a_dead_destination_does_not_take_stays_in_the_spool() {
    // A port that was just given back: nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!(
        r#"
[engine]
shutdown_timeout = "2s"
[[sink]]
type = "loki"
url = "http://127.0.0.1:{port}"
tenant_id = "team-a"
labels = {{ service = "orders" }}
in_flight = 2
retry = {{ base_delay = "1ms", max_delay = "1ms", max_elapsed = "50ms" }}
breaker = {{ failure_threshold = 1, recovery = "1h", enabled = true }}
spool = {{ dir = "spool", max_bytes = "1 MB", sync = "every_batch" }}
overflow = "spool"
"#
    );
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("types-spool-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("settings.toml"), settings).unwrap();
    fs::write(directory.join("input.log"), "one\ntwo\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_logwheel"));
    command.args(["run", "--config", "settings.toml", "--input", "input.log", "--report", "json"]);
    let output = command.current_dir(&directory).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&report["spooled"], &report["balanced"]), (&json!(2), &json!(true)), "{report:#}");
    let _ = fs::remove_dir_all(directory);
}

#[test]
fn bisect_refused_decides_what_a_refused_batch_costs() {
    for (option, delivered, requests) in [("", 3, 5), ("bisect_refused = false\n", 0, 1)] {
        let server = ScriptedServer::new([400, 200, 400, 400].map(Reply::status));
        let http = format!("[[sink]]\ntype = \"http\"\nendpoint = \"{}\"\n{option}", server.url());
        let name = format!("bisect-{delivered}");
        let (directory, output) = try_to_run(&name, &http, "one\ntwo\nthree\nfour\n");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!output.status.success(), "something was lost");
        assert_eq!((&report["delivered"], server.requests().len()), (&json!(delivered), requests), "{report:#}");
        let _ = fs::remove_dir_all(directory);
    }
}

#[test]
fn the_sinks_over_http_send_what_their_options_say() {
    let bodies = ["none", "zstd"].map(|compression| {
        let server = ScriptedServer::new([Reply::status(204)]);
        let settings = format!(
            r#"
[[sink]]
type = "http"
endpoint = "{}"
format = "ndjson"
compression = "{compression}"
idempotency_header = "Idempotency-Key"
bisect_refused = false
signature = {{ secret = "${{LOG_KEY}}", timestamp_header = "X-Time", signature_header = "X-Sign" }}
auth = {{ user = "ada", password = "${{LOG_KEY}}" }}
timeout = {{ total = "60s", connect = "50s", response = "50s" }}
proxy_from_env = false
"#,
            server.url()
        );
        let (directory, report) = run(&format!("http-{compression}"), &settings, "one\n");
        assert_eq!(report["delivered"], json!(1));
        let _ = fs::remove_dir_all(directory);
        let requests = server.requests();
        let [request] = requests.as_slice() else { panic!("{requests:?}") };
        let expected = (compression != "none").then_some(compression);
        assert_eq!(request.header("content-encoding"), expected);
        for header in ["idempotency-key", "x-time", "x-sign"] {
            assert!(request.header(header).is_some_and(|value| !value.is_empty()), "{header}: {request:?}");
        }
        assert!(request.header("authorization").is_some_and(|value| value.starts_with("Basic ")));
        request.body.clone()
    });
    let line: Value = serde_json::from_slice(&bodies[0]).unwrap();
    assert_eq!(line["message"], "one");
    assert!(bodies[1].starts_with(&[0x28, 0xb5, 0x2f, 0xfd]), "the magic number of zstd");

    let server = ScriptedServer::new([Reply::status(204)]);
    let settings = format!(
        r#"
[[sink]]
type = "loki"
url = "{}"
tenant_id = "team-a"
format = "json"
labels = {{ service = "orders" }}
label_keys = ["level"]
label_from = {{ tier = "plan" }}
structured_metadata = ["code"]
line_limit = "64 B"
long_lines = "truncate"
"#,
        server.url()
    );
    let input = "{\"level\":\"warn\",\"message\":\"m\",\"plan\":\"pro\",\"code\":7}\n";
    let (directory, report) = run("loki", &settings, input);
    assert_eq!(report["delivered"], json!(1), "{report:#}");
    let _ = fs::remove_dir_all(directory);
    let requests = server.requests();
    assert_eq!(requests[0].header("x-scope-orgid"), Some("team-a"));
    let body: Value = serde_json::from_str(&requests[0].text()).unwrap();
    assert_eq!(body["streams"][0]["stream"], json!({"service": "orders", "level": "warn", "tier": "pro"}));
    let value = &body["streams"][0]["values"][0];
    assert!(value[1].as_str().unwrap().ends_with("...[truncated]"), "{body:#}");
    assert_eq!(value[2], json!({"code": "7"}));
}
