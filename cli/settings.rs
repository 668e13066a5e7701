//! The settings file: from TOML to an engine that is ready to start.
//!
//! ```toml
//! [engine]
//! level = "debug"
//! envelope = "flat"
//!
//! [[filter]]
//! type = "level"
//! min_level = "info"
//!
//! [[enricher]]
//! type = "static"
//! fields = { service = "orders", shard = 3 }
//!
//! [[redactor]]
//! type = "field_mask"
//! fields = ["password", "user.email"]
//!
//! [[sink]]
//! type = "http"
//! endpoint = "https://logs.example.com/ingest"
//! auth = { bearer_token = "${INGEST_TOKEN}" }
//! fallback = "file"
//!
//! [[sink]]
//! type = "file"
//! path = "/var/log/orders.log"
//! rotate_bytes = "100 MB"
//! standby = true
//! ```
//!
//! Stages of a kind run in the order of the file. Keys carry the names of the builder's setters, durations and sizes
//! are texts with units (`"50ms"`, `"10 MB"`; a megabyte has 1,048,576 bytes) or plain numbers of seconds
//! and bytes. In every text value but `type`, `${NAME}` stands for an environment variable. Unknown keys are
//! errors; all that is wrong is reported at once.
//!
//! Each kind of stage has a file with a table of its types; see [`Options`] for how options are
//! read, and the [types](#types) for what there is.
//!
//! # Types
//!
//! | Kind | Types |
//! |---|---|
//! | `[[filter]]` | `level`, `sampling`, `adaptive_sampling`, `trace_sampling`, `rate_limit`, `first_occurrence`, `dedupe`, `match` |
//! | `[[enricher]]` | `static`, `host`, `process`, `env`, `kubernetes`, `context`, `build`, `http_request` |
//! | `[[redactor]]` | `field_mask`, `field_blocker`, `regex_mask`, `url_credentials`, `string_truncate`, `preset` |
//! | `[[processor]]` | `size_guard`, `encrypt` |
//! | `[[sink]]` | `stdout`, `file`, `http`, `loki`, `memory`, `null`, `cloudwatch` (with the feature `cloudwatch`) |
//!
//! Options are named after the setters of the types' builders, which have their defaults and limits. What differs:
//!
//! | Type | Option |
//! |---|---|
//! | `static` | `fields`: a table of texts, numbers, `true`, `false` |
//! | `env` | `rename`: a table from variables to fields |
//! | `context` | `copy`: a table from fields to fields; `default`: a table as `fields` of `static`. The fields of a line are the event's own, so in `logwheel run` there is nothing to copy; `default` and `correlation_id` (from `request_id`) work |
//! | `regex_mask` | `patterns`: a list, or a table whose keys are the patterns' names |
//! | `preset` | `presets`, `without`: lists of names |
//! | `encrypt` | `key` (hexadecimal or base64, `"${LOG_KEY}"` rather than the key itself), `key_id`, `compression` (`none`, `zstd`), `compression_level` (1 to 22, default 3) |
//! | `file` | `rotate_every`: `"hourly"`, `"daily"`, or a duration; `hash_chain_key` turns `hash_chain` on |
//! | `loki` | `labels`: a table of fixed labels; `label_from`: a table from labels to fields |
//! | `http`, `loki` | `headers`: a table; `auth`: `{ bearer_token }` or `{ user, password }`; `timeout`: a duration or `{ total, connect, response }`; `ca_certificates`, `client_certificate = { chain, key }`: paths of PEM files, or PEM itself |
//! | `http` | `signature`: `{ secret, timestamp_header, signature_header }` |
//! | `cloudwatch` | `credentials`: `{ access_key_id, secret_access_key, session_token }` |
//!
//! A redactor also has `on_error` (`mask`, `drop`, `pass`; default `mask`), a processor `on_error` (`pass`, `drop`;
//! default `pass`, for `encrypt` `drop`).
//!
//! # Options of every sink
//!
//! | Option | Meaning |
//! |---|---|
//! | `name` | its name in the report, for `fallback` and for routes; default its type |
//! | `batch` | `{ max_events, max_bytes, max_age }` |
//! | `queue_bytes` | how much may wait for it |
//! | `overflow` | what happens beyond that: `drop_oldest`, `drop_newest`, `block` (with `block_timeout`), `spool`; default `spool` where there is one, else `block` for `stdout` and `file`, else `drop_oldest` |
//! | `in_flight` | how many batches may be under way at once |
//! | `retry` | `{ base_delay, max_delay, max_elapsed, max_attempts }` |
//! | `breaker` | `{ failure_threshold, recovery, enabled }` |
//! | `spool` | `{ dir, max_bytes, sync }`; `sync` is `never`, `every_batch`, or a duration |
//! | `fallback` | the sink that gets what this one gives up on |
//! | `standby` | whether it gets only what others hand over |
//!
//! # Environment
//!
//! `logwheel run` reads options from environment variables as well, which win over the file:
//! `LOGWHEEL_<TYPE>__<OPTION>` goes to every stage or sink of this type in the file, `LOGWHEEL_ENGINE__<OPTION>` to
//! the engine. Two underscores lead into a table, lists and tables are written in JSON or TOML:
//! `LOGWHEEL_LOKI__URL=http://loki:3100`, `LOGWHEEL_LOKI__BATCH__MAX_EVENTS=500`, `LOGWHEEL_LOKI__LABELS={"app":"shop"}`,
//! `LOGWHEEL_SIZE_GUARD__MAX_BYTES=256000`.
//!
//! # Spellings of fapilog
//!
//! The sinks `http`, `loki` (also `grafana-loki`) and `cloudwatch` take, also from the environment, `batch_size`,
//! `batch_timeout_seconds`, `timeout_seconds`, `max_retries` (which counts attempts), `retry_base_delay`,
//! `auth_username`, `auth_password`, `auth_token`, `circuit_breaker_enabled`, `circuit_breaker_threshold` and
//! `circuit_breaker_recovery_seconds` for `batch.max_events`, `batch.max_age`, `timeout`, `retry.max_attempts`,
//! `retry.base_delay`, `auth.user`, `auth.password`, `auth.bearer_token`, `breaker.enabled`,
//! `breaker.failure_threshold` and `breaker.recovery`.
//!
//! # Routes
//!
//! Without any, every sink gets every event. Each `[[route]]` is a rule: `sinks` (names, or `"*"`) get the events
//! that meet all its conditions: `levels` (a list) or `from_level`, `loggers`, `fields` (a table from
//! names to a value or a list of values).
//!
//! ```toml
//! [[route]]
//! from_level = "error"
//! sinks = ["http", "file"]
//!
//! [[route]]
//! loggers = ["payments"]
//! fields = { tenant = ["acme", "globex"] }
//! sinks = ["file"]
//!
//! [routing]
//! overlap = true             # the default; false: only the first rule that takes an event
//! fallback_sinks = ["file"]  # for what no rule takes; default none
//! ```

