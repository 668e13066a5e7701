//! Flush, shutdown, and what happens around them.

mod support;

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use logwheel::{
    Batch, Delivered, DeliveryError, Engine, Event, FileSink, FlushError, Level, Logger, MemorySink, OnFull, Overflow,
    RetrySettings, Sink, debug, error, event, info, warn,
};
use support::{FusedWorkers, Gate, LONG, Reply, ScriptedSink, block_on, events, lock, small, wait_until};

/// A short time in which nothing can come to pass: the thing waited for hangs.
const IN_VAIN: Duration = Duration::from_millis(100);

#[test]
fn what_was_logged_before_a_flush_has_arrived_after_it() {
    for workers in [1, 2] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = small()
            .fused_workers(workers)
            .on_full(OnFull::Block)
            .promote_after(30)
            .reserved_lanes(0)
            .sink_with(memory, |sink| sink.batch_max_age(10 * LONG))
            .build()
            .unwrap();
        let logger = engine.logger("t");
        for n in 1..=200usize {
            info!(logger, "m", n);
            engine.flush(LONG).unwrap();
            assert_eq!(handle.len(), n);
        }
    }
}

#[test]
fn a_flush_covers_what_other_threads_logged_before_it() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().fused_workers(2).sink_with(memory, |sink| sink.batch_max_age(10 * LONG)).build().unwrap();
    thread::scope(|scope| {
        let (logged, to_flush) = mpsc::channel();
        for attach in [true, false] {
            let (engine, logged) = (&engine, logged.clone());
            scope.spawn(move || {
                if attach {
                    engine.attach_thread().unwrap();
                }
                let logger = engine.logger("t");
                (0..40).for_each(|n| info!(logger, "m", n));
                logged.send(()).unwrap();
            });
        }
        (0..2).for_each(|_| to_flush.recv().unwrap());
        engine.flush(LONG).unwrap();
        assert_eq!(handle.len(), 80);
    });
}

#[test]
fn several_threads_can_flush_at_once() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .promote_after(20)
        .sink_with(memory, |sink| sink.batch_max_age(10 * LONG))
        .build()
        .unwrap();
    thread::scope(|scope| {
        for thread in 0..4u64 {
            let (engine, handle) = (&engine, &handle);
            scope.spawn(move || {
                let logger = engine.logger("t");
                for n in 0..50u64 {
                    info!(logger, "m", thread, n);
                    engine.flush(LONG).unwrap();
                    let mine = |line: &String| line.contains(&format!("\"thread\":{thread},\"n\":{n}}}"));
                    assert!(handle.lines().iter().any(mine), "{thread}/{n}");
                }
            });
        }
    });
    assert_eq!(handle.len(), 200);
}

#[test]
fn a_flush_reaches_what_sinks_buffer_themselves() {
    let sink = ScriptedSink::replies([]);
    let record = sink.record();
    let engine = small().sink(sink).build().unwrap();
    engine.flush(LONG).unwrap();
    assert_eq!(record.get().flushes, 0, "a sink that never started has nothing");
    info!(engine.logger("t"), "m");
    engine.flush(LONG).unwrap();
    assert_eq!(record.get().flushes, 1);
}

#[test]
fn a_flush_that_times_out_names_the_sink_that_holds_events() {
    let gate = Gate::new();
    let engine = small()
        .sink_with(ScriptedSink::replies([Reply::Wait(gate.clone())]), |sink| sink.name("stuck"))
        .sink_with(MemorySink::new(), |sink| sink.name("healthy").batch_max_age(10 * LONG))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..3).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let error = engine.flush(IN_VAIN).unwrap_err();
    assert!(error.to_string().contains("stuck"), "{error}");
    let FlushError::TimedOut { in_lanes, undelivered, sinks, .. } = error else { panic!("{error:?}") };
    assert_eq!((in_lanes, undelivered, sinks), (0, 3, vec!["stuck".to_owned()]), "the healthy one is not to blame");
    gate.open();
    engine.flush(LONG).unwrap();
}

