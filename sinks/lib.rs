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
//! | [`MemorySink`] | memory, for tests | |
//! | [`NullSink`] | nowhere, for measurements | |
//!
//! Users depend on the crate `logwheel`, which re-exports all of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod file;
#[cfg(feature = "http")]
mod http;
mod memory;
mod null;
pub mod policy;
mod pretty;
mod progress;
mod retry;
mod rotation;
mod spool;
mod stdout;

pub use file::FileSink;
#[cfg(feature = "http")]
pub use http::{HttpConfigError, HttpFormat, HttpSink, HttpSinkBuilder};
pub use memory::{MemoryEntry, MemoryHandle, MemorySink};
pub use null::NullSink;
pub use policy::{BreakerSettings, Overflow};
pub use retry::RetrySettings;
pub use rotation::Rotation;
#[doc(hidden)]
pub use spool::payload as spool_payload;
pub use spool::{Spool, SpoolError, SpoolSettings, SpoolSync};
pub use stdout::{StdoutFormat, StdoutSink};
