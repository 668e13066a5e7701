//! The twelve facts about real servers that shape the sink, one test each.

use super::*;
use crate::http::server::Received;

/// A push as some other client might send it.
fn raw_push(double: &Double, json: &str) -> u16 {
    let head = ["POST /loki/api/v1/push HTTP/1.1", "content-type: application/json"].map(String::from).to_vec();
    let request = Received { connection: 0, head, body: json.as_bytes().to_vec() };
    match double.state.lock().answer(&request) {
        Reply::Raw(text) => text[9..12].parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fact_01_a_204_can_hide_the_loss_of_a_stream_so_each_stream_travels_alone() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let (old, mid) = (now - 3 * HOUR, now - HOUR);
    // What others risk: the loss in the first stream is hidden by the second one's success.
    let stream = |app: &str, times: &[u64]| {
        let values: Vec<_> = times.iter().map(|time| format!("[\"{time}\",\"x\"]")).collect();
        format!("{{\"stream\":{{\"app\":\"{app}\"}},\"values\":[{}]}}", values.join(","))
    };
    assert_eq!(raw_push(&double, &format!("{{\"streams\":[{}]}}", stream("a", &[now]))), 204);
    let both = format!("{{\"streams\":[{},{}]}}", stream("a", &[old]), stream("b", &[now]));
    assert_eq!(raw_push(&double, &both), 204);
    assert_eq!(double.len(), 2);

    let double = Double::new(Limits::default());
    let mut sink = builder(&double).label_keys(["app"]).build().unwrap();
    sink.deliver(&with_fields(&sink, &[(now, "new", &[("app", "a")])])).unwrap();
    let mixed = with_fields(
        &sink,
        &[
            (old, "lost", &[("app", "a")]),
            (now, "b1", &[("app", "b")]),
            (mid, "a1", &[("app", "a")]),
            (old, "b2", &[("app", "b")]),
        ],
    );
    assert_eq!(refused(sink.deliver(&mixed)), (Refused::Entries(vec![0]), "too_far_behind"));
    assert_eq!(double.lines(), ["b2", "a1", "b1", "new"]);
    assert!(double.state.lock().streams_per_push.iter().all(|streams| *streams == 1));
    // And the engine is told to keep them apart.
    let streams: Vec<_> = mixed.iter().map(|entry| sink.stream_of(&mixed, &entry)).collect();
    assert_eq!((streams[0], streams[1]), (streams[2], streams[3]));
    assert_ne!(streams[0], streams[1]);
}

#[test]
fn fact_02_a_refusal_is_partial_and_costs_only_the_refused() {
    for format in [LokiFormat::Protobuf, LokiFormat::Json, LokiFormat::JsonGzip] {
        let double = Double::new(Limits::default());
        let now = double.state.lock().limits.now;
        let mut sink = builder(&double).format(format).build().unwrap();
        let mixed = batch([(now + DAY, "too new"), (now, "good"), (now - 8 * DAY, "too old"), (now - 1, "good too")]);
        let (refused, _) = refused(sink.deliver(&mixed));
        assert_eq!(refused, Refused::ByReason(vec![(0, "too_new"), (2, "too_old")]));
        assert_eq!(double.lines(), ["good too", "good"]);
        assert!(sink.health().is_healthy());
    }
}

#[test]
fn fact_03_no_retry_after_comes_from_loki_and_one_from_a_proxy_is_heeded() {
    let limited = |headers: &str| Reply::status(429, headers, "ingestion rate limit exceeded for user fake");
    let replies = [limited(""), limited("Retry-After: 7\r\n"), limited("Retry-After: soon\r\n")];
    for (reply, expected) in replies.into_iter().zip([None, Some(Duration::from_secs(7)), None]) {
        let double = Double::after([reply], Limits::default());
        let mut sink = sink(&double);
        let now = double.state.lock().limits.now;
        match sink.deliver(&numbered(now, 3, 5)) {
            Err(DeliveryError::Retry { reason: "rate_limit", after, .. }) => assert_eq!(after, expected),
            other => panic!("{other:?}"),
        }
        sink.deliver(&numbered(now, 3, 5)).unwrap();
        assert_eq!(double.len(), 3);
    }
}

#[test]
fn fact_04_what_is_sent_again_is_the_same_to_the_last_byte_and_stored_once() {
    for format in [LokiFormat::Protobuf, LokiFormat::Json, LokiFormat::JsonGzip] {
        let double = Double::new(Limits { lost_answers: 2, ..Limits::default() });
        let now = double.state.lock().limits.now;
        // Small bounds, so that the guard would decide otherwise the second time.
        let mut sink = builder(&double).label_keys(["app"]).max_label_values(1).format(format).build().unwrap();
        let entries: &[Fields<'_>] =
            &[(now, "a", &[("app", "x")]), (now, "a", &[("app", "x")]), (now - 5, "b", &[("app", "x")])];
        let events = with_fields(&sink, entries);
        for _ in 0..2 {
            assert!(matches!(sink.deliver(&events), Err(DeliveryError::Retry { .. })));
            // Meanwhile another instance sees a second value, and the label stops being one.
            let other = with_fields(&sink, &[(now, "c", &[("app", "y")])]);
            sink.stream_of(&other, &other.get(0).unwrap());
        }
        sink.deliver(&events).unwrap();
        let received = double.server.received();
        assert_eq!(received.len(), 3);
        assert!(received.iter().all(|request| request.body == received[0].body));
        assert_eq!(double.lines(), ["b", "a", "a"]);
        assert_eq!(sink.handle().moved_labels(), ["app"]);
    }
}

#[test]
fn fact_04_holds_for_batches_that_are_tried_in_turns_and_by_any_instance() {
    let double = Double::new(Limits { lost_answers: 4, ..Limits::default() });
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).label_keys(["app"]).max_label_values(2).build().unwrap();
    let mut other = sink.replicate().unwrap();
    let batches = ["x", "y"].map(|app| with_fields(&sink, &[(now, "a", &[("app", app)]), (now, "a", &[("app", app)])]));
    for _ in 0..2 {
        assert!(batches.iter().all(|batch| sink.deliver(batch).is_err()));
        let third = with_fields(&sink, &[(now, "c", &[("app", "z")])]);
        sink.stream_of(&third, &third.get(0).unwrap());
    }
    assert!(batches.iter().all(|batch| other.deliver(batch).is_ok()));
    let bodies: Vec<_> = double.server.received().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies[..2], bodies[2..4]);
    assert_eq!(bodies[..2], bodies[4..]);
    assert_eq!(double.len(), 4);
}

