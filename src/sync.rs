//! Atomics, locks, queues and threads of our own protocols come from here and from nowhere else,
//! so that a model checker can take their place: under `--cfg logwheel_loom` they are loom's.

#[cfg(not(logwheel_loom))]
mod real {
    pub(crate) use std::sync::Arc;
    use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
    use std::thread::{self, Thread};
    use std::time::Duration;
    pub(crate) use std::time::Instant;

    pub(crate) use crossbeam_queue::{ArrayQueue, SegQueue};
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

    /// Where one thread sleeps until another one wakes it: a token, as `std::thread::park` has it.
    #[derive(Debug, Default)]
    pub(crate) struct Parker(OnceLock<Thread>);

    impl Parker {
        /// Names the thread that sleeps here. Called once, before anyone who may wake it exists.
        pub(crate) fn belongs_to(&self, thread: &Thread) {
            let _ = self.0.set(thread.clone());
        }

        /// Sleeps until woken, at most for `timeout` if there is one. A wake that came before makes
        /// it return at once.
        pub(crate) fn park(&self, timeout: Option<Duration>) {
            match timeout {
                Some(timeout) => thread::park_timeout(timeout),
                None => thread::park(),
            }
        }

        pub(crate) fn unpark(&self) {
            if let Some(thread) = self.0.get() {
                thread.unpark();
            }
        }
    }
}

#[cfg(logwheel_loom)]
#[path = "sync/modelled.rs"]
mod real;

pub(crate) use real::*;
