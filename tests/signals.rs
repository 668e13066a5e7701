//! A service that is told to end flushes first, and ends by the signal.
#![cfg(all(unix, feature = "signals"))]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use logwheel::{Engine, FileSink, OnFull, info};
use rustix::process::{Pid, Signal, kill_process};
use support::{LONG, wait_until};

const EVENTS: u64 = 1_000;
const FILE: &str = "LOGWHEEL_TEST_SIGNALS_FILE";
const HANGS: &str = "LOGWHEEL_TEST_SIGNALS_HANGS";

/// Not a test of its own: what the others start as a process.
#[test]
fn service() {
    let Ok(file) = std::env::var(FILE) else { return };
    let hangs = std::env::var(HANGS).is_ok();
    let builder = Engine::builder().on_full(OnFull::Block);
    // Nothing arrives by itself.
    let builder =
        builder.sink_with(FileSink::new(&file), |sink| sink.batch_max_age(LONG * 60).batch_max_events(1_000_000));
    // A stage that never returns keeps the flush from ending.
    let builder = if hangs {
        builder.filter(|_: &logwheel::Event<'_>| -> bool {
            loop {
                std::thread::park();
            }
        })
    } else {
        builder
    };
    let engine = builder.build().unwrap();
    // The first one has nothing to flush, and must not end the process before the second one is done.
    let other = Engine::builder().sink(logwheel::NullSink).build().unwrap();
    other.flush_on_signals(LONG).unwrap();
    engine.flush_on_signals(LONG * 60).unwrap();
    let logger = engine.logger("service");
    for n in 0..if hangs { 1 } else { EVENTS } {
        info!(logger, "an event", n = n);
    }
    println!("\nready");
    loop {
        std::thread::park();
    }
}

fn start(file: &Path, hangs: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["service", "--exact", "--nocapture", "--test-threads=1"]).env(FILE, file).stdout(Stdio::piped());
    if hangs {
        command.env(HANGS, "1");
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"));
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn everything_is_delivered_before_the_signal_ends_the_process() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile();
        let file = folder.join("service.log");
        let mut child = start(&file, false);
        assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), "");
        send(&child, signal);
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count() as u64, EVENTS);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_second_signal_ends_a_process_whose_flush_hangs() {
    let folder = tempfile();
    let mut child = start(&folder.join("service.log"), true);
    send(&child, Signal::TERM);
    // It is given time to end, and does not.
    std::thread::sleep(Duration::from_millis(50));
    assert!(child.try_wait().unwrap().is_none());
    wait_until("a further signal ended it", || {
        send(&child, Signal::INT);
        std::thread::sleep(Duration::from_millis(5));
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
    std::fs::remove_dir_all(folder).unwrap();
}

fn tempfile() -> std::path::PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("logwheel-signals-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
