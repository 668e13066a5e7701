//! What must not come back from fapilog, and proxies.

use super::*;

/// B.3: errors were swallowed inside the sink, so that breaker, fallback and counters saw success.
#[test]
fn b3_no_failure_is_reported_as_success() {
    let failures = (300..600).filter(|status| *status != 304).map(|status| Reply::status(status, "", "no"));
    let broken = [Reply::CloseUnread, Reply::RawThenClose(String::new()), Reply::RawThenClose("HTTP/1.1 2".into())];
    for reply in failures.chain(broken) {
        let shown = format!("{reply:?}");
        assert!(outcome(reply).is_err(), "{shown}");
    }
}

/// B.4: 5xx and 429 were never tried again, nor were errors of the connection.
#[test]
fn b4_passing_failures_are_tried_again() {
    let statuses = [408, 425, 429, 500, 502, 503, 504, 599].map(|status| Reply::status(status, "", ""));
    let broken = [Reply::CloseUnread, Reply::RawThenClose(String::new()), Reply::RawThenClose("HTTP/1.1 2".into())];
    for reply in statuses.into_iter().chain(broken) {
        let server = Server::new([reply, ok()]);
        let mut sink = sink(&server).build().unwrap();
        let error = sink.deliver(&events()).unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
        sink.deliver(&events()).unwrap();
    }
}

#[test]
fn any_2xx_is_success() {
    for status in 200..300 {
        let length = if status == 204 { "" } else { "Content-Length: 0\r\n" };
        assert!(outcome(Reply::RawThenClose(format!("HTTP/1.1 {status} X\r\n{length}\r\n"))).is_ok(), "{status}");
    }
}

const PROXY: &str = "http_proxy";

/// Runs one test of this program again, with the variable set; the environment of a running
/// program cannot be changed safely.
fn with_variable(test: &str, value: &str, exceptions: &str) {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--ignored"])
        .env(PROXY, value)
        .env("NO_PROXY", exceptions)
        .env_remove("no_proxy")
        .status();
    assert!(status.unwrap().success(), "{test} with {PROXY}={value}");
}

#[test]
fn the_proxy_of_the_environment_is_used_unless_switched_off() {
    // A CONNECT has no body; what follows in the tunnel is the request itself.
    let proxy = Server::new([Reply::Raw("HTTP/1.1 200 Established\r\n\r\n".into()), ok()]);
    with_variable("http::tests::delivery::through_a_proxy", &proxy.origin(), "other.invalid");
    let received = proxy.received();
    assert!(received[0].head[0].starts_with("CONNECT logs.invalid:80"), "{received:?}");
    assert_eq!(received[1].head[0], "POST /in HTTP/1.1");
    with_variable("http::tests::delivery::past_a_proxy", &proxy.origin(), "example.org, logs.invalid");
    assert_eq!(proxy.received().len(), 2);
    with_variable("http::tests::delivery::with_a_bad_proxy", "socks5://user:hunter2@h:1", "");
}

#[test]
#[ignore = "run by the test above, with a proxy in its environment"]
fn through_a_proxy() {
    let mut sink = HttpSink::builder("http://logs.invalid/in").timeout(Duration::from_secs(60)).build().unwrap();
    sink.deliver(&events()).unwrap();
    let switched_off = HttpSink::builder("http://logs.invalid/in").proxy_from_env(false).build();
    assert!(switched_off.unwrap().deliver(&events()).is_err());
    // What is on this machine needs no proxy.
    let server = Server::new([ok()]);
    HttpSink::new(server.url()).unwrap().deliver(&events()).unwrap();
}

#[test]
#[ignore = "run by the test above, with a proxy in its environment"]
fn past_a_proxy() {
    assert!(HttpSink::new("http://logs.invalid/in").unwrap().deliver(&events()).is_err());
}

#[test]
#[ignore = "run by the test above, with a proxy in its environment"]
fn with_a_bad_proxy() {
    let error = HttpSink::new("http://logs.invalid/in").unwrap_err();
    assert_eq!(error.option(), "proxy_from_env");
    assert!(error.to_string().contains(PROXY) && !error.to_string().contains("hunter2"), "{error}");
    HttpSink::builder("http://logs.invalid/in").proxy_from_env(false).build().unwrap();
}