mod engine;
mod enrichers;
mod environment;
mod filters;
mod names;
mod options;
mod problems;
mod processors;
mod redactors;
mod routes;
mod sinks;
mod spellings;
pub mod units;

use std::time::Duration;

use logwheel::{Engine, EngineBuilder, NullSink};
use toml::{Table, Value};

pub use names::canonical;
pub use options::{Options, Plain, Whole};
pub use problems::{Reported, SettingsError};

use names::{did_you_mean, list};
use problems::{Hidden, Problems, shown};

/// A pipeline as a settings file describes it, checked and ready to start.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pipeline {
    builder: EngineBuilder,
    hidden: Hidden,
    /// The sinks, in the order of the file.
    pub sinks: Vec<SinkSettings>,
    /// How long shutdown may take.
    pub shutdown_timeout: Duration,
}

/// What is worth knowing about a configured sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkSettings {
    /// Its type, as `stdout`.
    pub kind: String,
    /// Its name in the ledger.
    pub name: String,
    /// The sink that gets what this one gave up on.
    pub fallback: Option<String>,
    /// Whether it gets only what others hand over.
    pub standby: bool,
}

/// The types of one kind: each name, in canonical form, with what builds it.
type Types<T> = [(&'static str, fn(&mut Options<'_>) -> Result<T, Reported>)];

const SECTIONS: [&str; 8] = ["engine", "filter", "enricher", "redactor", "processor", "sink", "route", "routing"];

impl Pipeline {
    /// Reads a settings file's text. `environment` gives the values of environment variables.
    ///
    /// # Errors
    /// All that is wrong with the settings, in the order of the file as far as possible.
    ///
    /// ```
    /// use logwheel_cli::settings::Pipeline;
    ///
    /// let text = "[[sink]]\ntype = 'file'\npath = 'app.log'\nrotate_byte = '10 MB'\n";
    /// let error = Pipeline::from_toml(text, &|_| None).unwrap_err();
    /// assert_eq!(error.problems(), ["sink[0].rotate_byte: unknown key; did you mean \"rotate_bytes\"?"]);
    /// ```
    pub fn from_toml(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Self::from_tables(parse(text)?, Vec::new(), environment)
    }

