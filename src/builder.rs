//! Building an engine: options, stages, sinks; validation. [`start`] puts it together.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use logwheel_core::{Enricher, Envelope, Filter, Level, Processor, Redactor, Sink};
use logwheel_sinks::Spool;
use logwheel_stages::filters::PressureFilterBuilder;
use logwheel_stages::{FillGauge, InvalidOption, PressureFilter};

use crate::config::{Config, Lanes, OnFull, OnOverflow, Pin, Topology, Wait};
use crate::cores::Cores;
use crate::delivery::{Route, RouteOptions, Routes, SinkOptions, Target};
use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::engine::Engine;
use crate::sync::Arc;
use crate::workers::{ProcessFailure, RedactFailure, StageSet};

mod start;

use start::Prepared;

/// Collects options, stages and sinks, and starts the engine.
///
/// Stages of one kind run in the order in which they were added; the kinds run in the order
/// filters, enrichers, redactors, JSON encoding, processors, sinks.
#[must_use = "a builder does nothing until `build` is called"]
#[derive(Default)]
pub struct EngineBuilder {
    config: Config,
    level_is_given: bool,
    stages: StageSet,
    pressure: Option<Pressure>,
    sinks: Vec<(Box<dyn Sink>, SinkOptions)>,
    routes: RouteOptions,
    #[expect(clippy::type_complexity, reason = "named once, in `diagnostics`")]
    hook: Option<Box<dyn Fn(&Diagnostic<'_>) + Send + Sync>>,
}

/// An engine could not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    /// Everything that is wrong, not only the first thing: each names the option, its value and
    /// what is allowed.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine cannot be built")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

impl std::error::Error for BuildError {}

/// Setters that only store their argument.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.config.$name = $name;
            self
        }
    )*};
}

