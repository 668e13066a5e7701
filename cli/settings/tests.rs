mod taken_over;

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
            "filter[0].type = \"levle\": there is no such filter; there are \"level\", \"sampling\", ",
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

#[test]
fn each_type_is_built_with_all_its_options_and_with_none_that_can_be_left_out() {
    let (connection, auth) = (
        "headers = { X-A = 'b' }\ntimeout = { total = '9s', connect = '1s', response = '5s' }\nproxy_from_env = false\n\
         allow_plain_http = true\n",
        "auth = { bearer_token = '${TOKEN}' }\n",
    );
    let sinks = [
        "type = 'stdout'\n".to_owned(),
        "type = 'file'\npath = 'x'\nhash_chain = true\n".to_owned(),
        "type = 'file'\npath = 'x'\nhash_chain_key = '${TOKEN}'\n".to_owned(),
        "type = 'http'\nendpoint = 'https://h/'\n".to_owned(),
        format!(
            "type = 'http'\nendpoint = 'http://h/'\nformat = 'ndjson'\ncompression = 'zstd'\n{connection}{auth}\
             idempotency_header = 'Idempotency-Key'\nbisect_refused = false\n\
             signature = {{ secret = '${{TOKEN}}', timestamp_header = 'X-T', signature_header = 'X-S' }}\n"
        ),
        "type = 'http'\nendpoint = 'https://h/'\ncompression = 'gzip'\ntimeout = '3s'\n".to_owned(),
        "type = 'loki'\nurl = 'http://h:3100'\n".to_owned(),
        format!(
            "type = 'loki'\nurl = 'http://h:3100'\n{connection}{auth}tenant_id = 't'\nlabels = {{ service = 'x' }}\n\
             label_keys = ['level']\nlabel_from = {{ plan = 'user.plan' }}\nstructured_metadata = ['trace_id']\n\
             sanitize_values = true\nmax_label_values = 9\nmax_streams = 99\nformat = 'json_gzip'\n\
             line_limit = '64 KB'\nlong_lines = 'truncate'\nstrict_timestamps = true\nmax_request_bytes = '1 MB'\n\
             blocked_status = 261\nin_flight = 2\n"
        ),
        "type = 'null'\nbreaker = { enabled = false }\nspool = { dir = 'never/opened', sync = '5s' }\n".to_owned(),
        "type = 'null'\nspool = { dir = 'never/opened', sync = 'never' }\noverflow = 'spool'\n".to_owned(),
    ];
    for sink in sinks {
        accepted(&format!("[[sink]]\n{sink}"));
    }
    for (kind, types) in [
        ("filter", "sampling adaptive_sampling trace_sampling rate_limit first_occurrence dedupe level"),
        ("enricher", "host process kubernetes context build http_request"),
        ("redactor", "url_credentials"),
        ("processor", "size_guard"),
    ] {
        for name in types.split(' ') {
            accepted(&format!("{SINK}[[{kind}]]\ntype = '{name}'\n"));
        }
    }
}

