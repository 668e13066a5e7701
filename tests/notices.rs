//! What stages and sinks have to say that is not about one event or batch reaches the diagnostics.

mod support;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logwheel::{
    Batch, Delivered, DeliveryError, Diagnostic, Engine, EngineBuilder, Enricher, Enrichment, Event, Filter,
    FirstOccurrence, Health, MemorySink, Processed, Processor, RateLimit, Redactor, Severity, Sink, SinkError,
    SizeAction, SizeGuard, StageError, Topology, Verdict, info,
};
use support::{EXPECTED, LONG, lock, silence_expected_panics, small, stage};

/// What diagnostics said: component and message.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<(String, String)>>>);

impl Said {
    fn hear(&self, builder: EngineBuilder) -> EngineBuilder {
        let said = Arc::clone(&self.0);
        builder.diagnostics(move |diagnostic: &Diagnostic<'_>| {
            assert_eq!(diagnostic.severity, Severity::Warning);
            lock(&said).push((diagnostic.component.to_owned(), diagnostic.message.to_owned()));
        })
    }

    fn of(&self, component: &str) -> Vec<String> {
        let said = lock(&self.0);
        said.iter().filter(|(by, _)| by == component).map(|(_, message)| message.clone()).collect()
    }
}

/// Both topologies, and two workers that share what cannot be made twice.
fn layouts() -> [fn(EngineBuilder) -> EngineBuilder; 3] {
    [
        |builder| builder.topology(Topology::Fused),
        |builder| builder.topology(Topology::PerStage),
        |builder| builder.topology(Topology::Fused).workers(2),
    ]
}

/// One statement; whatever there is to say of it was said when this returns.
fn log_one(engine: &Engine) {
    info!(engine.logger("t"), "m");
    engine.flush(LONG).unwrap();
}

/// A stage of any kind that wants to say its text so often, once for each event at most, and panics instead where it
/// has none.
struct Talker {
    name: &'static str,
    left: u64,
    text: Option<&'static str>,
    /// Whether an event came since it was asked last.
    busy: bool,
    asked: Arc<AtomicU64>,
}

impl Talker {
    fn new(name: &'static str, times: u64, text: Option<&'static str>) -> Self {
        Self { name, left: times, text, busy: false, asked: Arc::default() }
    }

    fn say(&mut self) -> Option<Cow<'static, str>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if !std::mem::take(&mut self.busy) || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.text.unwrap_or_else(|| panic!("{EXPECTED}")).into())
    }
}

