//! What a health check finds out.

use super::super::double::Fault;
use super::*;

/// What is wrong, if something is.
fn problem(sink: &mut CloudWatchSink) -> Option<String> {
    match sink.check() {
        Health::Unhealthy { reason } => Some(reason.into_owned()),
        _ => None,
    }
}

#[test]
fn a_check_asks_for_the_stream_and_stores_and_creates_nothing() {
    let service = CloudWatch::new();
    let mut sink = sink(&service);
    sink.start().unwrap();
    // Neither group nor stream exists: they would be created with the first batch.
    assert_eq!(problem(&mut sink), None);
    service.state().create("/test/group", "stream-2");
    assert_eq!(problem(&mut sink), None);
    assert_eq!(service.calls(), ["DescribeLogStreams"; 2]);
    assert_eq!(service.state().names(), ["/test/group|stream-2"]);
    assert_eq!(service.received()[0].body["logStreamNamePrefix"], "stream");
}

#[test]
fn what_is_missing_and_would_not_be_created_is_named() {
    let service = CloudWatch::new();
    let mut sink = builder(&service).create_log_group(false).create_log_stream(false).build().unwrap();
    assert!(problem(&mut sink).unwrap().contains("log group \"/test/group\" does not exist"));
    service.state().create("/test/group", "stream-2");
    assert!(problem(&mut sink).unwrap().contains("log stream \"stream\" does not exist"));
    service.state().create("/test/group", "stream");
    assert_eq!(problem(&mut sink), None);
}

#[test]
fn without_the_permission_to_look_the_last_delivery_tells() {
    let service = CloudWatch::new();
    service.state().denied.insert("DescribeLogStreams");
    let mut sink = sink(&service);
    assert_eq!(problem(&mut sink), None);
    service.plan("PutLogEvents", Fault::error(503, "ServiceUnavailableException", "later"));
    assert!(sink.deliver(&numbered(1)).is_err());
    assert!(problem(&mut sink).unwrap().contains("later"));
    assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
    assert_eq!(problem(&mut sink), None);
}

#[test]
fn credentials_that_are_refused_and_a_service_that_is_gone_are_unhealthy() {
    let service = CloudWatch::new();
    service.state().access_key = Some("OTHER".to_owned());
    let mut sink = sink(&service);
    let text = problem(&mut sink).unwrap();
    assert!(text.contains("credentials"), "{text}");
    assert!(!text.contains("AKIDEXAMPLE") && !text.contains("wJalrXUtnFEMI"), "{text}");
    service.state().access_key = None;
    service.plan("DescribeLogStreams", Fault::Reset);
    assert!(problem(&mut sink).is_some());
    assert_eq!(problem(&mut sink), None);
}
