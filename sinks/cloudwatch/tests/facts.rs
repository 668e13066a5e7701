//! What was measured of emulators or written down of the service: a test for each fact.

use serde_json::json;

use super::super::double::{Answer, Fault};
use super::*;

#[test]
fn the_largest_message_is_1_048_550_bytes_and_a_larger_one_costs_only_itself() {
    let service = CloudWatch::new();
    let start = now();
    let largest = "é".repeat(1_048_550 / 2);
    let entries = [(start, "small".to_owned()), (start, largest.clone() + "x"), (start, largest.clone())];
    let result = sink(&service).deliver(&batch(entries));
    let Err(DeliveryError::Reject { refused, reason, detail }) = result else { panic!("{result:?}") };
    assert_eq!((refused, reason), (Refused::Entries(vec![1]), "too_large"));
    assert_eq!(detail, "1 longer than `max_event_bytes` (1048550)");
    assert_eq!(service.stored(), ["small".to_owned(), largest]);
}

#[test]
fn max_event_bytes_is_a_setting() {
    let service = CloudWatch::new();
    let mut sink = builder(&service).max_event_bytes(5).build().unwrap();
    let books = deliver(&mut sink, batch([(now(), "12345"), (now(), "123456")]));
    assert_eq!((books.delivered, books.rejected), (1, vec![("too_large", 1)]));
}

#[test]
fn a_service_with_the_old_limit_of_256_kb_finds_the_one_event_it_does_not_take() {
    let service = CloudWatch::new();
    service.state().max_event = 262_144;
    let start = now();
    let text = |n: usize| if n == 700 { "x".repeat(292_798) } else { format!("{n}") };
    let books = deliver(&mut sink(&service), batch((0..1_000).map(|n| (start, text(n)))));
    assert_eq!((books.delivered, books.rejected), (999, vec![("too_large", 1)]));
    assert_eq!(service.stored().len(), 999);
    // Halved down to the one: two requests for each of ten halvings at most.
    assert!(service.puts().len() <= 21, "{:?}", service.puts());
}

#[test]
fn only_the_poison_event_of_ten_thousand_is_rejected() {
    let service = CloudWatch::new();
    service.state().poison = Some("\"n\":7321}".to_owned());
    let limits = BatchLimits { max_events: 10_000, max_bytes: 1_048_576, ..BatchLimits::default() };
    let mut sink = builder(&service).batch_limits(limits).build().unwrap();
    let books = deliver(&mut sink, numbered(10_000));
    assert_eq!((books.delivered, books.rejected), (9_999, vec![("invalid_parameter", 1)]));
    let mut stored = service.stored();
    assert_eq!(stored.len(), 9_999);
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), 9_999, "nothing twice");
}

#[test]
fn the_text_for_a_poison_event_is_what_the_service_said() {
    let service = CloudWatch::new();
    service.state().poison = Some("bad".to_owned());
    let text = failure(&mut sink(&service), &batch([(now(), "bad")]));
    let said = "400 InvalidParameterException: Log event message is not acceptable";
    assert!(text.starts_with("reject invalid_parameter") && text.contains(said), "{text}");
}

#[test]
fn an_empty_or_broken_message_is_not_sent() {
    let service = CloudWatch::new();
    let books =
        deliver(&mut sink(&service), batch([(now(), &b""[..]), (now(), b"\xff"), (now(), b"good\0\n\xc3\xa9")]));
    assert_eq!((books.delivered, books.rejected), (1, vec![("empty", 1), ("invalid_utf8", 1)]));
    // NUL, newline and letters beyond ASCII come back unchanged.
    assert_eq!(service.stored(), ["good\0\né"]);
    assert_eq!(service.puts(), [1]);
    assert_eq!(deliver(&mut sink(&service), batch([(0, "")])).rejected, [("empty", 1)]);
    assert_eq!(service.puts(), [1]);
}

#[test]
fn the_end_of_what_is_too_old_is_exclusive() {
    // As in a public report of a real answer: one event sent, and the end is 1.
    for (info, rejected) in [
        (json!({ "tooOldLogEventEndIndex": 1 }), vec![("too_old", 1)]),
        // What moto answers in the same case: the index of the last one, which reads as none.
        (json!({ "tooOldLogEventEndIndex": 0 }), vec![]),
        (json!({ "expiredLogEventEndIndex": 1 }), vec![("expired", 1)]),
        (json!({ "tooNewLogEventStartIndex": 0 }), vec![("too_new", 1)]),
    ] {
        let service = CloudWatch::new();
        let body = json!({ "rejectedLogEventsInfo": info }).to_string();
        service.plan("PutLogEvents", Fault::Answer(Answer { status: 200, headers: String::new(), body }));
        let books = deliver(&mut sink(&service), numbered(1));
        assert_eq!((books.delivered + rejected.len(), &books.rejected), (1, &rejected), "{info}");
    }
}

