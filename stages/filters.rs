//! Stages that decide which events go on.

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
