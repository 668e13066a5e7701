//! Settings from environment variables, and in the spellings of fapilog.

use super::super::*;

fn variables(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str, environment: &[(&str, &str)]) -> Pipeline {
    Pipeline::from_toml_in(text, &variables(environment)).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match Pipeline::from_toml_in(text, &variables(environment)) {
        Ok(pipeline) => panic!("{text}\nis accepted: {pipeline:?}"),
        Err(error) => error.problems().to_vec(),
    }
}

const LOKI: &str = "[[sink]]\ntype = 'grafana-loki'\nallow_plain_http = true\n";

#[test]
fn variables_take_the_place_of_options_and_are_read_as_what_is_wanted() {
    // Whatever would be wrong is told with its variable, so each of these was read.
    let wrong = [
        ("LOGWHEEL_LOKI__URL", "ftp://loki"),
        ("LOGWHEEL_LOKI__TENANT_ID", "a b"),
        ("LOGWHEEL_LOKI__LINE_LIMIT", "many"),
        ("LOGWHEEL_LOKI__BATCH__MAX_EVENTS", "0"),
        ("LOGWHEEL_LOKI__BREAKER__ENABLED", "perhaps"),
        ("LOGWHEEL_ENGINE__LANE_SLOTS", "100"),
    ];
    for (name, value) in wrong {
        let mut environment = vec![(name, value)];
        if name != "LOGWHEEL_LOKI__URL" {
            environment.push(("LOGWHEEL_LOKI__URL", "http://loki:3100"));
        }
        let found = problems(LOKI, &environment).join("\n");
        let path = name.strip_prefix("LOGWHEEL_").unwrap().replace("LOKI__", "sink[0].").replace("__", ".");
        assert!(found.starts_with(&path.to_lowercase()), "{name}: {found}");
    }
    let right = [
        ("LOGWHEEL_LOKI__URL", "http://loki:3100"),
        // A text is meant, although it looks like a number.
        ("LOGWHEEL_LOKI__TENANT_ID", "42"),
        ("LOGWHEEL_LOKI__LINE_LIMIT", "64 KiB"),
        ("LOGWHEEL_LOKI__LABELS", r#"{"app":"shop","zone":"a"}"#),
        ("LOGWHEEL_LOKI__LABEL_KEYS", r#"["level", "tenant"]"#),
        ("LOGWHEEL_LOKI__BATCH__MAX_EVENTS", "500"),
        ("LOGWHEEL_LOKI__BREAKER__ENABLED", "True"),
        ("LOGWHEEL_LOKI__RETRY", "{ base_delay = 0.5, max_attempts = 3 }"),
        ("LOGWHEEL_ENGINE__LANE_SLOTS", "128"),
        ("LOGWHEEL_LOKI_URL", "not one of these: one underscore"),
        ("LOGWHEEL_CLOUDWATCH__REGION", "of a sink that is not there"),
        ("PATH", "/bin"),
    ];
    let pipeline = read(LOKI, &right);
    assert_eq!(pipeline.sinks[0].kind, "loki");
}

#[test]
fn variables_go_to_every_table_of_their_type_and_win_over_the_file() {
    let text = "[[processor]]\ntype = 'size-guard'\nmax_bytes = 5\n[[processor]]\ntype = 'size_guard'\n[[sink]]\ntype = 'null'\n";
    // Too small in the file, and for the second one.
    assert!(problems(text, &[])[0].starts_with("processor[0].max_bytes"));
    read(text, &[("LOGWHEEL_SIZE_GUARD__MAX_BYTES", "1000"), ("LOGWHEEL_SIZE_GUARD__PRESERVE_FIELDS", "['level']")]);
    let found =
        problems(text, &[("LOGWHEEL_SIZE_GUARD__ACTION", "explode"), ("LOGWHEEL_SIZE_GUARD__MAX_BYTES", "1 KB")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("processor[0].action = \"${LOGWHEEL_SIZE_GUARD__ACTION}\": must be one of"),
        "{found:?}"
    );
}

#[test]
fn variables_that_lead_nowhere_are_named() {
    for (name, expected) in [
        ("LOGWHEEL_LOKKI__URL", "LOGWHEEL_LOKKI__URL: \"lokki\" is no section and no type of a stage or sink; did you"),
        ("LOGWHEEL___URL", "LOGWHEEL___URL: must be LOGWHEEL_<type>__<option>"),
        ("LOGWHEEL_LOKI__", "LOGWHEEL_LOKI__: must be LOGWHEEL_<type>__<option>"),
        ("LOGWHEEL_NULL__URL", "sink[0].url: unknown key"),
        ("LOGWHEEL_NULL__NAME__X", "LOGWHEEL_NULL__NAME__X: name is no table"),
    ] {
        let found = problems("[[sink]]\ntype = 'null'\nname = 'n'\n", &[(name, "x")]);
        assert!(found[0].starts_with(expected), "{name}: {found:?}");
    }
}

#[test]
fn what_a_variable_holds_is_not_shown() {
    let environment = [
        ("LOGWHEEL_LOKI__URL", "http://loki:3100"),
        ("LOGWHEEL_LOKI__AUTH_TOKEN", "hunter2-hunter2\n"),
        ("LOGWHEEL_LOKI__AUTH", r#"{"user":"u","password":"swordfish"}"#),
        ("LOGWHEEL_LOKI__TENANT_ID", "no tenant: hunter3-hunter3"),
    ];
    let found = problems(LOKI, &environment).join("\n");
    for secret in ["hunter2", "hunter3", "swordfish"] {
        assert!(!found.contains(secret), "{found}");
    }
}

#[test]
fn fapilogs_spellings_are_taken() {
    let text = r#"
        [[sink]]
        type = "grafana-loki"
        url = "https://loki.example.com"
        batch_size = 100
        batch_timeout_seconds = 5
        timeout_seconds = 10.0
        max_retries = 3
        retry_base_delay = 0.5
        auth_username = "u"
        auth_password = "p"
        circuit_breaker_enabled = true
        circuit_breaker_threshold = 5
        [[sink]]
        type = "http"
        endpoint = "https://logs.example.com"
        auth_token = "t"
        batch_size = 7
    "#;
    let pipeline = read(text, &[("LOGWHEEL_HTTP__BATCH_SIZE", "8")]);
    assert_eq!(pipeline.sinks[0].kind, "loki");
    for (option, value, expected) in [
        ("batch_size", "0", "sink[0].batch.max_events = 0: must be a whole number of at least 1"),
        ("max_retries", "0", "sink[0].retry.max_attempts = 0"),
        ("batch_timeout_seconds", "'soon'", "sink[0].batch.max_age = \"soon\""),
        ("circuit_breaker_threshold", "-1", "sink[0].breaker.failure_threshold = -1"),
        ("auth_password", "'alone'", "sink[0].auth"),
        ("timeout_seconds", "'x'", "sink[0].timeout"),
    ] {
        let found = problems(&format!("{LOKI}url = 'http://l'\n{option} = {value}\n"), &[]);
        assert!(found[0].starts_with(expected), "{option}: {found:?}");
    }
    let twice = problems(&format!("{LOKI}url = 'http://l'\nbatch_size = 1\nbatch = {{ max_events = 2 }}\n"), &[]);
    assert_eq!(twice, ["sink[0].batch_size: is another spelling of batch.max_events, which is there too"]);
    // Elsewhere they mean nothing.
    let found = problems("[[sink]]\ntype = 'null'\nbatch_size = 1\n", &[]);
    assert!(found[0].starts_with("sink[0].batch_size: unknown key"), "{found:?}");
}
