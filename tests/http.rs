//! The HTTP sink behind the engine: a destination that fails, comes late, or never comes.
#![cfg(feature = "http")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use logwheel::{BreakerSettings, HttpFormat, HttpSink, Ledger, MemorySink, OnFull, RetrySettings, SinkOptions, info};
use serde_json::Value as Json;
use support::receiver::Receiver;
use support::{LONG, lock, small, wait_until};

/// A server in this process, which answers by a script of status codes and then 200.
struct Server {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    script: Mutex<Vec<u16>>,
    /// Bodies that were answered with 200.
    accepted: Mutex<Vec<String>>,
    refused: Mutex<u64>,
    closing: AtomicBool,
}

impl Server {
    fn start(address: SocketAddr, script: impl IntoIterator<Item = u16>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let mut script: Vec<_> = script.into_iter().collect();
        script.reverse();
        let state = Arc::new(State { script: Mutex::new(script), ..State::default() });
        let serving = Arc::clone(&state);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.closing.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&serving);
                // Ends when the client closes the connection.
                thread::spawn(move || while state.answer(stream.as_ref().unwrap()).is_some() {});
            }
        });
        Self { address, state, acceptor: Some(acceptor) }
    }

    fn url(&self) -> String {
        format!("http://{}/logs", self.address)
    }

    /// The events in accepted bodies, in order.
    fn events(&self) -> Vec<Json> {
        let accepted = lock(&self.state.accepted);
        accepted.iter().flat_map(|body| body.lines().map(support::parse).collect::<Vec<_>>()).collect()
    }
}

impl State {
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let status = lock(&self.script).pop().unwrap_or(200);
        if status == 200 {
            lock(&self.accepted).push(String::from_utf8(body).unwrap());
        } else {
            *lock(&self.refused) += 1;
        }
        write!(&mut &*stream, "HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n").ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind(any_port()).unwrap().local_addr().unwrap()
}

fn sink(url: &str) -> HttpSink {
    HttpSink::builder(url).format(HttpFormat::Ndjson).timeout(LONG).build().unwrap()
}

fn impatient(sink: SinkOptions) -> SinkOptions {
    let retry = RetrySettings::new().base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20));
    let breaker = BreakerSettings::new().recovery(Duration::from_millis(20));
    sink.retry(retry).breaker(breaker).batch_max_events(50).batch_max_age(Duration::from_millis(5))
}

const EVENTS: u64 = 1_000;

#[track_caller]
fn assert_all_once_and_in_order(events: &[Json]) {
    let numbers: Vec<_> = events.iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
}

#[test]
fn a_server_that_fails_now_and_then_gets_everything_once_and_in_order() {
    let server = Server::start(any_port(), [503, 503, 200, 500, 200, 200, 429, 503]);
    let engine = small().on_full(OnFull::Block).sink_with(sink(&server.url()), impatient).build().unwrap();
    let logger = engine.logger("t");
    (0..EVENTS).for_each(|n| info!(logger, "m", n));
    engine.flush(LONG).unwrap();
    assert_all_once_and_in_order(&server.events());
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let http = report.ledger.sink("http").unwrap();
    assert_eq!((http.delivered, http.retries), (EVENTS, 5));
    assert_eq!(*lock(&server.state.refused), 5);
}

#[test]
fn a_server_that_comes_late_gets_what_was_logged_before() {
    let address = nobody();
    let engine =
        small().on_full(OnFull::Block).sink_with(sink(&format!("http://{address}/logs")), impatient).build().unwrap();
    let logger = engine.logger("t");
    (0..EVENTS).for_each(|n| info!(logger, "m", n));
    wait_until("it was tried", || engine.ledger().sink("http").unwrap().retries > 2);
    assert_eq!(engine.ledger().sink("http").unwrap().delivered, 0);
    let server = Server::start(address, []);
    engine.flush(LONG).unwrap();
    assert_all_once_and_in_order(&server.events());
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_shutdown_while_the_server_is_down_counts_exactly_what_was_not_delivered() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .sink_with(sink(&format!("http://{}/logs", nobody())), impatient)
        .sink(memory)
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..EVENTS).for_each(|n| info!(logger, "m", n));
    wait_until("it was tried", || engine.ledger().sink("http").unwrap().retries > 0);
    let report = engine.shutdown(Duration::from_secs(1));
    assert!(!report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let http = report.ledger.sink("http").unwrap();
    assert_eq!((http.delivered, http.dropped["undelivered"]), (0, EVENTS));
    assert_eq!((http.queued, http.in_flight), (0, 0));
    assert_eq!(handle.len() as u64, EVENTS, "the other sink got everything");
}

