//! Batching: lines come in, sealed batches go on. And what happens when there is no room.

use std::sync::Arc;
use std::time::Duration;

use logwheel_core::Batch;

use super::{Closing, DeliveryPolicy, News, Overflow, Saving, Sealed, State};

struct Room {
    events: usize,
    batch_bytes: usize,
    queue_bytes: usize,
    alone: bool,
}

impl DeliveryPolicy {
    /// Takes in the lines from `from` on; what cannot be taken is counted as dropped. Returns the
    /// first line that has no fate yet: one that has to wait for room because `overflow` says so
    /// and the caller `may_wait`, else their number.
    #[must_use = "lines may be left"]
    pub fn append(&mut self, now: Duration, lines: &Batch, from: usize, may_wait: bool) -> usize {
        self.take_in(now, lines, from, may_wait, |counts| &mut counts.routed)
    }

    /// As [`append`](Self::append), for what another sink hands over.
    #[must_use = "lines may be left"]
    pub fn adopt(&mut self, now: Duration, lines: &Batch, from: usize, may_wait: bool) -> usize {
        self.take_in(now, lines, from, may_wait, |counts| &mut counts.recovered)
    }

    fn take_in(
        &mut self,
        now: Duration,
        lines: &Batch,
        from: usize,
        may_wait: bool,
        came_in: fn(&mut super::DeliveryCounts) -> &mut u64,
    ) -> usize {
        let mut next = from;
        while next < lines.len() {
            if self.closing != Closing::No {
                let rest = (lines.len() - next) as u64;
                *came_in(&mut self.counts) += rest;
                self.counts.drop_events("undelivered", rest);
                return lines.len();
            }
            let fitting = fitting(lines, next, &self.room());
            if fitting > next {
                if self.open.is_empty() {
                    self.open_since = Some(now);
                }
                let before = self.open.byte_len();
                self.open.append(lines, next..fitting);
                self.bytes += self.open.byte_len() - before;
                *came_in(&mut self.counts) += (fitting - next) as u64;
                next = fitting;
                let limits = &self.settings.batch;
                if self.open.len() >= limits.max_events || self.open.byte_len() >= limits.max_bytes {
                    self.seal(now);
                }
                continue;
            }
            let bytes = lines.entry_bytes(next);
            if !self.open.is_empty() && self.total_bytes() + bytes <= self.settings.queue_bytes {
                // The batch is full, the queue is not.
                self.seal(now);
                continue;
            }
            let reason = if bytes > self.settings.queue_bytes { "too_large" } else { "queue_full" };
            if reason == "queue_full" {
                if may_wait && self.is_worth_waiting() {
                    // Whoever waits is not to wait for a batch to become old.
                    self.seal(now);
                    return next;
                }
                self.spooling.waited_in_vain = true;
                if self.make_room(now, bytes) {
                    continue;
                }
            }
            *came_in(&mut self.counts) += 1;
            self.counts.drop_events(reason, 1);
            next += 1;
        }
        next
    }

    /// Whether there will be room before long: when somebody asked for it, or the spool is about to
    /// make some. A disk that does not answer is waited for once.
    fn is_worth_waiting(&self) -> bool {
        match self.settings.overflow {
            Overflow::Block(_) => true,
            Overflow::Spool => self.spooling.failures == 0 && !self.spooling.waited_in_vain,
            Overflow::DropOldest | Overflow::DropNewest => false,
        }
    }

