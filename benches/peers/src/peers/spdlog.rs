//! spdlog-rs: an async pool of one thread, JSON by its own formatter.

use std::path::Path;
use std::sync::Arc;

use spdlog::formatter::JsonFormatter;
use spdlog::sink::{AsyncPoolSink, FileSink, OverflowPolicy};
use spdlog::{Logger, ThreadPool, info};

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Spdlog {
    logger: Arc<Logger>,
    pool: Arc<ThreadPool>,
}

impl Peer for Spdlog {
    const ABOUT: About = About {
        name: "spdlog-rs",
        crates: &["spdlog-rs"],
        writes: Writes::Json,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "`AsyncPoolSink` of 8192 that blocks, `JsonFormatter`, buffered `FileSink`",
    };

    fn start(folder: &Path) -> Self {
        let pool = ThreadPool::builder().build_arc().expect("threads are to be had");
        let file = FileSink::builder()
            .path(folder.join("orders.log"))
            .capacity(64 << 10)
            .formatter(JsonFormatter::new())
            .build_arc()
            .expect("the folder is writable");
        let queue = AsyncPoolSink::builder()
            .sink(file)
            .overflow_policy(OverflowPolicy::Block)
            .thread_pool(Arc::clone(&pool))
            .build_arc()
            .expect("valid options");
        Self { logger: Logger::builder().sink(queue).build_arc().expect("valid options"), pool }
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        let logger = Arc::clone(&self.logger);
        move |order| {
            info!(logger: logger, "order filled",
                kv: { order_id = order.id, price = order.price, symbol = order.symbol });
        }
    }

    fn finish(self) -> Arrived {
        self.logger.flush();
        // The file is flushed with its last owner; the pool's thread ends with the pool, after its tasks.
        drop(self.logger);
        drop(self.pool);
        Arrived::InFiles
    }
}
