//! An HTTP server inside the test process that answers by a script, in the clear or over TLS.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Raw(String),
    /// Sends these bytes and closes the connection.
    RawThenClose(String),
    /// Closes the connection before it reads anything.
    CloseUnread,
    /// Sends nothing until the server is dropped.
    Silence,
    /// Sends a head, then a body that never ends.
    EndlessBody(String),
    /// Sends the first bytes at once and the others, which are never complete, one by one.
    Trickle(String),
}

/// What answers once the script is at its end.
type Handler = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

impl Reply {
    /// A complete answer; `headers` are lines with their `\r\n`.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!("HTTP/1.1 {status} Any\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The number of the connection, from 0.
    pub(crate) connection: usize,
    /// Request line and headers, names in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    script: Mutex<VecDeque<Reply>>,
    handler: Handler,
    tls: Option<Arc<ServerConfig>>,
    received: Mutex<Vec<Received>>,
    closing: AtomicBool,
    closed: Mutex<bool>,
    close: Condvar,
}

impl Server {
    pub(crate) fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::start(script, None, Box::new(|_| panic!("the script has a reply for each request")))
    }

    pub(crate) fn with_tls(script: impl IntoIterator<Item = Reply>, config: ServerConfig) -> Self {
        let handler = Box::new(|_: &Received| panic!("the script has a reply for each request"));
        Self::start(script, Some(Arc::new(config)), handler)
    }

    /// After the script `handler` answers.
    pub(crate) fn answering(
        script: impl IntoIterator<Item = Reply>,
        handler: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(script, None, Box::new(handler))
    }

    fn start(script: impl IntoIterator<Item = Reply>, tls: Option<Arc<ServerConfig>>, handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            handler,
            tls: tls.clone(),
            received: Mutex::default(),
            closing: AtomicBool::default(),
            closed: Mutex::default(),
            close: Condvar::default(),
        });
        let for_acceptor = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                if for_acceptor.closing.load(Ordering::Acquire) {
                    return;
                }
                let (shared, stream) = (Arc::clone(&for_acceptor), stream.unwrap());
                // Ends with its connection; a client closes them all when it is dropped.
                thread::spawn(move || match &shared.tls {
                    None => shared.serve(connection, stream),
                    Some(config) => {
                        let tls = ServerConnection::new(Arc::clone(config)).unwrap();
                        shared.serve(connection, StreamOwned::new(tls, stream));
                    }
                });
            }
        }));
        Self { address, tls: tls.is_some(), shared, acceptor }
    }

    pub(crate) fn url(&self) -> String {
        // The name is what certificates are made out to.
        if self.tls { format!("https://localhost:{}/in", self.address.port()) } else { format!("{}/in", self.origin()) }
    }

    /// The URL without a path.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        *self.shared.closed.lock() = true;
        self.shared.close.notify_all();
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn serve(&self, connection: usize, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        loop {
            if self.script.lock().pop_front_if(|reply| matches!(reply, Reply::CloseUnread)).is_some() {
                return;
            }
            let Some(request) = read_request(&mut stream, connection) else { return };
            self.received.lock().push(request.clone());
            let scripted = self.script.lock().pop_front();
            let reply = scripted.unwrap_or_else(|| (self.handler)(&request));
            let stream = stream.get_mut();
            let sent = match &reply {
                Reply::Raw(bytes) | Reply::RawThenClose(bytes) | Reply::EndlessBody(bytes) | Reply::Trickle(bytes) => {
                    stream.write_all(bytes.as_bytes()).and_then(|()| stream.flush())
                }
                Reply::CloseUnread | Reply::Silence => Ok(()),
            };
            match reply {
                Reply::Raw(_) if sent.is_ok() => {}
                Reply::EndlessBody(_) => {
                    while stream.write_all(&[b'x'; 4096]).is_ok() {}
                    return;
                }
                Reply::Trickle(_) => {
                    while !*self.closed.lock() && stream.write_all(b"x").and_then(|()| stream.flush()).is_ok() {
                        thread::sleep(Duration::from_millis(10));
                    }
                    return;
                }
                Reply::Silence => {
                    let mut closed = self.closed.lock();
                    self.close.wait_while(&mut closed, |closed| !*closed);
                    return;
                }
                _ => return,
            }
        }
    }
}

/// `None` when the client closed the connection.
fn read_request(reader: &mut impl BufRead, connection: usize) -> Option<Received> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => head.push(format!("{}: {value}", name.to_ascii_lowercase())),
            None if line == "\r\n" => break,
            None => head.push(line.trim_end().to_owned()),
        }
    }
    let mut request = Received { connection, head, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
