//! What happens when a lane, or the pool for big events, is full.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{
    Batch, Delivered, DeliveryError, Engine, EngineBuilder, Event, Ledger, Level, Logger, MemoryHandle, MemorySink,
    NullSink, OnFull, OnOverflow, Sink, error, info, warn,
};
use support::{Gate, LONG, events, parse, resident_bytes, small, wait_until};

const SLOTS: u64 = 64;

/// An engine whose only worker stands still at `gate`, and which this thread has a lane of.
fn standing_still(configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> (Engine, Logger, MemoryHandle, Gate) {
    let gate = Gate::new();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = configure(small()).filter(at(&gate)).sink(memory).build().unwrap();
    engine.attach_thread().unwrap();
    let logger = engine.logger("t");
    (engine, logger, handle, gate)
}

/// A filter that keeps every event, once the gate is open.
fn at(gate: &Gate) -> impl FnMut(&Event<'_>) -> bool + Send + 'static {
    let gate = gate.clone();
    move |_| {
        gate.pass();
        true
    }
}

fn dropped_as_full(ledger: &Ledger) -> u64 {
    ledger.dropped.get("full").copied().unwrap_or(0)
}

fn numbers(handle: &MemoryHandle) -> Vec<u64> {
    events(handle).iter().map(|event| event["n"].as_u64().unwrap()).collect()
}

#[test]
fn with_drop_a_full_lane_drops_at_once_and_counts_every_event() {
    // Were it to wait, it would do so for a minute.
    let (engine, logger, handle, gate) = standing_still(|b| b.on_full(OnFull::Drop).full_wait(LONG));
    let began = Instant::now();
    (0..SLOTS + 100).for_each(|n| info!(logger, "m", n));
    assert!(began.elapsed() < LONG);
    let ledger = engine.ledger();
    assert_eq!((dropped_as_full(&ledger), ledger.in_lanes, ledger.notes.full_waits), (100, SLOTS, 0));
    gate.open();
    engine.flush(LONG).unwrap();
    info!(logger, "there is room again", n = 1_000);
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!((ledger.submitted, dropped_as_full(&ledger)), (SLOTS + 101, 100));
    assert_eq!(numbers(&handle), (0..SLOTS).chain([1_000]).collect::<Vec<_>>(), "what was first is kept");
}

#[test]
fn with_drop_events_of_protected_levels_wait() {
    let (engine, logger, handle, gate) = standing_still(|b| b.on_full(OnFull::Drop).full_wait(LONG));
    thread::scope(|scope| {
        (0..SLOTS).for_each(|n| info!(logger, "m", n));
        scope.spawn(|| {
            wait_until("the error waits", || engine.ledger().notes.full_waits == 1);
            gate.open();
        });
        warn!(logger, "not protected", n = SLOTS);
        error!(logger, "protected", n = SLOTS + 1);
    });
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((dropped_as_full(&ledger), ledger.notes.full_waits), (1, 1), "{ledger}");
    assert_eq!(numbers(&handle), (0..SLOTS).chain([SLOTS + 1]).collect::<Vec<_>>());
}

#[test]
fn which_levels_are_protected_can_be_chosen() {
    let (engine, logger, handle, gate) =
        standing_still(|b| b.on_full(OnFull::Drop).full_wait(LONG).protected_levels([Level::WARN]));
    thread::scope(|scope| {
        (0..SLOTS).for_each(|n| info!(logger, "m", n));
        scope.spawn(|| {
            wait_until("the warning waits", || engine.ledger().notes.full_waits == 1);
            gate.open();
        });
        error!(logger, "not protected now", n = SLOTS);
        warn!(logger, "protected", n = SLOTS + 1);
    });
    assert_eq!(dropped_as_full(&engine.shutdown(LONG).ledger), 1);
    assert_eq!(numbers(&handle).last(), Some(&(SLOTS + 1)));
}

#[test]
fn with_wait_one_event_waits_in_vain_and_the_next_ones_are_shed_at_once() {
    let (engine, logger, handle, gate) =
        standing_still(|b| b.on_full(OnFull::Wait).full_wait(Duration::from_millis(30)));
    (0..SLOTS).for_each(|n| info!(logger, "m", n));
    let began = Instant::now();
    info!(logger, "waits", n = SLOTS);
    assert!(began.elapsed() >= Duration::from_millis(30));
    let ledger = engine.ledger();
    assert_eq!((dropped_as_full(&ledger), ledger.notes.full_waits), (1, 1));
    (0..500).for_each(|n| info!(logger, "is shed", n));
    let ledger = engine.ledger();
    assert_eq!((dropped_as_full(&ledger), ledger.notes.full_waits), (501, 1), "only the first one waited");
    gate.open();
    engine.flush(LONG).unwrap();
    // The lane was emptied: events may wait again.
    gate.close();
    (0..SLOTS).for_each(|n| info!(logger, "m", n = 2 * SLOTS + n));
    info!(logger, "waits again", n = 1_000);
    let ledger = engine.ledger();
    assert_eq!((dropped_as_full(&ledger), ledger.notes.full_waits), (502, 2));
    gate.open();
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(numbers(&handle), (0..SLOTS).chain(2 * SLOTS..3 * SLOTS).collect::<Vec<_>>());
}

#[test]
fn with_wait_an_event_gets_the_room_that_comes_in_time() {
    let (engine, logger, handle, gate) = standing_still(|b| b.on_full(OnFull::Wait).full_wait(LONG));
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("an event waits", || engine.ledger().notes.full_waits == 1);
            gate.open();
        });
        (0..SLOTS + 1).for_each(|n| info!(logger, "m", n));
    });
    assert_eq!(engine.shutdown(LONG).ledger.total_dropped(), 0);
    assert_eq!(numbers(&handle), (0..=SLOTS).collect::<Vec<_>>());
}

