//! The handle that a service holds: loggers, flush, shutdown, the ledger.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use logwheel_core::Level;

use crate::builder::EngineBuilder;
use crate::caller::{AttachError, Intake, Logger, attach_thread, on_pipeline_thread};
use crate::delivery::{SinkLedger, SinkQueue};
use crate::ledger::Ledger;
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Ordering};
use crate::workers::{FlushDesk, FlushRound, Task, WorkerCounts, WorkerTotals};

/// A running pipeline.
///
/// The engine is the owner; [`Logger`]s are what the rest of a program uses. Dropping the engine
/// shuts it down with its `shutdown_timeout`.
#[must_use = "dropping the engine shuts it down"]
pub struct Engine {
    parts: Arc<Parts>,
    threads: Vec<JoinHandle<()>>,
    shutdown_timeout: Duration,
}

/// What can be asked of a running engine by several threads at once.
pub(crate) struct Parts {
    pub(crate) intake: Arc<Intake>,
    pub(crate) workers: Vec<Arc<WorkerCounts>>,
    /// In an order in which a sink comes before its fallback.
    pub(crate) sinks: Vec<Arc<SinkQueue>>,
    pub(crate) flushes: Arc<FlushDesk>,
    /// Threads that have not ended.
    pub(crate) running: Arc<Running>,
    /// Nobody reads the lanes any more.
    pub(crate) swept: AtomicBool,
}

/// Counts threads that have not ended yet.
pub(crate) struct Running {
    left: Mutex<Threads>,
    ended: Condvar,
}

struct Threads {
    workers: usize,
    outlets: usize,
}

/// How an engine ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The final books.
    pub ledger: Ledger,
    /// Whether everything that was accepted was delivered, refused, or dropped for a reason other
    /// than lack of time, and every thread has ended.
    pub complete: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// A flush did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The time was over before everything had its fate.
    #[error("flush timed out: {in_lanes} events in lanes, {undelivered} in the queues of the sinks {sinks:?}")]
    TimedOut {
        /// Events that no worker has carried yet.
        in_lanes: u64,
        /// Events that sinks still hold.
        undelivered: u64,
        /// The sinks that do.
        sinks: Vec<String>,
        /// What became of events meanwhile, sink by sink.
        flushed: Vec<FlushedSink>,
    },
    /// The engine was shut down; its report says what became of everything.
    #[error("the engine was shut down")]
    Closed,
    /// A stage, sink or hook asked for it: it would wait for itself.
    #[error("flush was called on one of the engine's own threads and would wait for itself")]
    PipelineThread,
}

/// What became of events during a flush; see [`Engine::flush_report`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Sink by sink.
    pub sinks: Vec<FlushedSink>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What became of one sink's events during a flush, those included that were logged meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushedSink {
    /// The sink's name.
    pub name: String,
    /// Events that arrived.
    pub delivered: u64,
    /// Events that may or may not have arrived.
    pub unconfirmed: u64,
    /// Events that the destination refused for good.
    pub rejected: u64,
    /// Events that were given up.
    pub dropped: u64,
    /// Events handed to the fallback.
    pub fallback: u64,
    /// Events that are in the spool now, whenever they came there.
    pub spooled: u64,
    /// Events that wait in memory now.
    pub left: u64,
}

impl FlushedSink {
    fn between(before: &SinkLedger, after: SinkLedger) -> Self {
        // Counters only grow, and are read after each other.
        Self {
            delivered: after.delivered.saturating_sub(before.delivered),
            unconfirmed: after.unconfirmed.saturating_sub(before.unconfirmed),
            rejected: after.total_rejected().saturating_sub(before.total_rejected()),
            dropped: after.total_dropped().saturating_sub(before.total_dropped()),
            fallback: after.fallback.saturating_sub(before.fallback),
            spooled: after.spooled,
            left: after.queued + after.in_flight,
            name: after.name,
        }
    }
}

