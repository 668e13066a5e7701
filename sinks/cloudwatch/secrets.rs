//! What diagnostics must not repeat, whatever an answer says.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use parking_lot::Mutex;

/// The keys and tokens that were given or loaded so far. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Secrets(Arc<Mutex<Vec<String>>>);

/// Of credentials that are renewed, the texts of the last few are remembered.
const MOST_TEXTS: usize = 12;
/// To blot out every "a" of a text hides nothing.
const SHORTEST: usize = 4;
/// A signature is an HMAC-SHA256 in hexadecimal digits.
const SIGNATURE_DIGITS: usize = 64;

impl Secrets {
    pub(super) fn learn<'a>(&self, texts: impl IntoIterator<Item = &'a str>) {
        let mut known = self.0.lock();
        for text in texts {
            if text.len() >= SHORTEST && !known.iter().any(|known| known == text) {
                known.push(text.to_owned());
            }
        }
        let surplus = known.len().saturating_sub(MOST_TEXTS);
        known.drain(..surplus);
    }

    /// The text without the secrets we know of, and without what looks like the signature of a request.
    pub(super) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        let mut known = self.0.lock().clone();
        // A longer one may contain a shorter one.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in &known {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***").into();
            }
        }
        while let Some(digits) = signature(&text) {
            text.to_mut().replace_range(digits, "***");
        }
        text
    }
}

/// Where so many hexadecimal digits stand in a row.
fn signature(text: &str) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits >= SIGNATURE_DIGITS {
            return Some(start..start + digits);
        }
        start += digits + 1;
    }
    None
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// A provider whose credentials become known as secrets before a request is signed with them.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) provider: SharedCredentialsProvider,
    pub(super) secrets: Secrets,
}

impl Watched {
    async fn load(&self) -> Result<Credentials, aws_credential_types::provider::error::CredentialsError> {
        let loaded = self.provider.provide_credentials().await?;
        let texts = [Some(loaded.access_key_id()), Some(loaded.secret_access_key()), loaded.session_token()];
        self.secrets.learn(texts.into_iter().flatten());
        Ok(loaded)
    }
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.provider.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_last_is_hidden_and_so_is_every_signature() {
        let secrets = Secrets::default();
        secrets.learn(["key", "long-secret", "long-secret-and-more", "long-secret"]);
        assert_eq!(secrets.0.lock().len(), 2, "none twice, none too short");
        let digits = "0123456789abcdef".repeat(4);
        let text = format!("key long-secret-and-more long-secret Signature={digits}, {}", &digits[1..]);
        assert_eq!(secrets.hide(&text), format!("key *** *** Signature=***, {}", &digits[1..]));
        assert!(matches!(secrets.hide("nothing"), Cow::Borrowed("nothing")));
        let renewed: Vec<_> = (0..20).map(|n| format!("token-{n}")).collect();
        secrets.learn(renewed.iter().map(String::as_str));
        assert_eq!(secrets.0.lock().len(), MOST_TEXTS);
        assert_eq!(secrets.hide("token-19 token-8 token-7"), "*** *** token-7");
        assert_eq!(format!("{secrets:?}"), "Secrets(***)");
    }
}
