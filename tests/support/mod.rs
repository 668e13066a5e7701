//! What the tests share: waiting on conditions, a gate, a sink that follows a script.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod receiver;

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{
    Batch, BatchLimits, Delivered, DeliveryError, Engine, EngineBuilder, Logger, MemoryHandle, Refused, Sink,
    SinkError, StageTotals, Topology, Wait,
};
use serde_json::Value;

/// Longer than anything takes on a machine that is busy with other things; only failing tests
/// wait so long.
pub const LONG: Duration = Duration::from_secs(60);

/// Waits until `holds` does.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A builder; with the topology and the wait strategy that the environment asks for, so that the
/// same tests can run in each: `cargo xtask test` goes through them.
pub fn engine() -> EngineBuilder {
    let topology = match std::env::var(TOPOLOGY).as_deref() {
        Err(_) => Topology::Auto,
        Ok("fused") => Topology::Fused,
        Ok("per_stage") => Topology::PerStage,
        Ok(other) => panic!("{TOPOLOGY} = {other:?}"),
    };
    let wait = match std::env::var(WAIT).as_deref() {
        Err(_) | Ok("adaptive") => Wait::Adaptive,
        Ok("busy_spin") => Wait::BusySpin,
        Ok("yield") => Wait::Yield,
        Ok("sleep") => Wait::Sleep,
        Ok(other) => panic!("{WAIT} = {other:?}"),
    };
    Engine::builder().topology(topology).wait(wait)
}

const TOPOLOGY: &str = "LOGWHEEL_TEST_TOPOLOGY";
const WAIT: &str = "LOGWHEEL_TEST_WAIT";

/// How many workers there are, where the topology leaves the choice.
pub trait FusedWorkers {
    fn fused_workers(self, workers: usize) -> Self;
}

impl FusedWorkers for EngineBuilder {
    fn fused_workers(self, workers: usize) -> Self {
        let per_stage = std::env::var(TOPOLOGY).is_ok_and(|topology| topology == "per_stage");
        if per_stage { self } else { self.workers(workers) }
    }
}

/// An engine with small lanes and silent diagnostics.
pub fn small() -> EngineBuilder {
    engine().lane_slots(64).overflow_bytes(1 << 20).memory_budget(16 << 20).diagnostics(|_| {})
}

/// How many private lanes the engine has made.
pub fn private_lanes(engine: &Engine) -> usize {
    let debug = format!("{engine:?}");
    let (_, rest) = debug.split_once("private_lanes: ").expect("the engine's Debug output tells");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[track_caller]
pub fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not valid JSON ({error}): {line}"))
}

/// What a memory sink received, parsed.
#[track_caller]
pub fn events(handle: &MemoryHandle) -> Vec<Value> {
    handle.lines().iter().map(|line| parse(line)).collect()
}

/// Runs one statement through an engine that `configure` set up, and returns the only event.
#[track_caller]
pub fn one_event(configure: impl FnOnce(EngineBuilder) -> EngineBuilder, log: impl FnOnce(&Logger)) -> Value {
    let memory = logwheel::MemorySink::new();
    let handle = memory.handle();
    let engine = configure(small()).sink(memory).build().unwrap();
    log(&engine.logger("test"));
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let mut events = events(&handle);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// The totals of the stage with this name.
#[track_caller]
pub fn stage<'a>(ledger: &'a logwheel::Ledger, name: &str) -> &'a StageTotals {
    ledger.stages.iter().find(|stage| stage.name == name).unwrap_or_else(|| panic!("no stage {name:?} in {ledger:?}"))
}

/// A panic with this word in its message belongs to the test.
pub const EXPECTED: &str = "(a panic that the test wants)";

/// Keeps panics that tests cause on purpose out of their output.
pub fn silence_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_expected = info.payload_as_str().is_some_and(|text| text.contains(EXPECTED));
            if !is_expected {
                report(info);
            }
        }));
    });
}

/// A mutex whose holder panicked is as good as any other to a test.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where threads wait until the test lets them through. Closed at first; clones are one gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    arrived: usize,
}

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until the gate is open.
    pub fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = lock(state);
        state.arrived += 1;
        changed.notify_all();
        // Threads that a failed test leaves behind must not stay for ever.
        let _ = changed.wait_timeout_while(state, 3 * LONG, |state| !state.open);
    }

    pub fn open(&self) {
        lock(&self.0.0).open = true;
        self.0.1.notify_all();
    }

    pub fn close(&self) {
        lock(&self.0.0).open = false;
    }

    /// Waits until `count` calls of [`pass`](Self::pass) were made in all.
    #[track_caller]
    pub fn wait_for_arrivals(&self, count: usize) {
        let (state, changed) = &*self.0;
        let (state, timeout) = changed
            .wait_timeout_while(lock(state), LONG, |state| state.arrived < count)
            .unwrap_or_else(|e| e.into_inner());
        assert!(!timeout.timed_out(), "{} of {count} arrived", state.arrived);
    }
}

