//! An engine that cannot work is not built, and the error says everything that is wrong.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use logwheel::{
    BatchLimits, BuildError, Engine, EngineBuilder, Enricher, Enrichment, Event, Filter, MemorySink, NullSink,
    Overflow, Pin, Processed, Processor, Redactor, RetrySettings, Route, SizeGuard, StageError, Verdict,
};

#[track_caller]
fn problems(builder: EngineBuilder) -> Vec<String> {
    let error: BuildError = builder.build().expect_err("it must not be built");
    let text = error.to_string();
    assert!(text.starts_with("the engine cannot be built"), "{text}");
    for problem in error.problems() {
        assert!(text.contains(problem.as_str()), "{text}");
    }
    error.problems().to_vec()
}

/// Asserts that there is one problem, and that it says all of `parts`.
#[track_caller]
fn assert_one(builder: EngineBuilder, parts: &[&str]) {
    let problems = problems(builder);
    assert_eq!(problems.len(), 1, "{problems:?}");
    for part in parts {
        assert!(problems[0].contains(part), "{part:?} is missing: {}", problems[0]);
    }
}

fn valid() -> EngineBuilder {
    Engine::builder().sink(NullSink)
}

#[test]
fn the_defaults_can_be_built_also_without_any_sink() {
    drop(Engine::builder().build().unwrap());
    drop(valid().build().unwrap());
}

#[test]
fn each_option_out_of_range_is_named_with_its_value_and_what_is_allowed() {
    assert_one(valid().lane_slots(0), &["lane_slots = 0", "power of two", "64", "16777216", "8192"]);
    assert_one(valid().lane_slots(100), &["lane_slots = 100", "power of two"]);
    assert_one(valid().lane_slots(32), &["lane_slots = 32", "64"]);
    assert_one(valid().slot_bytes(64), &["slot_bytes = 64", "128", "65536", "256"]);
    assert_one(valid().slot_bytes(200), &["slot_bytes = 200", "multiple of 64"]);
    assert_one(valid().slot_bytes(0), &["slot_bytes = 0"]);
    assert_one(valid().workers(0), &["workers = 0", "1 to 64"]);
    assert_one(valid().workers(65), &["workers = 65", "1 to 64"]);
    assert_one(valid().promote_after(0), &["promote_after = 0", "at least 1"]);
    assert_one(valid().max_event_bytes(100), &["max_event_bytes = 100", "slot_bytes (256)"]);
    assert_one(valid().max_park(Duration::ZERO), &["max_park = 0", "5ms"]);
    assert_one(valid().max_park(Duration::from_secs(1)), &["idle_park = 100ms", "max_park (1s)"]);
    assert_one(valid().memory_budget(1 << 20), &["memory_budget = 1048576", "overflow_bytes", "bytes in all"]);
    assert_one(valid().max_lanes(1_000_000), &["max_lanes = 1000000", "memory_budget"]);
    assert_one(valid().max_lanes(2).reserved_lanes(3), &["reserved_lanes = 3", "max_lanes (2)"]);
}

#[test]
fn a_core_that_the_process_may_not_use_is_refused() {
    assert_one(valid().pin(Pin::Cores(vec![1_000])), &["pin = 1000", "cores ["]);
    assert_one(valid().pin(Pin::Cores(vec![])), &["pin", "at least one core"]);
}

#[test]
fn workers_can_be_pinned_to_a_core_that_the_process_may_use() {
    // Whichever that is: the message about an impossible one tells.
    let refused = problems(valid().pin(Pin::Cores(vec![1_000])));
    let (_, cores) = refused[0].split_once('[').unwrap();
    let core: usize = cores.split([',', ']']).next().unwrap().parse().unwrap();
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = Engine::builder().workers(2).pin(Pin::Cores(vec![core])).sink(memory).build().unwrap();
    logwheel::info!(engine.logger("t"), "pinned");
    assert!(engine.shutdown(support::LONG).complete);
    assert_eq!(handle.len(), 1);
}

