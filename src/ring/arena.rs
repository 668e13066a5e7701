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
    const HUGE_PAGE: usize = 2 << 20;

    /// Takes `count` pieces of `bytes` each and writes all of them once, so that no page fault is
    /// left for a caller. With `huge_pages`, an arena that fills one asks for them.
    pub(crate) fn new(count: usize, bytes: usize, huge_pages: bool) -> Self {
        let size = count.checked_mul(bytes).filter(|size| *size > 0).expect("validated by the builder");
        let huge_pages = huge_pages && size >= Self::HUGE_PAGE;
        let align = if huge_pages { Self::HUGE_PAGE } else { Self::ALIGN };
        let layout = Layout::from_size_align(size, align).expect("validated by the builder");
        // SAFETY: the size is not zero.
        let base = unsafe { alloc(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        if huge_pages {
            advise_huge_pages(base, size);
        }
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

/// A wish: a system that has no huge pages to give goes on with small ones.
#[cfg(target_os = "linux")]
fn advise_huge_pages(base: NonNull<u8>, size: usize) {
    use rustix::mm::{Advice, madvise};
    // SAFETY: the range is one allocation of ours, and this advice changes nothing that it holds.
    let _ = unsafe { madvise(base.as_ptr().cast(), size, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_: NonNull<u8>, _: usize) {}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `base` came from `alloc` with this layout and is freed only here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_zero_and_ours_with_and_without_huge_pages() {
        for (count, bytes, huge_pages) in [(64, 128, false), (64, 128, true), (8192, 256, true), (8192, 320, true)] {
            let arena = Arena::new(count, bytes, huge_pages);
            let last = count * bytes - 1;
            for at in [0, last / 2, last] {
                // SAFETY: the offset is inside the arena, which nobody else uses.
                unsafe {
                    assert_eq!(arena.at(at).read(), 0);
                    arena.at(at).write(1);
                }
            }
            assert_eq!(arena.at(0).addr().get() % Arena::ALIGN, 0);
        }
    }
}
