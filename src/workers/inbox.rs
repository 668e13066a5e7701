//! What others tell a worker, and how they wake it.

use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_queue::SegQueue;
use crossbeam_utils::CachePadded;

use super::FlushRound;
use crate::ring::LaneReader;
use crate::sync::{Arc, AtomicBool, OnceLock, Ordering};

/// Something for a worker to do between rounds, in this order.
pub(crate) enum Task {
    /// Read this lane from now on.
    Lane(Box<LaneReader>),
    /// Say when everything accepted so far has its fate.
    Flush(Arc<FlushRound>),
    /// Empty the lanes and end; not before so many slots of the shared lane are consumed.
    Stop { shared_target: u64 },
}

#[derive(Default)]
pub(crate) struct Inbox {
    tasks: SegQueue<Task>,
    /// The worker's thread; set by itself when it starts.
    thread: OnceLock<Thread>,
    /// The worker is about to sleep, or asleep. A hint reads it without any ordering.
    parked: CachePadded<AtomicBool>,
}

impl Inbox {
    /// The calling thread is the one to be woken.
    pub(crate) fn attend(&self) {
        // Only the worker comes here, once.
        let _ = self.thread.set(thread::current());
    }

    /// Leaves a task and wakes the worker.
    pub(crate) fn push(&self, task: Task) {
        self.tasks.push(task);
        self.wake();
    }

    pub(crate) fn pop(&self) -> Option<Task> {
        self.tasks.pop()
    }

    /// Wakes the worker. Cannot be lost: `unpark` before `park` makes the latter return at once,
    /// and a worker that has not started yet looks at its tasks first.
    pub(crate) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Wakes the worker if it seems to sleep. For callers: costs a load when it does not, and if
    /// it is missed the worker's timed park ends by itself.
    #[inline]
    pub(crate) fn hint(&self) {
        if self.parked.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Sleeps until woken, at most for `timeout`. Only the worker calls this.
    pub(crate) fn park(&self, timeout: Duration) {
        self.parked.store(true, Ordering::Relaxed);
        if self.tasks.is_empty() {
            thread::park_timeout(timeout);
        }
        self.parked.store(false, Ordering::Relaxed);
    }
}
