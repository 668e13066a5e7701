//! One block of memory, faulted in ahead and cut into slots.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Memory that lives until the arena is dropped and never moves.
///
/// The arena hands out addresses only; who may read or write what lies there is the business of
/// the ring or the pool that owns it.
#[derive(Debug)]
pub(crate) struct Arena {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the arena owns its memory and never touches it after construction; access through the
// addresses it hands out is synchronised by the ring or the pool on top of it.
unsafe impl Send for Arena {}
// SAFETY: as above; `&Arena` gives addresses, not references.
unsafe impl Sync for Arena {}

impl Arena {
    /// Pages are the unit in which memory is faulted in; a slot never shares one by accident.
    const ALIGN: usize = 4096;

    /// Takes `count` pieces of `bytes` each and writes all of them once, so that no page fault is
    /// left for a caller.
    pub(crate) fn new(count: usize, bytes: usize) -> Self {
        let size = count.checked_mul(bytes).filter(|size| *size > 0).expect("validated by the builder");
        let layout = Layout::from_size_align(size, Self::ALIGN).expect("validated by the builder");
        // SAFETY: the size is not zero.
        let base = unsafe { alloc(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        // SAFETY: `base` points to `size` bytes that nobody else knows yet.
        unsafe { base.write_bytes(0, size) };
        Self { base, layout }
    }

    /// The address of byte `offset`.
    #[inline]
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.layout.size());
        // SAFETY: the offset lies inside the allocation.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `base` came from `alloc` with this layout and is freed only here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