#[test]
fn each_wrong_option_of_a_stage_or_sink_is_named_with_its_path() {
    let cases = [
        ("[[filter]]\ntype = 'sampling'\nsample_rate = 1.5", "filter[0].sample_rate = 1.5: must be 0 to 1"),
        ("[[filter]]\ntype = 'sampling'\nsample_rate = 'x'", "filter[0].sample_rate = \"x\": must be a number"),
        ("[[filter]]\ntype = 'adaptive_sampling'\ntarget_eps = 0", "filter[0].target_eps = 0: must be"),
        ("[[filter]]\ntype = 'trace_sampling'\nsample_rate = -1", "filter[0].sample_rate = -1: must be"),
        ("[[filter]]\ntype = 'rate_limit'\ncapacity = 0", "filter[0].capacity = 0: must be"),
        (
            "[[filter]]\ntype = 'rate_limit'\noverflow_action = 'keep'",
            "filter[0].overflow_action = \"keep\": must be one",
        ),
        ("[[filter]]\ntype = 'first_occurrence'\nkey_fields = []", "filter[0].key_fields = an array of 0: "),
        ("[[filter]]\ntype = 'dedupe'\nmode = 'all'", "filter[0].mode = \"all\": must be one of \"consecutive\""),
        (
            "[[filter]]\ntype = 'dedupe'\nwindow_second = 3",
            "filter[0].window_second: unknown key; did you mean \"window_",
        ),
        ("[[filter]]\ntype = 'match'", "filter[0].expression: is missing"),
        ("[[filter]]\ntype = 'match'\nexpression = 'a = ='", "filter[0].expression = \"a = =\": must be"),
        ("[[enricher]]\ntype = 'process'\nonly = 'cpu'", "enricher[0].only = \"cpu\": "),
        ("[[enricher]]\ntype = 'env'", "enricher[0].variables: is missing"),
        ("[[enricher]]\ntype = 'env'\nvariables = ['A=B']", "enricher[0].variables = an array of 1: "),
        ("[[enricher]]\ntype = 'kubernetes'\npod_name_env = ''", "enricher[0].pod_name_env = \"\": must be"),
        ("[[enricher]]\ntype = 'context'\nfields = 'a'\nprefix = ''", "enricher[0].prefix = \"\": must be given"),
        ("[[enricher]]\ntype = 'context'\ndefault = { '' = 1 }", "enricher[0].default = a table: "),
        ("[[redactor]]\ntype = 'field_blocker'", "redactor[0].fields: must have at least one"),
        ("[[redactor]]\ntype = 'regex_mask'\npatterns = ['(']", "redactor[0].patterns = an array of 1: "),
        ("[[redactor]]\ntype = 'regex_mask'\npatterns = {}", "redactor[0].patterns = a table: must have at least one"),
        ("[[redactor]]\ntype = 'string_truncate'", "redactor[0]: must have max_chars, max_bytes or both"),
        ("[[redactor]]\ntype = 'preset'\npresets = ['gpdr']", "redactor[0].presets: \"gpdr\": there are gdpr"),
        ("[[redactor]]\ntype = 'preset'\npresets = 'jwt'\nwithout = 'x'", "redactor[0].without: \"x\": none of"),
        ("[[redactor]]\ntype = 'field_mask'\nfields = 'a'\nmax_depth = 999", "redactor[0].max_depth = 999: must be"),
        ("[[processor]]\ntype = 'size_guard'\nmax_bytes = 10", "processor[0].max_bytes = 10: must be at least 100"),
        ("[[processor]]\ntype = 'encrypt'\nkey_id = 'a'", "processor[0].key: is missing"),
        ("[[processor]]\ntype = 'encrypt'\nkey_id = 'a'\nkey = '${TOKEN}'", "processor[0].key = ***: must be 64 hex"),
        (
            "[[processor]]\ntype = 'encrypt'\nkey_id = 'a'\nkey = 'AAAA'\non_error = 'pass'",
            "processor[0].key = ***: has 3 bytes, must be",
        ),
        (
            "[[sink]]\ntype = 'memory'\nbreaker = { failure_threshold = 0 }",
            "sink[1].breaker.failure_threshold = 0: must be",
        ),
        ("[[sink]]\ntype = 'memory'\nbreaker = { recover = 1 }", "sink[1].breaker.recover: unknown key; did you mean"),
        ("[[sink]]\ntype = 'memory'\nin_flight = 65", "sink[1].in_flight = 65: must be from 1 to 64"),
        ("[[sink]]\ntype = 'memory'\nspool = {}", "sink[1].spool.dir: is missing"),
        ("[[sink]]\ntype = 'memory'\nspool = { dir = 'x', sync = 'soon' }", "sink[1].spool.sync = \"soon\": must be"),
        ("[[sink]]\ntype = 'memory'\nspool = { dir = 'x', max_bytes = 1 }", "sink[1]: spool.max_bytes is 1: "),
        ("[[sink]]\ntype = 'memory'\noverflow = 'spool'", "sink[1].overflow = spool: there is no spool"),
        ("[[sink]]\ntype = 'loki'", "sink[1].url: is missing"),
        ("[[sink]]\ntype = 'loki'\nurl = 'https://h'\nline_limit = 1", "sink[1].line_limit: 1: "),
        ("[[sink]]\ntype = 'loki'\nurl = 'https://h'\ntenant_id = 'a/b'", "sink[1].tenant_id: \"a/b\""),
        ("[[sink]]\ntype = 'http'\nendpoint = 'https://h'\nsignature = {}", "sink[1].signature.secret: is missing"),
        ("[[sink]]\ntype = 'http'\nendpoint = 'https://h'\ntimeout = {}", "sink[1].timeout: must have `total`"),
        ("[[sink]]\ntype = 'http'\nendpoint = 'https://h'\ntimeout = 0", "sink[1].timeout: total is 0ns"),
        (
            "[[sink]]\ntype = 'http'\nendpoint = 'https://h'\nca_certificates = '/no/such.pem'",
            "sink[1].ca_certificates = \"/no/such.pem\": cannot be read",
        ),
        (
            "[[sink]]\ntype = 'http'\nendpoint = 'https://h'\nclient_certificate = { key = '-----BEGIN' }",
            "sink[1].client_certificate: must have both",
        ),
        ("[[sink]]\ntype = 'file'\npath = 'x'\nhash_chain_key = 'short'", "sink[1].hash_chain_key = ***: must have"),
        ("[[route]]\nlevels = ['info']", "route[0].sinks: must have at least one"),
        ("[[route]]\nsinks = ['nul']", "route[0].sinks = \"nul\": no such sink, did you mean \"null\"?"),
        ("[[route]]\nsinks = '*'\nlevels = ['loud']", "route[0].levels = \"loud\": must be a level"),
        ("[[route]]\nsinks = '*'\nlevels = []", "route[0].levels = an array of 0: must have"),
        ("[[route]]\nsinks = '*'\nlevel = 'info'", "route[0].level: unknown key; did you mean \"levels\""),
        ("[[route]]\nsinks = '*'\nfields = { a = [] }", "route[0]: field \"a\" = []: name at least one value"),
        ("[[route]]\nsinks = '*'\nfields = { a = [{}] }", "route[0].fields.a = a table: must be a text, a number"),
        ("[routing]\nfallback_sinks = ['nul']", "routing.fallback_sinks = \"nul\": no such sink"),
        ("[[routing]]\noverlap = true", "routing: must be a table, written [routing]"),
        ("[engine]\nlane_idle = 'x'", "engine.lane_idle = \"x\": must be a duration"),
    ];
    for (text, expected) in cases {
        let text = format!("{SINK}{text}\n");
        let problems = problems(&text);
        assert!(problems.len() == 1 && problems[0].contains(expected), "{text}\n{problems:#?}\nshould say {expected}");
        assert!(!problems[0].contains("hunter2"));
    }
}

