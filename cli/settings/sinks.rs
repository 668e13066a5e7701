//! `[[sink]]`: the types of sinks, and the options that all of them have.

use std::time::Duration;

use logwheel::{
    FileSink, HttpCompression, HttpFormat, HttpSink, MemorySink, NullSink, Overflow, RetrySettings, Rotation, Sink,
    SinkOptions, StdoutSink,
};

use super::units::{DURATION_FORM, parse_duration};
use super::{Options, Reported, SinkSettings, Types, canonical};

pub(super) const TYPES: &Types<Box<dyn Sink>> =
    &[("stdout", stdout), ("file", file), ("http", http), ("memory", memory), ("null", null)];

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
    let overflow = overflow(options, WAITED_FOR.contains(&kind.as_str()));
    let retry = options.table("retry", retry);
    (read.overflow(overflow).retry(retry), SinkSettings { kind, name, fallback, standby })
}

fn overflow(options: &mut Options<'_>, waited_for: bool) -> Overflow {
    let timeout = match options.duration("block_timeout", Duration::ZERO) {
        Duration::ZERO => FOR_EVER,
        timeout => timeout.min(FOR_EVER),
    };
    let block = Overflow::Block(timeout);
    let default = if waited_for { block } else { Overflow::DropOldest };
    let choices = [("drop_oldest", Overflow::DropOldest), ("drop_newest", Overflow::DropNewest), ("block", block)];
    let overflow = options.choice("overflow", default, &choices);
    if options.has("block_timeout") && overflow != block {
        options.refuse("block_timeout", "has no meaning without overflow = \"block\"");
    }
    overflow
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
    let mut sink = FileSink::new(path?).rotate_bytes(rotate_bytes).keep_files(keep_files).fsync(fsync);
    if let Some(rotation) = rotate_every {
        sink = sink.rotate_every(rotation);
    }
    if let Some(bytes) = keep_bytes {
        sink = sink.keep_bytes(bytes);
    }
    Ok(Box::new(sink))
}

/// `"hourly"`, `"daily"`, or a duration.
fn rotate_every(options: &mut Options<'_>) -> Option<Rotation> {
    match options.get("rotate_every")? {
        toml::Value::String(text) => match canonical(text).as_str() {
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

fn http(options: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    let endpoint = options.required_text("endpoint");
    let formats = [("array", HttpFormat::Array), ("ndjson", HttpFormat::Ndjson), ("wrapped", HttpFormat::Wrapped)];
    let format = options.choice("format", HttpFormat::Array, &formats);
    let wrapper_key = options.text("wrapper_key", "logs");
    let headers = options.secret_pairs("headers");
    let compressions = [("none", HttpCompression::None), ("gzip", HttpCompression::Gzip)];
    let compression = options.choice("compression", HttpCompression::None, &compressions);
    let timeout = options.duration("timeout", Duration::from_secs(5));
    let allow_plain_http = options.flag("allow_plain_http", false);
    let (token, user, password) = options.table("auth", |auth| {
        let credentials =
            (auth.optional_text("bearer_token"), auth.optional_text("user"), auth.optional_text("password"));
        if credentials.1.is_some() != credentials.2.is_some() {
            auth.problem("must have both user and password, or neither");
        }
        credentials
    });
    let mut sink = HttpSink::builder(endpoint?)
        .format(format)
        .wrapper_key(wrapper_key)
        .compression(compression)
        .timeout(timeout)
        .allow_plain_http(allow_plain_http);
    for (name, value) in headers {
        sink = sink.header(name, value);
    }
    if let Some(token) = token {
        sink = sink.bearer_token(token);
    }
    if let (Some(user), Some(password)) = (user, password) {
        sink = sink.basic_auth(user, password);
    }
    let sink = sink.build().map_err(|error| {
        let key = match error.option() {
            "header" => "headers",
            "bearer_token" | "basic_auth" | "authorization" => "auth",
            key => key,
        };
        let text = error.to_string();
        let reason = text.strip_prefix(error.option()).and_then(|text| text.strip_prefix(": "));
        options.refuse_unshown(key, reason.unwrap_or(&text))
    })?;
    Ok(Box::new(sink))
}

fn memory(_: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    Ok(Box::new(MemorySink::new()))
}

fn null(_: &mut Options<'_>) -> Result<Box<dyn Sink>, Reported> {
    Ok(Box::new(NullSink))
}
