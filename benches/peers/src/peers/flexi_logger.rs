//! flexi_logger: JSON is made by the caller, a thread writes it.

use std::path::Path;

use flexi_logger::{FileSpec, Logger, LoggerHandle, WriteMode, json_format};
use log::LevelFilter;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Flexi(LoggerHandle);

impl Peer for Flexi {
    const ABOUT: About = About {
        name: "flexi_logger",
        crates: &["flexi_logger"],
        writes: Writes::Json,
        when_full: WhenFull::Grows,
        max_threads: usize::MAX,
        setup: "`WriteMode::Async`, `json_format`; its channel has no bound",
    };

    fn start(folder: &Path) -> Self {
        let file = FileSpec::try_from(folder.join("orders.log")).expect("a path with a name");
        let logger = Logger::with(LevelFilter::Info).log_to_file(file).format(json_format);
        Self(logger.write_mode(WriteMode::Async).start().expect("the folder is writable"))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        super::log_with_fields
    }

    fn finish(self) -> Arrived {
        self.0.shutdown();
        Arrived::InFiles
    }
}