/// Logs all events to a sink that has a memory sink for its fallback; says what the books say, and how many events
/// the fallback got.
fn log_all_beside_a_spare(http: HttpSink, options: impl FnOnce(SinkOptions) -> SinkOptions) -> (Ledger, u64) {
    let spare = MemorySink::new();
    let handle = spare.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .sink_with(http, |sink| options(impatient(sink).fallback("spare")))
        .sink_with(spare, |sink| sink.name("spare").standby(true))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..EVENTS).for_each(|n| info!(logger, "m", n));
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    (report.ledger, handle.len() as u64)
}

#[test]
fn a_server_that_refuses_for_good_sends_events_to_the_fallback_or_into_the_books() {
    let server = Server::start(any_port(), [400, 401]);
    let whole = HttpSink::builder(server.url()).format(HttpFormat::Ndjson).timeout(LONG).bisect_refused(false);
    let (ledger, spared) = log_all_beside_a_spare(whole.build().unwrap(), |sink| sink.batch_max_age(10 * LONG));
    let http = ledger.sink("http").unwrap();
    // The first batch is rejected, the second one given up: no retry helps without a credential.
    assert_eq!((http.total_rejected(), http.fallback, http.delivered), (50, 50, EVENTS - 100), "{ledger}");
    assert_eq!((spared, server.events().len() as u64), (50, EVENTS - 100));
}

/// A wrong path is nothing that an event can be blamed for: all of them go to the fallback, until the breaker pauses.
#[test]
fn what_the_endpoint_does_not_know_goes_to_the_fallback() {
    for status in [401, 403, 404, 405, 415] {
        let receiver = Receiver::start(move |_| Some((status, "not here".into())));
        let (ledger, spared) = log_all_beside_a_spare(sink(&receiver.url()), |sink| sink);
        let http = ledger.sink("http").unwrap();
        assert_eq!((http.fallback, http.total_rejected(), spared), (EVENTS, 0, EVENTS), "{status}");
    }
}

#[test]
fn a_poison_event_among_ten_thousand_is_rejected_and_it_alone() {
    const MANY: u64 = 10_000;
    for format in [HttpFormat::Ndjson, HttpFormat::Array, HttpFormat::Wrapped] {
        let (bodies, requests) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let (accepted, asked) = (Arc::clone(&bodies), Arc::clone(&requests));
        let receiver = Receiver::start(move |request| {
            asked.fetch_add(1, Ordering::SeqCst);
            if request.body.contains("\"n\":6789}") {
                return Some((400, "mapper_parsing_exception".into()));
            }
            lock(&accepted).push(request.body.clone());
            Some((200, String::new()))
        });
        let said = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&said);
        let sink = HttpSink::builder(receiver.url()).format(format).timeout(LONG).build().unwrap();
        let engine = small()
            .on_full(OnFull::Block)
            .diagnostics(move |diagnostic| lock(&hearing).push(diagnostic.message.to_owned()))
            .sink_with(sink, |sink| {
                sink.batch_max_events(MANY as usize).batch_max_bytes(4 << 20).batch_max_age(10 * LONG)
            })
            .build()
            .unwrap();
        let logger = engine.logger("t");
        (0..MANY).for_each(|n| info!(logger, "m", n));
        let report = engine.shutdown(LONG);
        assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
        let http = report.ledger.sink("http").unwrap();
        assert_eq!((http.delivered, http.rejected["http_400"], http.retries), (MANY - 1, 1, 0), "{}", report.ledger);
        // Each halving costs two requests: 10,000 is less than two to the fourteenth.
        assert!(requests.load(Ordering::SeqCst) <= 2 * 14 + 1);
        let number = |text: &str| text.split('}').next().unwrap().parse::<u64>().unwrap();
        let numbers = |body: &String| body.split("\"n\":").skip(1).map(number).collect::<Vec<_>>();
        let arrived: Vec<u64> = lock(&bodies).iter().flat_map(numbers).collect();
        assert_eq!(arrived, (0..MANY).filter(|n| *n != 6_789).collect::<Vec<_>>(), "each once, and in order");
        let said = lock(&said);
        assert!(said.iter().any(|text| text.starts_with("1 events were refused (http_400)")), "{said:?}");
    }
}
