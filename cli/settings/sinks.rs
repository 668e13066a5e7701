//! `[[sink]]`: the types of sinks, and the options that all of them have.

#[cfg(feature = "cloudwatch")]
mod cloudwatch;
mod connection;
mod http;
mod loki;

use std::time::Duration;

use logwheel::{
    BreakerSettings, FileSink, MemorySink, NullSink, Overflow, RetrySettings, Rotation, Sink, SinkOptions,
    SpoolSettings, SpoolSync, StdoutSink,
};

use super::units::{DURATION_FORM, parse_duration};
use super::{Options, Reported, SinkSettings, Types, canonical, given};

pub(super) const TYPES: &Types<Box<dyn Sink>> = &[
    ("stdout", stdout),
    ("file", file),
    ("http", http::build),
    ("loki", loki::build),
    ("memory", memory),
    ("null", null),
    #[cfg(feature = "cloudwatch")]
    ("cloudwatch", cloudwatch::build),
    #[cfg(not(feature = "cloudwatch"))]
    ("cloudwatch", without_cloudwatch),
];

/// Sinks that keep pace: where they do not, the input waits for them.
const WAITED_FOR: [&str; 2] = ["stdout", "file"];
/// What stands for `block` without a limit.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Reads what every sink has.
pub(super) fn options(options: &mut Options<'_>, defaults: SinkOptions) -> (SinkOptions, SinkSettings) {
    // Noted as missing already, if it is.
    let kind = options.get("type").and_then(toml::Value::as_str).map(canonical).unwrap_or_default();
    let mut name = options.text("name", &kind);
    if options.has("name") && name.is_empty() {
        options.refuse("name", "must not be empty (default: the type)");
    }
    if name.is_empty() {
        // Noted already, here or as a missing type.
        name = "unnamed".to_owned();
    }
    let fallback = options.optional_text("fallback");
    let standby = options.flag("standby", false);
    let mut read = defaults.name(&name).standby(standby);
    if let Some(fallback) = &fallback {
        read = read.fallback(fallback);
    }
    read = options.table("batch", |batch| {
        let mut read = read;
        if let Some(events) = batch.optional_number("max_events", 1..=usize::MAX) {
            read = read.batch_max_events(events);
        }
        if let Some(bytes) = batch.optional_size("max_bytes", 1..=usize::MAX) {
            read = read.batch_max_bytes(bytes);
        }
        if let Some(age) = batch.optional_duration("max_age") {
            read = read.batch_max_age(age);
        }
        read
    });
    if let Some(bytes) = options.optional_size("queue_bytes", 1..=usize::MAX) {
        read = read.queue_bytes(bytes);
    }
    let spool = spool(options);
    // Where there is a spool, nobody needs to wait for the sink.
    let waited_for = WAITED_FOR.contains(&kind.as_str()) && !options.has("spool");
    read = given(read, overflow(options, waited_for), SinkOptions::overflow);
    read = given(read, spool, SinkOptions::spool);
    read = given(read, options.optional_number("in_flight", 0..=usize::MAX), SinkOptions::in_flight);
    let (retry, breaker) = (options.table("retry", retry), options.table("breaker", breaker));
    (read.retry(retry).breaker(breaker), SinkSettings { kind, name, fallback, standby })
}

/// `None`: the builder knows.
fn overflow(options: &mut Options<'_>, waited_for: bool) -> Option<Overflow> {
    let timeout = match options.duration("block_timeout", Duration::ZERO) {
        Duration::ZERO => FOR_EVER,
        timeout => timeout.min(FOR_EVER),
    };
    let block = Overflow::Block(timeout);
    let choices = [
        ("drop_oldest", Overflow::DropOldest),
        ("drop_newest", Overflow::DropNewest),
        ("block", block),
        ("spool", Overflow::Spool),
    ];
    let overflow = options.optional_choice("overflow", &choices).or(waited_for.then_some(block));
    if options.has("block_timeout") && overflow != Some(block) {
        options.refuse("block_timeout", "has no meaning without overflow = \"block\"");
    }
    overflow
}

fn breaker(options: &mut Options<'_>) -> BreakerSettings {
    let mut breaker = BreakerSettings::new();
    breaker.enabled = options.flag("enabled", breaker.enabled);
    let threshold = options.number("failure_threshold", breaker.failure_threshold, 1..=u32::MAX);
    let recovery = options.duration("recovery", breaker.recovery);
    breaker.failure_threshold(threshold).recovery(recovery)
}

