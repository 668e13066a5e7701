//! x
pub mod input;
pub mod settings;
