//! What do network sinks cost: building the bodies of requests, and delivering them over loopback?
//!
//! `cargo bench -p logwheel --bench sinks`, with `--features cloudwatch` for all of them; `-- --quick` for a tenth of
//! the events, `-- --only loki` for deliveries alone, to sinks whose names contain that. All numbers are for batches of
//! 1,000 lines and per million events.
//!
//! Building is measured against what one writes first: parse each line into a `serde_json::Value`, put the values
//! together, serialise the whole. It is CPU time of this thread; the fastest of three runs counts. With the feature
//! `cloudwatch` there are two rows for it: what the sink does (checks, sorts, cuts into requests), and the same with
//! the bodies as the AWS SDK makes them, before it signs them.
//!
//! Delivery goes through a whole engine, from the log call to the answer of a receiver in this process that reads
//! requests and says 204. Its CPU time is not counted; `null` is the same engine with a sink that does nothing. Once with
//! three fields as they are, once behind five stages, with nine.

mod measure;

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::http_internals::BodyBuilder;
use logwheel::loki_internals::{encode_json_push, encode_push};
use logwheel::{
    Batch, Engine, FieldMask, Host, HttpFormat, HttpSink, Level, LevelFilter, LokiSink, NullSink, OnFull, Overflow,
    Sink, SizeGuard, StaticFields, info,
};
use measure::{cpu_time, thread_cpu_time};
use serde_json::{Value, json};

const BATCH: usize = 1_000;
const START: u64 = 1_700_000_000_000_000_000;

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let events = if is_quick { 100_000 } else { 1_000_000 };
    let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    if only.is_none() {
        build(events);
    }
    deliver(events, only.as_deref().unwrap_or_default());
}

/// What a service writes: about 300 bytes a line.
fn lines() -> Vec<String> {
    let line = |n: usize| {
        format!(
            r#"{{"timestamp":"2026-01-02T03:04:05.{n:09}Z","level":"INFO","logger":"shop.checkout","message":"order \"filled\"","order_id":{n},"price":101.5,"symbol":"ACMECORP","user":{{"id":{n},"name":"Zoë"}},"retried":false,"service":"orders","host":"node-17","pid":4711,"os":"linux","arch":"x86_64"}}"#
        )
    };
    (0..BATCH).map(line).collect()
}

/// CPU seconds per million events of `body`, which makes one of a batch.
fn cost(events: usize, mut body: impl FnMut() -> usize) -> f64 {
    let batches = events / BATCH;
    let run = || {
        let before = thread_cpu_time();
        for _ in 0..batches {
            black_box(body());
        }
        (thread_cpu_time() - before).as_secs_f64() * 1e6 / (batches * BATCH) as f64
    };
    std::iter::repeat_with(run).take(3).fold(f64::INFINITY, f64::min)
}

fn build(events: usize) {
    let lines = lines();
    let labels = vec![("level".to_owned(), "INFO".to_owned()), ("service".to_owned(), "orders".to_owned())];
    let times: Vec<u64> = (0..BATCH as u64).map(|n| START + n).collect();
    let pushed: Vec<_> = lines.iter().zip(&times).map(|(line, at)| (*at, line.as_bytes(), &[] as &[_])).collect();
    let parse = || lines.iter().map(|line| serde_json::from_str::<Value>(black_box(line)).expect("JSON"));
    let fill = |batch: &mut Batch| {
        batch.clear();
        for (line, at) in lines.iter().zip(&times) {
            batch.push(black_box(line).as_bytes(), *at, Level::INFO);
        }
    };
    let naive_loki = || {
        let values: Vec<Value> =
            parse().zip(&times).map(|(line, at)| json!([at.to_string(), line.to_string()])).collect();
        let stream = json!({"level": "INFO", "service": "orders"});
        serde_json::to_vec(&json!({"streams": [{"stream": stream, "values": values}]})).expect("JSON").len()
    };
    let naive_array = || serde_json::to_vec(&Value::Array(parse().collect())).expect("JSON").len();
    let naive_ndjson = || {
        let mut body = Vec::new();
        for line in parse() {
            serde_json::to_writer(&mut body, &line).expect("writing to memory");
            body.push(b'\n');
        }
        body.len()
    };
    // A sink gets its batch filled; the naive way starts from the lines, so filling counts as building here.
    let mut batch = Batch::new();
    let mut http = |format| {
        let mut builder = BodyBuilder::new(format);
        cost(events, || {
            fill(&mut batch);
            builder.encode(&batch).len()
        })
    };

    let bytes: usize = lines.iter().map(String::len).sum();
    println!("building bodies, lines of {} bytes: CPU seconds per million events", bytes / BATCH);
    println!("{:<16}{:>10}{:>12}{:>10}", "body", "logwheel", "serde_json", "ratio");
    let row = |body: &str, ours: f64, naive: f64| {
        println!("{body:<16}{ours:>10.3}{naive:>12.3}{:>9.1}x", naive / ours);
    };
    let naive_json = cost(events, naive_loki);
    // The naive way has no protobuf; a client that is sent JSON instead does this.
    row("loki protobuf", cost(events, || encode_push(&labels, black_box(&pushed)).len()), naive_json);
    row("loki json", cost(events, || encode_json_push(&labels, black_box(&pushed)).len()), naive_json);
    row("ndjson", http(HttpFormat::Ndjson), cost(events, naive_ndjson));
    row("json array", http(HttpFormat::Array), cost(events, naive_array));
    #[cfg(feature = "cloudwatch")]
    {
        let naive_cloudwatch = || {
            let mut events: Vec<(u64, Value)> =
                times.iter().copied().zip(parse()).map(|(at, line)| (at / 1_000_000, line)).collect();
            events.sort_by_key(|(at, _)| *at);
            let events: Vec<Value> =
                events.iter().map(|(at, line)| json!({"timestamp": at, "message": line.to_string()})).collect();
            let body = json!({"logGroupName": "group", "logStreamName": "stream", "logEvents": events});
            serde_json::to_vec(&body).expect("JSON").len()
        };
        let builder = logwheel::cloudwatch_internals::RequestBuilder::new();
        let naive = cost(events, naive_cloudwatch);
        let mut batch = Batch::new();
        let mut ours = |build: &dyn Fn(&Batch) -> usize| {
            cost(events, || {
                fill(&mut batch);
                build(&batch)
            })
        };
        row("cloudwatch plan", ours(&|batch| builder.plan(batch)), naive);
        row("cloudwatch body", ours(&|batch| builder.bodies(batch)), naive);
    }
}

