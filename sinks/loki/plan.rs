//! What is to be sent of a batch, and what became of it so far.
//!
//! A plan is made from the batch alone (and from what Loki has confirmed before), once: an attempt
//! that fails leaves it to the next one, so that a retry sends the same bytes with the same
//! timestamps, of which Loki keeps one copy.

use std::collections::{HashMap, HashSet, hash_map};
use std::hash::{BuildHasher, RandomState};

use logwheel_core::Batch;
use parking_lot::Mutex;

use super::encode::LabelSet;
use super::guard::{Guard, LabelBits};
use super::labels::{Columns, Labels};

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Stored,
    Refused(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Its position in the batch.
    pub(super) index: usize,
    pub(super) timestamp: u64,
    pub(super) moved: LabelBits,
    pub(super) fate: Fate,
}

/// The entries of one stream, by ascending time.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) key: u64,
    pub(super) labels: LabelSet,
    pub(super) entries: Vec<Planned>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) streams: Vec<Stream>,
    /// How often an attempt has ended with "later, smaller".
    pub(super) told_to_slow_down: u32,
}

impl Plan {
    /// Puts the entries into their streams, oldest first: in this order Loki takes any span of
    /// time, in the other one not more than an hour.
    pub(super) fn new(batch: &Batch, columns: &Columns, labels: &Labels, guard: &Guard) -> Self {
        let mut streams: Vec<Stream> = Vec::new();
        let mut known: HashMap<u64, usize> = HashMap::new();
        let mut last = None;
        for (index, entry) in batch.iter().enumerate() {
            let of = labels.stream_of(guard, |label| columns.labels[label], &entry);
            let position = match last {
                Some((key, position)) if key == of.key => position,
                _ => match known.entry(of.key) {
                    hash_map::Entry::Occupied(known) => *known.get(),
                    hash_map::Entry::Vacant(new) => {
                        let labels = labels.of(of, columns, &entry);
                        streams.push(Stream { key: of.key, labels, entries: Vec::new() });
                        *new.insert(streams.len() - 1)
                    }
                },
            };
            last = Some((of.key, position));
            let planned = Planned { index, timestamp: entry.timestamp, moved: of.moved, fate: Fate::Open };
            streams[position].entries.push(planned);
        }
        for stream in &mut streams {
            stream.entries.sort_by_key(|entry| entry.timestamp);
        }
        Self { streams, told_to_slow_down: 0 }
    }

    pub(super) fn open(&self) -> usize {
        self.count(|fate| *fate == Fate::Open)
    }

    pub(super) fn stored(&self) -> usize {
        self.count(|fate| *fate == Fate::Stored)
    }

    /// The refused entries by their positions in the batch, ascending.
    pub(super) fn refused(&self) -> Vec<(usize, &'static str)> {
        let entries = self.streams.iter().flat_map(|stream| &stream.entries);
        let mut refused: Vec<_> = entries
            .filter_map(|entry| match entry.fate {
                Fate::Refused(reason) => Some((entry.index, reason)),
                _ => None,
            })
            .collect();
        refused.sort_unstable();
        refused
    }

    fn count(&self, wanted: impl Fn(&Fate) -> bool) -> usize {
        self.streams.iter().flat_map(|stream| &stream.entries).filter(|entry| wanted(&entry.fate)).count()
    }
}

/// The last lines that were confirmed of each stream: what a repeat at the seam of two batches is
/// known by, for events that come in the order of their times. Only confirmed batches leave something here, so that one that is tried again, now or
/// out of a spool, finds what it found the first time.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<HashMap<u64, Tail>>);

/// The lines of a stream at its last time, by hash.
#[derive(Debug, Clone, Default)]
struct Tail {
    /// The time of the last event, before it was moved on.
    event: u64,
    timestamp: u64,
    lines: HashSet<u64>,
}

/// The most streams whose last lines are remembered. More than that, and all are forgotten; only a
/// repeat within one nanosecond, across two batches, suffers.
const MAX_TAILS: usize = 4_096;

impl Tails {
    /// Keeps equal lines apart by moving later ones on, a nanosecond at a time; Loki would take
    /// them for one. `strict`: no two lines get the same time. Returns how many were moved.
    pub(super) fn retime(&self, stream: &mut Stream, batch: &Batch, strict: bool, hasher: &RandomState) -> u64 {
        let tails = self.0.lock();
        let tail = tails.get(&stream.key);
        let hash = |entry: &Planned| hasher.hash_one(batch.get(entry.index).expect("it is of this batch").payload);
        let entries = &mut stream.entries;
        let mut moved = 0;
        // Lines at the current time: those of the tail, and `entries[run..]`, hashed only for ties.
        let mut at = tail.filter(|_| strict).map(|tail| tail.timestamp);
        let (mut run, mut seen) = (0, HashSet::new());
        for i in 0..entries.len() {
            let mut time = entries[i].timestamp.max(at.unwrap_or(0));
            if let Some(tail) = tail.filter(|tail| tail.event <= entries[i].timestamp) {
                time = time.max(tail.timestamp);
            }
            if strict {
                time = if at == Some(time) { time.saturating_add(1) } else { time };
            } else {
                loop {
                    if at != Some(time) {
                        (at, run) = (Some(time), i);
                        seen.clear();
                        seen.extend(
                            tail.filter(|tail| tail.timestamp == time).into_iter().flat_map(|tail| &tail.lines),
                        );
                    }
                    if run < i || !seen.is_empty() {
                        entries[run..i].iter().for_each(|entry| _ = seen.insert(hash(entry)));
                        run = i;
                        if seen.contains(&hash(&entries[i])) && time < u64::MAX {
                            time += 1;
                            continue;
                        }
                    }
                    break;
                }
            }
            at = Some(time);
            moved += u64::from(time != entries[i].timestamp);
            entries[i].timestamp = time;
        }
        moved
    }

    /// Takes note of a stream's entries, which Loki has confirmed.
    pub(super) fn confirm(&self, stream: &Stream, batch: &Batch, hasher: &RandomState) {
        let Some(last) = stream.entries.iter().rfind(|entry| entry.fate == Fate::Stored) else { return };
        let at_last = stream.entries.iter().rev().skip_while(|entry| entry.timestamp > last.timestamp);
        let at_last = at_last.take_while(|entry| entry.timestamp == last.timestamp);
        let lines = at_last.filter_map(|entry| Some(hasher.hash_one(batch.get(entry.index)?.payload)));
        let mut tails = self.0.lock();
        if tails.len() >= MAX_TAILS && !tails.contains_key(&stream.key) {
            tails.clear();
        }
        let tail = tails.entry(stream.key).or_default();
        if tail.timestamp < last.timestamp {
            let event = batch.get(last.index).map_or(last.timestamp, |entry| entry.timestamp);
            *tail = Tail { event, timestamp: last.timestamp, lines: lines.collect() };
        } else if tail.timestamp == last.timestamp {
            tail.lines.extend(lines);
        }
    }
}

#[cfg(test)]
mod tests;
