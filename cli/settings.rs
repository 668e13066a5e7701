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
//! | `[[filter]]` | `level` |
//! | `[[enricher]]` | `static`, `host` |
//! | `[[redactor]]` | `field_mask` |
//! | `[[processor]]` | |
//! | `[[sink]]` | `stdout`, `file`, `http`, `memory`, `null` |

mod engine;
mod enrichers;
mod filters;
mod names;
mod options;
mod problems;
mod processors;
mod redactors;
mod sinks;
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

const SECTIONS: [&str; 6] = ["engine", "filter", "enricher", "redactor", "processor", "sink"];

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
        let settings: Table = match text.parse() {
            Ok(settings) => settings,
            Err(error) => return Err(SettingsError::new(vec![syntax_problem(text, &error)])),
        };
        let problems = Problems::new(&settings, environment);
        let Self { builder, sinks, .. } = Self::read(&settings, &problems);
        note_problems_of(builder, &sinks, &problems);
        if !problems.is_empty() {
            return Err(SettingsError::new(problems.into_noted().0));
        }
        // The builder told its problems by failing to build. Here is another one.
        let mut pipeline = Self::read(&settings, &problems);
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
        let table = match settings.get("engine") {
            None => &empty,
            Some(Value::Table(table)) => table,
            Some(_) => {
                problems.note("engine: must be a table, written [engine]".to_owned());
                &empty
            }
        };
        let mut options = Options::new(table, "engine", problems);
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
                builder = builder.processor_with(processor, on_error);
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
        if !settings.contains_key("sink") {
            problems.note("sink: there is none, so events would go nowhere; add a [[sink]]".to_owned());
        }
        Self { builder, hidden: Hidden::default(), sinks, shutdown_timeout }
    }
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

/// Asks the builder for what it finds wrong, without starting anything.
///
/// A builder tells its problems only when it fails to build. One more sink, which is wrong for
/// sure, makes it fail.
fn note_problems_of(builder: EngineBuilder, sinks: &[SinkSettings], problems: &Problems<'_>) {
    const WRONG: &str = "sink \"\": ";
    let Err(error) = builder.sink_with(NullSink, |options| options.name("")).build() else {
        unreachable!("a sink without a name is not built")
    };
    for problem in error.problems().iter().filter(|problem| !problem.starts_with(WRONG)) {
        problems.note(with_path(problem, sinks));
    }
}

/// A problem that the builder found, with the path of its key in the file.
fn with_path(problem: &str, sinks: &[SinkSettings]) -> String {
    for (index, sink) in sinks.iter().enumerate() {
        if let Some(problem) = problem.strip_prefix(&format!("sink {:?}: ", sink.name)) {
            let names_a_key = problem.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            return format!("sink[{index}]{}{problem}", if names_a_key { "." } else { ": " });
        }
    }
    let key = problem.split_once(' ').map_or(problem, |(key, _)| key);
    if engine::KEYS.contains(&key) { format!("engine.{problem}") } else { problem.to_owned() }
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
