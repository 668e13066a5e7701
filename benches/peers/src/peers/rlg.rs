//! rlg: a queue that evicts its oldest events. Its engine writes to the journal or to standard output
//! and to nothing else, so standard output becomes the file.

use std::fs::File;
use std::path::Path;

use rlg::init::FlushGuard;
use rlg::log::Log;
use rlg::log_format::LogFormat;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Rlg(FlushGuard);

/// Makes rlg's engine write to standard output where there is a journal; it reads nothing but this.
pub const TO_STDOUT: &str = "RLG_FALLBACK_STDOUT";

impl Peer for Rlg {
    const ABOUT: About = About {
        name: "rlg",
        crates: &["rlg"],
        writes: Writes::Json,
        when_full: WhenFull::Drops,
        max_threads: usize::MAX,
        setup: "`LogFormat::JSON`, queue of 65,536 that evicts; standard output redirected, as it has no file sink",
    };

    fn start(folder: &Path) -> Self {
        let file = File::create(folder.join("orders.log")).expect("the folder is writable");
        rustix::stdio::dup2_stdout(&file).expect("standard output can be redirected");
        Self(rlg::builder().format(LogFormat::JSON).init().expect("the only logger of this process"))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        |order| {
            let event = Log::info("order filled").format(LogFormat::JSON);
            event.with("order_id", order.id).with("price", order.price).with("symbol", order.symbol).fire();
        }
    }

    fn finish(self) -> Arrived {
        drop(self.0);
        Arrived::InFiles
    }
}
