//! Stages that take secrets out.

mod field_mask;

pub use field_mask::{FieldMask, FieldMaskError};
