//! Reading what was encrypted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::{AeadInOut, XNonce};

use super::{ALGORITHM, EncryptKey, NONCE_BYTES, TAG_BYTES, bound};

/// Decrypts the lines of [`Encrypt`](super::Encrypt).
///
/// It may hold several keys, old ones among them; each line says which one it needs.
#[derive(Debug, Clone)]
pub struct Decryptor {
    keys: Vec<EncryptKey>,
}

/// A line could not be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// It is not one that was encrypted: no JSON object, or one without `_enc`.
    #[error("the line is not encrypted")]
    NotEncrypted,
    /// It was encrypted in a way that is unknown here.
    #[error("encrypted with {0:?}, which is not supported (only {ALGORITHM:?} is)")]
    UnknownAlgorithm(String),
    /// It was compressed in a way that is unknown here, or for which the feature is off.
    #[error("compressed with {0:?}, which is not supported")]
    UnknownCompression(String),
    /// There is no key of this name.
    #[error("encrypted with the key {0:?}, which is not there")]
    UnknownKey(String),
    /// A member of the wrapper is missing or is not what it must be.
    #[error("{0} is missing or wrong")]
    Malformed(&'static str),
    /// Something of it was changed, or the key of this name is another one.
    #[error("the line was changed, or encrypted with another key of this name")]
    Changed,
    /// What was compressed cannot be read, or is longer than 256 MiB.
    #[error("what was encrypted cannot be decompressed")]
    Decompression,
}

/// A compressed line may not become longer than this.
#[cfg(feature = "zstd")]
const MAX_LINE: usize = 256 << 20;

impl Decryptor {
    /// A decryptor with these keys. Of two with one name, the first is used.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = EncryptKey>) -> Self {
        Self { keys: keys.into_iter().collect() }
    }

    /// The line that went into [`Encrypt`](super::Encrypt). Members of the wrapper that are unknown, such as the
    /// hash chain of a file, are ignored.
    ///
    /// # Errors
    /// When the line is not encrypted, when it needs a key that is not there, or when it was changed.
    pub fn decrypt(&self, line: &[u8]) -> Result<Vec<u8>, DecryptError> {
        let wrapper: serde_json::Value = serde_json::from_slice(line).map_err(|_| DecryptError::NotEncrypted)?;
        let text = |name: &'static str| wrapper[name].as_str().ok_or(DecryptError::Malformed(name));
        let algorithm = text("_enc").map_err(|_| DecryptError::NotEncrypted)?;
        if algorithm != ALGORITHM {
            return Err(DecryptError::UnknownAlgorithm(algorithm.to_owned()));
        }
        let kid = text("kid")?;
        let zip = if wrapper["zip"].is_null() { "" } else { text("zip")? };
        let key = self.keys.iter().find(|key| key.id() == kid);
        let key = key.ok_or_else(|| DecryptError::UnknownKey(kid.to_owned()))?;
        let bytes = |name| STANDARD.decode(text(name)?).map_err(|_| DecryptError::Malformed(name));
        let nonce: [u8; NONCE_BYTES] = bytes("nonce")?.try_into().map_err(|_| DecryptError::Malformed("nonce"))?;
        let mut data = bytes("data")?;
        let tag_at = data.len().checked_sub(TAG_BYTES).ok_or(DecryptError::Malformed("data"))?;
        let tag: [u8; TAG_BYTES] = data[tag_at..].try_into().map_err(|_| DecryptError::Malformed("data"))?;
        data.truncate(tag_at);
        let bound = bound(algorithm, zip, kid);
        key.cipher()
            .decrypt_inout_detached(&XNonce::from(nonce), bound.as_bytes(), data.as_mut_slice().into(), &tag.into())
            .map_err(|_| DecryptError::Changed)?;
        match zip {
            "" => Ok(data),
            #[cfg(feature = "zstd")]
            "zstd" => zstd::bulk::decompress(&data, MAX_LINE).map_err(|_| DecryptError::Decompression),
            other => Err(DecryptError::UnknownCompression(other.to_owned())),
        }
    }
}
