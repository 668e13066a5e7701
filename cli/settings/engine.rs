//! `[engine]`: the engine's own options.

use std::time::Duration;

use logwheel::{EngineBuilder, Envelope, Lanes, Level, OnFull, OnOverflow, Pin, Topology, Wait};
use toml::Value;

use super::Options;

/// Every key, for problems that the builder finds.
pub(super) const KEYS: [&str; 27] = [
    "level",
    "lanes",
    "lane_slots",
    "slot_bytes",
    "max_lanes",
    "reserved_lanes",
    "promote_after",
    "memory_budget",
    "overflow_bytes",
    "huge_pages",
    "max_event_bytes",
    "on_full",
    "on_overflow",
    "full_wait",
    "block_timeout",
    "protected_levels",
    "topology",
    "workers",
    "pin",
    "wait",
    "lane_idle",
    "max_park",
    "idle_park",
    "wake_level",
    "envelope",
    "identity",
    "shutdown_timeout",
];

/// How stages are spread over threads.
const TOPOLOGIES: &[(&str, Topology)] =
    &[("auto", Topology::Auto), ("per_stage", Topology::PerStage), ("fused", Topology::Fused)];

/// What a worker does when there is nothing to do.
const WAITS: &[(&str, Wait)] =
    &[("adaptive", Wait::Adaptive), ("busy_spin", Wait::BusySpin), ("yield", Wait::Yield), ("sleep", Wait::Sleep)];

/// Where workers run, beside a list of cores.
const PINS: &[NamedPin] = &[("none", || Pin::None), ("auto", || Pin::Auto)];
/// A function, because a pin owns its list and is no constant.
type NamedPin = (&'static str, fn() -> Pin);

/// Reads the section. Defaults are the engine's, except that a full lane makes the reader wait:
/// input can wait. Also says how long shutdown may take.
pub(super) fn read(options: &mut Options<'_>, engine: EngineBuilder) -> (EngineBuilder, Duration) {
    const MIB: usize = 1 << 20;
    let any = 0..=usize::MAX;
    let shutdown_timeout = options.duration("shutdown_timeout", Duration::from_secs(5));
    let mut engine = engine
        .level(options.level("level", Level::INFO))
        .lanes(options.choice(
            "lanes",
            Lanes::PerThread,
            &[("per_thread", Lanes::PerThread), ("shared", Lanes::Shared)],
        ))
        .lane_slots(options.number("lane_slots", 8192, any.clone()))
        .slot_bytes(options.size("slot_bytes", 256, any.clone()))
        .reserved_lanes(options.number("reserved_lanes", 4, any.clone()))
        .promote_after(options.number("promote_after", 64, 0..=u32::MAX))
        .memory_budget(options.size("memory_budget", 128 * MIB, any.clone()))
        .overflow_bytes(options.size("overflow_bytes", 8 * MIB, any.clone()))
        .huge_pages(options.flag("huge_pages", false))
        .max_event_bytes(options.size("max_event_bytes", MIB, any.clone()))
        .on_full(options.choice(
            "on_full",
            OnFull::Block,
            &[("wait", OnFull::Wait), ("drop", OnFull::Drop), ("block", OnFull::Block)],
        ))
        .on_overflow(options.choice(
            "on_overflow",
            OnOverflow::Cut,
            &[("cut", OnOverflow::Cut), ("drop", OnOverflow::Drop)],
        ))
        .full_wait(options.duration("full_wait", Duration::from_millis(50)))
        .block_timeout(options.duration("block_timeout", Duration::ZERO))
        .protected_levels(options.levels("protected_levels", &PROTECTED))
        .topology(options.choice("topology", Topology::Auto, TOPOLOGIES))
        .wait(options.choice("wait", Wait::Adaptive, WAITS))
        .workers(options.number("workers", 1, any.clone()))
        .pin(pin(options))
        .lane_idle(options.duration("lane_idle", Duration::from_secs(30)))
        .max_park(options.duration("max_park", Duration::from_millis(5)))
        .idle_park(options.duration("idle_park", Duration::from_millis(100)))
        .wake_level(wake_level(options))
        .envelope(options.choice("envelope", Envelope::Flat, &[("flat", Envelope::Flat), ("v1_1", Envelope::V1_1)]))
        .identity(options.flag("identity", false))
        .shutdown_timeout(shutdown_timeout);
    if let Some(lanes) = options.optional_number("max_lanes", any) {
        engine = engine.max_lanes(lanes);
    }
    (engine, shutdown_timeout)
}

const PROTECTED: [Level; 4] = [Level::ERROR, Level::CRITICAL, Level::AUDIT, Level::SECURITY];

/// `"none"`, `"auto"`, or a list of cores.
fn pin(options: &mut Options<'_>) -> Pin {
    let Some(Value::Array(cores)) = options.get("pin") else {
        return options.optional_choice("pin", PINS).map_or(Pin::None, |pin| pin());
    };
    let numbers: Option<Vec<usize>> =
        cores.iter().map(|core| core.as_integer().and_then(|core| usize::try_from(core).ok())).collect();
    match numbers {
        Some(cores) => Pin::Cores(cores),
        None => {
            options.refuse("pin", "must be \"none\", \"auto\" or a list of cores, like [2, 3]");
            Pin::None
        }
    }
}

/// `"none"`, or the level from which on an event wakes the workers.
fn wake_level(options: &mut Options<'_>) -> Option<Level> {
    match options.get("wake_level").and_then(Value::as_str) {
        Some(text) if text.eq_ignore_ascii_case("none") => None,
        _ => options.optional_level("wake_level"),
    }
}
