//! fast_log behind the `log` macros: the caller formats the message, threads do the rest. It writes
//! text only.

use std::path::Path;

use fast_log::Config;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct FastLog;

impl Peer for FastLog {
    const ABOUT: About = About {
        name: "fast_log",
        crates: &["fast_log"],
        writes: Writes::Text,
        when_full: WhenFull::Grows,
        max_threads: usize::MAX,
        setup: "`chan_len(100000)`, `file`; the bound counts events in its first queue, but batches in the second",
    };

    fn start(folder: &Path) -> Self {
        let file = folder.join("orders.log");
        let config = Config::new().level(log::LevelFilter::Info).chan_len(Some(100_000));
        fast_log::init(config.file(file.to_str().expect("our folder's name is text"))).expect("the only logger");
        Self
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        super::log_as_text
    }

    fn finish(self) -> Arrived {
        log::logger().flush();
        Arrived::InFiles
    }
}