macro_rules! talks {
    ($stage:ident, |$($argument:ident: $type:ty),*| $method:ident -> $result:ty, $value:expr) => {
        impl $stage for Talker {
            fn name(&self) -> &str {
                self.name
            }
            fn notice(&mut self) -> Option<Cow<'static, str>> {
                self.say()
            }
            fn $method(&mut self, $($argument: $type),*) -> Result<$result, StageError> {
                $(let _ = $argument;)*
                self.busy = true;
                Ok($value)
            }
        }
    };
}
talks!(Filter, |event: &mut Enrichment<'_, '_>| filter -> Verdict, Verdict::Keep);
talks!(Enricher, |event: &mut Enrichment<'_, '_>| enrich -> (), ());
talks!(Redactor, |event: &mut Event<'_>| redact -> (), ());
talks!(Processor, |line: &[u8], out: &mut Vec<u8>| process -> Processed, Processed::Unchanged);

#[test]
fn every_kind_of_stage_is_heard_and_none_is_heard_twice() {
    for layout in layouts() {
        let said = Said::default();
        let talker = |name| Talker::new(name, 2, Some("something is odd"));
        let processor = talker("processor");
        let asked = Arc::clone(&processor.asked);
        let engine = layout(said.hear(small()))
            .filter(talker("filter"))
            .enricher(talker("enricher"))
            .redactor(talker("redactor"))
            // A stage whose type is not known is asked through its box.
            .processor(Box::new(processor) as Box<dyn Processor>)
            .sink(MemorySink::new())
            .build()
            .unwrap();
        for rounds in 1..=4 {
            log_one(&engine);
            for name in ["filter", "enricher", "redactor", "processor"] {
                assert_eq!(said.of(name), vec!["something is odd"; rounds.min(2)], "{name}");
            }
        }
        assert!(asked.load(Ordering::Relaxed) >= 4);
        let report = engine.shutdown(LONG);
        assert_eq!((report.ledger.sinks[0].delivered, stage(&report.ledger, "filter").errors), (4, 0));
    }
}

#[test]
fn a_stage_that_panics_when_asked_costs_no_event() {
    silence_expected_panics();
    for layout in layouts() {
        let said = Said::default();
        let engine = layout(said.hear(small()))
            .filter(Talker::new("filter", 1, None))
            .enricher(Talker::new("enricher", 1, None))
            .redactor(Talker::new("redactor", 1, None))
            .processor(Talker::new("processor", 1, None))
            .sink(MemorySink::new())
            .build()
            .unwrap();
        (0..3).for_each(|_| log_one(&engine));
        let report = engine.shutdown(LONG);
        assert_eq!(report.ledger.sinks[0].delivered, 3);
        for name in ["filter", "enricher", "redactor", "processor"] {
            assert_eq!(said.of(name), [format!("panicked while asked for a notice: {EXPECTED}")]);
            assert_eq!(stage(&report.ledger, name).panics, 1);
        }
    }
}

#[test]
fn story_5_3_filters_with_keys_warn_before_they_forget_and_lose_no_verdict() {
    for layout in layouts() {
        let said = Said::default();
        let engine = layout(said.hear(small()))
            .filter(RateLimit::builder().key_field("user").capacity(1).max_keys(10).build().unwrap())
            .filter(FirstOccurrence::builder().key_fields(["user"]).max_keys(20).build().unwrap())
            .sink(MemorySink::new())
            .build()
            .unwrap();
        let logger = engine.logger("t");
        for user in 0..30u64 {
            info!(logger, "m", user);
            engine.flush(LONG).unwrap();
        }
        let report = engine.shutdown(LONG);
        let text = |tracked: u64, most: u64| {
            format!(
                "remembers {tracked} keys of at most max_keys = {most}: soon the least recently used ones are forgotten"
            )
        };
        assert_eq!(said.of("rate_limit"), [text(9, 10)]);
        assert_eq!(said.of("first_occurrence"), [text(18, 20)]);
        for name in ["rate_limit", "first_occurrence"] {
            assert_eq!((stage(&report.ledger, name).errors, stage(&report.ledger, name).ended), (0, 0), "{name}");
        }
        assert_eq!(report.ledger.sinks[0].delivered, 30);
    }
}

#[test]
fn story_5_13_the_size_guard_tells_size_limit_and_action() {
    for layout in layouts() {
        for (action, text) in [
            (SizeAction::Truncate, "truncated"),
            (SizeAction::Drop, "dropped"),
            (SizeAction::Warn, "passed on as they are"),
        ] {
            let said = Said::default();
            let guard = SizeGuard::builder().max_bytes(200).action(action).build().unwrap();
            let engine = layout(said.hear(small())).processor(guard).sink(MemorySink::new()).build().unwrap();
            log_one(&engine);
            assert_eq!(said.of("size_guard"), [""; 0], "what fits is not worth a word");
            let long = "x".repeat(1_000);
            info!(engine.logger("t"), "m", long);
            engine.flush(LONG).unwrap();
            let [notice] = &said.of("size_guard")[..] else { panic!("{:?}", said.of("size_guard")) };
            let (size, rest) = notice
                .strip_prefix("lines longer than max_bytes = 200: 1, the last one of ")
                .unwrap()
                .split_once(" bytes; ")
                .unwrap();
            assert!((1_000..1_200).contains(&size.parse::<u64>().unwrap()) && rest == text, "{notice}");
        }
    }
}

#[test]
fn each_replica_is_heard_and_a_shared_instance_once() {
    let said = Said::default();
    let guard = SizeGuard::builder().max_bytes(200).build().unwrap();
    let counts = guard.counts();
    let filter = Talker::new("shared", 1, Some("shared by all workers"));
    let asked = Arc::clone(&filter.asked);
    let builder = said.hear(small()).topology(Topology::Fused).workers(2);
    let engine = builder.filter(filter).processor(guard).sink(MemorySink::new()).build().unwrap();
    // Each thread has a lane, and each worker has some of them.
    for _ in 0..4 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let long = "x".repeat(1_000);
                info!(engine.logger("t"), "m", long);
            });
        });
        engine.flush(LONG).unwrap();
    }
    assert_eq!(said.of("shared"), ["shared by all workers"]);
    assert!(asked.load(Ordering::Relaxed) >= 4);
    let guards = said.of("size_guard");
    assert_eq!((guards.len(), counts.truncated()), (4, 4), "{guards:?}");
    assert!(guards.iter().all(|notice| notice.contains(": 1, the last one of ")), "{guards:?}");
}

