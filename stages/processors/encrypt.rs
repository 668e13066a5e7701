//! `encrypt`: lines that only the holder of a key can read.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::{AeadInOut, XChaCha20Poly1305, XNonce};
use logwheel_core::{JsonText, Processed, Processor, StageError};

mod decrypt;
mod key;

pub use decrypt::{DecryptError, Decryptor};
pub use key::{EncryptKey, EncryptKeyError};

/// The name in the wrapper.
const ALGORITHM: &str = "xchacha20poly1305";
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// The random part of a nonce; the rest counts.
const PREFIX_BYTES: usize = 16;

/// Encrypts each line and wraps it in another line of JSON:
///
/// ```json
/// {"_enc":"xchacha20poly1305","kid":"2026-01","nonce":"<base64>","data":"<base64>"}
/// ```
///
/// `data` is the line, encrypted, and a tag of 16 bytes behind it; `kid` says with which key. With
/// `zstd` the line is compressed before, if that makes it shorter, and the wrapper has `"zip":"zstd"` before
/// `data`. The tag also covers `_enc`, `kid` and `zip`: a [`Decryptor`] refuses a wrapper in which any of
/// them was changed. A line grows by a third and about 120 bytes.
///
/// **What stays readable**: how long a line is, when it came, and what a sink takes beside the line for itself
/// (labels of Loki, for example). With compression the length also tells how repetitive the line is; leave it
/// off where an attacker can put text beside a secret into one event and see the lengths.
/// Lines can be left out or repeated unnoticed; the hash chain of the file sink is for that.
///
/// It goes last: the engine is not built with a processor behind it that reads JSON. If it fails, the event is
/// dropped, unless that was asked for otherwise by name.
///
/// # Nonces
///
/// A nonce must never be used twice with one key. Its 192 bits are 128 random ones, drawn by each instance for
/// itself (so by each worker and after each start) from the operating system, and a counter of 64 bits that goes
/// up with each line. Two instances would have to draw the same 128 bits: with a billion of them under
/// one key, the odds are below 10⁻²⁰. A process that is copied while it runs could repeat nonces: a fork
/// does not, since the engine's threads do not run on in the child, but a virtual machine that is resumed twice from
/// one snapshot does; give each its own key.
///
/// # Cost
///
/// One pass of encryption and one of base64; buffers are used again from line to line.
///
/// ```
/// use logwheel_core::Processor;
/// use logwheel_stages::{Decryptor, Encrypt, EncryptKey};
///
/// // In a service: 32 bytes from a secret store, as 64 hexadecimal digits or base64.
/// let key = EncryptKey::parse("2026-01", &"5a".repeat(32))?;
/// let mut encrypt = Encrypt::new(key.clone());
/// let mut line = Vec::new();
/// encrypt.process(br#"{"message":"account opened"}"#, &mut line)?;
/// assert!(line.starts_with(br#"{"_enc":"xchacha20poly1305","kid":"2026-01","nonce":""#));
///
/// let decryptor = Decryptor::new([key]);
/// assert_eq!(decryptor.decrypt(&line)?, br#"{"message":"account opened"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Encrypt {
    key: EncryptKey,
    /// `{"_enc":…,"kid":…,"nonce":"`
    head: String,
    /// What the tag covers beside the line.
    bound: String,
    prefix: Option<[u8; PREFIX_BYTES]>,
    count: u64,
    /// The line on its way to being encrypted.
    buffer: Vec<u8>,
    #[cfg(feature = "zstd")]
    zstd: Option<Zstd>,
}

#[cfg(feature = "zstd")]
struct Zstd {
    level: i32,
    compressor: zstd::bulk::Compressor<'static>,
    /// As `bound`, for a line that was compressed.
    bound: String,
}

/// Memory beyond this is not kept for the next line.
const KEEP: usize = 1 << 20;

