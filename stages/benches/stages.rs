//! What does each filter and each enricher cost for an everyday event of six fields?
//!
//! `cargo bench -p logwheel-stages --bench stages`. Each number includes opening the event, which `none` measures
//! alone. Filters have two: for an event that they keep and for one that ends in them. Redactors and processors
//! have benches of their own: `redactors`, and `size_guard` of the crate `logwheel`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logwheel_core::testing::{TestEvent, trace_context};
use logwheel_core::{Enricher, Enrichment, Event, EventBuffers, Filter, Level, Record, Verdict};
use logwheel_stages::{
    AdaptiveSampling, BuildInfo, ContextFields, Dedupe, DedupeMode, EnvFields, FillGauge, FirstOccurrence, Host,
    HttpRequest, InvalidOption, Kubernetes, LevelFilter, MatchFilter, PressureFilter, ProcessInfo, RateLimit, Sampling,
    StaticFields, TraceSampling,
};

/// Chances so close to all and to none that the random number is drawn, and yet the verdict is known.
const NEARLY_ALL: f64 = 0.999_999_9;
const NEARLY_NONE: f64 = 0.000_000_1;
const SECOND: u64 = 1_000_000_000;

/// Two that differ in one field, so that they do not count as repeats of each other.
fn events() -> [TestEvent; 2] {
    [4_711_u64, 4_712].map(|user| {
        TestEvent::new()
            .level(Level::INFO)
            .logger("shop.web")
            .bound("tenant", "acme")
            .message("request served")
            // In the middle of what trace ids are compared by.
            .trace(trace_context(1 << 55))
            .field("method", "get")
            .field("path", "/orders/17")
            .field("status", 200_u64)
            .field("latency", 12.5)
            .field("user_id", user)
            .field("cached", false)
    })
}

/// Gives out one event after the other, a microsecond apart.
struct Feed {
    events: [TestEvent; 2],
    buffers: EventBuffers,
    count: usize,
    now: u64,
}

impl Feed {
    fn new() -> Self {
        Self { events: events(), buffers: EventBuffers::default(), count: 0, now: 1_700_000_000 * SECOND }
    }

    fn next(&mut self) -> Event<'_> {
        self.count += 1;
        self.now += 1_000;
        let record = black_box(&self.events[self.count % 2]).record();
        Event::open(Record { timestamp: self.now, ..record }, &mut self.buffers)
    }
}

/// What the engine does with an event and a filter.
fn ask(filter: &mut dyn Filter, feed: &mut Feed) -> Verdict {
    let mut event = feed.next();
    let mut marked = Enrichment::new(&mut event);
    let verdict = filter.filter(&mut marked).expect("these filters never fail");
    if verdict == Verdict::Keep {
        marked.commit();
    } else {
        drop(marked);
    }
    black_box(event.slots());
    if filter.holds() {
        let now = event.timestamp();
        while let Some(held) = filter.release(now, false) {
            black_box(held.timestamp());
        }
    }
    verdict
}