#[test]
fn what_is_older_than_the_retention_is_counted_as_expired() {
    let service = CloudWatch::new();
    service.state().retention = Some(Duration::from_secs(24 * 3_600));
    let now = now();
    let times = [now - 30 * HOUR, now - 20 * HOUR, now - 10 * HOUR];
    let books = deliver(&mut sink(&service), batch(times.map(|at| (at, at.to_string()))));
    assert_eq!((books.delivered, books.rejected), (2, vec![("expired", 1)]));
}

#[test]
fn old_now_and_new_in_one_batch_each_count_for_what_they_are() {
    let service = CloudWatch::new();
    service.state().retention = Some(Duration::from_secs(10 * 24 * 3_600));
    let now = now();
    // In no order.
    let kinds = [0, 3 * HOUR, -15 * DAY, -11 * DAY, 0, -15 * DAY, 4 * HOUR, 0, -15 * DAY];
    let entries = (0..90_usize).map(|n| (now + kinds[n % 9], format!("{n}")));
    let mut books = deliver(&mut sink(&service), batch(entries));
    books.rejected.sort_unstable();
    assert_eq!(books.rejected, [("expired", 10), ("too_new", 20), ("too_old", 30)]);
    assert_eq!((books.delivered, books.retries.len(), books.splits), (30, 0, 0));
    assert_eq!(service.stored().len(), 30);
    // What the parts are is known from the answers; nothing is sent to find out.
    assert_eq!(service.puts().iter().sum::<usize>(), 90);
}

#[test]
fn a_batch_out_of_order_is_sent_in_order_and_repeats_are_kept() {
    let service = CloudWatch::new();
    let start = now() - 1_000;
    let entries = [(start + 3, "c"), (start + 1, "a"), (start + 2, "b"), (start + 1, "a"), (start + 1, "a")];
    assert_eq!(deliver(&mut sink(&service), batch(entries)).delivered, 5);
    assert_eq!(service.stored(), ["a", "a", "a", "b", "c"]);
}

#[test]
fn no_sequence_token_is_sent_where_none_is_asked_for() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    // Each answer offers one.
    for _ in 0..3 {
        deliver(&mut sink, numbered(1));
    }
    assert!(service.received().iter().all(|received| received.body.get("sequenceToken").is_none()));
}

#[test]
fn each_call_is_signed_for_the_region() {
    let service = CloudWatch::new();
    deliver(&mut sink(&service), numbered(1));
    for received in service.received() {
        let authorization = received.authorization;
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/logs/aws4_request"), "{authorization}");
    }
}

#[test]
fn a_put_to_what_was_deleted_creates_it_and_sends_the_same_batch_again() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    deliver(&mut sink, numbered(1));
    assert_eq!(sink.notice(), None, "to create what was never there is no news");
    service.state().delete_all();
    let books = deliver(&mut sink, numbered(3));
    assert_eq!((books.delivered, books.retries.len()), (3, 0));
    assert_eq!(service.stored().len(), 3);
    assert_eq!(
        service.calls()[4..],
        ["PutLogEvents", "CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents"]
    );
    let notice = sink.notice().unwrap();
    assert_eq!(notice, r#"log group "/test/group" or log stream "stream" was not found and was created again"#);
    assert_eq!(sink.notice(), None);
}

#[test]
fn what_must_not_be_created_is_not() {
    for (group, stream, calls, off) in [
        (false, false, &["PutLogEvents"][..], "`create_log_group` and `create_log_stream` are off"),
        (false, true, &["CreateLogStream"], "`create_log_group` is off"),
        (true, false, &["PutLogEvents", "CreateLogGroup", "PutLogEvents"], "`create_log_stream` is off"),
    ] {
        let service = CloudWatch::new();
        let mut sink = builder(&service).create_log_group(group).create_log_stream(stream).build().unwrap();
        let text = failure(&mut sink, &numbered(1));
        assert!(text.starts_with("retry resource_not_found") && text.contains(off), "{text}");
        assert_eq!(service.calls(), calls);
        assert!(!sink.health().is_healthy());
        // Somebody else creates it.
        service.state().create("/test/group", "stream");
        assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
        assert!(sink.health().is_healthy());
    }
}

#[test]
fn the_other_side_may_close_connections_between_calls() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    for n in 1..=5 {
        service.plan("PutLogEvents", Fault::CloseLate);
        let books = deliver(&mut sink, numbered(1));
        assert_eq!(books.retries, [""; 0]);
        service.close_late(n);
    }
    assert_eq!(service.stored().len(), 5);
}

#[test]
fn calls_share_one_connection() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    for _ in 0..3 {
        deliver(&mut sink, numbered(1));
    }
    assert!(service.received().iter().all(|received| received.connection == 0));
}
