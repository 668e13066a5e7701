//! Settings from environment variables: `LOGWHEEL_LOKI__URL` is the `url` of the sink `loki`.

use toml::{Table, Value};

use super::names::{canonical, did_you_mean, list};
use super::table_at;

const PREFIX: &str = "LOGWHEEL_";
/// Between the parts of a name. Parts have single ones in them.
const SEPARATOR: &str = "__";
/// Sections that are one table each.
const SINGLE: [&str; 2] = ["engine", "routing"];

/// Puts what the variables say in the place of what the file says, or beside it: in every table of
/// the type that they name. `kinds`: the sections that can be there several times, with their types.
/// Returns what is wrong with the variables.
pub(super) fn overlay(
    settings: &mut Table,
    variables: &[(String, String)],
    kinds: &[(&'static str, Vec<&'static str>)],
) -> Vec<String> {
    let mut problems = Vec::new();
    for (variable, value) in variables {
        let Some(parts) = variable.strip_prefix(PREFIX).filter(|rest| rest.contains(SEPARATOR)) else { continue };
        let parts = parts.to_lowercase();
        let parts: Vec<&str> = parts.split(SEPARATOR).collect();
        let (Some((&kind, path)), false) = (parts.split_first(), parts.contains(&"")) else {
            problems.push(format!("{variable}: must be {PREFIX}<type>{SEPARATOR}<option>"));
            continue;
        };
        let mut is_known = SINGLE.contains(&kind);
        if is_known {
            let table = settings.entry(kind).or_insert_with(|| Value::Table(Table::new()));
            problems.extend(put(table, path, variable, value));
        }
        for (section, _) in kinds.iter().filter(|(_, types)| types.contains(&kind)) {
            is_known = true;
            let tables = settings.get_mut(*section).and_then(Value::as_array_mut);
            for table in tables.into_iter().flatten() {
                let is_meant = table.get("type").and_then(Value::as_str).is_some_and(|name| canonical(name) == kind);
                if is_meant {
                    problems.extend(put(table, path, variable, value));
                }
            }
        }
        if !is_known {
            let names = || SINGLE.into_iter().chain(kinds.iter().flat_map(|(_, types)| types.iter().copied()));
            let hint = did_you_mean(kind, names());
            let known = if hint.is_empty() { format!("; there are {}", list(names())) } else { hint };
            problems.push(format!("{variable}: {kind:?} is no section and no type of a stage or sink{known}"));
        }
    }
    problems
}

fn put(table: &mut Value, path: &[&str], variable: &str, value: &str) -> Option<String> {
    let (last, tables) = path.split_last()?;
    // What is no table although it should be one is told when the settings are read.
    let Some(table) = table_at(table.as_table_mut()?, tables) else {
        return Some(format!("{variable}: {} is no table", tables.join(".")));
    };
    table.insert((*last).to_owned(), structured(value).unwrap_or_else(|| reference(variable)));
    None
}

/// A list or a table, in the notation of TOML or of JSON.
fn structured(value: &str) -> Option<Value> {
    if !value.trim_start().starts_with(['[', '{']) {
        return None;
    }
    // As the value of a key: a text with a line end must not become several of them.
    let as_toml = || format!("value = {}", value.replace('\n', " ")).parse::<Table>().ok()?.remove("value");
    serde_json::from_str(value).ok().or_else(as_toml)
}

/// The text of the variable: read like any other that refers to one, so problems show its name and
/// not what it holds.
fn reference(variable: &str) -> Value {
    Value::String(format!("${{{variable}}}"))
}