#[test]
fn with_block_callers_wait_until_there_is_room_and_nothing_is_lost() {
    let (engine, logger, handle, gate) = standing_still(|b| b.on_full(OnFull::Block).full_wait(Duration::ZERO));
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("an event waits", || engine.ledger().notes.full_waits > 0);
            gate.open();
        });
        (0..20 * SLOTS).for_each(|n| info!(logger, "m", n));
    });
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.total_dropped(), ledger.dispatched), (0, 20 * SLOTS));
    assert_eq!(numbers(&handle), (0..20 * SLOTS).collect::<Vec<_>>());
}

#[test]
fn with_block_and_a_timeout_an_event_is_dropped_when_it_is_over() {
    let (engine, logger, handle, gate) =
        standing_still(|b| b.on_full(OnFull::Block).block_timeout(Duration::from_millis(30)));
    (0..SLOTS).for_each(|n| info!(logger, "m", n));
    let began = Instant::now();
    info!(logger, "waits", n = SLOTS);
    assert!(began.elapsed() >= Duration::from_millis(30));
    assert_eq!(dropped_as_full(&engine.ledger()), 1);
    gate.open();
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(numbers(&handle), (0..SLOTS).collect::<Vec<_>>());
}

#[test]
fn gaps_in_the_sequence_are_as_many_as_events_were_lost() {
    let (engine, logger, handle, gate) = standing_still(|b| b.on_full(OnFull::Drop).identity(true));
    (0..SLOTS + 37).for_each(|n| info!(logger, "m", n));
    gate.open();
    engine.flush(LONG).unwrap();
    // Behind the losses, so that they can be seen.
    info!(logger, "m", n = 1_000);
    let lost = dropped_as_full(&engine.shutdown(LONG).ledger);
    let sequence: Vec<u64> = events(&handle)
        .iter()
        .map(|e| e["_seq"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap())
        .collect();
    assert!(sequence.is_sorted_by(|a, b| a < b), "{sequence:?}");
    let (first, last) = (sequence[0], *sequence.last().unwrap());
    assert_eq!(lost, 37);
    assert_eq!((first - 1) + (last - first + 1) - sequence.len() as u64, lost, "{sequence:?}");
}

/// Looks at each line and forgets it.
struct Inspector(Arc<Inspected>);

#[derive(Default)]
struct Inspected {
    whole: AtomicU64,
    cut: AtomicU64,
}

impl Sink for Inspector {
    fn name(&self) -> &str {
        "inspector"
    }
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        for entry in batch.iter() {
            let event = parse(std::str::from_utf8(entry.payload).expect("valid UTF-8"));
            let text = event["text"].as_str().expect("the text is there");
            let is_cut = event.get("_truncated").is_some();
            assert_eq!(is_cut, text.ends_with(&format!("[truncated, {BIG} bytes]")));
            assert!(is_cut || text.len() == BIG);
            if is_cut { &self.0.cut } else { &self.0.whole }.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Delivered::all())
    }
}

const BIG: usize = 64 << 10;

