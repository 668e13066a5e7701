//! Where the events go: reads requests, counts what they hold, says 204. It looks no closer than it
//! must, so that it is never what the agents wait for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::Job;

pub struct Receiver {
    pub port: u16,
    seen: Arc<Seen>,
    began: Instant,
}

#[derive(Default)]
struct Seen {
    events: AtomicU64,
    /// Nanoseconds until the first request.
    first: AtomicU64,
}

impl Receiver {
    pub fn start(job: Job) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (seen, began) = (Arc::new(Seen::default()), Instant::now());
        let all = Arc::clone(&seen);
        // Ends with the program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&all);
                thread::spawn(move || serve(&stream, job, &seen, began));
            }
        });
        Ok(Self { port, seen, began })
    }

    /// How many events came so far.
    pub fn events(&self) -> u64 {
        self.seen.events.load(Ordering::Acquire)
    }

    /// Seconds from `since` to the first request.
    pub fn first(&self, since: Instant) -> f64 {
        let first = self.seen.first.load(Ordering::Acquire) as f64 / 1e9;
        first - since.saturating_duration_since(self.began).as_secs_f64()
    }
}

/// Serves one connection until it is over.
fn serve(mut stream: &TcpStream, job: Job, seen: &Seen, began: Instant) -> Option<()> {
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let (mut body, mut line) = (Vec::new(), String::new());
    loop {
        let (mut length, mut is_json) = (0, false);
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(':').map(|(name, value)| (name, value.trim())) {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
                Some((name, value)) if name.eq_ignore_ascii_case("content-type") => is_json = value.contains("json"),
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
        let events = match job {
            Job::Http => count_objects(&body),
            Job::Loki | Job::LokiByLevel if is_json => count_json_values(&body),
            Job::Loki | Job::LokiByLevel => {
                count_protobuf_entries(&snap::raw::Decoder::new().decompress_vec(&body).ok()?)?
            }
        };
        let since = began.elapsed().as_nanos() as u64;
        let _ = seen.first.compare_exchange(0, since, Ordering::AcqRel, Ordering::Relaxed);
        seen.events.fetch_add(events, Ordering::AcqRel);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}

/// The events of a body of lines or of an array: each has one message.
fn count_objects(body: &[u8]) -> u64 {
    memchr::memmem::find_iter(body, b"\"order filled\"").count() as u64
}

/// In Loki's JSON each event is a text inside a text.
fn count_json_values(body: &[u8]) -> u64 {
    memchr::memmem::find_iter(body, b"order filled").count() as u64
}

/// Entries of all streams of a push request: fields 1 and 2 of Loki's protobuf.
fn count_protobuf_entries(request: &[u8]) -> Option<u64> {
    let mut count = 0;
    for_each_message(request, 1, &mut |stream| {
        for_each_message(stream, 2, &mut |_| {
            count += 1;
            Some(())
        })
    })?;
    Some(count)
}

/// Calls `act` for each field of this number that holds bytes.
fn for_each_message(mut bytes: &[u8], number: u64, act: &mut impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            2 => {
                let length = varint(&mut bytes)? as usize;
                let (message, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                if key >> 3 == number {
                    act(message)?;
                }
            }
            _ => return None,
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_all_streams_are_counted_and_damaged_requests_are_none() {
        // Two streams of labels and two and one entries.
        let entry = [0x12, 2, 0x08, 1];
        let one = [&[0x0a, 2, b'{', b'}'][..], &entry, &entry].concat();
        let two = [&[0x0a, 2, b'{', b'}'][..], &entry].concat();
        let request = [&[0x0a, one.len() as u8][..], &one, &[0x0a, two.len() as u8], &two].concat();
        assert_eq!(count_protobuf_entries(&request), Some(3));
        assert_eq!(count_protobuf_entries(&request[..request.len() - 1]), None);
    }
}
