//! The client side of HTTP that all sinks share: one connection, kept from request to request.

mod addresses;
mod options;
mod proxy;
mod timeouts;
mod tls;

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::time::{Duration, SystemTime};

use logwheel_core::DeliveryError;
use ureq::config::Config;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

use self::addresses::Addresses;
pub use self::options::HttpConfigError;
pub(super) use self::options::header_name;
pub(crate) use self::options::{ClientOptions, client_setters, option_error};
pub use self::timeouts::HttpTimeouts;
use super::response;

/// The most bytes of an answer that are read. Enough to reach the end of any reasonable one, which
/// is what lets the connection serve the next request.
pub(crate) const MAX_ANSWER: u64 = 64 * 1024;

/// Posts bodies to one URL.
pub(crate) struct Client {
    agent: ureq::Agent,
    /// Where the agent goes.
    addresses: Addresses<DefaultResolver>,
    uri: Uri,
    /// The URL without its query, which may hold a key.
    shown: String,
    headers: HeaderMap,
    /// Texts that an answer might repeat and diagnostics must not, longer ones first.
    secrets: Vec<String>,
    answer: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    /// The pause that `Retry-After` asks for.
    pub(crate) retry_after: Option<Duration>,
    /// The begin of the body.
    pub(crate) body: &'c [u8],
    client: &'c Client,
    /// The URL that was asked, as it may be shown.
    url: Cow<'c, str>,
    /// What this one request carried and diagnostics must not show.
    passing: Vec<String>,
}

impl Client {
    /// Sends one request and reads the answer. Headers in `extra` replace the client's own; what
    /// is marked as sensitive among them counts as a secret of this request.
    ///
    /// # Errors
    /// When there is no answer: [`DeliveryError::Retry`] or, for a request that cannot be built,
    /// [`DeliveryError::Fatal`].
    pub(crate) fn post(
        &mut self,
        body: &[u8],
        extra: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Answer<'_>, DeliveryError> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let mut passing = Vec::new();
        for (name, value) in extra {
            passing.extend(value.to_str().ok().filter(|_| value.is_sensitive()).map(str::to_owned));
            request.headers_mut().insert(name, value);
        }

        let response = self.agent.run(request).map_err(|error| self.failed(&error))?;
        Ok(self.read(response, passing))
    }

    /// Gets `uri`, which is another one of the same server.
    ///
    /// # Errors
    /// As for [`post`](Self::post).
    #[cfg(feature = "loki")]
    pub(crate) fn get(&mut self, uri: &Uri) -> Result<Answer<'_>, DeliveryError> {
        let mut request = Request::new(());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        // They are about a body.
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
            request.headers_mut().remove(name);
        }
        let response = self.agent.run(request).map_err(|error| self.failed(&error))?;
        Ok(Answer { url: uri.to_string().into(), ..self.read(response, Vec::new()) })
    }

    /// There was no answer.
    fn failed(&self, error: &ureq::Error) -> DeliveryError {
        self.addresses.forget();
        response::transport_error(error, &self.shown)
    }

    fn read(&mut self, response: Response<ureq::Body>, passing: Vec<String>) -> Answer<'_> {
        let (head, body) = response.into_parts();
        self.answer.clear();
        // The status has arrived and decides; a body that breaks off only costs the connection.
        let _ = body.into_reader().take(MAX_ANSWER).read_to_end(&mut self.answer);

        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| response::retry_after(value, SystemTime::now()));
        Answer {
            status: head.status.as_u16(),
            retry_after,
            body: &self.answer,
            client: self,
            url: (&*self.shown).into(),
            passing,
        }
    }

    #[cfg(test)]
    pub(super) fn knows_the_address(&self) -> bool {
        self.addresses.are_known()
    }

    /// How much of the last answer's body was read.
    #[cfg(test)]
    pub(super) fn answer_len(&self) -> usize {
        self.answer.len()
    }

    /// Another client for the same URL, with a connection of its own.
    #[cfg(feature = "loki")]
    pub(crate) fn sibling(&self) -> Self {
        let (agent, addresses) = new_agent(self.agent.config().clone());
        Self {
            agent,
            addresses,
            uri: self.uri.clone(),
            shown: self.shown.clone(),
            headers: self.headers.clone(),
            secrets: self.secrets.clone(),
            answer: Vec::new(),
        }
    }
}

fn new_agent(config: Config) -> (ureq::Agent, Addresses<DefaultResolver>) {
    let addresses = Addresses::new(DefaultResolver::default());
    (ureq::Agent::with_parts(config, DefaultConnector::default(), addresses.shared()), addresses)
}

impl Answer<'_> {
    /// Status and begin of the body for diagnostics, without the secrets that were sent.
    pub(crate) fn detail(&self) -> String {
        let excerpt = response::excerpt(self.body, self.passing.iter().chain(&self.client.secrets));
        format!("answer {} from {}: {excerpt}", self.status, self.url)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shown)
            .field("headers", &self.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
