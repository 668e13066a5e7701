//! The sinks that come with logwheel and the policy by which batches are delivered.
//!
//! ```text
//!  lines ──▶ DeliveryPolicy ──▶ sink.deliver() ──▶ Ok / Retry / Split / Reject / Fatal
//!                 ▲ │                                              │
//!         spool ◀─┼─┘ again, later, in halves, elsewhere           │
//!                 └────────────────────────────────────────────────┘
//! ```
//!
//! A sink owns a connection or a file and says what became of a batch; the [`policy`] decides
//! what happens next, without a clock, thread or socket of its own; the engine drives both.
//!
//! | Sink | Writes to | Feature |
//! |---|---|---|
//! | [`StdoutSink`] | standard output, as JSON lines or for people | |
//! | [`FileSink`] | a file that rotates by size and time | |
//! | `HttpSink` | an HTTP endpoint | `http` (default) |
//! | `LokiSink` | Grafana Loki | `loki` (default) |
//! | `CloudWatchSink` | Amazon CloudWatch Logs | `cloudwatch` |
//! | [`MemorySink`] | memory, for tests | |
//! | [`NullSink`] | nowhere, for measurements | |
//!
//! For other destinations there is the guide `sink_guide`.
//!
//! Users depend on the crate `logwheel`, which re-exports all of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "cloudwatch")]
mod cloudwatch;
mod file;
mod hash_chain;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "loki")]
mod loki;
mod memory;
mod null;
pub mod policy;
mod pretty;
mod progress;
#[cfg(any(feature = "cloudwatch", feature = "loki"))]
mod refusal;
mod retry;
mod rotation;
#[cfg(feature = "http")]
pub mod sink_guide;
mod spool;
mod stdout;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(feature = "cloudwatch")]
#[doc(hidden)]
pub use cloudwatch::internals as cloudwatch_internals;
#[cfg(feature = "cloudwatch")]
pub use cloudwatch::{CloudWatchConfigError, CloudWatchSink, CloudWatchSinkBuilder};
pub use file::FileSink;
pub use hash_chain::{ChainBreak, ChainFault, ChainReport, log_files, verify_chain, verify_chain_with_key};
#[cfg(feature = "http")]
#[doc(hidden)]
pub use http::internals as http_internals;
#[cfg(feature = "http")]
pub use http::{HttpCompression, HttpConfigError, HttpFormat, HttpSignature, HttpSink, HttpSinkBuilder, HttpTimeouts};
#[cfg(feature = "loki")]
#[doc(hidden)]
pub use loki::internals as loki_internals;
#[cfg(feature = "loki")]
pub use loki::{LokiFormat, LokiHandle, LokiSink, LokiSinkBuilder, LongLine};
pub use memory::{MemoryEntry, MemoryHandle, MemorySink};
pub use null::NullSink;
pub use policy::{BreakerSettings, Overflow};
pub use retry::RetrySettings;
pub use rotation::Rotation;
#[doc(hidden)]
pub use spool::payload as spool_payload;
pub use spool::{Spool, SpoolError, SpoolSettings, SpoolSync};
pub use stdout::{StdoutFormat, StdoutSink};
