use super::*;

fn option_and_problem(builder: CloudWatchSinkBuilder) -> String {
    builder.build().map(|_| ()).unwrap_err().to_string()
}

fn builder() -> CloudWatchSinkBuilder {
    CloudWatchSink::builder()
}

#[test]
fn names_are_those_that_the_service_allows() {
    for name in ["a", "/shop/orders", "A-z_0.9#/", &"g".repeat(512), "my/aws/group", "/aws/lambda"] {
        builder().log_group_name(name).build().unwrap();
    }
    for name in ["", "a b", "a:b", "é", &"g".repeat(513), "aws/lambda"] {
        let problem = option_and_problem(builder().log_group_name(name));
        assert!(problem.starts_with(&format!("log_group_name: {name:?}: ")), "{problem}");
    }
    for name in ["s", "host é [1]/x", &"s".repeat(512), &"é".repeat(512)] {
        builder().log_stream_name(name).build().unwrap();
    }
    for name in ["", "a:b", "a*b", &"s".repeat(513)] {
        let problem = option_and_problem(builder().log_stream_name(name));
        assert!(problem.starts_with(&format!("log_stream_name: {name:?}: 1 to 512 characters")), "{problem}");
    }
}

#[test]
fn auto_stream_name() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_999);
    assert_eq!(default_stream("web-1", now, 42), "web-1-1700000000-42");
    assert_eq!(default_stream("a:b*c", now, 1), "a-b-c-1700000000-1");
    assert_eq!(default_stream("", now, 1), "unknown-1700000000-1");
    let long = default_stream(&"h".repeat(5_000), now, u32::MAX);
    assert!(check_stream(long).is_ok());

    let shown = format!("{:?}", builder().build().unwrap());
    let process = std::process::id();
    assert!(shown.contains(&format!("-{process}\"")), "{shown}");
}

#[test]
fn numbers_out_of_range_are_refused_with_option_value_and_range() {
    let limits = |max_events, max_bytes, max_age| {
        builder().batch_limits(BatchLimits { max_events, max_bytes, max_age: Duration::from_secs(max_age) })
    };
    limits(10_000, 1_048_576, 1).max_event_bytes(1).timeout(Duration::from_secs(3_600)).build().unwrap();
    for (builder, expected) in [
        (limits(0, 1, 1), "batch_limits: max_events = 0: it must be from 1 to 10000"),
        (limits(10_001, 1, 1), "batch_limits: max_events = 10001: it must be from 1 to 10000"),
        (limits(1, 0, 1), "batch_limits: max_bytes = 0: it must be from 1 to 1048576"),
        (limits(1, 1_048_577, 1), "batch_limits: max_bytes = 1048577: it must be from 1 to 1048576"),
        (limits(1, 1, 0), "batch_limits: max_age = 0: it must be more"),
        (builder().max_event_bytes(0), "max_event_bytes: 0: it must be from 1 to 1048550"),
        (builder().max_event_bytes(1_048_551), "max_event_bytes: 1048551: it must be from 1 to 1048550"),
        (builder().timeout(Duration::ZERO), "timeout: 0ns: it must be more than 0 and at most 1 h"),
        (builder().timeout(Duration::from_secs(3_601)), "timeout: 3601s: it must be more than 0 and at most 1 h"),
        (builder().region(""), "region: \"\": expected a name like eu-central-1"),
        (builder().region("eu.central"), "region: \"eu.central\": expected a name like eu-central-1"),
    ] {
        assert_eq!(option_and_problem(builder), expected);
    }
}

#[test]
fn a_full_default_batch_is_one_request() {
    let BatchLimits { max_events, max_bytes, .. } = builder().batch_limits;
    assert_eq!((max_events, max_bytes), (2_000, 998_576));
    // Each line comes with a newline, which the batch counts and the request does not.
    assert_eq!(max_bytes - max_events + max_events * EVENT_OVERHEAD, MAX_REQUEST_BYTES);
}

#[test]
fn an_endpoint_is_a_url_and_encrypted_unless_it_stays_here() {
    for url in [
        "http://127.0.0.1:4566",
        "http://localhost:5000/",
        "http://logs.localhost:80",
        "http://[::1]:4566",
        "https://logs.eu-central-1.amazonaws.com",
        "https://vpce-1.logs.eu-central-1.vpce.amazonaws.com/",
    ] {
        builder().endpoint_url(url).build().unwrap();
    }
    for url in ["", "127.0.0.1:4566", "ftp://localhost", "http://", "localhost"] {
        let problem = option_and_problem(builder().endpoint_url(url));
        assert!(problem.starts_with("endpoint_url: ") && problem.contains("expected a URL"), "{problem}");
    }
    for url in ["http://localstack:4566", "http://192.0.2.1", "http://localhost.example.com"] {
        let problem = option_and_problem(builder().endpoint_url(url));
        assert!(problem.contains("set allow_plain_http"), "{problem}");
        builder().endpoint_url(url).allow_plain_http(true).build().unwrap();
    }
}

#[test]
fn only_what_leaves_the_machine_goes_through_a_proxy() {
    let proxied = |builder: CloudWatchSinkBuilder| builder.build().unwrap().settings.proxied;
    assert!(proxied(builder()));
    assert!(proxied(builder().endpoint_url("https://logs.eu-central-1.amazonaws.com")));
    assert!(!proxied(builder().endpoint_url("http://127.0.0.1:4566")));
}

#[test]
fn secrets_show_up_nowhere() {
    let secrets = ["AKIDSECRET1", "wJalrSECRET2", "IQoJSECRET3", "SECRET4", "SECRET5"];
    let given = || builder().credentials(secrets[0], secrets[1], Some(secrets[2].to_owned()));
    let with_user = given().endpoint_url("https://SECRET4:SECRET5@localhost/?key=SECRET5");
    let mut texts = vec![format!("{:?}", given()), format!("{:?}", given().build().unwrap()), format!("{with_user:?}")];
    texts.push(option_and_problem(with_user));
    texts.push(option_and_problem(given().endpoint_url("ftp://SECRET4:SECRET5@localhost#SECRET5")));
    texts.push(option_and_problem(given().timeout(Duration::ZERO)));
    for text in &texts {
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
    }
    assert!(texts[1].contains("credentials: \"given\""), "{}", texts[1]);
    assert!(format!("{:?}", builder()).contains("credentials: \"default chain\""));
    let half = option_and_problem(builder().credentials("AKID", "", None));
    assert_eq!(half, "credentials: access_key_id and secret_access_key must not be empty");
}
