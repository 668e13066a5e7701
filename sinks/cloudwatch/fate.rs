//! What became of each entry of a batch, and what can be said of the whole.
//!
//! One answer of [`Sink::deliver`](logwheel_core::Sink::deliver) speaks of a whole batch: all of it
//! arrived, or all but some entries that were refused, or nothing did. A batch that took several
//! requests can end in a mixture. It is then split, and what is known of its entries is remembered
//! until the parts come back: no entry is sent twice, and each is counted for what happened to it.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use logwheel_core::{Batch, Entry};

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing yet.
    Pending,
    /// It is stored.
    Accepted,
    /// The destination refused it for good.
    Refused(&'static str),
    /// It was not sent, and would not be the next time.
    Unsendable(&'static str),
}

/// What can be said of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Summary {
    /// Everything arrived.
    Delivered,
    /// These positions were refused, each for its reason; all else arrived.
    Refused(Vec<(usize, &'static str)>),
    /// Nothing is settled by the destination, and something is pending.
    Open,
    /// Something is settled and something is pending.
    Mixed,
}

/// What can be said of a batch with these fates.
pub(super) fn summary(fates: &[Fate]) -> Summary {
    let pending = fates.contains(&Fate::Pending);
    let settled = fates.iter().any(|fate| matches!(fate, Fate::Accepted | Fate::Refused(_)));
    match (pending, settled) {
        (true, true) => return Summary::Mixed,
        (true, false) => return Summary::Open,
        (false, _) => {}
    }
    let refused: Vec<_> = fates.iter().enumerate().filter_map(|(at, fate)| Some((at, refusal(*fate)?))).collect();
    if refused.is_empty() { Summary::Delivered } else { Summary::Refused(refused) }
}

fn refusal(fate: Fate) -> Option<&'static str> {
    match fate {
        Fate::Refused(reason) | Fate::Unsendable(reason) => Some(reason),
        Fate::Pending | Fate::Accepted => None,
    }
}

/// The fates of a batch that is being split, until its last part was reported.
///
/// Entries are known again by their time and the hash of their payload; of genuine repeats as many
/// as there were.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    hasher: RandomState,
    fates: HashMap<(u64, u64), VecDeque<Fate>>,
}

impl Remembered {
    /// What is known of the batch's entries; forgets it. A batch that is no part of the remembered
    /// one makes it forget everything.
    pub(super) fn take(&mut self, batch: &Batch) -> Vec<Fate> {
        if self.fates.is_empty() {
            return vec![Fate::Pending; batch.len()];
        }
        let mut fates = Vec::with_capacity(batch.len());
        for entry in batch.iter() {
            let key = self.key(&entry);
            let Some(known) = self.fates.get_mut(&key) else { break };
            fates.extend(known.pop_front());
            if known.is_empty() {
                self.fates.remove(&key);
            }
        }
        if fates.len() < batch.len() {
            // The parts of a split batch come one after the other: what was remembered was given up.
            self.fates.clear();
            fates = vec![Fate::Pending; batch.len()];
        }
        fates
    }

    /// Remembers the fates of a batch that will come back, whole or in parts.
    pub(super) fn keep(&mut self, batch: &Batch, fates: &[Fate]) {
        for (entry, fate) in batch.iter().zip(fates) {
            // It is found to be so again.
            let fate = if matches!(fate, Fate::Unsendable(_)) { Fate::Pending } else { *fate };
            self.fates.entry(self.key(&entry)).or_default().push_back(fate);
        }
    }

    /// Whether parts of a split batch are still to come.
    pub(super) fn expects_more(&self) -> bool {
        !self.fates.is_empty()
    }

