//! The books balance, and agree with what callers, stages and sinks count for themselves, in many
//! random pipelines.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use logwheel::{
    BreakerSettings, Enricher, Enrichment, Event, Filter, Lanes, Ledger, Level, Logger, MemorySink, OnFull, OnOverflow,
    Overflow, ProcessFailure, Processed, Processor, RedactFailure, Redactor, Report, RetrySettings, SinkOptions,
    StageError, Value, Verdict, event, info,
};
use proptest::prelude::*;
use support::{
    EXPECTED, FusedWorkers, Gate, LONG, Record, Reply, ScriptedSink, assert_each_thread_in_order, assert_unique,
    silence_expected_panics, stage, thread_and_number, wait_until,
};

/// What a stage does with one event.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Work,
    Drop,
    Fail,
    Panic,
}

/// A stage of any kind that works through its acts again and again, and counts them.
#[derive(Debug, Clone)]
struct ScriptedStage {
    name: &'static str,
    acts: Vec<Act>,
    counts: Arc<StageCounts>,
}

#[derive(Debug, Default)]
struct StageCounts {
    calls: AtomicU64,
    drops: AtomicU64,
    errors: AtomicU64,
    panics: AtomicU64,
}

impl StageCounts {
    fn get(&self) -> [u64; 4] {
        [&self.calls, &self.drops, &self.errors, &self.panics].map(|count| count.load(Ordering::SeqCst))
    }
}

impl ScriptedStage {
    fn new(name: &'static str, acts: &[Act]) -> Self {
        Self { name, acts: acts.to_vec(), counts: Arc::default() }
    }

    /// `true` to drop the event.
    fn act(&self) -> Result<bool, StageError> {
        let call = self.counts.calls.fetch_add(1, Ordering::SeqCst);
        let act = if self.acts.is_empty() { Act::Work } else { self.acts[call as usize % self.acts.len()] };
        match act {
            Act::Work => Ok(false),
            Act::Drop => {
                self.counts.drops.fetch_add(1, Ordering::SeqCst);
                Ok(true)
            }
            Act::Fail => {
                self.counts.errors.fetch_add(1, Ordering::SeqCst);
                Err(StageError::new("as the script says"))
            }
            Act::Panic => {
                self.counts.panics.fetch_add(1, Ordering::SeqCst);
                panic!("{EXPECTED}")
            }
        }
    }
}

impl Filter for ScriptedStage {
    fn name(&self) -> &str {
        self.name
    }
    fn filter(&mut self, _: &mut logwheel::Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        self.act().map(|drop| if drop { Verdict::Drop } else { Verdict::Keep })
    }
}

impl Enricher for ScriptedStage {
    fn name(&self) -> &str {
        self.name
    }
    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        event.add("enriched", true);
        self.act().map(|_| ())
    }
}

impl Redactor for ScriptedStage {
    fn name(&self) -> &str {
        self.name
    }
    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        if let Some(position) = event.position("secret") {
            event.replace(position, Value::Str("gone"));
        }
        self.act().map(|_| ())
    }
}

impl Processor for ScriptedStage {
    fn name(&self) -> &str {
        self.name
    }
    fn process(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Processed, StageError> {
        out.extend_from_slice(line);
        self.act().map(|drop| if drop { Processed::Drop("by_script") } else { Processed::Replaced })
    }
}

/// The first stage: counts what comes out of the lanes, takes its time now and then so that lanes
/// fill up, and says when the workers have ended.
#[derive(Clone, Default)]
struct Doorman {
    slow_every: u64,
    seen: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Filter for Doorman {
    fn name(&self) -> &str {
        "doorman"
    }
    fn filter(&mut self, _: &mut logwheel::Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        if self.slow_every > 0 && seen.is_multiple_of(self.slow_every) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Verdict::Keep)
    }
    fn stop(&mut self) -> Result<(), StageError> {
        self.stopped.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// What a sink does with its batches, again and again. There is always one that it takes.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Accept,
    Unconfirmed,
    Retry,
    Panic,
    RejectSome,
    Split,
    Fatal,
}

#[derive(Debug, Clone)]
struct SinkPlan {
    deeds: Vec<Deed>,
    max_attempts: Option<u32>,
    tiny_queue: bool,
    overflow: Overflow,
    fallback: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    threads: u64,
    events: u64,
    big_every: u64,
    lanes: Lanes,
    promote_after: u32,
    slot_bytes: usize,
    overflow_bytes: usize,
    on_overflow: OnOverflow,
    on_full: OnFull,
    full_wait: Duration,
    workers: usize,
    slow_every: u64,
    filters: Vec<Vec<Act>>,
    enricher: Vec<Act>,
    redactor: (Vec<Act>, RedactFailure),
    processor: (Vec<Act>, ProcessFailure),
    sinks: Vec<SinkPlan>,
    memory_sink: bool,
    /// Callers go on logging while the engine is shut down.
    in_mid_flight: bool,
}

fn acts(with_drops: bool) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Work),
        1 => Just(if with_drops { Act::Drop } else { Act::Work }),
        1 => Just(Act::Fail),
        1 => Just(Act::Panic),
    ];
    prop::collection::vec(act, 0..8)
}

