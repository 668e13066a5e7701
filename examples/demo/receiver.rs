//! An HTTP server on loopback that takes what the HTTP sink posts, and counts it.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::tally::Tally;

pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

/// What has arrived.
#[derive(Debug, Default)]
pub struct Received {
    pub requests: u64,
    pub tally: Tally,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    requests: AtomicU64,
    tally: Mutex<Tally>,
}

const READ_BUFFER: usize = 256 << 10;
const MAX_HEAD: u64 = 64 << 10;
const MAX_BODY: usize = 256 << 20;

impl Receiver {
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("receiver".into()).spawn(move || shared.accept(&listener))?
        };
        Ok(Self { address, shared, acceptor })
    }

    pub fn url(&self) -> String {
        format!("http://{}/ingest", self.address)
    }

    /// Ends all connections, and says what came over them.
    pub fn stop(self) -> Received {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the acceptor, which then looks at the flag.
        let _ = TcpStream::connect(self.address);
        let _ = self.acceptor.join();
        let tally = std::mem::take(&mut *self.shared.tally.lock().unwrap_or_else(PoisonError::into_inner));
        Received { requests: self.shared.requests.load(Ordering::Acquire), tally }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        let mut open: Vec<TcpStream> = Vec::new();
        thread::scope(|scope| {
            for stream in listener.incoming() {
                if self.stopping.load(Ordering::Acquire) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                open.extend(stream.try_clone());
                // A connection that breaks off is the client's to report.
                scope.spawn(move || self.serve(&stream));
            }
            for stream in &open {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }

    /// Answers the requests of one connection, until the client closes it.
    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::with_capacity(READ_BUFFER, stream);
        let mut body = Vec::new();
        while let Some(head) = Head::read(&mut reader)? {
            let length = match head.length {
                Some(length) if length <= MAX_BODY => length,
                Some(_) => return answer(stream, "413 Content Too Large"),
                None => return answer(stream, "411 Length Required"),
            };
            if head.expects_continue {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            body.clear();
            body.reserve(length);
            if reader.by_ref().take(length as u64).read_to_end(&mut body)? < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            // Counted before it is acknowledged: whatever the sink counts as delivered is here.
            self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(&body);
            self.requests.fetch_add(1, Ordering::AcqRel);
            answer(stream, "200 OK")?;
        }
        Ok(())
    }
}

/// The little that matters of a request's head.
#[derive(Default)]
struct Head {
    length: Option<usize>,
    expects_continue: bool,
}

impl Head {
    /// `None` when the client has closed the connection.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut reader = reader.take(MAX_HEAD);
        let mut head = Self::default();
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        loop {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&line);
            let Some((name, value)) = text.split_once(':') else { return Ok(Some(head)) };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("expect") {
                head.expects_continue = value.eq_ignore_ascii_case("100-continue");
            }
        }
    }
}

fn answer(mut stream: &TcpStream, status: &str) -> io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
}
