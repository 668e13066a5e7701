//! What becomes of batches: refusals by kind, settings, credentials.

use proptest::prelude::*;

use super::*;

#[test]
fn each_kind_of_refusal_costs_its_entries_and_is_counted_by_its_reason() {
    for format in [LokiFormat::Protobuf, LokiFormat::JsonGzip] {
        let double = Double::new(Limits::default());
        let now = double.state.lock().limits.now;
        let builder = || builder(&double).format(format).line_limit(1 << 20);
        let mut sink = builder().build().unwrap();
        let long = "x".repeat(262_145);
        let exact = "y".repeat(262_144);
        for (entries, expected, reason) in [
            (vec![(now, "a"), (now + DAY, "b")], vec![1], "too_new"),
            (vec![(now - 8 * DAY, "c"), (now, "d"), (now - 9 * DAY, "e")], vec![0, 2], "too_old"),
            (vec![(now - 2 * HOUR, "f"), (now, "g")], vec![0], "too_far_behind"),
            (vec![(now, &exact), (now, &long), (now, "h")], vec![1], "line_too_long"),
        ] {
            let result = refused(sink.deliver(&batch(entries)));
            assert_eq!(result, (Refused::Entries(expected), reason));
        }
        assert_eq!(double.len(), 5);
        // All of them, of several kinds at once.
        let mut sink = builder().line_limit(262_144).build().unwrap();
        let error = sink.deliver(&batch([(now - 9 * DAY, "i"), (now + DAY, "j"), (now + DAY, "k"), (now, &long)]));
        let Err(DeliveryError::Reject { refused: Refused::ByReason(refused), detail, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(refused, [(0, "too_old"), (1, "too_new"), (2, "too_new"), (3, "line_too_long")]);
        assert!(detail.starts_with("1 line_too_long, 2 too_new, 1 too_old; answer 400 from http://"), "{detail}");
    }
}

#[test]
fn a_poison_event_among_ten_thousand_is_found_and_it_alone_is_refused() {
    let double = Double::new(Limits { poison: Some("07123"), ..Limits::default() });
    let now = double.state.lock().limits.now;
    let mut sink = sink(&double);
    let result = sink.deliver(&numbered(now, 10_000, 30));
    assert_eq!(refused(result), (Refused::Entries(vec![7_123]), "http_400"));
    assert_eq!(double.len(), 9_999);
    assert!(double.server.received().len() < 40, "{} requests", double.server.received().len());
}

#[test]
fn what_was_settled_before_a_break_is_not_forgotten() {
    // The old entry is refused, then the server goes away before the rest is confirmed.
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let events = batch([(now - 8 * DAY, "old"), (now - 1, "a"), (now, "b")]);
    let mut sink = sink(&double);
    double.state.lock().limits.lost_answers = 1;
    let error = sink.deliver(&events).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "reset", .. }), "{error:?}");
    assert_eq!(refused(sink.deliver(&events)), (Refused::Entries(vec![0]), "too_old"));
    // Refusal, the rest unanswered, the rest again; the refused one went once.
    assert_eq!(double.server.received().len(), 3);
    assert_eq!(double.lines(), ["a", "b"]);
    // Another batch finds nothing of it.
    sink.deliver(&batch([(now, "c")])).unwrap();
}

#[test]
fn lines_of_a_long_time_are_sent_so_that_a_resend_finds_them_acceptable() {
    // Sent at once, the newest line would make the oldest one too old to be sent again, and what is
    // stored would be taken for refused.
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let long = "x".repeat(262_145);
    let hours = |n: u64| now - n * HOUR - n;
    let events = [(hours(5), "a"), (hours(4), "b"), (hours(3), &long), (hours(1), "c"), (now - 1, &long), (now, "d")];
    let mut sink = builder(&double).line_limit(1 << 20).build().unwrap();
    assert_eq!(refused(sink.deliver(&batch(events))), (Refused::Entries(vec![2, 4]), "line_too_long"));
    assert_eq!(double.lines(), ["a", "b", "c", "d"]);
}

