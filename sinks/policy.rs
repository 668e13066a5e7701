//! The delivery policy: what happens to events between the pipeline and a destination.
//!
//! ```text
//!            append                 Sort                    Send             on_result
//!  lines ──────────▶ open ─▶ sealed ────▶ pieces by stream ─────▶ sink ──────────────────▶ fates
//!                    batch     │              │    ▲
//!                              │ Save    Save │    │ Replay        HandOver ─▶ fallback
//!                              ▼              ▼    │
//!                             ───────── spool ───────
//! ```
//!
//! A pure state machine: it holds the batches, and decides; it has no clock, thread, file or socket.
//! Its driver asks with [`next`](DeliveryPolicy::next) what to do, does it, and says what came of it.
//! So tests run years of failures in a moment. Time is a `Duration` since any fixed moment.
//!
//! The engine drives it from the sink's threads; nobody else needs this module.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use logwheel_core::Batch;

mod backoff;
mod breaker;
mod command;
mod counts;
mod intake;
mod outcome;
mod settings;
mod spooling;
mod window;

pub use breaker::BreakerSettings;
pub use command::{Command, News, Replayed, Role, Saved};
pub use counts::DeliveryCounts;
pub use settings::{DeliverySettings, Overflow};

use backoff::Backoff;
#[cfg(test)]
pub(crate) use backoff::SplitMix64;
use breaker::Breaker;
use spooling::{Saving, Spooling};
use window::{Piece, State, Window};

/// Decides what happens to a sink's events. See the [module](self).
///
/// ```
/// use logwheel_core::{Batch, Delivered, Level};
/// use logwheel_sinks::policy::{Command, DeliveryPolicy, DeliverySettings, Role, split_by_stream};
/// use std::time::Duration;
///
/// let mut policy = DeliveryPolicy::new(DeliverySettings::default(), 42);
/// let mut lines = Batch::new();
/// lines.push(br#"{"message":"hello"}"#, 0, Level::INFO);
/// let now = Duration::from_secs(10);
/// assert_eq!(policy.append(now, &lines, 0, true), 1);
/// policy.want_flushed(now);
///
/// let me = Role::Sender(0);
/// let Command::Sort { batch } = policy.next(now, me) else { panic!() };
/// policy.sorted(split_by_stream(batch, |_, _| 0));
/// let Command::Send { batch } = policy.next(now, me) else { panic!() };
/// assert_eq!(batch.len(), 1);
/// policy.on_result(now, 0, Ok(Delivered::all()));
/// assert_eq!(policy.counts().delivered, 1);
/// ```
#[derive(Debug, Clone)]
pub struct DeliveryPolicy {
    settings: DeliverySettings,
    backoff: Backoff,
    breaker: Breaker,
    counts: DeliveryCounts,
    news: VecDeque<News>,
    open: Batch,
    /// When the open batch got its first event.
    open_since: Option<Duration>,
    /// In order; tickets ascend.
    sealed: VecDeque<Sealed>,
    /// Sealed batches that were read back, to be sorted first.
    replayed: VecDeque<Sealed>,
    /// What a sender is taking apart.
    sorting: Option<Sealed>,
    /// Bytes in `open`, `sealed`, `replayed` and `sorting`.
    bytes: usize,
    next_ticket: u64,
    window: Window,
    senders: Vec<Sender>,
    /// Pieces on their way to the fallback whose turn has not come.
    leaving: VecDeque<(u64, Reason)>,
    /// The destination asked for a pause until then.
    pause_until: Duration,
    /// When the first attempt failed since the last answer.
    outage_since: Option<Duration>,
    /// No piece has waited long enough to leave before then.
    look_for_late_at: Duration,
    spooling: Spooling,
    /// The highest ticket that a flush wants settled.
    flush_wanted: Option<u64>,
    closing: Closing,
    /// Emptied batches, to be filled again.
    spare: Vec<Batch>,
}

