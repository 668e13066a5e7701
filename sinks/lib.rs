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
#[cfg(feature = "http")]
mod http;
mod memory;
mod null;
mod pretty;
mod progress;
mod retry;
mod rotation;
mod stdout;

#[cfg(feature = "cloudwatch")]
pub use cloudwatch::{CloudWatchConfigError, CloudWatchSink, CloudWatchSinkBuilder};
pub use delivery::{Decision, DeliveryPolicy};
pub use file::FileSink;
#[cfg(feature = "http")]
pub use http::{HttpConfigError, HttpFormat, HttpSink, HttpSinkBuilder};
pub use memory::{MemoryEntry, MemoryHandle, MemorySink};
pub use null::NullSink;
pub use retry::RetrySettings;
pub use rotation::Rotation;
pub use stdout::{StdoutFormat, StdoutSink};
