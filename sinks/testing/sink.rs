//! A sink that does what a script says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Health, Refused, Sink, SinkError};
use parking_lot::{Condvar, Mutex};

/// What a [`ScriptedSink`] does in one attempt to deliver a batch.
///
/// ```
/// use logwheel_sinks::testing::Attempt;
/// use std::time::Duration;
///
/// let slow_refusal = Attempt::reject([0]).latency(Duration::from_millis(20));
/// # let _ = slow_refusal;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Attempt {
    outcome: Outcome,
    latency: Duration,
    blocked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Unconfirmed(usize),
    Retry(Option<Duration>),
    Split,
    Reject(Vec<usize>),
    RejectByReason(Vec<(usize, &'static str)>),
    RejectAll,
    Fatal,
    Panic,
}

impl Attempt {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, latency: Duration::ZERO, blocked: false }
    }

    /// Every entry arrives.
    pub fn ok() -> Self {
        Self::new(Outcome::Delivered)
    }

    /// This many entries, at most all, may or may not have arrived.
    pub fn unconfirmed(entries: usize) -> Self {
        Self::new(Outcome::Unconfirmed(entries))
    }

    /// Fails for a passing reason, `scripted_retry`.
    pub fn retry() -> Self {
        Self::new(Outcome::Retry(None))
    }

    /// As [`retry`](Self::retry); the destination asks for a pause.
    pub fn retry_after(pause: Duration) -> Self {
        Self::new(Outcome::Retry(Some(pause)))
    }

    /// The batch is too large, reason `scripted_split`.
    pub fn split() -> Self {
        Self::new(Outcome::Split)
    }

    /// The entries at these positions are refused, reason `scripted_reject`; the others arrive.
    /// Positions behind the end of the batch are left out.
    pub fn reject(positions: impl IntoIterator<Item = usize>) -> Self {
        let mut positions: Vec<_> = positions.into_iter().collect();
        positions.sort_unstable();
        positions.dedup();
        Self::new(Outcome::Reject(positions))
    }

    /// The entries at these positions are refused, each for its reason; the others arrive. Positions
    /// behind the end of the batch are left out.
    pub fn reject_by_reason(refused: impl IntoIterator<Item = (usize, &'static str)>) -> Self {
        let mut refused: Vec<_> = refused.into_iter().collect();
        refused.sort_by_key(|(position, _)| *position);
        refused.dedup_by_key(|(position, _)| *position);
        Self::new(Outcome::RejectByReason(refused))
    }

    /// All entries are refused, reason `scripted_reject`.
    pub fn reject_all() -> Self {
        Self::new(Outcome::RejectAll)
    }

    /// Fails for good, reason `scripted_fatal`.
    pub fn fatal() -> Self {
        Self::new(Outcome::Fatal)
    }

    /// Panics.
    pub fn panic() -> Self {
        Self::new(Outcome::Panic)
    }

    /// Takes this long, in real time. Default: no time.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Does not end before [`ScriptedHandle::release`] is called.
    pub fn blocked(mut self) -> Self {
        self.blocked = true;
        self
    }
}

/// A sink that does in each attempt what its script says, and remembers everything.
///
/// Once the script is at its end, every attempt is [`Attempt::ok`], or what [`then`](Self::then)
/// says. Batches are sealed after 10 ms, so that tests need not wait.
///
/// ```
/// use logwheel_core::{DeliveryError, Sink};
/// use logwheel_core::testing::batch_of_lines;
/// use logwheel_sinks::testing::{Attempt, ScriptedSink};
///
/// let mut sink = ScriptedSink::new([Attempt::retry(), Attempt::reject([1])]);
/// let seen = sink.handle();
/// let batch = batch_of_lines(["one", "two"]);
/// assert!(matches!(sink.deliver(&batch), Err(DeliveryError::Retry { .. })));
/// assert!(matches!(sink.deliver(&batch), Err(DeliveryError::Reject { .. })));
/// assert!(sink.deliver(&batch).is_ok());
/// assert_eq!(seen.attempts().len(), 3);
/// assert_eq!(seen.delivered(), ["one", "one", "two"]);
/// ```
#[derive(Debug)]
#[must_use]
pub struct ScriptedSink {
    name: String,
    limits: BatchLimits,
    handle: ScriptedHandle,
}

