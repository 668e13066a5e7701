//! A lock-free, high-throughput ring-buffer engine for structured logs.
//!
//! ```text
//!  caller threads            worker threads                               sink threads
//! ┌─────────────┐  lanes   ┌───────────────────────────────────────┐    ┌──────────────────────┐
//! │ info!(…)    │─────────▶│ filters → enrichers → redactors →     │───▶│ batch, send, retry,  │
//! │ copy values │  (rings) │ JSON → processors                     │    │ fallback             │
//! └─────────────┘          └───────────────────────────────────────┘    └──────────────────────┘
//! ```
//!
//! A log call copies its values into a slot of a preallocated ring and returns. Worker threads
//! carry the event through the stages, sink threads deliver it in batches. Every event ends in
//! exactly one counted fate: see [`Ledger`].
//!
//! ```
//! use logwheel::{Engine, MemorySink, info};
//! use std::time::Duration;
//!
//! let memory = MemorySink::new();
//! let lines = memory.handle();
//! let engine = Engine::builder().sink(memory).build()?;
//!
//! let logger = engine.logger("orders").with("region", "eu-1");
//! info!(logger, "order filled", order_id = 42u64, price = 101.5, symbol = "ACME");
//!
//! let report = engine.shutdown(Duration::from_secs(5));
//! assert!(report.ledger.is_balanced());
//! assert!(lines.lines()[0].contains(r#""message":"order filled","order_id":42"#));
//! # Ok::<(), logwheel::BuildError>(())
//! ```
//!
//! # Features
//! - `http` (default): the HTTP sink.
//! - `loki` (default): the Grafana Loki sink; brings `http`.
//! - `cloudwatch`: the CloudWatch Logs sink, on the AWS SDK; adds minutes to a first build.
//! - `encrypt`: the processor `encrypt`.
//! - `zstd`: zstd in `encrypt` and for HTTP bodies; builds the C library.
//! - `signals` (default): [`Engine::flush_on_signals`], on Unix.
//! - `testing`: the testing kit, `logwheel::testing`; for `dev-dependencies`.
//! - `full`: everything that a service can use.
#![warn(missing_docs)]

mod builder;
mod caller;
mod clock;
mod config;
mod cores;
mod delivery;
mod diagnostics;
mod engine;
mod global;
mod health;
mod ledger;
mod ring;
#[cfg(all(unix, feature = "signals", not(logwheel_loom)))]
mod signals;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod workers;

pub use builder::{BuildError, EngineBuilder};
pub use caller::{AttachError, InScope, Logger, Scope, ScopeGuard, as_error, current_trace};
pub use config::{Lanes, OnFull, OnOverflow, Pin, Topology, Wait};
pub use delivery::{Route, SinkLedger, SinkOptions};
pub use diagnostics::{Diagnostic, Severity};
pub use engine::{Engine, FlushError, FlushReport, Flushed, FlushedSink, Report};
pub use global::{GlobalGuard, InitError, global, init};
pub use health::{HealthReport, PartHealth};
pub use ledger::{Ledger, Notes};
pub use logwheel_core::*;
pub use logwheel_sinks::*;
pub use logwheel_stages::*;
pub use workers::{ProcessFailure, RedactFailure, StageKind, StageTotals};

/// For the macros.
#[doc(hidden)]
pub mod __private {
    pub use logwheel_core::{Callsite, assert_unique};
}
