//! The facts of the sink's story, and the defects that it must not repeat.

use super::super::double::Fault;
use super::*;

#[test]
fn group_and_stream_are_created() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    sink.start().unwrap();
    assert_eq!(service.calls(), [""; 0]);
    assert_eq!(deliver(&mut sink, numbered(2)).delivered, 2);
    assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
    assert_eq!(service.state().names(), ["/test/group|stream"]);
    // What is there is not asked for again.
    assert_eq!(
        service.calls(),
        ["CreateLogStream", "CreateLogGroup", "CreateLogStream", "PutLogEvents", "PutLogEvents"]
    );
}

#[test]
fn what_exists_already_is_success() {
    let service = CloudWatch::new();
    service.state().create("/test/group", "stream");
    assert_eq!(deliver(&mut sink(&service), numbered(2)).delivered, 2);
    assert_eq!(service.calls(), ["CreateLogStream", "PutLogEvents"]);

    let service = CloudWatch::new();
    service.state().create_group("/test/group");
    assert_eq!(deliver(&mut sink(&service), numbered(2)).delivered, 2);
    assert_eq!(service.calls(), ["CreateLogStream", "PutLogEvents"]);

    // Another process is faster with the group.
    let service = CloudWatch::new();
    service.plan("CreateLogGroup", Fault::error(400, "ResourceAlreadyExistsException", "The log group exists"));
    service.plan("CreateLogStream", Fault::error(400, "ResourceNotFoundException", "The log group does not exist"));
    service.state().create_group("/test/group");
    assert_eq!(deliver(&mut sink(&service), numbered(2)).delivered, 2);
}

