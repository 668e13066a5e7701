//! The other end: an HTTP server on loopback that counts events and says yes.

mod count;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::step::Failure;

/// Listens until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    events: AtomicU64,
    /// Requests that were not understood.
    refused: AtomicU64,
    first: OnceLock<Instant>,
    stopped: AtomicBool,
}

impl Receiver {
    pub fn start() -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::new(format!("the receiver cannot listen: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let receiver = Self { address: listener.local_addr().map_err(failed)?, seen: Arc::default() };
        let seen = Arc::clone(&receiver.seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if seen.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let seen = Arc::clone(&seen);
                // A connection that breaks is the sender's to mend.
                thread::spawn(move || drop(serve(&stream, &seen)));
            }
        });
        Ok(receiver)
    }

    pub fn events(&self) -> u64 {
        self.seen.events.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.seen.refused.load(Ordering::Relaxed)
    }

    /// When the first events came.
    pub fn first(&self) -> Option<Instant> {
        self.seen.first.get().copied()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// What a request says about its body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    length: usize,
    is_protobuf: bool,
    is_loki: bool,
    expects: bool,
}

fn serve(stream: &TcpStream, seen: &Seen) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::with_capacity(256 << 10, stream), stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    while let Some(head) = read_head(&mut input, &mut line)? {
        if head.expects {
            output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        body.resize(head.length, 0);
        input.read_exact(&mut body)?;
        match count::events(&body, head.is_loki, head.is_protobuf) {
            Some(events) => {
                seen.first.get_or_init(Instant::now);
                seen.events.fetch_add(events, Ordering::Relaxed);
                output.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
            }
            None => {
                seen.refused.fetch_add(1, Ordering::Relaxed);
                output.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
            }
        }
    }
    Ok(())
}

/// The next request's head; nothing at the end of the connection.
fn read_head(input: &mut impl BufRead, line: &mut String) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    line.clear();
    if input.read_line(line)? == 0 {
        return Ok(None);
    }
    head.is_loki = line.contains("/loki/api/v1/push");
    loop {
        line.clear();
        input.read_line(line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(head)) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().map_err(io::Error::other)?,
            "content-type" => head.is_protobuf = value.starts_with("application/x-protobuf"),
            "expect" => head.expects = value.eq_ignore_ascii_case("100-continue"),
            // No agent sends any; what came would be taken for a request.
            "transfer-encoding" | "content-encoding" if value != "snappy" && value != "identity" => {
                return Err(io::Error::other(format!("{name}: {value}")));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_one_after_the_other() {
        let text = "POST /loki/api/v1/push HTTP/1.1\r\ncontent-length: 12\r\nContent-Type: application/x-protobuf\r\n\r\n\
                    POST /ingest HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
        let (mut input, mut line) = (text.as_bytes(), String::new());
        let mut next = || read_head(&mut input, &mut line).unwrap();
        assert_eq!(next(), Some(Head { length: 12, is_protobuf: true, is_loki: true, expects: false }));
        assert_eq!(next(), Some(Head { length: 3, is_protobuf: false, is_loki: false, expects: true }));
        assert_eq!(next(), None);
    }

    #[test]
    fn requests_are_counted_and_answered_and_nonsense_is_refused() {
        let receiver = Receiver::start().unwrap();
        let mut stream = TcpStream::connect(receiver.address).unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n{\"a\":1}\n{\"a\":2}\n").unwrap();
        stream.write_all(b"POST /loki/api/v1/push HTTP/1.1\r\nContent-Length: 2\r\n\r\n{]").unwrap();
        let mut answers = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| !line.is_empty());
        assert_eq!(answers.next().unwrap(), "HTTP/1.1 204 No Content");
        assert_eq!(answers.next().unwrap(), "HTTP/1.1 400 Bad Request");
        assert_eq!((receiver.events(), receiver.refused(), receiver.first().is_some()), (2, 1, true));
    }
}
