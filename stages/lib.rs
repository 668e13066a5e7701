//! The filters, enrichers, redactors and processors that come with logwheel.
//!
//! ```text
//! lane ──▶ filters ──▶ enrichers ──▶ redactors ──▶ encode ──▶ processors ──▶ sinks
//!          level       static        field_mask            size_guard
//!                      host                                encrypt
//! ```
//!
//! Stages do no I/O and start no threads. Each is built with its constructor, tuned with setters
//! named after its options, and runs on a worker of the engine. Users depend on the crate
//! `logwheel`, which re-exports all of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod enrichers;
pub mod filters;
pub mod processors;
pub mod redactors;

#[cfg(test)]
mod testing;

pub use enrichers::{Host, HostField, StaticFields};
pub use filters::LevelFilter;
#[cfg(feature = "encrypt")]
pub use processors::{DecryptError, Decryptor, Encrypt, EncryptKey, EncryptKeyError};
pub use processors::{SizeAction, SizeGuard, SizeGuardBuilder, SizeGuardCounts, SizeGuardError};
pub use redactors::{FieldMask, FieldMaskError};
