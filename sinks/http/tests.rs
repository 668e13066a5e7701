use std::io::Read;
use std::time::{Duration, SystemTime};

use logwheel_core::{Batch, Delivered, DeliveryError, Level, Refused, Sink};
use serde_json::Value;

use super::server::{Reply, Server};
use super::*;

mod delivery;
mod signing;
mod tls;

fn batch(lines: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for line in lines {
        batch.push(line.as_bytes(), 0, Level::INFO);
    }
    batch
}

fn events() -> Batch {
    batch(&[r#"{"message":"one","n": 1.0}"#, r#"{"message":"two"}"#])
}

fn ok() -> Reply {
    Reply::status(200, "", "stored")
}

/// A sink that waits long enough for the slowest test machine.
fn sink(server: &Server) -> HttpSinkBuilder {
    HttpSink::builder(server.url()).timeout(Duration::from_secs(60))
}

/// Delivers once to a server that gives this one reply.
fn outcome(reply: Reply) -> Result<Delivered, DeliveryError> {
    let server = Server::new([reply]);
    sink(&server).build().unwrap().deliver(&events())
}

fn retry_after(reply: Reply) -> Option<Duration> {
    match outcome(reply) {
        Err(DeliveryError::Retry { after, .. }) => after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn batches_share_one_connection() {
    let server = Server::new([ok(), Reply::status(204, "", ""), Reply::status(503, "", "busy"), ok()]);
    let mut sink = sink(&server).build().unwrap();
    for expected in [true, true, false, true] {
        assert_eq!(sink.deliver(&events()).is_ok(), expected);
        assert_eq!(sink.health().is_healthy(), expected);
    }
    let received = server.received();
    assert_eq!(received.iter().map(|r| r.connection).collect::<Vec<_>>(), [0, 0, 0, 0]);
    assert!(received.iter().all(|r| r.head[0] == "POST /in HTTP/1.1" && r.body == received[0].body));
}

#[test]
fn the_address_is_forgotten_after_a_request_without_an_answer() {
    let server = Server::new([Reply::CloseUnread, ok(), Reply::status(503, "", "busy")]);
    let mut sink = sink(&server).build().unwrap();
    for (delivered, known) in [(false, false), (true, true), (false, true)] {
        assert_eq!((sink.deliver(&events()).is_ok(), sink.client.knows_the_address()), (delivered, known));
    }
}

#[test]
fn an_empty_batch_sends_nothing() {
    let server = Server::new([]);
    sink(&server).build().unwrap().deliver(&Batch::new()).unwrap();
    assert!(server.received().is_empty());
}

#[test]
fn each_format_arrives_as_json_with_each_event_once() {
    for (format, content_type) in [
        (HttpFormat::Array, "application/json"),
        (HttpFormat::Ndjson, "application/x-ndjson"),
        (HttpFormat::Wrapped, "application/json"),
    ] {
        let server = Server::new([ok()]);
        // The format's content type wins over the user's.
        let builder = sink(&server).format(format).wrapper_key("records").header("Content-Type", "text/plain");
        builder.build().unwrap().deliver(&events()).unwrap();
        let request = &server.received()[0];
        assert_eq!(request.header("content-type"), Some(content_type));
        assert_eq!(request.head.iter().filter(|line| line.starts_with("content-type")).count(), 1);
        let body = std::str::from_utf8(&request.body).unwrap();
        let array = match format {
            HttpFormat::Ndjson => {
                assert!(body.ends_with('\n'));
                body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
            }
            HttpFormat::Array => serde_json::from_str::<Value>(body).unwrap(),
            HttpFormat::Wrapped => serde_json::from_str::<Value>(body).unwrap()["records"].clone(),
        };
        let messages: Vec<_> = array.as_array().unwrap().iter().map(|event| event["message"].clone()).collect();
        assert_eq!(messages, ["one", "two"]);
        for entry in events().iter() {
            assert_eq!(body.matches(std::str::from_utf8(entry.payload).unwrap()).count(), 1);
        }
    }
}

#[test]
fn gzip_arrives_as_the_same_bytes() {
    let server = Server::new([ok()]);
    sink(&server)
        .format(HttpFormat::Ndjson)
        .compression(HttpCompression::Gzip)
        .build()
        .unwrap()
        .deliver(&events())
        .unwrap();
    let request = &server.received()[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut body).unwrap();
    assert_eq!(body, events().lines());
}

#[test]
fn credentials_are_on_the_wire_and_nowhere_else() {
    let echo = || Reply::status(400, "", "bad header 'Bearer t0ken-t0ken' or 'key-key-key'");
    let server = Server::new([echo(), ok()]);
    let mut sink = sink(&server).bearer_token("t0ken-t0ken").header("X-Api-Key", "key-key-key").build().unwrap();
    let error = sink.deliver(&batch(&["{}"])).unwrap_err();
    let request = &server.received()[0];
    assert_eq!(request.header("authorization"), Some("Bearer t0ken-t0ken"));
    assert_eq!(request.header("x-api-key"), Some("key-key-key"));
    for text in [format!("{error:?}"), error.to_string(), format!("{sink:?}"), format!("{:?}", sink.health())] {
        assert!(!text.contains("t0ken") && !text.contains("key-key"), "{text}");
    }
    assert!(error.to_string().contains("bad header"), "{error}");
}

#[test]
fn basic_authorization_and_user_agent_are_sent() {
    let server = Server::new([ok()]);
    sink(&server).basic_auth("Aladdin", "open sesame").build().unwrap().deliver(&events()).unwrap();
    let request = &server.received()[0];
    assert_eq!(request.header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    let agent = concat!("logwheel/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(agent));
}

#[test]
fn retry_after_is_read_in_both_forms() {
    assert_eq!(retry_after(Reply::status(429, "Retry-After: 7\r\n", "")), Some(Duration::from_secs(7)));
    assert_eq!(retry_after(Reply::status(503, "Retry-After: soon\r\n", "")), None);
    assert_eq!(retry_after(Reply::status(503, "", "")), None);
    let date = jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(1_000)).unwrap();
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let after = retry_after(Reply::status(429, &format!("Retry-After: {date}\r\n"), "")).unwrap();
    assert!(after > Duration::from_secs(500) && after <= Duration::from_secs(1_000), "{after:?}");
}

#[test]
fn refusals_are_told_apart() {
    assert!(matches!(outcome(Reply::status(413, "", "")), Err(DeliveryError::Split { reason: "http_413" })));
    for (status, word, advice) in [
        (404, "http_404", "the receiver takes nothing like this, check `endpoint`"),
        (415, "http_415", "the receiver takes nothing like this, check `endpoint`"),
        (403, "http_403", "check the credentials"),
    ] {
        let error = outcome(Reply::status(status, "", "no such page")).unwrap_err();
        let DeliveryError::Fatal { reason, detail } = error else { panic!("{error:?}") };
        assert!(reason == word && detail.starts_with(advice), "{detail}");
        assert!(detail.contains(&format!("answer {status} from http://127.0.0.1:")), "{detail}");
        assert!(detail.ends_with(": no such page"), "{detail}");
    }
}

#[test]
fn a_refused_batch_is_split_and_a_refused_event_is_rejected_with_what_was_said() {
    for status in [400, 409, 422, 418] {
        let word = format!("http_{}", if status == 418 { "4xx".into() } else { status.to_string() });
        let refused = || Reply::status(status, "", "bad field");
        let error = outcome(refused()).unwrap_err();
        assert!(matches!(error, DeliveryError::Split { .. }) && error.reason() == word, "{error:?}");
        for (events, bisect) in [(batch(&["{}"]), true), (events(), false)] {
            let server = Server::new([refused()]);
            let error = sink(&server).bisect_refused(bisect).build().unwrap().deliver(&events).unwrap_err();
            let DeliveryError::Reject { refused: Refused::All, reason, detail } = error else { panic!("{error:?}") };
            assert!(reason == word && detail.ends_with(": bad field"), "{detail}");
        }
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::new([ok()]);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}\r\n", elsewhere.url());
        let error = outcome(Reply::status(status, &location, "")).unwrap_err();
        let DeliveryError::Fatal { detail, .. } = &error else { panic!("{error:?}") };
        assert!(detail.contains("`endpoint`"), "{detail}");
    }
    assert!(elsewhere.received().is_empty());
}

#[test]
fn a_lost_connection_is_tried_again() {
    let half_a_head = "HTTP/1.1 200 OK\r\nContent-Le";
    for reply in [Reply::CloseUnread, Reply::RawThenClose(String::new()), Reply::RawThenClose(half_a_head.into())] {
        let server = Server::new([reply.clone(), ok()]);
        let mut sink = sink(&server).build().unwrap();
        let error = sink.deliver(&events()).unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { reason: "reset", .. }), "{reply:?}: {error:?}");
        assert!(!sink.health().is_healthy());
        sink.deliver(&events()).unwrap();
        assert!(sink.health().is_healthy());
    }
}

#[test]
fn a_body_that_breaks_off_does_not_undo_the_status() {
    let cut = |status: u16| Reply::RawThenClose(format!("HTTP/1.1 {status} X\r\nContent-Length: 100\r\n\r\nhalf"));
    assert_eq!(outcome(cut(200)).unwrap(), Delivered::all());
    let error = outcome(cut(400)).unwrap_err();
    assert!(matches!(error, DeliveryError::Split { reason: "http_400" }), "{error:?}");
}

#[test]
fn nobody_listening_is_tried_again() {
    // Port 1 is reserved for a service that nobody runs.
    let error = HttpSink::new("http://127.0.0.1:1/").unwrap().deliver(&events()).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "connect", .. }), "{error:?}");
}

