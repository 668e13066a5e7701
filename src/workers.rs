//! The middle of the road: worker threads carry events from lanes through the stages to the
//! sinks' queues.
//!
//! The first worker on an event's way polls its [`lanes`] in rounds and merges them by tick. Either
//! it does the rest as well ([`fused`]), or there is a thread for each part ([`per_stage`]): the
//! three parts of the [`chain`] of stages, and the [`dispatch`] of finished lines to every sink.
//! Only then are the slots released: what is consumed has its fate, and lies in the queues in
//! order.

mod chain;
mod counts;
mod dispatch;
mod flush;
mod fused;
mod inbox;
mod instance;
mod lanes;
mod merge;
mod numbering;
mod per_stage;
mod reading;
mod topology;
mod wait;

#[cfg(all(test, logwheel_loom))]
mod models;

pub use chain::{ProcessFailure, RedactFailure};
pub(crate) use chain::{StageSet, panic_text};
pub use counts::{StageKind, StageTotals};
pub(crate) use counts::{WorkerCounts, WorkerTotals};
pub(crate) use dispatch::{Dispatch, Plan};
pub(crate) use flush::{FlushDesk, FlushRound};
pub(crate) use inbox::{Inbox, Task};
pub(crate) use topology::{Crew, Layout};