#[test]
fn big_events_in_every_slot_of_every_lane_stay_within_the_memory_budget() {
    const THREADS: usize = 5;
    const BUDGET: usize = 16 << 20;
    const LANE: usize = 256;
    let gate = Gate::new();
    let inspected = Arc::new(Inspected::default());
    let before = resident_bytes();
    let engine = support::engine()
        .lane_slots(LANE)
        .memory_budget(BUDGET)
        .overflow_bytes(8 << 20)
        .max_lanes(THREADS)
        .reserved_lanes(THREADS)
        .promote_after(u32::MAX)
        .on_full(OnFull::Drop)
        .diagnostics(|_| {})
        .filter(at(&gate))
        .sink(Inspector(Arc::clone(&inspected)))
        .build()
        .unwrap();
    let text = "x".repeat(BIG);
    let logged = AtomicU64::new(0);
    for _ in 0..2 {
        thread::scope(|scope| {
            for private in 0..=THREADS {
                let (engine, text, logged) = (&engine, &text, &logged);
                scope.spawn(move || {
                    if private > 0 {
                        wait_until("a lane was handed back", || engine.attach_thread().is_ok());
                    }
                    let logger = engine.logger("t");
                    // More than fit, into the shared lane as well.
                    for n in 0..LANE * 4 + 10 {
                        info!(logger, "big", n, text);
                        logged.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        if let (Some(before), Some(now)) = (before, resident_bytes()) {
            // Whole, these events would take 144 MiB. Beside lanes and pool there are a sink's
            // queue of 16 MiB, the stacks of threads, and other tests.
            let grown = now.saturating_sub(before);
            assert!(grown < BUDGET + (48 << 20), "grown by {} MiB", grown >> 20);
        }
        let ledger = engine.ledger();
        assert_eq!(ledger.in_lanes, (LANE * (4 + THREADS)) as u64, "every slot is taken");
        gate.open();
        engine.flush(LONG).unwrap();
        gate.close();
    }
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        let grown = now.saturating_sub(before);
        assert!(grown < BUDGET + (64 << 20), "grown by {} MiB", grown >> 20);
    }
    gate.open();
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(ledger.submitted, logged.into_inner());
    let (whole, cut) = (inspected.whole.load(Ordering::Relaxed), inspected.cut.load(Ordering::Relaxed));
    assert_eq!((whole + cut, ledger.notes.cut), (ledger.dispatched, cut));
    // 64 KiB and a little take 17 blocks of the pool, and it was empty again for the second time.
    assert!(whole > 2 * 100 && cut > whole, "{whole} whole, {cut} cut");
}

#[test]
fn an_event_that_finds_the_pool_empty_is_cut_to_its_slot() {
    let event = support::one_event(
        |builder| builder.overflow_bytes(0),
        |logger| info!(logger, "big", n = 7, text = "y".repeat(5_000), other = "short"),
    );
    assert_eq!((event["n"].as_u64(), event["other"].as_str()), (Some(7), Some("short")));
    let text = event["text"].as_str().unwrap();
    assert!(text.starts_with("yyyy") && text.ends_with("...[truncated, 5000 bytes]"), "{text}");
    assert_eq!(event["_truncated"], true);
}

#[test]
fn an_event_that_finds_the_pool_empty_is_dropped_if_asked_to() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().overflow_bytes(0).on_overflow(OnOverflow::Drop).identity(true).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    for n in 0..10 {
        info!(logger, "small", n);
        info!(logger, "big", n, text = "y".repeat(5_000));
    }
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!((ledger.dropped["overflow_full"], ledger.notes.cut), (10, 0));
    assert_eq!(numbers(&handle), (0..10).collect::<Vec<_>>());
}

#[test]
fn blocks_of_the_pool_come_back_with_their_slots() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    // Two events' worth of blocks, for a hundred of them.
    let engine = small().overflow_bytes(64 << 10).on_overflow(OnOverflow::Drop).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    for n in 0..100 {
        info!(logger, "big", n, text = "z".repeat(30_000));
        engine.flush(LONG).unwrap();
    }
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.total_dropped(), handle.len()), (0, 100), "{ledger}");
}

#[test]
fn an_event_larger_than_allowed_is_cut_marked_and_counted() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().max_event_bytes(2_000).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    info!(logger, "fits", text = "a".repeat(1_500));
    info!(logger, "too large", long = "b".repeat(4_000), short = "c".repeat(100), n = 1);
    info!(logger, "é".repeat(3_000));
    info!(logger, "formatted", text = %"d".repeat(10_000));
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(ledger.notes.cut, 3);
    let events = events(&handle);
    assert_eq!(events[0]["text"].as_str().unwrap().len(), 1_500);
    assert_eq!(events[0].get("_truncated"), None);
    for (event, name, original) in [(&events[1], "long", "4000"), (&events[2], "message", "6000")] {
        let text = event[name].as_str().unwrap();
        assert!(text.len() < 2_100 && text.len() > 1_500, "as much as is allowed: {}", text.len());
        assert!(text.ends_with(&format!("...[truncated, {original} bytes]")), "{text}");
        assert!(!text.contains('\u{fffd}'), "cut at a character's border");
        assert_eq!(event["_truncated"], true);
    }
    assert_eq!(events[1]["short"], "c".repeat(100), "the longest texts are cut, not the others");
    assert!(events[3]["text"].as_str().unwrap().len() < 2_100);
    assert_eq!(events[3]["_truncated"], true);
}

