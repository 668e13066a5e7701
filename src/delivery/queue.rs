//! A sink's queue: an open batch that workers fill, and sealed ones that wait.

use std::collections::VecDeque;
use std::time::Instant;

use logwheel_core::{Batch, BatchLimits};

use super::{Overflow, SinkLedger, SinkOptions};
use crate::sync::{Condvar, Mutex, MutexGuard};

pub(crate) struct SinkQueue {
    limits: BatchLimits,
    queue_bytes: usize,
    overflow: Overflow,
    standby: bool,
    /// Another sink may hand over to this one.
    is_fallback: bool,
    state: Mutex<State>,
    /// For the outlet: something to do.
    work: Condvar,
    /// For a blocked worker: something left the queue.
    room: Condvar,
    /// For a flush: a ticket was settled.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    /// Its first event's arrival, while it is not empty.
    open_since: Option<Instant>,
    open: Batch,
    /// In order; tickets ascend.
    sealed: VecDeque<Sealed>,
    /// The ticket of the batch that the outlet has, and its size.
    in_flight: Option<(u64, usize, usize)>,
    next_ticket: u64,
    /// Bytes in `open` and `sealed` and under way.
    bytes: usize,
    ledger: SinkLedger,
    /// The highest ticket that a flush wants settled.
    flush_wanted: Option<u64>,
    /// All tickets below this one were settled and flushed.
    flushed_below: u64,
    closing: Closing,
    /// Emptied batches, to be filled again.
    spare: Vec<Batch>,
}

struct Sealed {
    ticket: u64,
    batch: Batch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Closing {
    #[default]
    No,
    /// No more events will come: deliver what there is, then end.
    Drain,
    /// Time is up: whatever is not delivered is `undelivered`.
    Abandoned,
}

/// What the outlet is to do next.
pub(super) enum Work {
    Deliver(Batch),
    /// Everything up to this ticket has its fate: flush the sink and say so.
    Flush(u64),
    End,
}

/// Spare batches that are kept, each for reuse of its memory.
const SPARES: usize = 2;

impl SinkQueue {
    pub(crate) fn new(options: &SinkOptions, is_fallback: bool) -> Self {
        let ledger = SinkLedger { name: options.name.clone(), ..SinkLedger::default() };
        Self {
            limits: options.batch,
            queue_bytes: options.queue_bytes,
            overflow: options.overflow,
            standby: options.standby,
            is_fallback,
            state: Mutex::new(State { ledger, ..State::default() }),
            work: Condvar::new(),
            room: Condvar::new(),
            settled: Condvar::new(),
        }
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
        let mut state = self.state.lock();
        state.ledger.routed += lines.len() as u64;
        self.take_in(state, lines);
    }

    /// Takes over what another sink gave up on.
    pub(super) fn adopt(&self, batch: &Batch) {
        let mut state = self.state.lock();
        state.ledger.recovered += batch.len() as u64;
        self.take_in(state, batch);
    }

    fn take_in(&self, mut state: MutexGuard<'_, State>, lines: &Batch) {
        let mut next = 0;
        // Waited in vain once, the rest is dropped at once: or a round of lines could hold its
        // worker up for as many timeouts.
        let mut in_vain = false;
        while next < lines.len() {
            if state.closing != Closing::No {
                state.drop_events("undelivered", lines.len() - next);
                return;
            }
            let left = state.open_room(&self.limits, self.queue_bytes);
            let fitting = fitting(lines, next, left);
            if fitting > next {
                let was_empty = state.open.is_empty();
                let before = state.open.byte_len();
                state.open.append(lines, next..fitting);
                state.bytes += state.open.byte_len() - before;
                next = fitting;
                if was_empty {
                    state.open_since = Some(Instant::now());
                    // The outlet has to know when the batch becomes too old.
                    self.work.notify_one();
                }
                if state.open.len() >= self.limits.max_events || state.open.byte_len() >= self.limits.max_bytes {
                    state.seal();
                    self.work.notify_one();
                }
            } else if !state.open.is_empty() && state.bytes + lines.entry_bytes(next) <= self.queue_bytes {
                // The batch is full, the queue is not.
                state.seal();
                self.work.notify_one();
            } else if lines.entry_bytes(next) > self.queue_bytes {
                state.drop_events("too_large", 1);
                next += 1;
            } else if in_vain || !self.make_room(&mut state, lines.entry_bytes(next)) {
                in_vain = matches!(self.overflow, Overflow::Block(_));
                state.drop_events("queue_full", 1);
                next += 1;
            }
        }
    }

