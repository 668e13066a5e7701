//! tracing: JSON is made by the caller (tracing-subscriber), tracing-appender's thread writes it.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use tracing::info;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

fn start(folder: &Path, lossy: bool) -> WorkerGuard {
    let file = File::create(folder.join("orders.log")).expect("the folder is writable");
    // The thread flushes whenever its queue is empty, so a buffer delays nothing.
    let file = BufWriter::with_capacity(64 << 10, file);
    let (writer, guard) = NonBlockingBuilder::default().lossy(lossy).finish(file);
    tracing_subscriber::fmt().json().with_writer(writer).init();
    guard
}

fn caller() -> impl FnMut(&Order) + Send {
    |order| info!(order_id = order.id, price = order.price, symbol = order.symbol, "order filled")
}

/// With backpressure.
pub struct Lossless(WorkerGuard);

impl Peer for Lossless {
    const ABOUT: About = About {
        name: "tracing",
        crates: &["tracing", "tracing-appender", "tracing-subscriber"],
        writes: Writes::Json,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "tracing-subscriber's JSON, `non_blocking` with `lossy(false)`; buffered file",
    };

    fn start(folder: &Path) -> Self {
        Self(start(folder, false))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        caller()
    }

    fn finish(self) -> Arrived {
        drop(self.0);
        Arrived::InFiles
    }
}

/// tracing-appender's default.
pub struct Lossy(WorkerGuard);

impl Peer for Lossy {
    const ABOUT: About = About {
        name: "tracing-lossy",
        when_full: WhenFull::Drops,
        setup: "as `tracing`, with the default `lossy(true)`",
        ..Lossless::ABOUT
    };

    fn start(folder: &Path) -> Self {
        Self(start(folder, true))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        caller()
    }

    fn finish(self) -> Arrived {
        drop(self.0);
        Arrived::InFiles
    }
}
