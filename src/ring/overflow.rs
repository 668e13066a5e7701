//! The pool for events that do not fit into a slot.
//!
//! Blocks of one size, all made at start. Free blocks are numbers in a lock-free queue; an
//! event's blocks are chained through their first four bytes. A chain is taken and filled by a
//! caller before it claims a slot, travels as the number of its first block in the slot's header,
//! and goes back when the reader releases the slot.
#![allow(unsafe_code)]

use std::slice;

use crossbeam_queue::ArrayQueue;
use logwheel_core::wire::Out;

use super::arena::Arena;

#[derive(Debug)]
pub(crate) struct OverflowPool {
    /// A block is in exactly one place: in `free`, in one [`Chain`], or in one published chain.
    free: ArrayQueue<u32>,
    /// `None` for a pool of no blocks.
    arena: Option<Arena>,
}

/// In place of a block's number: there is none.
const NONE: u32 = u32::MAX;
/// A chained block: the number of the next one, then data.
///
/// Small: most big events are only a little too big for a slot.
const BLOCK_BYTES: usize = 512;
const LINK_BYTES: usize = size_of::<u32>();
const DATA_BYTES: usize = BLOCK_BYTES - LINK_BYTES;

impl OverflowPool {
    /// A pool of `bytes`, rounded down to whole blocks.
    pub(crate) fn new(bytes: usize, huge_pages: bool) -> Self {
        let blocks = (bytes / BLOCK_BYTES).min(NONE as usize);
        let free = ArrayQueue::new(blocks.max(1));
        (0..blocks as u32).for_each(|block| {
            free.push(block).expect("room for every block");
        });
        Self { free, arena: (blocks > 0).then(|| Arena::new(blocks, BLOCK_BYTES, huge_pages)) }
    }

    /// Whether the pool could ever hold `bytes` of data.
    pub(crate) fn can_hold(&self, bytes: usize) -> bool {
        self.arena.is_some() && bytes.div_ceil(DATA_BYTES) <= self.free.capacity()
    }

    /// How many blocks are free.
    #[cfg(test)]
    pub(crate) fn free_blocks(&self) -> usize {
        self.free.len()
    }

    /// Takes blocks for `bytes` of data; all or none.
    pub(crate) fn take(&self, bytes: usize) -> Option<Chain<'_>> {
        let mut chain = Chain { pool: self, head: NONE, current: NONE, at: 0 };
        for _ in 0..bytes.div_ceil(DATA_BYTES).max(1) {
            // On failure the chain is dropped and gives back what it has.
            let block = self.free.pop()?;
            // SAFETY: the block came out of `free`, so it is ours alone.
            unsafe { self.link(block).write_unaligned(chain.head) };
            chain.head = block;
        }
        chain.current = chain.head;
        Some(chain)
    }

    /// Appends the data of a published chain to `out`. Its last block is copied whole; the lengths
    /// in the slot's header say where the event ends.
    pub(super) fn gather(&self, head: u32, out: &mut Vec<u8>) {
        let mut block = head;
        while block != NONE {
            // SAFETY: the chain was published with the slot that the caller reads, so its blocks
            // are written to by nobody until the slot is released.
            let (link, data) =
                unsafe { (self.link(block).read_unaligned(), slice::from_raw_parts(self.data(block), DATA_BYTES)) };
            out.extend_from_slice(data);
            block = link;
        }
    }

    /// Gives back a published chain.
    ///
    /// # Safety
    /// `head` is the first block of a chain that was published and not given back yet, and nobody
    /// reads it any more.
    pub(super) unsafe fn release(&self, head: u32) {
        let mut block = head;
        while block != NONE {
            // SAFETY: the caller vouches that the chain is ours.
            let next = unsafe { self.link(block).read_unaligned() };
            self.free.push(block).expect("a block is free at most once");
            block = next;
        }
    }

    fn link(&self, block: u32) -> *mut u32 {
        let arena = self.arena.as_ref().expect("a pool with blocks has an arena");
        arena.at(block as usize * BLOCK_BYTES).as_ptr().cast()
    }

    fn data(&self, block: u32) -> *mut u8 {
        let arena = self.arena.as_ref().expect("a pool with blocks has an arena");
        arena.at(block as usize * BLOCK_BYTES + LINK_BYTES).as_ptr()
    }
}

/// Blocks that belong to one caller until it publishes them; they go back if it never does.
#[derive(Debug)]
pub(crate) struct Chain<'p> {
    pool: &'p OverflowPool,
    head: u32,
    /// The block that is being filled, and how far.
    current: u32,
    at: usize,
}

impl Chain<'_> {
    /// The first block's number, for the slot's header.
    pub(crate) fn head(&self) -> u32 {
        self.head
    }

    /// The blocks now belong to the slot that carries [`head`](Self::head).
    pub(crate) fn published(mut self) {
        self.head = NONE;
    }
}

impl Out for Chain<'_> {
    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.current != NONE {
            if self.at == DATA_BYTES {
                // SAFETY: the block is part of this chain.
                self.current = unsafe { self.pool.link(self.current).read_unaligned() };
                self.at = 0;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(DATA_BYTES - self.at));
            // SAFETY: the block is part of this chain, so it is ours alone; `at + now.len()` stays
            // inside its data; `now` is somebody else's memory.
            unsafe { self.pool.data(self.current).add(self.at).copy_from_nonoverlapping(now.as_ptr(), now.len()) };
            self.at += now.len();
            bytes = later;
        }
    }
}

impl Drop for Chain<'_> {
    fn drop(&mut self) {
        // SAFETY: a chain that still has its head was not published, so its blocks are ours.
        unsafe { self.pool.release(self.head) };
    }
}
