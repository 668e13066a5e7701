//! The sinks that come with logwheel and the policy by which batches are delivered.
//!
//! ```text
//!  batch ──▶ sink.deliver() ──▶ Ok / Retry / Split / Reject / Fatal ──▶ DeliveryPolicy ──▶ Decision
//!   ▲                                                                                       │
//!   └──────────────── again, later or in halves ◀───────────────────────────────────────────┘
//! ```
//!
//! A sink owns a connection or a file and says what became of a batch; [`DeliveryPolicy`] decides
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
//! Users depend on the crate `logwheel`, which re-exports all of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "cloudwatch")]
mod cloudwatch;
mod delivery;
mod file;
mod hash_chain;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "loki")]
mod loki;
mod memory;
mod null;
mod pretty;
mod progress;
mod retry;
mod rotation;
mod stdout;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(feature = "cloudwatch")]
pub use cloudwatch::{CloudWatchConfigError, CloudWatchSink, CloudWatchSinkBuilder};
pub use delivery::{Decision, DeliveryPolicy};
pub use file::FileSink;
pub use hash_chain::{ChainBreak, ChainFault, ChainReport, log_files, verify_chain, verify_chain_with_key};
#[cfg(feature = "http")]
pub use http::{HttpCompression, HttpConfigError, HttpFormat, HttpSignature, HttpSink, HttpSinkBuilder, HttpTimeouts};
#[cfg(feature = "loki")]
#[doc(hidden)]
pub use loki::internals as loki_internals;
#[cfg(feature = "loki")]
pub use loki::{LokiFormat, LokiHandle, LokiSink, LokiSinkBuilder, LongLine};
pub use memory::{MemoryEntry, MemoryHandle, MemorySink};
pub use null::NullSink;
pub use retry::RetrySettings;
pub use rotation::Rotation;
pub use stdout::{StdoutFormat, StdoutSink};
