//! Lanes: preallocated rings of slots between callers and workers.
//!
//! The `disruptor` crate gives the sequencing (who may write which slot, who may read it); this
//! module gives the memory behind the slots, the pool for events that do not fit, and a writing
//! and one or several reading ends. It knows nothing of logs beyond the header of a slot.
//!
//! A disruptor's ring holds values of one size fixed at compile time. Ours holds pointers into
//! an [`arena`], one per slot: `slot_bytes` is chosen at run time, header and values of an event
//! are contiguous, and the memory can one day be a mapped file. The pointers themselves are
//! never written after the ring is built, and eight of them share a cache line.

mod arena;
mod lane;
mod overflow;
mod reader;
mod slot;

/// Who may write which slot and who may read it: the `disruptor` crate's business.
#[cfg(not(logwheel_loom))]
use disruptor as sequencing;
/// Under the model checker, which cannot see into other crates, a ring of the same shape.
#[cfg(logwheel_loom)]
#[path = "ring/stand_in.rs"]
mod sequencing;

pub(crate) use lane::{Full, LaneState, LaneWriter, SharedLane, lane_bytes, private_lane};
pub(crate) use overflow::{Chain, OverflowPool};
pub(crate) use reader::LaneReader;
pub(crate) use slot::{
    ArgumentBuffer, Fill, Flags, HEADER_BYTES, MAX_ARGUMENTS, Marks, Slot, SlotHeader, SlotWriter, fill_arguments,
};

#[cfg(test)]
mod tests;
