//! The end of the road: a queue of batches and a thread for each sink.
//!
//! Workers append finished lines to a sink's [`queue`], which is the delivery policy behind a lock.
//! The sink's [`outlet`] threads, and the [`spooler`] of a sink with a spool, ask it what to do.

mod counts;
mod options;
mod outlet;
mod queue;
mod routes;
mod spooler;

pub use counts::SinkLedger;
pub use options::SinkOptions;
pub(crate) use outlet::Outlet;
pub(crate) use queue::SinkQueue;
pub use routes::Route;
pub(crate) use routes::{RouteOptions, Routes, Target};
pub(crate) use spooler::Spooler;

use logwheel_sinks::policy::News;

use crate::diagnostics::{Diagnostics, Severity};

fn report_news(diagnostics: &Diagnostics, sink: &str, news: News) {
    let severity = if news.is_loss() { Severity::Error } else { Severity::Warning };
    diagnostics.report(severity, sink, || news.to_string());
}
