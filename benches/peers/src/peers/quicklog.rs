//! quicklog: one producer, one consumer, which is ours to run. It writes text only.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use quicklog::{info, init, with_flush};
use quicklog_flush::Flush;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Quicklog {
    stop: Arc<AtomicBool>,
    consumer: JoinHandle<()>,
}

/// quicklog's own file flusher opens the file for each line.
struct Buffered(BufWriter<File>);

impl Flush for Buffered {
    fn flush_one(&mut self, line: String) {
        self.0.write_all(line.as_bytes()).expect("tmpfs has room");
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.0.flush().expect("tmpfs has room");
    }
}

struct Nowhere;

impl Flush for Nowhere {
    fn flush_one(&mut self, _: String) {}
}

impl Peer for Quicklog {
    const ABOUT: About = About {
        name: "quicklog",
        crates: &["quicklog"],
        writes: Writes::Text,
        when_full: WhenFull::Drops,
        max_threads: 1,
        setup: "queue of 1,000,000; a consumer that polls, with a buffered file in place of quicklog's flusher",
    };

    fn start(folder: &Path) -> Self {
        let file = File::create(folder.join("orders.log")).expect("the folder is writable");
        init!();
        with_flush!(Buffered(BufWriter::with_capacity(64 << 10, file)));
        let stop = Arc::new(AtomicBool::new(false));
        let consumer = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                // Looks once more after it was told to stop.
                loop {
                    let last = stop.load(Ordering::Acquire);
                    while quicklog::try_flush!().is_ok() {}
                    if last {
                        break;
                    }
                    thread::yield_now();
                }
            }
        });
        Self { stop, consumer }
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        |order| {
            let order = *order;
            info!("order filled {} {} {}", order_id = order.id, price = order.price, symbol = order.symbol);
        }
    }

    fn finish(self) -> Arrived {
        self.stop.store(true, Ordering::Release);
        self.consumer.join().expect("the consumer does not panic");
        // Replaced, so dropped, so flushed.
        with_flush!(Nowhere);
        Arrived::InFiles
    }
}