/// Looks at a [`ScriptedSink`], and tells it what to do next, also after it moved into an engine.
/// Clones are cheap and see the same.
#[derive(Debug, Clone)]
pub struct ScriptedHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    script: VecDeque<Attempt>,
    then: Attempt,
    failing_starts: usize,
    health: Health,
    attempts: Vec<Captured>,
    delivered: Vec<String>,
    /// How many attempts wait to be released.
    waiting: usize,
    /// How many times they were.
    releases: u64,
    starts: usize,
    flushes: usize,
    stops: usize,
}

/// A batch as it was given to a [`ScriptedSink`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Captured {
    /// The batch.
    pub batch: Batch,
    /// What the sink did with it.
    pub attempt: Attempt,
}

impl Captured {
    /// The lines of the batch; bytes that are not UTF-8 show as U+FFFD.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lines(&self.batch)
    }
}

fn lines(batch: &Batch) -> Vec<String> {
    batch.iter().map(|entry| String::from_utf8_lossy(entry.payload).into_owned()).collect()
}

impl ScriptedSink {
    /// A sink with this script, one [`Attempt`] for each attempt.
    pub fn new(script: impl IntoIterator<Item = Attempt>) -> Self {
        let state = State {
            script: script.into_iter().collect(),
            then: Attempt::ok(),
            failing_starts: 0,
            health: Health::Healthy,
            attempts: Vec::new(),
            delivered: Vec::new(),
            waiting: 0,
            releases: 0,
            starts: 0,
            flushes: 0,
            stops: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        Self {
            name: "scripted".to_owned(),
            limits: BatchLimits { max_age: Duration::from_millis(10), ..BatchLimits::default() },
            handle: ScriptedHandle { shared },
        }
    }

    /// A sink that delivers this many batches and fails from then on.
    pub fn fail_after(batches: usize) -> Self {
        Self::new(std::iter::repeat_n(Attempt::ok(), batches)).then(Attempt::retry())
    }

    /// What it does when the script is at its end. Default [`Attempt::ok`].
    pub fn then(self, attempt: Attempt) -> Self {
        self.handle.shared.state.lock().then = attempt;
        self
    }

    /// How often its start fails before it succeeds. Default 0.
    pub fn failing_starts(self, times: usize) -> Self {
        self.handle.shared.state.lock().failing_starts = times;
        self
    }

    /// Its name. Default `scripted`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// When its batches are full. Default: after 10 ms, else as usual.
    pub fn limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// A handle to it.
    #[must_use]
    pub fn handle(&self) -> ScriptedHandle {
        self.handle.clone()
    }
}

impl Default for ScriptedSink {
    /// A sink that delivers everything.
    fn default() -> Self {
        Self::new([])
    }
}

impl Sink for ScriptedSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&mut self) -> Result<(), SinkError> {
        let mut state = self.handle.shared.state.lock();
        state.starts += 1;
        let fails = state.failing_starts > 0;
        state.failing_starts = state.failing_starts.saturating_sub(1);
        self.handle.shared.changed.notify_all();
        if fails { Err(SinkError::new("the script says that the start fails")) } else { Ok(()) }
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let shared = &self.handle.shared;
        let attempt = {
            let mut state = shared.state.lock();
            let attempt = state.script.pop_front().unwrap_or_else(|| state.then.clone());
            state.attempts.push(Captured { batch: batch.clone(), attempt: attempt.clone() });
            shared.changed.notify_all();
            attempt
        };
        thread::sleep(attempt.latency);
        let mut state = shared.state.lock();
        if attempt.blocked {
            let releases = state.releases;
            state.waiting += 1;
            shared.changed.notify_all();
            shared.changed.wait_while(&mut state, |state| state.releases == releases);
            state.waiting -= 1;
        }
        let arrived = |refused: &[usize]| {
            let kept = lines(batch).into_iter().enumerate().filter(|(index, _)| !refused.contains(index));
            kept.map(|(_, line)| line).collect::<Vec<_>>()
        };
        let detail = "the script says so".into();
        let result = match attempt.outcome {
            Outcome::Delivered => {
                state.delivered.extend(arrived(&[]));
                Ok(Delivered::all())
            }
            Outcome::Unconfirmed(entries) => {
                let entries = entries.min(batch.len());
                let sure = batch.len() - entries;
                state.delivered.extend(arrived(&[]).into_iter().take(sure));
                Ok(Delivered::unconfirmed(entries))
            }
            Outcome::Reject(positions) => {
                let positions: Vec<_> = positions.into_iter().filter(|position| *position < batch.len()).collect();
                state.delivered.extend(arrived(&positions));
                Err(DeliveryError::Reject { refused: Refused::Entries(positions), reason: "scripted_reject", detail })
            }
            Outcome::RejectByReason(mut refused) => {
                refused.retain(|(position, _)| *position < batch.len());
                state.delivered.extend(arrived(&refused.iter().map(|(position, _)| *position).collect::<Vec<_>>()));
                let refused = Refused::ByReason(refused);
                Err(DeliveryError::Reject { refused, reason: "scripted_reject", detail })
            }
            Outcome::RejectAll => {
                Err(DeliveryError::Reject { refused: Refused::All, reason: "scripted_reject", detail })
            }
            Outcome::Retry(after) => Err(DeliveryError::Retry { reason: "scripted_retry", detail, after }),
            Outcome::Split => Err(DeliveryError::Split { reason: "scripted_split" }),
            Outcome::Fatal => Err(DeliveryError::Fatal { reason: "scripted_fatal", detail }),
            Outcome::Panic => {
                drop(state);
                panic!("the script says so");
            }
        };
        shared.changed.notify_all();
        result
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.handle.shared.state.lock().flushes += 1;
        Ok(())
    }

    fn stop(&mut self) -> Result<(), SinkError> {
        self.handle.shared.state.lock().stops += 1;
        self.handle.shared.changed.notify_all();
        Ok(())
    }

    fn health(&self) -> Health {
        self.handle.shared.state.lock().health.clone()
    }

    fn batch_limits(&self) -> BatchLimits {
        self.limits
    }
}

