//! A sink's queue: the delivery policy behind a lock, and those who wait for it.

use std::time::{Duration, Instant};

use logwheel_core::{Batch, Health};
use logwheel_sinks::Spool;
use logwheel_sinks::policy::{Command, DeliveryPolicy, DeliverySettings, News, Role, Saved};

use super::{SinkLedger, SinkOptions};
use crate::sync::{Condvar, Mutex, MutexGuard};

pub(crate) struct SinkQueue {
    name: String,
    /// How long a worker waits for room.
    blocks_for: Option<Duration>,
    standby: bool,
    /// Another sink may hand over to this one.
    is_fallback: bool,
    state: Mutex<State>,
    /// Gone once the engine has ended, so that another one can open it.
    spool: Mutex<Option<Spool>>,
    /// The origin of the policy's clock.
    epoch: Instant,
    /// For the sink's threads: something to do.
    work: Condvar,
    /// For a blocked worker: something left the queue.
    room: Condvar,
    /// For a flush: something has its fate. For a health check: it was done.
    settled: Condvar,
}

struct State {
    policy: DeliveryPolicy,
    panics: u64,
    /// What an instance of the sink last said of itself; none before one was started.
    said: Option<Health>,
    /// How many health checks were wanted, and how many of them were done.
    checks: (u64, u64),
}

/// How long the end of an engine waits for a spool that is being written.
const SPOOL_GRACE: Duration = Duration::from_millis(500);

