//! One flush's way through the workers.

use std::time::{Duration, Instant};

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

    /// Waits for all workers. `false` if the deadline came first, or the end of the workers.
    pub(crate) fn wait(&self, deadline: Instant, ended: impl Fn() -> bool) -> bool {
        let mut left = self.workers_left.lock();
        while *left > 0 {
            let now = Instant::now();
            if now >= deadline || ended() {
                return false;
            }
            // A worker that hangs when the engine is shut down never says that it is done.
            self.done.wait_until(&mut left, deadline.min(now + LOOK_AGAIN));
        }
        true
    }
}

const LOOK_AGAIN: Duration = Duration::from_millis(50);
