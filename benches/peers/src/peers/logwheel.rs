//! logwheel, told to lose nothing: callers and the file's queue wait.

use std::path::Path;
use std::time::Duration;

use logwheel::{Engine, EngineBuilder, FileSink, OnFull, Overflow, Wait, info};

use super::{About, Arrived, Peer, WhenFull, Writes};
use crate::order::Order;

const PATIENCE: Duration = Duration::from_secs(60);

fn start(builder: EngineBuilder, folder: &Path) -> Engine {
    let builder = builder.on_full(OnFull::Block);
    let file = FileSink::new(folder.join("orders.log"));
    builder.sink_with(file, |sink| sink.overflow(Overflow::Block(PATIENCE))).build().expect("valid options")
}

fn caller(engine: &Engine) -> impl FnMut(&Order) + Send + use<> {
    let logger = engine.logger("orders");
    // After 64 events a thread has a lane of its own; no call asks for one.
    move |order| info!(logger, "order filled", order_id = order.id, price = order.price, symbol = order.symbol)
}

/// Every engine option but `on_full` at its default.
pub struct Default(Engine);

impl Peer for Default {
    const ABOUT: About = About {
        name: "logwheel",
        crates: &["logwheel"],
        writes: Writes::Json,
        when_full: WhenFull::Waits,
        max_threads: usize::MAX,
        setup: "defaults, `on_full = \"block\"`; file sink",
    };

    fn start(folder: &Path) -> Self {
        Self(start(Engine::builder(), folder))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        caller(&self.0)
    }

    fn finish(self) -> Arrived {
        self.0.shutdown(PATIENCE);
        Arrived::InFiles
    }
}

/// A worker that never sleeps.
pub struct BusySpin(Engine);

impl Peer for BusySpin {
    const ABOUT: About = About {
        name: "logwheel-busy-spin",
        setup: "as `logwheel`, with a worker that takes a whole core",
        ..Default::ABOUT
    };

    fn start(folder: &Path) -> Self {
        Self(start(Engine::builder().wait(Wait::BusySpin), folder))
    }

    fn caller(&self) -> impl FnMut(&Order) + Send {
        caller(&self.0)
    }

    fn finish(self) -> Arrived {
        self.0.shutdown(PATIENCE);
        Arrived::InFiles
    }
}
