//! The test server, for everybody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::server::{Received, Reply as Raw, Server};

/// What a [`ScriptedServer`] does with one request, which it reads first.
#[derive(Debug, Clone)]
#[must_use]
pub struct Reply {
    answer: Answer,
    delay: Duration,
}

#[derive(Debug, Clone)]
enum Answer {
    Complete { status: u16, headers: Vec<(String, String)>, body: String },
    Partial { status: u16, body: String, missing: usize },
    Raw(String),
    Close,
    Silence,
    Endless,
}

impl Reply {
    fn new(answer: Answer) -> Self {
        Self { answer, delay: Duration::ZERO }
    }

    /// A complete answer without headers of its own and with an empty body.
    pub fn status(status: u16) -> Self {
        Self::new(Answer::Complete { status, headers: Vec::new(), body: String::new() })
    }

    /// An answer whose body breaks off, `missing` bytes before the end that its header promised.
    pub fn partial(status: u16, body: impl Into<String>, missing: usize) -> Self {
        Self::new(Answer::Partial { status, body: body.into(), missing })
    }

    /// These bytes, whatever they are; then the connection is closed.
    pub fn raw(bytes: impl Into<String>) -> Self {
        Self::new(Answer::Raw(bytes.into()))
    }

    /// No answer: the connection is closed.
    pub fn close() -> Self {
        Self::new(Answer::Close)
    }

    /// No answer, and the connection stays open until the server is dropped.
    pub fn silence() -> Self {
        Self::new(Answer::Silence)
    }

    /// An answer whose body never ends.
    pub fn endless() -> Self {
        Self::new(Answer::Endless)
    }

    /// Adds a header to a [complete](Self::status) answer; to others it does nothing.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Answer::Complete { headers, .. } = &mut self.answer {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// The body of a [complete](Self::status) answer; to others it does nothing. Default: empty.
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Answer::Complete { body, .. } = &mut self.answer {
            *body = text.into();
        }
        self
    }

    /// How long the server waits before it does what it does, in real time. Default: not at all.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn raw_reply(&self) -> Raw {
        match &self.answer {
            Answer::Complete { status, headers, body } => {
                let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                Raw::status(*status, &headers, body)
            }
            Answer::Partial { status, body, missing } => {
                let length = body.len() + missing;
                Raw::RawThenClose(format!("HTTP/1.1 {status} Any\r\nContent-Length: {length}\r\n\r\n{body}"))
            }
            Answer::Raw(bytes) => Raw::RawThenClose(bytes.clone()),
            Answer::Close => Raw::RawThenClose(String::new()),
            Answer::Silence => Raw::Silence,
            Answer::Endless => {
                Raw::EndlessBody(format!("HTTP/1.1 200 Any\r\nContent-Length: {}\r\n\r\n", u64::MAX >> 1))
            }
        }
    }
}

/// A request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The number of its connection, from 0.
    pub connection: usize,
    /// `POST` or the like.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as long as its `Content-Length`.
    pub body: Vec<u8>,
}

impl Request {
    fn new(received: &Received) -> Self {
        let mut head = received.head.iter();
        let first = head.next().map_or("", String::as_str);
        let mut words = first.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Self {
            connection: received.connection,
            method: word(),
            path: word(),
            headers: head
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: received.body.clone(),
        }
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 show as U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An HTTP server on a port of this machine that answers by a script, and remembers the requests.
///
/// Once the script is at its end it answers 200, or what [`then`](Self::then) says. Each connection
/// has a thread of its own; requests of several connections take their replies in order of arrival.
///
/// ```
/// use logwheel_core::Sink;
/// use logwheel_core::testing::batch_of_lines;
/// use logwheel_sinks::HttpSink;
/// use logwheel_sinks::testing::{Reply, ScriptedServer};
///
/// let server = ScriptedServer::new([Reply::status(503).header("Retry-After", "3"), Reply::status(204)]);
/// let mut sink = HttpSink::new(server.url())?;
/// let batch = batch_of_lines([r#"{"n":1}"#]);
/// assert!(sink.deliver(&batch).is_err());
/// assert!(sink.deliver(&batch).is_ok());
/// assert_eq!(server.requests()[1].text(), r#"[{"n":1}]"#);
/// # Ok::<(), logwheel_sinks::HttpConfigError>(())
/// ```
pub struct ScriptedServer {
    shared: Arc<Shared>,
    server: Server,
}

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    script: VecDeque<Reply>,
    then: Reply,
    requests: Vec<Request>,
}

impl ScriptedServer {
    /// Starts a server with this script, one reply for each request.
    ///
    /// # Panics
    /// When this machine has no port to listen on.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        let state = State { script: script.into_iter().collect(), then: Reply::status(200), requests: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), arrived: Condvar::new() });
        let of_server = Arc::clone(&shared);
        let server = Server::answering([], move |received| {
            let reply = {
                let mut state = of_server.state.lock();
                state.requests.push(Request::new(received));
                state.script.pop_front().unwrap_or_else(|| state.then.clone())
            };
            of_server.arrived.notify_all();
            thread::sleep(reply.delay);
            reply.raw_reply()
        });
        Self { shared, server }
    }