impl Encrypt {
    /// Encrypts with this key.
    #[must_use]
    pub fn new(key: EncryptKey) -> Self {
        Self {
            head: format!(r#"{{"_enc":"{ALGORITHM}","kid":{},"nonce":""#, JsonText(key.id())),
            bound: bound(ALGORITHM, "", key.id()),
            key,
            prefix: None,
            count: 0,
            buffer: Vec::new(),
            #[cfg(feature = "zstd")]
            zstd: None,
        }
    }

    /// Compresses lines before they are encrypted, with this level, from 1 (fast) to 22 (small). Default: not at
    /// all.
    ///
    /// # Errors
    /// When zstd has no memory, or the level is not from 1 to 22.
    #[cfg(feature = "zstd")]
    pub fn zstd(mut self, level: i32) -> Result<Self, StageError> {
        if !(1..=22).contains(&level) {
            return Err(StageError::new(format!("zstd = {level}: must be from 1 to 22")));
        }
        let compressor =
            zstd::bulk::Compressor::new(level).map_err(|error| StageError::new(format!("zstd: {error}")))?;
        self.zstd = Some(Zstd { level, compressor, bound: bound(ALGORITHM, "zstd", self.key.id()) });
        Ok(self)
    }

    /// A nonce that no other line had.
    fn nonce(&mut self) -> Result<XNonce, StageError> {
        let prefix = match self.prefix {
            Some(prefix) if self.count < u64::MAX => prefix,
            _ => {
                let mut prefix = [0; PREFIX_BYTES];
                getrandom::fill(&mut prefix)
                    .map_err(|error| StageError::new(format!("no random bytes for a nonce: {error}")))?;
                self.count = 0;
                *self.prefix.insert(prefix)
            }
        };
        self.count += 1;
        let mut nonce = [0; NONCE_BYTES];
        nonce[..PREFIX_BYTES].copy_from_slice(&prefix);
        nonce[PREFIX_BYTES..].copy_from_slice(&self.count.to_be_bytes());
        Ok(nonce.into())
    }

    /// Puts what is to be encrypted into the buffer; says whether it was compressed.
    fn fill(&mut self, line: &[u8]) -> Result<bool, StageError> {
        self.buffer.clear();
        #[cfg(feature = "zstd")]
        if let Some(zstd) = &mut self.zstd {
            self.buffer.reserve(zstd::zstd_safe::compress_bound(line.len()));
            let packed = zstd.compressor.compress_to_buffer(line, &mut self.buffer);
            let len = packed.map_err(|error| StageError::new(format!("could not compress: {error}")))?;
            if len + r#""zip":"zstd","#.len() < line.len() {
                return Ok(true);
            }
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(line);
        Ok(false)
    }

    fn bound(&self, zipped: bool) -> &str {
        #[cfg(feature = "zstd")]
        if let Some(zstd) = self.zstd.as_ref().filter(|_| zipped) {
            return &zstd.bound;
        }
        let _ = zipped;
        &self.bound
    }
}

/// The associated data. No part holds a line break but the last one.
fn bound(algorithm: &str, zip: &str, kid: &str) -> String {
    format!("logwheel\n{algorithm}\n{zip}\n{kid}")
}

fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let begin = out.len();
    out.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[begin..]).expect("the room was made");
    out.truncate(begin + written);
}

impl Processor for Encrypt {
    fn name(&self) -> &str {
        "encrypt"
    }

    fn replicate(&self) -> Option<Box<dyn Processor>> {
        let replica = Self::new(self.key.clone());
        #[cfg(feature = "zstd")]
        let replica = match &self.zstd {
            // Without memory for it, workers take turns with the one there is.
            Some(zstd) => replica.zstd(zstd.level).ok()?,
            None => replica,
        };
        Some(Box::new(replica))
    }

    fn start(&mut self) -> Result<(), StageError> {
        self.nonce().map(drop)
    }

    fn reads_json(&self) -> bool {
        false
    }

    fn wraps(&self) -> bool {
        true
    }

    fn process(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Processed, StageError> {
        let nonce = self.nonce()?;
        let zipped = self.fill(line)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let cipher: &XChaCha20Poly1305 = self.key.cipher();
        let tag = cipher
            .encrypt_inout_detached(&nonce, self.bound(zipped).as_bytes(), buffer.as_mut_slice().into())
            .map_err(|_| StageError::new("a line is too long to be encrypted"))?;
        buffer.extend_from_slice(&tag);
        out.extend_from_slice(self.head.as_bytes());
        push_base64(out, &nonce);
        out.extend_from_slice(if zipped { br#"","zip":"zstd","data":""# } else { br#"","data":""# });
        push_base64(out, &buffer);
        out.extend_from_slice(b"\"}");
        if buffer.capacity() <= KEEP {
            self.buffer = buffer;
        }
        Ok(Processed::Replaced)
    }
}

impl fmt::Debug for Encrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypt").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