type Filters = Vec<(&'static str, bool, Box<dyn Filter>)>;

fn filters() -> Result<Filters, InvalidOption> {
    const EXPRESSION: &str = "status >= 500 or path starts_with '/orders'";
    let sampling = |rate| Sampling::builder().sample_rate(rate).seed(1).build();
    let adaptive = |rate| {
        let builder = AdaptiveSampling::builder().target_eps(1e9).seed(1);
        builder.min_sample_rate(rate).max_sample_rate(rate).build()
    };
    let by_trace = |rate| TraceSampling::builder().sample_rate(rate).seed(1).build();
    let limit = |refill: f64| RateLimit::builder().capacity(1).refill_rate_per_sec(refill);
    let first = |rate| FirstOccurrence::builder().window_seconds(86_400.0).subsequent_sample_rate(rate).seed(1).build();
    let matching = |expression: &str| MatchFilter::builder().expression(expression).build();
    let dedupe = |mode| Dedupe::builder().mode(mode).window_seconds(86_400.0).build();
    let pressure = |fill| {
        let gauge = FillGauge::new();
        gauge.set(fill);
        PressureFilter::builder(gauge).seed(1).build()
    };
    Ok(vec![
        ("level", true, Box::new(LevelFilter::new(Level::INFO))),
        ("level", false, Box::new(LevelFilter::new(Level::WARN))),
        ("sampling", true, Box::new(sampling(NEARLY_ALL)?)),
        ("sampling", false, Box::new(sampling(NEARLY_NONE)?)),
        ("adaptive_sampling", true, Box::new(adaptive(NEARLY_ALL)?)),
        ("adaptive_sampling", false, Box::new(adaptive(NEARLY_NONE)?)),
        ("trace_sampling", true, Box::new(by_trace(NEARLY_ALL)?)),
        ("trace_sampling", false, Box::new(by_trace(NEARLY_NONE)?)),
        ("rate_limit", true, Box::new(limit(1e9).build()?)),
        ("rate_limit", false, Box::new(limit(0.0).build()?)),
        ("rate_limit:by_key", true, Box::new(limit(1e9).key_field("user_id").build()?)),
        ("rate_limit:by_key", false, Box::new(limit(0.0).key_field("user_id").build()?)),
        ("first_occurrence", true, Box::new(first(NEARLY_ALL)?)),
        ("first_occurrence", false, Box::new(first(0.0)?)),
        ("dedupe", true, Box::new(dedupe(DedupeMode::Consecutive)?)),
        ("dedupe", false, Box::new(dedupe(DedupeMode::Window)?)),
        ("match", true, Box::new(matching(EXPRESSION)?)),
        ("match", false, Box::new(matching("status >= 500 or path starts_with '/users'")?)),
        ("pressure", true, Box::new(pressure(0.1)?)),
        ("pressure", false, Box::new(pressure(1.0)?)),
    ])
}

fn filter(c: &mut Criterion) {
    let mut group = c.benchmark_group("filter");
    group.throughput(Throughput::Elements(1));
    let mut feed = Feed::new();
    group.bench_function("none", |bencher| bencher.iter(|| black_box(feed.next().slots())));
    for (name, keeps, mut filter) in filters().expect("valid options") {
        let mut feed = Feed::new();
        // Until the first events are through and the pressure has risen to its highest level.
        for _ in 0..32 {
            feed.now += SECOND;
            ask(&mut *filter, &mut feed);
        }
        let expected = if keeps { "kept" } else { "dropped" };
        assert_eq!(ask(&mut *filter, &mut feed) == Verdict::Keep, keeps, "{name} is to have it {expected}");
        group.bench_function(format!("{name}/{expected}"), |bencher| bencher.iter(|| ask(&mut *filter, &mut feed)));
    }
    group.finish();
}

type Enrichers = Vec<(&'static str, Box<dyn Enricher>)>;

fn enrichers() -> Result<Enrichers, InvalidOption> {
    // A variable that is set nearly everywhere stands in for those of a cluster.
    let kubernetes = Kubernetes::builder().skip_if_not_k8s(false).pod_name_env("HOME").pod_namespace_env("HOME");
    let context = ContextFields::builder().copy("tenant", "customer").default("region", "eu-1");
    let build = BuildInfo::builder().package("orders").version("1.2.3").git_commit("0123456").profile("release");
    Ok(vec![
        ("static", Box::new(StaticFields::new().field("service", "orders").field("env", "prod"))),
        ("host", Box::new(Host::new())),
        ("process", Box::new(ProcessInfo::builder().version("1.2.3").build()?)),
        ("env", Box::new(EnvFields::builder().variables(["HOME", "PWD"]).build()?)),
        ("kubernetes", Box::new(kubernetes.build()?)),
        ("context", Box::new(context.build()?)),
        ("build", Box::new(build.build()?)),
        ("http_request", Box::new(HttpRequest::builder().build()?)),
    ])
}

fn enrich(c: &mut Criterion) {
    let mut group = c.benchmark_group("enrich");
    group.throughput(Throughput::Elements(1));
    for (name, mut enricher) in enrichers().expect("valid options") {
        enricher.start().expect("it can start");
        let mut feed = Feed::new();
        let before = feed.next().slots();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut event = feed.next();
                let mut enrichment = Enrichment::new(&mut event);
                enricher.enrich(&mut enrichment).expect("these enrichers never fail");
                enrichment.commit();
                let slots = event.slots();
                assert!(slots > before, "{name} is to add something");
                slots
            });
        });
    }
    group.finish();
}

criterion_group!(benches, filter, enrich);
criterion_main!(benches);