fn sink_plan() -> impl Strategy<Value = SinkPlan> {
    let deed = prop_oneof![
        3 => Just(Deed::Accept),
        1 => Just(Deed::Unconfirmed),
        2 => Just(Deed::Retry),
        1 => Just(Deed::Panic),
        1 => Just(Deed::RejectSome),
        1 => Just(Deed::Split),
        1 => Just(Deed::Fatal),
    ];
    let overflow = prop_oneof![
        Just(Overflow::DropOldest),
        Just(Overflow::DropNewest),
        Just(Overflow::Block(Duration::from_secs(30))),
        Just(Overflow::Block(Duration::from_millis(1))),
    ];
    let attempts = prop_oneof![Just(None), Just(Some(1)), Just(Some(3))];
    (prop::collection::vec(deed, 0..7), attempts, any::<bool>(), overflow, any::<bool>()).prop_map(
        |(mut deeds, max_attempts, tiny_queue, overflow, fallback)| {
            deeds.push(Deed::Accept);
            SinkPlan { deeds, max_attempts, tiny_queue, overflow, fallback }
        },
    )
}

prop_compose! {
    fn plan()(
        (threads, events, big_every) in (1u64..=4, 1u64..600, prop_oneof![Just(0u64), Just(7)]),
        lanes in prop_oneof![3 => Just(Lanes::PerThread), 1 => Just(Lanes::Shared)],
        promote_after in prop_oneof![Just(1u32), Just(10), Just(1_000_000)],
        slot_bytes in prop_oneof![Just(128usize), Just(256)],
        overflow_bytes in prop_oneof![Just(0usize), Just(16 << 10), Just(1 << 20)],
        on_overflow in prop_oneof![Just(OnOverflow::Cut), Just(OnOverflow::Drop)],
        on_full in prop_oneof![Just(OnFull::Wait), Just(OnFull::Drop), Just(OnFull::Block)],
        full_wait in prop_oneof![Just(Duration::ZERO), Just(Duration::from_micros(200))],
        (workers, slow_every) in (1usize..=3, prop_oneof![Just(0u64), Just(20)]),
        filters in prop::collection::vec(acts(true), 0..3),
        enricher in acts(false),
        redactor in (acts(false), prop_oneof![
            Just(RedactFailure::Mask), Just(RedactFailure::Drop), Just(RedactFailure::Pass),
        ]),
        processor in (acts(true), prop_oneof![Just(ProcessFailure::Pass), Just(ProcessFailure::Drop)]),
        sinks in prop::collection::vec(sink_plan(), 0..3),
        memory_sink in any::<bool>(),
        in_mid_flight in any::<bool>(),
    ) -> Plan {
        Plan {
            threads, events, big_every, lanes, promote_after, slot_bytes, overflow_bytes, on_overflow, on_full,
            full_wait, workers, slow_every, filters, enricher, redactor, processor, sinks, memory_sink,
            in_mid_flight,
        }
    }
}

fn log(logger: &Logger, plan: &Plan, thread: u64, n: u64) {
    let level = if n.is_multiple_of(11) { Level::ERROR } else { Level::INFO };
    if plan.big_every > 0 && n.is_multiple_of(plan.big_every) {
        let text = "long ".repeat(100 + (n as usize * 37) % 4_000);
        event!(level, logger, "big", thread, n, text, secret = "hunter2");
    } else {
        event!(level, logger, "small", thread, n, secret = "hunter2");
    }
}

