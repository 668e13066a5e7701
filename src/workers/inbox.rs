//! What others tell a worker, and how they wake it.

use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::FlushRound;
use crate::ring::LaneReader;
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, AtomicBool, OnceLock, Ordering, SegQueue};

/// Something for a worker to do between rounds, in this order.
pub(crate) enum Task {
    /// Read this lane from now on; with the readers for the workers behind.
    Lane(Vec<LaneReader>),
    /// The lane of this number is empty and nobody writes to it any more: forget it.
    LaneGone(u32),
    /// Say when everything accepted so far has its fate.
    Flush(Arc<FlushRound>),
    /// Empty the lanes and end; not before so many slots of the shared lane are consumed.
    Stop { shared_target: u64 },
}

#[derive(Default)]
pub(crate) struct Inbox {
    tasks: SegQueue<Task>,
    /// The worker's thread.
    thread: OnceLock<Thread>,
    /// The worker is about to sleep, or asleep. A hint reads it without any ordering.
    parked: CachePadded<AtomicBool>,
}

impl Inbox {
    /// Names the thread that is to be woken. Called once, by who started it, before anyone who
    /// may leave tasks is started: so nobody can find a worker that has not been named yet.
    pub(crate) fn attended_by(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Leaves a task and wakes the worker.
    pub(crate) fn push(&self, task: Task) {
        self.tasks.push(task);
        self.wake();
    }

    pub(crate) fn pop(&self) -> Option<Task> {
        self.tasks.pop()
    }

    /// Wakes the worker, and says whether it seemed to sleep. Cannot be lost: `unpark` before `park`
    /// makes the latter return at once.
    pub(crate) fn wake(&self) -> bool {
        let sleeps = self.parked.load(Ordering::Relaxed);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        sleeps
    }

    /// Wakes the worker if it seems to sleep, and says whether it did. For callers: costs a load
    /// when it does not, and if it is missed the worker's timed park ends by itself.
    #[inline]
    pub(crate) fn hint(&self) -> bool {
        self.parked.load(Ordering::Relaxed) && self.wake()
    }

    /// Sleeps until woken, at most for `timeout` if there is one. Only the worker calls this.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        self.parked.store(true, Ordering::Relaxed);
        // A wake since the worker last looked at its tasks makes this return at once.
        match timeout {
            Some(timeout) => thread::park_timeout(timeout),
            None => thread::park(),
        }
        self.parked.store(false, Ordering::Relaxed);
    }
}
