//! The end of the road: a queue of batches and a thread for each sink.
//!
//! Workers append finished lines to a sink's [`queue`], where they become batches; the sink's
//! [`outlet`] thread takes them out one by one and does what the delivery policy says.

mod counts;
mod options;
mod outlet;
mod queue;

pub use counts::SinkLedger;
pub use options::{Overflow, SinkOptions};
pub(crate) use outlet::Outlet;
pub(crate) use queue::SinkQueue;
