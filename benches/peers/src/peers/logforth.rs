//! logforth behind the `log` macros: records go to a thread, which makes JSON.

use std::path::Path;

use logforth::append::asynchronous::AsyncBuilder;
use logforth::append::file::FileBuilder;
use logforth::layout::JsonLayout;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Logforth;

impl Peer for Logforth {
    const ABOUT: About = About {
        name: "logforth",
        crates: &["logforth"],
        writes: Writes::Json,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "async appender of 8192 lines (unbounded by default) that blocks, `JsonLayout`, file appender",
    };

    fn start(folder: &Path) -> Self {
        let file = FileBuilder::new(folder, "orders").layout(JsonLayout::default()).build();
        let queue = AsyncBuilder::new("logforth")
            .buffered_lines_limit(Some(8192))
            .overflow_block()
            .append(file.expect("the folder is writable"))
            .build();
        logforth::starter_log::builder().dispatch(|dispatch| dispatch.append(queue)).apply();
        log::set_max_level(log::LevelFilter::Info);
        Self
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        super::log_with_fields
    }

    fn finish(self) -> Arrived {
        log::logger().flush();
        Arrived::InFiles
    }
}
