//! A slot: a fixed header and the encoded event behind it.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::slice;

use logwheel_core::wire::Out;

use super::OverflowPool;

/// What every slot begins with. Plain numbers: any bit pattern is a valid header.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct SlotHeader {
    /// The caller's clock when it logged.
    pub(crate) ticks: u64,
    /// The number of the log statement.
    pub(crate) callsite: u32,
    pub(crate) level: u8,
    pub(crate) flags: Flags,
    /// Lengths of the two parts behind the header (and behind the trace context, if there is one).
    pub(crate) context_len: u32,
    pub(crate) arguments_len: u32,
    /// The first block in the overflow pool, or [`NO_OVERFLOW`]: then all parts follow the header.
    pub(crate) overflow: u32,
}

pub(crate) const HEADER_BYTES: usize = size_of::<SlotHeader>();
pub(crate) const NO_OVERFLOW: u32 = u32::MAX;

/// What a header says in single bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Flags(u8);

impl Flags {
    /// A trace context comes first.
    pub(crate) const TRACE: Flags = Flags(1);
    /// The first argument is the message.
    pub(crate) const INLINE_MESSAGE: Flags = Flags(2);
    /// Arguments bring their names.
    pub(crate) const NAMED_ARGUMENTS: Flags = Flags(4);
    /// Something was cut.
    pub(crate) const TRUNCATED: Flags = Flags(8);
    /// No event: a mark that a flush put into the shared lane.
    pub(crate) const MARKER: Flags = Flags(16);

    #[inline]
    pub(crate) fn contains(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    #[inline]
    pub(crate) fn with(self, other: Flags, on: bool) -> Flags {
        Flags(if on { self.0 | other.0 } else { self.0 })
    }
}

/// What the disruptor's ring holds: the address of a slot's memory.
///
/// The disruptor hands out `&mut SlotCell` to the one producer that claimed the slot and
/// `&SlotCell` to the one consumer that may read it, never both at once. The memory behind the
/// cell is read and written only through such references, so it is borrowed exactly as the cell
/// is.
#[derive(Debug)]
pub(crate) struct SlotCell(NonNull<u8>);

// SAFETY: see the type: access to the memory follows the borrow of the cell.
unsafe impl Send for SlotCell {}
// SAFETY: as above; `&SlotCell` only ever reads.
unsafe impl Sync for SlotCell {}

impl SlotCell {
    /// A cell for the slot at `memory`.
    ///
    /// # Safety
    /// `memory` is aligned for a header, and the slot's bytes behind it belong to this cell alone
    /// for as long as the cell is used.
    pub(super) unsafe fn new(memory: NonNull<u8>) -> Self {
        Self(memory)
    }

    /// The slot for its producer.
    ///
    /// # Safety
    /// The slot has `slot_bytes` bytes, at least a header.
    #[inline]
    pub(super) unsafe fn write(&mut self, slot_bytes: usize) -> SlotWriter<'_> {
        debug_assert!(slot_bytes >= HEADER_BYTES);
        // SAFETY: `&mut self` is exclusive, and so is the memory behind it; it was zeroed, so the
        // header is initialised.
        let header = unsafe { self.0.cast::<SlotHeader>().as_mut() };
        // SAFETY: the caller vouches for `slot_bytes`; the range does not overlap the header.
        let body = unsafe { slice::from_raw_parts_mut(self.0.as_ptr().add(HEADER_BYTES), slot_bytes - HEADER_BYTES) };
        SlotWriter { header, body, at: 0 }
    }

    /// The address, to be read through [`Slot::at`] while the consumer holds the slot.
    #[inline]
    pub(super) fn address(&self) -> NonNull<u8> {
        self.0
    }
}

/// A claimed slot.
#[derive(Debug)]
pub(crate) struct SlotWriter<'a> {
    pub(crate) header: &'a mut SlotHeader,
    body: &'a mut [u8],
    at: usize,
}

/// Infallible copies into the slot: a panic here would wedge the ring, so what does not fit (it
/// always does: lengths are summed up before the claim) is left out.
impl Out for SlotWriter<'_> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        debug_assert!(self.at + bytes.len() <= self.body.len(), "lengths are summed up before the claim");
        if let Some(target) = self.body.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            target.copy_from_slice(bytes);
            self.at += bytes.len();
        }
    }
}

/// A published slot, read by a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) header: &'a SlotHeader,
    body: &'a [u8],
}

impl<'a> Slot<'a> {
    /// The slot at an address.
    ///
    /// # Safety
    /// For `'a`, the slot of `slot_bytes` bytes at `memory` is published and not yet released.
    #[inline]
    pub(super) unsafe fn at(memory: NonNull<u8>, slot_bytes: usize) -> Self {
        // SAFETY: a published slot is written to by nobody until it is released; it was zeroed
        // when the lane was made, so all of its bytes are initialised.
        let header = unsafe { memory.cast::<SlotHeader>().as_ref() };
        // SAFETY: as above; `slot_bytes` is the size with which the slot was made.
        let body = unsafe { slice::from_raw_parts(memory.as_ptr().add(HEADER_BYTES), slot_bytes - HEADER_BYTES) };
        Self { header, body }
    }

    /// All parts of the event behind each other, gathered in `scratch` if they are in the pool.
    #[inline]
    pub(crate) fn parts(&self, pool: &OverflowPool, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if self.header.overflow == NO_OVERFLOW {
            return self.body;
        }
        scratch.clear();
        pool.gather(self.header.overflow, scratch);
        scratch
    }
}