/// Says what its script says: in order, once each time it was called.
struct TalkingSink {
    to_say: Vec<Option<&'static str>>,
    fails_to_start: bool,
}

impl Sink for TalkingSink {
    fn name(&self) -> &str {
        "talking"
    }
    fn start(&mut self) -> Result<(), SinkError> {
        match std::mem::take(&mut self.fails_to_start) {
            true => Err(SinkError::new("not yet")),
            false => Ok(()),
        }
    }
    fn deliver(&mut self, _: &Batch) -> Result<Delivered, DeliveryError> {
        Ok(Delivered::all())
    }
    fn notice(&mut self) -> Option<Cow<'static, str>> {
        assert!(!self.fails_to_start, "asked before it has started");
        let text = self.to_say.pop()?;
        Some(text.unwrap_or_else(|| panic!("{EXPECTED}")).into())
    }
    fn health(&self) -> Health {
        Health::Healthy
    }
}

#[test]
fn a_sink_is_heard_and_its_panic_costs_nothing() {
    silence_expected_panics();
    let said = Said::default();
    let sink = TalkingSink { to_say: vec![Some("second"), None, Some("first")], fails_to_start: true };
    let retry = logwheel::RetrySettings::new().base_delay(Duration::from_millis(1));
    let boxed = Box::new(sink) as Box<dyn Sink>;
    let engine = said.hear(small()).sink_with(boxed, |sink| sink.retry(retry)).build().unwrap();
    (0..5).for_each(|_| log_one(&engine));
    let report = engine.shutdown(LONG);
    let sink = &report.ledger.sinks[0];
    assert_eq!((sink.delivered, sink.panics), (5, 1));
    let told: Vec<_> = said.of("talking").into_iter().filter(|text| !text.contains("not yet")).collect();
    let panicked = format!("panicked while asked for a notice: {EXPECTED}");
    assert_eq!(told, ["first", &panicked, "second"]);
}

#[cfg(feature = "loki")]
#[test]
fn story_5_15_a_label_that_becomes_metadata_is_named_once() {
    use logwheel::{LokiFormat, LokiSink};
    use support::receiver::Receiver;

    let receiver = Receiver::start(|_| Some((204, String::new())));
    let said = Said::default();
    let builder = LokiSink::builder(receiver.url()).format(LokiFormat::Json).label_keys(["level", "user"]);
    let sink = builder.max_label_values(3).build().unwrap();
    let engine = said.hear(small()).sink_with(sink, |sink| sink.in_flight(4)).build().unwrap();
    let logger = engine.logger("t");
    for user in 0..40u64 {
        info!(logger, "m", user);
        engine.flush(LONG).unwrap();
    }
    let report = engine.shutdown(LONG);
    assert_eq!(report.ledger.sinks[0].delivered, 40);
    let [notice] = &said.of("loki")[..] else { panic!("{:?}", said.of("loki")) };
    assert!(notice.starts_with("label \"user\" has too many values"), "{notice}");
}
