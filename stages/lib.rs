//! The filters, enrichers and redactors that come with logwheel.
//!
//! ```text
//! lane ──▶ filters ──▶ enrichers ──▶ redactors ──▶ encode ──▶ processors ──▶ sinks
//!          level       static        field_mask
//!                      host
//! ```
//!
//! Stages do no I/O and start no threads. Each is built with its constructor, tuned with setters
//! named after its options, and runs on a worker of the engine. Users depend on the crate
//! `logwheel`, which re-exports all of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod enrichers;
pub mod filters;
mod gauge;
mod option;
mod path;
mod random;
pub mod redactors;

#[cfg(test)]
#[path = "tests/support/mod.rs"]
mod support;
#[cfg(test)]
mod testing;

pub use enrichers::{
    BuildInfo, BuildInfoBuilder, ContextFields, ContextFieldsBuilder, EnvFields, EnvFieldsBuilder, Host, HostField,
    HttpRequest, HttpRequestBuilder, Kubernetes, KubernetesBuilder, ProcessField, ProcessInfo, ProcessInfoBuilder,
    StaticFields,
};
pub use filters::{
    AdaptiveSampling, AdaptiveSamplingBuilder, Dedupe, DedupeBuilder, DedupeMode, ExpressionError, FieldTest,
    FillGauge, FirstOccurrence, FirstOccurrenceBuilder, LevelFilter, Literal, MatchAction, MatchFilter,
    MatchFilterBuilder, OverflowAction, Predicate, PressureFilter, PressureFilterBuilder, PressureLevel,
    PressureReading, PressureStep, RateLimit, RateLimitBuilder, Sampling, SamplingBuilder, TraceSampling,
    TraceSamplingBuilder,
};
pub use gauge::Reading;
pub use option::InvalidOption;
pub use redactors::{FieldMask, FieldMaskError};