impl ScriptedHandle {
    /// Every attempt so far, with its batch.
    #[must_use]
    pub fn attempts(&self) -> Vec<Captured> {
        self.shared.state.lock().attempts.clone()
    }

    /// The lines that arrived for sure, in order.
    #[must_use]
    pub fn delivered(&self) -> Vec<String> {
        self.shared.state.lock().delivered.clone()
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.shared.state.lock().starts
    }

    /// How often it was flushed.
    #[must_use]
    pub fn flushes(&self) -> usize {
        self.shared.state.lock().flushes
    }

    /// How often it was stopped.
    #[must_use]
    pub fn stops(&self) -> usize {
        self.shared.state.lock().stops
    }

    /// Adds to the script.
    pub fn push(&self, script: impl IntoIterator<Item = Attempt>) {
        self.shared.state.lock().script.extend(script);
    }

    /// What it does when the script is at its end, from now on.
    pub fn then(&self, attempt: Attempt) {
        self.shared.state.lock().then = attempt;
    }

    /// What it says of its health from now on. Default healthy.
    pub fn set_health(&self, health: Health) {
        self.shared.state.lock().health = health;
    }

    /// Lets the attempts that are [blocked](Attempt::blocked) now go on.
    pub fn release(&self) {
        self.shared.state.lock().releases += 1;
        self.shared.changed.notify_all();
    }

    /// Forgets everything that happened and what is left of the script; the next attempts are
    /// [`Attempt::ok`].
    pub fn reset(&self) {
        let mut state = self.shared.state.lock();
        state.script.clear();
        state.then = Attempt::ok();
        state.attempts.clear();
        state.delivered.clear();
        state.health = Health::Healthy;
        (state.failing_starts, state.starts, state.flushes, state.stops) = (0, 0, 0, 0);
    }

    /// Waits until there were this many attempts; says whether there were.
    #[must_use]
    pub fn wait_for_attempts(&self, attempts: usize, timeout: Duration) -> bool {
        self.wait(timeout, |state| state.attempts.len() >= attempts)
    }

    /// Waits until this many lines have arrived; says whether they have.
    #[must_use]
    pub fn wait_for_delivered(&self, lines: usize, timeout: Duration) -> bool {
        self.wait(timeout, |state| state.delivered.len() >= lines)
    }

    /// Waits until an attempt is [blocked](Attempt::blocked); says whether one is.
    #[must_use]
    pub fn wait_until_blocked(&self, timeout: Duration) -> bool {
        self.wait(timeout, |state| state.waiting > 0)
    }