#[test]
fn fact_05_genuine_repeats_are_kept_apart() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut sink = sink(&double);
    sink.deliver(&batch([(now, "same"), (now, "same"), (now, "other"), (now, "same")])).unwrap();
    // Also across two batches.
    sink.deliver(&batch([(now + 2, "same"), (now + 2, "last")])).unwrap();
    sink.deliver(&batch([(now, "new"), (now + 2, "last")])).unwrap();
    assert_eq!(double.len(), 8);
    let mut times: Vec<_> = double.streams().into_values().flatten().map(|(time, ..)| time - now).collect();
    times.sort_unstable();
    assert_eq!(times, [0, 0, 1, 1, 2, 3, 3, 4], "as near to the truth as can be");
    assert_eq!(sink.handle().retimed(), 6);
}

#[test]
fn fact_06_no_request_grows_past_what_loki_takes_in_one_message() {
    for format in [LokiFormat::Protobuf, LokiFormat::JsonGzip] {
        let double = Double::new(Limits::default());
        let now = double.state.lock().limits.now;
        let mut sink = builder(&double).format(format).build().unwrap();
        sink.deliver(&numbered(now, 100, 100_000)).unwrap();
        assert_eq!(double.len(), 100);
        let sizes = double.state.lock().sizes.clone();
        assert!(sizes.len() == 5 && sizes.iter().all(|size| *size <= 2 << 20), "{sizes:?}");

        // A server that takes less answers 500, "try again", for ever; the sink finds its size.
        let double = Double::new(Limits { message: 300_000, ..Limits::default() });
        let mut sink = builder(&double).format(format).build().unwrap();
        sink.deliver(&numbered(now, 40, 20_000)).unwrap();
        let notice = sink.notice().unwrap();
        assert!(notice.starts_with("Loki does not take requests of max_request_bytes = 2097152: from"), "{notice}");
        assert_eq!(sink.notice(), None);
        let first = double.server.received().len();
        sink.deliver(&numbered(now - SECOND, 40, 20_000)).unwrap();
        let second = double.server.received().len() - first;
        assert_eq!(double.len(), 80);
        assert!(second < first && second <= 5, "{first} requests, then {second}");
        // A line that cannot fit is refused, and it alone.
        let long = "x".repeat(250_000);
        let double = Double::new(Limits { message: 100_000, ..Limits::default() });
        let mut sink = builder(&double).format(format).build().unwrap();
        let result = sink.deliver(&batch([(now, "short"), (now + 1, &long), (now + 2, "short too")]));
        assert_eq!(refused(result), (Refused::Entries(vec![1]), "message_too_large"));
        assert_eq!(double.lines(), ["short", "short too"]);
    }
}