    /// Whether this many bytes more fit into the queue.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.total_bytes() + bytes <= self.settings.queue_bytes
    }

    pub(super) fn total_bytes(&self) -> usize {
        self.bytes + self.window.bytes()
    }

    fn room(&self) -> Room {
        let limits = &self.settings.batch;
        Room {
            events: limits.max_events.saturating_sub(self.open.len()),
            batch_bytes: limits.max_bytes.saturating_sub(self.open.byte_len()),
            queue_bytes: self.settings.queue_bytes.saturating_sub(self.total_bytes()),
            // A line larger than a batch travels alone.
            alone: self.open.is_empty(),
        }
    }

    /// Drops the oldest until there is room. `false` if the new line has to go instead.
    fn make_room(&mut self, now: Duration, bytes: usize) -> bool {
        if !matches!(self.settings.overflow, Overflow::DropOldest | Overflow::Spool) {
            return false;
        }
        while !self.has_room(bytes) {
            if !self.drop_oldest(now) {
                return false;
            }
        }
        true
    }

    /// Drops the oldest piece that was not tried and is in no spool, else the oldest batch that
    /// was sealed later, else one that was tried. `false` if there is none of these.
    fn drop_oldest(&mut self, now: Duration) -> bool {
        let saving = self.spooling.saving;
        let may_go = |id: u64, record: Option<u64>| record.is_none() && saving != Some(Saving::Piece(id));
        let waiting = self
            .window
            .iter()
            .find(|(id, piece)| piece.state == State::Waiting && piece.trouble.is_none() && may_go(*id, piece.record));
        if let Some(id) = waiting.map(|(id, _)| id) {
            return self.drop_piece(id);
        }
        let being_saved = usize::from(saving == Some(Saving::Sealed));
        if self.sealed.len() <= being_saved {
            self.seal(now);
        }
        if let Some(sealed) = self.sealed.remove(being_saved) {
            self.bytes -= sealed.batch.byte_len();
            self.counts.drop_events("queue_full", sealed.batch.len() as u64);
            self.recycle(sealed.batch);
            return true;
        }
        let tried = self.window.iter().find(|(id, piece)| {
            matches!(piece.state, State::Waiting | State::Retrying(_)) && may_go(*id, piece.record)
        });
        let Some(id) = tried.map(|(id, _)| id) else { return false };
        self.drop_piece(id)
    }

    fn drop_piece(&mut self, id: u64) -> bool {
        let Some(piece) = self.window.remove(id) else { return false };
        self.counts.drop_events("queue_full", piece.events());
        piece.parts.into_iter().for_each(|part| self.recycle(part));
        true
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.open_since.map(|since| since.saturating_add(self.settings.batch.max_age))
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    pub(super) fn seal(&mut self, now: Duration) {
        if self.open.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.open, self.spare.pop().unwrap_or_default());
        self.open_since = None;
        self.sealed.push_back(Sealed {
            ticket: self.next_ticket,
            at: now,
            batch: Arc::new(batch),
            record: None,
            evicted: false,
        });
        self.next_ticket += 1;
    }

    /// Keeps the memory of a batch that nobody uses any more.
    pub(super) fn recycle(&mut self, batch: Arc<Batch>) {
        if self.spare.len() < super::SPARES
            && self.closing == Closing::No
            && let Ok(mut batch) = Arc::try_unwrap(batch)
        {
            batch.clear();
            self.spare.push(batch);
        }
    }

    /// Whether new batches go to the spool from now on, or no longer.
    pub(super) fn choose_road(&mut self, _now: Duration) {
        if !self.spooling.configured {
            return;
        }
        let half_full = self.total_bytes() > self.settings.queue_bytes / 2;
        if !self.spooling.active {
            if half_full && self.settings.overflow == Overflow::Spool {
                self.begin_spooling();
            }
            return;
        }
        let all_back = self.counts.spooled == 0 && !self.spooling.reading && self.spooling.saving.is_none();
        let unsaved = |state, record: Option<u64>| record.is_none() && state != State::Leaving;
        let caught_up = all_back
            && self.outage_since.is_none()
            && !half_full
            && self.sealed.is_empty()
            && self.sorting.as_ref().is_none_or(|sorting| sorting.record.is_some())
            && !self.window.iter_from(self.spooling.save_from).any(|(_, piece)| unsaved(piece.state, piece.record));
        if caught_up {
            self.spooling.active = false;
        }
    }

    /// What is in memory is saved, and what comes from now on comes behind it.
    pub(super) fn begin_spooling(&mut self) {
        if self.spooling.configured && !self.spooling.active {
            self.spooling.active = true;
            self.tell(News::SpoolingBegan);
        }
    }

    /// Whether there is something to read back and room for it.
    pub(super) fn may_replay(&self) -> bool {
        self.counts.spooled > 0
            && !self.spooling.reading
            && self.closing == Closing::No
            && self.replayed.is_empty()
            && self.sorting.as_ref().is_none_or(|sorting| sorting.record.is_none())
            && self.window.bytes() < self.settings.queue_bytes / 2
    }
}

/// Up to where the lines from `from` on fit.
fn fitting(lines: &Batch, from: usize, room: &Room) -> usize {
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
