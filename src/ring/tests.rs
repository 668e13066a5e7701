use std::collections::VecDeque;
use std::thread;

use logwheel_core::wire::Out;
use proptest::prelude::*;

use super::*;

const SLOT: usize = 128;

/// An event of plain bytes.
struct Plain<'a> {
    header: SlotHeader,
    payload: &'a [u8],
}

impl Fill for Plain<'_> {
    fn header(&self) -> SlotHeader {
        self.header
    }

    fn fill(&self, slot: &mut SlotWriter<'_>) {
        slot.put(self.payload);
    }
}

fn publish(writer: &mut LaneWriter, pool: &OverflowPool, number: u64, payload: &[u8]) -> bool {
    let len = payload.len() as u32;
    let header = SlotHeader { ticks: number, tail: len, ..SlotHeader::default() };
    if payload.len() <= SLOT - HEADER_BYTES {
        return writer.try_publish(&Plain { header, payload }).is_ok();
    }
    let Some(mut chain) = pool.take(payload.len() + 4) else { return false };
    chain.put(&len.to_le_bytes());
    chain.put(payload);
    let header = SlotHeader { tail: chain.head(), marks: Marks::flagged(Flags::OVERFLOW), ..header };
    let published = writer.try_publish(&Plain { header, payload: &[] }).is_ok();
    if published {
        chain.published();
    }
    published
}

fn read(reader: &LaneReader, index: usize, pool: &OverflowPool) -> (u64, Vec<u8>) {
    let slot = reader.slot(index);
    let mut scratch = Vec::new();
    let (parts, len) = slot.parts(pool, &mut scratch);
    (slot.header.ticks, parts[..len].to_vec())
}

fn only(mut readers: Vec<LaneReader>) -> LaneReader {
    assert_eq!(readers.len(), 1);
    readers.pop().unwrap()
}

#[derive(Debug, Clone)]
enum Operation {
    Publish(usize),
    Open(usize),
    Release(usize),
    Pending,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0usize..3 * 512).prop_map(|len| Operation::Publish(if len % 3 == 0 { len } else { len % 96 })),
        2 => (0usize..10).prop_map(Operation::Open),
        2 => (0usize..10).prop_map(Operation::Release),
        1 => Just(Operation::Pending),
    ]
}

