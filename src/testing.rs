//! The testing kit (feature `testing`): events without an engine, a clock that stands still, a sink and an
//! HTTP server that do what a script says.
//!
//! | What | For |
//! |---|---|
//! | [`TestEvent`], [`line_of`] | one event, to be run through a stage or the encoder |
//! | [`sensitive_event`], [`SECRETS`] | an event full of what a redactor should take away |
//! | [`batch_of_lines`], [`batch_of`] | batches, to be given to a sink |
//! | [`correlation_id`], [`trace_context`] | ids that tell events apart |
//! | [`VirtualClock`] | time that passes when the test says so |
//! | [`ScriptedSink`], [`Attempt`], [`ScriptedHandle`] | an engine whose destination refuses, fails, panics, blocks |
//! | `ScriptedServer`, `Reply`, `Request` (feature `http`) | a sink that talks HTTP |
//! | [`MemorySink`](crate::MemorySink) (no feature) | what a service logged |
//!
//! In a service's `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! logwheel = { version = "0.1", features = ["testing"] }
//! ```
//!
//! A destination that is down at first, and an engine that gets everything there all the same:
//!
//! ```
//! use std::time::Duration;
//!
//! use logwheel::testing::{Attempt, ScriptedSink, correlation_id};
//! use logwheel::{Engine, RetrySettings, info};
//!
//! let sink = ScriptedSink::new([Attempt::retry(), Attempt::panic()]);
//! let seen = sink.handle();
//! let quick = RetrySettings::new().base_delay(Duration::from_millis(1));
//! let engine = Engine::builder().sink_with(sink, |options| options.retry(quick)).build()?;
//!
//! let id = correlation_id();
//! info!(engine.logger("orders"), "filled", id = &id);
//!
//! let report = engine.shutdown(Duration::from_secs(60));
//! assert!(report.complete && report.ledger.sink("scripted").unwrap().delivered == 1);
//! assert_eq!(seen.attempts().len(), 3);
//! assert!(seen.delivered()[0].contains(&id));
//! # Ok::<(), logwheel::BuildError>(())
//! ```

pub use logwheel_core::testing::*;
pub use logwheel_sinks::testing::*;