#[test]
fn settings_that_cannot_work_are_said_once_and_not_tried_again() {
    let fatal = |reply: Reply, expected: &str| {
        let double = Double::after([reply], Limits::default());
        let now = double.state.lock().limits.now;
        let mut sink = builder(&double).bearer_token("hunter2-hunter2").build().unwrap();
        match sink.deliver(&numbered(now, 10, 5)) {
            Err(DeliveryError::Fatal { detail, .. }) => {
                assert!(detail.contains(expected) && !detail.contains("hunter2"), "{detail}");
                assert!(detail.len() < 500);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(double.server.received().len(), 1);
        assert!(!sink.health().is_healthy());
    };
    let echo = "not you: Bearer hunter2-hunter2 ".repeat(20);
    fatal(Reply::status(401, "", &echo), "`tenant_id`");
    fatal(Reply::status(403, "", &echo), "`bearer_token`");
    fatal(Reply::status(404, "", "404 page not found"), "`url`");
    fatal(Reply::status(405, "", ""), "`url`");
    fatal(Reply::status(308, "Location: http://elsewhere/\r\n", ""), "`url`");
    fatal(Reply::status(400, "", "tenant ID 'a b' contains unsupported character ' '"), "`tenant_id`");
    fatal(Reply::status(400, "", "snappy: corrupt input"), "`format`");
}

#[test]
fn a_blocked_tenant_is_not_taken_for_success() {
    let double = Double::after([Reply::status(260, "", "blocked"), Reply::status(299, "", "")], Limits::default());
    let now = double.state.lock().limits.now;
    let events = numbered(now, 10, 5);
    assert_eq!(refused(sink(&double).deliver(&events)), (Refused::All, "blocked"));
    assert_eq!(
        refused(builder(&double).blocked_status(299).build().unwrap().deliver(&events)),
        (Refused::All, "blocked")
    );
}

#[test]
fn a_full_house_of_streams_is_waited_for() {
    let double = Double::new(Limits { streams: 1, ..Limits::default() });
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).label_keys(["app"]).build().unwrap();
    sink.deliver(&with_fields(&sink, &[(now, "x", &[("app", "a")])])).unwrap();
    let events = with_fields(&sink, &[(now, "y", &[("app", "b")]), (now, "z", &[("app", "b")])]);
    for _ in 0..3 {
        let error = sink.deliver(&events).unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { reason: "stream_limit", .. }), "{error:?}");
    }
    double.state.lock().limits.streams = 2;
    sink.deliver(&events).unwrap();
    assert_eq!(double.len(), 3);
}

#[test]
fn tenant_credentials_and_form_are_in_the_headers() {
    let double = Double::new(Limits { auth: true, ..Limits::default() });
    let now = double.state.lock().limits.now;
    let events = numbered(now, 1, 5);
    let error = sink(&double).deliver(&events).unwrap_err();
    assert!(matches!(error, DeliveryError::Fatal { reason: "http_401", .. }), "{error:?}");
    let builder = || builder(&double).tenant_id("team-1");
    builder().basic_auth("Aladdin", "open sesame").build().unwrap().deliver(&events).unwrap();
    builder().bearer_token("t0ken").format(LokiFormat::JsonGzip).build().unwrap().deliver(&events).unwrap();
    // The sink's own headers win.
    let odd = builder().header("X-Scope-OrgID", "other").header("Content-Type", "text/plain");
    odd.build().unwrap().deliver(&events).unwrap();
    let received = double.server.received();
    assert!(received[1..].iter().all(|request| request.header("x-scope-orgid") == Some("team-1")));
    assert_eq!(received[1].header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_eq!(received[1].header("content-type"), Some("application/x-protobuf"));
    assert_eq!(received[2].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(received[2].header("content-type"), Some("application/json"));
    assert_eq!(received[2].header("content-encoding"), Some("gzip"));
    assert_eq!(received[3].header("content-type"), Some("application/x-protobuf"));
}

#[test]
fn long_lines_are_rejected_or_cut_as_chosen() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let line = "é".repeat(100);
    let events = || batch([(now, "short"), (now, line.as_str())]);
    let result = builder(&double).line_limit(199).build().unwrap().deliver(&events());
    assert_eq!(refused(result), (Refused::Entries(vec![1]), "line_too_long"));
    builder(&double).line_limit(200).build().unwrap().deliver(&events()).unwrap();
    for format in [LokiFormat::Protobuf, LokiFormat::Json] {
        let double = Double::new(Limits { line: 100, ..Limits::default() });
        let builder = builder(&double).line_limit(100).long_lines(LongLine::Truncate).format(format);
        let mut sink = builder.build().unwrap();
        sink.deliver(&events()).unwrap();
        assert_eq!(sink.handle().truncated(), 1);
        assert_eq!(sink.notice().as_deref(), Some("1 lines were cut at line_limit = 100"));
        assert_eq!(sink.notice(), None);
        let cut = double.lines().into_iter().find(|line| line != "short").unwrap();
        assert_eq!(cut, "é".repeat(43) + "...[truncated]");
    }
}

#[test]
fn invalid_utf8_is_stored_in_its_place() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut events = Batch::new();
    events.push(b"a\xffb", now, Level::INFO);
    builder(&double).format(LokiFormat::Json).build().unwrap().deliver(&events).unwrap();
    assert_eq!(double.lines(), ["a\u{fffd}b"]);
    let double = Double::new(Limits::default());
    sink(&double).deliver(&events).unwrap();
    assert_eq!(double.streams().into_values().flatten().next().unwrap().1, b"a\xffb");
}

