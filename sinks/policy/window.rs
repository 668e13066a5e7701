//! The batches in memory that are sorted by stream: one stream's in order, each stream by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use logwheel_core::{Batch, BatchLimits};

use super::backoff::Trouble;

/// Events of one stream that were sealed together.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) stream: u64,
    /// The lowest ticket of what is in it.
    pub(super) ticket: u64,
    pub(super) sealed_at: Duration,
    /// One batch, or what is left of one that was split, in order. Never empty.
    pub(super) parts: VecDeque<Arc<Batch>>,
    pub(super) state: State,
    /// How the first part has fared.
    pub(super) trouble: Option<Trouble>,
    /// The record of the spool that holds it too.
    pub(super) record: Option<u64>,
    /// Its record had to make room: what the spool could do for it, it did.
    pub(super) evicted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// It failed; not before this time.
    Retrying(Duration),
    UnderWay,
    /// On its way to the fallback.
    Leaving,
}

/// Pieces by age and by stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// By number; the older a piece, the lower its number.
    pieces: BTreeMap<u64, Piece>,
    next_id: u64,
    /// For each stream its pieces, in order. Only the first one is ever sent.
    streams: HashMap<u64, VecDeque<u64>>,
    /// First pieces that can be sent.
    ready: BTreeSet<u64>,
    /// First pieces that wait for their next attempt.
    timers: BTreeSet<(Duration, u64)>,
    bytes: usize,
}

impl Piece {
    pub(super) fn new(stream: u64, ticket: u64, sealed_at: Duration, batch: Arc<Batch>, record: Option<u64>) -> Self {
        let parts = VecDeque::from([batch]);
        Self { stream, ticket, sealed_at, parts, state: State::Waiting, trouble: None, record, evicted: false }
    }

    pub(super) fn events(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.byte_len()).sum()
    }

    /// Whether the spool has it.
    pub(super) fn is_backed(&self) -> bool {
        self.record.is_some() && !self.evicted
    }

    /// All parts as one batch.
    pub(super) fn joined(&self) -> Arc<Batch> {
        if let [only] = &*Vec::from_iter(&self.parts) {
            return Arc::clone(only);
        }
        let mut batch = Batch::new();
        self.parts.iter().for_each(|part| batch.append(part, 0..part.len()));
        Arc::new(batch)
    }

    /// Whether nobody has seen it yet.
    fn is_fresh(&self) -> bool {
        self.state == State::Waiting && self.trouble.is_none() && self.parts.len() == 1
    }
}

impl Window {
    pub(super) fn get(&self, id: u64) -> Option<&Piece> {
        self.pieces.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Piece> {
        self.pieces.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Piece)> {
        self.pieces.iter().map(|(id, piece)| (*id, piece))
    }

    pub(super) fn iter_from(&self, id: u64) -> impl Iterator<Item = (u64, &Piece)> {
        self.pieces.range(id..).map(|(id, piece)| (*id, piece))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes of payload in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a piece behind all others of its stream. If `may_join`, it becomes part of the last
    /// one when nobody has seen that one yet and it fits.
    pub(super) fn push(&mut self, piece: Piece, limits: &BatchLimits, may_join: impl FnOnce(u64, &Piece) -> bool) {
        self.bytes += piece.bytes();
        let queue = self.streams.entry(piece.stream).or_default();
        if let Some(last) = queue.back()
            && let Some(target) = self.pieces.get_mut(last)
            && target.is_fresh()
            && may_join(*last, target)
            && join(target, &piece, limits)
        {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        if queue.is_empty() {
            self.ready.insert(id);
        }
        queue.push_back(id);
        self.pieces.insert(id, piece);
    }

    /// The oldest piece that can be sent at `now`, which is under way then.
    pub(super) fn take_ready(&mut self, now: Duration) -> Option<(u64, Arc<Batch>)> {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            self.ready.insert(id);
        }
        let id = self.ready.pop_first()?;
        let piece = self.pieces.get_mut(&id).expect("a ready piece is there");
        piece.state = State::UnderWay;
        Some((id, Arc::clone(piece.parts.front().expect("a piece has a part"))))
    }

    /// When a piece can be sent as far as the pieces are concerned.
    pub(super) fn ready_at(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        self.timers.first().map(|(at, _)| *at)
    }

    /// Changes the state of a piece that is the first of its stream or not sent at all.
    pub(super) fn set_state(&mut self, id: u64, state: State) {
        let Some(piece) = self.pieces.get_mut(&id) else { return };
        if let State::Retrying(at) = piece.state {
            self.timers.remove(&(at, id));
        }
        self.ready.remove(&id);
        piece.state = state;
        let is_first = self.streams.get(&piece.stream).is_some_and(|queue| queue.front() == Some(&id));
        match state {
            State::Waiting if is_first => drop(self.ready.insert(id)),
            State::Retrying(at) => drop(self.timers.insert((at, id))),
            _ => {}
        }
    }

    /// Takes the first part of a piece out, whose fate is known; a piece without any is gone, and
    /// else begins afresh with the next part.
    pub(super) fn pop_part(&mut self, id: u64) -> Option<Arc<Batch>> {
        let piece = self.pieces.get_mut(&id)?;
        let part = piece.parts.pop_front()?;
        self.bytes -= part.byte_len();
        piece.trouble = None;
        if piece.parts.is_empty() {
            self.remove(id);
        } else {
            self.set_state(id, State::Waiting);
        }
        Some(part)
    }

    /// Replaces the first part by its halves. The first of them inherits its trouble, so that splitting
    /// makes no retry sooner and none later than it was due.
    pub(super) fn split(&mut self, id: u64, state: State) {
        let Some(piece) = self.pieces.get_mut(&id) else { return };
        let Some(part) = piece.parts.pop_front() else { return };
        let mut first = Arc::unwrap_or_clone(part);
        let second = first.split_off(first.len() / 2);
        piece.parts.push_front(Arc::new(second));
        piece.parts.push_front(Arc::new(first));
        self.set_state(id, state);
    }

    /// Takes a piece out.
    pub(super) fn remove(&mut self, id: u64) -> Option<Piece> {
        self.set_state(id, State::Leaving);
        let piece = self.pieces.remove(&id)?;
        self.bytes -= piece.bytes();
        let queue = self.streams.get_mut(&piece.stream)?;
        let was_first = queue.front() == Some(&id);
        if was_first {
            queue.pop_front();
        } else {
            queue.retain(|other| *other != id);
        }
        match queue.front().copied() {
            None => drop(self.streams.remove(&piece.stream)),
            Some(next) if was_first => {
                if let Some(State::Waiting) = self.pieces.get(&next).map(|piece| piece.state) {
                    self.ready.insert(next);
                }
            }
            Some(_) => {}
        }
        Some(piece)
    }
}

/// Appends a piece to another one of its stream, if both fit into one batch.
fn join(target: &mut Piece, piece: &Piece, limits: &BatchLimits) -> bool {
    let [more] = &*Vec::from_iter(&piece.parts) else { return false };
    let Some(batch) = target.parts.front_mut() else { return false };
    if batch.len() + more.len() > limits.max_events || batch.byte_len() + more.byte_len() > limits.max_bytes {
        return false;
    }
    // Somebody may be reading it, say to save it.
    let Some(batch) = Arc::get_mut(batch) else { return false };
    batch.append(more, 0..more.len());
    true
}