    /// As [`from_toml`](Self::from_toml), with all variables of an environment: those that are named
    /// after an option take its place. See [the environment](self#environment).
    ///
    /// # Errors
    /// As for [`from_toml`](Self::from_toml).
    ///
    /// ```
    /// use logwheel_cli::settings::Pipeline;
    ///
    /// let text = "[[sink]]\ntype = 'file'\npath = 'app.log'\n";
    /// let variables = [("LOGWHEEL_FILE__KEEP_FILES".to_owned(), "many".to_owned())];
    /// let error = Pipeline::from_toml_in(text, &variables).unwrap_err();
    /// assert!(error.problems()[0].starts_with("sink[0].keep_files = \"${LOGWHEEL_FILE__KEEP_FILES}\""));
    /// ```
    pub fn from_toml_in(text: &str, variables: &[(String, String)]) -> Result<Self, SettingsError> {
        let mut settings = parse(text)?;
        spellings::rename_types(&mut settings);
        let problems = environment::overlay(&mut settings, variables, &kinds());
        let value_of = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Self::from_tables(settings, problems, &value_of)
    }

    fn from_tables(
        mut settings: Table,
        found: Vec<String>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        spellings::rename_types(&mut settings);
        let twice = spellings::rename_options(&mut settings);
        let problems = Problems::new(&settings, environment);
        found.into_iter().chain(twice).for_each(|problem| problems.note(problem));
        let mut pipeline = Self::read(&settings, &problems);
        if let Err(error) = pipeline.builder.check() {
            for problem in error.problems() {
                problems.note(with_path(problem, &pipeline.sinks));
            }
        }
        if !problems.is_empty() {
            return Err(SettingsError::new(problems.into_noted().0));
        }
        pipeline.hidden = problems.into_noted().1;
        Ok(pipeline)
    }

    /// Starts the engine.
    ///
    /// # Errors
    /// When a stage does not start, or when there are no threads to be had.
    pub fn start(self) -> Result<Engine, SettingsError> {
        let Self { builder, sinks, hidden, .. } = self;
        builder.build().map_err(|error| {
            let problems = error.problems().iter();
            SettingsError::new(problems.map(|problem| hidden.hide(with_path(problem, &sinks))).collect())
        })
    }

    fn read(settings: &Table, problems: &Problems<'_>) -> Self {
        for key in settings.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
            let known = format!("; there are {}", list(SECTIONS));
            let hint = did_you_mean(key, SECTIONS);
            problems.note(format!("{key}: unknown section{}", if hint.is_empty() { known } else { hint }));
        }
        let empty = Table::new();
        let table = |section: &str| match settings.get(section) {
            None => &empty,
            Some(Value::Table(table)) => table,
            Some(_) => {
                problems.note(format!("{section}: must be a table, written [{section}]"));
                &empty
            }
        };
        let mut options = Options::new(table("engine"), "engine", problems);
        let (mut builder, shutdown_timeout) = engine::read(&mut options, Engine::builder());
        options.finish();

        for mut options in tables("filter", settings, problems) {
            if let Ok(filter) = build(filters::TYPES, "filter", &mut options) {
                builder = builder.filter(filter);
            }
            options.finish();
        }
        for mut options in tables("enricher", settings, problems) {
            if let Ok(enricher) = build(enrichers::TYPES, "enricher", &mut options) {
                builder = builder.enricher(enricher);
            }
            options.finish();
        }
        for mut options in tables("redactor", settings, problems) {
            let on_error = redactors::on_error(&mut options);
            if let Ok(redactor) = build(redactors::TYPES, "redactor", &mut options) {
                builder = builder.redactor_with(redactor, on_error);
            }
            options.finish();
        }
        for mut options in tables("processor", settings, problems) {
            let on_error = processors::on_error(&mut options);
            if let Ok(processor) = build(processors::TYPES, "processor", &mut options) {
                builder = match on_error {
                    Some(on_error) => builder.processor_with(processor, on_error),
                    None => builder.processor(processor),
                };
            }
            options.finish();
        }
        let mut sinks = Vec::new();
        for mut options in tables("sink", settings, problems) {
            let built = build(sinks::TYPES, "sink", &mut options);
            // One that cannot be built still has a name, which others may refer to.
            let sink = built.unwrap_or_else(|Reported| Box::new(NullSink));
            let mut facts = None;
            builder = builder.sink_with(sink, |defaults| {
                let (sink_options, read) = sinks::options(&mut options, defaults);
                facts = Some(read);
                sink_options
            });
            sinks.extend(facts);
            options.finish();
        }
        for mut options in tables("route", settings, problems) {
            if let Ok(rule) = routes::rule(&mut options) {
                builder = builder.route(rule);
            }
            options.finish();
        }
        let mut options = Options::new(table("routing"), "routing", problems);
        builder = routes::routing(&mut options, builder);
        options.finish();
        if !settings.contains_key("sink") {
            problems.note("sink: there is none, so events would go nowhere; add a [[sink]]".to_owned());
        }
        Self { builder, hidden: Hidden::default(), sinks, shutdown_timeout }
    }
}

