//! `[[route]]` and `[routing]`: which sinks get an event.

use logwheel::{EngineBuilder, Route};

use super::{Options, Reported};

/// Reads one rule.
pub(super) fn rule(options: &mut Options<'_>) -> Result<Route, Reported> {
    let sinks = options.required_texts("sinks");
    let levels = options.levels("levels", &[]);
    let from_level = options.optional_level("from_level");
    let loggers = options.texts("loggers");
    let fields = options.lists("fields");
    for key in ["levels", "loggers"] {
        // An empty list would be no condition, which nobody means who writes it.
        if options.get(key).and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
            options.refuse(key, "must have at least one text in it, or be left out");
        }
    }
    let rule = Route::to(sinks?).levels(levels).loggers(loggers);
    let rule = super::given(rule, from_level, Route::from_level);
    Ok(fields.into_iter().fold(rule, |rule, (name, values)| rule.field(name, values)))
}

/// Reads what is not about one rule.
pub(super) fn routing(options: &mut Options<'_>, engine: EngineBuilder) -> EngineBuilder {
    let overlap = options.flag("overlap", true);
    engine.route_overlap(overlap).route_fallback_sinks(options.texts("fallback_sinks"))
}