fn spool(options: &mut Options<'_>) -> Option<SpoolSettings> {
    if !options.has("spool") {
        // So that the key is known.
        return options.get("spool").and(None);
    }
    options.table("spool", |options| {
        let dir = options.required_text("dir");
        let max_bytes = options.optional_size("max_bytes", 0..=u64::MAX);
        let sync = spool_sync(options);
        let spool = given(SpoolSettings::new(dir.ok()?), max_bytes, SpoolSettings::max_bytes);
        Some(given(spool, sync, SpoolSettings::sync))
    })
}

/// `"never"`, `"every_batch"`, or how long after a write.
fn spool_sync(options: &mut Options<'_>) -> Option<SpoolSync> {
    match options.get("sync")? {
        toml::Value::String(_) => match canonical(&options.optional_text("sync")?).as_str() {
            "never" => Some(SpoolSync::Never),
            "every_batch" => Some(SpoolSync::EveryBatch),
            text => match parse_duration(text) {
                Some(interval) => Some(SpoolSync::Interval(interval)),
                None => {
                    options.refuse("sync", format!("must be \"never\", \"every_batch\" or {DURATION_FORM}"));
                    None
                }
            },
        },
        _ => options.optional_duration("sync").map(SpoolSync::Interval),
    }
}

fn retry(options: &mut Options<'_>) -> RetrySettings {
    let defaults = RetrySettings::new();
    RetrySettings::new()
        .base_delay(options.duration("base_delay", defaults.base_delay))
        .max_delay(options.duration("max_delay", defaults.max_delay))
        .max_elapsed(options.duration("max_elapsed", defaults.max_elapsed))
        .max_attempts(options.optional_number("max_attempts", 1..=u32::MAX))
}

fn stdout(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    let formats: [(_, fn() -> StdoutSink); 2] = [("json", StdoutSink::json), ("pretty", StdoutSink::pretty)];
    let sink = options.optional_choice("format", &formats).map_or_else(StdoutSink::new, |sink| sink());
    Ok(Box::new(match options.optional_flag("colours") {
        Some(colours) => sink.colours(colours),
        None => sink,
    }))
}

fn file(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    let path = options.required_text("path");
    let rotate_bytes = options.size("rotate_bytes", 0u64, 0..=u64::MAX);
    let rotate_every = rotate_every(options);
    let keep_files = options.number("keep_files", 10, 0..=usize::MAX);
    let keep_bytes = options.optional_size("keep_bytes", 0..=u64::MAX);
    let fsync = options.flag("fsync", false);
    let hash_chain = options.flag("hash_chain", false);
    let hash_chain_key = options.optional_text("hash_chain_key");
    if hash_chain_key.is_some() && options.has("hash_chain") && !hash_chain {
        options.refuse("hash_chain_key", "has no meaning with hash_chain = false");
    }
    if hash_chain_key.as_ref().is_some_and(|key| key.len() < 16) {
        options.refuse("hash_chain_key", "must have at least 16 bytes");
    }
    let mut sink =
        FileSink::new(path?).hash_chain(hash_chain).rotate_bytes(rotate_bytes).keep_files(keep_files).fsync(fsync);
    if let Some(rotation) = rotate_every {
        sink = sink.rotate_every(rotation);
    }
    if let Some(bytes) = keep_bytes {
        sink = sink.keep_bytes(bytes);
    }
    if let Some(key) = hash_chain_key {
        sink = sink.hash_chain_key(key);
    }
    Ok(Box::new(sink))
}

/// `"hourly"`, `"daily"`, or a duration.
fn rotate_every(options: &mut Options<'_>) -> Option<Rotation> {
    match options.get("rotate_every")? {
        toml::Value::String(_) => match canonical(&options.optional_text("rotate_every")?).as_str() {
            "hourly" => Some(Rotation::Hourly),
            "daily" => Some(Rotation::Daily),
            text => match parse_duration(text) {
                Some(period) => Some(Rotation::Every(period)),
                None => {
                    options.refuse("rotate_every", format!("must be \"hourly\", \"daily\" or {DURATION_FORM}"));
                    None
                }
            },
        },
        _ => options.optional_duration("rotate_every").map(Rotation::Every),
    }
}

#[cfg(not(feature = "cloudwatch"))]
fn without_cloudwatch(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    options.leave_unjudged();
    Err(options.refuse("type", "is not in this build of the command; build it with the feature `cloudwatch`"))
}

fn memory(_: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    Ok(Box::new(MemorySink::new()))
}

fn null(_: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    Ok(Box::new(NullSink))
}