#[test]
fn a_flush_that_times_out_says_how_much_is_in_the_lanes() {
    let gate = Gate::new();
    let engine = small().filter(blocking(&gate)).sink(MemorySink::new()).build().unwrap();
    let logger = engine.logger("t");
    (0..7).for_each(|n| info!(logger, "m", n));
    let error = engine.flush(IN_VAIN).unwrap_err();
    assert_eq!(error, engine.flush(Duration::ZERO).unwrap_err());
    let FlushError::TimedOut { in_lanes, undelivered, sinks, .. } = error else { panic!("{error:?}") };
    assert_eq!((in_lanes, undelivered, sinks), (7, 0, vec![]));
    gate.open();
    engine.flush(LONG).unwrap();
}

/// A filter that keeps every event, once the gate is open.
fn blocking(gate: &Gate) -> impl FnMut(&Event<'_>) -> bool + Send + 'static {
    let gate = gate.clone();
    move |_| {
        gate.pass();
        true
    }
}

type Results = Arc<Mutex<Vec<Result<(), FlushError>>>>;

/// Flushes its own engine, from where that would be waiting for itself.
struct FlushingSink {
    engine: Arc<Mutex<Option<Engine>>>,
    results: Results,
}

impl Sink for FlushingSink {
    fn name(&self) -> &str {
        "flushing"
    }
    fn deliver(&mut self, _: &Batch) -> Result<Delivered, DeliveryError> {
        let engine = lock(&self.engine);
        let engine = engine.as_ref().expect("set before the first event");
        lock(&self.results).extend([engine.flush(LONG), block_on(engine.flush_async(LONG))]);
        Ok(Delivered::all())
    }
}

#[test]
fn a_flush_on_one_of_the_engines_own_threads_is_refused() {
    let engine: Arc<Mutex<Option<Engine>>> = Arc::default();
    let results = Results::default();
    let filter = {
        let (engine, results) = (Arc::clone(&engine), Arc::clone(&results));
        move |_: &Event<'_>| {
            let engine = lock(&engine);
            let engine = engine.as_ref().expect("set before the first event");
            lock(&results).push(engine.flush(LONG));
            true
        }
    };
    let sink = FlushingSink { engine: Arc::clone(&engine), results: Arc::clone(&results) };
    let built = small().filter(filter).sink_with(sink, |sink| sink.batch_max_events(1)).build().unwrap();
    let logger = built.logger("t");
    *lock(&engine) = Some(built);
    info!(logger, "m");
    wait_until("filter and sink have tried", || lock(&results).len() == 3);
    assert_eq!(*lock(&results), [const { Err(FlushError::PipelineThread) }; 3]);
    let engine = lock(&engine).take().unwrap();
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn flush_async_completes_when_everything_has_arrived() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink_with(memory, |sink| sink.batch_max_age(10 * LONG)).build().unwrap();
    let logger = engine.logger("t");
    for n in 1..=20usize {
        info!(logger, "m", n);
        block_on(engine.flush_async(LONG)).unwrap();
        assert_eq!(handle.len(), n);
    }
    // One that nobody polls is no trouble.
    drop(engine.flush_async(LONG));
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn flush_async_reports_a_timeout_and_does_not_block_while_it_is_under_way() {
    let gate = Gate::new();
    let engine = small().filter(blocking(&gate)).sink(MemorySink::new()).build().unwrap();
    info!(engine.logger("t"), "m");
    assert!(matches!(block_on(engine.flush_async(IN_VAIN)), Err(FlushError::TimedOut { in_lanes: 1, .. })));
    // Made and polled while the gate is closed: only a future that does not block gets to open it.
    let mut flushed = std::pin::pin!(engine.flush_async(LONG));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(flushed.as_mut().poll(&mut context).is_pending());
    gate.open();
    block_on(flushed).unwrap();
}

#[test]
fn a_flush_that_the_shutdown_overtakes_ends_soon() {
    let gate = Gate::new();
    let sink = ScriptedSink::replies([Reply::Wait(gate.clone())]);
    let engine = small().sink_with(sink, |sink| sink.batch_max_events(1)).build().unwrap();
    info!(engine.logger("t"), "m");
    gate.wait_for_arrivals(1);
    let flushed = engine.flush_async(100 * LONG);
    let report = engine.shutdown(IN_VAIN);
    assert!(!report.complete);
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || done.send(block_on(flushed)).unwrap());
    let result = waiting.recv_timeout(LONG).expect("the flush ends with its engine");
    assert_eq!(result, Err(FlushError::Closed));
}

