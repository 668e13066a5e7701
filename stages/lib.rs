//! The filters, enrichers, redactors and processors that come with logwheel.
//!
//! ```text
//! lane ──▶ filters ──▶ enrichers ──▶ redactors ──▶ encode ──▶ processors ──▶ sinks
//! ```
//!
//! Each kind has a page with all its types, their options and an example: [`filters`], [`enrichers`],
//! [`redactors`], [`processors`].
//!
//! Stages do no I/O and start no threads. Each is built with its constructor or builder, tuned with
//! setters named after its options, and runs on a worker of the engine. Users depend on the crate
//! `logwheel`, which re-exports all of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod column;
pub mod enrichers;
pub mod filters;
mod gauge;
mod option;
mod path;
pub mod processors;
mod random;
pub mod redactors;

#[cfg(test)]
#[path = "tests/support/mod.rs"]
mod support;
#[cfg(test)]
mod testing;

#[doc(hidden)]
pub use column::Column;
pub use enrichers::{
    BuildInfo, ContextFields, EnvFields, Host, HostField, HttpRequest, Kubernetes, ProcessField, ProcessInfo,
    StaticFields,
};
pub use filters::{
    AdaptiveSampling, Dedupe, DedupeMode, ExpressionError, FillGauge, FirstOccurrence, LevelFilter, MatchAction,
    MatchFilter, OverflowAction, Predicate, PressureFilter, PressureLevel, PressureReading, PressureStep, RateLimit,
    Sampling, TraceSampling,
};
pub use gauge::Reading;
pub use option::InvalidOption;
#[cfg(feature = "encrypt")]
pub use processors::{DecryptError, Decryptor, Encrypt, EncryptKey, EncryptKeyError};
pub use processors::{SizeAction, SizeGuard, SizeGuardBuilder, SizeGuardCounts, SizeGuardError};
pub use redactors::{
    FieldBlocker, FieldMask, FieldPathError, Finding, PresetError, PresetMask, PresetPattern, RedactPreset, RegexMask,
    RegexMaskError, StringTruncate, UrlCredentials,
};
