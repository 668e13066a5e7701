//! slog with slog-async, which blocks when its channel is full, and slog-json.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use slog::{Drain, Logger, info, o};
use slog_async::{Async, AsyncGuard, OverflowStrategy};
use slog_json::Json;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Slog {
    logger: Logger,
    guard: AsyncGuard,
}

impl Peer for Slog {
    const ABOUT: About = About {
        name: "slog-async",
        crates: &["slog", "slog-async", "slog-json"],
        writes: Writes::Json,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "slog-json; channel of 8192, `OverflowStrategy::Block`; buffered file",
    };

    fn start(folder: &Path) -> Self {
        let file = File::create(folder.join("orders.log")).expect("the folder is writable");
        let json = Json::new(BufWriter::with_capacity(64 << 10, file)).add_default_keys().build().fuse();
        let queue = Async::new(json).chan_size(8192).overflow_strategy(OverflowStrategy::Block);
        let (drain, guard) = queue.build_with_guard();
        Self { logger: Logger::root(drain.fuse(), o!()), guard }
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        let logger = self.logger.clone();
        move |order| {
            info!(logger, "order filled"; "order_id" => order.id, "price" => order.price, "symbol" => order.symbol);
        }
    }

    fn finish(self) -> Arrived {
        drop(self.logger);
        drop(self.guard);
        Arrived::InFiles
    }
}
