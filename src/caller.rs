//! The caller's side: from a log statement to a published slot.
//!
//! A statement's values are encoded where it stands ([`arguments`]); the rest is one function for
//! all statements ([`thread`]): a slot is claimed, the bytes are copied, the slot is published.
//! What needs more than copying happens before the claim ([`format`]: `Display` and
//! friends; [`big`]: events beyond a slot) or instead of it ([`full`]: no free slot).

mod arguments;
mod big;
mod counts;
mod draft;
mod format;
mod full;
mod intake;
mod logger;
mod macros;
mod scope;
mod thread;

pub(crate) use counts::{CallerCounts, CallerTotals, DropReason};
pub(crate) use intake::Intake;
pub use logger::{Logger, as_error};
pub use scope::{InScope, Scope, ScopeGuard, current_trace};
pub use thread::AttachError;
pub(crate) use thread::{attach_thread, become_pipeline_thread, on_pipeline_thread};
