//! The floor of loggers that send owned bytes: the three values in a `Vec`, through a bounded channel.

use std::hint::black_box;
use std::path::Path;
use std::thread::{self, JoinHandle};

use crossbeam_channel::Sender;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Channel {
    sender: Sender<Vec<u8>>,
    consumer: JoinHandle<u64>,
}

impl Peer for Channel {
    const ABOUT: About = About {
        name: "crossbeam-channel",
        crates: &["crossbeam-channel"],
        writes: Writes::Nothing,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "floor: a `Vec` of 24 bytes through a channel of 8192",
    };

    fn start(_: &Path) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded::<Vec<u8>>(8192);
        let consumer = thread::spawn(move || receiver.iter().map(|bytes| drop(black_box(bytes))).count() as u64);
        Self { sender, consumer }
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        let sender = self.sender.clone();
        move |order| {
            let mut bytes = Vec::with_capacity(24);
            bytes.extend_from_slice(&order.id.to_le_bytes());
            bytes.extend_from_slice(&order.price.to_le_bytes());
            bytes.extend_from_slice(order.symbol.as_bytes());
            sender.send(bytes).expect("the consumer waits for the last sender");
        }
    }

    fn finish(self) -> Arrived {
        drop(self.sender);
        Arrived::Counted(self.consumer.join().expect("the consumer does not panic"))
    }
}
