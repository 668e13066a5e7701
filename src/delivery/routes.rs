//! Routing: which sinks get an event.

use logwheel_core::{Event, Level, Value};

/// A rule that sends events to sinks: those that meet all its conditions. A rule without conditions
/// takes every event.
///
/// Without any rule, every sink gets every event. With rules, a sink gets what they send to it; an
/// event that no rule takes goes to the sinks of
/// [`route_fallback_sinks`](crate::EngineBuilder::route_fallback_sinks), and is counted as
/// `unrouted` if there are none.
///
/// Rules see the event as it is written: with what enrichers added, and after redaction. A rule for a
/// value that a redactor masks never meets it, and one for a field that a redactor removes finds none.
/// Processors come later; a rule sees nothing of what they change.
///
/// ```
/// use logwheel::{Engine, Level, MemorySink, Route};
///
/// let engine = Engine::builder()
///     .sink_with(MemorySink::new(), |sink| sink.name("all"))
///     .sink_with(MemorySink::new(), |sink| sink.name("errors"))
///     .sink_with(MemorySink::new(), |sink| sink.name("acme"))
///     .route(Route::to(["all"]))
///     .route(Route::to(["errors"]).from_level(Level::ERROR).loggers(["payments", "orders"]))
///     .route(Route::to(["acme"]).field("tenant", ["acme"]))
///     .build()?;
/// # Ok::<(), logwheel::BuildError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Route {
    sinks: Vec<String>,
    levels: Vec<Level>,
    from_level: Option<Level>,
    loggers: Vec<String>,
    /// Each with the values of which it must have one.
    fields: Vec<(String, Vec<Wanted>)>,
}

/// A field's value as a rule names it: a text, which also stands for a number, `true`, `false` or
/// `null`.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    text: String,
    integer: Option<i128>,
    float: Option<f64>,
}

impl Route {
    /// A rule that sends events to these sinks; `*` is every sink that is no standby.
    pub fn to(sinks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { sinks: sinks.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Only events of exactly these levels. Default: of all.
    pub fn levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.levels.extend(levels);
        self
    }

    /// Only events of this level and above. Together with [`levels`](Self::levels): either is enough.
    pub fn from_level(mut self, level: Level) -> Self {
        self.from_level = Some(level);
        self
    }

    /// Only events of these loggers and those below them: `app` takes `app`, `app.db` and `app::db`,
    /// and not `apples`. `*` is every logger. Default: of all.
    pub fn loggers(mut self, loggers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.loggers.extend(loggers.into_iter().map(Into::into));
        self
    }

    /// Only events that have this field, after redaction, with one of these values. Numbers are compared as numbers,
    /// everything else as text. Several fields: all of them.
    pub fn field(mut self, name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.fields.push((name.into(), values.into_iter().map(|value| Wanted::new(value.into())).collect()));
        self
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        let any_level = self.levels.is_empty() && self.from_level.is_none();
        let level = event.level();
        (any_level || self.levels.contains(&level) || self.from_level.is_some_and(|from| level >= from))
            && (self.loggers.is_empty() || self.loggers.iter().any(|wanted| is_at_or_below(event.logger(), wanted)))
            && self.fields.iter().all(|(name, wanted)| {
                event.get(name).is_some_and(|value| wanted.iter().any(|wanted| wanted.is(&value)))
            })
    }
}

/// Whether a logger is the one that is wanted, or below it.
fn is_at_or_below(logger: &str, wanted: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('.') || rest.starts_with("::");
    wanted == "*" || logger.strip_prefix(wanted).is_some_and(below)
}

impl Wanted {
    fn new(text: String) -> Self {
        Self { integer: text.parse().ok(), float: text.parse().ok(), text }
    }

