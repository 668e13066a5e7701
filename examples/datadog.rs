//! Logs to Datadog, as an example for a service with a key of its own: `cargo run --example datadog`.
//!
//! With `DD_API_KEY` (and `DD_SITE`, such as `datadoghq.eu`) it sends to Datadog, else to a stand-in
//! in this process that checks what arrives. What is special to Datadog is in two places: the
//! enrichers, which add the fields it looks for (`ddsource`, `ddtags`, `service`, `status`), and the
//! sink, with the key in a header and the limits of its intake (1,000 events and 5 MB a request).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use logwheel::{Engine, Enrichment, HttpCompression, HttpSink, Level, StaticFields, error, info, named, warn};
use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    match std::env::var("DD_API_KEY") {
        Ok(key) => {
            let site = std::env::var("DD_SITE").unwrap_or_else(|_| "datadoghq.com".into());
            let sink = HttpSink::builder(format!("https://http-intake.logs.{site}/api/v2/logs"))
                .header("DD-API-KEY", key)
                .compression(HttpCompression::Gzip)
                .build()?;
            log_to(sink)
        }
        Err(_) => run_against_the_stand_in(),
    }
}

pub fn run_against_the_stand_in() -> Result<(), Failure> {
    let intake = Intake::start()?;
    log_to(HttpSink::builder(&intake.url).header("DD-API-KEY", "key-for-tests").build()?)?;
    intake.check()
}

fn log_to(sink: HttpSink) -> Result<(), Failure> {
    let engine = Engine::builder()
        .enricher(StaticFields::new().field("ddsource", "rust").field("ddtags", "env:test,team:orders"))
        .enricher(StaticFields::new().field("service", "orders"))
        .enricher(named("status", |event: &mut Enrichment<'_, '_>| {
            event.add("status", status(event.level()));
        }))
        .sink_with(sink, |sink| sink.name("datadog").batch_max_events(1_000).batch_max_bytes(4 << 20))
        .build()?;

    let logger = engine.logger("checkout");
    info!(logger, "order filled", order_id = 42u64, price = 101.5);
    warn!(logger, "retrying", attempt = 2);
    error!(logger, "payment declined", order_id = 43u64);

    let report = engine.shutdown(Duration::from_secs(10));
    print!("{}", report.ledger);
    let delivered = report.ledger.sink("datadog").is_some_and(|sink| sink.delivered == 3);
    if delivered { Ok(()) } else { Err("not everything was delivered".into()) }
}

/// Datadog's word for a level.
fn status(level: Level) -> &'static str {
    match level {
        level if level < Level::INFO => "debug",
        level if level < Level::WARN => "info",
        level if level < Level::ERROR => "warning",
        level if level < Level::CRITICAL => "error",
        Level::AUDIT => "notice",
        Level::SECURITY => "alert",
        _ => "critical",
    }
}

/// Stands in for Datadog's intake: checks the key, and passes on what it takes.
struct Intake {
    url: String,
    events: mpsc::Receiver<Value>,
}

impl Intake {
    fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/api/v2/logs", listener.local_addr()?);
        let (sender, events) = mpsc::channel();
        // Ends with the program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                while answer(&stream, &sender).is_some() {}
            }
        });
        Ok(Self { url, events })
    }

    fn check(self) -> Result<(), Failure> {
        let events: Vec<_> = self.events.try_iter().collect();
        let statuses: Vec<_> = events.iter().map(|event| event["status"].as_str().unwrap_or_default()).collect();
        if statuses != ["info", "warning", "error"] {
            return Err(format!("the statuses are {statuses:?}").into());
        }
        let complete = |event: &&Value| {
            event["ddsource"] == "rust" && event["service"] == "orders" && event["ddtags"] == "env:test,team:orders"
        };
        if let Some(event) = events.iter().find(|event| !complete(event)) {
            return Err(format!("a field is missing in {event}").into());
        }
        println!("the stand-in took {} events", events.len());
        Ok(())
    }
}

/// Answers one request; `None` when the connection is over.
fn answer(mut stream: &TcpStream, events: &mpsc::Sender<Value>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut allowed) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("dd-api-key", value)) => allowed = value == "key-for-tests",
            None if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, text) = match serde_json::from_slice::<Vec<Value>>(&body) {
        _ if !allowed => ("403 Forbidden", r#"{"errors":[{"status":"403","title":"Forbidden"}]}"#),
        Ok(batch) if batch.len() <= 1_000 && length <= 5 << 20 => {
            batch.into_iter().for_each(|event| _ = events.send(event));
            ("202 Accepted", "{}")
        }
        Ok(_) => ("413 Payload Too Large", "{}"),
        Err(_) => ("400 Bad Request", "{}"),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len()).ok()
}
