//! Events as lines of JSON.

mod digits;
mod encoder;
mod envelope;
mod opening;
mod pieces;
mod text;
mod time;
mod value;

pub use encoder::JsonEncoder;
pub(crate) use envelope::is_of_context;
pub use envelope::{Envelope, Identity};
pub use text::JsonText;
pub use value::EncodeCounts;
pub(crate) use value::member;
