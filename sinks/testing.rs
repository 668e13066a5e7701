//! For tests: a sink, and an HTTP server, that do what a script says.
//!
//! | What | For |
//! |---|---|
//! | [`ScriptedSink`], [`Attempt`], [`ScriptedHandle`] | an engine whose destination refuses, fails, panics, blocks |
//! | [`ScriptedServer`], [`Reply`], [`Request`] (feature `http`) | a sink that talks HTTP |

mod sink;

pub use self::sink::{Attempt, Captured, ScriptedHandle, ScriptedSink};
#[cfg(feature = "http")]
pub use crate::http::scripted::{Reply, Request, ScriptedServer};
