//! Who is measured: one small trait, and a file for each that implements it.

mod crossbeam_channel;
mod disruptor;
mod emit;
mod fast_log;
mod flexi_logger;
mod ftlog;
mod log4rs;
mod logforth;
mod logwheel;
mod quicklog;
mod rlg;
mod slog;
mod spdlog;
mod ticklog;
mod tracing;

use std::path::Path;

use crate::job::{Job, Outcome};
use crate::measure;
use crate::order::Order;

pub use rlg::TO_STDOUT as RLG_TO_STDOUT;

/// A logger under measurement. It lives in a process of its own, since most are globals.
pub trait Peer: Sized {
    const ABOUT: About;

    /// Sets the logger up, to write into files in this empty folder and nowhere else.
    fn start(folder: &Path) -> Self;

    /// The log call as one thread makes it; that thread gets it before it starts.
    fn caller(&self) -> impl FnMut(&Order) + Send;

    /// Returns when the logger says that everything is written. All callers are gone by then.
    fn finish(self) -> Arrived;
}

/// Where to look for what arrived.
pub enum Arrived {
    /// As lines in the files of the folder.
    InFiles,
    /// Nothing was written; the consumer counted the events.
    Counted(u64),
}

/// What a reader of the tables must know about a peer.
#[derive(Debug)]
pub struct About {
    /// The name in tables, and on the command line.
    pub name: &'static str,
    /// The crates that do the work, as `Cargo.lock` names them.
    pub crates: &'static [&'static str],
    pub writes: Writes,
    pub when_full: WhenFull,
    /// How many threads may log.
    pub max_threads: usize,
    /// The configuration in a few words.
    pub setup: &'static str,
}

/// What ends up in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// JSON with the three fields as fields of their own.
    Json,
    /// A line of text; the three values are formatted into the message.
    Text,
    /// No file: a floor for what it costs to hand the values over.
    Nothing,
}

/// What happens to an event for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The caller waits: nothing is lost, and memory is bounded.
    Waits,
    /// Events are dropped.
    Drops,
    /// The queue grows: nothing is lost until memory is.
    Grows,
    /// There is no queue: the caller writes to the file.
    Writes,
}

/// A peer, its type erased.
pub struct Entry {
    pub about: About,
    /// Measures it; in a process made for that alone.
    pub run: fn(&Job) -> Outcome,
}

const fn entry<P: Peer>() -> Entry {
    Entry { about: P::ABOUT, run: measure::run::<P> }
}

/// The call through the `log` macros, for peers that keep key-value pairs.
fn log_with_fields(order: &Order) {
    log::info!(order_id = order.id, price = order.price, symbol = order.symbol; "order filled");
}

/// The call through the `log` macros, for peers that only know text.
fn log_as_text(order: &Order) {
    log::info!("order filled order_id={} price={} symbol={}", order.id, order.price, order.symbol);
}

/// Everyone, in the order in which they are run.
pub const ALL: &[Entry] = &[
    entry::<logwheel::Default>(),
    entry::<logwheel::BusySpin>(),
    entry::<ticklog::Ticklog>(),
    entry::<slog::Slog>(),
    entry::<spdlog::Spdlog>(),
    entry::<tracing::Lossless>(),
    entry::<tracing::Lossy>(),
    entry::<emit::Emit>(),
    entry::<logforth::Logforth>(),
    entry::<flexi_logger::Flexi>(),
    entry::<log4rs::Log4rs>(),
    entry::<fast_log::FastLog>(),
    entry::<ftlog::Ftlog>(),
    entry::<rlg::Rlg>(),
    entry::<quicklog::Quicklog>(),
    entry::<disruptor::Multi>(),
    entry::<disruptor::Single>(),
    entry::<crossbeam_channel::Channel>(),
];

/// The peer with this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.about.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_taken_once_and_found() {
        for (index, entry) in ALL.iter().enumerate() {
            let found = ALL.iter().position(|other| other.about.name == entry.about.name);
            assert_eq!(found, Some(index), "{}", entry.about.name);
        }
        assert!(find("nobody").is_none());
    }
}
