//! The floor: the `disruptor` crate alone, slots of 256 bytes, the three values copied raw. A consumer
//! that polls reads each event and drops it.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use disruptor::{
    BusySpin, EventPoller, MultiProducer, MultiProducerBarrier, Polling, Producer, SingleConsumerBarrier,
    SingleProducer, SingleProducerBarrier, build_multi_producer, build_single_producer,
};

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

const SLOTS: usize = 8192;

#[repr(align(64))]
struct Slot([u8; 256]);

fn empty() -> Slot {
    Slot([0; 256])
}

#[inline(always)]
fn fill(slot: &mut Slot, order: &Order) {
    slot.0[..8].copy_from_slice(&order.id.to_le_bytes());
    slot.0[8..16].copy_from_slice(&order.price.to_le_bytes());
    slot.0[16..24].copy_from_slice(&order.symbol.as_bytes()[..8]);
}

/// Reads until the producers are gone.
macro_rules! consume {
    ($poller:ident, $barrier:ty) => {{
        let mut poller: EventPoller<Slot, $barrier> = $poller;
        let consumed = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&consumed);
        let consumer = thread::spawn(move || {
            loop {
                match poller.poll() {
                    Ok(mut events) => {
                        let read = (&mut events).map(|slot| black_box(&slot.0)[0]).fold(0, |n, _| n + 1);
                        count.fetch_add(read, Ordering::Relaxed);
                    }
                    Err(Polling::NoEvents) => thread::yield_now(),
                    Err(Polling::Shutdown) => break,
                }
            }
        });
        Consumer { consumed, thread: consumer }
    }};
}

struct Consumer {
    consumed: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Consumer {
    fn finish(self) -> Arrived {
        self.thread.join().expect("the consumer does not panic");
        Arrived::Counted(self.consumed.load(Ordering::Relaxed))
    }
}

/// Any number of producers.
pub struct Multi {
    producer: MultiProducer<Slot, SingleConsumerBarrier>,
    consumer: Consumer,
}

impl Peer for Multi {
    const ABOUT: About = About {
        name: "disruptor-multi",
        crates: &["disruptor"],
        writes: Writes::Nothing,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "floor: raw multi-producer publish, 256-byte slots, a consumer that polls",
    };

    fn start(_: &Path) -> Self {
        let (poller, builder) = build_multi_producer(SLOTS, empty, BusySpin).new_event_poller();
        Self { consumer: consume!(poller, MultiProducerBarrier), producer: builder.build() }
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        let mut producer = self.producer.clone();
        move |order| producer.publish(|slot| fill(slot, order))
    }

    fn finish(self) -> Arrived {
        drop(self.producer);
        self.consumer.finish()
    }
}

/// One producer, which must not be shared.
pub struct Single {
    producer: Mutex<Option<SingleProducer<Slot, SingleConsumerBarrier>>>,
    consumer: Consumer,
}

impl Peer for Single {
    const ABOUT: About = About {
        name: "disruptor-single",
        max_threads: 1,
        setup: "floor: raw single-producer publish, 256-byte slots, a consumer that polls",
        ..Multi::ABOUT
    };

    fn start(_: &Path) -> Self {
        let (poller, builder) = build_single_producer(SLOTS, empty, BusySpin).new_event_poller();
        Self { consumer: consume!(poller, SingleProducerBarrier), producer: Mutex::new(Some(builder.build())) }
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        let mut producer = self.producer.lock().expect("nobody panics").take().expect("one thread alone logs");
        move |order| producer.publish(|slot| fill(slot, order))
    }

    fn finish(self) -> Arrived {
        drop(self.producer);
        self.consumer.finish()
    }
}