/// How long shutdown waits for workers after it gave up on the sinks.
const GRACE: Duration = Duration::from_millis(500);
/// Longer timeouts are taken as this: deadlines have to be representable.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Engine {
    /// A builder with all the defaults.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    pub(crate) fn new(parts: Arc<Parts>, threads: Vec<JoinHandle<()>>) -> Self {
        let shutdown_timeout = parts.intake.config.shutdown_timeout;
        Self { parts, threads, shutdown_timeout }
    }

    pub(crate) fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// A logger; its name is the `logger` of its events.
    #[must_use]
    pub fn logger(&self, name: &str) -> Logger {
        Logger::new(Arc::clone(&self.parts.intake), name)
    }

    /// The lowest level that is logged.
    #[must_use]
    pub fn level(&self) -> Level {
        self.parts.intake.level()
    }

    /// Changes the lowest level that is logged, for all loggers, from now on.
    pub fn set_level(&self, level: Level) {
        self.parts.intake.set_level(level);
    }

    /// Gives the calling thread a lane of its own now, instead of when it has logged enough:
    /// for latency-critical threads, at their start. If no lane is ready, making one takes about a
    /// millisecond. What the thread logged through the shared lane before still comes first. When
    /// the thread ends, its lane goes back to the pool.
    ///
    /// # Errors
    /// When there is no lane to be had; the thread stays on the shared lane.
    pub fn attach_thread(&self) -> Result<(), AttachError> {
        attach_thread(&self.parts.intake)
    }

    /// Where every event went so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.parts.ledger()
    }

    /// Waits until everything logged before the call has its fate (delivered, refused, dropped),
    /// and has every sink flush what it buffers.
    ///
    /// "Before" includes events of other threads if their calls returned before this one began.
    ///
    /// # Errors
    /// When the time runs out, after shutdown, and on the engine's own threads.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.parts.flush(timeout)
    }

    /// As [`flush`](Self::flush), and says what became of the events, sink by sink.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush); [`FlushError::TimedOut`] holds the same counts.
    pub fn flush_report(&self, timeout: Duration) -> Result<FlushReport, FlushError> {
        self.parts.flush_report(timeout)
    }

    /// As [`flush`](Self::flush), for async code: the waiting is done by a thread made for it, so
    /// no executor is blocked.
    pub fn flush_async(&self, timeout: Duration) -> Flushed {
        let state = Arc::new(Mutex::new(FlushState { result: None, waker: None }));
        let (parts, shared) = (Arc::clone(&self.parts), Arc::clone(&state));
        let from_pipeline = on_pipeline_thread();
        let finish = move |result| {
            let mut state = shared.lock();
            state.result = Some(result);
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        };
        if from_pipeline {
            finish(Err(FlushError::PipelineThread));
            return Flushed { state };
        }
        let finish = Arc::new(finish);
        let finisher = Arc::clone(&finish);
        let spawned = thread::Builder::new().name("lw-flush".into()).spawn(move || finisher(parts.flush(timeout)));
        if spawned.is_err() {
            // No thread to be had: say truthfully that nothing was waited for.
            finish(Err(self.parts.timed_out(&self.parts.sink_ledgers())));
        }
        Flushed { state }
    }

    /// Ends the engine: from now on log calls are counted as dropped with reason `closed`; what
    /// was accepted is carried and delivered for up to `timeout`; the rest is counted as
    /// `undelivered`.
    ///
    /// A stage or sink that does not return in time is left behind on its thread.
    pub fn shutdown(mut self, timeout: Duration) -> Report {
        self.close(timeout)
    }

    fn close(&mut self, timeout: Duration) -> Report {
        let began = Instant::now();
        let timeout = timeout.min(FOR_EVER);
        let deadline = began + timeout;
        let parts = &self.parts;
        parts.intake.close();
        let marked = parts.mark_shared_lane(deadline).unwrap_or(0);
        parts.intake.inboxes.iter().for_each(|inbox| inbox.push(Task::Stop { shared_target: marked }));
        // A worker can hang in a stage, or wait for a queue with `Overflow::Block`: the last
        // quarter of the time is for the sinks.
        let mut complete = parts.running.wait_for_workers(deadline - timeout / 4);
        for sink in &parts.sinks {
            sink.begin_flush();
            if !sink.is_fallback() {
                sink.drain();
            }
        }
        for sink in &parts.sinks {
            // One after the other: a sink may still hand events to its fallback.
            complete &= sink.flush(deadline);
            sink.drain();
        }
        complete &= parts.running.wait_for_outlets(deadline);
        parts.sinks.iter().for_each(|sink| sink.abandon());
        // Workers that waited for room are released now; what they still carry is undelivered.
        complete &= parts.running.wait_for_workers(deadline.max(Instant::now() + GRACE));
        parts.swept.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            if thread.is_finished() {
                // Their panics, if any, are ours and were contained.
                let _ = thread.join();
            }
        }
        let ledger = parts.ledger();
        complete &= ledger.sinks.iter().all(|sink| !sink.dropped.contains_key("undelivered"));
        Report { ledger, complete, elapsed: began.elapsed() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.parts.intake.is_closed() {
            self.close(self.shutdown_timeout);
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("level", &self.level())
            .field("private_lanes", &self.parts.intake.private_lanes())
            .finish_non_exhaustive()
    }
}

impl Parts {
    fn ledger(&self) -> Ledger {
        let closed = self.is_swept();
        // Downstream first: what has arrived further down was counted further up before.
        let sinks = self.sink_ledgers();
        let mut workers = WorkerTotals::default();
        self.workers.iter().for_each(|counts| counts.add_to(&mut workers));
        Ledger::new(sinks, workers, &self.intake.totals(), closed)
    }

