//! Logs to an HTTP endpoint that is not always well: `cargo run --example http [URL]`.
//!
//! Without a URL it starts a receiver of its own, which checks the key, fails now and then as real ones do, and does
//! not take one of the events. Everything else arrives, each event once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use logwheel::{BreakerSettings, Engine, HttpFormat, HttpSink, RetrySettings, SinkOptions, info};

type Failure = Box<dyn std::error::Error>;

const EVENTS: u64 = 500;
/// The number of the event that the receiver does not take.
const POISON: u64 = 321;

fn main() -> Result<(), Failure> {
    match std::env::args().nth(1) {
        Some(url) => log_to(&url).map(drop),
        None => run(),
    }
}

/// Logs to a receiver in this process.
pub fn run() -> Result<(), Failure> {
    let receiver = Receiver::start()?;
    let (delivered, rejected) = log_to(&receiver.url)?;
    let arrived = receiver.arrived.load(Ordering::SeqCst);
    println!("the receiver took {arrived} events");
    if (delivered, rejected, arrived) != (EVENTS - 1, 1, EVENTS - 1) {
        return Err("one event should have been refused, and all others taken once".into());
    }
    Ok(())
}

/// How many events were delivered and how many the receiver refused.
fn log_to(url: &str) -> Result<(u64, u64), Failure> {
    // Keys belong into the environment, not into the program.
    let token = std::env::var("LOG_TOKEN").unwrap_or_else(|_| "token-for-tests".into());
    let sink = HttpSink::builder(url)
        .format(HttpFormat::Ndjson)
        .bearer_token(token)
        // The same batch has the same key, however often it is sent.
        .idempotency_header("Idempotency-Key")
        .timeout(Duration::from_secs(5))
        .build()?;
    let engine = Engine::builder().sink_with(sink, patient).build()?;

    let logger = engine.logger("checkout");
    for n in 0..EVENTS {
        info!(logger, "order filled", n, price = 101.5);
    }

    let report = engine.shutdown(Duration::from_secs(30));
    print!("{}", report.ledger);
    let http = report.ledger.sink("http").ok_or("there is no such sink")?;
    if !report.complete {
        return Err(format!("not everything was delivered to {url}").into());
    }
    Ok((http.delivered, http.total_rejected()))
}

/// Batches of 100; short pauses, since the receiver is never away for long. With `spool` they would survive a restart.
fn patient(sink: SinkOptions) -> SinkOptions {
    let retry = RetrySettings::new().base_delay(Duration::from_millis(20)).max_delay(Duration::from_secs(1));
    let breaker = BreakerSettings::new().failure_threshold(5).recovery(Duration::from_millis(100));
    sink.batch_max_events(100).retry(retry).breaker(breaker)
}

/// Answers every fourth request with 503, and 400 to what holds the poison; counts what it takes.
struct Receiver {
    url: String,
    arrived: Arc<AtomicU64>,
}

impl Receiver {
    fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/logs", listener.local_addr()?);
        let arrived = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&arrived);
        // Ends with the program.
        thread::spawn(move || {
            let mut requests = 0;
            for stream in listener.incoming().flatten() {
                while answer(&stream, &mut requests, &count).is_some() {}
            }
        });
        Ok(Self { url, arrived })
    }
}

/// Answers one request; `None` when the connection is over.
fn answer(mut stream: &TcpStream, requests: &mut u64, arrived: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut allowed) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => allowed = value.starts_with("Bearer "),
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    *requests += 1;
    let status = match () {
        () if !allowed => "401 Unauthorized",
        () if requests.is_multiple_of(4) => "503 Service Unavailable",
        () if body.contains(&format!("\"n\":{POISON},")) => "400 Bad Request",
        () => {
            arrived.fetch_add(body.lines().count() as u64, Ordering::SeqCst);
            "200 OK"
        }
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").ok()
}
