//! Stages that add fields.

mod host;
mod static_fields;

pub use host::{Host, HostField};
pub use static_fields::StaticFields;