#[test]
fn options_of_a_sink_are_named_with_the_sink() {
    let with =
        |options: fn(logwheel::SinkOptions) -> logwheel::SinkOptions| Engine::builder().sink_with(NullSink, options);
    assert_one(with(|sink| sink.batch_max_events(0)), &["sink \"null\"", "batch.max_events = 0", "at least 1"]);
    assert_one(with(|sink| sink.batch_max_bytes(0)), &["sink \"null\"", "batch.max_bytes = 0"]);
    assert_one(with(|sink| sink.batch_max_age(Duration::ZERO)), &["sink \"null\"", "batch.max_age = 0"]);
    assert_one(
        with(|sink| sink.queue_bytes(1_000)),
        &["sink \"null\"", "queue_bytes = 1000", "batch.max_bytes (1048576)"],
    );
    assert_one(with(|sink| sink.overflow(Overflow::Block(Duration::ZERO))), &["sink \"null\"", "overflow = block"]);
    assert_one(with(|sink| sink.name("")), &["name", "empty"]);
    let retry = |retry: RetrySettings| Engine::builder().sink_with(NullSink, |sink| sink.retry(retry));
    assert_one(retry(RetrySettings::new().base_delay(Duration::ZERO)), &["sink \"null\"", "base_delay is 0"]);
    assert_one(retry(RetrySettings::new().max_attempts(0)), &["sink \"null\"", "max_attempts is 0", "at least 1"]);
    assert_one(retry(RetrySettings::new().max_elapsed(Duration::ZERO)), &["sink \"null\"", "max_elapsed is 0"]);
    assert_one(
        retry(RetrySettings::new().max_delay(Duration::from_millis(1))),
        &["sink \"null\"", "max_delay is 1ms", "base_delay (500ms)"],
    );
}

#[test]
fn two_sinks_of_one_name_are_refused() {
    assert_one(valid().sink(NullSink), &["\"null\"", "two sinks", "name"]);
    drop(valid().sink_with(NullSink, |sink| sink.name("other")).build().unwrap());
}

#[test]
fn a_fallback_that_does_not_exist_is_refused_and_the_nearest_name_suggested() {
    let builder = |fallback: &'static str| {
        Engine::builder()
            .sink_with(NullSink, |sink| sink.name("primary").fallback(fallback))
            .sink_with(NullSink, |sink| sink.name("file").standby(true))
            .sink_with(NullSink, |sink| sink.name("archive"))
    };
    assert_one(builder("flie"), &["\"primary\"", "fallback = \"flie\"", "did you mean \"file\"?", "archive"]);
    let far = problems(builder("something else"));
    assert!(!far[0].contains("did you mean") && far[0].contains("\"file\""), "{far:?}");
}

#[test]
fn routes_to_sinks_that_do_not_exist_are_refused_and_the_nearest_name_suggested() {
    let sinks = || Engine::builder().sink_with(NullSink, |sink| sink.name("errors"));
    assert_one(sinks().route(Route::to(["erors"])), &["route 1", "\"erors\"", "did you mean \"errors\"?"]);
    assert_one(sinks().route_fallback_sinks(["x"]), &["route_fallback_sinks", "\"x\"", "there are [\"errors\"]"]);
    drop(sinks().route(Route::to(["*"])).route_overlap(false).build().unwrap());
}

#[test]
fn fallbacks_in_a_circle_are_refused() {
    let alone = Engine::builder().sink_with(NullSink, |sink| sink.name("a").fallback("a"));
    assert_one(alone, &["\"a\"", "back to itself"]);
    let three = Engine::builder()
        .sink_with(NullSink, |sink| sink.name("a").fallback("b"))
        .sink_with(NullSink, |sink| sink.name("b").fallback("c"))
        .sink_with(NullSink, |sink| sink.name("c").fallback("b"));
    let problems = problems(three);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("\"b\"") && problems[1].contains("\"c\""), "{problems:?}");
}

#[test]
fn one_error_lists_everything_that_is_wrong() {
    let limits = BatchLimits { max_events: 0, max_bytes: 0, max_age: Duration::ZERO };
    let retry = RetrySettings::new().base_delay(Duration::ZERO).max_attempts(0).max_elapsed(Duration::ZERO);
    let problems = problems(
        Engine::builder()
            .lane_slots(0)
            .slot_bytes(100)
            .workers(0)
            .promote_after(0)
            .pin(Pin::Cores(vec![9_999]))
            .sink_with(NullSink, |sink| sink.name("x").batch(limits).queue_bytes(0).retry(retry).fallback("y"))
            .sink_with(NullSink, |sink| sink.name("x")),
    );
    for wanted in [
        "lane_slots",
        "slot_bytes",
        "workers",
        "promote_after",
        "pin",
        "max_events",
        "max_bytes",
        "max_age",
        "queue_bytes",
        "base_delay",
        "max_attempts",
        "max_elapsed",
        "fallback",
        "two sinks",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(wanted)), "{wanted}: {problems:#?}");
    }
}