impl SinkQueue {
    pub(crate) fn new(
        options: &SinkOptions,
        senders: usize,
        is_fallback: bool,
        spool: Option<Spool>,
        seed: u64,
    ) -> Self {
        let overflow = options.overflow_or_default();
        let settings = DeliverySettings {
            batch: options.batch,
            queue_bytes: options.queue_bytes,
            overflow,
            retry: options.retry.clone(),
            breaker: options.breaker.clone(),
            senders,
            spool: spool.is_some(),
            fallback: options.fallback.is_some(),
        };
        let mut policy = DeliveryPolicy::new(settings, seed);
        if let Some(spool) = &spool {
            policy.found_in_spool(spool.unread_events(), spool.unread_record());
        }
        Self {
            name: options.name.clone(),
            blocks_for: overflow.wait(),
            standby: options.standby,
            is_fallback,
            state: Mutex::new(State { policy, panics: 0, said: None, checks: (0, 0) }),
            spool: Mutex::new(spool),
            epoch: Instant::now(),
            work: Condvar::new(),
            room: Condvar::new(),
            settled: Condvar::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it gets only what other sinks hand over.
    pub(crate) fn is_standby(&self) -> bool {
        self.standby
    }

    /// Whether another sink may hand over to this one.
    pub(crate) fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    /// Takes lines from a worker.
    pub(crate) fn append(&self, lines: &Batch) {
        self.take_in(lines, DeliveryPolicy::append);
    }

    /// Takes over what another sink gave up on.
    pub(super) fn adopt(&self, batch: &Batch) {
        self.take_in(batch, DeliveryPolicy::adopt);
    }

    fn take_in(&self, lines: &Batch, take: fn(&mut DeliveryPolicy, Duration, &Batch, usize, bool) -> usize) {
        let mut state = self.state.lock();
        let before = state.policy.stir();
        let mut next = take(&mut state.policy, self.now(), lines, 0, true);
        if let (true, Some(timeout)) = (next < lines.len(), self.blocks_for) {
            let mut deadline = Instant::now() + timeout;
            while next < lines.len() {
                self.wake_sender(&state);
                let in_vain = self.room.wait_until(&mut state, deadline).timed_out();
                // Waited in vain once, the rest is dropped at once: or a round of lines could
                // hold its worker up for as many timeouts.
                let reached = take(&mut state.policy, self.now(), lines, next, !in_vain);
                if reached > next {
                    deadline = Instant::now() + timeout;
                }
                next = reached;
            }
        }
        if state.policy.stir() != before {
            self.wake_sender(&state);
        }
    }

    /// For the sink's threads: waits for something to do. `None` when `until` comes first, or if the
    /// first sender is to [check](Self::checked) the sink.
    pub(super) fn next(&self, role: Role, until: Option<Instant>, report: impl Fn(News)) -> Option<Command> {
        let mut state = self.state.lock();
        loop {
            if matches!(role, Role::Sender(0)) && state.checks.0 > state.checks.1 && !state.policy.is_abandoned() {
                // What it was woken for, another one can do.
                state.policy.waits_no_more(0);
                self.wake_sender(&state);
                return None;
            }
            let command = state.policy.next(self.now(), role);
            let news = state.policy.take_news();
            if !news.is_empty() {
                // The hook is somebody else's code, and may take its time.
                self.work.notify_all();
                MutexGuard::unlocked(&mut state, || news.into_iter().for_each(&report));
                if matches!(command, Command::Wait { .. }) {
                    continue;
                }
            }
            let Command::Wait { until: work_at } = command else {
                if state.policy.needs_another(self.now()) {
                    self.wake_sender(&state);
                }
                return Some(command);
            };
            let work_at = work_at.and_then(|at| self.epoch.checked_add(at));
            match [work_at, until].into_iter().flatten().min() {
                Some(at) => drop(self.work.wait_until(&mut state, at)),
                None => self.work.wait(&mut state),
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return None;
            }
        }
    }

    /// For the sink's threads: tells the policy what came of a command, and everybody who has to
    /// know that something happened.
    pub(super) fn answer(&self, answer: impl FnOnce(&mut DeliveryPolicy, Duration)) {
        let mut state = self.state.lock();
        answer(&mut state.policy, self.now());
        if state.policy.senders_are_alike() {
            // The one that answers will ask itself.
            self.room.notify_all();
            self.settled.notify_all();
        } else {
            self.wake_all();
        }
    }

    /// Wakes one of those who wait for work, or all if each has something to look for: more than one
    /// would mostly find nothing, and a batch is several things to do.
    fn wake_sender(&self, state: &State) {
        if state.policy.senders_are_alike() {
            self.work.notify_one();
        } else {
            self.work.notify_all();
        }
    }

    /// For the sink's threads: what their instance says of itself.
    pub(super) fn says(&self, health: Health) {
        self.state.lock().said = Some(health);
    }

    /// For the first sender: whether there is a point in checking the sink, and up to which check
    /// that would be.
    pub(super) fn wanted_check(&self) -> (u64, bool) {
        let state = self.state.lock();
        (state.checks.0, state.policy.breaker_is_closed())
    }

    /// For the first sender: what it said of itself is new as of this check.
    pub(super) fn checked(&self, check: u64) {
        self.state.lock().checks.1 = check;
        self.settled.notify_all();
    }

    /// Has the sink checked. Returns at once, so that several can be at it.
    pub(crate) fn begin_check(&self) -> u64 {
        let mut state = self.state.lock();
        state.checks.0 += 1;
        self.work.notify_all();
        state.checks.0
    }

    /// `false` if the deadline came before the sink was checked.
    pub(crate) fn wait_for_check(&self, check: u64, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while state.checks.1 < check && !state.policy.is_abandoned() {
            if self.settled.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.checks.1 >= check
    }

    /// What is known of the sink's health.
    pub(crate) fn health(&self) -> Health {
        let state = self.state.lock();
        let said = state.said.clone().unwrap_or_else(|| Health::unhealthy("it was not started yet"));
        match said {
            said if state.policy.breaker_is_closed() => said,
            Health::Unhealthy { reason } => Health::unhealthy(format!("its circuit breaker is open: {reason}")),
            _ => Health::unhealthy("its circuit breaker is open"),
        }
    }

    pub(super) fn count_panic(&self) {
        self.state.lock().panics += 1;
    }

    /// For the spooler: does something with the spool, if it is still there.
    pub(super) fn with_spool<T>(&self, act: impl FnOnce(&mut Spool) -> T) -> Option<T> {
        self.spool.lock().as_mut().map(act)
    }

    /// Has everything that is in the queue now delivered without waiting for batches to fill, and
    /// the sink flushed then. Returns at once, so that several sinks can be at it.
    pub(crate) fn begin_flush(&self) {
        self.state.lock().policy.want_flushed(self.now());
        self.work.notify_all();
    }

    /// Waits until everything that is in the queue now has its fate and the sink was flushed.
    /// `false` if the deadline came first.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        let Some(ticket) = state.policy.want_flushed(self.now()) else { return true };
        self.work.notify_all();
        while state.policy.flushed_below() <= ticket && !state.policy.is_abandoned() {
            if self.settled.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        let flushed = state.policy.flushed_below() > ticket;
        drop(state);
        if let Some(Some(spool)) = self.spool.try_lock_until(deadline).as_deref_mut() {
            // The batches are in the system's hands; its complaint comes again with the next one.
            let _ = spool.sync();
        }
        flushed
    }

    /// No more events will come; the sink's threads deliver what there is and end.
    pub(crate) fn drain(&self) {
        self.state.lock().policy.drain(self.now());
        self.wake_all();
    }

    /// Time is up: whatever has no fate yet goes to the spool, or is undelivered. What the sink's
    /// threads learn later of batches under way does not count any more.
    pub(crate) fn abandon(&self) {
        let mut spool = self.spool.try_lock_for(SPOOL_GRACE);
        let mut spool = spool.as_deref_mut().and_then(Option::take);
        let mut state = self.state.lock();
        state.policy.abandon(|batch| {
            let Saved { evicted, .. } = spool.as_mut()?.append(batch, true).ok()?;
            Some(evicted)
        });
        if let Some(spool) = &mut spool {
            let _ = spool.sync();
        }
        self.wake_all();
    }

    /// The sink's part of the ledger, at one moment.
    pub(crate) fn ledger(&self) -> SinkLedger {
        let state = self.state.lock();
        SinkLedger::new(&self.name, state.policy.counts(), state.panics)
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn wake_all(&self) {
        self.work.notify_all();
        self.room.notify_all();
        self.settled.notify_all();
    }
}
