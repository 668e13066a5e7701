//! The sink against a server that is not ours: an emulator, or AWS itself.
//!
//! `LOGWHEEL_AWS_ENDPOINT` names it (`https://logs.eu-central-1.amazonaws.com` for AWS); credentials
//! and region come from the environment. `cargo xtask servers` starts moto and sets all of them.
//! Without the variable these tests do nothing.
//!
//! No emulator enforces sizes and spans, and moto is off by one where it says what was too old, so
//! what is asserted here holds for all of them; exact counts are the business of the double.

use std::time::Instant;

use aws_sdk_cloudwatchlogs as logs;
use tokio::runtime::Runtime;

use super::*;

/// A log group of its own on the server; it is deleted in the end.
struct Server {
    url: String,
    group: String,
    runtime: Runtime,
    calls: logs::Client,
}

impl Server {
    fn find(test: &str) -> Option<Self> {
        let Ok(url) = std::env::var("LOGWHEEL_AWS_ENDPOINT") else {
            eprintln!("nothing tested: LOGWHEEL_AWS_ENDPOINT is not set");
            return None;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let loader = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12());
        let loader = loader.http_client(super::super::client::http_client(false)).endpoint_url(&url);
        let calls = logs::Client::new(&runtime.block_on(loader.load()));
        let group = format!("/logwheel/test/{}-{}-{test}", now(), std::process::id());
        Some(Self { url, group, runtime, calls })
    }

    fn sink(&self) -> CloudWatchSink {
        let builder = CloudWatchSink::builder().endpoint_url(&self.url).allow_plain_http(true);
        let builder = builder.log_group_name(&self.group).log_stream_name("stream");
        builder.timeout(Duration::from_secs(60)).build().unwrap()
    }

    /// Waits until this many messages are there, and gives all of them in order of time.
    fn stored(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let call = self.calls.get_log_events().log_group_name(&self.group).log_stream_name("stream");
            let answer = self.runtime.block_on(call.start_from_head(true).send()).unwrap();
            let messages: Vec<_> = answer.events().iter().filter_map(|event| event.message.clone()).collect();
            if messages.len() >= count || Instant::now() > deadline {
                return messages;
            }
        }
    }

    fn delete(&self) {
        self.runtime.block_on(self.calls.delete_log_group().log_group_name(&self.group).send()).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.delete();
        }
    }
}

#[test]
fn a_server_stores_what_was_sent_in_order_and_unchanged() {
    let Some(server) = Server::find("order") else { return };
    let mut sink = server.sink();
    let start = now() - 1_000;
    for n in 0..3 {
        let text = |m: i64| format!("{{\"n\":{n},\"m\":{m},\"text\":\"äöü 日本\\n\"}}");
        assert_eq!(deliver(&mut sink, batch((0..5).map(|m| (start + n * 5 + m, text(m))))).delivered, 5);
    }
    // A second process finds group and stream.
    assert_eq!(deliver(&mut server.sink(), batch([(start + 100, "another")])).delivered, 1);
    let stored = server.stored(16);
    let expected: Vec<_> = (0..3).flat_map(|n| (0..5).map(move |m| format!("{{\"n\":{n},\"m\":{m},"))).collect();
    assert_eq!(stored.len(), 16);
    assert!(stored.iter().zip(&expected).all(|(stored, begin)| stored.starts_with(begin)), "{stored:?}");
    assert!(stored[0].ends_with("\"äöü 日本\\n\"}"));
    assert_eq!(stored[15], "another");
}

#[test]
fn a_server_whose_group_was_deleted_gets_it_again_with_the_batch() {
    let Some(server) = Server::find("deleted") else { return };
    let mut sink = server.sink();
    assert_eq!(deliver(&mut sink, numbered(2)).delivered, 2);
    server.delete();
    assert_eq!(deliver(&mut sink, numbered(3)).delivered, 3);
    assert_eq!(server.stored(3).len(), 3);
}

#[test]
fn a_server_stores_all_but_what_is_too_old_or_too_new() {
    let Some(server) = Server::find("times") else { return };
    let now = now();
    let times = [now - 20 * DAY, now - 13 * DAY, now - 10 * DAY, now, now + HOUR, now + 3 * HOUR];
    let books = deliver(&mut server.sink(), batch(times.map(|at| (at, at.to_string()))));
    assert!(books.rejected.contains(&("too_new", 1)), "{books:?}");
    assert_eq!((books.retries.len(), books.dropped.len()), (0, 0));
    // Emulators may be off by one here; AWS is not.
    let too_old = usize::from(books.rejected.contains(&("too_old", 1)));
    assert_eq!(books.delivered, 5 - too_old);
    assert_eq!(server.stored(4), times[1..5].iter().map(i64::to_string).collect::<Vec<_>>());
}

#[test]
fn a_server_takes_the_largest_event_and_a_full_request() {
    let Some(server) = Server::find("sizes") else { return };
    let start = now() - 1_000;
    let limits = BatchLimits { max_events: 10_000, ..BatchLimits::default() };
    let mut sink = server.sink();
    sink.batch_limits = limits;
    let books = deliver(&mut sink, batch([(start, "x".repeat(1_048_550))]));
    assert_eq!((books.delivered, books.splits), (1, 0));
    let books = deliver(&mut sink, numbered(10_001));
    assert_eq!((books.delivered, books.splits), (10_001, 0));
}

#[test]
fn a_server_tells_whether_the_stream_is_there() {
    let Some(server) = Server::find("health") else { return };
    let builder = CloudWatchSink::builder().endpoint_url(&server.url).allow_plain_http(true);
    let builder = builder.log_group_name(&server.group).create_log_group(false).create_log_stream(false);
    let mut looking = builder.log_stream_name("stream").timeout(Duration::from_secs(60)).build().unwrap();
    assert!(!looking.check().is_healthy());
    let mut sink = server.sink();
    assert!(sink.check().is_healthy());
    assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
    assert!(sink.check().is_healthy() && looking.check().is_healthy());
}