fn deliver(events: usize, only: &str) {
    println!("\ndelivering over loopback, {events} events");
    println!("{:<32}{:>12}{:>24}", "sink", "events/s", "CPU s per million");
    let receiver = Receiver::start();
    let ndjson = || HttpSink::builder(&receiver.url).format(HttpFormat::Ndjson).build().expect("valid options");
    let loki = || LokiSink::builder(&receiver.url).label("service", "orders").build().expect("valid options");
    for five_stages in [false, true] {
        let sinks = [
            ("null", Box::new(NullSink) as Box<dyn Sink>),
            ("http ndjson", Box::new(ndjson())),
            ("loki protobuf", Box::new(loki())),
            #[cfg(feature = "cloudwatch")]
            ("cloudwatch", Box::new(cloudwatch(&receiver.url))),
        ];
        for (name, sink) in sinks.into_iter().filter(|(name, _)| name.contains(only)) {
            deliver_to(sink, five_stages, name, events, &receiver);
        }
    }
}

fn deliver_to(sink: Box<dyn Sink>, five_stages: bool, name: &str, events: usize, receiver: &Receiver) {
    let block = Overflow::Block(Duration::from_secs(60));
    let mut builder = Engine::builder().on_full(OnFull::Block);
    if five_stages {
        builder = builder
            .filter(LevelFilter::new(Level::INFO))
            .enricher(StaticFields::new().field("service", "orders"))
            .enricher(Host::new())
            .redactor(FieldMask::new(["password", "card.number"]).expect("valid paths"))
            .processor(SizeGuard::new());
    }
    let engine = builder.sink_with(sink, |sink| sink.name("measured").overflow(block).batch_max_events(BATCH));
    let engine = engine.build().expect("valid options");
    let logger = engine.logger("bench");
    let log = |events: usize| {
        for n in 0..events {
            info!(logger, "order filled", order_id = n, price = 101.5, symbol = black_box("ACMECORP"));
        }
        engine.flush(Duration::from_secs(60)).expect("the receiver keeps pace");
    };
    log(BATCH); // the connection, the buffers
    let (cpu, theirs, begin) = (cpu_time(), receiver.cpu_time(), Instant::now());
    log(events);
    let took = begin.elapsed().as_secs_f64();
    let cpu = (cpu_time() - cpu).saturating_sub(receiver.cpu_time() - theirs).as_secs_f64();
    let name = format!("{name}{}", if five_stages { " behind five stages" } else { "" });
    println!("{name:<32}{:>12.0}{:>24.3}", events as f64 / took, cpu * 1e6 / events as f64);

    let report = engine.shutdown(Duration::from_secs(60));
    let delivered = report.ledger.sink("measured").expect("there is one").delivered;
    assert_eq!(delivered, (events + BATCH) as u64, "{}", report.ledger);
    assert!(report.ledger.is_balanced());
}

#[cfg(feature = "cloudwatch")]
fn cloudwatch(url: &str) -> logwheel::CloudWatchSink {
    let sink = logwheel::CloudWatchSink::builder().endpoint_url(url).region("eu-central-1");
    sink.credentials("key", "secret", None).build().expect("valid options")
}

/// Reads requests and answers 204 to each.
struct Receiver {
    url: String,
    /// Nanoseconds of CPU that its threads took for requests.
    cpu: Arc<AtomicU64>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let cpu = Arc::new(AtomicU64::new(0));
        let total = Arc::clone(&cpu);
        // Ends with the program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let total = Arc::clone(&total);
                thread::spawn(move || serve(&stream, &total));
            }
        });
        Self { url, cpu }
    }

    fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.cpu.load(Ordering::Acquire))
    }
}

/// Serves one connection until it is over.
fn serve(mut stream: &TcpStream, total: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut body = Vec::new();
    let mut line = String::new();
    let mut before = thread_cpu_time();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
        // Counted before the answer, so that who waits for the answer sees it.
        let now = thread_cpu_time();
        total.fetch_add((now - before).as_nanos() as u64, Ordering::Release);
        before = now;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}
