//! `url_credentials`: masks what gives access in URLs, wherever they stand.

use std::ops::Range;

use logwheel_core::{Event, Redactor, StageError};

use super::texts::{TextRules, Texts};

mod find;

use find::Finder;

/// Masks the credentials in URLs.
///
/// In `scheme://user:password@host` everything before the `@` becomes the mask, user and password
/// alike (a token often stands where the user does): `postgres://***@db/orders`. URLs are found
/// - anywhere in a text, of any scheme, several of them, and one in the parameters of another;
/// - percent-encoded as a whole, once or more often (`https%3A%2F%2Fuser%3Apw%40host`);
/// - with slashes escaped as in JSON (`https:\/\/user:pw@host`);
/// - with passwords that should have been encoded and were not: an `@`, and a `/`, `?` or `#` unless
///   all before it is digits, which is a port.
///
/// With [`query_parameters`](Self::query_parameters), so are the values of parameters of these names, in
/// URLs, after a `#`, and in forms (`user=a&password=b`).
///
/// It looks at the same texts as [`RegexMask`](super::RegexMask): the message unless it is the fixed
/// text of its statement, values, strings inside raw JSON, and names that are not part of the
/// program. What cannot be searched is treated as there.
///
/// No allocation where there are no credentials, but for a small one by the check of JSON with nesting.
///
/// ```
/// use logwheel_stages::UrlCredentials;
///
/// let plain = UrlCredentials::new();
/// let more = UrlCredentials::new().query_parameters(UrlCredentials::COMMON_PARAMETERS);
/// # let _ = (plain, more);
/// ```
#[derive(Debug, Clone)]
pub struct UrlCredentials {
    rules: Urls,
    texts: Texts,
}

#[derive(Debug, Clone)]
struct Urls {
    finder: Finder,
    mask: String,
    spans: Vec<Range<usize>>,
}

impl UrlCredentials {
    /// Names of parameters that commonly give access, for [`query_parameters`](Self::query_parameters).
    pub const COMMON_PARAMETERS: [&str; 18] = [
        "access_token",
        "api_key",
        "apikey",
        "auth",
        "client_secret",
        "code",
        "id_token",
        "key",
        "passwd",
        "password",
        "pwd",
        "refresh_token",
        "secret",
        "sig",
        "signature",
        "token",
        "x-amz-security-token",
        "x-amz-signature",
    ];

    /// Masks what stands before the host, and no parameters.
    #[must_use]
    pub fn new() -> Self {
        Self { rules: Urls { finder: Finder::default(), mask: String::new(), spans: Vec::new() }, texts: Texts::new() }
            .mask("***")
    }

    /// What takes the place of credentials; `***` by default.
    #[must_use]
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.rules.mask = mask.into();
        self.texts.set_mask(self.rules.mask.clone());
        self
    }

    /// The names of parameters whose values are masked; none by default. Case makes no difference,
    /// and names are compared after percent-decoding. Names longer than 64 bytes are not found.
    #[must_use]
    pub fn query_parameters(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.rules.finder.set_parameters(names.into_iter().map(|name| name.as_ref().to_ascii_lowercase()));
        self
    }
}

impl Default for UrlCredentials {
    fn default() -> Self {
        Self::new()
    }
}

impl TextRules for Urls {
    const SECRETS: bool = true;

    fn text(&mut self, text: &str, out: &mut String) -> bool {
        self.spans.clear();
        self.finder.find(text, &mut self.spans);
        let mut copied = 0;
        for span in &self.spans {
            out.push_str(&text[copied..span.start]);
            out.push_str(&self.mask);
            copied = span.end;
        }
        if copied > 0 {
            out.push_str(&text[copied..]);
        }
        copied > 0
    }
}

impl Redactor for UrlCredentials {
    fn name(&self) -> &str {
        "url_credentials"
    }

    fn replicate(&self) -> Option<Box<dyn Redactor>> {
        Some(Box::new(self.clone()))
    }

    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        self.texts.redact(event, &mut self.rules);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
