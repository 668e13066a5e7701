//! Events as lines of JSON.

mod envelope;
mod text;
mod time;

pub use envelope::{EncodeCounts, Envelope, Identity, JsonEncoder};
pub use text::JsonText;
