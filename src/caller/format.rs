//! Values that must be formatted: done before anything is claimed, into the thread's scratch.
//!
//! The scratch is a stack: a `Display` that logs formats its own values above the ones that wait,
//! and takes them off again before it returns.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{Value, write_error_chain};

use super::Intake;
use super::draft::Statement;
use super::thread::{THREAD, publish};
use crate::sync::Arc;

/// A longer scratch is not kept between events.
const KEEP: usize = 64 << 10;
const PANICKED: &str = "[panicked while formatting]";

/// Formats what has to be formatted, then publishes.
pub(super) fn publish_formatted<const N: usize>(
    intake: &Arc<Intake>,
    statement: Statement<'_>,
    values: [Value<'_>; N],
) {
    let limit = intake.config.max_event_bytes;
    let done = THREAD.try_with(|thread| {
        let base = thread.scratch.borrow().len();
        let mut ends = [0; N];
        for (value, end) in values.iter().zip(&mut ends) {
            let start = thread.scratch.borrow().len();
            let append = |text: &str| thread.scratch.borrow_mut().extend_from_slice(text.as_bytes());
            if !format(value, limit, append) {
                thread.scratch.borrow_mut().truncate(start);
                append(PANICKED);
                intake.strays.format_panic();
            }
            *end = thread.scratch.borrow().len();
        }
        {
            let scratch = thread.scratch.borrow();
            let mut start = base;
            let plain = std::array::from_fn(|index| {
                let text = &scratch[start..ends[index]];
                start = ends[index];
                // Only whole `str`s were appended.
                let text = std::str::from_utf8(text).unwrap_or_default();
                if values[index].needs_formatting() { Value::Str(text) } else { values[index] }
            });
            publish::<[Value<'_>; N]>(intake, statement, plain);
        }
        let mut scratch = thread.scratch.borrow_mut();
        scratch.truncate(base);
        if base == 0 && scratch.capacity() > KEEP {
            *scratch = Vec::new();
        }
    });
    if done.is_err() {
        // The thread's scratch is gone already: strings of our own.
        let texts: [String; N] = std::array::from_fn(|index| {
            let mut text = String::new();
            if !format(&values[index], limit, |part| text.push_str(part)) {
                intake.strays.format_panic();
                return PANICKED.to_owned();
            }
            text
        });
        let plain = std::array::from_fn(|index| {
            if values[index].needs_formatting() { Value::Str(&texts[index]) } else { values[index] }
        });
        publish::<[Value<'_>; N]>(intake, statement, plain);
    }
}

/// Hands the text of a value that needs formatting to `append`. `false` if it panicked.
fn format(value: &Value<'_>, limit: usize, append: impl FnMut(&str)) -> bool {
    struct Limited<A> {
        append: A,
        left: usize,
    }

    impl<A: FnMut(&str)> Write for Limited<A> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            // A little more than an event may have, so that it is seen to be too long; a
            // `Display` without end is stopped here.
            let text = &text[..text.floor_char_boundary(self.left)];
            (self.append)(text);
            self.left -= text.len();
            if self.left < 4 { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut out = Limited { append, left: limit + 8 };
    // A `Display` that gives up leaves what it wrote.
    let formatted = catch_unwind(AssertUnwindSafe(|| match value {
        Value::Display(value) => write!(out, "{value}"),
        Value::Debug(value) => write!(out, "{value:?}"),
        Value::Error(error) => write_error_chain(*error, &mut out),
        _ => Ok(()),
    }));
    formatted.is_ok()
}