#[test]
fn strict_timestamps_rise_from_line_to_line_and_batch_to_batch() {
    let double = Double::new(Limits::default());
    let now = double.state.lock().limits.now;
    let mut sink = builder(&double).strict_timestamps(true).build().unwrap();
    sink.deliver(&batch([(now, "a"), (now, "b"), (now - 5, "c")])).unwrap();
    sink.deliver(&batch([(now - 9, "d"), (now + 50, "e")])).unwrap();
    let lines = double.streams().into_values().next().unwrap();
    let times: Vec<_> = lines.iter().map(|(time, line, _)| (*time as i64 - now as i64, line[0])).collect();
    assert_eq!(times, [(-5, b'c'), (0, b'a'), (1, b'b'), (2, b'd'), (50, b'e')]);
}

#[test]
fn streams_may_be_under_way_together() {
    let double = Double::new(Limits::default());
    assert_eq!(sink(&double).in_flight(), 4);
    assert_eq!(builder(&double).in_flight(9).build().unwrap().in_flight(), 9);
    let sink = sink(&double);
    let now = double.state.lock().limits.now;
    std::thread::scope(|scope| {
        for n in 0..4u64 {
            let mut replica = sink.replicate().unwrap();
            scope.spawn(move || replica.deliver(&numbered(now - n * SECOND, 50, 10)).unwrap());
        }
    });
    assert_eq!(double.len(), 200);
    let received = double.server.received();
    let mut connections: Vec<_> = received.iter().map(|request| request.connection).collect();
    connections.sort_unstable();
    assert_eq!(connections, [0, 1, 2, 3], "each has its own");
}

#[test]
fn an_empty_batch_sends_nothing() {
    let double = Double::new(Limits::default());
    sink(&double).deliver(&Batch::new()).unwrap();
    assert!(double.server.received().is_empty());
}

#[derive(Debug, Clone)]
struct Any {
    time: i64,
    line: usize,
    app: usize,
    level: Level,
}

fn any_event() -> impl Strategy<Value = Any> {
    let hour = HOUR as i64;
    let time = prop_oneof![
        8 => -1_000i64..1_000,
        2 => -2 * hour..0,
        1 => -9 * 24 * hour..-6 * 24 * hour,
        1 => -300 * SECOND as i64..1_000 * SECOND as i64,
    ];
    let level = prop_oneof![Just(Level::INFO), Just(Level::ERROR)];
    (time, 0usize..5, 0usize..3, level).prop_map(|(time, line, app, level)| Any { time, line, app, level })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is sent, whatever breaks: what is in Loki and what the sink says is refused are the
    /// whole batch, each once, with genuine repeats.
    #[test]
    fn stored_and_refused_add_up(
        batches in prop::collection::vec(prop::collection::vec(any_event(), 1..60), 1..4),
        json: bool,
        small: bool,
        lost_answers in 0usize..3,
        broken in prop::collection::vec(0usize..5, 0..3),
    ) {
        let replies = broken.into_iter().map(|kind| match kind {
            0 => Reply::status(429, "", "ingestion rate limit exceeded for user fake"),
            1 => Reply::status(500, "", "empty ring"),
            2 => Reply::CloseUnread,
            3 => Reply::RawThenClose("HTTP/1.1 2".into()),
            _ => Reply::status(503, "", "busy"),
        });
        let limits = Limits { lost_answers, line: 250, ..Limits::default() };
        let limits = if small { Limits { message: 2_000, burst: 3_000, ..limits } } else { limits };
        let double = Double::after(replies, limits);
        let now = double.state.lock().limits.now;
        let format = if json { LokiFormat::JsonGzip } else { LokiFormat::Protobuf };
        let builder = builder(&double).label_keys(["level", "app"]).format(format);
        let mut sink = builder.line_limit(1_000).build().unwrap();
        let (mut delivered, mut refused, mut total) = (0, 0, 0);
        for (number, events) in batches.into_iter().enumerate() {
            let mut batch = Batch::with_columns(sink.columns().into());
            for event in &events {
                let filler = ".".repeat(if event.line == 4 { 300 } else { event.line * 50 });
                // Repeats only within a batch: those across batches are found where events come in
                // the order of their times, which these do not.
                let line = format!("{number} {} {filler}", event.line);
                batch.push(line.as_bytes(), now.wrapping_add_signed(event.time), event.level);
                batch.set_cell(0, ["a", "b", "c"][event.app]);
            }
            total += batch.len();
            let (stored, not) = drive(&mut sink, batch);
            delivered += stored;
            refused += not;
            prop_assert_eq!(double.len(), delivered, "of {} with {} refused", total, refused);
        }
        prop_assert_eq!(delivered + refused, total);
    }
}
