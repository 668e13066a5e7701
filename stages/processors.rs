//! Stages that change encoded events.

#[cfg(feature = "encrypt")]
mod encrypt;
mod size_guard;

#[cfg(feature = "encrypt")]
pub use encrypt::{DecryptError, Decryptor, Encrypt, EncryptKey, EncryptKeyError};
pub use size_guard::{SizeAction, SizeGuard, SizeGuardBuilder, SizeGuardCounts, SizeGuardError};