    fn wait(&self, timeout: Duration, until: impl Fn(&State) -> bool) -> bool {
        let mut state = self.shared.state.lock();
        let deadline = Instant::now().checked_add(timeout);
        while !until(&state) {
            match deadline {
                Some(deadline) if self.shared.changed.wait_until(&mut state, deadline).timed_out() => {
                    return until(&state);
                }
                Some(_) => {}
                None => self.shared.changed.wait(&mut state),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use logwheel_core::testing::batch_of_lines;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn each_attempt_is_what_the_script_says_and_then_what_comes_last() {
        let pause = Duration::from_secs(7);
        let script = [
            Attempt::ok(),
            Attempt::unconfirmed(9),
            Attempt::unconfirmed(1),
            Attempt::retry(),
            Attempt::retry_after(pause),
            Attempt::split(),
            Attempt::reject([7, 1, 1]),
            Attempt::reject_by_reason([(9, "x"), (1, "y"), (1, "z")]),
            Attempt::reject_all(),
            Attempt::panic(),
        ];
        let mut sink = ScriptedSink::new(script).then(Attempt::fatal());
        let seen = sink.handle();
        let batch = batch_of_lines(["a", "b"]);
        let mut deliver = || match catch_unwind(AssertUnwindSafe(|| sink.deliver(&batch))) {
            Ok(Ok(delivered)) => format!("unconfirmed {}", delivered.unconfirmed),
            Ok(Err(DeliveryError::Retry { reason, after, .. })) => format!("{reason} {after:?}"),
            Ok(Err(DeliveryError::Reject { reason, refused, .. })) => format!("{reason} {refused:?}"),
            Ok(Err(error)) => error.reason().to_owned(),
            Err(_) => "panic".to_owned(),
        };
        let outcomes: Vec<_> = (0..12).map(|_| deliver()).collect();
        let expected = [
            "unconfirmed 0",
            "unconfirmed 2",
            "unconfirmed 1",
            "scripted_retry None",
            "scripted_retry Some(7s)",
            "scripted_split",
            "scripted_reject Entries([1])",
            "scripted_reject ByReason([(1, \"y\")])",
            "scripted_reject All",
            "panic",
            "scripted_fatal",
            "scripted_fatal",
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(seen.delivered(), ["a", "b", "a", "a", "a"]);
        assert_eq!(seen.attempts().len(), 12);
        assert_eq!(seen.attempts()[9].lines(), ["a", "b"]);
        assert_eq!(seen.attempts()[9].attempt, Attempt::panic());
    }

    #[test]
    fn a_blocked_attempt_goes_on_when_it_is_released_and_only_then() {
        let mut sink = ScriptedSink::new([Attempt::retry().blocked()]);
        let seen = sink.handle();
        // One that nobody waits for releases nothing later.
        seen.release();
        let sending = thread::spawn(move || sink.deliver(&batch_of_lines(["a"])).is_err());
        assert!(seen.wait_until_blocked(LONG));
        assert!(!sending.is_finished() && seen.attempts().len() == 1);
        seen.release();
        assert!(sending.join().unwrap());
        assert!(!seen.wait_until_blocked(Duration::ZERO));
    }

    #[test]
    fn starts_flushes_and_stops_are_counted_and_a_reset_forgets_everything() {
        let mut sink = ScriptedSink::fail_after(1).failing_starts(1).name("first");
        let seen = sink.handle();
        assert!(sink.start().is_err() && sink.start().is_ok());
        assert!(sink.deliver(&batch_of_lines(["a"])).is_ok());
        assert!(sink.deliver(&batch_of_lines(["b"])).is_err());
        sink.flush().unwrap();
        sink.stop().unwrap();
        seen.set_health(Health::unhealthy("tired"));
        assert_eq!((Sink::name(&sink), seen.starts(), seen.flushes(), seen.stops()), ("first", 2, 1, 1));
        assert!(!sink.health().is_healthy() && seen.wait_for_attempts(2, LONG) && seen.wait_for_delivered(1, LONG));
        seen.reset();
        assert_eq!((seen.starts(), seen.flushes(), seen.stops(), seen.attempts().len()), (0, 0, 0, 0));
        assert!(sink.health().is_healthy() && sink.deliver(&batch_of_lines(["c"])).is_ok());
        seen.push([Attempt::retry()]);
        seen.then(Attempt::split());
        assert_eq!(sink.deliver(&batch_of_lines(["d"])).unwrap_err().reason(), "scripted_retry");
        assert_eq!(sink.deliver(&batch_of_lines(["d"])).unwrap_err().reason(), "scripted_split");
    }
}
