//! What came of it: results of attempts, of hand-overs, and of reading and writing the spool.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use logwheel_core::{Delivered, DeliveryError, Refused};

use super::backoff::Trouble;
use super::{Closing, Command, DeliveryPolicy, News, Overflow, Replayed, Saved, Saving, Sealed, State};

/// An attempt that failed.
struct Failure {
    reason: &'static str,
    detail: Cow<'static, str>,
    after: Option<Duration>,
    /// The sink sees no use in another attempt.
    fatal: bool,
}

/// What to do with a part that failed.
enum Resort {
    Again,
    Spool,
    Fallback(&'static str),
    Drop(&'static str),
}

impl DeliveryPolicy {
    /// An attempt of a sender ended at `now` with `result`.
    ///
    /// Never fails, whatever a sink reports: positions outside the batch are ignored, an
    /// `unconfirmed` beyond its length is cut to it.
    pub fn on_result(&mut self, now: Duration, sender: usize, result: Result<Delivered, DeliveryError>) {
        let Some(id) = self.senders[sender].job.take() else { return };
        let Some(piece) = self.window.get(id) else { return };
        let len = piece.parts.front().map_or(0, |part| part.len());
        let events = len as u64;
        let failed = matches!(result, Err(DeliveryError::Retry { .. } | DeliveryError::Fatal { .. }));
        if !failed {
            self.on_answer();
        }
        match result {
            Ok(delivered) => {
                let unconfirmed = delivered.unconfirmed.min(len) as u64;
                self.counts.delivered += events - unconfirmed;
                self.counts.unconfirmed += unconfirmed;
                self.settle_part(id);
            }
            Err(DeliveryError::Split { .. }) if len > 1 => self.split(now, id),
            Err(DeliveryError::Split { reason }) => self.reject(id, &[(reason, events)], "it came alone".into()),
            Err(DeliveryError::Reject { refused, reason, detail }) => {
                self.reject(id, &refused_of(refused, reason, len), detail);
            }
            Err(DeliveryError::Retry { reason, detail, after }) => {
                self.on_failure(now, id, Failure { reason, detail, after, fatal: false });
            }
            Err(DeliveryError::Fatal { reason, detail }) => {
                self.on_failure(now, id, Failure { reason, detail, after: None, fatal: true });
            }
            // A kind of error this version does not know: no advice to follow.
            Err(other) => {
                let (reason, detail) = (other.reason(), other.to_string().into());
                self.on_failure(now, id, Failure { reason, detail, after: None, fatal: true });
            }
        }
    }

    fn split(&mut self, now: Duration, id: u64) {
        let trouble = self.window.get(id).and_then(|piece| piece.trouble);
        // It failed before, maybe because it was too much at once: a half is the next attempt, and is
        // not to come sooner than the whole would have come.
        let state = trouble.map_or(State::Waiting, |trouble| {
            let pause = self.backoff.pause(&self.settings.retry, trouble.failures, None);
            State::Retrying(now.saturating_add(pause))
        });
        self.window.split(id, state);
    }

    fn on_answer(&mut self) {
        self.outage_since = None;
        if self.breaker.on_answer() {
            self.tell(News::BreakerClosed);
        }
    }

    /// The first part of a piece has its fate, which is counted.
    fn settle_part(&mut self, id: u64) {
        let record = self.window.get(id).and_then(|piece| piece.record);
        let Some(part) = self.window.pop_part(id) else { return };
        self.spooling.settle(record, part.len() as u64);
        self.recycle(part);
    }

    /// So many entries of a part were refused for each reason, and the others arrived.
    fn reject(&mut self, id: u64, refused: &[(&'static str, u64)], detail: Cow<'static, str>) {
        let Some(piece) = self.window.get(id) else { return };
        let events = piece.parts.front().map_or(0, |part| part.len()) as u64;
        self.counts.delivered += events - refused.iter().map(|(_, events)| events).sum::<u64>();
        for &(reason, events) in refused {
            self.counts.reject_events(reason, events);
            self.tell(News::Rejected { events, reason, detail: detail.clone() });
        }
        self.settle_part(id);
    }

    fn on_failure(&mut self, now: Duration, id: u64, failure: Failure) {
        let Failure { reason, detail, after, fatal } = failure;
        if self.outage_since.is_none() {
            self.outage_since = Some(now);
            self.look_for_late_at = now.saturating_add(self.settings.retry.max_elapsed);
        }
        // With `block`, a pause would hold up every sink, for an error that it cannot mend; at the
        // end there is no time for one.
        let no_pause = matches!(self.settings.overflow, Overflow::Block(_)) || self.closing == Closing::Drain;
        if fatal && no_pause {
            self.breaker.on_answer();
        } else if self.breaker.on_failure(now) {
            self.tell(News::BreakerOpened { recovery: self.settings.breaker.recovery });
        }
        let Some(piece) = self.window.get_mut(id) else { return };
        let trouble = Trouble::after(piece.trouble, now);
        piece.trouble = Some(trouble);
        let (is_backed, was_evicted) = (piece.is_backed(), piece.evicted);
        let events = piece.parts.front().map_or(0, |part| part.len()) as u64;
        let pause = self.backoff.pause(&self.settings.retry, trouble.failures, after);
        let at = now.saturating_add(pause);
        if let Some(after) = after {
            // It speaks for the destination, not for this batch alone.
            let asked = after.min(self.settings.retry.max_delay);
            self.pause_until = self.pause_until.max(now.saturating_add(asked));
        }
        match self.resort(now, at, trouble, fatal, is_backed, was_evicted) {
            Resort::Again => self.retry(id, at, reason, detail),
            Resort::Spool => {
                self.begin_spooling();
                self.retry(id, at, reason, detail);
            }
            Resort::Fallback(why) => self.leave(id, reason, explain(why, trouble, &detail)),
            Resort::Drop(why) => {
                let reason = if was_evicted { "spool_full" } else { reason };
                self.counts.drop_events(reason, events);
                self.tell(News::Dropped { events, reason, detail: explain(why, trouble, &detail) });
                self.settle_part(id);
            }
        }
    }

    /// What there is left for a part after a failure: another attempt, the spool, the fallback.
    fn resort(
        &self,
        now: Duration,
        at: Duration,
        trouble: Trouble,
        fatal: bool,
        is_backed: bool,
        was_evicted: bool,
    ) -> Resort {
        let retry = &self.settings.retry;
        let over = trouble.first_failure.saturating_add(retry.max_elapsed);
        let attempts_over = retry.max_attempts.is_some_and(|most| trouble.failures >= most);
        let somebody_waits = self.closing == Closing::Drain || self.flush_wanted.is_some();
        let why = match () {
            () if fatal => "no retry can help",
            () if attempts_over => "max_attempts reached",
            () if at > over => "max_elapsed reached",
            () if somebody_waits && self.spooling.configured => "a flush or the end waits for it",
            () => return Resort::Again,
        };
        // A batch that alone is refused for good must not hold up the spool for ever.
        let given_its_time = trouble.failures > 1 && now >= over;
        if self.spooling.configured && !was_evicted && !(fatal && given_its_time) {
            return if is_backed { Resort::Again } else { Resort::Spool };
        }
        if self.settings.fallback {
            return Resort::Fallback(why);
        }
        // Time alone ends nothing where there is nowhere else to go: the queue keeps it.
        let must_end = fatal || attempts_over || was_evicted;
        if must_end { Resort::Drop(why) } else { Resort::Again }
    }

    fn retry(&mut self, id: u64, at: Duration, reason: &'static str, detail: Cow<'static, str>) {
        self.counts.retries += 1;
        self.tell(News::Retry { reason, detail });
        self.window.set_state(id, State::Retrying(at));
    }

    fn leave(&mut self, id: u64, reason: &'static str, detail: Cow<'static, str>) {
        self.window.set_state(id, State::Leaving);
        self.leaving.push_back((id, (reason, detail)));
    }

    pub(super) fn next_to_hand_over(&mut self, sender: usize) -> Option<Command> {
        // One at a time, or they could change places.
        if self.senders.iter().any(|sender| sender.hands_over.is_some()) {
            return None;
        }
        let (id, (reason, detail)) = self.leaving.pop_front()?;
        let batch = self.window.get(id)?.parts.front()?.clone();
        self.senders[sender].hands_over = Some(id);
        self.tell(News::HandedOver { events: batch.len() as u64, reason, detail });
        Some(Command::HandOver { id, batch })
    }

    /// The fallback has taken over what it was [given](Command::HandOver).
    pub fn handed_over(&mut self, id: u64) {
        for sender in self.senders.iter_mut().filter(|sender| sender.hands_over == Some(id)) {
            sender.hands_over = None;
        }
        let Some(piece) = self.window.get(id) else { return };
        self.counts.fallback += piece.parts.front().map_or(0, |part| part.len()) as u64;
        self.settle_part(id);
        // There may be more parts of a batch whose time is over.
        self.look_for_late_at = Duration::ZERO;
    }

    /// During an outage, what has waited for `max_elapsed` leaves, tried or not.
    pub(super) fn look_for_late(&mut self, now: Duration) {
        let Some(outage_since) = self.outage_since else { return };
        if now < self.look_for_late_at || !self.late_ones_leave() {
            return;
        }
        let max_elapsed = self.settings.retry.max_elapsed;
        let mut late = Vec::new();
        self.look_for_late_at = now.saturating_add(max_elapsed);
        for (id, piece) in self.window.iter() {
            if !matches!(piece.state, State::Waiting | State::Retrying(_)) || piece.is_backed() {
                continue;
            }
            let since = piece.trouble.map_or(piece.sealed_at.max(outage_since), |trouble| trouble.first_failure);
            let over = since.saturating_add(max_elapsed);
            if over <= now {
                late.push(id);
            } else {
                self.look_for_late_at = self.look_for_late_at.min(over);
                if piece.trouble.is_none() {
                    break;
                }
            }
        }
        if late.is_empty() {
            return;
        }
        if self.spooling.configured {
            return self.begin_spooling();
        }
        for id in late {
            self.leave(id, "outage", "max_elapsed reached while the destination did not answer".into());
        }
    }

    /// Whether there is somewhere to go for what has waited too long.
    fn late_ones_leave(&self) -> bool {
        if self.spooling.configured { !self.spooling.active } else { self.settings.fallback }
    }

    pub(super) fn late_at(&self) -> Option<Duration> {
        let matters = self.outage_since.is_some() && self.late_ones_leave() && !self.window.is_empty();
        matters.then_some(self.look_for_late_at)
    }

    /// A batch was [saved](Command::Save), or could not be; the driver tries again later then.
    pub fn saved(&mut self, now: Duration, result: Result<Saved, String>) {
        let Some(saving) = self.spooling.saving.take() else { return };
        if self.closing == Closing::Abandoned {
            return;
        }
        let saved = match result {
            Ok(saved) => saved,
            Err(detail) => {
                self.spooling.failures = self.spooling.failures.saturating_add(1);
                let pause = Duration::from_millis(100).saturating_mul(1 << self.spooling.failures.min(8));
                self.spooling.retry_at = now.saturating_add(pause);
                return self.tell(News::SpoolFailed { detail });
            }
        };
        (self.spooling.failures, self.spooling.waited_in_vain) = (0, false);
        self.make_do_with_less(saved);
        match saving {
            Saving::Piece(id) => {
                self.spooling.next_unread = saved.record + 1;
                // It may have its fate by now.
                if let Some(piece) = self.window.get_mut(id) {
                    piece.record = Some(saved.record);
                    self.spooling.records.insert(saved.record, piece.events());
                }
            }
            Saving::Sealed => {
                if let Some(sealed) = self.sealed.pop_front() {
                    self.bytes -= sealed.batch.byte_len();
                    self.counts.spooled += sealed.batch.len() as u64;
                    self.recycle(sealed.batch);
                }
            }
        }
    }

    /// The spool dropped its oldest records to make room.
    fn make_do_with_less(&mut self, saved: Saved) {
        if saved.evicted > 0 {
            let events = saved.evicted.min(self.counts.spooled);
            self.counts.spooled -= events;
            self.counts.drop_events("spool_full", events);
            self.tell(News::Dropped { events, reason: "spool_full", detail: "the spool's oldest segment".into() });
        }
        self.spooling.next_unread = self.spooling.next_unread.max(saved.first_record);
        let gone = |record: Option<u64>| record.is_some_and(|record| record < saved.first_record);
        if self.spooling.records.first_key_value().is_none_or(|(first, _)| *first >= saved.first_record) {
            return;
        }
        self.spooling.records = self.spooling.records.split_off(&saved.first_record);
        let affected: Vec<u64> = self.window.iter().filter(|(_, piece)| gone(piece.record)).map(|(id, _)| id).collect();
        for id in affected {
            if let Some(piece) = self.window.get_mut(id) {
                piece.evicted = true;
            }
        }
        let unsorted = self.replayed.iter_mut().chain(&mut self.sorting);
        unsorted.filter(|sealed| gone(sealed.record)).for_each(|sealed| sealed.evicted = true);
    }

    /// The next record was [read](Command::Replay); `None` if there is none left.
    pub fn replayed(&mut self, now: Duration, replayed: Option<Replayed>) {
        self.spooling.reading = false;
        if self.closing == Closing::Abandoned {
            return;
        }
        let (lost, found) = match replayed {
            Some(Replayed { record, batch, lost }) => (lost.min(self.counts.spooled), Some((record, batch))),
            // What was counted and cannot be found is lost, whatever the reason.
            None => (self.counts.spooled, None),
        };
        self.counts.spooled -= lost;
        self.counts.drop_events("spool_corrupt", lost);
        if lost > 0 {
            let detail = "records of the spool were damaged".into();
            self.tell(News::Dropped { events: lost, reason: "spool_corrupt", detail });
        }
        let Some((record, batch)) = found else { return };
        self.spooling.next_unread = record + 1;
        if batch.is_empty() {
            return;
        }
        // It cannot hold more than was counted; if it does, the surplus came from somewhere.
        let events = batch.len() as u64;
        self.counts.recovered += events.saturating_sub(self.counts.spooled);
        self.counts.spooled -= events.min(self.counts.spooled);
        self.spooling.records.insert(record, events);
        self.bytes += batch.byte_len();
        // Its ticket is of no account: it had a fate when it was saved.
        self.replayed.push_back(Sealed {
            ticket: 0,
            at: now,
            batch: batch.into(),
            record: Some(record),
            evicted: false,
        });
    }
}

fn explain(why: &str, trouble: Trouble, detail: &str) -> Cow<'static, str> {
    format!("{why} after {} attempts, the last one: {detail}", trouble.failures).into()
}

/// How many of `len` entries were refused, by reason; each at least one.
fn refused_of(refused: Refused, reason: &'static str, len: usize) -> Vec<(&'static str, u64)> {
    let mut entries = match refused {
        Refused::All => return vec![(reason, len as u64)],
        Refused::Entries(entries) => entries.into_iter().map(|index| (index, reason)).collect(),
        Refused::ByReason(entries) => entries,
    };
    entries.retain(|(index, _)| *index < len);
    // Stable: of several reasons for one entry, the first counts.
    entries.sort_by_key(|(index, _)| *index);
    entries.dedup_by_key(|(index, _)| *index);
    let mut counts = BTreeMap::new();
    entries.iter().for_each(|(_, reason)| *counts.entry(*reason).or_default() += 1);
    counts.into_iter().collect()
}