#[test]
fn with_block_big_events_wait_for_the_pool_and_arrive_whole() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    // Room for two at a time.
    let engine = small().on_full(OnFull::Block).overflow_bytes(64 << 10).sink(memory).build().unwrap();
    thread::scope(|scope| {
        for thread in 0..4u64 {
            let logger = engine.logger("t");
            scope.spawn(move || {
                let text = "w".repeat(20_000 + thread as usize * 3_000);
                (0..50u64).for_each(|n| info!(logger, "big", thread, n, text));
            });
        }
    });
    let ledger = engine.shutdown(LONG).ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!((ledger.total_dropped(), ledger.notes.cut, handle.len()), (0, 0, 200), "{ledger}");
    let lines = handle.lines();
    support::assert_each_thread_in_order(&support::thread_and_number(&lines));
    for line in &lines {
        let event = parse(line);
        assert_eq!(event["text"].as_str().unwrap().len() as u64, 20_000 + event["thread"].as_u64().unwrap() * 3_000);
    }
}

#[test]
fn with_block_an_event_larger_than_the_whole_pool_does_not_wait_for_it() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().on_full(OnFull::Block).overflow_bytes(16 << 10).sink(memory).build().unwrap();
    info!(engine.logger("t"), "larger than the pool", text = "v".repeat(100_000));
    let ledger = engine.shutdown(LONG).ledger;
    assert_eq!((ledger.notes.cut, handle.len()), (1, 1), "{ledger}");
}

#[test]
fn with_block_and_a_timeout_a_big_event_is_cut_or_dropped_when_it_is_over() {
    for on_overflow in [OnOverflow::Cut, OnOverflow::Drop] {
        let (engine, logger, handle, gate) = standing_still(|b| {
            b.on_full(OnFull::Block)
                .block_timeout(Duration::from_millis(30))
                .overflow_bytes(16 << 10)
                .on_overflow(on_overflow)
        });
        (0..2).for_each(|n| info!(logger, "big", n, text = "u".repeat(12_000)));
        gate.open();
        let ledger = engine.shutdown(LONG).ledger;
        assert!(ledger.is_balanced(), "{ledger}");
        let dropped = ledger.total_dropped();
        assert_eq!((ledger.notes.cut, dropped), if on_overflow == OnOverflow::Cut { (1, 0) } else { (0, 1) });
        assert_eq!(handle.len() as u64, 2 - dropped);
    }
}

#[test]
fn a_burst_after_idle_loses_nothing_by_default_and_an_exact_number_with_drop() {
    const BURST: u64 = 100_000;
    for on_full in [OnFull::Wait, OnFull::Drop] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let builder = support::engine().on_full(on_full).diagnostics(|_| {});
        // A busy machine may give the worker no time for as long as the default of 50 ms.
        let engine = builder.full_wait(LONG).sink(memory).build().unwrap();
        engine.attach_thread().unwrap();
        let logger = engine.logger("t");
        info!(logger, "m", n = BURST);
        engine.flush(LONG).unwrap();
        // Idle: the worker is asleep when the burst comes.
        std::thread::sleep(Duration::from_millis(100));
        (0..BURST).for_each(|n| info!(logger, "m", n));
        let report = engine.shutdown(LONG);
        let ledger = &report.ledger;
        assert!(report.complete && ledger.is_balanced(), "{ledger}");
        assert_eq!(ledger.submitted, BURST + 1);
        let received = numbers(&handle);
        assert_eq!(received.len() as u64 + dropped_as_full(ledger), BURST + 1, "{ledger}");
        assert!(received[1..].is_sorted_by(|a, b| a < b), "in order, each once");
        if on_full == OnFull::Wait {
            assert_eq!(dropped_as_full(ledger), 0, "{ledger}");
        }
    }
}

#[test]
fn calls_that_come_slowly_wake_no_worker() {
    let engine = Engine::builder().lane_slots(64).sink(NullSink).build().unwrap();
    engine.attach_thread().unwrap();
    let logger = engine.logger("slow");
    // Past many a quarter of the lane, in which never more than one event waits.
    for number in 0..1_000u64 {
        info!(logger, "tick", number);
        engine.flush(LONG).unwrap();
    }
    assert_eq!(engine.shutdown(LONG).ledger.notes.wakes, 0);
}