/// Asserts that a flush ends long before its own timeout.
#[track_caller]
fn assert_ends_soon(flushed: logwheel::Flushed) -> Result<(), FlushError> {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || done.send(block_on(flushed)));
    waiting.recv_timeout(LONG / 2).expect("the flush ends with its engine")
}

#[test]
fn a_flush_that_waits_for_a_hanging_stage_ends_with_the_shutdown() {
    let gate = Gate::new();
    let engine = small().filter(blocking(&gate)).sink(MemorySink::new()).build().unwrap();
    info!(engine.logger("t"), "m");
    gate.wait_for_arrivals(1);
    let mut flushed = engine.flush_async(100 * LONG);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::Pin::new(&mut flushed).poll(&mut context).is_pending());
    // Nothing shows from outside how far the flush came; most likely it waits for the stage then.
    thread::sleep(IN_VAIN);
    assert!(!engine.shutdown(IN_VAIN).complete);
    assert_eq!(assert_ends_soon(flushed), Err(FlushError::Closed));
    gate.open();
}

#[test]
fn a_flush_that_races_with_the_shutdown_ends() {
    for _ in 0..200 {
        let memory = MemorySink::new();
        let engine = small().sink(memory).build().unwrap();
        info!(engine.logger("t"), "m");
        let flushed = engine.flush_async(100 * LONG);
        assert!(engine.shutdown(LONG).complete);
        let result = assert_ends_soon(flushed);
        assert!(matches!(result, Ok(()) | Err(FlushError::Closed)), "{result:?}");
    }
}

#[test]
fn shutdown_delivers_everything_and_says_so() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = support::engine().sink_with(memory, |sink| sink.batch_max_age(10 * LONG)).build().unwrap();
    let logger = engine.logger("t");
    (0..5_000).for_each(|n| info!(logger, "m", n));
    let report = engine.shutdown(LONG);
    assert!(report.complete);
    assert_eq!(handle.len(), 5_000);
    let ledger = &report.ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!((ledger.submitted, ledger.in_lanes, ledger.dispatched), (5_000, 0, 5_000));
    assert!(report.elapsed < LONG);
    assert!(ledger.to_string().contains("submitted 5000 (balanced)"), "{ledger}");
}

#[test]
fn dropping_the_engine_shuts_it_down() {
    let sink = ScriptedSink::replies([]);
    let record = sink.record();
    let engine = small().sink_with(sink, |sink| sink.batch_max_age(10 * LONG)).build().unwrap();
    let logger = engine.logger("t");
    (0..50).for_each(|n| info!(logger, "m", n));
    drop(engine);
    let record = record.get();
    assert_eq!((record.accepted.len(), record.stops), (50, 1));
}

#[test]
fn dropping_the_engine_takes_no_longer_than_its_shutdown_timeout() {
    let gate = Gate::new();
    let sink = ScriptedSink::replies([Reply::Wait(gate.clone())]);
    let engine = small().shutdown_timeout(IN_VAIN).sink(sink).build().unwrap();
    info!(engine.logger("t"), "m");
    gate.wait_for_arrivals(1);
    let began = Instant::now();
    drop(engine);
    assert!(began.elapsed() < LONG, "the sink is left behind");
}

