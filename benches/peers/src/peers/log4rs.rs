//! log4rs: synchronous, the caller makes JSON and writes it.

use std::path::Path;

use log::LevelFilter;
use log4rs::append::file::FileAppender;
use log4rs::config::{Appender, Config, Root};
use log4rs::encode::json::JsonEncoder;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Log4rs;

impl Peer for Log4rs {
    const ABOUT: About = About {
        name: "log4rs",
        crates: &["log4rs"],
        writes: Writes::Json,
        when_full: WhenFull::Writes,
        max_threads: usize::MAX,
        setup: "`FileAppender`, `JsonEncoder` (all three values as strings); it has no queue",
    };

    fn start(folder: &Path) -> Self {
        let file = FileAppender::builder().encoder(Box::new(JsonEncoder::new())).build(folder.join("orders.log"));
        let file = Appender::builder().build("file", Box::new(file.expect("the folder is writable")));
        let config = Config::builder().appender(file).build(Root::builder().appender("file").build(LevelFilter::Info));
        log4rs::init_config(config.expect("one appender, one root")).expect("the only logger of this process");
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
