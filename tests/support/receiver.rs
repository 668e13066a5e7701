//! An HTTP server on a port of this machine that can go away and come back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::{Gate, lock};

/// A request that the server received.
pub struct Request {
    /// Its first line and its headers.
    pub head: String,
    pub body: String,
}

/// What the server answers: status and text, or nothing, as one that hangs.
type Answer = dyn Fn(&Request) -> Option<(u16, String)> + Send + Sync;

pub struct Receiver {
    address: SocketAddr,
    answer: Arc<Answer>,
    /// While it is there.
    serving: Option<Serving>,
}

struct Serving {
    acceptor: JoinHandle<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    /// What is never answered waits here.
    hanging: Gate,
}

impl Receiver {
    pub fn start(answer: impl Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(any_port).unwrap();
        let mut receiver = Self { address: listener.local_addr().unwrap(), answer: Arc::new(answer), serving: None };
        receiver.serve(listener);
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nobody listens any more, and all connections break.
    pub fn go_away(&mut self) {
        let Some(Serving { acceptor, shared }) = self.serving.take() else { return };
        shared.closing.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        let _ = acceptor.join();
        shared.hanging.open();
        for connection in lock(&shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// At the same address.
    pub fn come_back(&mut self) {
        if self.serving.is_none() {
            self.serve(TcpListener::bind(self.address).unwrap());
        }
    }

    fn serve(&mut self, listener: TcpListener) {
        let shared = Arc::new(Shared::default());
        let (accepting, answer) = (Arc::clone(&shared), Arc::clone(&self.answer));
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if accepting.closing.load(Ordering::SeqCst) {
                    return;
                }
                lock(&accepting.connections).push(stream.try_clone().unwrap());
                let (shared, answer) = (Arc::clone(&accepting), Arc::clone(&answer));
                // Ends when either side closes the connection.
                thread::spawn(move || while shared.converse(&stream, &*answer).is_some() {});
            }
        });
        self.serving = Some(Serving { acceptor, shared });
    }
}

impl Shared {
    fn converse(&self, stream: &TcpStream, answer: &Answer) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        if self.closing.load(Ordering::SeqCst) {
            return None;
        }
        let Some((status, text)) = answer(&Request { head, body: String::from_utf8(body).ok()? }) else {
            self.hanging.pass();
            return None;
        };
        let length = text.len();
        write!(&mut &*stream, "HTTP/1.1 {status} Any\r\nContent-Length: {length}\r\n\r\n{text}").ok()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.go_away();
    }
}
