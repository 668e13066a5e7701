//! A slot: a fixed header and the encoded event behind it.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use logwheel_core::Level;
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
    pub(crate) marks: Marks,
    /// The length of the context, behind the header (and behind the trace, if there is one).
    pub(crate) context_len: u32,
    /// The length of the arguments, behind the context; or, with [`Flags::OVERFLOW`], the first
    /// block in the overflow pool that holds trace, context and arguments (their length first).
    pub(crate) tail: u32,
}

impl SlotHeader {
    #[inline(always)]
    pub(crate) fn has(&self, flags: Flags) -> bool {
        self.marks.flags().contains(flags)
    }
}

/// Small, so that an everyday event fits into one cache line with it.
pub(crate) const HEADER_BYTES: usize = size_of::<SlotHeader>();
const _: () = assert!(HEADER_BYTES == 24);

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
    /// The event's parts are in the overflow pool.
    pub(crate) const OVERFLOW: Flags = Flags(32);

    #[inline(always)]
    pub(crate) fn contains(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    #[inline(always)]
    pub(crate) const fn with(self, other: Flags, on: bool) -> Flags {
        Flags(if on { self.0 | other.0 } else { self.0 })
    }
}

/// Level and flags in one word: it is passed on, and stored, as one.
#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub(crate) struct Marks(u32);

impl Marks {
    #[inline(always)]
    pub(crate) fn new(level: Level, flags: Flags) -> Self {
        Self(u32::from(level.number()) | u32::from(flags.0) << 8)
    }

    /// Nothing but flags, for what is no event.
    #[inline(always)]
    pub(crate) fn flagged(flags: Flags) -> Self {
        Self(u32::from(flags.0) << 8)
    }

    #[inline(always)]
    pub(crate) fn level_number(self) -> u8 {
        self.0 as u8
    }

    #[inline(always)]
    pub(crate) fn flags(self) -> Flags {
        Flags((self.0 >> 8) as u8)
    }

    #[inline(always)]
    pub(crate) fn with(self, flags: Flags, on: bool) -> Self {
        Self(if on { self.0 | u32::from(flags.0) << 8 } else { self.0 })
    }
}

/// What goes into a slot.
///
/// Both methods run inside a claim and must only copy: a panic there would wedge a shared ring
/// for ever.
pub(crate) trait Fill {
    fn header(&self) -> SlotHeader;

    /// Writes what comes behind the header.
    fn fill(&self, slot: &mut SlotWriter<'_>);
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

    /// Fills the slot, which lies at `memory`: whoever knows that beforehand need not read this cell.
    ///
    /// # Safety
    /// This is the cell of the slot at `memory`, which has `slot_bytes` bytes, at least a header.
    #[inline(always)]
    pub(super) unsafe fn fill<F: Fill + ?Sized>(&mut self, memory: NonNull<u8>, slot_bytes: usize, event: &F) {
        debug_assert!(slot_bytes >= HEADER_BYTES && memory == self.0);
        // SAFETY: `&mut self` makes the slot ours; it is aligned for a header and holds one.
        let body = unsafe {
            memory.cast().write(event.header());
            memory.add(HEADER_BYTES)
        };
        event.fill(&mut SlotWriter { at: body, left: slot_bytes - HEADER_BYTES, memory: PhantomData });
    }

    /// The address, to be read through [`Slot::at`] while the consumer holds the slot.
    #[inline]
    pub(super) fn address(&self) -> NonNull<u8> {
        self.0
    }
}

/// Writes into a claimed slot, or into a buffer on the way there.
///
/// Infallible copies only: a panic in here would wedge the ring. What does not fit is left out
/// (it always fits: lengths are summed up before).
#[derive(Debug)]
pub(crate) struct SlotWriter<'a> {
    /// Where the next byte goes: `left` bytes from here on are exclusively ours for `'a`.
    at: NonNull<u8>,
    left: usize,
    memory: PhantomData<&'a mut [u8]>,
}

impl SlotWriter<'_> {
    /// Room for `bytes` more, if there is any.
    #[inline(always)]
    fn advance(&mut self, bytes: usize) -> Option<NonNull<u8>> {
        debug_assert!(bytes <= self.left, "lengths are summed up before");
        self.left = self.left.checked_sub(bytes)?;
        let target = self.at;
        // SAFETY: there were `bytes` left, so this stays inside the slot.
        self.at = unsafe { target.add(bytes) };
        Some(target)
    }
}

