//! Stages that change encoded events.

mod size_guard;

pub use size_guard::{SizeAction, SizeGuard, SizeGuardBuilder, SizeGuardCounts, SizeGuardError};
