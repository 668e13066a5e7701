//! The laws, one for each fuzz target of the same name. Each panics where it is broken.

mod field_mask;
mod json_line;
mod loki_answer;
mod loki_push;
mod match_expression;
mod redactors;
mod size_guard;
mod spool;
mod wire_reader;

pub use field_mask::field_mask;
pub use json_line::json_line;
pub use loki_answer::loki_answer;
pub use loki_push::loki_push;
pub use match_expression::match_expression;
pub use redactors::redactors;
pub use size_guard::size_guard;
pub use spool::spool;
pub use wire_reader::wire_reader;

use logwheel_core::{Envelope, Event, Identity, JsonEncoder, LineBuffer};
use serde_json::value::RawValue;

/// The event as a line in each envelope, checked to be one line of valid JSON.
fn lines(event: &Event<'_>, identity: Option<Identity>) -> [String; 2] {
    [Envelope::Flat, Envelope::V1_1].map(|envelope| {
        let mut line = LineBuffer::new();
        JsonEncoder::new(envelope).encode(event, identity, &mut line);
        let line = String::from_utf8(line.to_vec()).expect("lines are UTF-8");
        assert!(line.bytes().all(|byte| byte >= 0x20), "a control character in {line:?}");
        assert!(line.starts_with('{'), "not an object: {line}");
        // Syntax only: a number may be wider than any type of ours.
        assert!(serde_json::from_str::<&RawValue>(&line).is_ok(), "not JSON: {line}");
        line
    })
}

/// Takes an input apart, from its front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The next byte; zero at the end.
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next bytes; fewer at the end.
    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// As [`bytes`](Self::bytes), with zeros in place of what is missing.
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }
}