    /// Does what `overflow` says until `bytes` more fit. `false` if the line must be dropped.
    fn make_room(&self, state: &mut MutexGuard<'_, State>, bytes: usize) -> bool {
        match self.overflow {
            Overflow::DropNewest => false,
            Overflow::DropOldest => {
                // The batch under way cannot be dropped, the open one can.
                while state.bytes + bytes > self.queue_bytes {
                    let Some(batch) = state.pop_sealed().or_else(|| {
                        state.seal();
                        state.pop_sealed()
                    }) else {
                        return false;
                    };
                    state.drop_events("queue_full", batch.batch.len());
                    state.bytes -= batch.batch.byte_len();
                    state.recycle(batch.batch);
                }
                self.settled.notify_all();
                true
            }
            Overflow::Block(timeout) => {
                let deadline = Instant::now() + timeout;
                state.seal();
                self.work.notify_one();
                while state.bytes + bytes > self.queue_bytes && state.closing == Closing::No {
                    if self.room.wait_until(state, deadline).timed_out() {
                        return state.bytes + bytes <= self.queue_bytes;
                    }
                }
                true
            }
        }
    }

    /// For the outlet: waits for a batch, for a flush that can be done, or for the end.
    pub(super) fn next(&self) -> Work {
        let mut state = self.state.lock();
        loop {
            if state.closing == Closing::Abandoned {
                return Work::End;
            }
            let due = state.open_since.map(|since| since + self.limits.max_age);
            let now = Instant::now();
            if due.is_some_and(|due| due <= now) || state.closing == Closing::Drain || state.flush_wanted.is_some() {
                state.seal();
            }
            if let Some(ticket) = state.flush_wanted
                && state.is_settled(ticket)
            {
                return Work::Flush(ticket);
            }
            if let Some(Sealed { ticket, batch }) = state.pop_sealed() {
                state.in_flight = Some((ticket, batch.len(), batch.byte_len()));
                return Work::Deliver(batch);
            }
            if state.closing == Closing::Drain {
                return Work::End;
            }
            match due {
                Some(due) => drop(self.work.wait_until(&mut state, due)),
                None => self.work.wait(&mut state),
            }
        }
    }

    /// For the outlet, between two attempts: waits until `until`. `false` if the engine is done
    /// with waiting.
    pub(super) fn pause(&self, until: Instant) -> bool {
        let mut state = self.state.lock();
        while state.closing != Closing::Abandoned && Instant::now() < until {
            self.work.wait_until(&mut state, until);
        }
        state.closing != Closing::Abandoned
    }

    /// For the outlet: `events` of the batch under way have the fate that `count` notes.
    pub(super) fn settle(&self, events: usize, bytes: usize, count: impl FnOnce(&mut SinkLedger)) {
        let mut state = self.state.lock();
        if state.closing == Closing::Abandoned {
            // Already counted as undelivered.
            return;
        }
        let Some((_, left, bytes_left)) = &mut state.in_flight else { return };
        *left -= events;
        *bytes_left -= bytes;
        if *left == 0 {
            state.in_flight = None;
        }
        state.bytes -= bytes;
        count(&mut state.ledger);
        self.room.notify_all();
        self.settled.notify_all();
    }

    /// For the outlet: what is not a fate.
    pub(super) fn note(&self, count: impl FnOnce(&mut SinkLedger)) {
        count(&mut self.state.lock().ledger);
    }

    /// For the outlet: gives an emptied batch back for reuse.
    pub(super) fn recycle(&self, batch: Batch) {
        self.state.lock().recycle(batch);
    }

    /// For the outlet: the sink was flushed when everything up to `ticket` was settled.
    pub(super) fn flushed(&self, ticket: u64) {
        let mut state = self.state.lock();
        state.flushed_below = state.flushed_below.max(ticket + 1);
        if state.flush_wanted.is_some_and(|wanted| wanted <= ticket) {
            state.flush_wanted = None;
        }
        self.settled.notify_all();
    }

