use logwheel_core::Level;
use proptest::prelude::*;

use super::*;

fn batch(entries: &[(u64, &str)]) -> Batch {
    let mut batch = Batch::new();
    entries.iter().for_each(|(time, line)| batch.push(line.as_bytes(), *time, Level::INFO));
    batch
}

fn stream(batch: &Batch) -> Stream {
    let planned = |(index, entry): (usize, logwheel_core::Entry<'_>)| Planned {
        index,
        timestamp: entry.timestamp,
        moved: 0,
        fate: Fate::Open,
    };
    let mut entries: Vec<_> = batch.iter().enumerate().map(planned).collect();
    entries.sort_by_key(|entry| entry.timestamp);
    Stream { key: 1, labels: Vec::new(), entries }
}

fn times(stream: &Stream) -> Vec<u64> {
    stream.entries.iter().map(|entry| entry.timestamp).collect()
}

struct Retimer(Tails, RandomState);

impl Retimer {
    fn new() -> Self {
        Self(Tails::default(), RandomState::new())
    }

    fn retime(&self, batch: &Batch, strict: bool) -> Stream {
        let mut stream = stream(batch);
        self.0.retime(&mut stream, batch, strict, &self.1);
        stream
    }

    fn confirm(&self, mut stream: Stream, batch: &Batch) {
        stream.entries.iter_mut().for_each(|entry| entry.fate = Fate::Stored);
        self.0.confirm(&stream, batch, &self.1);
    }
}

#[test]
fn only_repeats_are_moved_on() {
    let retimer = Retimer::new();
    let timed = |entries: &[_]| times(&retimer.retime(&batch(entries), false));
    assert_eq!(timed(&[(5, "a"), (5, "b"), (6, "a")]), [5, 5, 6]);
    assert_eq!(timed(&[(5, "a"), (5, "a"), (5, "a")]), [5, 6, 7]);
    // What follows stays behind: lines keep their order.
    assert_eq!(timed(&[(5, "a"), (5, "a"), (5, "b"), (6, "b"), (9, "b")]), [5, 6, 6, 7, 9]);
    assert_eq!(timed(&[(u64::MAX, "a"), (u64::MAX, "a")]), [u64::MAX, u64::MAX]);
}

#[test]
fn strict_times_are_all_different() {
    let retimer = Retimer::new();
    let first = batch(&[(5, "a"), (5, "b"), (3, "c")]);
    let stream = retimer.retime(&first, true);
    assert_eq!(times(&stream), [3, 5, 6]);
    retimer.confirm(stream, &first);
    assert_eq!(times(&retimer.retime(&batch(&[(4, "d"), (9, "e")]), true)), [7, 9]);
}

#[test]
fn a_repeat_at_the_seam_of_two_batches_is_moved_on_once_the_first_is_confirmed() {
    let retimer = Retimer::new();
    let (first, second) = (batch(&[(5, "a"), (5, "a")]), batch(&[(6, "a"), (6, "b")]));
    assert_eq!(times(&retimer.retime(&second, false)), [6, 6]);
    let stream = retimer.retime(&first, false);
    assert_eq!(times(&stream), [5, 6]);
    retimer.confirm(stream, &first);
    // As often as it is tried.
    for _ in 0..3 {
        assert_eq!(times(&retimer.retime(&second, false)), [7, 7]);
    }
    // Also where the first one's repeats have already used the next nanoseconds.
    assert_eq!(times(&retimer.retime(&batch(&[(5, "a"), (5, "b")]), false)), [7, 7]);
    assert_eq!(times(&retimer.retime(&batch(&[(4, "a"), (5, "a"), (9, "a")]), false)), [4, 7, 9]);
}

proptest! {
    #[test]
    fn retimed_lines_are_all_different_in_order_and_as_near_as_can_be(
        entries in prop::collection::vec((0u64..6, 0u8..3), 0..40),
        before in prop::collection::vec((0u64..6, 0u8..3), 0..5),
        strict: bool,
    ) {
        let make = |entries: &[(u64, u8)]| {
            let lines: Vec<_> = entries.iter().map(|(time, line)| (*time, line.to_string())).collect();
            batch(&lines.iter().map(|(time, line)| (*time, line.as_str())).collect::<Vec<_>>())
        };
        let retimer = Retimer::new();
        let first = make(&before);
        let stream = retimer.retime(&first, strict);
        let mut stored: HashSet<(u64, Vec<u8>)> = HashSet::new();
        let store = |stored: &mut HashSet<_>, stream: &Stream, batch: &Batch| {
            stream.entries.iter().all(|e| stored.insert((e.timestamp, batch.get(e.index).unwrap().payload.to_vec())))
        };
        prop_assert!(store(&mut stored, &stream, &first));
        // Only the last time is remembered: an event from before it is not checked against others.
        let last = before.iter().map(|(time, _)| *time).max().unwrap_or(0);
        retimer.confirm(stream, &first);
        let second = make(&entries.iter().map(|(time, line)| (time + last, *line)).collect::<Vec<_>>());
        let stream = retimer.retime(&second, strict);
        prop_assert!(store(&mut stored, &stream, &second));
        let times = times(&stream);
        let ordered = |pair: &[u64]| pair[0] < pair[1] || (!strict && pair[0] == pair[1]);
        prop_assert!(times.windows(2).all(ordered));
        let originals: Vec<_> = stream.entries.iter().map(|e| second.get(e.index).unwrap().timestamp).collect();
        prop_assert!(times.iter().zip(&originals).all(|(time, original)| time >= original && time - original <= 45));
    }
}
