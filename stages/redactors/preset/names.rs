//! Names of fields, told by their words.

use std::collections::HashSet;

/// The longest name that is looked at, in letters and digits; a longer one is told by its end.
const MAX_NAME: usize = 64;

/// A set of names without case and separators.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: HashSet<Box<[u8]>>,
}

impl Names {
    /// Adds names of small letters and `_`.
    pub fn extend<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.names.extend(names.into_iter().map(|name| name.bytes().filter(|byte| *byte != b'_').collect()));
    }

    /// Whether a name is one of them, or ends with one as its last words: for `api_key` also
    /// `apiKey`, `X-API-Key` and `stripe.api.key`, and not `monkey` for `key`.
    pub fn matches(&self, name: &str) -> bool {
        let (mut letters, mut len) = ([0u8; MAX_NAME], 0);
        // Where words begin, as bits: counted from the end, so that a long name loses its front.
        let mut borders = 0u64;
        let mut next: Option<u8> = None;
        for byte in name.bytes().rev() {
            if !byte.is_ascii_alphanumeric() && byte < 0x80 {
                if len > 0 {
                    borders |= 1 << (len - 1);
                }
                next = None;
                continue;
            }
            // In `apiKey` a word begins at the large letter, in `APIKey` as well; in `address2` none does.
            let is_camel = byte.is_ascii_lowercase() || byte.is_ascii_digit();
            if is_camel && next.is_some_and(|next| next.is_ascii_uppercase()) {
                borders |= 1 << (len - 1);
            }
            if byte.is_ascii_uppercase() && next.is_some_and(|next| next.is_ascii_lowercase()) {
                // This letter begins a word: a border in front of it.
                borders |= 1 << len;
            }
            letters[MAX_NAME - 1 - len] = byte.to_ascii_lowercase();
            len += 1;
            next = Some(byte);
            if len == MAX_NAME {
                break;
            }
        }
        if len == 0 {
            return false;
        }
        borders |= 1 << (len - 1);
        while borders != 0 {
            let words = borders.trailing_zeros() as usize + 1;
            if self.names.contains(&letters[MAX_NAME - words..]) {
                return true;
            }
            borders &= borders - 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_last_words_in_any_spelling() {
        let mut names = Names::default();
        names.extend(["api_key", "ip", "password"]);
        for name in [
            "api_key",
            "apikey",
            "APIKEY",
            "apiKey",
            "ApiKey",
            "x-api-key",
            "X-API-Key",
            "stripeApiKey",
            "stripeAPIKey",
            "stripe.api.key",
            "client_ip",
            "clientIp",
            "clientIP",
            "password",
            "db_password",
            "PASSWORD",
            "_password_",
            "user.password",
            "new password",
            "déjàPassword",
        ] {
            assert!(names.matches(name), "{name}");
        }
        for name in ["", "_", "key", "ship", "passwordless", "api_key_count", "apik", "xapikey", "zip", "pässword"] {
            assert!(!names.matches(name), "{name}");
        }
        let long = format!("{}_password", "x".repeat(200));
        assert!(names.matches(&long) && !names.matches(&"x".repeat(200)));
    }
}