    /// Has everything that is in the queue now delivered without waiting for batches to fill, and
    /// the sink flushed then. Returns at once, so that several sinks can be at it.
    pub(crate) fn begin_flush(&self) {
        self.want_flushed(&mut self.state.lock());
    }

    fn want_flushed(&self, state: &mut State) -> Option<u64> {
        state.seal();
        let ticket = state.next_ticket.checked_sub(1)?;
        if state.flushed_below <= ticket {
            state.flush_wanted = Some(state.flush_wanted.map_or(ticket, |wanted| wanted.max(ticket)));
            self.work.notify_one();
        }
        Some(ticket)
    }

    /// Waits until everything that is in the queue now has its fate and the sink was flushed.
    /// `false` if the deadline came first.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        let Some(ticket) = self.want_flushed(&mut state) else { return true };
        while state.flushed_below <= ticket && state.closing != Closing::Abandoned {
            if self.settled.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.flushed_below > ticket
    }

    /// No more events will come; the outlet delivers what there is and ends.
    pub(crate) fn drain(&self) {
        let mut state = self.state.lock();
        if state.closing == Closing::No {
            state.closing = Closing::Drain;
        }
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Time is up: whatever has no fate yet is undelivered. What the outlet learns later of the
    /// batch under way does not count any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        if state.closing == Closing::Abandoned {
            return;
        }
        state.closing = Closing::Abandoned;
        state.seal();
        let waiting: usize = state.sealed.drain(..).map(|sealed| sealed.batch.len()).sum();
        let under_way = state.in_flight.take().map_or(0, |(_, events, _)| events);
        state.drop_events("undelivered", waiting + under_way);
        state.bytes = 0;
        state.spare.clear();
        self.work.notify_all();
        self.room.notify_all();
        self.settled.notify_all();
    }

    /// The sink's part of the ledger, at one moment.
    pub(crate) fn ledger(&self) -> SinkLedger {
        let state = self.state.lock();
        let waiting: usize = state.sealed.iter().map(|sealed| sealed.batch.len()).sum();
        SinkLedger {
            queued: (waiting + state.open.len()) as u64,
            in_flight: state.in_flight.map_or(0, |(_, events, _)| events as u64),
            ..state.ledger.clone()
        }
    }
}

impl State {
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let fresh = self.spare.pop().unwrap_or_default();
        let batch = std::mem::replace(&mut self.open, fresh);
        self.open_since = None;
        self.sealed.push_back(Sealed { ticket: self.next_ticket, batch });
        self.next_ticket += 1;
    }

    fn pop_sealed(&mut self) -> Option<Sealed> {
        self.sealed.pop_front()
    }

    /// How many events and bytes the open batch may still take.
    fn open_room(&self, limits: &BatchLimits, queue_bytes: usize) -> Room {
        Room {
            events: limits.max_events.saturating_sub(self.open.len()),
            batch_bytes: limits.max_bytes.saturating_sub(self.open.byte_len()),
            queue_bytes: queue_bytes.saturating_sub(self.bytes),
            // A line larger than a batch travels alone.
            alone: self.open.is_empty(),
        }
    }

    fn is_settled(&self, ticket: u64) -> bool {
        self.in_flight.is_none_or(|(under_way, ..)| under_way > ticket)
            && self.sealed.front().is_none_or(|sealed| sealed.ticket > ticket)
    }

    fn drop_events(&mut self, reason: &'static str, events: usize) {
        if events > 0 {
            *self.ledger.dropped.entry(reason).or_default() += events as u64;
        }
    }

    fn recycle(&mut self, mut batch: Batch) {
        if self.spare.len() < SPARES && self.closing == Closing::No {
            batch.clear();
            self.spare.push(batch);
        }
    }
}

struct Room {
    events: usize,
    batch_bytes: usize,
    queue_bytes: usize,
    alone: bool,
}

/// Up to where the lines from `from` on fit.
fn fitting(lines: &Batch, from: usize, room: Room) -> usize {
    let (mut next, mut bytes) = (from, 0);
    while next < lines.len() && next - from < room.events {
        let more = bytes + lines.entry_bytes(next);
        let oversize_alone = room.alone && next == from;
        if more > room.queue_bytes || (more > room.batch_bytes && !oversize_alone) {
            break;
        }
        bytes = more;
        next += 1;
    }
    next
}
