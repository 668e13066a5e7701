//! The heart of logwheel without threads and I/O: events, values, their encodings, and the traits
//! that stages and sinks implement.
//!
//! Users depend on the crate `logwheel`, which re-exports all of this; authors of stages and sinks
//! may depend on this crate alone.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod callsite;
mod event;
mod health;
mod json;
mod level;
mod line_buffer;
mod secret;
mod sink;
mod stage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod trace;
mod value;
pub mod wire;

#[doc(hidden)]
pub use callsite::assert_unique;

pub use batch::{Batch, Entry, PayloadDraft};
pub use callsite::Callsite;
pub use event::{EncodedFields, Enrichment, Event, EventBuffers, Field, HeldEvent, Layer, NameEnds, Record, Shape};
pub use health::Health;
pub use json::{EncodeCounts, Envelope, Identity, JsonEncoder, JsonText};
pub use level::{Level, LevelError, UnknownLevel};
pub use line_buffer::LineBuffer;
pub use secret::Secret;
pub use sink::{BatchLimits, Delivered, DeliveryError, Refused, Sink, SinkError};
pub use stage::{Enricher, Filter, Named, Processed, Processor, Redactor, StageError, Verdict, named};
pub use trace::TraceContext;
pub use value::{RawJson, ToValue, Value, write_error_chain};
