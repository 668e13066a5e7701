//! A stage as a worker holds it: its own, or one that several workers take turns with.

use crate::sync::{Arc, Mutex};

pub(crate) enum Instance<T: ?Sized> {
    Own(Box<T>),
    Turns(Arc<Mutex<Box<T>>>),
}

impl<T: ?Sized> Instance<T> {
    /// One instance for each of `workers`: replicas where the stage makes them, else turns.
    pub(crate) fn for_workers(stage: Box<T>, workers: usize, replicate: impl Fn(&T) -> Option<Box<T>>) -> Vec<Self> {
        let replicas: Option<Vec<_>> = (1..workers).map(|_| replicate(&stage)).collect();
        match replicas {
            Some(replicas) => std::iter::once(stage).chain(replicas).map(Instance::Own).collect(),
            None => {
                let shared = Arc::new(Mutex::new(stage));
                (0..workers).map(|_| Instance::Turns(Arc::clone(&shared))).collect()
            }
        }
    }

    #[inline]
    pub(crate) fn with<R>(&mut self, call: impl FnOnce(&mut T) -> R) -> R {
        match self {
            Instance::Own(stage) => call(stage),
            // A panic inside unlocks: the lock does not poison.
            Instance::Turns(stage) => call(&mut stage.lock()),
        }
    }
}