/// The table to which a path leads, made where there is none; `None` if something else is there.
fn table_at<'t>(table: &'t mut Table, path: &[&str]) -> Option<&'t mut Table> {
    path.iter().try_fold(table, |at, name| at.entry(*name).or_insert_with(|| Value::Table(Table::new())).as_table_mut())
}

fn parse(text: &str) -> Result<Table, SettingsError> {
    text.parse().map_err(|error| SettingsError::new(vec![syntax_problem(text, &error)]))
}

/// The sections that can be there several times, with their types.
fn kinds() -> [(&'static str, Vec<&'static str>); 5] {
    fn names<T>(types: &Types<T>) -> Vec<&'static str> {
        types.iter().map(|(name, _)| *name).collect()
    }
    [
        ("filter", names(filters::TYPES)),
        ("enricher", names(enrichers::TYPES)),
        ("redactor", names(redactors::TYPES)),
        ("processor", names(processors::TYPES)),
        ("sink", names(sinks::TYPES)),
    ]
}

/// The tables of a section that can be there several times.
fn tables<'a>(section: &'static str, settings: &'a Table, problems: &'a Problems<'a>) -> Vec<Options<'a>> {
    let tables = match settings.get(section) {
        None => return Vec::new(),
        Some(Value::Array(tables)) => tables.as_slice(),
        Some(_) => {
            problems.note(format!("{section}: must be written [[{section}]], in double brackets"));
            return Vec::new();
        }
    };
    let options = |(index, table): (usize, &'a Value)| match table {
        Value::Table(table) => Some(Options::new(table, format!("{section}[{index}]"), problems)),
        other => {
            problems.note(format!("{section}[{index}] = {}: must be a table", shown(other, false)));
            None
        }
    };
    tables.iter().enumerate().filter_map(options).collect()
}

/// Builds what a table's `type` says.
fn build<T>(types: &Types<T>, kind: &str, options: &mut Options<'_>) -> Result<T, Reported> {
    let name = match options.get("type") {
        Some(Value::String(name)) => canonical(name),
        wrong => {
            options.leave_unjudged();
            let problem = if wrong.is_some() { "must be a text" } else { "is missing" };
            return Err(options.refuse("type", problem));
        }
    };
    let Some((_, build)) = types.iter().find(|(known, _)| *known == name) else {
        let names = || types.iter().map(|(name, _)| *name);
        let known = if types.is_empty() {
            format!("no {kind} is built into this command")
        } else {
            format!("there is no such {kind}; there are {}{}", list(names()), did_you_mean(&name, names()))
        };
        // Its options are unknown as well; that would only repeat it.
        options.leave_unjudged();
        return Err(options.refuse("type", known));
    };
    build(options)
}

/// A problem that the builder found, with the path of its key in the file.
fn with_path(problem: &str, sinks: &[SinkSettings]) -> String {
    for (index, sink) in sinks.iter().enumerate() {
        if let Some(problem) = problem.strip_prefix(&format!("sink {:?}: ", sink.name)) {
            let names_a_key = problem.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            return format!("sink[{index}]{}{problem}", if names_a_key { "." } else { ": " });
        }
    }
    if let Some((number, problem)) = problem.strip_prefix("route ").and_then(|problem| problem.split_once(": "))
        && let Ok(number) = number.parse::<usize>()
    {
        let separator = if problem.starts_with("sinks = ") { "." } else { ": " };
        return format!("route[{}]{separator}{problem}", number.saturating_sub(1));
    }
    if let Some(problem) = problem.strip_prefix("route_fallback_sinks: ") {
        return format!("routing.fallback_sinks{}", problem.strip_prefix("sinks").unwrap_or(&format!(": {problem}")));
    }
    let key = problem.split_once(' ').map_or(problem, |(key, _)| key);
    if engine::KEYS.contains(&key) { format!("engine.{problem}") } else { problem.to_owned() }
}

/// Hands a value to a builder, if it was given.
fn given<B, T>(builder: B, value: Option<T>, set: impl FnOnce(B, T) -> B) -> B {
    match value {
        Some(value) => set(builder, value),
        None => builder,
    }
}

/// What is no TOML: where it is and why, without the line, which may hold a secret.
fn syntax_problem(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| text.floor_char_boundary(span.start.min(text.len())));
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {}", error.message())
}

#[cfg(test)]
mod tests;
