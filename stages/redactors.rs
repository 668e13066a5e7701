//! Stages that take secrets out.
mod field_blocker;
mod field_mask;
mod fields;
mod json;
mod paths;
mod patterns;
mod preset;
mod regex_mask;
mod string_truncate;
mod texts;
mod url_credentials;

pub use field_blocker::FieldBlocker;
pub use field_mask::FieldMask;
pub use paths::FieldPathError;
pub use preset::{Finding, PresetError, PresetMask, PresetPattern, RedactPreset};
pub use regex_mask::{RegexMask, RegexMaskError};
pub use string_truncate::StringTruncate;
pub use url_credentials::UrlCredentials;
