//! ticklog: a ring of bytes for each thread, and a thread that formats. It writes text only, so the
//! values go into the message.

use std::path::Path;

use ticklog::{Backpressure, FileSink, Guard, Level, info};

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

// `configure!` defines these two at the root of the crate, and `info!` wants them by their bare names,
// so in a module it takes the same constants once more.
macro_rules! __ticklog_max_level {
    () => {
        Level::Info
    };
}

macro_rules! __ticklog_backpressure {
    () => {
        Backpressure::Block
    };
}

pub struct Ticklog(Guard);

impl Peer for Ticklog {
    const ABOUT: About = About {
        name: "ticklog",
        crates: &["ticklog"],
        writes: Writes::Text,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "`Backpressure::Block`, `FileSink`",
    };

    fn start(folder: &Path) -> Self {
        let sink = FileSink::new(folder.join("orders.log")).expect("the folder is writable");
        let guard = ticklog::configure! { sink: sink, max_level: Level::Info, backpressure: Backpressure::Block };
        Self(guard.expect("configured once"))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        |order| info!("order filled order_id={} price={} symbol={}", order.id, order.price, order.symbol)
    }

    fn finish(self) -> Arrived {
        drop(self.0);
        Arrived::InFiles
    }
}
