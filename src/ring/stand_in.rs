//! Under the model checker, in place of the `disruptor` crate: a ring of the same shape on loom's
//! atomics, as simple as can be. It keeps what lanes rely on: a slot is read after it was
//! published and before it is released, readers follow each other, and a claimed slot that is not
//! published hides those behind it.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicI64, Ordering};

use crate::sync::Arc;

pub(super) struct BusySpin;
pub(super) struct SingleProducerBarrier;
pub(super) struct MultiProducerBarrier;
pub(super) struct SingleConsumerBarrier;

struct Ring<E> {
    cells: Box<[UnsafeCell<E>]>,
    /// The sequence that was published last in each slot.
    published: Box<[AtomicI64]>,
    /// The next sequence to be claimed.
    next: AtomicI64,
}

impl<E> Ring<E> {
    fn at<T>(&self, slots: &[T], sequence: i64) -> usize {
        sequence as usize % slots.len()
    }

    fn try_publish(&self, gate: &AtomicI64, update: impl FnOnce(&mut E)) -> Result<i64, RingBufferFull> {
        let mut sequence = self.next.load(Ordering::Relaxed);
        loop {
            // Acquire: pairs with the guard's drop; what the last reader released may be written.
            if sequence - gate.load(Ordering::Acquire) > self.cells.len() as i64 {
                return Err(RingBufferFull);
            }
            match self.next.compare_exchange(sequence, sequence + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => sequence = now,
            }
        }
        // SAFETY: this sequence was claimed by us alone, and its slot was released by the last reader.
        self.cells[self.at(&self.cells, sequence)].with_mut(|cell| update(unsafe { &mut *cell }));
        self.published[self.at(&self.published, sequence)].store(sequence, Ordering::Release);
        Ok(sequence)
    }
}

// SAFETY: cells are handed out to one writer at a time, and to readers only between that writer's
// release store and the last reader's.
unsafe impl<E: Send> Send for Ring<E> {}
// SAFETY: as above.
unsafe impl<E: Send + Sync> Sync for Ring<E> {}

pub(super) struct Builder<E, P, B> {
    ring: Arc<Ring<E>>,
    /// The reader behind which the next ones come.
    behind: Option<Arc<AtomicI64>>,
    newest: Option<Arc<AtomicI64>>,
    kind: PhantomData<(P, B)>,
}

pub(super) fn build_single_producer<E>(
    slots: usize,
    factory: impl FnMut() -> E,
    _: BusySpin,
) -> Builder<E, SingleProducer<E, SingleConsumerBarrier>, SingleProducerBarrier> {
    Builder::new(slots, factory)
}

pub(super) fn build_multi_producer<E>(
    slots: usize,
    factory: impl FnMut() -> E,
    _: BusySpin,
) -> Builder<E, MultiProducer<E, SingleConsumerBarrier>, MultiProducerBarrier> {
    Builder::new(slots, factory)
}

impl<E, P, B> Builder<E, P, B> {
    fn new(slots: usize, mut factory: impl FnMut() -> E) -> Self {
        let ring = Ring {
            cells: (0..slots).map(|_| UnsafeCell::new(factory())).collect(),
            published: (0..slots).map(|_| AtomicI64::new(-1)).collect(),
            next: AtomicI64::new(0),
        };
        Self { ring: Arc::new(ring), behind: None, newest: None, kind: PhantomData }
    }

    pub(super) fn new_event_poller(self) -> (EventPoller<E, B>, Self) {
        let cursor = Arc::new(AtomicI64::new(-1));
        let poller = EventPoller {
            ring: Arc::clone(&self.ring),
            behind: self.behind.clone(),
            cursor: Arc::clone(&cursor),
            kind: PhantomData,
        };
        (poller, Self { newest: Some(cursor), ..self })
    }

    pub(super) fn and_then(self) -> Builder<E, P, SingleConsumerBarrier> {
        Builder { ring: self.ring, behind: self.newest.clone(), newest: self.newest, kind: PhantomData }
    }

