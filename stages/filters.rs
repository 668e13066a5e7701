//! Stages that decide which events go on.
//!
//! Filters run first, in the order in which they were configured, on each event as its caller wrote it.
//! The first that drops it ends it, counted under that filter's name; one that fails keeps it.
//!
//! | type name | type | options and defaults |
//! |---|---|---|
//! | `level` | [`LevelFilter`] | `min_level` info, `drop_below` true |
//! | `sampling` | [`Sampling`] | `sample_rate` 1.0, `seed`, `always_pass_levels` none |
//! | `adaptive_sampling` | [`AdaptiveSampling`] | `target_eps` 100, `min_sample_rate` 0.01, `max_sample_rate` 1.0, `window_seconds` 10, `smoothing_factor` 0.3, `always_pass_levels` error, critical, audit, security, `seed` |
//! | `trace_sampling` | [`TraceSampling`] | `sample_rate` 0.1, `trace_id_field` `trace_id`, `always_pass_levels` error, critical, audit, security, `seed` |
//! | `rate_limit` | [`RateLimit`] | `capacity` 10, `refill_rate_per_sec` 5, `key_field` none, `max_keys` 10,000, `overflow_action` drop |
//! | `first_occurrence` | [`FirstOccurrence`] | `key_fields` message, `window_seconds` 60, `max_keys` 10,000, `subsequent_sample_rate` 0, `seed` |
//! | `dedupe` | [`Dedupe`] | `mode` consecutive, `key_fields` the whole event, `window_seconds` 5, `max_keys` 10,000, `max_held_bytes` 4 MiB |
//! | `match` | [`MatchFilter`] | `expression` (needed), `action` keep |
//! | `pressure` | [`PressureFilter`] | a [`FillGauge`] (needed), `check_interval_seconds` 0.25, `cooldown_seconds` 2, `up` 0.60 0.80 0.92, `down` 0.40 0.60 0.75, `target_eps` 50, `protected_levels` error, critical, audit, security |
//!
//! Each is made with `TYPE::builder()`, setters named after the options, and `build()`, which refuses values
//! out of range with an [`InvalidOption`](crate::InvalidOption); [`LevelFilter`] has a plain constructor.
//!
//! # What they have in common
//! - **Time** is that of the events, so that a filter does the same in a test, on a replayed file and live. It
//!   never runs backwards: an event that is older than the one before changes nothing. If timestamps fall by more
//!   than five seconds, time goes on from there.
//! - **Randomness** is each filter's own, and the same in each run with the same `seed`.
//! - **Paths** name a field, or lead with dots into a field that holds raw JSON (`user.id`, `items.0.price`).
//!   `level`, `logger` and `message` stand for these parts of the event, `trace_id` and `span_id` for its trace.
//!   The exact name of a field goes before a way into JSON. Keys and trace ids are also looked for inside the
//!   fields `context` and `data`, where events of the envelope of version 1.1 have them when they come as JSON.
//! - **Memory**: nothing is allocated per event once tables have grown, except for what [`Dedupe`] holds, and a
//!   small scratch where a path leads into JSON that nests or has escapes.
//! - **Workers**: `level`, `sampling`, `trace_sampling` and `match` have an instance for each worker; the others
//!   share one, so that their limits are those of the engine.
//!
//! # Example
//! ```
//! use logwheel_core::wire::encode_named;
//! use logwheel_core::{Enrichment, Event, EventBuffers, Filter, Level, Record, Shape, Value, Verdict};
//! use logwheel_stages::filters::{
//!     AdaptiveSampling, Dedupe, FillGauge, FirstOccurrence, LevelFilter, MatchAction, MatchFilter, PressureFilter,
//!     RateLimit, Sampling, TraceSampling,
//! };
//!
//! let mut filters: Vec<Box<dyn Filter>> = vec![
//!     Box::new(LevelFilter::new(Level::INFO)),
//!     Box::new(MatchFilter::builder().expression("path starts_with '/health'").action(MatchAction::Drop).build()?),
//!     Box::new(TraceSampling::builder().sample_rate(1.0).build()?),
//!     Box::new(RateLimit::builder().key_field("user.id").capacity(2).refill_rate_per_sec(0.0).build()?),
//!     Box::new(FirstOccurrence::builder().subsequent_sample_rate(1.0).build()?),
//!     Box::new(Dedupe::builder().max_held_bytes(0).build()?),
//!     Box::new(Sampling::builder().sample_rate(1.0).seed(7).build()?),
//!     Box::new(AdaptiveSampling::builder().target_eps(1_000.0).build()?),
//!     Box::new(PressureFilter::builder(FillGauge::new()).build()?),
//! ];
//!
//! // What the engine does with each event: ask one filter after the other.
//! let mut passes = |level: Level, path: &str, user: &str| {
//!     let mut arguments = Vec::new();
//!     encode_named("path", &Value::Str(path), &mut arguments);
//!     encode_named("user", &Value::Json(user), &mut arguments);
//!     let shape = Shape { named_arguments: true, ..Shape::default() };
//!     let record =
//!         Record { timestamp: 0, level, callsite: None, trace: None, shape, context: &[], arguments: &arguments };
//!     let mut buffers = EventBuffers::default();
//!     let mut event = Event::open(record, &mut buffers);
//!     let mut event = Enrichment::new(&mut event);
//!     filters.iter_mut().all(|filter| filter.filter(&mut event).is_ok_and(|verdict| verdict == Verdict::Keep))
//! };
//!
//! let ada = r#"{"id": 1}"#;
//! assert!(!passes(Level::DEBUG, "/orders", ada), "below the level");
//! assert!(!passes(Level::INFO, "/health/live", ada), "matches the expression");
//! assert!(passes(Level::INFO, "/orders", ada));
//! assert!(passes(Level::INFO, "/orders", ada));
//! assert!(!passes(Level::INFO, "/orders", ada), "user 1 had two events");
//! assert!(passes(Level::INFO, "/orders", r#"{"id": 2}"#));
//! # Ok::<(), logwheel_stages::InvalidOption>(())
//! ```

mod adaptive_sampling;
mod dedupe;
mod event_time;
mod first_occurrence;
mod keys;
mod level;
mod level_set;
mod match_filter;
mod pressure;
mod rate_control;
mod rate_limit;
mod sampling;
mod trace_sampling;

pub use adaptive_sampling::{AdaptiveSampling, AdaptiveSamplingBuilder};
pub use dedupe::{Dedupe, DedupeBuilder, DedupeMode};
pub use first_occurrence::{FirstOccurrence, FirstOccurrenceBuilder};
pub use level::LevelFilter;
pub use match_filter::{ExpressionError, FieldTest, Literal, MatchAction, MatchFilter, MatchFilterBuilder, Predicate};
pub use pressure::{FillGauge, PressureFilter, PressureFilterBuilder, PressureLevel, PressureReading, PressureStep};
pub use rate_limit::{OverflowAction, RateLimit, RateLimitBuilder};
pub use sampling::{Sampling, SamplingBuilder};
pub use trace_sampling::{TraceSampling, TraceSamplingBuilder};