#[derive(Debug, Clone)]
struct Sealed {
    ticket: u64,
    at: Duration,
    batch: Arc<Batch>,
    /// The record of the spool that it was read from.
    record: Option<u64>,
    /// That record had to make room.
    evicted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sender {
    /// The piece that it delivers.
    job: Option<u64>,
    /// It is handing this one over.
    hands_over: Option<u64>,
    /// It has flushed its sink after all tickets below this one were settled.
    flushed_below: u64,
    /// It was told to wait, until then.
    waits: Option<Option<Duration>>,
}

type Reason = (&'static str, std::borrow::Cow<'static, str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Closing {
    #[default]
    No,
    /// No more events will come: deliver what there is, then end.
    Drain,
    /// Time is up.
    Abandoned,
}

/// Spare batches that are kept, each for reuse of its memory.
const SPARES: usize = 2;
/// What is not fetched in time is forgotten.
const MOST_NEWS: usize = 64;

impl DeliveryPolicy {
    /// A policy for one sink.
    ///
    /// Give each sink of each process its own `seed`: it decides the random part of the pauses.
    #[must_use]
    pub fn new(settings: DeliverySettings, seed: u64) -> Self {
        let senders = vec![Sender::default(); settings.senders.max(1)];
        let spooling = Spooling { configured: settings.spool, ..Spooling::default() };
        Self {
            backoff: Backoff::new(seed),
            breaker: Breaker::new(settings.breaker.clone()),
            settings,
            counts: DeliveryCounts::default(),
            news: VecDeque::new(),
            open: Batch::new(),
            open_since: None,
            sealed: VecDeque::new(),
            replayed: VecDeque::new(),
            sorting: None,
            bytes: 0,
            next_ticket: 0,
            window: Window::default(),
            senders,
            leaving: VecDeque::new(),
            pause_until: Duration::ZERO,
            outage_since: None,
            look_for_late_at: Duration::ZERO,
            spooling,
            flush_wanted: None,
            closing: Closing::No,
            spare: Vec::new(),
        }
    }

    /// Says what an earlier process left in the spool: so many events from this record on, which
    /// count as recovered. To be called once, before anything else.
    pub fn found_in_spool(&mut self, events: u64, first_record: u64) {
        self.counts.recovered += events;
        self.counts.spooled += events;
        (self.spooling.next_unread, self.spooling.acknowledged) = (first_record, first_record);
        self.spooling.active = events > 0;
    }

    /// What `role` is to do now.
    ///
    /// A role asks again after it did what it was told, and when it waited and something happened.
    pub fn next(&mut self, now: Duration, role: Role) -> Command {
        if self.closing == Closing::Abandoned {
            return Command::End;
        }
        if self.is_due(now) || self.closing == Closing::Drain || self.flush_wanted.is_some() {
            self.seal(now);
        }
        self.look_for_late(now);
        self.choose_road(now);
        match role {
            Role::Sender(sender) => {
                let command = self.next_for_sender(now, sender);
                self.senders[sender].waits = if let Command::Wait { until } = command { Some(until) } else { None };
                command
            }
            Role::Spooler => self.next_for_spooler(now),
        }
    }

    /// A sender that was told to wait does something else.
    pub fn waits_no_more(&mut self, sender: usize) {
        self.senders[sender].waits = None;
    }

    fn next_for_sender(&mut self, now: Duration, sender: usize) -> Command {
        if let Some(command) = self.next_to_hand_over(sender) {
            return command;
        }
        if let Some(ticket) = self.flush_wanted
            && self.senders[sender].flushed_below <= ticket
            && self.is_settled(ticket)
        {
            return Command::Flush { ticket };
        }
        if self.sorting.is_none()
            && let Some(unsorted) = self.next_unsorted()
        {
            let batch = Arc::clone(&unsorted.batch);
            self.sorting = Some(unsorted);
            return Command::Sort { batch };
        }
        if self.sends_at().is_some_and(|at| at <= now)
            && let Some((id, batch)) = self.window.take_ready(now)
        {
            self.breaker.on_send();
            self.senders[sender].job = Some(id);
            return Command::Send { batch };
        }
        if self.closing == Closing::Drain && self.is_drained() {
            // Its sink is stopped now, which flushes it.
            self.senders[sender].flushed_below = u64::MAX;
            return Command::End;
        }
        Command::Wait { until: self.acts_at() }
    }

    /// When a sender has to ask again, if nothing happens before.
    fn acts_at(&self) -> Option<Duration> {
        earliest([self.due(), self.sends_at(), self.late_at()])
    }

    fn next_for_spooler(&mut self, now: Duration) -> Command {
        let spooling = &self.spooling;
        if spooling.retry_at > now {
            return Command::Wait { until: earliest([self.due(), Some(spooling.retry_at)]) };
        }
        if spooling.active && spooling.saving.is_none() {
            let unsaved = self.window.iter_from(spooling.save_from);
            let mut unsaved = unsaved.filter(|(_, piece)| piece.record.is_none() && piece.state != State::Leaving);
            if let Some((id, piece)) = unsaved.next() {
                let batch = piece.joined();
                self.spooling.save_from = id;
                self.spooling.saving = Some(Saving::Piece(id));
                return Command::Save { batch, unread: false };
            }
            // What is being sorted is older: it has to be saved first.
            if self.sorting.as_ref().is_none_or(|sorting| sorting.record.is_some())
                && let Some(sealed) = self.sealed.front()
            {
                let batch = Arc::clone(&sealed.batch);
                self.spooling.saving = Some(Saving::Sealed);
                return Command::Save { batch, unread: true };
            }
        }
        if let Some(first_needed) = self.spooling.acknowledge() {
            return Command::Acknowledge { first_needed };
        }
        if self.may_replay() {
            self.spooling.reading = true;
            return Command::Replay;
        }
        if self.closing == Closing::Drain && self.is_drained() && self.spooling.saving.is_none() {
            return Command::End;
        }
        Command::Wait { until: earliest([self.due(), self.late_at()]) }
    }

    /// Takes in what was [sorted](Command::Sort): its parts by stream, in order.
    pub fn sorted(&mut self, parts: Vec<(u64, Arc<Batch>)>) {
        let Some(whole) = self.sorting.take() else { return };
        self.bytes -= whole.batch.byte_len();
        let Sealed { ticket, at, batch, record, evicted } = whole;
        // Else it cannot be changed when more of its stream is to join it.
        drop(batch);
        let saving = self.spooling.saving;
        let wanted = self.flush_wanted;
        for (stream, batch) in parts {
            let piece = Piece { evicted, ..Piece::new(stream, ticket, at, batch, record) };
            self.window.push(piece, &self.settings.batch, |id, last| {
                // A flush must not wait for what came after it, and a record ends with its own events.
                let apart = wanted.is_some_and(|wanted| last.ticket <= wanted && ticket > wanted);
                !apart && record.is_none() && last.record.is_none() && saving != Some(Saving::Piece(id))
            });
        }
    }

    /// A [flush](Command::Flush) of a sender's sink has been done.
    pub fn flushed(&mut self, sender: usize, ticket: u64) {
        let below = &mut self.senders[sender].flushed_below;
        *below = ticket.saturating_add(1).max(*below);
        if self.flush_wanted.is_some_and(|wanted| self.flushed_below() > wanted) {
            self.flush_wanted = None;
        }
    }

    /// Has everything that is here now delivered without waiting for batches to fill, and the
    /// sinks flushed then. While the destination does not answer, the spool is as good, if there is
    /// one. Returns the last ticket that this covers; `None` if nothing ever came.
    pub fn want_flushed(&mut self, now: Duration) -> Option<u64> {
        self.seal(now);
        let ticket = self.next_ticket.checked_sub(1)?;
        if self.flushed_below() <= ticket {
            self.flush_wanted = Some(self.flush_wanted.map_or(ticket, |wanted| wanted.max(ticket)));
            if self.outage_since.is_some() {
                self.begin_spooling();
            }
        }
        Some(ticket)
    }

    /// All tickets below this one have their fate, and all sinks were flushed since.
    #[must_use]
    pub fn flushed_below(&self) -> u64 {
        self.senders.iter().map(|sender| sender.flushed_below).min().unwrap_or(0)
    }

    /// No more events will come: what there is, is delivered, then [`next`](Self::next) says
    /// [`Command::End`]. What the spool holds stays there.
    pub fn drain(&mut self, now: Duration) {
        if self.closing == Closing::No {
            self.closing = Closing::Drain;
            self.breaker.hurry(now);
            if self.spooling.configured && self.outage_since.is_some() {
                self.begin_spooling();
            }
        }
    }

    /// Time is up. Whatever has no fate is offered to `save`, oldest first: it is spooled if that
    /// returns how many unread events had to make room for it, else `undelivered`. What is learnt
    /// later of batches under way does not count any more.
    pub fn abandon(&mut self, mut save: impl FnMut(&Batch) -> Option<u64>) {
        if self.closing == Closing::Abandoned {
            return;
        }
        self.closing = Closing::Abandoned;
        self.seal(Duration::ZERO);
        let (mut lost, mut evicted) = (0, 0);
        let mut put = |batch: &Batch, spooled: &mut u64| match save(batch) {
            Some(went) => {
                evicted += went;
                *spooled += batch.len() as u64;
            }
            None => lost += batch.len() as u64,
        };
        for (_, piece) in std::mem::take(&mut self.window).iter() {
            if piece.is_backed() {
                self.counts.spooled += piece.events();
            } else {
                piece.parts.iter().for_each(|part| put(part, &mut self.counts.spooled));
            }
        }
        let unsorted = self.replayed.drain(..).chain(self.sorting.take()).chain(self.sealed.drain(..));
        for Sealed { batch, record, evicted, .. } in unsorted {
            if record.is_some() && !evicted {
                self.counts.spooled += batch.len() as u64;
            } else {
                put(&batch, &mut self.counts.spooled);
            }
        }
        self.counts.drop_events("undelivered", lost);
        let evicted = evicted.min(self.counts.spooled);
        self.counts.spooled -= evicted;
        self.counts.drop_events("spool_full", evicted);
        self.bytes = 0;
        self.spare.clear();
        self.leaving.clear();
        self.senders
            .iter_mut()
            .for_each(|sender| *sender = Sender { flushed_below: sender.flushed_below, ..Sender::default() });
    }

    /// Whether the circuit breaker lets batches through.
    #[must_use]
    pub fn breaker_is_closed(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Whether [`abandon`](Self::abandon) was called.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.closing == Closing::Abandoned
    }

    /// Whether no more events are taken.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Changes when lines that came in may give somebody work who waits.
    #[must_use]
    pub fn stir(&self) -> (u64, bool, u64) {
        let dropped = self.counts.dropped.get("queue_full").copied().unwrap_or(0);
        (self.next_ticket, self.open.is_empty(), dropped)
    }

    /// Whether it does not matter which sender asks: there is nothing to do that each of them, or
    /// the spooler, has to do itself. Then it is enough that one asks when something happened, and
    /// another one whenever one was given something and [that is needed](Self::needs_another).
    #[must_use]
    pub fn senders_are_alike(&self) -> bool {
        self.flush_wanted.is_none() && self.closing == Closing::No && !self.settings.spool
    }

    /// Whether one of the senders that wait is to ask: there is something to do for it, or none of
    /// them would ask in time.
    #[must_use]
    pub fn needs_another(&self, now: Duration) -> bool {
        let in_time = |at| self.senders.iter().any(|sender| matches!(sender.waits, Some(Some(until)) if until <= at));
        self.has_work(now) || self.acts_at().is_some_and(|at| !in_time(at))
    }

    fn has_work(&self, now: Duration) -> bool {
        let hands_over = || self.senders.iter().any(|sender| sender.hands_over.is_some());
        let can_sort = self.sorting.is_none() && !(self.sealed.is_empty() && self.replayed.is_empty());
        can_sort || self.sends_at().is_some_and(|at| at <= now) || (!self.leaving.is_empty() && !hands_over())
    }

    /// What there is to tell, oldest first.
    pub fn take_news(&mut self) -> VecDeque<News> {
        std::mem::take(&mut self.news)
    }

    /// What became of the events, at this moment.
    #[must_use]
    pub fn counts(&self) -> DeliveryCounts {
        let mut counts = self.counts.clone();
        counts.queued += self.open.len() as u64;
        let unsorted = self.sealed.iter().chain(&self.replayed).chain(&self.sorting);
        counts.queued += unsorted.map(|sealed| sealed.batch.len() as u64).sum::<u64>();
        for (_, piece) in self.window.iter() {
            match piece.state {
                State::UnderWay | State::Leaving => counts.in_flight += piece.events(),
                State::Waiting | State::Retrying(_) => counts.queued += piece.events(),
            }
        }
        counts
    }

    fn tell(&mut self, news: News) {
        if self.news.len() < MOST_NEWS {
            self.news.push_back(news);
        }
    }

    /// The next batch to be taken apart: what was read back comes before what is new.
    fn next_unsorted(&mut self) -> Option<Sealed> {
        if let Some(sealed) = self.replayed.pop_front() {
            return Some(sealed);
        }
        // While the spool cannot be written and holds nothing, nothing has to come before.
        let spooling = &self.spooling;
        let spool_fails = spooling.failures > 0 && self.counts.spooled == 0 && spooling.saving.is_none();
        if spooling.active && !spool_fails { None } else { self.sealed.pop_front() }
    }

    /// From when on a batch can be sent; `None` if only something that happens can change that.
    fn sends_at(&self) -> Option<Duration> {
        let ready = self.window.ready_at()?;
        let under_way = self.senders.iter().filter(|sender| sender.job.is_some()).count();
        let opens = self.breaker.opens_at(under_way)?;
        Some(ready.max(opens).max(self.pause_until))
    }

    /// Whether nothing up to this ticket waits for its fate. What is in the spool has one.
    fn is_settled(&self, ticket: u64) -> bool {
        let unsorted = self.sealed.iter().chain(&self.sorting);
        unsorted.filter(|sealed| sealed.record.is_none()).all(|sealed| sealed.ticket > ticket)
            && self.window.iter().all(|(_, piece)| piece.is_backed() || piece.ticket > ticket)
    }

    /// Whether there is nothing left that can be done before the end. What the spool has need not
    /// be waited for while the destination does not answer.
    fn is_drained(&self) -> bool {
        self.sealed.is_empty()
            && self.open.is_empty()
            && self.replayed.is_empty()
            && self.sorting.is_none()
            // What is being read will have to be sorted by somebody.
            && !self.spooling.reading
            && self.window.iter().all(|(_, piece)| {
                piece.is_backed() && self.outage_since.is_some() && !matches!(piece.state, State::UnderWay)
            })
    }
}

/// Takes a batch apart by streams: each stream's entries in order, the streams in the order in
/// which they appear. A batch of one stream stays as it is.
#[must_use]
pub fn split_by_stream(
    batch: Arc<Batch>,
    mut stream_of: impl FnMut(&Batch, &logwheel_core::Entry<'_>) -> u64,
) -> Vec<(u64, Arc<Batch>)> {
    let streams: Vec<u64> = batch.iter().map(|entry| stream_of(&batch, &entry)).collect();
    let Some(first) = streams.first().copied() else { return Vec::new() };
    if streams.iter().all(|stream| *stream == first) {
        return vec![(first, batch)];
    }
    let mut positions = std::collections::HashMap::new();
    let mut parts: Vec<(u64, Batch)> = Vec::new();
    let mut at = 0;
    while at < streams.len() {
        let run = streams[at..].iter().take_while(|stream| **stream == streams[at]).count();
        let position = *positions.entry(streams[at]).or_insert_with(|| {
            parts.push((streams[at], Batch::new()));
            parts.len() - 1
        });
        parts[position].1.append(&batch, at..at + run);
        at += run;
    }
    parts.into_iter().map(|(stream, batch)| (stream, Arc::new(batch))).collect()
}

fn earliest<const N: usize>(times: [Option<Duration>; N]) -> Option<Duration> {
    times.into_iter().flatten().min()
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
