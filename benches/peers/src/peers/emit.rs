//! emit with emit_file, whose batches are bounded: what exceeds them is dropped.

use std::path::Path;
use std::time::Duration;

use emit_file::FileSet;

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

pub struct Emit(emit::setup::Init<'static, FileSet>);

impl Peer for Emit {
    const ABOUT: About = About {
        name: "emit",
        crates: &["emit", "emit_file"],
        writes: Writes::Json,
        when_full: WhenFull::Drops,
        max_threads: usize::MAX,
        setup: "`emit_file::set`; it cannot be told to wait, and its flush syncs the file",
    };

    fn start(folder: &Path) -> Self {
        Self(emit::setup().emit_to(emit_file::set(folder.join("orders.log")).spawn()).init())
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        |order| {
            let Order { id: order_id, price, symbol } = *order;
            emit::info!("order filled", order_id, price, symbol);
        }
    }

    fn finish(self) -> Arrived {
        self.0.blocking_flush(Duration::from_secs(60));
        Arrived::InFiles
    }
}
