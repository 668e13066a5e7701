//! The per-stage topology: a thread for the filters, one to enrich, redact and encode, one for
//! processors and dispatch.
//!
//! ```text
//!            tray                tray
//!  filter ─────────▶ encode ─────────▶ out
//!     ▲                                 │
//!     └───────────── empty trays ◀──────┘
//! ```
//!
//! Events stay in their slots. Each of the three threads has a reader in every lane's chain; what
//! the callers wrote is read there by whoever needs it. Beside it travels a [`tray`]: which slots
//! were taken, in merged order, what stages made of each event, and finally the lines. So lanes are
//! merged once, events keep their order, and what is under way is bounded by the number of trays.
//! New lanes, flushes and the end travel on the same trays, and cannot overtake an event.

mod encode;
mod filter;
mod out;
mod tray;

pub(crate) use encode::EncodeWorker;
pub(crate) use filter::FilterWorker;
pub(crate) use out::OutWorker;
pub(crate) use tray::Belt;
use tray::{Source, Tray};

/// How many trays there are: what the three threads can be apart.
pub(crate) const TRAYS: usize = 8;
/// The most events on a tray; a slow dispatch never holds up more than it has taken.
const TRAY_EVENTS: usize = 256;
