//! Stages that change encoded events.
//!
//! A processor gets a line of JSON and lets it pass, drops it, or writes another in its place. Processors run last
//! before the sinks, in the order in which they were added, each on what the one before made of the line.
//!
//! | Type | What it does | Options (defaults) | Feature |
//! |---|---|---|---|
//! | `size_guard` | cuts lines down to what a destination takes: [`SizeGuard`] | `max_bytes` (256,000), `action` (truncate; drop, warn), `preserve_fields` (level, timestamp, logger, correlation_id), `drop_marker` (no) | |
//! | `encrypt` | encrypts lines: `Encrypt` | `key` (none; required), `zstd` (off; a level from 1 to 22 with the feature `zstd`) | `encrypt` |
//!
//! # What holds for all of them
//!
//! - **If one fails**, by an error or a panic, or writes nothing or more than one line, what happens is its
//!   `on_error`: `pass` (the default) lets the line go on as it came, `drop` drops it with the reason
//!   `processing_failed`. The default of one that [wraps](logwheel_core::Processor::wraps) lines, such as
//!   `encrypt`, is `drop`: what should have been encrypted does not go out in the clear. Failures are counted
//!   for each processor.
//! - **What reads JSON stands before what hides it**: an engine with `size_guard` behind `encrypt` is not built.
//! - Compressing whole batches belongs to sinks; `encrypt` compresses a line because what is encrypted cannot be
//!   compressed any more.
//!
//! # `size_guard`
//!
//! ```
//! use logwheel_core::{Processed, Processor};
//! use logwheel_stages::{SizeAction, SizeGuard};
//!
//! let guard = || SizeGuard::builder().max_bytes(100);
//! let line = format!(r#"{{"level":"WARN","message":"{}"}}"#, "slow query ".repeat(40));
//! let mut out = Vec::new();
//!
//! guard().build()?.process(line.as_bytes(), &mut out)?;
//! let cut = String::from_utf8(out.clone())?;
//! assert_eq!(cut, r#"{"level":"WARN","_truncated":true,"_original_size":469,"_heavily_truncated":true}"#);
//!
//! let mut drops = guard().action(SizeAction::Drop).build()?;
//! assert_eq!(drops.process(line.as_bytes(), &mut out)?, Processed::Drop("size_guard"));
//! assert_eq!(drops.counts().dropped(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # `encrypt`
//!
#![cfg_attr(feature = "encrypt", doc = "```")]
#![cfg_attr(not(feature = "encrypt"), doc = "```ignore")]
//! use logwheel_core::Processor;
//! use logwheel_stages::{DecryptError, Decryptor, Encrypt, EncryptKey};
//!
//! let key = EncryptKey::parse("2026-01", "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=")?;
//! let mut line = Vec::new();
//! Encrypt::new(key.clone()).process(br#"{"message":"account opened"}"#, &mut line)?;
//!
//! assert_eq!(Decryptor::new([key]).decrypt(&line)?, br#"{"message":"account opened"}"#);
//! let other = Decryptor::new([EncryptKey::new("2025-12", &[7; 32])]);
//! assert_eq!(other.decrypt(&line), Err(DecryptError::UnknownKey("2026-01".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One of your own
//!
//! A closure is a processor that reads JSON; everything else implements the trait.
//!
//! ```
//! use logwheel_core::{Processed, Processor, named};
//!
//! let mut no_probes = named("no_probes", |line: &[u8], _: &mut Vec<u8>| {
//!     if line.windows(8).any(|part| part == b"/healthz") { Processed::Drop("probe") } else { Processed::Unchanged }
//! });
//! assert_eq!(no_probes.process(br#"{"path":"/healthz"}"#, &mut Vec::new())?, Processed::Drop("probe"));
//! # Ok::<(), logwheel_core::StageError>(())
//! ```

#[cfg(feature = "encrypt")]
mod encrypt;
mod size_guard;

#[cfg(feature = "encrypt")]
pub use encrypt::{DecryptError, Decryptor, Encrypt, EncryptKey, EncryptKeyError};
pub use size_guard::{SizeAction, SizeGuard, SizeGuardBuilder, SizeGuardCounts, SizeGuardError};
