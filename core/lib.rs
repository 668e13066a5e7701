//! The heart of logwheel without threads and I/O: events, values, their encodings, and the traits
//! that stages and sinks implement.
//!
//! Users depend on the crate `logwheel`, which re-exports all of this; authors of stages and sinks
//! may depend on this crate alone.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod health;
mod level;
mod sink;

pub use batch::{Batch, Entry};
pub use health::Health;
pub use level::{Level, LevelError, UnknownLevel};
pub use sink::{BatchLimits, Delivered, DeliveryError, Refused, Sink, SinkError};