impl EngineBuilder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    options! {
        /// How threads get to lanes. Default: busy threads get one of their own.
        lanes: Lanes,
        /// Slots in a private lane; the shared lane has four times as many. A power of two from
        /// 64 to 16,777,216. Default 8192.
        lane_slots: usize,
        /// Bytes in a slot, its 24-byte header included; larger events go through the overflow
        /// pool. A multiple of 64 from 128 to 65,536. Default 256.
        slot_bytes: usize,
        /// Private lanes that only [`Engine::attach_thread`] hands out. Default 4.
        reserved_lanes: usize,
        /// After how many events a thread moves to a private lane. Default 64.
        promote_after: u32,
        /// Bytes for lanes and the overflow pool. Default 128 MiB.
        memory_budget: usize,
        /// Bytes for events that are larger than a slot. Default 8 MiB, inside the budget.
        overflow_bytes: usize,
        /// Whether lanes and the overflow pool ask the system for huge pages, as far as they fill
        /// some (Linux; elsewhere, and where there are none to give, small ones serve). Default no.
        huge_pages: bool,
        /// The longest texts of an event that is larger are cut. From `slot_bytes` to 64 MiB.
        /// Default 1 MiB.
        max_event_bytes: usize,
        /// What happens to an event that finds its lane full. Default: it waits for a moment.
        on_full: OnFull,
        /// What happens to a big event when the overflow pool is empty. Default: it is cut.
        on_overflow: OnOverflow,
        /// How long an event waits for a free slot. Default 50 ms.
        full_wait: Duration,
        /// The limit of [`OnFull::Block`]. Default zero: no limit.
        block_timeout: Duration,
        /// How stages are spread over threads. Default: the engine chooses.
        topology: Topology,
        /// How many workers share the lanes, in the fused topology. From 1 to 64. Default 1. Events
        /// of one thread stay in order; with several workers, those of different threads may not.
        workers: usize,
        /// Where workers run. Default: wherever the system puts them.
        pin: Pin,
        /// What workers do when there is nothing to do. Default: they sleep, ever longer.
        wait: Wait,
        /// How long a lane that no thread needs, beyond the reserve and one spare, keeps its
        /// memory. Default 30 s.
        lane_idle: Duration,
        /// The longest sleep of a worker while events came within the last second. Default 5 ms.
        max_park: Duration,
        /// The longest sleep of an idle worker. Default 100 ms.
        idle_park: Duration,
        /// The shape of the JSON. Default flat.
        envelope: Envelope,
        /// Whether each line carries `_seq`, from which a receiver can tell gaps and duplicates.
        /// Default no.
        identity: bool,
        /// How long dropping the engine may take. Default 5 s.
        shutdown_timeout: Duration,
    }

    /// The lowest level that is logged; can be changed while running. Default INFO, or the level of
    /// the configured level filter if that is lower. A level filter that is the only filter is asked at the log
    /// call itself, so what it drops is not even submitted; with a `level` set here it stays a
    /// stage of its own, which counts.
    pub fn level(mut self, level: Level) -> Self {
        self.config.level = level;
        self.level_is_given = true;
        self
    }

    /// Adds, before all others, the filter that lets less pass as lanes fill up: first it samples,
    /// then it keeps warnings only, then protected levels only. Default none. Its steps are
    /// reported as diagnostics unless `configure` sets another `on_step`.
    ///
    /// ```
    /// let engine = logwheel::Engine::builder().pressure(|filter| filter.target_eps(200.0)).build()?;
    /// # Ok::<(), logwheel::BuildError>(())
    /// ```
    pub fn pressure(mut self, configure: impl FnOnce(PressureFilterBuilder) -> PressureFilterBuilder) -> Self {
        let (gauge, diagnostics) = (FillGauge::new(), Arc::<OnceLock<Arc<Diagnostics>>>::default());
        let reporter = Arc::clone(&diagnostics);
        let defaults = PressureFilter::builder(gauge.clone()).on_step(move |step| {
            if let Some(diagnostics) = reporter.get() {
                diagnostics.report(Severity::Warning, "pressure", || step.to_string());
            }
        });
        self.pressure = Some(Pressure { gauge, filter: configure(defaults).build(), diagnostics });
        self
    }

    /// The most private lanes. Default: as many as fit into the memory budget.
    pub fn max_lanes(mut self, max_lanes: usize) -> Self {
        self.config.max_lanes = Some(max_lanes);
        self
    }

    /// Levels whose events wait up to `full_wait` also with [`OnFull::Drop`]. Default ERROR,
    /// CRITICAL, AUDIT and SECURITY.
    pub fn protected_levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.config.protected_levels = levels.into_iter().collect();
        self
    }

    /// Events from this level on wake a sleeping worker at once, which costs the caller a system
    /// call of some microseconds. Default: none; an event waits for at most `idle_park`.
    pub fn wake_level(mut self, level: impl Into<Option<Level>>) -> Self {
        self.config.wake_level = level.into();
        self
    }

    /// Where the engine reports its own troubles, instead of rate-limited lines of JSON on stderr.
    /// The hook runs on the engine's threads: it should return soon.
    pub fn diagnostics(mut self, hook: impl Fn(&Diagnostic<'_>) + Send + Sync + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Adds a filter: a [`Filter`], or a closure that says whether to keep the event.
    pub fn filter(mut self, filter: impl Filter + 'static) -> Self {
        self.stages.filters.push(Box::new(filter));
        self
    }

    /// Adds an enricher.
    pub fn enricher(mut self, enricher: impl Enricher + 'static) -> Self {
        self.stages.enrichers.push(Box::new(enricher));
        self
    }

    /// Adds a redactor. If it fails on an event, every value of that event is masked.
    pub fn redactor(self, redactor: impl Redactor + 'static) -> Self {
        self.redactor_with(redactor, RedactFailure::Mask)
    }

    /// Adds a redactor, and says what happens to an event on which it fails.
    pub fn redactor_with(mut self, redactor: impl Redactor + 'static, on_error: RedactFailure) -> Self {
        self.stages.redactors.push((Box::new(redactor), on_error));
        self
    }

    /// Adds a processor. If it fails on a line, the line goes on as it came; the line is dropped, however, if the
    /// processor [wraps](Processor::wraps) lines: what was to be encrypted does not go out in the clear.
    pub fn processor(self, processor: impl Processor + 'static) -> Self {
        let on_error = if processor.wraps() { ProcessFailure::Drop } else { ProcessFailure::Pass };
        self.processor_with(processor, on_error)
    }

    /// Adds a processor, and says what happens to a line on which it fails.
    pub fn processor_with(mut self, processor: impl Processor + 'static, on_error: ProcessFailure) -> Self {
        self.stages.processors.push((Box::new(processor), on_error));
        self
    }

    /// Adds a sink with its default options.
    pub fn sink(self, sink: impl Sink + 'static) -> Self {
        self.sink_with(sink, |options| options)
    }

    /// Adds a sink with options.
    ///
    /// ```
    /// use logwheel::{Engine, MemorySink, Overflow};
    ///
    /// let engine = Engine::builder()
    ///     .sink_with(MemorySink::new(), |sink| sink.name("recent").overflow(Overflow::DropNewest))
    ///     .build()?;
    /// # Ok::<(), logwheel::BuildError>(())
    /// ```
    pub fn sink_with(mut self, sink: impl Sink + 'static, options: impl FnOnce(SinkOptions) -> SinkOptions) -> Self {
        let defaults = SinkOptions::new(sink.name(), sink.batch_limits());
        self.sinks.push((Box::new(sink), options(defaults)));
        self
    }

    /// Adds a routing rule. Default none: every sink gets every event.
    pub fn route(mut self, rule: Route) -> Self {
        self.routes.rules.push(rule);
        self
    }

    /// Whether an event goes to the sinks of all rules that take it, or only to those of the first
    /// one. Default all.
    pub fn route_overlap(mut self, overlap: bool) -> Self {
        self.routes.overlap = overlap;
        self
    }

    /// The sinks that get what no rule takes; `*` is every sink that is no standby. Default none:
    /// it is counted as `unrouted`.
    pub fn route_fallback_sinks(mut self, sinks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.routes.fallback_sinks = sinks.into_iter().map(Into::into).collect();
        self
    }

    /// Checks all that can be checked before anything is opened or started: what
    /// [`build`](Self::build) would find wrong with options, names, fallbacks, routes and the order of processors.
    ///
    /// # Errors
    /// All the problems at once.
    ///
    /// ```
    /// use logwheel::{Engine, MemorySink};
    ///
    /// let builder = Engine::builder().workers(0).sink(MemorySink::new());
    /// assert!(builder.check().unwrap_err().problems()[0].starts_with("workers = 0"));
    /// ```
    pub fn check(&self) -> Result<(), BuildError> {
        self.checked(&Cores::usable()).map(|_| ())
    }

    /// The order of the sinks and the routes, if nothing is wrong.
    fn checked(&self, cores: &Cores) -> Result<(Vec<usize>, Routes), BuildError> {
        let mut problems = self.config.problems(cores);
        for (_, options) in &self.sinks {
            problems.extend(options.problems());
        }
        problems.extend(hidden_json(&self.stages));
        if let Some(Err(wrong)) = self.pressure.as_ref().map(|pressure| &pressure.filter) {
            problems.push(format!("pressure: {wrong}"));
        }
        let order = delivery_order(&self.sinks, &mut problems);
        let targets: Vec<_> =
            self.sinks.iter().map(|(_, sink)| Target { name: &sink.name, standby: sink.standby }).collect();
        let routes = Routes::new(&self.routes, &targets).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            Routes::default()
        });
        if problems.is_empty() { Ok((order, routes)) } else { Err(BuildError { problems }) }
    }

    /// Starts the engine. Registered levels are frozen from here on.
    ///
    /// # Errors
    /// When options are wrong or do not fit together, when a stage does not start, or when there
    /// are no threads to be had: all the problems at once.
    pub fn build(mut self) -> Result<Engine, BuildError> {
        let cores = Cores::usable();
        let (order, routes) = self.checked(&cores)?;
        self.hoist_level();
        self.config.thread_fields = thread_fields(&self.stages);
        let diagnostics = Arc::new(Diagnostics::new(self.hook.take()));
        let gauge = self.pressure.take().map(|pressure| {
            // Nobody else had it before.
            let _ = pressure.diagnostics.set(Arc::clone(&diagnostics));
            let filter = pressure.filter.expect("checked above");
            self.stages.filters.insert(0, Box::new(filter));
            pressure.gauge
        });
        let mut problems = Vec::new();
        let spools = open_spools(&self.sinks, &mut problems);
        if problems.is_empty() {
            Level::freeze();
            problems = self.stages.start();
        }
        if !problems.is_empty() {
            return Err(BuildError { problems });
        }
        let prepared = Prepared { cores, spools, routes, gauge, diagnostics };
        self.start(&order, prepared)
            .map_err(|error| BuildError { problems: vec![format!("a thread did not start: {error}")] })
    }

    /// A level filter takes the place of the default level; if it is the only filter, it moves to the
    /// log call.
    fn hoist_level(&mut self) {
        let levels = self.stages.filters.iter().filter_map(|filter| filter.min_level());
        let Some(lowest) = levels.min().filter(|_| !self.level_is_given) else { return };
        if let [_] = self.stages.filters[..] {
            self.stages.filters.clear();
            self.config.level = lowest;
            self.config.level_floor = Some(lowest);
        } else {
            // What it is to decide about has to be submitted.
            self.config.level = self.config.level.min(lowest);
        }
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sinks: Vec<_> = self.sinks.iter().map(|(_, options)| &options.name).collect();
        let stages: Vec<_> = self.stages.names().into_iter().map(|(name, _)| name).collect();
        f.debug_struct("EngineBuilder")
            .field("config", &self.config)
            .field("stages", &stages)
            .field("sinks", &sinks)
            .finish_non_exhaustive()
    }
}