    fn key(&self, entry: &Entry<'_>) -> (u64, u64) {
        (entry.timestamp, self.hasher.hash_one(entry.payload))
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Level;
    use proptest::prelude::*;

    use super::*;

    const OLD: Fate = Fate::Refused("too_old");
    const NEW: Fate = Fate::Refused("too_new");
    const LARGE: Fate = Fate::Unsendable("too_large");

    fn batch(payloads: &[u8]) -> Batch {
        let mut batch = Batch::new();
        for payload in payloads {
            batch.push(&[*payload], 7, Level::INFO);
        }
        batch
    }

    #[test]
    fn a_summary_is_exact_or_says_that_it_cannot_be() {
        use Fate::{Accepted, Pending};
        let refused = |refused: &[(usize, &'static str)]| Summary::Refused(refused.to_vec());
        for (fates, expected) in [
            (&[][..], Summary::Delivered),
            (&[Accepted, Accepted], Summary::Delivered),
            (&[Pending, Pending], Summary::Open),
            (&[Pending, LARGE], Summary::Open),
            (&[Accepted, Pending], Summary::Mixed),
            (&[OLD, Pending], Summary::Mixed),
            (&[OLD, Accepted, OLD], refused(&[(0, "too_old"), (2, "too_old")])),
            (&[LARGE, Accepted], refused(&[(0, "too_large")])),
            (&[OLD, OLD], refused(&[(0, "too_old"), (1, "too_old")])),
            (&[OLD, Accepted, NEW], refused(&[(0, "too_old"), (2, "too_new")])),
            (&[LARGE, OLD], refused(&[(0, "too_large"), (1, "too_old")])),
        ] {
            assert_eq!(summary(fates), expected, "{fates:?}");
        }
    }

    #[test]
    fn the_parts_of_a_split_batch_find_their_fates_and_repeats_are_kept_apart() {
        let mut remembered = Remembered::default();
        // Three genuine repeats of `b`.
        let whole = batch(b"abbbc");
        let fates = [Fate::Accepted, OLD, Fate::Accepted, Fate::Pending, LARGE];
        remembered.keep(&whole, &fates);
        assert_eq!(remembered.take(&batch(b"ab")), [Fate::Accepted, OLD]);
        // The second part comes back once more.
        let rest = batch(b"bbc");
        for _ in 0..2 {
            let fates = remembered.take(&rest);
            assert_eq!(fates, [Fate::Accepted, Fate::Pending, Fate::Pending]);
            assert!(!remembered.expects_more());
            remembered.keep(&rest, &fates);
        }
    }

    #[test]
    fn a_foreign_batch_ends_the_memory_and_is_sent_whole() {
        let mut remembered = Remembered::default();
        remembered.keep(&batch(b"ab"), &[Fate::Accepted, Fate::Accepted]);
        assert_eq!(remembered.take(&batch(b"ax")), [Fate::Pending, Fate::Pending]);
        assert!(!remembered.expects_more());
        assert_eq!(remembered.take(&batch(b"ab")), [Fate::Pending, Fate::Pending]);
    }

    proptest! {
        /// As the delivery policy does it: halves until each can be reported.
        #[test]
        fn halving_ends_and_counts_each_entry_for_what_it_was(
            entries in proptest::collection::vec((0..4_u8, 0..3_usize), 1..40),
        ) {
            let payloads: Vec<u8> = entries.iter().map(|(payload, _)| *payload).collect();
            let fates: Vec<Fate> = entries.iter().map(|(_, fate)| [Fate::Accepted, OLD, NEW][*fate]).collect();
            let mut remembered = Remembered::default();
            let mut parts = vec![batch(&payloads)];
            remembered.keep(&parts[0], &fates);
            let mut counts = HashMap::new();
            while let Some(mut part) = parts.pop() {
                let fates = remembered.take(&part);
                match summary(&fates) {
                    Summary::Mixed => {
                        remembered.keep(&part, &fates);
                        let second = part.split_off(part.len() / 2);
                        parts.extend([second, part]);
                    }
                    Summary::Open => prop_assert!(false, "nothing was pending"),
                    _ => fates.iter().for_each(|fate| *counts.entry(format!("{fate:?}")).or_insert(0) += 1),
                }
            }
            for fate in [Fate::Accepted, OLD, NEW] {
                let expected = fates.iter().filter(|other| **other == fate).count();
                prop_assert_eq!(counts.get(&format!("{fate:?}")).copied().unwrap_or(0), expected);
            }
            prop_assert!(!remembered.expects_more());
        }
    }
}
