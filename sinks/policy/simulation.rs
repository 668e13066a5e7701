//! Years of trouble on a virtual clock: random settings, lines, outcomes and times, by seed.
//!
//! `LOGWHEEL_SIM_RUNS` and `LOGWHEEL_SIM_SEED` say how many runs there are and which is the first;
//! `cargo xtask simulate` sets them. A run that fails prints its seed.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Level, Refused};

use super::backoff::SplitMix64;
use super::*;
use crate::RetrySettings;

const MS: Duration = Duration::from_millis(1);
/// More than any run may take in one moment of its clock.
const MOST_STEPS_AT_ONCE: u32 = 20_000;

struct Random(SplitMix64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next() % end.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// The destination's mood, which changes now and then.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Fine,
    Flaky,
    Down,
    Throttling,
    Refusing,
}

#[derive(Debug)]
enum Job {
    Sort(Arc<Batch>),
    Send(Arc<Batch>),
    HandOver(u64, Arc<Batch>),
    Flush(u64),
    Save(Arc<Batch>, bool),
    Replay,
}

#[derive(Debug)]
enum Actor {
    /// Asks again at that time, or when something happened.
    Idle(Option<Duration>),
    Busy(Duration, Job),
    Ended,
}

/// A spool that keeps its promises, or breaks them as it is told.
#[derive(Default)]
struct ModelSpool {
    records: VecDeque<(u64, Batch)>,
    next_record: u64,
    next_unread: u64,
    damaged: BTreeSet<u64>,
    most_records: usize,
}

impl ModelSpool {
    fn save(&mut self, batch: &Batch, unread: bool) -> Saved {
        let mut evicted = 0;
        while self.records.len() >= self.most_records {
            let (record, batch) = self.records.pop_front().expect("there is one");
            if record >= self.next_unread {
                evicted += batch.len() as u64;
                self.next_unread = record + 1;
            }
        }
        let record = self.next_record;
        self.next_record += 1;
        if !unread {
            assert_eq!(self.next_unread, record, "what stays in memory is written before anything is left unread");
            self.next_unread = record + 1;
        }
        self.records.push_back((record, batch.clone()));
        let first_record = self.records.front().expect("just pushed").0;
        Saved { record, evicted, first_record }
    }

    fn replay(&mut self) -> Option<Replayed> {
        let mut lost = 0;
        while let Some((record, batch)) = self.records.iter().find(|(record, _)| *record >= self.next_unread) {
            self.next_unread = record + 1;
            if self.damaged.contains(record) {
                lost += batch.len() as u64;
                continue;
            }
            return Some(Replayed { record: *record, batch: batch.clone(), lost });
        }
        None
    }

    fn acknowledge(&mut self, first_needed: u64) {
        assert!(first_needed <= self.next_unread, "nothing is done with before it was read");
        self.records.retain(|(record, _)| *record >= first_needed);
    }

    fn unread_events(&self) -> u64 {
        let unread = self.records.iter().filter(|(record, _)| *record >= self.next_unread);
        unread.map(|(_, batch)| batch.len() as u64).sum()
    }
}

struct Simulation {
    random: Random,
    now: Duration,
    settings: DeliverySettings,
    policy: DeliveryPolicy,
    /// Senders, then the spooler.
    actors: Vec<Actor>,
    spool: ModelSpool,
    spool_fails: bool,
    streams: u64,
    mood: Mood,
    mood_until: Duration,
    largest: usize,
    /// Lines that wait for room since then, and how far they got.
    blocked: Option<(Duration, Batch, usize)>,
    next_event: u64,
    under_way: HashSet<u64>,
    /// The last event that arrived first, for each stream.
    arrived: BTreeMap<u64, u64>,
    seen: HashSet<u64>,
    /// What was sent before a crash: whatever its fate was, the spool may bring it back.
    sent_before_crash: HashSet<u64>,
    sent: HashSet<u64>,
    /// A batch that failed must come again as it was.
    to_come_again: BTreeMap<u64, Vec<u8>>,
    not_before: Duration,
    failures_in_a_row: u32,
    closed_until: Option<Duration>,
    sends: u64,
    told: DeliveryCounts,
    restarted: bool,
}