#[test]
fn silence_and_slow_heads_end_with_the_timeout() {
    for reply in [Reply::Silence, Reply::Trickle("HTTP/1.1 200 OK\r\nX-Slow: ".into())] {
        let server = Server::new([reply]);
        let mut sink = HttpSink::builder(server.url()).timeout(Duration::from_millis(100)).build().unwrap();
        let error = sink.deliver(&events()).unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { reason: "timeout", .. }), "{error:?}");
    }
}

#[test]
fn a_timeout_for_the_answer_holds_within_the_total() {
    let server = Server::new([Reply::Silence]);
    let timeouts = HttpTimeouts::new(Duration::from_secs(600)).response(Duration::from_millis(100));
    let mut sink = HttpSink::builder(server.url()).timeout(timeouts).build().unwrap();
    let error = sink.deliver(&events()).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "timeout", .. }), "{error:?}");
}

#[test]
fn what_is_not_http_is_tried_again() {
    let error = outcome(Reply::RawThenClose("SSH-2.0-OpenSSH\r\n\r\n".into())).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "protocol", .. }), "{error:?}");
}

#[test]
fn an_endless_body_is_cut_off() {
    for (status, arrives) in [(200, true), (400, false)] {
        let server = Server::new([Reply::EndlessBody(format!("HTTP/1.1 {status} X\r\n\r\n"))]);
        let mut sink = sink(&server).build().unwrap();
        let result = sink.deliver(&events());
        assert_eq!(result.is_ok(), arrives);
        assert_eq!(sink.client.answer_len() as u64, client::MAX_ANSWER);
        assert!(result.map_or_else(|error| error.to_string().len(), |_| 0) < 400);
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_tried_again() {
    let server = Server::new([ok()]);
    let url = server.url().replace("http:", "https:");
    let error = HttpSink::new(url).unwrap().deliver(&events()).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
}