#[test]
fn twenty_five_events_with_batches_of_ten_are_three_calls_and_none_is_lost() {
    let service = CloudWatch::new();
    let limits = BatchLimits { max_events: 10, ..BatchLimits::default() };
    let mut sink = builder(&service).batch_limits(limits).build().unwrap();
    assert_eq!(sink.batch_limits().max_events, 10);
    assert_eq!(deliver(&mut sink, numbered(25)).delivered, 25);
    assert_eq!(service.puts(), [10, 10, 5]);
    assert_eq!(service.stored(), (0..25).map(|n| format!(r#"{{"n":{n}}}"#)).collect::<Vec<_>>());
}

#[test]
fn token_retry() {
    let service = CloudWatch::new();
    service.state().sequence_tokens = true;
    service.state().create("/test/group", "stream");
    // Another process has written before, so the first put needs a token.
    assert_eq!(deliver(&mut sink(&service), batch([(now(), "other")])).delivered, 1);

    let mut sink = sink(&service);
    for n in 0..3 {
        let books = deliver(&mut sink, batch([(now(), format!("mine {n}"))]));
        assert_eq!((books.delivered, books.retries.len()), (1, 0));
    }
    assert_eq!(service.stored(), ["other", "mine 0", "mine 1", "mine 2"]);
    // Only the first one was sent twice; then each answer had the next token.
    assert_eq!(service.puts().len(), 1 + 4);
}

#[test]
fn a_token_that_never_fits_is_no_endless_loop() {
    let service = CloudWatch::new();
    for _ in 0..3 {
        service.plan("PutLogEvents", Fault::error(400, "InvalidSequenceTokenException", "The given token is invalid"));
    }
    let text = failure(&mut sink(&service), &numbered(1));
    assert!(text.starts_with("retry sequence_token"), "{text}");
    assert_eq!(service.puts().len(), 3);
}

#[test]
fn throttle_count() {
    let service = CloudWatch::new();
    for _ in 0..4 {
        service.plan("PutLogEvents", Fault::error(400, "ThrottlingException", "Rate exceeded"));
    }
    let mut sink = sink(&service);
    let books = deliver(&mut sink, numbered(3));
    // Each attempt is one request: the SDK does not retry behind our back.
    assert_eq!(books.retries, ["throttled"; 4]);
    assert_eq!((books.delivered, service.puts().len()), (3, 5));
    assert!(sink.health().is_healthy());
}

#[test]
fn b6_each_event_counts_26_bytes_of_overhead() {
    let service = CloudWatch::new();
    let limits = BatchLimits { max_events: 10_000, max_bytes: 1_048_576, ..BatchLimits::default() };
    let mut sink = builder(&service).batch_limits(limits).build().unwrap();
    // 1,000,000 bytes of messages: below the limit without the overhead, above it with.
    let start = now();
    let books = deliver(&mut sink, batch((0..5_000).map(|n| (start, format!("{n:0200}")))));
    assert_eq!((books.delivered, books.splits), (5_000, 0));
    assert_eq!(service.puts(), [4_639, 361]);
}

#[test]
fn b6_the_24_hour_14_day_and_2_hour_rules_are_kept() {
    let service = CloudWatch::new();
    let now = now();
    let times = [now - 15 * DAY, now - 13 * DAY, now - 12 * DAY, now - 11 * DAY + 1, now, now + HOUR, now + 3 * HOUR];
    let books = deliver(&mut sink(&service), batch(times.map(|at| (at, at.to_string()))));
    assert_eq!(books.delivered, 5);
    assert_eq!(books.rejected, [("too_old", 1), ("too_new", 1)]);
    assert_eq!((books.retries.len(), books.dropped.len()), (0, 0));
    assert_eq!(service.stored(), times[1..6].iter().map(i64::to_string).collect::<Vec<_>>());
    // 13 and 12 days ago share a request; a millisecond more than a day does not.
    assert_eq!(service.puts(), [1, 2, 1, 3]);
}

#[test]
fn b6_rejected_events_are_counted_though_the_answer_is_200() {
    let service = CloudWatch::new();
    let now = now();
    let old = batch((0..5).map(|n| (now - 14 * DAY - 1_000 + i64::from(n == 4) * DAY / 2, format!("{n}"))));
    let result = sink(&service).deliver(&old);
    let Err(DeliveryError::Reject { refused, reason, detail }) = result else { panic!("{result:?}") };
    assert_eq!((refused, reason), (Refused::Entries(vec![0, 1, 2, 3]), "too_old"));
    assert!(detail.contains("14 days"), "{detail}");
    assert_eq!(service.stored(), ["4"]);
}

#[test]
fn b6_data_already_accepted_is_success_and_not_sent_again() {
    let service = CloudWatch::new();
    service.state().sequence_tokens = true;
    service.plan("PutLogEvents", Fault::CutAnswer);
    let mut sink = sink(&service);
    let books = deliver(&mut sink, numbered(3));
    // The answer was lost, the batch was sent again, and an old emulator recognised it.
    assert_eq!((books.delivered, books.retries.len()), (3, 1));
    assert_eq!(service.stored().len(), 3);
    assert_eq!(service.puts(), [3, 3]);
    assert_eq!(deliver(&mut sink, numbered(4)).delivered, 4);
    assert_eq!(service.stored().len(), 7);
}

#[test]
fn b6_a_group_that_never_comes_is_no_hot_loop() {
    let service = CloudWatch::new();
    service.state().create("/test/group", "stream");
    for _ in 0..2 {
        service.plan("PutLogEvents", Fault::error(400, "ResourceNotFoundException", "The log group does not exist."));
    }
    let text = failure(&mut sink(&service), &numbered(1));
    assert!(text.starts_with("retry resource_not_found: log group \"/test/group\" or log stream"), "{text}");
    // Created again once and sent again once; then it is the engine that waits.
    assert_eq!(service.calls(), ["CreateLogStream", "PutLogEvents", "CreateLogStream", "PutLogEvents"]);
}

#[test]
fn b7_throttling_and_429_are_the_same_and_their_pause_is_passed_on() {
    for fault in [
        Fault::error(400, "ThrottlingException", "Rate exceeded"),
        Fault::error(429, "TooManyRequests", "slow down"),
        Fault::Raw("HTTP/1.1 429 Any\r\nContent-Length: 0\r\n\r\n".to_owned()),
    ] {
        let service = CloudWatch::new();
        service.plan("PutLogEvents", fault);
        let text = failure(&mut sink(&service), &numbered(1));
        assert!(text.starts_with("retry throttled"), "{text}");
    }
    let service = CloudWatch::new();
    let Fault::Answer(mut answer) = Fault::error(503, "ServiceUnavailableException", "later") else { unreachable!() };
    answer.headers = "Retry-After: 7\r\n".to_owned();
    service.plan("PutLogEvents", Fault::Answer(answer));
    let result = sink(&service).deliver(&numbered(1));
    let Err(DeliveryError::Retry { reason, after, .. }) = result else { panic!("{result:?}") };
    assert_eq!((reason, after), ("unavailable", Some(Duration::from_secs(7))));
}

#[test]
fn b5_an_event_keeps_its_own_time() {
    let service = CloudWatch::new();
    let logged = now() - 5 * HOUR;
    deliver(&mut sink(&service), batch([(logged + 7, "late"), (logged, "early"), (logged + 7, "later")]));
    let stored: Vec<_> = service.state().streams().flatten().cloned().collect();
    let expected = [(logged, "early"), (logged + 7, "late"), (logged + 7, "later")];
    assert_eq!(stored, expected.map(|(at, message)| (at, message.to_owned())));
}

#[test]
fn nothing_is_described_on_the_write_path() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    for n in 1..4 {
        deliver(&mut sink, numbered(n));
    }
    sink.flush().unwrap();
    assert!(sink.health().is_healthy());
    sink.stop().unwrap();
    let calls = service.calls();
    assert!(calls.iter().all(|call| !call.starts_with("Describe") && !call.starts_with("Get")), "{calls:?}");
}
