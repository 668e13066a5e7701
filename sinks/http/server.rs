//! An HTTP server inside the test process that answers by a script.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
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
}

/// What answers once the script is at its end.
type Handler = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

impl Reply {
    /// A complete answer; `headers` are lines with their `\r\n`.
    pub(super) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!("HTTP/1.1 {status} Any\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Received {
    /// The number of the connection, from 0.
    pub(super) connection: usize,
    /// Request line and headers, names in lower case.
    pub(super) head: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    script: Mutex<VecDeque<Reply>>,
    handler: Handler,
    received: Mutex<Vec<Received>>,
    closing: AtomicBool,
    closed: Mutex<bool>,
    close: Condvar,
}

impl Server {
    pub(super) fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::answering(script, |_| panic!("the script has a reply for each request"))
    }

    /// After the script `handler` answers.
    pub(super) fn answering(
        script: impl IntoIterator<Item = Reply>,
        handler: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            handler: Box::new(handler),
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
                let shared = Arc::clone(&for_acceptor);
                // Ends with its connection; a client closes them all when it is dropped.
                thread::spawn(move || shared.serve(connection, stream.unwrap()));
            }
        }));
        Self { address, shared, acceptor }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
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
    fn serve(&self, connection: usize, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            if self.script.lock().pop_front_if(|reply| matches!(reply, Reply::CloseUnread)).is_some() {
                return;
            }
            let Some(request) = read_request(&mut reader, connection) else { return };
            self.received.lock().push(request.clone());
            let scripted = self.script.lock().pop_front();
            let reply = scripted.unwrap_or_else(|| (self.handler)(&request));
            let sent = match &reply {
                Reply::Raw(bytes) | Reply::RawThenClose(bytes) | Reply::EndlessBody(bytes) => {
                    stream.write_all(bytes.as_bytes())
                }
                Reply::CloseUnread | Reply::Silence => Ok(()),
            };
            match reply {
                Reply::Raw(_) if sent.is_ok() => {}
                Reply::EndlessBody(_) => {
                    while stream.write_all(&[b'x'; 4096]).is_ok() {}
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