#[test]
fn logging_after_the_shutdown_neither_arrives_nor_hangs_nor_panics() {
    for on_full in [OnFull::Wait, OnFull::Drop, OnFull::Block] {
        let memory = MemorySink::new();
        let handle = memory.handle();
        let engine = small().on_full(on_full).sink(memory).build().unwrap();
        let logger = engine.logger("t");
        info!(logger, "before");
        assert_eq!(engine.shutdown(LONG).ledger.submitted, 1);
        // More than any lane holds; from a thread that the engine knows, and from one it does not.
        (0..1_000).for_each(|n| info!(logger, "after", n));
        let clone = logger.with("late", true);
        thread::spawn(move || (0..1_000).for_each(|n| error!(clone, "after", n))).join().unwrap();
        assert_eq!(handle.len(), 1);
        assert!(logger.enabled(Level::INFO) && format!("{logger:?}").contains("\"t\""), "the logger lives on");
    }
}

/// Tells when the workers have ended: from then on nothing comes in any more.
struct Watchman(Arc<AtomicBool>);

impl logwheel::Filter for Watchman {
    fn name(&self) -> &str {
        "watchman"
    }
    fn filter(&mut self, _: &mut logwheel::Enrichment<'_, '_>) -> Result<logwheel::Verdict, logwheel::StageError> {
        Ok(logwheel::Verdict::Keep)
    }
    fn stop(&mut self) -> Result<(), logwheel::StageError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn events_logged_during_the_shutdown_are_counted_as_closed() {
    let gate = Gate::new();
    let stopped = Arc::new(AtomicBool::new(false));
    let sink = ScriptedSink::replies([Reply::Wait(gate.clone())]);
    let record = sink.record();
    let engine = small().filter(Watchman(Arc::clone(&stopped))).sink(sink).build().unwrap();
    let logger = engine.logger("t");
    info!(logger, "in time");
    gate.wait_for_arrivals(1);
    thread::scope(|scope| {
        let shutdown = scope.spawn(move || engine.shutdown(LONG));
        wait_until("the workers have ended", || stopped.load(Ordering::SeqCst));
        (0..25).for_each(|n| info!(logger, "too late", n));
        gate.open();
        let report = shutdown.join().unwrap();
        assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
        assert_eq!((report.ledger.submitted, report.ledger.dropped["closed"]), (26, 25));
    });
    assert_eq!(record.get().accepted.len(), 1);
}

#[test]
fn the_last_words_before_a_shutdown_arrive_while_neighbours_go_on_logging() {
    // A neighbour that loses its processor in the midst of a call must not cost others their
    // events: many shutdowns are needed to meet one.
    for round in 0..60 {
        let memory = MemorySink::new();
        let handle = memory.handle();
        // Lanes so large that nobody waits for room: neighbours are then in the midst of a call
        // for much of their time.
        let engine = support::engine()
            .on_full(OnFull::Block)
            .promote_after(u32::MAX)
            .filter(|event: &Event<'_>| event.message() == "last words")
            .sink(memory)
            .build()
            .unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let chatter = Arc::new(AtomicU64::new(0));
        let neighbours: Vec<_> = (0..6)
            .map(|_| {
                let (logger, over, chatter) = (engine.logger("neighbour"), Arc::clone(&over), Arc::clone(&chatter));
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        info!(logger, "chatter");
                        chatter.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        wait_until("all have begun", || chatter.load(Ordering::Relaxed) > 2_000);
        let logger = engine.logger("t");
        for n in 0..10 {
            info!(logger, "last words", n);
        }
        let report = engine.shutdown(LONG);
        over.store(true, Ordering::Relaxed);
        neighbours.into_iter().for_each(|neighbour| neighbour.join().unwrap());
        assert_eq!(handle.len(), 10, "round {round}: {}", report.ledger);
        assert!(report.ledger.is_balanced(), "{}", report.ledger);
    }
}

#[test]
fn a_shutdown_does_not_wait_for_a_sink_that_hangs_and_counts_what_it_holds() {
    let gate = Gate::new();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small()
        .on_full(OnFull::Block)
        .sink_with(ScriptedSink::replies([Reply::Accept, Reply::Wait(gate.clone())]), |sink| {
            sink.name("stuck").batch_max_events(10)
        })
        .sink(memory)
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..200).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let began = Instant::now();
    let report = engine.shutdown(Duration::from_millis(500));
    assert!(began.elapsed() < LONG && report.elapsed < LONG);
    assert!(!report.complete);
    assert!(report.ledger.is_balanced(), "{}", report.ledger);
    let stuck = report.ledger.sink("stuck").unwrap();
    assert_eq!((stuck.delivered, stuck.dropped["undelivered"]), (10, 190));
    assert_eq!((stuck.queued, stuck.in_flight), (0, 0));
    let memory = report.ledger.sink("memory").unwrap();
    assert_eq!((memory.delivered, handle.len()), (200, 200), "{}", report.ledger);
    gate.open();
}

#[test]
fn a_sink_that_hangs_does_not_cost_another_one_its_events_at_the_shutdown() {
    let gate = Gate::new();
    let healthy = ScriptedSink::new(|_| {
        // Delivering takes its time, though much less than the shutdown may take.
        thread::sleep(Duration::from_millis(20));
        Reply::Accept
    });
    let record = healthy.record();
    let engine = small()
        .sink_with(ScriptedSink::replies([Reply::Wait(gate.clone())]), |sink| sink.name("stuck"))
        .sink_with(healthy, |sink| sink.name("healthy").batch_max_age(10 * LONG))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..20).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let report = engine.shutdown(Duration::from_secs(2));
    assert_eq!(report.ledger.sink("stuck").unwrap().dropped["undelivered"], 20);
    assert_eq!(report.ledger.sink("healthy").unwrap().delivered, 20, "{}", report.ledger);
    assert_eq!(record.get().accepted.len(), 20);
    gate.open();
}

#[test]
fn a_shutdown_does_not_wait_for_a_stage_that_hangs() {
    let gate = Gate::new();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let filter = {
        let gate = gate.clone();
        let seen = Cell::new(0);
        move |_: &Event<'_>| {
            seen.set(seen.get() + 1);
            if seen.get() == 11 {
                gate.pass();
            }
            true
        }
    };
    let engine = small().filter(filter).sink(memory).build().unwrap();
    let logger = engine.logger("t");
    (0..10).for_each(|n| info!(logger, "m", n));
    engine.flush(LONG).unwrap();
    (10..40).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let began = Instant::now();
    let report = engine.shutdown(Duration::from_millis(400));
    assert!(began.elapsed() < LONG);
    assert!(!report.complete);
    assert!(report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!((report.ledger.submitted, report.ledger.dispatched), (40, 10));
    assert_eq!((report.ledger.in_lanes, report.ledger.dropped["closed"]), (0, 30));
    assert_eq!(handle.len(), 10);
    gate.open();
}

#[test]
fn a_shutdown_releases_a_worker_that_waits_for_room_in_a_queue() {
    let gate = Gate::new();
    let engine = small()
        .on_full(OnFull::Block)
        .sink_with(ScriptedSink::replies([Reply::Wait(gate.clone())]), |sink| {
            sink.name("stuck")
                .batch_max_events(1)
                .batch_max_bytes(1_000)
                .queue_bytes(2_000)
                .overflow(Overflow::Block(100 * LONG))
        })
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..100).for_each(|n| info!(logger, "m", n));
    gate.wait_for_arrivals(1);
    let report = engine.shutdown(Duration::from_millis(400));
    assert!(!report.complete && report.elapsed < LONG);
    let ledger = &report.ledger;
    assert!(ledger.is_balanced(), "{ledger}");
    let stuck = ledger.sink("stuck").unwrap();
    let closed = ledger.dropped.get("closed").copied().unwrap_or(0);
    assert_eq!(stuck.dropped["undelivered"] + closed, 100, "{ledger}");
    gate.open();
}

#[test]
fn a_queue_that_blocks_in_vain_holds_a_round_of_lines_up_once_and_not_each_line() {
    let gate = Gate::new();
    let engine = support::engine()
        .on_full(OnFull::Block)
        .diagnostics(|_| {})
        .sink_with(ScriptedSink::replies([Reply::Wait(gate.clone())]), |sink| {
            let sink = sink.name("stuck").batch_max_events(1).batch_max_bytes(1_000).queue_bytes(2_000);
            sink.overflow(Overflow::Block(Duration::from_millis(200)))
        })
        .build()
        .unwrap();
    engine.attach_thread().unwrap();
    let logger = engine.logger("t");
    // One by one, that would take more than six minutes.
    (0..2_000).for_each(|n| info!(logger, "m", n));
    wait_until("all lines have their fate", || engine.ledger().in_lanes == 0);
    let ledger = engine.ledger();
    assert!(ledger.sink("stuck").unwrap().dropped["queue_full"] > 1_900, "{ledger}");
    gate.open();
    assert!(engine.shutdown(LONG).complete);
}

#[test]
fn a_blocked_caller_is_released_by_the_shutdown() {
    let gate = Gate::new();
    let engine = small().on_full(OnFull::Block).filter(blocking(&gate)).sink(MemorySink::new()).build().unwrap();
    let logger = engine.logger("t");
    let caller = thread::spawn(move || (0..5_000).for_each(|n| info!(logger, "m", n)));
    wait_until("the caller waits", || engine.ledger().notes.full_waits > 0);
    let report = engine.shutdown(Duration::from_millis(100));
    caller.join().unwrap();
    assert!(!report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    gate.open();
}

#[test]
fn the_level_can_be_changed_while_the_engine_runs() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = small().sink(memory).build().unwrap();
    let logger = engine.logger("t");
    assert_eq!(engine.level(), Level::INFO);
    debug!(logger, "1 below");
    info!(logger, "2 at");
    engine.set_level(Level::DEBUG);
    debug!(logger, "3 now at");
    engine.set_level(Level::WARN);
    info!(logger, "4 now below");
    warn!(logger, "5 at");
    event!(Level::from_number(29).unwrap(), logger, "6 one below");
    event!(Level::from_number(31).unwrap(), logger, "7 one above");
    assert!(!logger.enabled(Level::INFO) && logger.enabled(Level::WARN) && logger.enabled(Level::SECURITY));
    let ledger = engine.shutdown(LONG).ledger;
    let messages: Vec<_> = events(&handle).iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages, ["2 at", "3 now at", "5 at", "7 one above"]);
    assert_eq!(ledger.submitted, 4, "what is below the level is not submitted");
}