impl Out for SlotWriter<'_> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        if let Some(target) = self.advance(bytes.len()) {
            // SAFETY: `advance` gave room for all bytes; they cannot lie in the slot, which
            // nobody else can have a reference to.
            unsafe { copy(bytes, target) };
        }
    }

    #[inline(always)]
    fn put_array<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(target) = self.advance(N) {
            // SAFETY: `advance` gave room for `N` bytes.
            unsafe { target.cast::<[u8; N]>().write_unaligned(bytes) };
        }
    }
}

/// Where a statement puts its encoded values before they go into a slot as one piece.
///
/// On the caller's stack, and not cleared first: only what was written is ever read. No type around it: the compiler
/// takes such a one for a constant, and fills it at each call.
pub(crate) type ArgumentBuffer = MaybeUninit<[u8; MAX_ARGUMENTS]>;

/// The room in an [`ArgumentBuffer`], in bytes.
pub(crate) const MAX_ARGUMENTS: usize = 224;

/// The bytes that `write` writes.
#[inline(always)]
pub(crate) fn fill_arguments(buffer: &mut ArgumentBuffer, write: impl FnOnce(&mut SlotWriter<'_>)) -> &[u8] {
    let start = NonNull::from(buffer).cast();
    let mut writer = SlotWriter { at: start, left: MAX_ARGUMENTS, memory: PhantomData };
    write(&mut writer);
    let written = MAX_ARGUMENTS - writer.left;
    // SAFETY: the writer writes from the start on and leaves no gap.
    unsafe { slice::from_raw_parts(start.as_ptr(), written) }
}

/// Copies a text. The lengths that most texts have are told apart with the fewest comparisons.
///
/// Not inlined: a log statement may copy several texts, and shall stay small.
///
/// # Safety
/// `target` has room for `bytes`, and they do not overlap.
#[inline(never)]
unsafe fn copy(bytes: &[u8], target: NonNull<u8>) {
    /// The first and the last `N` bytes, which overlap in the middle: all of `N..=2 * N` bytes.
    ///
    /// # Safety
    /// As for `copy`, and there are at least `N` bytes.
    #[inline(always)]
    unsafe fn both_ends<const N: usize>(bytes: &[u8], target: NonNull<u8>) {
        let rest = bytes.len() - N;
        // SAFETY: both pieces lie inside the text and inside the room for it.
        unsafe {
            let (from, to) = (bytes.as_ptr(), target.as_ptr());
            let (head, tail) = (from.cast::<[u8; N]>().read(), from.add(rest).cast::<[u8; N]>().read());
            to.cast::<[u8; N]>().write(head);
            to.add(rest).cast::<[u8; N]>().write(tail);
        }
    }

    // SAFETY: passed on from the caller; each arm has at least its `N` bytes.
    unsafe {
        match bytes.len() {
            len if len > 64 => target.copy_from_nonoverlapping(NonNull::from(bytes).cast(), len),
            33.. => both_ends::<32>(bytes, target),
            17.. => both_ends::<16>(bytes, target),
            8.. => both_ends::<8>(bytes, target),
            4.. => both_ends::<4>(bytes, target),
            2.. => both_ends::<2>(bytes, target),
            1 => both_ends::<1>(bytes, target),
            0 => {}
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

    /// Trace, context and arguments behind each other, gathered in `scratch` if they are in the
    /// pool, and the length of the arguments.
    #[inline]
    pub(crate) fn parts(&self, pool: &OverflowPool, scratch: &'a mut Vec<u8>) -> (&'a [u8], usize) {
        let Some(head) = self.overflow() else { return (self.body, self.header.tail as usize) };
        scratch.clear();
        pool.gather(head, scratch);
        match scratch.split_first_chunk() {
            Some((len, parts)) => (parts, u32::from_le_bytes(*len) as usize),
            None => (&[], 0),
        }
    }

    /// The first block of the event in the overflow pool, if it is there.
    #[inline]
    pub(super) fn overflow(&self) -> Option<u32> {
        self.header.has(Flags::OVERFLOW).then_some(self.header.tail)
    }
}
