//! How many instructions does the hot path take, for a caller and behind it?
//!
//! `cargo xtask bench instructions` runs this program twice under `valgrind --tool=callgrind`, once for each side,
//! and compares what it counts with the budgets in `benches/instructions.toml`. Counts do not move with the load of
//! a machine, so CI can hold them against a limit, which it cannot do with times. They are no times: a cache miss
//! and an addition count the same, and the clock is read as valgrind lets programs read it.
//!
//! What is counted is told by the names of three functions: callgrind begins a new part at each call of
//! [`instructions_mark`], and starts or stops counting where [`instructions_counted`] and
//! [`instructions_uncounted`] are entered and left. Those of callers: nothing but the loop of calls, on the thread
//! that makes them. Those behind: all that the engine's own threads do for an event, from the lane to the end of a null
//! sink. Each such case is a part with a few thousand events, less one with fewer, so that starting and stopping the
//! engine count for nothing; both end when the threads have, because callgrind books late what a thread is still
//! about.
//!
//! For each part the program prints a line, `count NAME OPERATIONS` or `less NAME OPERATIONS`; what lies between
//! parts counts for nothing.

mod measure;

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use logwheel::wire::encode_named;
use logwheel::{
    Engine, EngineBuilder, Envelope, Event, EventBuffers, FieldMask, Host, JsonEncoder, Lanes, Level, LevelFilter,
    LineBuffer, Logger, NullSink, OnFull, Overflow, Record, Scope, Shape, SinkOptions, SizeGuard, StaticFields,
    Topology, TraceContext, Value, debug, filters, info,
};
use measure::events::{AGENT, eight_fields, three_fields};

const LONG: Duration = Duration::from_secs(600);
/// Less than a quarter of a lane of the default size: a call that wakes the worker would not be like the others.
const CALLS: u64 = 2_000;
/// So much is logged while the worker sleeps, and is carried when the flush wakes it, so many times over.
const BURST: u64 = 2_700;
const BURSTS: u64 = 2;
/// All bursts, with the one that is taken off again, stay below the quarter at which callers wake a worker.
/// The shared lane has four times as many as the others.
const LANE_SLOTS: usize = 32 << 10;
/// After this time the engine's threads have found that there is nothing to do, even under valgrind.
const ASLEEP: Duration = Duration::from_millis(100);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("caller") => {
            callers();
            encoding();
        }
        Some("behind") => instructions_uncounted(&mut behind),
        _ => println!("instructions: counted by `cargo xtask bench instructions`"),
    }
}

/// Between two calls of it lies a part.
#[inline(never)]
fn instructions_mark() {
    black_box(());
}

