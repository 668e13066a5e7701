//! Other spellings of names: those of fapilog, so that its settings can be taken over.

use toml::{Table, Value};

use super::names::canonical;
use super::table_at;

/// Types that have a second name.
const TYPES: [(&str, &str); 1] = [("grafana_loki", "loki")];

/// Options of sinks, and where they are here.
const SINK_OPTIONS: [(&str, &[&str]); 11] = [
    ("batch_size", &["batch", "max_events"]),
    ("batch_timeout_seconds", &["batch", "max_age"]),
    ("timeout_seconds", &["timeout"]),
    ("max_retries", &["retry", "max_attempts"]),
    ("retry_base_delay", &["retry", "base_delay"]),
    ("auth_username", &["auth", "user"]),
    ("auth_password", &["auth", "password"]),
    ("auth_token", &["auth", "bearer_token"]),
    ("circuit_breaker_enabled", &["breaker", "enabled"]),
    ("circuit_breaker_threshold", &["breaker", "failure_threshold"]),
    ("circuit_breaker_recovery_seconds", &["breaker", "recovery"]),
];

/// Sinks that deliver over a network: for others these options mean nothing.
const WITH_OPTIONS: [&str; 3] = ["http", "loki", "cloudwatch"];

/// Gives types their first names.
pub(super) fn rename_types(settings: &mut Table) {
    for table in settings.iter_mut().filter_map(|(_, section)| section.as_array_mut()).flatten() {
        let Some(Value::String(name)) = table.get_mut("type") else { continue };
        if let Some((_, first)) = TYPES.iter().find(|(other, _)| *other == canonical(name)) {
            *name = (*first).to_owned();
        }
    }
}

/// Moves options of sinks to where they are here. Returns what is there twice.
pub(super) fn rename_options(settings: &mut Table) -> Vec<String> {
    let mut problems = Vec::new();
    let sinks = settings.get_mut("sink").and_then(Value::as_array_mut);
    for (index, sink) in sinks.into_iter().flatten().enumerate() {
        let Some(sink) = sink.as_table_mut() else { continue };
        if !sink.get("type").and_then(Value::as_str).is_some_and(|name| WITH_OPTIONS.contains(&&*canonical(name))) {
            continue;
        }
        for (other, path) in SINK_OPTIONS {
            let Some(value) = sink.remove(other) else { continue };
            let (last, tables) = path.split_last().expect("each has a name");
            match table_at(sink, tables).filter(|table| !table.contains_key(*last)) {
                Some(table) => _ = table.insert((*last).to_owned(), value),
                None => {
                    let first = path.join(".");
                    problems.push(format!("sink[{index}].{other}: is another spelling of {first}, which is there too"));
                }
            }
        }
    }
    problems
}