    fn is(&self, value: &Value<'_>) -> bool {
        match *value {
            Value::Str(text) | Value::Json(text) => text == self.text,
            Value::Bytes(bytes) => bytes == self.text.as_bytes(),
            Value::Char(char) => self.text.strip_prefix(char).is_some_and(str::is_empty),
            Value::Null => self.text == "null",
            Value::Bool(value) => self.text == if value { "true" } else { "false" },
            Value::I64(value) => self.integer == Some(value.into()),
            Value::U64(value) => self.integer == Some(value.into()),
            Value::I128(value) => self.integer == Some(value),
            Value::U128(value) => self.integer.is_some() && self.integer == i128::try_from(value).ok(),
            Value::F64(value) => self.float == Some(value),
            Value::F32(value) => self.float.is_some_and(|float| float as f32 == value),
            Value::Duration(value) => self.float == Some(value.as_secs_f64()),
            // Texts that were cut are nobody's value; the others were formatted by their caller.
            _ => false,
        }
    }
}

/// What the builder was told about routing.
#[derive(Debug, Clone)]
pub(crate) struct RouteOptions {
    pub(crate) rules: Vec<Route>,
    pub(crate) overlap: bool,
    pub(crate) fallback_sinks: Vec<String>,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self { rules: Vec::new(), overlap: true, fallback_sinks: Vec::new() }
    }
}

/// A sink as the rules know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) name: &'a str,
    pub(crate) standby: bool,
}

/// The rules, ready to be asked: sinks are bits, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    rules: Vec<(Route, u64)>,
    overlap: bool,
    /// What gets an event that no rule takes; every sink where there are no rules.
    otherwise: u64,
}

/// Bits of a mask.
const MOST_SINKS: usize = 64;

