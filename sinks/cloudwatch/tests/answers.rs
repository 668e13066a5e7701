//! Answers that fail, come late, or never come.

use super::super::double::Fault;
use super::*;

#[test]
fn passing_failures_are_retried_and_nothing_is_lost_or_stored_twice() {
    for (fault, reason) in [
        (Fault::error(503, "ServiceUnavailableException", "later"), "unavailable"),
        (Fault::error(500, "InternalFailure", "oops"), "server_error"),
        (Fault::Raw("HTTP/1.1 502 Any\r\nContent-Length: 4\r\n\r\n<p/>".to_owned()), "server_error"),
        (Fault::error(400, "LimitExceededException", "quota"), "limit_exceeded"),
        (Fault::Reset, "reset"),
    ] {
        let service = CloudWatch::new();
        service.plan("PutLogEvents", fault.clone());
        let mut sink = sink(&service);
        let text = failure(&mut sink, &numbered(1));
        assert!(text.starts_with(&format!("retry {reason}: ")), "{fault:?}: {text}");
        assert!(!sink.health().is_healthy());
        assert_eq!(deliver(&mut sink, numbered(4)).delivered, 4, "{fault:?}");
        assert_eq!(service.stored().len(), 4);
        assert!(sink.health().is_healthy());
    }
}

#[test]
fn a_failure_of_a_create_call_has_its_own_meaning() {
    let service = CloudWatch::new();
    service.plan("CreateLogStream", Fault::error(400, "ThrottlingException", "Rate exceeded"));
    service.plan("CreateLogGroup", Fault::error(400, "OperationAbortedException", "another one is under way"));
    let books = deliver(&mut sink(&service), numbered(2));
    assert_eq!((books.delivered, books.retries), (2, vec!["throttled", "conflict"]));
}

#[test]
fn no_answer_in_time_is_retried() {
    let service = CloudWatch::new();
    service.state().create("/test/group", "stream");
    service.plan("PutLogEvents", Fault::Silence);
    let mut sink = builder(&service).create_log_stream(false).timeout(Duration::from_millis(300)).build().unwrap();
    let text = failure(&mut sink, &numbered(1));
    assert!(text.starts_with("retry timeout: PutLogEvents: no answer within `timeout`"), "{text}");
}

#[test]
fn nobody_there_is_retried() {
    let url = CloudWatch::new().url();
    let text = failure(&mut sink_at(&url), &numbered(1));
    assert!(text.starts_with("retry connect: "), "{text}");
}

#[test]
fn an_answer_that_is_cut_off_or_not_from_the_service_is_retried() {
    for fault in [
        Fault::CutAnswer,
        Fault::Raw("HTTP/1.1 200 Any\r\nContent-Length: 24\r\n\r\n<ListAllMyBucketsResult>".to_owned()),
        Fault::Raw("HTTP/1.1 200 Any\r\nContent-Length: 9\r\n\r\n{\"nextSeq".to_owned()),
    ] {
        let service = CloudWatch::new();
        service.plan("PutLogEvents", fault.clone());
        let text = failure(&mut sink(&service), &numbered(1));
        assert!(text.starts_with("retry bad_answer: PutLogEvents: answer 200"), "{fault:?}: {text}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let service = CloudWatch::new();
    let elsewhere = CloudWatch::new();
    let raw = format!("HTTP/1.1 307 Any\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url());
    service.plan("PutLogEvents", Fault::Raw(raw));
    let text = failure(&mut sink(&service), &numbered(1));
    assert!(text.starts_with("fatal refused: "), "{text}");
    assert!(elsewhere.received().is_empty());
}

#[test]
fn a_second_request_that_fails_does_not_repeat_the_first() {
    for (fault, retries) in
        [(Fault::error(400, "ThrottlingException", "Rate exceeded"), vec!["throttled"]), (Fault::Reset, vec!["reset"])]
    {
        let service = CloudWatch::new();
        let limits = BatchLimits { max_events: 10, ..BatchLimits::default() };
        let mut sink = builder(&service).batch_limits(limits).build().unwrap();
        deliver(&mut sink, numbered(10));
        // Of the four requests, the second one fails twice: in the batch, and as a part of it.
        let ok = Fault::Nothing;
        [ok, fault.clone(), fault].into_iter().for_each(|fault| service.plan("PutLogEvents", fault));
        let start = now();
        let books = deliver(&mut sink, batch((0..40).map(|n| (start, format!("{n}")))));
        assert_eq!((books.delivered, &books.retries), (40, &retries));
        let stored = service.stored().split_off(10);
        assert_eq!(stored, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_stored_is_not_counted_as_dropped_when_the_rest_is_given_up() {
    let service = CloudWatch::new();
    service.state().create("/test/group", "stream");
    let limits = BatchLimits { max_events: 10, ..BatchLimits::default() };
    let mut sink = builder(&service).batch_limits(limits).build().unwrap();
    service.plan("PutLogEvents", Fault::Nothing);
    for _ in 0..20 {
        service.plan("PutLogEvents", Fault::error(400, "AccessDeniedException", "no longer"));
    }
    let start = now();
    let books = deliver(&mut sink, batch((0..40).map(|n| (start, format!("{n}")))));
    assert_eq!((books.delivered, &books.dropped), (10, &vec![("access_denied", 30)]));
    assert_eq!(service.stored().len(), 10);
    // One request that worked and one that did not; then at most one for each part that is given up.
    assert!(service.puts().len() <= 2 + 4, "{:?}", service.puts());
}

#[test]
fn a_mixture_sends_what_is_open_only_when_it_is_by_itself() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    deliver(&mut sink, numbered(1));
    // Two requests, a day apart, and their events take turns in the batch.
    let now = now();
    let entries = |n: i64| (now - (n % 2) * 2 * DAY, n.to_string());
    service.plan("PutLogEvents", Fault::Nothing);
    for _ in 0..3 {
        service.plan("PutLogEvents", Fault::error(503, "ServiceUnavailableException", "later"));
    }
    let books = deliver(&mut sink, batch((0..16).map(entries)));
    assert_eq!(books.delivered, 16);
    // The first failure splits; each later one is an attempt that the engine waits after.
    assert_eq!(books.retries, ["unavailable"; 2]);
    let mut stored: Vec<i64> = service.stored()[1..].iter().map(|text| text.parse().unwrap()).collect();
    stored.sort_unstable();
    assert_eq!(stored, (0..16).collect::<Vec<_>>());
}

#[test]
fn an_empty_batch_sends_nothing() {
    let service = CloudWatch::new();
    assert_eq!(sink(&service).deliver(&Batch::new()).unwrap(), Delivered::all());
    assert!(service.received().is_empty());
}

fn sink_at(url: &str) -> CloudWatchSink {
    let builder = CloudWatchSink::builder().region("eu-central-1").endpoint_url(url);
    builder.credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", None).timeout(Duration::from_secs(60)).build().unwrap()
}