#[test]
fn fact_07_what_exceeds_the_burst_is_split_since_waiting_never_helps() {
    let double = Double::new(Limits { burst: 40_000, ..Limits::default() });
    let now = double.state.lock().limits.now;
    let events = numbered(now, 150, 1_000);
    let mut sink = sink(&double);
    assert!(matches!(sink.deliver(&events), Err(DeliveryError::Retry { reason: "rate_limit", .. })));
    assert!(matches!(sink.deliver(&events), Err(DeliveryError::Split { reason: "rate_limit" })));
    assert_eq!(double.len(), 0);
    assert_eq!(drive(&mut sink, events), (150, 0));
    assert_eq!(double.len(), 150);
    // The same with the limit of a single stream.
    let double = Double::new(Limits { stream_burst: 40_000, ..Limits::default() });
    assert_eq!(drive(&mut super::sink(&double), numbered(now, 150, 1_000)), (150, 0));
    assert_eq!(double.len(), 150);
}

#[test]
fn fact_08_a_poisoned_metadata_name_never_costs_its_neighbours() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let poison =
        format!("{{\"streams\":[{{\"stream\":{{\"a\":\"b\"}},\"values\":[[\"{now}\",\"x\",{{\"é\":\"1\"}}]]}}]}}");
    assert_eq!(raw_push(&double, &poison), 500);
    for name in ["é", "世", "_", "__", ""] {
        let error = LokiSink::builder(double.url()).structured_metadata([name, "good"]).build().unwrap_err();
        assert_eq!(error.option(), "structured_metadata");
    }
    // Names that Loki would change are sent as it would store them.
    for format in [LokiFormat::Protobuf, LokiFormat::Json] {
        let double = Double::new(Limits::default());
        let fields = ["trace-id", "user.id", "1x", "né"];
        let mut sink = builder(&double).structured_metadata(fields).format(format).build().unwrap();
        let values: Vec<_> = fields.iter().map(|field| (*field, "\"v\"\n")).collect();
        sink.deliver(&with_fields(&sink, &[(now, "x", &values)])).unwrap();
        let (_, _, mut metadata) = double.streams().into_values().flatten().next().unwrap();
        metadata.sort();
        let names = ["key_1x", "n_", "trace_id", "user_id"];
        assert_eq!(metadata, owned(&names.map(|name| (name, "\"v\"\n"))));
    }
}

