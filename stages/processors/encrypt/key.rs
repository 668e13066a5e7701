//! Keys and their names.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// A key of 256 bits with the name that goes into each line. Its bytes are overwritten when it is dropped, and
/// stand in no `Debug` output and no error.
#[derive(Clone)]
pub struct EncryptKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// A text that is no key. Nothing of the text is in the error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptKeyError {
    /// The text is neither hexadecimal nor base64.
    #[error("key of {id:?}: must be 64 hexadecimal digits, or base64 of 32 bytes")]
    Encoding {
        /// The name of the key.
        id: String,
    },
    /// The text stands for another number of bytes.
    #[error("key of {id:?}: has {bytes} bytes, must have 32")]
    Length {
        /// The name of the key.
        id: String,
        /// How many bytes the text stands for.
        bytes: usize,
    },
}

impl EncryptKey {
    /// The bytes of a key.
    pub const BYTES: usize = 32;

    /// A key of 32 bytes, which should be random, such as `openssl rand 32` makes them. The id is public: it says
    /// which key a line needs, so that keys can change. The caller's copy of the bytes is the caller's to erase.
    #[must_use]
    pub fn new(id: impl Into<String>, key: &[u8; Self::BYTES]) -> Self {
        Self { id: id.into(), cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// A key from a text, such as a secret store or an environment variable has it: 64 hexadecimal digits or
    /// base64 of 32 bytes. White space around it is ignored.
    ///
    /// # Errors
    /// When the text is neither, or has another number of bytes.
    pub fn parse(id: impl Into<String>, text: &str) -> Result<Self, EncryptKeyError> {
        let (id, text) = (id.into(), text.trim());
        let bytes = Zeroizing::new(match hexadecimal(text) {
            Some(bytes) => bytes,
            None => match STANDARD.decode(text) {
                Ok(bytes) => bytes,
                Err(_) => return Err(EncryptKeyError::Encoding { id }),
            },
        });
        match bytes.as_slice().try_into() {
            Ok(key) => Ok(Self::new(id, key)),
            Err(_) => Err(EncryptKeyError::Length { id, bytes: bytes.len() }),
        }
    }

    /// The name of the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn cipher(&self) -> &XChaCha20Poly1305 {
        &self.cipher
    }
}

/// The bytes that 64 hexadecimal digits stand for.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * EncryptKey::BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(EncryptKey::BYTES);
    for pair in text.as_bytes().chunks_exact(2) {
        bytes.push((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    }
    Some(bytes)
}

impl fmt::Debug for EncryptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptKey").field("id", &self.id).finish_non_exhaustive()
    }
}
