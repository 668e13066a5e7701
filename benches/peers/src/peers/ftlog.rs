//! ftlog behind the `log` macros: the caller formats the message, a thread does the rest. It writes
//! text only.

use std::path::Path;

use ftlog::LoggerGuard;
use ftlog::appender::FileAppender;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Ftlog(LoggerGuard);

impl Peer for Ftlog {
    const ABOUT: About = About {
        name: "ftlog",
        crates: &["ftlog"],
        writes: Writes::Text,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "`bounded(100000, block)`, UTC, feature `tsc`, buffered `FileAppender`",
    };

    fn start(folder: &Path) -> Self {
        let file = FileAppender::builder().path(folder.join("orders.log")).build();
        let logger = ftlog::builder().max_log_level(log::LevelFilter::Info).bounded(100_000, true).utc().root(file);
        Self(logger.try_init().expect("the only logger of this process"))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        super::log_as_text
    }

    fn finish(self) -> Arrived {
        drop(self.0);
        Arrived::InFiles
    }
}