#[test]
fn fact_09_a_bad_label_name_would_cost_the_whole_push_and_is_refused_before() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    for name in ["a-b", "a.b", "a/b", "a:b", "a b", "1a", "é", ""] {
        let body = format!("{{\"streams\":[{{\"stream\":{{\"{name}\":\"x\"}},\"values\":[[\"{now}\",\"x\"]]}}]}}");
        assert_eq!(raw_push(&double, &body), 400, "{name}");
        assert!(LokiSink::builder(double.url()).label(name, "x").build().is_err());
        assert!(LokiSink::builder(double.url()).label_keys([name]).build().is_err());
    }
    // Should a server refuse the labels all the same, it says so of the stream.
    let refusal = Reply::status(400, "", "entry for stream '{a=\"b\"}' has 16 label names; limit 15");
    let double = Double::after([refusal], Limits::default());
    assert_eq!(refused(sink(&double).deliver(&numbered(now, 100, 5))), (Refused::All, "labels"));
    assert_eq!(double.server.received().len(), 1);
}

#[test]
fn fact_10_no_text_of_an_event_is_ever_a_label_name_and_values_are_escaped() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    // Unescaped, the name becomes two labels.
    let body = format!(r#"{{"streams":[{{"stream":{{"a=\"1\",evil":"2"}},"values":[["{now}","x"]]}}]}}"#);
    assert_eq!(raw_push(&double, &body), 204);
    assert!(double.streams().contains_key(&owned(&[("a", "1"), ("evil", "2")])));
    for name in ["a=\"1\",evil", "\"a.b\""] {
        assert!(LokiSink::builder(double.url()).label(name, "x").build().is_err());
        assert!(LokiSink::builder(double.url()).label_from(name, "x").build().is_err());
    }
    for format in [LokiFormat::Protobuf, LokiFormat::Json, LokiFormat::JsonGzip] {
        let double = Double::new(Limits::default());
        let mut sink = builder(&double).label_keys(["app"]).format(format).build().unwrap();
        let value = "x\", evil=\"1\\\n\u{1}é}";
        sink.deliver(&with_fields(&sink, &[(now, "x", &[("app", value)])])).unwrap();
        let labels = double.streams().into_keys().next().unwrap();
        assert_eq!(labels, owned(&[("app", value), ("service", "logwheel")]), "{format:?}");
    }
}

#[test]
fn fact_11_timestamps_are_strings_of_nanoseconds() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let number = format!("{{\"streams\":[{{\"stream\":{{\"a\":\"b\"}},\"values\":[[{now},\"x\"]]}}]}}");
    assert_eq!(raw_push(&double, &number), 400);
    let mut sink = builder(&double).format(LokiFormat::Json).build().unwrap();
    sink.deliver(&batch([(now - 123, "x")])).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&double.server.received()[0].body).unwrap();
    assert_eq!(body["streams"][0]["values"][0][0], (now - 123).to_string());
    // And they are the event's, not that of the sending.
    assert_eq!(double.streams().into_values().flatten().next().unwrap().0, now - 123);
}

#[test]
fn fact_12_a_loki_that_starts_or_stops_loses_nothing() {
    let empty_ring = || Reply::status(500, "Content-Type: text/plain; charset=utf-8\r\n", "empty ring\n");
    let script = [Reply::CloseUnread, empty_ring(), Reply::Silence, Reply::RawThenClose(String::new()), empty_ring()];
    let double = Double::after(script, Limits::default());
    let now = double.state.lock().limits.now;
    let events = numbered(now, 10, 5);
    let mut sink = LokiSink::builder(double.url()).timeout(Duration::from_millis(200)).build().unwrap();
    for reason in ["reset", "http_500", "timeout", "reset", "http_500"] {
        match sink.deliver(&events) {
            Err(DeliveryError::Retry { reason: said, .. }) => assert_eq!(said, reason),
            other => panic!("{other:?}"),
        }
        assert!(!sink.health().is_healthy());
    }
    let mut sink = builder(&double).build().unwrap();
    sink.deliver(&events).unwrap();
    assert_eq!(double.len(), 10);
    let nobody = LokiSink::new("http://127.0.0.1:1").unwrap().deliver(&events);
    assert!(matches!(nobody, Err(DeliveryError::Retry { reason: "connect", .. })), "{nobody:?}");
}
