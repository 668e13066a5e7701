//! Keeps the number of streams in bounds: a label with too many values stops being one.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU16, Ordering};

use parking_lot::Mutex;

/// Labels by position, as bits: Loki takes fifteen.
pub(super) type LabelBits = u16;

/// Counts the distinct values of labels that come from fields, and the streams they make.
///
/// A label that passes its bound, or has the most values when the streams pass theirs, *moves*: from
/// then on its values travel as structured metadata. It never moves back, since its old values are
/// in Loki's index. Counted is what was seen since the sink was built.
#[derive(Debug)]
pub(super) struct Guard {
    max_values: usize,
    max_streams: usize,
    moved: AtomicU16,
    /// Those of them that [`Guard::newly_moved`] has named.
    named: AtomicU16,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// For each label the hashes of its values.
    values: Vec<HashSet<u64>>,
    streams: HashSet<u64>,
}

impl Guard {
    pub(super) fn new(labels: usize, max_values: usize, max_streams: usize) -> Self {
        let seen = Seen { values: vec![HashSet::new(); labels], streams: HashSet::new() };
        Self { max_values, max_streams, moved: AtomicU16::new(0), named: AtomicU16::new(0), seen: Mutex::new(seen) }
    }

    /// The labels that have moved so far.
    pub(super) fn moved(&self) -> LabelBits {
        self.moved.load(Ordering::Relaxed)
    }

    /// The labels that have moved since this was asked, by whichever instance of the sink.
    pub(super) fn newly_moved(&self) -> LabelBits {
        let moved = self.moved();
        if moved == self.named.load(Ordering::Relaxed) {
            return 0;
        }
        moved & !self.named.fetch_or(moved, Ordering::Relaxed)
    }

    /// Takes note of an entry with these values (their hashes), on a level; says which labels have
    /// moved, from this entry on.
    pub(super) fn admit(&self, hasher: &impl BuildHasher, level: u64, values: &[Option<u64>]) -> LabelBits {
        let mut seen = self.seen.lock();
        let mut moved = self.moved();
        for (label, value) in values.iter().enumerate() {
            if let Some(value) = value
                && !has(moved, label)
                && seen.values[label].insert(*value)
                && seen.values[label].len() > self.max_values
            {
                moved = seen.remove(moved, label);
            }
        }
        while seen.streams.insert(stream_key(hasher, level, values, moved)) && seen.streams.len() > self.max_streams {
            let movable = (0..values.len()).filter(|label| !has(moved, *label) && seen.values[*label].len() > 1);
            let Some(widest) = movable.max_by_key(|label| seen.values[*label].len()) else { break };
            moved = seen.remove(moved, widest);
        }
        self.moved.store(moved, Ordering::Relaxed);
        moved
    }
}

impl Seen {
    fn remove(&mut self, moved: LabelBits, label: usize) -> LabelBits {
        self.values[label] = HashSet::new();
        // All of them were counted with the label.
        self.streams.clear();
        moved | 1 << label
    }
}

pub(super) fn has(bits: LabelBits, label: usize) -> bool {
    bits & 1 << label != 0
}

/// What two entries of one stream have in common.
pub(super) fn stream_key(hasher: &impl BuildHasher, level: u64, values: &[Option<u64>], moved: LabelBits) -> u64 {
    let mut hasher = hasher.build_hasher();
    (level, moved).hash(&mut hasher);
    for (label, value) in values.iter().enumerate() {
        value.filter(|_| !has(moved, label)).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    #[test]
    fn a_label_moves_when_it_has_one_value_too_many() {
        let (guard, hasher) = (Guard::new(2, 10, 1_000), RandomState::new());
        for value in 0..10 {
            for _ in 0..2 {
                assert_eq!(guard.admit(&hasher, 0, &[Some(value), Some(7)]), 0);
            }
        }
        assert_eq!(guard.admit(&hasher, 0, &[Some(10), Some(7)]), 0b01);
        // Also its old values stay where the others are now.
        assert_eq!(guard.admit(&hasher, 0, &[Some(1), Some(7)]), 0b01);
        assert_eq!(guard.admit(&hasher, 0, &[None, None]), 0b01);
    }

    #[test]
    fn too_many_streams_move_the_label_with_the_most_values() {
        let (guard, hasher) = (Guard::new(3, 1_000, 20), RandomState::new());
        let moved = (0..40).map(|n| guard.admit(&hasher, 0, &[Some(n % 2), Some(n % 15), Some(7)])).collect::<Vec<_>>();
        assert_eq!(moved[..20], [0; 20]);
        assert_eq!(moved[20..], [0b010; 20]);
        assert!(guard.seen.lock().streams.len() <= 20);
    }

    #[test]
    fn where_nothing_can_move_nothing_does() {
        let (guard, hasher) = (Guard::new(1, 10, 1), RandomState::new());
        for level in 0..5 {
            assert_eq!(guard.admit(&hasher, level, &[Some(1)]), 0);
        }
    }

    #[test]
    fn streams_differ_by_level_and_by_labels_that_have_not_moved() {
        let hasher = RandomState::new();
        let key = |level, values: &[_], moved| stream_key(&hasher, level, values, moved);
        assert_ne!(key(1, &[Some(1)], 0), key(2, &[Some(1)], 0));
        assert_ne!(key(1, &[Some(1)], 0), key(1, &[Some(2)], 0));
        assert_ne!(key(1, &[Some(1), None], 0), key(1, &[None, Some(1)], 0));
        assert_eq!(key(1, &[Some(1)], 1), key(1, &[Some(2)], 1));
    }
}