#[test]
fn a_processor_that_reads_json_behind_one_that_hides_it_is_refused() {
    let key = "5a".repeat(32);
    let encrypt = format!("[[processor]]\ntype = 'encrypt'\nkey_id = 'a'\nkey = '{key}'\n");
    let guard = "[[processor]]\ntype = 'size_guard'\n";
    accepted(&format!("{SINK}{guard}{encrypt}"));
    let problems = problems(&format!("{SINK}{encrypt}{guard}"));
    assert!(problems[0].contains("reads JSON"), "{problems:?}");
}

#[cfg(not(feature = "cloudwatch"))]
#[test]
fn a_type_that_was_left_out_of_the_build_says_so() {
    let problems = problems("[[sink]]\ntype = 'cloudwatch'\nregion = 'eu-central-1'\n");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("build it with the feature `cloudwatch`"), "{problems:?}");
}

#[cfg(feature = "cloudwatch")]
#[test]
fn the_sink_cloudwatch_is_built_with_all_its_options() {
    accepted(
        "[[sink]]\ntype = 'cloudwatch'\nlog_group_name = '/a'\nlog_stream_name = 'b'\nregion = 'eu-central-1'\n\
         create_log_group = false\ncreate_log_stream = false\nendpoint_url = 'http://127.0.0.1:4566'\n\
         max_event_bytes = '64 KB'\ntimeout = '5s'\nallow_plain_http = false\n\
         credentials = { access_key_id = 'a', secret_access_key = '${TOKEN}', session_token = 'c' }\n",
    );
    let problems = problems("[[sink]]\ntype = 'cloudwatch'\nlog_group_name = 'a b'\n");
    assert!(problems[0].starts_with("sink[0].log_group_name: "), "{problems:?}");
}