#[test]
fn values_below_the_level_are_not_evaluated() {
    let engine = small().sink(MemorySink::new()).build().unwrap();
    let logger = engine.logger("t");
    let evaluated = AtomicU64::new(0);
    let value = || evaluated.fetch_add(1, Ordering::Relaxed);
    debug!(logger, "m", value = value(), text = %value(), debug = ?value());
    debug!(logger, format!("dynamic {}", value()), value = value());
    debug!(Logger::disabled(), "m", value = value());
    assert_eq!(evaluated.load(Ordering::Relaxed), 0);
    info!(logger, format!("dynamic {}", value()), value = value(), text = %value(), debug = ?value());
    assert_eq!(evaluated.load(Ordering::Relaxed), 4, "each once");
}

#[test]
fn a_fallback_receives_what_its_sink_gave_up() {
    let spare = MemorySink::new();
    let handle = spare.handle();
    let sink = ScriptedSink::replies([Reply::Fatal, Reply::Accept, Reply::Retry, Reply::Retry]);
    let record = sink.record();
    let engine = small()
        .sink_with(sink, |sink| {
            let retry = RetrySettings::new().base_delay(Duration::from_millis(1)).max_attempts(2);
            sink.batch_max_events(5).batch_max_age(10 * LONG).fallback("spare").retry(retry)
        })
        .sink_with(spare, |sink| sink.name("spare").standby(true))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..20).for_each(|n| info!(logger, "m", n));
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let numbers = |events: Vec<serde_json::Value>| events.iter().map(|e| e["n"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers(events(&handle)), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    assert_eq!(numbers(record.events()), [5, 6, 7, 8, 9, 15, 16, 17, 18, 19]);
    let (sink, spare) = (report.ledger.sink("scripted").unwrap(), report.ledger.sink("spare").unwrap());
    assert_eq!((sink.routed, sink.delivered, sink.fallback), (20, 10, 10));
    assert_eq!((spare.routed, spare.recovered, spare.delivered), (0, 10, 10));
}

#[test]
fn fallbacks_can_follow_each_other_and_get_the_rest_at_the_shutdown() {
    let last = MemorySink::new();
    let handle = last.handle();
    let fatal = || ScriptedSink::new(|_| Reply::Fatal);
    // Built in the order that makes it hard: each fallback before the sink that needs it.
    let engine = small()
        .sink_with(last, |sink| sink.name("last").standby(true).batch_max_age(10 * LONG))
        .sink_with(fatal(), |sink| sink.name("second").standby(true).fallback("last").batch_max_age(10 * LONG))
        .sink_with(fatal(), |sink| sink.name("first").fallback("second").batch_max_age(10 * LONG))
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..30).for_each(|n| info!(logger, "m", n));
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    assert_eq!(handle.len(), 30);
}

