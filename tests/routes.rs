//! Routing through a running engine: which sink gets what, and what becomes of the rest.

mod support;

use logwheel::{
    Engine, EngineBuilder, Level, MemoryHandle, MemorySink, OnFull, Route, Topology, debug, error, info, warn,
};
use support::{LONG, parse, small};

/// A sink for each name, and a handle to each.
fn with_sinks<const N: usize>(builder: EngineBuilder, names: [&str; N]) -> (EngineBuilder, [MemoryHandle; N]) {
    let sinks = names.map(|name| (name, MemorySink::new()));
    let handles = sinks.each_ref().map(|(_, sink)| sink.handle());
    (sinks.into_iter().fold(builder, |builder, (name, sink)| builder.sink_with(sink, |sink| sink.name(name))), handles)
}

fn in_both_topologies(test: impl Fn(EngineBuilder)) {
    for topology in [Topology::Fused, Topology::PerStage] {
        test(small().on_full(OnFull::Block).topology(topology));
    }
}

/// The field `n` of each line.
#[track_caller]
fn numbers(handle: &MemoryHandle) -> Vec<u64> {
    handle.lines().iter().map(|line| parse(line)["n"].as_u64().unwrap()).collect()
}

/// Rounds of six events, each of which the rules treat in another way; numbered from zero.
fn log(engine: &Engine, rounds: u64) {
    let (app, db) = (engine.logger("app"), engine.logger("app.db"));
    let (payments, apples) = (engine.logger("payments"), engine.logger("apples"));
    for n in (0..rounds).map(|round| round * 6) {
        info!(app, "m", n);
        error!(app, "m", n = n + 1);
        info!(db, "m", n = n + 2, tenant = "acme");
        warn!(payments, "m", n = n + 3, tenant = "zeta");
        info!(payments, "m", n = n + 4, tenant = 7u64);
        debug!(apples, "m", n = n + 5, tenant = "nobody");
    }
}

const ROUNDS: u64 = 50;

/// The numbers of these events of every round.
fn each_round(events: &[u64]) -> Vec<u64> {
    (0..ROUNDS).flat_map(|round| events.iter().map(move |event| round * 6 + event)).collect()
}

/// Logs, shuts down, and asserts what came to each sink and how many came to none.
#[track_caller]
fn assert_routed<const N: usize>(builder: EngineBuilder, handles: &[MemoryHandle; N], expected: [&[u64]; N]) {
    let engine = builder.level(Level::DEBUG).build().unwrap();
    log(&engine, ROUNDS);
    let report = engine.shutdown(LONG);
    let ledger = report.ledger;
    assert!(report.complete && ledger.is_balanced(), "{ledger}");
    for ((handle, expected), sink) in handles.iter().zip(expected).zip(&ledger.sinks) {
        let expected = each_round(expected);
        assert_eq!(sink.routed, expected.len() as u64, "{ledger}");
        assert_eq!(numbers(handle), expected, "{}", sink.name);
    }
    let unrouted = (0..6).filter(|event| !expected.iter().any(|taken| taken.contains(event))).count() as u64;
    assert_eq!(ledger.total_dropped(), unrouted * ROUNDS, "{ledger}");
    assert_eq!(ledger.dropped.get("unrouted").copied().unwrap_or(0), unrouted * ROUNDS, "{ledger}");
    assert_eq!(ledger.dispatched, (6 - unrouted) * ROUNDS, "{ledger}");
}

fn rules(builder: EngineBuilder) -> EngineBuilder {
    builder
        .route(Route::to(["errors"]).from_level(Level::WARN))
        .route(Route::to(["app"]).loggers(["app"]))
        .route(Route::to(["tenants"]).field("tenant", ["acme", "7"]))
}

#[test]
fn levels_loggers_and_fields_decide_and_what_no_rule_takes_is_counted() {
    in_both_topologies(|builder| {
        let (builder, handles) = with_sinks(rules(builder), ["app", "errors", "tenants"]);
        assert_routed(builder, &handles, [&[0, 1, 2], &[1, 3], &[2, 4]]);
    });
}

#[test]
fn without_overlap_the_first_rule_that_takes_an_event_has_it_alone() {
    in_both_topologies(|builder| {
        let (builder, handles) = with_sinks(rules(builder), ["app", "errors", "tenants"]);
        assert_routed(builder.route_overlap(false), &handles, [&[0, 2], &[1, 3], &[4]]);
    });
}

#[test]
fn the_fallback_sinks_get_what_no_rule_takes_and_nothing_else() {
    in_both_topologies(|builder| {
        let (builder, handles) = with_sinks(rules(builder), ["app", "errors", "tenants", "rest"]);
        assert_routed(builder.route_fallback_sinks(["rest"]), &handles, [&[0, 1, 2], &[1, 3], &[2, 4], &[5]]);
    });
}

#[test]
fn several_conditions_of_one_rule_must_all_hold_and_a_star_is_every_sink() {
    in_both_topologies(|builder| {
        let rule = Route::to(["one"]).levels([Level::INFO, Level::WARN]).loggers(["payments"]);
        let builder = builder.route(rule.field("tenant", ["zeta"])).route(Route::to(["*"]).from_level(Level::ERROR));
        let (builder, handles) = with_sinks(builder, ["one", "two"]);
        assert_routed(builder, &handles, [&[1, 3], &[1]]);
    });
}

#[test]
fn rules_see_what_stages_did_to_the_event() {
    in_both_topologies(|builder| {
        let mask = logwheel::FieldMask::new(["tenant"]).unwrap();
        let (builder, handles) = with_sinks(builder.redactor(mask), ["masked", "clear"]);
        let builder = builder
            .route(Route::to(["clear"]).field("tenant", ["acme"]))
            .route(Route::to(["masked"]).field("tenant", ["***"]));
        assert_routed(builder, &handles, [&[2, 3, 4, 5], &[]]);
    });
}