    pub(super) fn build(self) -> P
    where
        P: From<Ends<E>>,
    {
        P::from(Ends { ring: self.ring, gate: self.newest.expect("a reader") })
    }
}

/// What a producer needs.
pub(super) struct Ends<E> {
    ring: Arc<Ring<E>>,
    gate: Arc<AtomicI64>,
}

pub(super) struct SingleProducer<E, C>(Ends<E>, PhantomData<C>);
pub(super) struct MultiProducer<E, C>(Ends<E>, PhantomData<C>);

impl<E, C> From<Ends<E>> for SingleProducer<E, C> {
    fn from(ends: Ends<E>) -> Self {
        Self(ends, PhantomData)
    }
}

impl<E, C> From<Ends<E>> for MultiProducer<E, C> {
    fn from(ends: Ends<E>) -> Self {
        Self(ends, PhantomData)
    }
}

impl<E, C> Clone for MultiProducer<E, C> {
    fn clone(&self) -> Self {
        Self(Ends { ring: Arc::clone(&self.0.ring), gate: Arc::clone(&self.0.gate) }, PhantomData)
    }
}

#[derive(Debug)]
pub(super) struct RingBufferFull;

pub(super) trait Producer<E> {
    fn try_publish(&mut self, update: impl FnOnce(&mut E)) -> Result<i64, RingBufferFull>;
}

impl<E, C> Producer<E> for SingleProducer<E, C> {
    fn try_publish(&mut self, update: impl FnOnce(&mut E)) -> Result<i64, RingBufferFull> {
        self.0.ring.try_publish(&self.0.gate, update)
    }
}

impl<E, C> Producer<E> for MultiProducer<E, C> {
    fn try_publish(&mut self, update: impl FnOnce(&mut E)) -> Result<i64, RingBufferFull> {
        self.0.ring.try_publish(&self.0.gate, update)
    }
}

pub(super) struct EventPoller<E, B> {
    ring: Arc<Ring<E>>,
    behind: Option<Arc<AtomicI64>>,
    cursor: Arc<AtomicI64>,
    kind: PhantomData<B>,
}

#[derive(Debug)]
pub(super) enum Polling {
    NoEvents,
}

pub(super) struct EventGuard<'p, E, B> {
    poller: &'p mut EventPoller<E, B>,
    next: i64,
    available: i64,
}

impl<E, B> EventPoller<E, B> {
    pub(super) fn take(&mut self, limit: u64) -> Result<EventGuard<'_, E, B>, Polling> {
        let cursor = self.cursor.load(Ordering::Relaxed);
        let last = cursor.saturating_add_unsigned(limit);
        let available = match &self.behind {
            // Acquire: pairs with the drop of the guard of the reader before.
            Some(behind) => behind.load(Ordering::Acquire).min(last),
            None => {
                let ring = &self.ring;
                let is_published = |sequence: &i64| {
                    ring.published[ring.at(&ring.published, *sequence)].load(Ordering::Acquire) == *sequence
                };
                let most = last.min(cursor + ring.published.len() as i64);
                (cursor + 1..=most).take_while(is_published).last().unwrap_or(cursor)
            }
        };
        if available == cursor {
            Err(Polling::NoEvents)
        } else {
            Ok(EventGuard { poller: self, next: cursor + 1, available })
        }
    }
}

impl<'g, E, B> Iterator for &'g mut EventGuard<'_, E, B> {
    type Item = &'g E;

    fn next(&mut self) -> Option<&'g E> {
        if self.next > self.available {
            return None;
        }
        let ring = &self.poller.ring;
        // SAFETY: the slot is published, and its producer waits for our cursor.
        let cell = ring.cells[ring.at(&ring.cells, self.next)].with(|cell| unsafe { &*cell });
        self.next += 1;
        Some(cell)
    }
}

impl<E, B> ExactSizeIterator for &mut EventGuard<'_, E, B> {
    fn len(&self) -> usize {
        (self.available - self.next + 1) as usize
    }
}

impl<E, B> Drop for EventGuard<'_, E, B> {
    fn drop(&mut self) {
        self.poller.cursor.store(self.available, Ordering::Release);
    }
}