#[test]
fn a_lane_fills_when_an_eighth_of_it_waits() {
    let pool = OverflowPool::new(0, false);
    let (mut writer, readers) = private_lane(1, 64, SLOT, false, 1);
    let mut reader = only(readers);
    for number in 0..200 {
        assert!(publish(&mut writer, &pool, number, b"x"));
        assert_eq!(writer.is_filling(), number % 10 >= 7, "{number}");
        if number % 10 == 9 {
            assert_eq!(reader.open(64), 10);
            reader.release(10, &pool);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    /// A lane and a pool behave as a bounded queue of byte strings and a counter of blocks.
    #[test]
    fn a_lane_is_a_bounded_queue(shared in any::<bool>(), operations in prop::collection::vec(operation(), 0..400)) {
        const SLOTS: usize = 64;
        let pool = OverflowPool::new(10 * 512, false);
        let (lane, mut writer, mut reader) = if shared {
            let (lane, readers) = SharedLane::new(SLOTS, SLOT, false, 1);
            let writer = lane.writer();
            (Some(lane), writer, only(readers))
        } else {
            let (writer, readers) = private_lane(1, SLOTS, SLOT, false, 1);
            (None, writer, only(readers))
        };
        let mut model: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
        let blocks = |payload: &[u8]| if payload.len() > SLOT - HEADER_BYTES { (payload.len() + 4).div_ceil(508) } else { 0 };
        let mut used = 0;
        let (mut next, mut open) = (0, 0);
        for operation in operations {
            match operation {
                Operation::Publish(len) => {
                    let payload: Vec<u8> = (0..len).map(|i| (i as u64 * 31 + next) as u8).collect();
                    let room = model.len() < SLOTS && used + blocks(&payload) <= 10;
                    prop_assert_eq!(publish(&mut writer, &pool, next, &payload), room);
                    if room {
                        used += blocks(&payload);
                        model.push_back((next, payload));
                        next += 1;
                    }
                }
                Operation::Open(limit) => {
                    open = reader.open(limit);
                    prop_assert_eq!(open, limit.min(model.len()));
                }
                Operation::Release(count) => {
                    let count = count.min(open);
                    for (index, expected) in model.iter().take(open).enumerate() {
                        prop_assert_eq!(&read(&reader, index, &pool), expected);
                    }
                    reader.release(count, &pool);
                    used -= model.drain(..count).map(|(_, payload)| blocks(&payload)).sum::<usize>();
                    open = 0;
                }
                Operation::Pending => prop_assert_eq!(reader.pending(), model.len() as u64),
            }
            prop_assert_eq!(pool.free_blocks(), 10 - used);
        }
        prop_assert_eq!(writer.is_drained(), model.is_empty());
        drop(lane);
    }
}

#[test]
fn a_window_stays_readable_while_its_producer_fills_the_rest() {
    const SLOTS: usize = 64;
    let pool = OverflowPool::new(0, false);
    let (mut writer, readers) = private_lane(1, SLOTS, SLOT, false, 1);
    let mut reader = only(readers);
    for number in 0..40 {
        assert!(publish(&mut writer, &pool, number, &[number as u8; 20]));
    }
    assert_eq!(reader.open(30), 30);
    // The producer goes on until it meets the window, not further.
    let more = (40..).take_while(|number| publish(&mut writer, &pool, *number, &[*number as u8; 20])).count();
    assert_eq!(more, 24);
    for index in 0..30 {
        assert_eq!(read(&reader, index, &pool), (index as u64, vec![index as u8; 20]));
    }
    reader.release(30, &pool);
    assert!(publish(&mut writer, &pool, 64, &[]));
}

#[test]
fn a_chain_that_is_never_published_goes_back() {
    let pool = OverflowPool::new(4 * 512, false);
    {
        let mut chain = pool.take(3 * 508).unwrap();
        chain.put(&[7; 3 * 508]);
        assert_eq!(pool.free_blocks(), 1);
        assert!(pool.take(2 * 508).is_none(), "all or none");
        assert_eq!(pool.free_blocks(), 1);
    }
    assert_eq!(pool.free_blocks(), 4);
}

#[test]
fn threads_that_share_a_lane_and_a_pool_lose_and_mix_nothing() {
    const THREADS: u64 = 4;
    let each: u64 = if cfg!(miri) { 50 } else { 20_000 };
    let pool = OverflowPool::new(64 * 512, false);
    let (lane, readers) = SharedLane::new(256, SLOT, false, 1);
    let mut reader = only(readers);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (mut writer, pool) = (lane.writer(), &pool);
            scope.spawn(move || {
                for number in 0..each {
                    let len = if number % 50 == 0 { 9_000 } else { (number % 90) as usize };
                    let payload = vec![(number * THREADS + thread) as u8; len];
                    while !publish(&mut writer, pool, number * THREADS + thread, &payload) {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut next = [0; THREADS as usize];
        let mut seen = 0;
        while seen < THREADS * each {
            let open = reader.open(37);
            for index in 0..open {
                let (ticks, payload) = read(&reader, index, &pool);
                let (number, thread) = (ticks / THREADS, (ticks % THREADS) as usize);
                assert_eq!(number, next[thread], "each thread's events in order");
                next[thread] += 1;
                assert!(payload.iter().all(|byte| *byte == ticks as u8), "nobody else's bytes");
            }
            reader.release(open, &pool);
            seen += open as u64;
            if open == 0 {
                thread::yield_now();
            }
        }
    });
    assert_eq!(pool.free_blocks(), 64);
    assert_eq!(reader.pending(), 0);
}

#[test]
fn readers_in_a_chain_follow_each_other_and_the_last_one_frees_the_slots() {
    const SLOTS: usize = 64;
    for shared in [false, true] {
        let pool = OverflowPool::new(4 * 512, false);
        let (lane, mut writer, mut readers) = if shared {
            let (lane, readers) = SharedLane::new(SLOTS, SLOT, false, 3);
            let writer = lane.writer();
            (Some(lane), writer, readers)
        } else {
            let (writer, readers) = private_lane(1, SLOTS, SLOT, false, 3);
            (None, writer, readers)
        };
        let payload = |number: u64| vec![number as u8; if number == 3 { 600 } else { 20 }];
        let published = (0..).take_while(|number| publish(&mut writer, &pool, *number, &payload(*number))).count();
        assert_eq!((published, pool.free_blocks()), (SLOTS, 2));
        let open = |readers: &mut [LaneReader]| readers.iter_mut().map(|reader| reader.open(10)).collect::<Vec<_>>();
        assert_eq!(open(&mut readers), [10, 0, 0]);
        readers[0].release(10, &pool);
        assert_eq!(open(&mut readers), [10, 10, 0]);
        readers[1].release(7, &pool);
        assert_eq!(open(&mut readers), [10, 3, 7]);
        assert_eq!(read(&readers[2], 3, &pool), (3, payload(3)), "the pool's blocks are there for every reader");
        assert!(!publish(&mut writer, &pool, 64, &[]), "nothing is free before the last reader is done");
        assert_eq!(writer.state.consumed(), 0);
        readers[2].release(4, &pool);
        assert_eq!((writer.state.consumed(), pool.free_blocks()), (4, 4));
        let more = (64..).take_while(|number| publish(&mut writer, &pool, *number, &[])).count();
        assert_eq!(more, 4);
        drop(lane);
    }
}