/// Starts at the third attempt.
struct LateStarter {
    attempts: Arc<AtomicU64>,
    inner: MemorySink,
}

impl Sink for LateStarter {
    fn name(&self) -> &str {
        "late"
    }
    fn start(&mut self) -> Result<(), logwheel::SinkError> {
        match self.attempts.fetch_add(1, Ordering::SeqCst) {
            0 => Err(logwheel::SinkError::new("not yet")),
            1 => panic!("{}", support::EXPECTED),
            _ => Ok(()),
        }
    }
    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        assert!(self.attempts.load(Ordering::SeqCst) > 2, "not started");
        self.inner.deliver(batch)
    }
}

#[test]
fn a_sink_that_does_not_start_at_once_is_started_again() {
    support::silence_expected_panics();
    let (attempts, inner) = (Arc::<AtomicU64>::default(), MemorySink::new());
    let handle = inner.handle();
    let engine = small()
        .sink_with(LateStarter { attempts: Arc::clone(&attempts), inner }, |sink| {
            sink.batch_max_events(5).retry(RetrySettings::new().base_delay(Duration::from_millis(1)))
        })
        .build()
        .unwrap();
    let logger = engine.logger("t");
    (0..20).for_each(|n| info!(logger, "m", n));
    let report = engine.shutdown(LONG);
    assert!(report.complete && report.ledger.is_balanced(), "{}", report.ledger);
    let sink = report.ledger.sink("late").unwrap();
    assert_eq!((sink.delivered, sink.retries, sink.panics), (20, 2, 1));
    assert_eq!((handle.len(), attempts.load(Ordering::SeqCst)), (20, 3), "once it has started, it is left in peace");
}

/// A path of its own for one test; whatever an earlier run left there is gone.
fn scratch_file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", path.display()),
        _ => path,
    }
}

#[test]
fn a_second_engine_appends_to_the_file_of_the_first() {
    let path = scratch_file("appends.log");
    for run in 0..3u64 {
        let engine = small().sink(FileSink::new(&path)).build().unwrap();
        let logger = engine.logger("t");
        (0..100).for_each(|n| info!(logger, "m", run, n));
        assert!(engine.shutdown(LONG).complete);
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n'));
    let read: Vec<_> = text
        .lines()
        .map(|line| {
            let event = support::parse(line);
            (event["run"].as_u64().unwrap(), event["n"].as_u64().unwrap())
        })
        .collect();
    let expected: Vec<_> = (0..3).flat_map(|run| (0..100).map(move |n| (run, n))).collect();
    assert_eq!(read, expected);
}
