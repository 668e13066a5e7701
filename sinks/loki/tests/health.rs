//! What a health check finds out.

use super::*;

fn problem(sink: &mut LokiSink) -> Option<String> {
    match sink.check() {
        Health::Unhealthy { reason } => Some(reason.into_owned()),
        _ => None,
    }
}

#[test]
fn a_check_asks_ready_and_pushes_nothing() {
    let not_ready = Reply::status(503, "", "Ingester not ready: waiting for 15s after being ready");
    let double = Double::after([not_ready, Reply::status(200, "", "ready")], Limits::default());
    let mut sink = builder(&double).tenant_id("team").build().unwrap();
    let text = problem(&mut sink).unwrap();
    assert!(text.contains("/ready: Ingester") && text.contains("503"), "{text}");
    assert_eq!(problem(&mut sink), None);
    let requests = double.server.received();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.head[0], "GET /ready HTTP/1.1");
        assert_eq!(request.header("x-scope-orgid"), Some("team"));
        assert_eq!((request.header("content-type"), request.body.len()), (None, 0));
    }
    assert_eq!(double.len(), 0);
}

#[test]
fn behind_a_gateway_that_hides_ready_the_last_delivery_tells() {
    for status in [401, 403, 404, 405] {
        let script = [
            Reply::status(status, "", "no"),
            Reply::status(500, "", "no ingester"),
            Reply::status(status, "", "no"),
            Reply::status(204, "", ""),
            Reply::status(status, "", "no"),
        ];
        let double = Double::after(script, Limits::default());
        let mut sink = sink(&double);
        let lines = numbered(double.state.lock().limits.now, 1, 10);
        assert_eq!(problem(&mut sink), None);
        assert!(sink.deliver(&lines).is_err());
        assert!(problem(&mut sink).unwrap().contains("no ingester"));
        sink.deliver(&lines).unwrap();
        assert_eq!(problem(&mut sink), None);
    }
}

#[test]
fn a_loki_that_is_gone_is_unhealthy() {
    let double = Double::new(Limits::default());
    let mut sink = sink(&double);
    drop(double);
    assert!(problem(&mut sink).is_some());
}