impl Routes {
    /// The rules for these sinks, or everything that is wrong with them.
    pub(crate) fn new(options: &RouteOptions, sinks: &[Target<'_>]) -> Result<Self, Vec<String>> {
        let all = sinks.iter().enumerate().take(MOST_SINKS).filter(|(_, sink)| !sink.standby);
        let all = all.fold(0, |mask, (index, _)| mask | 1 << index);
        if options.rules.is_empty() && options.fallback_sinks.is_empty() {
            return Ok(Self { rules: Vec::new(), overlap: true, otherwise: all });
        }
        let mut problems = Vec::new();
        if sinks.len() > MOST_SINKS {
            problems.push(format!("route: there are {} sinks: rules work for at most {MOST_SINKS}", sinks.len()));
        }
        let mut mask_of = |place: &str, names: &[String]| {
            let bit = |name: &String| bit_of(name, sinks, all).map_err(|problem| format!("{place}: {problem}"));
            names.iter().fold(0, |mask, name| {
                mask | bit(name).unwrap_or_else(|problem| {
                    problems.push(problem);
                    0
                })
            })
        };
        let mut rules = Vec::new();
        for (index, rule) in options.rules.iter().enumerate() {
            rules.push((rule.clone(), mask_of(&format!("route {}", index + 1), &rule.sinks)));
        }
        let otherwise = mask_of("route_fallback_sinks", &options.fallback_sinks);
        for (index, rule) in options.rules.iter().enumerate() {
            if rule.sinks.is_empty() {
                problems.push(format!("route {}: sinks = []: name at least one", index + 1));
            }
            for (field, _) in rule.fields.iter().filter(|(_, values)| values.is_empty()) {
                problems.push(format!("route {}: field {field:?} = []: name at least one value", index + 1));
            }
        }
        match problems.is_empty() {
            true => Ok(Self { rules, overlap: options.overlap, otherwise }),
            false => Err(problems),
        }
    }

    /// The sinks that get the event. Zero: it is unrouted.
    pub(crate) fn mask(&self, event: &Event<'_>) -> u64 {
        let mut taking = self.rules.iter().filter(|(rule, _)| rule.takes(event)).map(|(_, mask)| *mask);
        let Some(first) = taking.next() else { return self.otherwise };
        if self.overlap { taking.fold(first, |mask, more| mask | more) } else { first }
    }

    /// Whether every event goes to the same sinks, so that nobody needs to ask.
    pub(crate) fn is_trivial(&self) -> bool {
        self.rules.is_empty()
    }
}

fn bit_of(name: &str, sinks: &[Target<'_>], all: u64) -> Result<u64, String> {
    if name == "*" {
        return Ok(all);
    }
    match sinks.iter().position(|sink| sink.name == name) {
        Some(index) if sinks[index].standby => {
            Err(format!("sink {name:?} is a standby: it gets only what other sinks hand over"))
        }
        // More sinks than bits are a problem of their own.
        Some(index) => Ok(1u64.checked_shl(index as u32).unwrap_or(0)),
        None => {
            let names: Vec<_> = sinks.iter().map(|sink| sink.name).collect();
            let suggestion = crate::builder::suggestion(name, names.iter().copied());
            Err(format!("sinks = {name:?}: no such sink{suggestion}; there are {names:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::{EncodedFields, EventBuffers, Record, Shape};

    use super::*;

    const SINKS: [Target<'static>; 4] = [
        Target { name: "all", standby: false },
        Target { name: "errors", standby: false },
        Target { name: "tenant", standby: false },
        Target { name: "spare", standby: true },
    ];

    /// The mask for an event of this level and logger, with these fields.
    fn mask(options: &RouteOptions, level: Level, logger: &str, fields: &[(&str, Value<'_>)]) -> u64 {
        let routes = Routes::new(options, &SINKS).unwrap();
        let mut context = Vec::from((logger.len() as u16).to_le_bytes());
        context.extend(logger.as_bytes());
        let mut encoded = EncodedFields::new();
        fields.iter().for_each(|(name, value)| encoded.push(name, Given(*value)));
        context.extend(encoded.as_bytes());
        let shape = Shape::default();
        let record =
            Record { timestamp: 0, level, callsite: None, trace: None, shape, context: &context, arguments: &[] };
        let mut buffers = EventBuffers::default();
        routes.mask(&Event::open(record, &mut buffers))
    }

    struct Given<'a>(Value<'a>);

    impl logwheel_core::ToValue for Given<'_> {
        fn to_value(&self) -> Value<'_> {
            self.0
        }
    }

    fn options(rules: impl IntoIterator<Item = Route>) -> RouteOptions {
        RouteOptions { rules: rules.into_iter().collect(), ..RouteOptions::default() }
    }

    #[test]
    fn without_rules_every_sink_but_a_standby_gets_everything() {
        let none = RouteOptions::default();
        assert_eq!(mask(&none, Level::TRACE, "", &[]), 0b0111);
        assert!(Routes::new(&none, &SINKS).unwrap().is_trivial());
        let many = vec![SINKS[0]; 100];
        assert!(Routes::new(&none, &many).is_ok());
    }

    #[test]
    fn levels_are_exact_or_a_lower_bound() {
        let rules = options([
            Route::to(["all"]).levels([Level::INFO, Level::AUDIT]),
            Route::to(["errors"]).from_level(Level::ERROR),
            Route::to(["tenant"]).levels([Level::DEBUG]).from_level(Level::SECURITY),
        ]);
        for (level, expected) in [
            (Level::TRACE, 0),
            (Level::DEBUG, 0b100),
            (Level::INFO, 0b001),
            (Level::WARN, 0),
            (Level::ERROR, 0b010),
            (Level::AUDIT, 0b011),
            (Level::SECURITY, 0b110),
        ] {
            assert_eq!(mask(&rules, level, "", &[]), expected, "{level}");
        }
    }

    #[test]
    fn loggers_take_those_below_them() {
        let rules = options([Route::to(["all"]).loggers(["app", "lib::net"]), Route::to(["errors"]).loggers(["*"])]);
        for (logger, taken) in [
            ("app", true),
            ("app.db", true),
            ("app::db", true),
            ("apples", false),
            ("", false),
            ("lib", false),
            ("lib::net::tcp", true),
        ] {
            assert_eq!(mask(&rules, Level::INFO, logger, &[]), 0b10 | u64::from(taken), "{logger:?}");
        }
    }

    #[test]
    fn fields_are_compared_by_value() {
        let is = |wanted: &str, value: Value<'_>| {
            let rules = options([Route::to(["all"]).field("f", [wanted])]);
            mask(&rules, Level::INFO, "", &[("f", value)]) == 1
        };
        assert!(is("acme", Value::Str("acme")) && !is("acme", Value::Str("acme2")));
        assert!(
            is("7", Value::U64(7)) && is("7", Value::I64(7)) && is("07", Value::I128(7)) && !is("7", Value::U64(8))
        );
        assert!(is("-3", Value::I64(-3)) && is("1.50", Value::F64(1.5)) && is("0.1", Value::F32(0.1)));
        assert!(is("true", Value::Bool(true)) && !is("true", Value::Bool(false)) && is("null", Value::Null));
        assert!(is("é", Value::Char('é')) && !is("éé", Value::Char('é')));
        assert!(!is("x", Value::U128(u128::MAX)) && is("7", Value::U128(7)));
        assert!(is("7", Value::Str("7")), "a text that looks like a number is still that text");
        let both = options([Route::to(["all"]).field("a", ["1", "2"]).field("b", ["x"])]);
        let given = |a, b| mask(&both, Level::INFO, "", &[("a", Value::U64(a)), ("b", Value::Str(b))]);
        assert_eq!([given(1, "x"), given(2, "x"), given(3, "x"), given(1, "y")], [1, 1, 0, 0]);
        assert_eq!(mask(&both, Level::INFO, "", &[("a", Value::U64(1))]), 0, "a field that is not there");
    }

    #[test]
    fn rules_overlap_unless_the_first_one_is_to_win() {
        let rules = [Route::to(["errors"]).from_level(Level::ERROR), Route::to(["*"])];
        assert_eq!(mask(&options(rules.clone()), Level::ERROR, "", &[]), 0b111);
        let first = RouteOptions { overlap: false, ..options(rules) };
        assert_eq!(mask(&first, Level::ERROR, "", &[]), 0b010);
        assert_eq!(mask(&first, Level::INFO, "", &[]), 0b111);
    }

    #[test]
    fn what_no_rule_takes_goes_to_the_fallback_sinks_or_nowhere() {
        let rules = options([Route::to(["errors"]).from_level(Level::ERROR)]);
        assert_eq!(mask(&rules, Level::INFO, "", &[]), 0);
        let caught = RouteOptions { fallback_sinks: vec!["tenant".into()], ..rules };
        assert_eq!(mask(&caught, Level::INFO, "", &[]), 0b100);
        assert_eq!(mask(&caught, Level::ERROR, "", &[]), 0b010);
    }

    #[test]
    fn each_problem_names_the_rule_and_the_nearest_sink() {
        let rules = RouteOptions {
            fallback_sinks: vec!["nowhere at all".into()],
            ..options([
                Route::to(["all", "erors"]),
                Route::to(["spare"]),
                Route::to(Vec::<String>::new()).field("f", Vec::<String>::new()),
            ])
        };
        let problems = Routes::new(&rules, &SINKS).unwrap_err();
        for (problem, parts) in problems.iter().zip([
            &["route 1", "\"erors\"", "did you mean \"errors\"?"][..],
            &["route 2", "\"spare\" is a standby"],
            &["route_fallback_sinks", "no such sink; there are"],
            &["route 3", "sinks = []"],
            &["route 3", "field \"f\" = []"],
        ]) {
            parts.iter().for_each(|part| assert!(problem.contains(part), "{part:?} is missing: {problem}"));
        }
        assert_eq!(problems.len(), 5, "{problems:?}");
        let many: Vec<_> = (0..65).map(|_| SINKS[0]).collect();
        let problems = Routes::new(&options([Route::to(["all"])]), &many).unwrap_err();
        assert!(problems[0].contains("65 sinks"), "{problems:?}");
    }
}
