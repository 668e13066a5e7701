//! One flush's way through the workers.

use std::time::Instant;

use crate::sync::{Condvar, Mutex};

/// Counts the workers that have carried everything accepted before the flush.
#[derive(Debug)]
pub(crate) struct FlushRound {
    /// How many slots of the shared lane are consumed when the flush's marker in it is: what lies
    /// before it was accepted before the flush, whatever neighbour was still writing.
    pub(crate) shared_target: u64,
    workers_left: Mutex<usize>,
    done: Condvar,
}

impl FlushRound {
    pub(crate) fn new(shared_target: u64, workers: usize) -> Self {
        Self { shared_target, workers_left: Mutex::new(workers), done: Condvar::new() }
    }

    pub(crate) fn worker_done(&self) {
        let mut left = self.workers_left.lock();
        *left -= 1;
        if *left == 0 {
            self.done.notify_all();
        }
    }

    /// Waits for all workers. `false` if the deadline came first.
    pub(crate) fn wait(&self, deadline: Instant) -> bool {
        let mut left = self.workers_left.lock();
        while *left > 0 {
            if self.done.wait_until(&mut left, deadline).timed_out() {
                return *left == 0;
            }
        }
        true
    }
}