/// A stage of any kind that does not start, or starts and counts its stops.
#[derive(Clone)]
struct Starter {
    fails: bool,
    starts: Arc<AtomicU64>,
}

macro_rules! stage {
    ($stage:ident, $method:ident($event:ty $(, $more:ty)?) -> $result:ty, $answer:expr) => {
        impl $stage for Starter {
            fn name(&self) -> &str {
                concat!("a-", stringify!($stage))
            }
            fn start(&mut self) -> Result<(), StageError> {
                self.starts.fetch_add(1, Ordering::SeqCst);
                if self.fails { Err(StageError::new("no such table")) } else { Ok(()) }
            }
            fn $method(&mut self, _: $event $(, _: $more)?) -> Result<$result, StageError> {
                Ok($answer)
            }
        }
    };
}

stage!(Filter, filter(&mut Enrichment<'_, '_>) -> Verdict, Verdict::Keep);
stage!(Enricher, enrich(&mut Enrichment<'_, '_>) -> (), ());
stage!(Redactor, redact(&mut Event<'_>) -> (), ());
stage!(Processor, process(&[u8], &mut Vec<u8>) -> Processed, Processed::Unchanged);

#[test]
fn stages_that_do_not_start_are_all_named_with_their_reasons() {
    let stage = |fails| Starter { fails, starts: Arc::default() };
    let fine = stage(false);
    let problems = problems(
        valid()
            .filter(fine.clone())
            .filter(stage(true))
            .enricher(stage(true))
            .redactor(stage(true))
            .processor(stage(true)),
    );
    let expected =
        ["filter \"a-Filter\"", "enricher \"a-Enricher\"", "redactor \"a-Redactor\"", "processor \"a-Processor\""];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.contains(expected) && problem.contains("no such table"), "{problem}");
    }
    assert_eq!(fine.starts.load(Ordering::SeqCst), 1);
}

#[test]
fn stages_do_not_start_when_an_option_is_wrong() {
    let stage = Starter { fails: false, starts: Arc::default() };
    problems(valid().workers(0).filter(stage.clone()));
    assert_eq!(stage.starts.load(Ordering::SeqCst), 0);
}

/// A processor that hides JSON, or needs none, or both.
struct Wrapper {
    name: &'static str,
    wraps: bool,
    reads_json: bool,
}

impl Processor for Wrapper {
    fn name(&self) -> &str {
        self.name
    }
    fn wraps(&self) -> bool {
        self.wraps
    }
    fn reads_json(&self) -> bool {
        self.reads_json
    }
    fn process(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Processed, StageError> {
        Ok(Processed::Unchanged)
    }
}

#[test]
fn a_processor_that_reads_json_is_refused_behind_one_that_hides_it() {
    let hides = || Wrapper { name: "hides", wraps: true, reads_json: false };
    let blind = || Wrapper { name: "blind", wraps: false, reads_json: false };
    let guard = SizeGuard::new;
    let parts =
        ["processor \"size_guard\"", "reads JSON", "\"hides\" before it", "add \"size_guard\" before \"hides\""];
    assert_one(valid().processor(hides()).processor(guard()), &parts);
    assert_one(valid().processor(guard()).processor(hides()).processor(blind()).processor(guard()), &parts);
    assert_eq!(
        problems(
            valid().processor(hides()).processor(guard()).processor(|_: &[u8], _: &mut Vec<u8>| Processed::Unchanged)
        )
        .len(),
        2
    );
    drop(valid().processor(guard()).processor(hides()).processor(blind()).processor(hides()).build().unwrap());
}

#[test]
fn a_builder_shows_what_it_holds() {
    let builder = valid().lane_slots(128).filter(|_: &Event<'_>| true);
    let text = format!("{builder:?}");
    assert!(text.contains("lane_slots: 128") && text.contains("null") && text.contains("closure"), "{text}");
}
