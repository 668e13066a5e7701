//! The middle of the road: worker threads carry events from lanes through the stages to the
//! sinks' queues.
//!
//! A [`worker`] polls its lanes in rounds, merges them by tick, takes each event through the
//! [`chain`] of stages, and hands the finished lines of a round to every sink at once. Only then
//! are the slots released: what is consumed has its fate, and lies in the queues in order.

mod chain;
mod counts;
mod flush;
mod inbox;
mod instance;
mod merge;
mod worker;

pub(crate) use chain::{Chain, StageSet, panic_text};
pub use chain::{ProcessFailure, RedactFailure};
pub use counts::{StageKind, StageTotals};
pub(crate) use counts::{WorkerCounts, WorkerTotals};
pub(crate) use flush::FlushRound;
pub(crate) use inbox::{Inbox, Task};
pub(crate) use worker::Worker;
