//! An outage drill: steady load on a receiver that disappears for a while and comes back.
//!
//! `cargo run --release --example outage` shows what a queue of 512 KiB can bridge and what it loses;
//! with `-- --spool` the rest waits on disk and nothing is lost. `--seconds N` is the length of each of the
//! three phases (3 by default), `--rate N` the events in a second (5,000 by default).
//!
//! It prints, for each phase, how long the caller's log calls took and how much memory the process had; and at
//! the end the ledger, and what the receiver itself has counted.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use logwheel::{BreakerSettings, Engine, HttpFormat, HttpSink, Logger, RetrySettings, SpoolSettings, info};

/// The rest of an outage is lost, or goes to the spool.
const QUEUE_BYTES: usize = 512 << 10;

struct Drill {
    spool: bool,
    phase: Duration,
    rate: u64,
}

impl Drill {
    fn from_args() -> Result<Self, Box<dyn Error>> {
        let mut drill = Self { spool: false, phase: Duration::from_secs(3), rate: 5_000 };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut number = || -> Result<u64, Box<dyn Error>> {
                let text = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
                let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
                number.ok_or_else(|| format!("{arg} {text}: a number from 1 to 1000000 is needed").into())
            };
            match arg.as_str() {
                "--spool" => drill.spool = true,
                "--seconds" => drill.phase = Duration::from_secs(number()?),
                "--rate" => drill.rate = number()?,
                _ => return Err(format!("{arg}: the options are --spool, --seconds N and --rate N").into()),
            }
        }
        Ok(drill)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let drill = Drill::from_args()?;
    let mut receiver = Receiver::start()?;
    let sink = HttpSink::builder(receiver.url()).format(HttpFormat::Ndjson).build()?;
    let spool_dir: PathBuf = std::env::temp_dir().join(format!("logwheel-outage-{}", std::process::id()));
    let engine = Engine::builder()
        .diagnostics(|_| {})
        .sink_with(sink, |sink| {
            let retry =
                RetrySettings::new().base_delay(Duration::from_millis(50)).max_delay(Duration::from_millis(500));
            let breaker = BreakerSettings::new().recovery(Duration::from_millis(500));
            let sink = sink.queue_bytes(QUEUE_BYTES).batch_max_bytes(64 << 10).retry(retry).breaker(breaker);
            if drill.spool { sink.spool(SpoolSettings::new(&spool_dir)) } else { sink }
        })
        .build()?;
    let logger = engine.logger("drill");
    let mut logged = 0;

    println!("{} events/s, {:?} a phase, spool {}", drill.rate, drill.phase, if drill.spool { "on" } else { "off" });
    for name in ["before", "during", "after"] {
        match name {
            "during" => receiver.go_away(),
            "after" => receiver.come_back()?,
            _ => {}
        }
        println!("{name:>7}: {}", load(&logger, &drill, &mut logged)?);
    }

    let report = engine.shutdown(Duration::from_secs(60));
    let ledger = report.ledger;
    print!("{ledger}");
    let arrived = receiver.arrived();
    let sink = ledger.sink("http").ok_or("the ledger has no such sink")?;
    let lost = ledger.total_dropped() + sink.total_dropped() + sink.total_rejected();
    println!("logged {logged}, arrived {arrived}, lost {lost} by the ledger");
    if drill.spool {
        // Empty by now, or else worth a look.
        match std::fs::remove_dir_all(&spool_dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        if !report.complete || lost > 0 {
            return Err("something was lost in spite of the spool".into());
        }
    }
    if arrived + lost < logged {
        return Err("the ledger knows of fewer losses than there were".into());
    }
    Ok(())
}

/// What one phase was like for the caller.
struct Phase {
    calls: Histogram<u64>,
    resident: Option<usize>,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls", self.calls.len())?;
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
            write!(f, ", {name} {:?}", Duration::from_nanos(self.calls.value_at_quantile(quantile)))?;
        }
        match self.resident {
            Some(bytes) => write!(f, "; {} MiB resident", bytes >> 20),
            None => Ok(()),
        }
    }
}

/// Logs at the rate of the drill for one phase.
fn load(logger: &Logger, drill: &Drill, logged: &mut u64) -> Result<Phase, Box<dyn Error>> {
    let mut calls = Histogram::new(3)?;
    let started = Instant::now();
    let tick = Duration::from_millis(2);
    let mut done = 0;
    while started.elapsed() < drill.phase {
        let due = (started.elapsed().as_secs_f64() * drill.rate as f64) as u64;
        for _ in done..due {
            let before = Instant::now();
            info!(logger, "order filled", order_id = *logged, price = 101.5, symbol = "ACME");
            calls.record(before.elapsed().as_nanos() as u64)?;
            *logged += 1;
        }
        done = due;
        thread::sleep(tick);
    }
    Ok(Phase { calls, resident: resident_bytes() })
}

/// Resident memory of this process; `None` where the system does not tell.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// An HTTP server that counts the lines it gets.
struct Receiver {
    address: SocketAddr,
    arrived: Arc<AtomicU64>,
    serving: Option<(Arc<Serving>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Serving {
    closing: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Receiver {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut receiver = Self { address: listener.local_addr()?, arrived: Arc::default(), serving: None };
        receiver.serve(listener);
        Ok(receiver)
    }

    fn url(&self) -> String {
        format!("http://{}/logs", self.address)
    }

    fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::SeqCst)
    }

    /// Nobody listens any more, and all connections break.
    fn go_away(&mut self) {
        let Some((serving, acceptor)) = self.serving.take() else { return };
        serving.closing.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        let _ = acceptor.join();
        let mut connections = serving.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.drain(..).for_each(|connection| _ = connection.shutdown(Shutdown::Both));
    }

    fn come_back(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let serving = Arc::new(Serving::default());
        let (accepting, arrived) = (Arc::clone(&serving), Arc::clone(&self.arrived));
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.closing.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(copy) = stream.try_clone() else { continue };
                accepting.connections.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
                let arrived = Arc::clone(&arrived);
                // Ends with the connection.
                thread::spawn(move || while answer(&stream, &arrived).is_ok() {});
            }
        });
        self.serving = Some((serving, acceptor));
    }
}

/// Reads one request, counts its lines, and answers it.
fn answer(stream: &TcpStream, arrived: &AtomicU64) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    arrived.fetch_add(lines as u64, Ordering::SeqCst);
    (&mut &*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}