/// Counted, where nothing is otherwise.
#[inline(never)]
fn instructions_counted(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

/// Not counted, where everything is otherwise: on this thread.
#[inline(never)]
fn instructions_uncounted(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

/// What is to be done with the instructions of a part, and with its operations.
enum What {
    Count,
    /// Taken off those of another part of this name.
    Less,
}

/// Counts the instructions of `work`, which is so many operations.
fn part(what: What, name: &str, operations: u64, mut work: impl FnMut()) {
    println!("{} {name} {operations}", if matches!(what, What::Count) { "count" } else { "less" });
    instructions_mark();
    work();
    instructions_mark();
}

/// With a single lane beside the shared one, which takes time to make under valgrind; or with none.
fn builder(lanes: Lanes) -> EngineBuilder {
    let builder = Engine::builder().topology(Topology::Fused).lanes(lanes).on_full(OnFull::Block).diagnostics(|_| {});
    if lanes == Lanes::PerThread { builder.max_lanes(1).reserved_lanes(0) } else { builder }
}

/// Takes that lane once a thread of the engine, and not this one, has made it.
fn attach(engine: &Engine) {
    while engine.attach_thread().is_err() {
        thread::sleep(Duration::from_millis(1));
    }
}

// What a caller does.

fn callers() {
    fn case(name: &str, lanes: Lanes, logger: fn(&Engine) -> Logger, call: fn(&Logger, u64)) {
        let engine = builder(lanes).sink(NullSink).build().expect("valid options");
        if lanes == Lanes::PerThread {
            attach(&engine);
        }
        let logger = logger(&engine);
        // The first calls enter the call site and the thread into their tables.
        (0..10).for_each(|n| call(&logger, n));
        engine.flush(LONG).expect("a cheap pipeline");
        part(What::Count, &format!("caller/{name}"), CALLS, || {
            instructions_counted(&mut || (0..CALLS).for_each(|n| call(&logger, n)));
        });
        engine.flush(LONG).expect("a cheap pipeline");
    }

    let plain = |engine: &Engine| engine.logger("shop.checkout");
    case("level_off", Lanes::PerThread, plain, |logger, n| debug!(logger, "order filled", order_id = n));
    for (kind, lanes) in [("private", Lanes::PerThread), ("shared", Lanes::Shared)] {
        case(&format!("{kind}/0_fields"), lanes, plain, |logger, _| info!(logger, "order filled"));
        case(&format!("{kind}/3_fields"), lanes, plain, three_fields);
        case(&format!("{kind}/8_fields"), lanes, plain, eight_fields);
    }
    let bound = |engine: &Engine| engine.logger("shop.checkout").with("tenant", "acme").with("region", "eu-central-1");
    case("private/3_fields_2_bound", Lanes::PerThread, bound, three_fields);
    case("private/display", Lanes::PerThread, plain, |logger, n| info!(logger, "request", id = %n));
    case("private/string_100", Lanes::PerThread, plain, |logger, _| info!(logger, "request", agent = black_box(AGENT)));
    let trace = TraceContext::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let _request = Scope::new().field("request_id", "r-42").trace(trace.expect("a valid header")).enter();
    case("private/3_fields_in_scope", Lanes::PerThread, plain, three_fields);
}

/// What the event of `benches/chain.rs` has: six fields, one of them secret.
fn six_fields(logger: &Logger, n: u64) {
    info!(
        logger,
        "order filled",
        order_id = n,
        price = 101.5,
        symbol = black_box("ACMECORP"),
        user = black_box("ann"),
        password = black_box("hunter2"),
        retried = false,
    );
}

/// Encoding alone, without an engine.
fn encoding() {
    let mut arguments = Vec::new();
    Value::Str("order filled").encode(&mut arguments);
    for (name, value) in
        [("order_id", Value::U64(4_711)), ("price", Value::F64(101.5)), ("symbol", Value::Str("ACMECORP"))]
    {
        encode_named(name, &value, &mut arguments);
    }
    for (name, envelope) in [("flat", Envelope::Flat), ("v1_1", Envelope::V1_1)] {
        let (mut encoder, mut buffers, mut line) =
            (JsonEncoder::new(envelope), EventBuffers::default(), LineBuffer::new());
        let mut encode = |n: u64| {
            let record = Record {
                timestamp: 1_700_000_000_000_000_000 + n * 1_000,
                level: Level::INFO,
                callsite: None,
                trace: None,
                shape: Shape { inline_message: true, named_arguments: true, ..Shape::default() },
                context: &[],
                arguments: black_box(&arguments),
            };
            line.clear();
            encoder.encode(&Event::open(record, &mut buffers), None, &mut line);
            black_box(line.len());
        };
        encode(0);
        part(What::Count, &format!("encode/{name}"), CALLS, || {
            instructions_counted(&mut || (0..CALLS).for_each(&mut encode))
        });
    }
}

// What the engine's threads do.

fn behind() {
    type Configure = fn(EngineBuilder) -> EngineBuilder;
    fn case(name: &str, configure: Configure, call: fn(&Logger, u64)) {
        for (what, bursts) in [(What::Less, 1), (What::Count, 1 + BURSTS)] {
            part(what, &format!("behind/{name}"), bursts * BURST, || {
                // Rounds without events are to be few. The shared lane is always there; a private one is made by
                // this thread or by one of the engine's, and takes more instructions than all events.
                let builder = builder(Lanes::Shared).lane_slots(LANE_SLOTS / 4).max_park(LONG).idle_park(LONG);
                let block = |sink: SinkOptions| sink.overflow(Overflow::Block(LONG));
                let engine = configure(builder).sink_with(NullSink, block).build().expect("valid options");
                let logger = engine.logger("shop.checkout");
                for _ in 0..bursts {
                    thread::sleep(ASLEEP);
                    (0..BURST).for_each(|n| call(&logger, n));
                    engine.flush(LONG).expect("a cheap pipeline");
                }
                let report = engine.shutdown(LONG);
                assert!(report.complete && report.ledger.is_balanced());
            });
        }
    }

    const CONFIGURED: [(&str, Configure); 2] =
        [("flat", |builder| builder), ("v1_1", |builder| builder.envelope(Envelope::V1_1))];
    for (envelope, configure) in CONFIGURED {
        case(&format!("3_fields/{envelope}"), configure, three_fields);
    }
    case("5_stages/flat", five_stages, six_fields);
    case("5_stages/v1_1", |builder| five_stages(builder).envelope(Envelope::V1_1), six_fields);
    case("filtered", |builder| builder.level(Level::INFO).filter(LevelFilter::new(Level::WARN)), three_fields);
}

/// Those of `benches/chain.rs`.
fn five_stages(builder: EngineBuilder) -> EngineBuilder {
    let rate_limit = filters::RateLimit::builder().capacity(1_000_000).refill_rate_per_sec(1e9).key_field("user");
    builder
        .filter(LevelFilter::new(Level::INFO))
        .filter(rate_limit.build().expect("valid options"))
        .enricher(StaticFields::new().field("service", "orders").field("env", "prod"))
        .enricher(Host::new())
        .redactor(FieldMask::new(["password", "card.number", "**.token"]).expect("valid paths"))
        .processor(SizeGuard::new())
}