    fn sink_ledgers(&self) -> Vec<SinkLedger> {
        self.sinks.iter().map(|sink| sink.ledger()).collect()
    }

    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.flush_report(timeout).map(drop)
    }

    fn flush_report(&self, timeout: Duration) -> Result<FlushReport, FlushError> {
        if on_pipeline_thread() {
            return Err(FlushError::PipelineThread);
        }
        if self.intake.is_closed() {
            return Err(FlushError::Closed);
        }
        let began = Instant::now();
        let deadline = began + timeout.min(FOR_EVER);
        let before = self.sink_ledgers();
        let failed = || if self.intake.is_closed() { FlushError::Closed } else { self.timed_out(&before) };
        if !self.flushes.flush(deadline, || self.begin_flush_round(deadline), || self.is_swept()) {
            return Err(failed());
        }
        // All at once, so that one that hangs does not keep the others from trying; then in order,
        // because a sink may hand events to its fallback.
        self.sinks.iter().for_each(|sink| sink.begin_flush());
        let hanging = self.sinks.iter().filter(|sink| !sink.flush(deadline)).count();
        if hanging > 0 {
            return Err(failed());
        }
        let sinks = before.iter().zip(self.sink_ledgers()).map(|(before, after)| FlushedSink::between(before, after));
        Ok(FlushReport { sinks: sinks.collect(), elapsed: began.elapsed() })
    }

    /// Asks every worker that reads lanes to say when it has carried what is there.
    fn begin_flush_round(&self, deadline: Instant) -> bool {
        let Some(marked) = self.mark_shared_lane(deadline) else { return false };
        let round = Arc::new(FlushRound::new(&self.flushes, marked, self.intake.inboxes.len()));
        for inbox in &self.intake.inboxes {
            inbox.push(Task::Flush(Arc::clone(&round)));
        }
        true
    }

    fn is_swept(&self) -> bool {
        self.swept.load(Ordering::Acquire)
    }

    /// As [`Intake::mark_shared_lane`], again and again while the lane is full.
    fn mark_shared_lane(&self, deadline: Instant) -> Option<u64> {
        loop {
            if let Some(marked) = self.intake.mark_shared_lane() {
                return Some(marked);
            }
            if Instant::now() >= deadline || self.is_swept() {
                return None;
            }
            self.intake.worker_of(0).wake();
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn timed_out(&self, before: &[SinkLedger]) -> FlushError {
        let ledger = self.ledger();
        let flushed =
            before.iter().zip(ledger.sinks.clone()).map(|(before, after)| FlushedSink::between(before, after));
        let holding = |sink: &&SinkLedger| sink.queued + sink.in_flight > 0;
        FlushError::TimedOut {
            in_lanes: ledger.in_lanes,
            undelivered: ledger.sinks.iter().map(|sink| sink.queued + sink.in_flight).sum(),
            sinks: ledger.sinks.iter().filter(holding).map(|sink| sink.name.clone()).collect(),
            flushed: flushed.collect(),
        }
    }
}

impl Running {
    pub(crate) fn new(workers: usize, outlets: usize) -> Self {
        Self { left: Mutex::new(Threads { workers, outlets }), ended: Condvar::new() }
    }

    pub(crate) fn worker_ended(&self) {
        self.left.lock().workers -= 1;
        self.ended.notify_all();
    }

    pub(crate) fn outlet_ended(&self) {
        self.left.lock().outlets -= 1;
        self.ended.notify_all();
    }

    fn wait_for_workers(&self, deadline: Instant) -> bool {
        self.wait(deadline, |left| left.workers == 0)
    }

    fn wait_for_outlets(&self, deadline: Instant) -> bool {
        self.wait(deadline, |left| left.outlets == 0)
    }

    fn wait(&self, deadline: Instant, ended: impl Fn(&Threads) -> bool) -> bool {
        let mut left = self.left.lock();
        while !ended(&left) {
            if self.ended.wait_until(&mut left, deadline).timed_out() {
                return ended(&left);
            }
        }
        true
    }
}

/// A flush under way; see [`Engine::flush_async`].
#[must_use = "futures do nothing unless polled"]
pub struct Flushed {
    state: Arc<Mutex<FlushState>>,
}

struct FlushState {
    result: Option<Result<(), FlushError>>,
    waker: Option<Waker>,
}

impl Future for Flushed {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.state.lock();
        match &state.result {
            Some(result) => Poll::Ready(result.clone()),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl std::fmt::Debug for Flushed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flushed").finish_non_exhaustive()
    }
}
