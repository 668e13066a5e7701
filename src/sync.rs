//! Atomics, locks and threads of our own protocols come from here and from nowhere else, so that
//! a model checker can take their place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
pub(crate) use std::sync::{Arc, OnceLock};

pub(crate) use parking_lot::{Condvar, Mutex};
