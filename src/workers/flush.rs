//! Flushes on their way through the workers.

use std::time::Duration;

use crate::sync::{Arc, AtomicUsize, Condvar, Instant, Mutex, Ordering};

/// One round after the other goes through the workers; flushes that arrive meanwhile share the
/// next one.
#[derive(Debug, Default)]
pub(crate) struct FlushDesk {
    rounds: Mutex<Rounds>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rounds {
    begun: u64,
    /// At most one less than `begun`.
    done: u64,
}

/// Counts the workers that have carried everything accepted before the round began.
#[derive(Debug)]
pub(crate) struct FlushRound {
    /// How many slots of the shared lane are consumed when the round's marker in it is: what lies
    /// before it was accepted before the flush, whatever neighbour was still writing.
    pub(crate) shared_target: u64,
    workers_left: AtomicUsize,
    desk: Arc<FlushDesk>,
}

/// How often a waiting flush looks whether the engine has ended meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl FlushDesk {
    /// Waits for a round that begins after this call. `begin` begins one, or gives up: it is called
    /// by one flush at a time. `false` if it did, if the deadline came first, or if `ended`.
    pub(crate) fn flush(
        self: &Arc<Self>,
        deadline: Instant,
        mut begin: impl FnMut() -> bool,
        ended: impl Fn() -> bool,
    ) -> bool {
        let mut rounds = self.rounds.lock();
        // A round that has begun may have passed lanes before what this flush is about was there.
        let wanted = rounds.begun + 1;
        while rounds.done < wanted {
            if rounds.begun == rounds.done {
                rounds.begun += 1;
                drop(rounds);
                let has_begun = begin();
                rounds = self.rounds.lock();
                if !has_begun {
                    rounds.begun -= 1;
                    // One of those who wait begins it in our place.
                    self.changed.notify_all();
                    return false;
                }
                continue;
            }
            let now = Instant::now();
            if now >= deadline || ended() {
                return false;
            }
            // A worker that hangs when the engine is shut down never says that it is done.
            self.changed.wait_until(&mut rounds, deadline.min(now + LOOK_AGAIN));
        }
        true
    }

    fn round_done(&self) {
        self.rounds.lock().done += 1;
        self.changed.notify_all();
    }
}

impl FlushRound {
    pub(crate) fn new(desk: &Arc<FlushDesk>, shared_target: u64, workers: usize) -> Self {
        Self { shared_target, workers_left: AtomicUsize::new(workers), desk: Arc::clone(desk) }
    }

    /// A worker has carried everything that this round is about, and so have those behind it.
    pub(crate) fn worker_done(&self) {
        // AcqRel: who is last has seen what the others did before.
        if self.workers_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.desk.round_done();
        }
    }
}
