//! Under the model checker: loom's types in the shape of those that we use otherwise.
//!
//! Time does not exist there. A timed wait on a condition variable waits until notified, so a
//! lost notification is a deadlock that loom finds; a timed park may return at any moment, as
//! timers are not to be relied on.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
pub(crate) use std::sync::Arc;
use std::time::Duration;
pub(crate) use std::time::Instant;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// As in std, a token; here on a lock, since loom's own `unpark` also wakes a thread that waits for
/// something else.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    token: Mutex<bool>,
    woken: Condvar,
}

impl Parker {
    /// Whole engines are not modelled: their threads are not loom's.
    pub(crate) fn belongs_to(&self, _: &std::thread::Thread) {}

    pub(crate) fn park(&self, timeout: Option<Duration>) {
        if timeout.is_some() {
            return loom::thread::yield_now();
        }
        let mut token = self.token.lock();
        while !*token {
            self.woken.wait(&mut token);
        }
        *token = false;
    }

    pub(crate) fn unpark(&self) {
        *self.token.lock() = true;
        self.woken.notify_one();
    }
}

/// A lock that does not poison.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("a panic ends the model")))
    }

    pub(crate) fn try_lock_until(&self, _: Instant) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }

    pub(crate) fn try_lock_for(&self, _: Duration) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }
}

impl<T> MutexGuard<'_, T> {
    /// Delivery, which needs it, is not modelled: it is simulated.
    pub(crate) fn unlocked<R>(_: &mut Self, _: impl FnOnce() -> R) -> R {
        unreachable!("no model comes here")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only empty while it waits")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("only empty while it waits")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(loom::sync::Condvar);

pub(crate) struct WaitTimeoutResult;

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("only empty while it waits");
        guard.0 = Some(self.0.wait(held).expect("a panic ends the model"));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult
    }

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        self.wait(guard);
        WaitTimeoutResult
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A queue without a bound.
pub(crate) struct SegQueue<T>(Mutex<VecDeque<T>>);

impl<T> Default for SegQueue<T> {
    fn default() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }
}

impl<T> SegQueue<T> {
    pub(crate) fn push(&self, value: T) {
        self.0.lock().push_back(value);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.lock().pop_front()
    }
}

/// A queue with a bound.
pub(crate) struct ArrayQueue<T> {
    queue: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { queue: Mutex::new(VecDeque::new()), capacity }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut queue = self.queue.lock();
        if queue.len() == self.capacity {
            return Err(value);
        }
        queue.push_back(value);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.lock().pop_front()
    }
}