    /// What it answers once the script is at its end. Default 200.
    #[must_use]
    pub fn then(self, reply: Reply) -> Self {
        self.shared.state.lock().then = reply;
        self
    }

    /// The URL of its endpoint, `http://127.0.0.1:<port>/in`; other paths are answered as well.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Adds to the script.
    pub fn push(&self, script: impl IntoIterator<Item = Reply>) {
        self.shared.state.lock().script.extend(script);
    }

    /// The requests so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state.lock().requests.clone()
    }

    /// Waits until this many requests have come; says whether they have.
    #[must_use]
    pub fn wait_for_requests(&self, requests: usize, timeout: Duration) -> bool {
        let mut state = self.shared.state.lock();
        // Further away than any test waits.
        let deadline = Instant::now() + timeout.min(Duration::from_secs(24 * 3_600));
        while state.requests.len() < requests {
            if self.shared.arrived.wait_until(&mut state, deadline).timed_out() {
                return state.requests.len() >= requests;
            }
        }
        true
    }
}

impl std::fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedServer")
            .field("url", &self.url())
            .field("requests", &self.shared.state.lock().requests.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::testing::batch_of_lines;
    use logwheel_core::{DeliveryError, Sink};

    use super::*;
    use crate::HttpSink;

    fn deliver(server: &ScriptedServer) -> String {
        let mut sink = HttpSink::builder(server.url()).timeout(Duration::from_secs(60)).build().unwrap();
        match sink.deliver(&batch_of_lines([r#"{"n":1}"#])) {
            Ok(_) => "ok".to_owned(),
            Err(DeliveryError::Retry { after, .. }) => format!("retry {after:?}"),
            Err(error) => error.reason().to_owned(),
        }
    }

    #[test]
    fn replies_come_in_order_and_requests_are_remembered() {
        let server = ScriptedServer::new([
            Reply::status(204),
            Reply::status(429).header("Retry-After", "7"),
            Reply::status(413).body("too large"),
            Reply::close(),
            Reply::raw("no HTTP at all\r\n\r\n"),
            Reply::partial(200, "half", 4),
            Reply::status(200).delay(Duration::from_millis(1)),
        ])
        .then(Reply::status(400));
        let outcomes: Vec<_> = (0..8).map(|_| deliver(&server)).collect();
        // A status that arrived counts, also when its body breaks off.
        let expected = ["ok", "retry Some(7s)", "http_413", "retry None", "retry None", "ok", "ok", "http_400"];
        assert_eq!(outcomes, expected);
        let requests = server.requests();
        assert!(server.wait_for_requests(8, Duration::ZERO) && !server.wait_for_requests(9, Duration::ZERO));
        let first = &requests[0];
        assert_eq!((first.method.as_str(), first.path.as_str(), first.text()), ("POST", "/in", r#"[{"n":1}]"#.into()));
        assert_eq!(first.header("content-type"), Some("application/json"));
    }

    #[test]
    fn a_server_that_says_nothing_or_never_ends_can_be_dropped() {
        for reply in [Reply::silence(), Reply::endless()] {
            let server = ScriptedServer::new([reply]);
            let url = server.url();
            let sending = thread::spawn(move || {
                let sink = HttpSink::builder(url).timeout(Duration::from_millis(200)).build();
                sink.unwrap().deliver(&batch_of_lines(["{}"]))
            });
            assert!(server.wait_for_requests(1, Duration::from_secs(60)));
            drop(server);
            // Either outcome is the sink's business.
            let _ = sending.join().unwrap();
        }
    }
}
