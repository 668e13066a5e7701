//! What was read, counted.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one reader: it alone writes, anybody may look.
        #[derive(Debug, Default)]
        pub struct InputCounts {
            $(pub(super) $name: AtomicU64,)*
        }

        /// What the counters said at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct InputTotals {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl InputTotals {
            /// Each with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }

        impl InputCounts {
            /// What they say now.
            #[must_use]
            pub fn totals(&self) -> InputTotals {
                InputTotals { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counts! {
    /// Lines that were read: empty, below the level, or logged.
    lines,
    /// Lines with nothing in them.
    empty,
    /// Lines that were not logged because their level is below the engine's.
    below_level,
    /// Lines that were logged.
    logged,
    /// Lines that were JSON objects.
    json,
    /// Lines that begin like a JSON object and are none, or have too many members: taken as text.
    malformed,
    /// Lines that were not UTF-8.
    not_utf8,
    /// Lines that were too long and were cut.
    cut,
    /// Events whose level was not understood, taken as `INFO`.
    unknown_levels,
}

/// Counts one; for the only thread that writes.
#[inline]
pub(super) fn one_more(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}