fn scripted(deeds: Vec<Deed>) -> ScriptedSink {
    let mut deeds = deeds.into_iter().cycle();
    ScriptedSink::new(move |_| match deeds.next().expect("never ends") {
        Deed::Accept => Reply::Accept,
        Deed::Unconfirmed => Reply::Unconfirmed(2),
        Deed::Retry => Reply::Retry,
        Deed::Panic => Reply::Panic,
        Deed::RejectSome => Reply::RejectEvery(3),
        Deed::Split => Reply::Split,
        Deed::Fatal => Reply::Fatal,
    })
}

fn options(plan: &SinkPlan, name: &str, options: SinkOptions) -> SinkOptions {
    let retry = RetrySettings::new()
        .base_delay(Duration::from_micros(100))
        .max_delay(Duration::from_micros(500))
        .max_elapsed(Duration::from_secs(600))
        .max_attempts(plan.max_attempts);
    let breaker = BreakerSettings::new().recovery(Duration::from_millis(1));
    let options = options
        .name(name)
        .retry(retry)
        .breaker(breaker)
        .overflow(plan.overflow)
        .batch_max_age(Duration::from_millis(2));
    let options = if plan.fallback { options.fallback("spare") } else { options };
    if plan.tiny_queue { options.batch_max_bytes(1_000).queue_bytes(3_000).batch_max_events(5) } else { options }
}

/// Everything that counts for itself outside the engine.
struct Outside {
    calls: u64,
    doorman: Doorman,
    filters: Vec<ScriptedStage>,
    enricher: ScriptedStage,
    redactor: ScriptedStage,
    processor: ScriptedStage,
    leaving: ScriptedStage,
    sinks: Vec<Record>,
    memory: Option<logwheel::MemoryHandle>,
    spare: logwheel::MemoryHandle,
}

const LATE: u64 = 5;