/// What a scripted sink does with one batch.
#[derive(Debug, Clone)]
pub enum Reply {
    Accept,
    /// Accepts, but cannot prove it for so many entries.
    Unconfirmed(usize),
    Retry,
    Panic,
    /// Refuses every entry whose position this number divides, and accepts the rest.
    RejectEvery(usize),
    Split,
    Fatal,
    /// Waits at the gate, then accepts.
    Wait(Gate),
}

/// Sees each batch before it answers, and keeps what it accepted.
pub struct ScriptedSink {
    script: Box<dyn FnMut(&Batch) -> Reply + Send>,
    record: Record,
}

/// What a [`ScriptedSink`] saw and did, in its own count.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
pub struct Recorded {
    pub accepted: Vec<String>,
    pub calls: u64,
    pub rejected: u64,
    pub unconfirmed: u64,
    pub failures: u64,
    pub panics: u64,
    pub flushes: u64,
    pub stops: u64,
}

impl ScriptedSink {
    /// Replies one by one, then `Accept` for ever.
    pub fn replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: std::collections::VecDeque<_> = replies.into_iter().collect();
        Self::new(move |_| replies.pop_front().unwrap_or(Reply::Accept))
    }

    pub fn new(script: impl FnMut(&Batch) -> Reply + Send + 'static) -> Self {
        Self { script: Box::new(script), record: Record::default() }
    }

    pub fn record(&self) -> Record {
        self.record.clone()
    }
}

impl Record {
    pub fn get(&self) -> MutexGuard<'_, Recorded> {
        lock(&self.0)
    }

    pub fn events(&self) -> Vec<Value> {
        self.get().accepted.iter().map(|line| parse(line)).collect()
    }
}

impl Sink for ScriptedSink {
    fn name(&self) -> &str {
        "scripted"
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let reply = (self.script)(batch);
        if let Reply::Wait(gate) = &reply {
            gate.pass();
        }
        let mut record = self.record.get();
        record.calls += 1;
        let refused: Vec<usize> = match reply {
            Reply::RejectEvery(step) => (0..batch.len()).step_by(step).collect(),
            Reply::Retry | Reply::Panic | Reply::Split | Reply::Fatal => (0..batch.len()).collect(),
            _ => Vec::new(),
        };
        let kept = batch.iter().enumerate().filter(|(index, _)| refused.binary_search(index).is_err());
        record.accepted.extend(kept.map(|(_, entry)| String::from_utf8(entry.payload.to_vec()).expect("valid UTF-8")));
        match reply {
            Reply::Accept | Reply::Wait(_) => Ok(Delivered::all()),
            Reply::Unconfirmed(entries) => {
                let entries = entries.min(batch.len());
                record.unconfirmed += entries as u64;
                Ok(Delivered::unconfirmed(entries))
            }
            Reply::Retry => {
                record.failures += 1;
                Err(DeliveryError::Retry { reason: "scripted", detail: "not now".into(), after: None })
            }
            Reply::Panic => {
                record.panics += 1;
                drop(record);
                panic!("{EXPECTED}")
            }
            Reply::RejectEvery(_) => {
                record.rejected += refused.len() as u64;
                Err(DeliveryError::Reject {
                    refused: Refused::Entries(refused),
                    reason: "scripted",
                    detail: "not these".into(),
                })
            }
            // A single entry cannot be split: it is refused then.
            Reply::Split => {
                record.rejected += u64::from(batch.len() == 1);
                Err(DeliveryError::Split { reason: "scripted" })
            }
            Reply::Fatal => Err(DeliveryError::Fatal { reason: "scripted", detail: "never".into() }),
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.record.get().flushes += 1;
        Ok(())
    }

    fn stop(&mut self) -> Result<(), SinkError> {
        self.record.get().stops += 1;
        Ok(())
    }

    fn batch_limits(&self) -> BatchLimits {
        BatchLimits { max_age: Duration::from_millis(5), ..BatchLimits::default() }
    }
}

/// `thread` and `n` of each line, as the tests' statements write them.
#[track_caller]
pub fn thread_and_number(lines: &[String]) -> Vec<(u64, u64)> {
    let of = |line: &String| {
        let event = parse(line);
        let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("no {name} in {line}"));
        (number("thread"), number("n"))
    };
    lines.iter().map(of).collect()
}

/// Asserts that each thread's numbers come in order, and none twice.
#[track_caller]
pub fn assert_each_thread_in_order(events: &[(u64, u64)]) {
    let mut last = std::collections::HashMap::new();
    for (thread, n) in events {
        if let Some(before) = last.insert(*thread, *n) {
            assert!(before < *n, "thread {thread}: {n} came after {before}");
        }
    }
}

/// Asserts that no event is there twice.
#[track_caller]
pub fn assert_unique(events: &[(u64, u64)]) {
    let mut seen = HashSet::new();
    for event in events {
        assert!(seen.insert(event), "{event:?} is there twice");
    }
}

/// Resident memory of this process; `None` where the system does not tell.
pub fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The smallest executor there is.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => thread::park_timeout(LONG),
        }
    }
}
