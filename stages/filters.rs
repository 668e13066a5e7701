//! Stages that decide which events go on.

mod level;

pub use level::LevelFilter;
