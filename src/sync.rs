//! Atomics, locks, queues and threads of our own protocols come from here and from nowhere else,
//! so that a model checker can take their place: under `--cfg logwheel_loom` they are loom's.

#[cfg(not(logwheel_loom))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, OnceLock};
    pub(crate) use std::time::Instant;

    pub(crate) use crossbeam_queue::{ArrayQueue, SegQueue};
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

    pub(crate) mod thread {
        pub(crate) use std::thread::{JoinHandle, Thread, park, park_timeout};

        /// The thread behind a handle, to wake it.
        pub(crate) fn of(handle: &JoinHandle<()>) -> Thread {
            handle.thread().clone()
        }
    }
}

#[cfg(logwheel_loom)]
#[path = "sync/modelled.rs"]
mod real;

pub(crate) use real::*;
