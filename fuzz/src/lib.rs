//! What must hold for any input, apart from the engine that makes up the inputs.
//!
//! The laws are plain functions, so that corpora and old failures replay on stable:
//! `cargo test --manifest-path fuzz/Cargo.toml`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod laws;
