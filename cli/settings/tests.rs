use super::*;

fn environment(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("hunter2-from-the-environment".to_owned()),
        "DIRECTORY" => Some("target/x".to_owned()),
        "HUGE" => Some("12 parsecs".to_owned()),
        _ => None,
    }
}

fn problems(text: &str) -> Vec<String> {
    match Pipeline::from_toml(text, &environment) {
        Ok(pipeline) => panic!("{text}\nis accepted: {pipeline:?}"),
        Err(error) => error.problems().to_vec(),
    }
}

fn accepted(text: &str) -> Pipeline {
    Pipeline::from_toml(text, &environment).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

const SINK: &str = "[[sink]]\ntype = \"null\"\n";

#[test]
fn each_wrong_setting_is_named_with_what_is_allowed() {
    let cases = [
        ("[engine]\nlevl = 'info'", "engine.levl: unknown key; did you mean \"level\"?"),
        ("[engine]\nlevel = 'loud'", "engine.level = \"loud\": must be a level: trace, debug, info, warn, error"),
        ("[engine]\nlanes = 'many'", "engine.lanes = \"many\": must be one of \"per_thread\", \"shared\""),
        (
            "[engine]\nlane_slots = 'x'",
            "engine.lane_slots = \"x\": must be a whole number of at least 0 (default 8192)",
        ),
        ("[engine]\nlane_slots = 100", "engine.lane_slots = 100: must be a power of two from 64 to 16777216"),
        ("[engine]\nslot_bytes = '1 XB'", "engine.slot_bytes = \"1 XB\": must be a size like \"64 KiB\""),
        ("[engine]\nmax_park = 'soon'", "engine.max_park = \"soon\": must be a duration like \"50ms\""),
        ("[engine]\nmax_park = -1", "engine.max_park = -1: must be a duration"),
        ("[engine]\ntopology = 'spread'", "engine.topology = \"spread\": must be one of \"auto\", "),
        ("[engine]\npin = ['x']", "engine.pin = an array of 1: must be \"none\", \"auto\" or a list of cores"),
        ("[engine]\npin = 'all'", "engine.pin = \"all\": must be one of \"none\""),
        ("[engine]\nwake_level = 3", "engine.wake_level = 3: must be a level"),
        ("[engine]\nprotected_levels = ['error', 'x']", "engine.protected_levels = \"x\": must be a level"),
        ("[engine]\nidentity = 'yes'", "engine.identity = \"yes\": must be true or false (default false)"),
        ("[egnine]\n", "egnine: unknown section; did you mean \"engine\"?"),
        ("[filter]\ntype = 'level'", "filter: must be written [[filter]], in double brackets"),
        ("[[filter]]\nmin_level = 'info'", "filter[0].type: is missing"),
        (
            "[[filter]]\ntype = 'levle'",
            "filter[0].type = \"levle\": there is no such filter; there are \"level\"; did you",
        ),
        ("[[filter]]\ntype = 'level'\nmin = 1", "filter[0].min: unknown key; there are \"drop_below\", \"min_level\""),
        ("[[enricher]]\ntype = 'static'", "enricher[0].fields: is missing"),
        (
            "[[enricher]]\ntype = 'static'\nfields = { a = [] }",
            "enricher[0].fields.a = an array of 0: must be a text, a",
        ),
        ("[[enricher]]\ntype = 'host'\nonly = ['cpu']", "must be some of \"host\", \"pid\", \"os\", \"arch\""),
        (
            "[[redactor]]\ntype = 'field_mask'\nfields = []",
            "redactor[0].fields = an array of 0: must have at least one",
        ),
        ("[[redactor]]\ntype = 'field_mask'\nfields = ['a..b']", "redactor[0].fields = an array of 1: "),
        ("[[redactor]]\ntype = 'field_mask'\nfields = ['a', 3]", "redactor[0].fields[1] = 3: must be a text"),
        (
            "[[redactor]]\ntype = 'field_mask'\nfields = 'a'\non_error = 'ignore'",
            "redactor[0].on_error = \"ignore\": must be one of \"mask\", \"drop\", \"pass\"",
        ),
        ("[[processor]]\ntype = 'zip'", "processor[0].type = \"zip\": "),
        ("[[sink]]\ntype = 'file'", "sink[1].path: is missing"),
        ("[[sink]]\ntype = 'file'\npath = ''", "sink[1].path = \"\": must not be empty"),
        ("[[sink]]\ntype = 'file'\npath = 'x'\nrotate_every = 'weekly'", "sink[1].rotate_every = \"weekly\": must be"),
        (
            "[[sink]]\ntype = 'memory'\nbatch = { max_events = 'many' }",
            "sink[1].batch.max_events = \"many\": must be a whole number of at least 1",
        ),
        (
            "[[sink]]\ntype = 'memory'\nbatch = { max_event = 1 }",
            "sink[1].batch.max_event: unknown key; did you mean \"max_",
        ),
        ("[[sink]]\ntype = 'memory'\nbatch = 3", "sink[1].batch = 3: must be a table"),
        ("[[sink]]\ntype = 'memory'\nretry = { max_attempts = 0 }", "sink[1].retry.max_attempts = 0: must be a whole"),
        ("[[sink]]\ntype = 'memory'\nretry = { max_delay = '1ms' }", "sink[1]: max_delay is 1ms: it must be at least"),
        ("[[sink]]\ntype = 'memory'\nqueue_bytes = '1 KB'", "sink[1].queue_bytes = 1024: must be from batch.max_bytes"),
        (
            "[[sink]]\ntype = 'memory'\noverflow = 'spill'",
            "sink[1].overflow = \"spill\": must be one of \"drop_oldest\",",
        ),
        ("[[sink]]\ntype = 'memory'\nblock_timeout = '1s'", "sink[1].block_timeout = \"1s\": has no meaning without"),
        (
            "[[sink]]\ntype = 'memory'\nfallback = 'nul'",
            "sink[1].fallback = \"nul\": no such sink, did you mean \"null\"?",
        ),
        ("[[sink]]\ntype = 'memory'\nname = 'null'", "sink[0]: two sinks have this name"),
        ("[[sink]]\ntype = 'memory'\nname = ''", "sink[1].name = \"\": must not be empty"),
        ("[[sink]]\ntype = 'http'\nendpoint = 'ftp://h'", "sink[1].endpoint: \"ftp://h\": expected a URL"),
        (
            "[[sink]]\ntype = 'http'\nendpoint = 'https://h/'\nauth = { user = 'u' }",
            "sink[1].auth: must have both user",
        ),
        (
            "[[sink]]\ntype = 'http'\nendpoint = 'https://h/'\nheaders = { 'a b' = 'c' }",
            "sink[1].headers: \"a b\" is no header",
        ),
        ("[[sink]]\ntype = 'file'\npath = '${UNSET}/x'", "sink[1].path: the environment variable \"UNSET\" is not set"),
        ("[[sink]]\ntype = 'file'\npath = '${UNSET'", "sink[1].path: \"${\" without \"}\""),
        (
            "[[sink]]\ntype = 'file'\npath = 'x'\nrotate_every = '${HUGE}'",
            "sink[1].rotate_every = \"${HUGE}\": must be",
        ),
    ];
    for (text, expected) in cases {
        // The first sink is all right; `[engine]` and the like must not end up inside it.
        let text = format!("{SINK}{text}\n");
        let problems = problems(&text);
        assert!(problems.len() == 1 && problems[0].contains(expected), "{text}\n{problems:#?}\nshould say {expected}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let problems = problems(
        "unknown = 1\n[engine]\nlevl = 'x'\nworkers = 900\n[[filter]]\ntype = 'level'\nmin_level = 'loud'\n\
         [[redactor]]\ntype = 'mask'\nfields = 3\n[[sink]]\ntype = 'file'\nbatch = { max_events = 0 }\nkeep = 1\n\
         [[sink]]\ntype = 'null'\nfallback = 'file2'\n",
    );
    let starts = [
        "unknown: unknown section",
        "engine.levl: unknown key",
        "filter[0].min_level = \"loud\"",
        "redactor[0].type = \"mask\"",
        "sink[0].path: is missing",
        "sink[0].batch.max_events = 0",
        "sink[0].keep: unknown key",
        "engine.workers = 900",
        "sink[1].fallback = \"file2\": no such sink, did you mean \"file\"",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem:?} should start with {start:?}");
    }
}

#[test]
fn no_problem_shows_a_secret() {
    let texts = [
        "[[sink]]\ntype = 'http'\nendpoint = 'ftp://user:hunter2-a@h/?key=hunter2-b'\nheaders = { DD = \"hunter2-c\\n\" }",
        "[[sink]]\ntype = 'http'\nendpoint = 'https://h/'\nauth = { bearer_token = \"hunter2-d\\n\" }",
        "[[sink]]\ntype = 'http'\nendpoint = 'https://h/${TOKEN} x'",
        "[[sink]]\ntype = 'http'\nendpoint = 'https://h/'\nauth = { bearer_token = '${TOKEN}', user = 'u', password = 3 }",
        "[[sink]]\ntype = 'http'\nendpoint = 'https://h/'\nheaders = { a = ['hunter2-e'] }\nauth = { password = 'hunter2-f' }",
        "[[sink]]\ntype = 'null'\nname = '${TOKEN}'\n[[sink]]\ntype = 'null'\nname = '${TOKEN}'",
        "[[sink]]\ntype = 'null'\nfallback = '${TOKEN}'",
        "[[sink]]\ntype = 'null'\npassword = 'hunter2-g'",
        "[[sink]]\ntype = 'null'\nauth_password = 'hunter2-h'\nname = 'hunter2-h'\nfallback = 'hunter2-h'",
        "[[redactor]]\ntype = 'field_mask'\nfields = ['${TOKEN}..x']\n[[sink]]\ntype = 'null'",
        "[[sink]]\ntype = 'null'\npassword = 'hunter2-i",
        "[engine]\nlevel = '${TOKEN}'\nmax_park = '${TOKEN}'\nlanes = '${TOKEN}'\n[[sink]]\ntype = '${TOKEN}'",
    ];
    for text in texts {
        for problem in problems(text) {
            assert!(!problem.contains("hunter2"), "{text}\n{problem}");
        }
    }
}

#[test]
fn what_is_no_toml_is_told_by_line_and_column() {
    let problems = problems("[engine]\nlevel = 'info'\nlanes = = 3\n");
    assert!(problems[0].starts_with("line 3, column 9: "), "{problems:?}");
}

#[test]
fn types_and_words_are_accepted_in_any_spelling() {
    let pipeline = accepted(
        "[engine]\nlanes = 'Per-Thread'\nenvelope = 'V1-1'\n[[redactor]]\ntype = 'Field-Mask'\nfields = 'a'\n\
         [[sink]]\ntype = 'NULL'\noverflow = 'Drop-Newest'\n",
    );
    assert_eq!(pipeline.sinks[0].kind, "null");
}

#[test]
fn every_documented_default_of_the_engine_is_accepted_as_written() {
    let pipeline = accepted(
        r#"
        [engine]
        level = "info"
        lanes = "per_thread"
        lane_slots = 8192
        slot_bytes = 256
        max_lanes = 32
        reserved_lanes = 4
        promote_after = 64
        memory_budget = "128 MB"
        overflow_bytes = "8 MB"
        max_event_bytes = "1 MB"
        on_full = "wait"
        on_overflow = "cut"
        full_wait = "50ms"
        block_timeout = "0s"
        protected_levels = ["error", "critical", "audit", "security"]
        topology = "auto"
        workers = 1
        pin = "none"
        wait = "adaptive"
        max_park = "5ms"
        idle_park = "100ms"
        wake_level = "none"
        envelope = "flat"
        identity = false
        shutdown_timeout = "7s"
        [[sink]]
        type = "null"
        batch = { max_events = 1000, max_bytes = "1 MB", max_age = "1s" }
        queue_bytes = "16 MB"
        overflow = "drop_oldest"
        retry = { base_delay = "500ms", max_delay = "30s", max_elapsed = "5m" }
        "#,
    );
    assert_eq!(pipeline.shutdown_timeout, Duration::from_secs(7));
    let engine = pipeline.start().unwrap();
    assert!(engine.shutdown(Duration::from_secs(10)).complete);
}

#[test]
fn every_topology_wait_and_pin_has_a_name() {
    for setting in [
        "topology = 'per_stage'",
        "topology = 'fused'\nworkers = 2",
        "wait = 'busy_spin'",
        "wait = 'busy-spin'",
        "wait = 'yield'",
        "wait = 'sleep'",
        "pin = 'auto'",
    ] {
        let engine = accepted(&format!("[engine]\n{setting}\n{SINK}")).start().unwrap();
        assert!(engine.shutdown(Duration::from_secs(60)).complete, "{setting}");
    }
}

#[test]
fn variables_are_put_in_and_their_sign_can_be_written() {
    let environment = |name: &str| (name == "A").then(|| "value".to_owned());
    let problems = Problems::new(&Table::new(), &environment);
    for (text, expected) in [
        ("${A}", Ok("value")),
        ("x ${A}/${A} y", Ok("x value/value y")),
        ("$${A}", Ok("${A}")),
        ("$A $ {A}", Ok("$A $ {A}")),
        ("${B}", Err(Reported)),
    ] {
        assert_eq!(problems.expand("path", text).as_deref(), expected.as_ref().copied(), "{text}");
    }
}

#[test]
fn the_table_of_types_in_the_documentation_is_complete() {
    let documentation = include_str!("../settings.rs");
    fn row<T>(kind: &str, types: &Types<T>) -> String {
        let names: Vec<_> = types.iter().map(|(name, _)| format!("`{name}`")).collect();
        format!("//! | `[[{kind}]]` | {}", names.join(", "))
    }
    for row in [
        row("filter", filters::TYPES),
        row("enricher", enrichers::TYPES),
        row("redactor", redactors::TYPES),
        row("processor", processors::TYPES),
        row("sink", sinks::TYPES),
    ] {
        assert!(documentation.contains(row.trim_end()), "{row}");
    }
}