fn stream_of(entry: &logwheel_core::Entry<'_>) -> u64 {
    entry.timestamp >> 32
}

fn number_of(entry: &logwheel_core::Entry<'_>) -> u64 {
    entry.timestamp & 0xffff_ffff
}

fn settings(random: &mut Random) -> DeliverySettings {
    let spool = random.one_in(2);
    let block = Overflow::Block(random.millis(500) + MS);
    let mut choices = vec![Overflow::DropOldest, Overflow::DropNewest, block];
    if spool {
        choices.extend([Overflow::Spool; 3]);
    }
    let base_delay = random.millis(1_000) + MS;
    DeliverySettings {
        batch: BatchLimits {
            max_events: 1 + random.below(20) as usize,
            max_bytes: 50 + random.below(400) as usize,
            max_age: random.millis(2_000) + MS,
        },
        queue_bytes: 500 + random.below(6_000) as usize,
        overflow: choices[random.below(choices.len() as u64) as usize],
        retry: RetrySettings::new()
            .base_delay(base_delay)
            .max_delay(base_delay + random.millis(30_000))
            .max_elapsed(random.millis(120_000) + MS)
            .max_attempts(random.one_in(3).then(|| 1 + random.below(10) as u32)),
        breaker: match random.one_in(3) {
            true => BreakerSettings::off(),
            false => BreakerSettings::new()
                .failure_threshold(1 + random.below(6) as u32)
                .recovery(random.millis(40_000) + MS),
        },
        senders: 1 + random.below(4) as usize,
        spool,
        fallback: random.one_in(2),
    }
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random(SplitMix64(seed));
        let settings = settings(&mut random);
        let mut simulation = Self {
            policy: DeliveryPolicy::new(settings.clone(), seed),
            actors: Vec::new(),
            spool: ModelSpool { most_records: 1 + random.below(60) as usize, ..ModelSpool::default() },
            spool_fails: false,
            streams: 1 + random.below(6),
            mood: Mood::Fine,
            mood_until: Duration::ZERO,
            largest: 1 + random.below(30) as usize,
            now: Duration::from_secs(1),
            settings,
            random,
            blocked: None,
            next_event: 0,
            under_way: HashSet::new(),
            arrived: BTreeMap::new(),
            seen: HashSet::new(),
            sent_before_crash: HashSet::new(),
            sent: HashSet::new(),
            to_come_again: BTreeMap::new(),
            not_before: Duration::ZERO,
            failures_in_a_row: 0,
            closed_until: None,
            sends: 0,
            told: DeliveryCounts::default(),
            restarted: false,
        };
        simulation.hire();
        simulation
    }

    fn hire(&mut self) {
        let spoolers = usize::from(self.settings.spool);
        self.actors = (0..self.settings.senders + spoolers).map(|_| Actor::Idle(Some(self.now))).collect();
    }

    fn role(&self, actor: usize) -> Role {
        if actor < self.settings.senders { Role::Sender(actor) } else { Role::Spooler }
    }

    fn run(&mut self) {
        for _ in 0..10 + self.random.below(30) {
            self.log();
            let pause = match self.random.below(4) {
                0 => self.random.millis(20_000),
                _ => self.random.millis(1_500),
            };
            self.advance(pause);
            match self.random.below(25) {
                0 => drop(self.policy.want_flushed(self.now)),
                1 => {
                    let damaged = self.spool.next_unread + self.random.below(3);
                    if damaged < self.spool.next_record {
                        self.spool.damaged.insert(damaged);
                    }
                }
                2 if self.settings.spool => self.spool_fails = self.random.one_in(2),
                3 if self.settings.spool && self.random.one_in(4) => self.crash(),
                _ => {}
            }
        }
        if self.random.one_in(3) {
            self.end_in_trouble();
        } else {
            self.end_well();
        }
    }

    /// A few lines come.
    fn log(&mut self) {
        if self.blocked.is_some() {
            return;
        }
        let mut lines = Batch::new();
        for _ in 0..self.random.below(12) {
            let stream = self.random.below(self.streams);
            let text = "x".repeat(self.random.below(60) as usize);
            let line = format!("{stream}:{}:{text}", self.next_event);
            lines.push(line.as_bytes(), stream << 32 | self.next_event, Level::INFO);
            self.next_event += 1;
        }
        let stir = self.policy.stir();
        let next = self.policy.append(self.now, &lines, 0, true);
        if self.policy.stir() != stir || next < lines.len() {
            self.wake_one();
        }
        if next < lines.len() {
            assert!(self.settings.overflow.wait().is_some(), "only where there is a wait are lines left behind");
            self.blocked = Some((self.now, lines, next));
        }
        self.check();
        self.ask_all();
    }

    fn unblock(&mut self) {
        let Some((since, lines, from)) = self.blocked.take() else { return };
        let timeout = self.settings.overflow.wait().expect("it waits");
        let stir = self.policy.stir();
        let next = self.policy.append(self.now, &lines, from, self.now < since + timeout);
        if self.policy.stir() != stir || next < lines.len() {
            self.wake_one();
        }
        if next < lines.len() {
            self.blocked = Some((since, lines, next));
        }
        self.check();
    }

    /// Lets time pass.
    fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
        self.ask_all();
    }

    /// Goes to the next moment at which something happens, not beyond `until`.
    fn step(&mut self, until: Duration) -> bool {
        self.ask_all();
        let times = self.actors.iter().filter_map(|actor| match actor {
            Actor::Idle(at) => *at,
            Actor::Busy(at, _) => Some(*at),
            Actor::Ended => None,
        });
        let unblocks = self.blocked.as_ref().map(|(since, ..)| *since + Duration::from_millis(500));
        let Some(next) = times.chain(unblocks).min().filter(|next| *next <= until) else { return false };
        self.now = self.now.max(next);
        for actor in 0..self.actors.len() {
            if matches!(self.actors[actor], Actor::Busy(at, _) if at <= self.now) {
                let Actor::Busy(_, job) = std::mem::replace(&mut self.actors[actor], Actor::Idle(Some(self.now)))
                else {
                    unreachable!()
                };
                self.finish(actor, job);
                self.check();
            }
        }
        true
    }

    /// Everybody who is idle asks what to do, until all wait.
    fn ask_all(&mut self) {
        self.unblock();
        for step in 0.. {
            assert!(step < MOST_STEPS_AT_ONCE, "a busy loop");
            let mut nothing_new = true;
            for actor in 0..self.actors.len() {
                let Actor::Idle(at) = self.actors[actor] else { continue };
                if self.policy.senders_are_alike() && at.is_none_or(|at| at > self.now) {
                    continue;
                }
                match self.policy.next(self.now, self.role(actor)) {
                    Command::Wait { until } => {
                        assert!(until.is_none_or(|until| until > self.now), "a wait that does not wait");
                        self.actors[actor] = Actor::Idle(until);
                    }
                    command => {
                        nothing_new = false;
                        self.begin(actor, command);
                        if self.policy.needs_another(self.now) {
                            self.wake_one();
                        }
                    }
                }
                self.check();
            }
            if nothing_new {
                break;
            }
        }
        self.check_that_nobody_else_needs_to_ask();
        self.check_that_somebody_will_act();
    }

    /// One of those who wait, whichever, is to ask.
    fn wake_one(&mut self) {
        let idle = |actor: &&mut Actor| matches!(actor, Actor::Idle(_));
        let mut waiting: Vec<_> = self.actors.iter_mut().filter(idle).collect();
        if !waiting.is_empty() {
            let chosen = self.random.below(waiting.len() as u64) as usize;
            *waiting[chosen] = Actor::Idle(Some(self.now));
        }
    }

    /// While senders are alike, they ask only when they are woken, or when their time has come: the
    /// others would ask in vain, and not too late.
    fn check_that_nobody_else_needs_to_ask(&self) {
        if !self.policy.senders_are_alike() {
            return;
        }
        let mut wakes = Vec::new();
        for sender in 0..self.settings.senders {
            if let Actor::Idle(at) = self.actors[sender] {
                let command = self.policy.clone().next(self.now, Role::Sender(sender));
                let Command::Wait { until } = command else { panic!("{sender} would have been given {command:?}") };
                wakes.push((at, until));
            }
        }
        let soonest = wakes.iter().filter_map(|(at, _)| *at).min();
        for (_, until) in &wakes {
            assert!(until.is_none() || soonest.is_some_and(|at| Some(at) <= *until), "{until:?} will be missed");
        }
    }

    fn begin(&mut self, actor: usize, command: Command) {
        let (time, job) = match command {
            Command::Sort { batch } => (self.random.millis(3), Job::Sort(batch)),
            Command::Send { batch } => {
                self.check_send(&batch);
                let time = if self.random.one_in(20) { self.random.millis(20_000) } else { self.random.millis(300) };
                (time, Job::Send(batch))
            }
            Command::HandOver { id, batch } => (self.random.millis(100), Job::HandOver(id, batch)),
            Command::Flush { ticket } => (self.random.millis(10), Job::Flush(ticket)),
            Command::Save { batch, unread } => (self.random.millis(20), Job::Save(batch, unread)),
            Command::Replay => (self.random.millis(20), Job::Replay),
            Command::Acknowledge { first_needed } => return self.spool.acknowledge(first_needed),
            Command::End => return self.actors[actor] = Actor::Ended,
            Command::Wait { .. } => unreachable!(),
        };
        self.actors[actor] = Actor::Busy(self.now + time, job);
    }

    fn finish(&mut self, actor: usize, job: Job) {
        match job {
            Job::Sort(batch) => self.policy.sorted(split_by_stream(batch, |_, entry| stream_of(entry))),
            Job::Send(batch) => {
                let result = self.deliver(&batch);
                let splits = batch.len() > 1 && matches!(result, Err(DeliveryError::Split { .. }));
                let stream = stream_of(&batch.get(0).expect("not empty"));
                drop(batch);
                let is_it = |piece: &Piece| piece.stream == stream && piece.state == State::UnderWay;
                let before = self.policy.window.iter().find(|(_, piece)| is_it(piece));
                let before = before.map(|(id, piece)| (id, piece.trouble));
                self.policy.on_result(self.now, actor, result);
                if let (true, Some((id, trouble))) = (splits, before) {
                    self.check_halves(id, trouble);
                }
            }
            Job::HandOver(id, batch) => {
                self.told.fallback += batch.len() as u64;
                self.policy.handed_over(id);
            }
            Job::Flush(ticket) => self.policy.flushed(actor, ticket),
            Job::Save(_, _) if self.spool_fails => self.policy.saved(self.now, Err("disk full".into())),
            Job::Save(batch, unread) => {
                let saved = self.spool.save(&batch, unread);
                drop(batch);
                self.policy.saved(self.now, Ok(saved));
            }
            Job::Replay => {
                let replayed = self.spool.replay();
                self.policy.replayed(self.now, replayed);
            }
        }
    }

    /// What the destination does with a batch.
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let len = batch.len();
        let stream = stream_of(&batch.get(0).expect("not empty"));
        assert!(self.under_way.remove(&stream));
        let retry = |after| DeliveryError::Retry { reason: "busy", detail: "not now".into(), after };
        let failure = match self.mood {
            Mood::Down => Some(retry(None)),
            Mood::Flaky if self.random.one_in(2) => Some(retry(None)),
            // Loki says "slow down" to what it would never take in one piece, too.
            Mood::Throttling if len > 1 && self.random.one_in(4) => {
                (self.failures_in_a_row, self.closed_until) = (0, None);
                return Err(DeliveryError::Split { reason: "burst" });
            }
            Mood::Throttling => {
                let after = self.random.one_in(2).then(|| self.random.millis(100_000));
                let asked = after.unwrap_or_default().min(self.settings.retry.max_delay);
                self.not_before = self.not_before.max(self.now + asked);
                Some(retry(after))
            }
            Mood::Refusing if self.random.one_in(2) => {
                Some(DeliveryError::Fatal { reason: "denied", detail: "who are you?".into() })
            }
            _ => None,
        };
        if let Some(failure) = failure {
            if self.random.one_in(8) {
                // It did arrive; only the answer was lost.
                self.arrive(batch, |_| true);
            }
            let fatal = matches!(failure, DeliveryError::Fatal { .. });
            let no_pause = matches!(self.settings.overflow, Overflow::Block(_)) || self.policy.is_closing();
            if !(fatal && no_pause) {
                self.failures_in_a_row += 1;
                let breaker = &self.settings.breaker;
                if breaker.enabled
                    && (self.failures_in_a_row >= breaker.failure_threshold || self.closed_until.is_some())
                {
                    self.closed_until.get_or_insert(self.now + breaker.recovery);
                }
            } else {
                (self.failures_in_a_row, self.closed_until) = (0, None);
            }
            self.to_come_again.insert(stream, batch.lines().to_vec());
            return Err(failure);
        }
        (self.failures_in_a_row, self.closed_until) = (0, None);
        let is_stale = |number: u64| number % 41 == 7;
        let is_poison = |number: u64| number % 37 == 5 && !is_stale(number);
        if len > self.largest {
            return Err(DeliveryError::Split { reason: "too_large" });
        }
        let positions = |is: &dyn Fn(u64) -> bool| -> Vec<usize> {
            batch.iter().enumerate().filter(|(_, entry)| is(number_of(entry))).map(|(index, _)| index).collect()
        };
        let (mut refused, stale) = (positions(&is_poison), positions(&is_stale));
        if refused.len() == 1 && stale.is_empty() && self.mood == Mood::Flaky {
            if len == 1 {
                self.told.reject_events("poison", 1);
            }
            // The kind that does not say which one.
            return Err(DeliveryError::Split { reason: "poison" });
        }
        self.arrive(batch, |number| !is_poison(number) && !is_stale(number));
        if refused.is_empty() && stale.is_empty() {
            let unconfirmed = if self.random.one_in(5) { self.random.below(len as u64 + 1) } else { 0 };
            self.told.unconfirmed += unconfirmed;
            self.told.delivered += len as u64 - unconfirmed;
            return Ok(Delivered::unconfirmed(unconfirmed as usize));
        }
        self.told.reject_events("poison", refused.len() as u64);
        self.told.delivered += (len - refused.len()) as u64;
        if !stale.is_empty() {
            self.told.reject_events("stale", stale.len() as u64);
            self.told.delivered -= stale.len() as u64;
            let mut both: Vec<_> = stale.into_iter().map(|index| (index, "stale")).collect();
            both.extend(refused.drain(..).map(|index| (index, "poison")));
            // Not in order, with what is not there and what was said already.
            both.extend([(len, "nowhere"), (both[0].0, "again")]);
            return Err(DeliveryError::Reject {
                refused: Refused::ByReason(both),
                reason: "mixed",
                detail: "bad".into(),
            });
        }
        Err(DeliveryError::Reject { refused: Refused::Entries(refused), reason: "poison", detail: "bad".into() })
    }

    /// Splitting is no way round a pause, nor round the end of all attempts.
    fn check_halves(&self, id: u64, trouble: Option<super::backoff::Trouble>) {
        let piece = self.policy.window.get(id).expect("it was split");
        assert_eq!(piece.trouble, trouble);
        match (trouble, piece.state) {
            (None, State::Waiting) => {}
            (Some(_), State::Retrying(at)) => {
                assert!(at >= self.now && at <= self.now + self.settings.retry.max_delay);
            }
            (trouble, state) => panic!("{trouble:?}, then {state:?}"),
        }
    }

    fn arrive(&mut self, batch: &Batch, takes: impl Fn(u64) -> bool) {
        for entry in batch.iter() {
            let (stream, number) = (stream_of(&entry), number_of(&entry));
            if !takes(number) || !self.seen.insert(number) || self.sent_before_crash.contains(&number) {
                continue;
            }
            if let Some(before) = self.arrived.insert(stream, number) {
                assert!(before < number, "stream {stream}: {number} came after {before}");
            }
        }
    }

    fn check_send(&mut self, batch: &Batch) {
        self.sends += 1;
        self.sent.extend(batch.iter().map(|entry| number_of(&entry)));
        let stream = stream_of(&batch.get(0).expect("batches are never empty"));
        assert!(batch.iter().all(|entry| stream_of(&entry) == stream), "a batch of several streams");
        if let Some(before) = self.to_come_again.remove(&stream)
            && batch.lines().starts_with(&before[..before.iter().position(|b| *b == b'\n').unwrap() + 1])
            && !self.restarted
        {
            assert!(batch.lines() == before, "a batch changed between two attempts");
        }
        assert!(self.now >= self.not_before, "sent before the time that the destination asked for");
        if let Some(until) = self.closed_until {
            assert!(self.now >= until || self.policy.is_closing(), "sent while the breaker was open");
            assert!(self.under_way.is_empty(), "a probe is alone");
            self.closed_until = None;
            // One more failure opens it again.
            self.failures_in_a_row = self.settings.breaker.failure_threshold;
        }
        assert!(self.under_way.insert(stream), "two batches of stream {stream} at once");
        if self.now >= self.mood_until && self.mood_until < Duration::from_secs(1 << 40) {
            self.mood_until = self.now + self.random.millis(60_000);
            let moods = [Mood::Fine, Mood::Fine, Mood::Flaky, Mood::Down, Mood::Throttling, Mood::Refusing];
            self.mood = moods[self.random.below(moods.len() as u64) as usize];
        }
    }

    /// The books, after every step.
    fn check(&mut self) {
        let counts = self.policy.counts();
        let rejected: u64 = counts.rejected.values().sum();
        let dropped: u64 = counts.dropped.values().sum();
        let accounted = counts.queued
            + counts.in_flight
            + counts.delivered
            + rejected
            + dropped
            + counts.fallback
            + counts.spooled
            + counts.unconfirmed;
        assert_eq!(counts.routed + counts.recovered, accounted, "{counts:#?}");
        if !self.policy.is_abandoned() {
            assert_eq!(counts.delivered, self.told.delivered);
            assert_eq!(counts.unconfirmed, self.told.unconfirmed);
            assert_eq!(counts.fallback, self.told.fallback);
            assert_eq!(counts.spooled, self.spool.unread_events(), "{counts:?}");
            assert_eq!(counts.rejected, self.told.rejected);
        }
        let most = self.settings.queue_bytes + 70;
        assert!(self.policy.total_bytes() <= most + self.settings.batch.max_bytes, "the queue is bounded");
        drop(self.policy.take_news());
    }

    /// Whoever waits for ever has nothing to wait for.
    fn check_that_somebody_will_act(&self) {
        let counts = self.policy.counts();
        let busy = self.actors.iter().any(|actor| matches!(actor, Actor::Busy(..)));
        let ended = self.actors.iter().all(|actor| matches!(actor, Actor::Ended));
        let pending = counts.queued + counts.in_flight + counts.spooled > 0;
        if busy || ended || !pending || (self.policy.is_closing() && counts.queued + counts.in_flight == 0) {
            return;
        }
        let wakes = self.actors.iter().filter_map(|actor| if let Actor::Idle(at) = actor { *at } else { None });
        let wake = wakes.min().unwrap_or_else(|| panic!("nobody will ever act: {counts:#?}"));
        let DeliverySettings { batch, retry, breaker, .. } = &self.settings;
        let longest = batch.max_age.max(retry.max_delay).max(breaker.recovery).max(30_000 * MS);
        assert!(wake <= self.now + longest, "{:?} is too long to wait", wake - self.now);
    }

    /// The process dies; another one goes on with its spool.
    fn crash(&mut self) {
        self.sent_before_crash = self.sent.clone();
        self.under_way.clear();
        self.to_come_again.clear();
        self.blocked = None;
        (self.failures_in_a_row, self.closed_until, self.not_before) = (0, None, Duration::ZERO);
        self.told = DeliveryCounts::default();
        self.restarted = true;
        let first_record = self.spool.records.front().map_or(self.spool.next_record, |(record, _)| *record);
        self.spool.next_unread = first_record;
        self.policy = DeliveryPolicy::new(self.settings.clone(), self.random.below(u64::MAX));
        self.policy.found_in_spool(self.spool.unread_events(), first_record);
        self.hire();
        self.check();
        self.ask_all();
    }

    fn heal(&mut self) {
        (self.mood, self.mood_until, self.spool_fails) = (Mood::Fine, Duration::MAX, false);
    }

    /// The destination recovers: everything is delivered, a flush and a shutdown end by themselves.
    fn end_well(&mut self) {
        self.heal();
        let DeliverySettings { batch, retry, breaker, .. } = &self.settings;
        let enough = batch.max_age + 4 * (retry.max_delay + breaker.recovery) + Duration::from_secs(1_200);
        self.advance(enough);
        let counts = self.policy.counts();
        assert_eq!((counts.queued, counts.in_flight, counts.spooled), (0, 0, 0), "{counts:#?}");
        self.log();
        let ticket = self.policy.want_flushed(self.now);
        self.advance(enough);
        assert!(ticket.is_none_or(|ticket| self.policy.flushed_below() > ticket), "a flush that does not end");
        assert!(self.blocked.is_none());
        self.log();
        self.policy.want_flushed(self.now);
        self.policy.drain(self.now);
        self.advance(enough);
        assert!(self.actors.iter().all(|actor| matches!(actor, Actor::Ended)), "{:?}", self.actors);
        let counts = self.policy.counts();
        assert_eq!((counts.queued, counts.in_flight), (0, 0), "{counts:#?}");
    }

    /// Time runs out while the destination is what it is.
    fn end_in_trouble(&mut self) {
        self.log();
        self.policy.want_flushed(self.now);
        self.policy.drain(self.now);
        let time = self.random.millis(60_000);
        self.advance(time);
        let before = self.policy.counts();
        let (has_spool, fails) = (self.settings.spool, self.random.one_in(4));
        let mut saved = 0;
        self.policy.abandon(|batch| {
            let fine = has_spool && !fails;
            saved += if fine { batch.len() as u64 } else { 0 };
            fine.then_some(0)
        });
        self.check();
        let after = self.policy.counts();
        assert_eq!((after.queued, after.in_flight), (0, 0));
        let lost = after.dropped.get("undelivered").copied().unwrap_or(0)
            - before.dropped.get("undelivered").copied().unwrap_or(0);
        assert_eq!(before.queued + before.in_flight, lost + after.spooled - before.spooled);
        assert!(after.spooled - before.spooled >= saved);
        if has_spool && !fails {
            assert_eq!(lost, 0, "the spool takes what is left");
        }
        self.ask_all();
        self.advance(Duration::from_secs(3_600));
        assert!(self.actors.iter().all(|actor| matches!(actor, Actor::Ended)), "{:?}", self.actors);
        assert_eq!(self.policy.counts(), after, "nothing counts after the end");
    }
}

fn number_in(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: must be a number")))
}

#[test]
fn random_runs_keep_every_promise() {
    let first = number_in("LOGWHEEL_SIM_SEED").unwrap_or(0);
    let runs = number_in("LOGWHEEL_SIM_RUNS").unwrap_or(2_000);
    let (mut sends, mut arrived) = (0, 0);
    for seed in first..first + runs {
        let mut simulation = Simulation::new(seed);
        let run = std::panic::AssertUnwindSafe(|| simulation.run());
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("seed {seed} fails; again: cargo xtask simulate --runs 1 --seed {seed}");
            eprintln!("{:#?}", simulation.settings);
            std::panic::resume_unwind(panic);
        }
        sends += simulation.sends;
        arrived += simulation.seen.len();
    }
    println!("{runs} runs from seed {first}: {sends} batches sent, {arrived} events arrived");
}