/// The pressure filter, before there is an engine for it.
struct Pressure {
    gauge: FillGauge,
    filter: Result<PressureFilter, InvalidOption>,
    /// Where its steps are reported once there are diagnostics.
    diagnostics: Arc<OnceLock<Arc<Diagnostics>>>,
}

/// Processors that would have to read what another one before them hides.
fn hidden_json(stages: &StageSet) -> Vec<String> {
    let mut processors = stages.processors.iter().map(|(processor, _)| processor);
    let Some(wraps) = processors.find(|processor| processor.wraps()).map(|processor| processor.name()) else {
        return Vec::new();
    };
    let readers = processors.filter(|processor| processor.reads_json()).map(|processor| processor.name());
    let problem = |reader| {
        format!("processor {reader:?}: reads JSON, which {wraps:?} before it hides; add {reader:?} before {wraps:?}")
    };
    readers.map(problem).collect()
}

/// The fields with the thread's name that events are to bring along.
fn thread_fields(stages: &StageSet) -> Vec<String> {
    let mut names: Vec<String> = stages.enrichers.iter().filter_map(|enricher| enricher.thread_field()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The spools of the sinks that have one. Notes those that cannot be opened.
fn open_spools(sinks: &[(Box<dyn Sink>, SinkOptions)], problems: &mut Vec<String>) -> Vec<Option<Spool>> {
    let mut open = |options: &SinkOptions| match Spool::open(options.spool.as_ref()?) {
        Ok(spool) => Some(spool),
        Err(error) => {
            problems.push(format!("sink {:?}: {error}", options.name));
            None
        }
    };
    sinks.iter().map(|(_, options)| open(options)).collect()
}

/// Positions of the sinks, each before its fallback. Notes names that are taken twice, fallbacks
/// that do not exist, and loops.
fn delivery_order(sinks: &[(Box<dyn Sink>, SinkOptions)], problems: &mut Vec<String>) -> Vec<usize> {
    let names: Vec<&str> = sinks.iter().map(|(_, options)| options.name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            problems.push(format!("sink {name:?}: two sinks have this name; give one another with `name`"));
        }
    }
    let mut fallback_of = vec![None; names.len()];
    for (index, (_, options)) in sinks.iter().enumerate() {
        let Some(fallback) = &options.fallback else { continue };
        fallback_of[index] = names.iter().position(|name| name == fallback);
        if fallback_of[index].is_none() {
            problems.push(format!(
                "sink {:?}: fallback = {fallback:?}: no such sink{}; there are {names:?}",
                options.name,
                suggestion(fallback, names.iter().copied().filter(|name| *name != options.name)),
            ));
        }
    }
    // How many hand-overs lead from a sink to the end of its chain.
    let depth = |start: usize| {
        let (mut at, mut hops) = (start, 0);
        while let Some(next) = fallback_of[at] {
            (at, hops) = (next, hops + 1);
            if hops > names.len() {
                return None;
            }
        }
        Some(hops)
    };
    for (index, name) in names.iter().enumerate() {
        // Only sinks on the loop: they come back to themselves.
        let comes_back =
            std::iter::successors(fallback_of[index], |at| fallback_of[*at]).take(names.len()).any(|at| at == index);
        if comes_back {
            problems.push(format!("sink {name:?}: its fallbacks lead back to itself"));
        }
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(depth(*index)));
    order
}

/// The name that was probably meant.
pub(crate) fn suggestion<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (strsim::damerau_levenshtein(wrong, name), name));
    let nearest = near.filter(|(distance, name)| *distance <= name.len() / 2).min();
    nearest.map_or_else(String::new, |(_, name)| format!(", did you mean {name:?}?"))
}