fn run(plan: &Plan) -> (Report, Outside) {
    silence_expected_panics();
    let doorman = Doorman { slow_every: plan.slow_every, ..Doorman::default() };
    const NAMES: [&str; 2] = ["filter-a", "filter-b"];
    let filters: Vec<_> = plan.filters.iter().zip(NAMES).map(|(acts, name)| ScriptedStage::new(name, acts)).collect();
    let enricher = ScriptedStage::new("enricher", &plan.enricher);
    let redactor = ScriptedStage::new("redactor", &plan.redactor.0);
    let processor = ScriptedStage::new("processor", &plan.processor.0);
    let leaving = ScriptedStage::new("leaving", &[]);
    let spare = MemorySink::new();
    let spare_handle = spare.handle();

    let mut builder = support::small()
        .lanes(plan.lanes)
        .promote_after(plan.promote_after)
        .reserved_lanes(0)
        .slot_bytes(plan.slot_bytes)
        .overflow_bytes(plan.overflow_bytes)
        .on_overflow(plan.on_overflow)
        .on_full(plan.on_full)
        .full_wait(plan.full_wait)
        .fused_workers(plan.workers)
        .filter(doorman.clone());
    for filter in &filters {
        builder = builder.filter(filter.clone());
    }
    builder = builder
        .enricher(enricher.clone())
        .redactor_with(redactor.clone(), plan.redactor.1)
        .processor_with(processor.clone(), plan.processor.1)
        .processor(leaving.clone());
    let mut sinks = Vec::new();
    for (index, sink_plan) in plan.sinks.iter().enumerate() {
        let sink = scripted(sink_plan.deeds.clone());
        sinks.push(sink.record());
        builder = builder.sink_with(sink, |defaults| options(sink_plan, &format!("scripted-{index}"), defaults));
    }
    let memory = plan.memory_sink.then(MemorySink::new);
    let memory_handle = memory.as_ref().map(MemorySink::handle);
    if let Some(memory) = memory {
        builder = builder.sink(memory);
    }
    // Holds the shutdown up until all callers are done, so that the report covers their calls.
    let gate = Gate::new();
    let last = ScriptedSink::replies([Reply::Wait(gate.clone())]);
    if plan.in_mid_flight && (plan.memory_sink || !plan.sinks.is_empty()) {
        builder = builder.sink_with(last, |sink| sink.name("gated").batch_max_events(1).overflow(Overflow::DropNewest));
    }
    let engine = builder.sink_with(spare, |sink| sink.name("spare").standby(true)).build().unwrap();

    let calls = AtomicU64::new(0);
    let report = thread::scope(|scope| {
        let callers: Vec<_> = (0..plan.threads)
            .map(|thread| {
                let logger = engine.logger("t");
                let (calls, stopped) = (&calls, Arc::clone(&doorman.stopped));
                scope.spawn(move || {
                    for n in 0..plan.events {
                        log(&logger, plan, thread, n);
                        calls.fetch_add(1, Ordering::SeqCst);
                    }
                    if plan.in_mid_flight {
                        wait_until("the workers have ended", || stopped.load(Ordering::SeqCst));
                        for n in 0..LATE {
                            log(&logger, plan, thread, plan.events + n);
                            calls.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        if plan.in_mid_flight {
            wait_until("half is logged", || calls.load(Ordering::SeqCst) >= plan.threads * plan.events / 2);
            let report = scope.spawn(|| engine.shutdown(2 * LONG));
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            gate.open();
            report.join().unwrap()
        } else {
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            engine.flush(LONG).unwrap();
            check_balance(&engine.ledger());
            engine.shutdown(2 * LONG)
        }
    });
    let outside = Outside {
        calls: calls.into_inner(),
        doorman,
        filters,
        enricher,
        redactor,
        processor,
        leaving,
        sinks,
        memory: memory_handle,
        spare: spare_handle,
    };
    (report, outside)
}

#[track_caller]
fn check_balance(ledger: &Ledger) {
    assert!(ledger.is_balanced(), "{ledger:#?}");
}

fn dropped(ledger: &Ledger, reason: &str) -> u64 {
    ledger.dropped.get(reason).copied().unwrap_or(0)
}

fn check(plan: &Plan, report: &Report, outside: &Outside) {
    let ledger = &report.ledger;
    check_balance(ledger);
    assert!(report.complete, "{ledger:#?}");
    assert_eq!(ledger.in_lanes, 0);
    assert_eq!(ledger.notes.damaged, 0);

    // What the callers counted. Where callers go on during the shutdown, a few calls can come
    // after the report: without a sink nothing holds it up for them.
    let has_sinks = plan.memory_sink || !plan.sinks.is_empty();
    let report_is_last = !plan.in_mid_flight || (has_sinks && ledger.dispatched > 0);
    if report_is_last {
        assert_eq!(ledger.submitted, outside.calls);
    } else {
        assert!(ledger.submitted <= outside.calls);
    }
    if plan.in_mid_flight && report_is_last {
        assert!(dropped(ledger, "closed") >= plan.threads * LATE, "{ledger}");
    }

    // What the stages counted.
    let seen = outside.doorman.seen.load(Ordering::SeqCst);
    let before_the_door: u64 =
        ["full", "overflow_full", "closed", "reentrant"].iter().map(|reason| dropped(ledger, reason)).sum();
    assert_eq!(ledger.submitted, before_the_door + seen, "{ledger}");
    for filter in &outside.filters {
        let [_, drops, errors, panics] = filter.counts.get();
        assert_eq!(ledger.filtered[filter.name], drops);
        let totals = stage(ledger, filter.name);
        assert_eq!((totals.ended, totals.errors, totals.panics), (drops, errors, panics));
    }
    let [calls, _, errors, panics] = outside.enricher.counts.get();
    assert_eq!(calls, seen - ledger.total_filtered());
    assert_eq!((stage(ledger, "enricher").errors, stage(ledger, "enricher").panics), (errors, panics));
    let [_, _, errors, panics] = outside.redactor.counts.get();
    assert_eq!((stage(ledger, "redactor").errors, stage(ledger, "redactor").panics), (errors, panics));
    let lost = if plan.redactor.1 == RedactFailure::Drop { errors + panics } else { 0 };
    assert_eq!(dropped(ledger, "redaction_failed"), lost);
    let [_, drops, errors, panics] = outside.processor.counts.get();
    assert_eq!((stage(ledger, "processor").errors, stage(ledger, "processor").panics), (errors, panics));
    assert_eq!(dropped(ledger, "by_script"), drops);
    let lost = if plan.processor.1 == ProcessFailure::Drop { errors + panics } else { 0 };
    assert_eq!(dropped(ledger, "processing_failed"), lost);
    let [left, ..] = outside.leaving.counts.get();
    assert_eq!(left, ledger.dispatched + dropped(ledger, "unrouted"));
    assert_eq!(if has_sinks { dropped(ledger, "unrouted") } else { ledger.dispatched }, 0);

    // What the sinks counted.
    let mut to_the_spare = 0;
    for (index, record) in outside.sinks.iter().enumerate() {
        let sink = ledger.sink(&format!("scripted-{index}")).unwrap();
        let record = record.get();
        assert_eq!(sink.routed, ledger.dispatched);
        assert_eq!(sink.delivered + sink.unconfirmed, record.accepted.len() as u64, "{ledger}");
        assert_eq!((sink.unconfirmed, sink.panics), (record.unconfirmed, record.panics));
        assert_eq!(sink.total_rejected(), record.rejected);
        if !plan.sinks[index].fallback {
            assert_eq!(sink.fallback, 0);
        }
        to_the_spare += sink.fallback;
        check_lines(plan, &record.accepted);
        assert_eq!(record.stops, u64::from(record.calls > 0), "stopped once if it ever started");
    }
    if let Some(memory) = &outside.memory {
        let sink = ledger.sink("memory").unwrap();
        assert_eq!((sink.routed, sink.delivered), (ledger.dispatched, memory.len() as u64));
        check_lines(plan, &memory.lines());
    }
    let spare = ledger.sink("spare").unwrap();
    assert_eq!((spare.routed, spare.recovered, spare.delivered), (0, to_the_spare, outside.spare.len() as u64));
    if plan.sinks.len() < 2 {
        check_lines_in_any_order(plan, &outside.spare.lines());
    }
}

/// Lines that one sink received: valid, each once, each thread's in order.
fn check_lines(plan: &Plan, lines: &[String]) {
    if let Some(events) = check_lines_in_any_order(plan, lines) {
        assert_each_thread_in_order(&events);
    }
}

fn check_lines_in_any_order(plan: &Plan, lines: &[String]) -> Option<Vec<(u64, u64)>> {
    if plan.redactor.1 == RedactFailure::Mask && plan.redactor.0.iter().any(|act| *act != Act::Work) {
        // The numbers are masked on some of the lines.
        lines.iter().for_each(|line| drop(support::parse(line)));
        return None;
    }
    let events = thread_and_number(lines);
    assert_unique(&events);
    for (thread, n) in &events {
        assert!(*thread < plan.threads && *n < plan.events + LATE, "nobody logged {thread}/{n}");
    }
    Some(events)
}

proptest! {
    // Each case is an engine with threads of its own: a few say a lot.
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_of_any_pipeline_balance_and_agree_with_outside_counts(plan in plan()) {
        let (report, outside) = run(&plan);
        check(&plan, &report, &outside);
    }
}

/// A pipeline in which nothing is lost, to be spoilt in one respect.
fn smooth() -> Plan {
    Plan {
        threads: 3,
        events: 500,
        big_every: 0,
        lanes: Lanes::PerThread,
        promote_after: 20,
        slot_bytes: 256,
        overflow_bytes: 1 << 20,
        on_overflow: OnOverflow::Cut,
        on_full: OnFull::Block,
        full_wait: Duration::ZERO,
        workers: 1,
        slow_every: 0,
        filters: Vec::new(),
        enricher: Vec::new(),
        redactor: (Vec::new(), RedactFailure::Mask),
        processor: (Vec::new(), ProcessFailure::Pass),
        sinks: Vec::new(),
        memory_sink: true,
        in_mid_flight: false,
    }
}

fn run_and_check(plan: &Plan) -> (Ledger, Outside) {
    let (report, outside) = run(plan);
    check(plan, &report, &outside);
    (report.ledger, outside)
}

#[test]
fn a_pipeline_without_trouble_delivers_every_event() {
    let (ledger, _) = run_and_check(&smooth());
    assert_eq!(ledger.sink("memory").unwrap().delivered, 1_500);
}

#[test]
fn events_for_which_there_is_no_sink_are_counted_as_unrouted() {
    let (ledger, _) = run_and_check(&Plan { memory_sink: false, ..smooth() });
    assert_eq!(dropped(&ledger, "unrouted"), 1_500);
}

#[test]
fn what_full_lanes_cost_is_counted() {
    let plan = Plan { on_full: OnFull::Drop, slow_every: 10, events: 3_000, ..smooth() };
    let (ledger, _) = run_and_check(&plan);
    assert!(dropped(&ledger, "full") > 0, "{ledger}");
}

#[test]
fn callers_that_go_on_during_the_shutdown_are_counted_as_closed() {
    for on_full in [OnFull::Wait, OnFull::Drop, OnFull::Block] {
        let (ledger, _) = run_and_check(&Plan { in_mid_flight: true, on_full, slow_every: 10, ..smooth() });
        assert!(dropped(&ledger, "closed") >= 3 * LATE, "{ledger}");
    }
}

#[test]
fn a_sink_whose_queue_overflows_counts_what_it_lost() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Block(Duration::from_millis(1))] {
        let sink = SinkPlan {
            deeds: vec![Deed::Retry, Deed::Retry, Deed::Accept],
            max_attempts: None,
            tiny_queue: true,
            overflow,
            fallback: false,
        };
        let (ledger, _) = run_and_check(&Plan { sinks: vec![sink], ..smooth() });
        let sink = ledger.sink("scripted-0").unwrap();
        // Whether a worker that waits for room waits in vain is a matter of time.
        let must_lose = !matches!(overflow, Overflow::Block(_));
        assert!(!must_lose || sink.dropped.contains_key("queue_full"), "{overflow:?}: {ledger}");
        assert_eq!(ledger.sink("memory").unwrap().delivered, 1_500, "no other sink suffers");
    }
}

#[test]
fn what_a_sink_gives_up_goes_to_its_fallback_or_is_dropped_with_the_reason() {
    for fallback in [false, true] {
        let sink = SinkPlan {
            deeds: vec![Deed::Fatal, Deed::Retry, Deed::Panic, Deed::Accept],
            max_attempts: Some(2),
            tiny_queue: true,
            overflow: Overflow::Block(LONG),
            fallback,
        };
        let (ledger, _) = run_and_check(&Plan { sinks: vec![sink], ..smooth() });
        let (sink, spare) = (ledger.sink("scripted-0").unwrap(), ledger.sink("spare").unwrap());
        let given_up = if fallback { spare.delivered } else { sink.total_dropped() };
        assert!(given_up > 0 && sink.delivered > 0, "{ledger}");
        assert_eq!(sink.delivered + given_up, 1_500, "{ledger}");
    }
}

#[test]
fn the_ledger_never_shows_more_coming_out_than_went_in_while_everything_moves() {
    let memory = MemorySink::new();
    let engine =
        support::small().on_full(OnFull::Block).fused_workers(2).promote_after(10).sink(memory).build().unwrap();
    let running = AtomicU64::new(3);
    thread::scope(|scope| {
        for thread in 0..3u64 {
            let (logger, running) = (engine.logger("t"), &running);
            scope.spawn(move || {
                (0..4_000u64).for_each(|n| info!(logger, "m", thread, n));
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while running.load(Ordering::SeqCst) > 0 {
            let ledger = engine.ledger();
            let sink = ledger.sink("memory").unwrap();
            assert!(ledger.dispatched <= ledger.submitted, "{ledger:?}");
            assert!(sink.is_balanced(), "{ledger:?}");
            assert!(ledger.in_lanes + ledger.total_dropped() <= ledger.submitted, "{ledger:?}");
        }
    });
    engine.flush(LONG).unwrap();
    let ledger = engine.ledger();
    check_balance(&ledger);
    assert_eq!((ledger.submitted, ledger.in_lanes, ledger.dispatched), (12_000, 0, 12_000));
    assert_eq!(ledger.sink("memory").unwrap().delivered, 12_000);
}
