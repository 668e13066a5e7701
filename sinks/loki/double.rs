//! A Loki inside the test process: as strict as real ones were measured to be, and as misleading.
//!
//! It stores what a real one would store and answers what a real one would answer, partial storage
//! and hidden losses included. Its limits are those of a default configuration unless a test sets
//! others.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use parking_lot::Mutex;
use prost::Message;
use serde_json::Value;

use super::encode::LabelSet;
use super::encode::tests::PushRequest;
use crate::http::server::{Received, Reply, Server};

pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const HOUR: u64 = 3_600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;

/// Time, line, structured metadata.
pub(super) type StoredLine = (u64, Vec<u8>, LabelSet);

#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) now: u64,
    pub(super) line: usize,
    pub(super) message: usize,
    pub(super) burst: usize,
    pub(super) stream_burst: usize,
    pub(super) streams: usize,
    pub(super) auth: bool,
    /// How many pushes are stored and then not answered.
    pub(super) lost_answers: usize,
    /// Refuses lines with this text alone, and says nothing about which.
    pub(super) poison: Option<&'static str>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
            line: 262_144,
            message: 4 << 20,
            burst: 6 << 20,
            stream_burst: 15 << 20,
            streams: 5_000,
            auth: false,
            lost_answers: 0,
            poison: None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) limits: Limits,
    streams: BTreeMap<LabelSet, BTreeSet<StoredLine>>,
    /// The size of each push, decoded.
    pub(super) sizes: Vec<usize>,
    pub(super) streams_per_push: Vec<usize>,
}

/// A server with the store behind it.
pub(super) struct Double {
    pub(super) server: Server,
    pub(super) state: Arc<Mutex<State>>,
}

/// A stream of a push, as the handlers of both encodings make it.
struct Pushed {
    labels: LabelSet,
    lines: Vec<StoredLine>,
}

type Refusal = (u16, String);

impl Double {
    pub(super) fn new(limits: Limits) -> Self {
        Self::after([], limits)
    }

    /// Answers by the script first.
    pub(super) fn after(script: impl IntoIterator<Item = Reply>, limits: Limits) -> Self {
        let state = Arc::new(Mutex::new(State { limits, ..State::default() }));
        let answering = Arc::clone(&state);
        let server = Server::answering(script, move |request| answering.lock().answer(request));
        Self { server, state }
    }

    pub(super) fn url(&self) -> String {
        self.server.origin()
    }

    /// The lines of each stream, by time.
    pub(super) fn streams(&self) -> BTreeMap<LabelSet, Vec<StoredLine>> {
        let streams = self.state.lock().streams.clone();
        streams.into_iter().map(|(labels, lines)| (labels, lines.into_iter().collect())).collect()
    }

    /// All lines as text, by time.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.streams().into_values().flatten().collect();
        lines.sort();
        lines.into_iter().map(|(_, line, _)| String::from_utf8(line).unwrap()).collect()
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.state.lock().streams.values().map(BTreeSet::len).sum()
    }
}

impl State {
    pub(super) fn answer(&mut self, request: &Received) -> Reply {
        let result = self.push(request);
        if result.is_ok() && self.limits.lost_answers > 0 {
            self.limits.lost_answers -= 1;
            return Reply::RawThenClose(String::new());
        }
        match result {
            Ok(()) => Reply::Raw("HTTP/1.1 204 No Content\r\n\r\n".into()),
            Err((status, text)) => {
                let headers = "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n";
                Reply::status(status, headers, &format!("{text}\n"))
            }
        }
    }

    fn push(&mut self, request: &Received) -> Result<(), Refusal> {
        if request.head[0] != "POST /loki/api/v1/push HTTP/1.1" {
            return Err((404, "404 page not found".into()));
        }
        if self.limits.auth && request.header("x-scope-orgid").is_none_or(str::is_empty) {
            return Err((401, "no org id".into()));
        }
        let content_type = request.header("content-type").unwrap_or_default();
        let encoding = request.header("content-encoding").unwrap_or_default();
        let (streams, size) = match (content_type.starts_with("application/json"), encoding) {
            (true, "") => from_json(&request.body)?,
            (true, "gzip") => {
                let mut plain = Vec::new();
                let read = flate2::read::GzDecoder::new(&request.body[..]).read_to_end(&mut plain);
                read.map_err(|error| bad(format!("gzip: {error}")))?;
                from_json(&plain)?
            }
            (false, "" | "snappy") => {
                let plain = snap::raw::Decoder::new().decompress_vec(&request.body);
                from_protobuf(&plain.map_err(|_| bad("snappy: corrupt input"))?)?
            }
            (_, other) => return Err(bad(format!("Content-Encoding \"{other}\" not supported"))),
        };
        self.sizes.push(size);
        self.streams_per_push.push(streams.len());
        if streams.is_empty() {
            return Err((422, "no valid streams".into()));
        }
        self.distribute(streams, size)
    }

    /// What Loki's distributor does: looks at each line, then at rates and sizes.
    fn distribute(&mut self, streams: Vec<Pushed>, size: usize) -> Result<(), Refusal> {
        let mut errors: BTreeMap<String, usize> = BTreeMap::new();
        let mut valid = Vec::new();
        for mut stream in streams {
            for (name, _) in stream.lines.iter().flat_map(|(_, _, metadata)| metadata) {
                if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
                    return Err((500, format!("normalization for label name \"{name}\" resulted in invalid name")));
                }
            }
            let shown = show(&stream.labels);
            let named = stream.labels.iter().filter(|(name, _)| name != "service_name").count();
            let problem = match stream.labels.iter().find(|(name, value)| name.len() > 1_024 || value.len() > 2_048) {
                _ if named > 15 => Some(format!("entry for stream '{shown}' has {named} label names; limit 15")),
                Some(_) => Some(format!("stream '{shown}' has label value too long")),
                None => None,
            };
            if let Some(problem) = problem {
                *errors.entry(problem).or_default() += stream.lines.len();
                continue;
            }
            stream.lines.retain(|line| match self.check(line, &shown) {
                Ok(()) => true,
                Err(problem) => {
                    *errors.entry(problem).or_default() += 1;
                    false
                }
            });
            if !stream.lines.is_empty() {
                valid.push(stream);
            }
        }
        if size > self.limits.message && !valid.is_empty() {
            let max = self.limits.message;
            let text = format!(
                "rpc error: code = ResourceExhausted desc = grpc: received message larger than max ({size} vs. {max})"
            );
            return Err((500, text));
        }
        let bytes =
            |stream: &Pushed| -> usize { stream.lines.iter().map(|(_, line, metadata)| weight(line, metadata)).sum() };
        let total: usize = valid.iter().map(bytes).sum();
        if total > self.limits.burst {
            let count = valid.iter().map(|stream| stream.lines.len()).sum::<usize>();
            let text = format!(
                "ingestion rate limit exceeded for user fake (limit: 52428 bytes/sec) while attempting to ingest \
                 '{count}' lines totaling '{total}' bytes, reduce log volume or contact your Loki administrator"
            );
            return Err((429, text));
        }
        // Of the ingester's answers only that for the last stream comes through.
        let mut last = Ok(());
        for stream in valid {
            last = self.ingest(stream);
        }
        last?;
        if errors.is_empty() {
            return Ok(());
        }
        let total: usize = errors.values().sum();
        let texts: Vec<_> = errors.iter().map(|(text, count)| format!("{count} errors like: {text}")).collect();
        Err(bad(if total == 1 { errors.into_keys().next().unwrap() } else { texts.join("; ") }))
    }

    fn check(&self, (time, line, metadata): &StoredLine, shown: &str) -> Result<(), String> {
        let (now, limit) = (self.limits.now, self.limits.line);
        if *time < now - 7 * DAY {
            let (time, oldest) = (seconds(*time), seconds(now - 7 * DAY));
            return Err(format!(
                "entry for stream '{shown}' has timestamp too old: {time}, oldest acceptable timestamp is: {oldest}"
            ));
        }
        if *time > now + 600 * SECOND {
            return Err(format!("entry for stream '{shown}' has timestamp too new: {}", seconds(*time)));
        }
        if line.len() > limit {
            let len = line.len();
            return Err(format!(
                "max entry size '{limit}' bytes exceeded for stream '{shown}' while adding an entry with length '{len}' bytes"
            ));
        }
        if metadata.len() > 128 {
            return Err(format!("stream '{shown}' has too many structured metadata labels"));
        }
        if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > 64 << 10 {
            return Err(format!("stream '{shown}' has structured metadata too large"));
        }
        match self.limits.poison {
            Some(poison) if String::from_utf8_lossy(line).contains(poison) => Err("something is wrong".into()),
            _ => Ok(()),
        }
    }

    /// What Loki's ingester does with one stream.
    fn ingest(&mut self, stream: Pushed) -> Result<(), Refusal> {
        let shown = show(&stream.labels);
        if !self.streams.contains_key(&stream.labels) && self.streams.len() >= self.limits.streams {
            let text = format!("maximum active stream limit exceeded when trying to create stream {shown}");
            return Err((429, text));
        }
        let bytes: usize = stream.lines.iter().map(|(_, line, metadata)| weight(line, metadata)).sum();
        if bytes > self.limits.stream_burst {
            let text = "Per stream rate limit exceeded (limit: 32KB/sec) while attempting to ingest for stream";
            return Err((429, format!("{text} '{shown}' totaling {bytes}B")));
        }
        let total = stream.lines.len();
        let stored = self.streams.entry(stream.labels).or_default();
        let mut newest = stored.last().map_or(0, |(time, ..)| *time);
        let mut ignored = Vec::new();
        for line in stream.lines {
            let oldest = newest.saturating_sub(HOUR);
            if line.0 < oldest {
                let shown = seconds(line.0);
                ignored.push(format!(
                    "entry with timestamp {} ignored, reason: 'entry too far behind, entry timestamp is: {shown}, \
                     oldest acceptable timestamp is: {}',",
                    shown.replace('T', " ").replace('Z', " +0000 UTC"),
                    seconds(oldest)
                ));
                continue;
            }
            newest = newest.max(line.0);
            // One with the same time, text and metadata is there already.
            stored.insert(line);
        }
        if ignored.is_empty() {
            return Ok(());
        }
        let count = ignored.len();
        ignored.truncate(10);
        let text =
            format!("{}\nuser 'fake', total ignored: {count} out of {total} for stream: {shown}", ignored.join("\n"));
        Err(bad(text))
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    (400, text.into())
}

fn weight(line: &[u8], metadata: &LabelSet) -> usize {
    line.len() + metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

fn seconds(time: u64) -> String {
    let time = Timestamp::from_nanosecond(time.into()).unwrap();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn show(labels: &LabelSet) -> String {
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn from_protobuf(plain: &[u8]) -> Result<(Vec<Pushed>, usize), Refusal> {
    let request = PushRequest::decode(plain).map_err(|error| bad(error.to_string()))?;
    let size = plain.len();
    let mut streams = Vec::new();
    for stream in request.streams {
        let line = |entry: super::encode::tests::Entry| {
            let time = entry.timestamp.unwrap_or_default();
            let metadata = entry.metadata.into_iter().map(|pair| (pair.name, pair.value)).collect();
            (time.seconds as u64 * SECOND + time.nanos as u64, entry.line, metadata)
        };
        let lines = stream.entries.into_iter().map(line).collect();
        streams.push(Pushed { labels: parse_labels(&stream.labels)?, lines });
    }
    Ok((streams, size))
}

/// Also gives the size that the streams would have as protobuf, roughly.
fn from_json(plain: &[u8]) -> Result<(Vec<Pushed>, usize), Refusal> {
    let body: Value = serde_json::from_slice(plain).map_err(|error| bad(error.to_string()))?;
    let mut streams = Vec::new();
    let mut size = 0;
    for stream in body["streams"].as_array().unwrap_or(&Vec::new()) {
        // Keys go into the text as they are.
        let pairs = stream["stream"].as_object().into_iter().flatten();
        let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        let labels = parse_labels(&format!("{{{}}}", pairs.join(",")))?;
        let mut lines = Vec::new();
        for value in stream["values"].as_array().unwrap_or(&Vec::new()) {
            let time = value[0].as_str().and_then(|text| text.parse().ok());
            let time: u64 = time.ok_or_else(|| bad("loghttp.PushRequest.Streams: unable to parse timestamp"))?;
            let line = value[1].as_str().ok_or_else(|| bad("Value is not a string"))?.as_bytes().to_vec();
            let mut metadata = LabelSet::new();
            for (name, value) in value[2].as_object().into_iter().flatten() {
                let value = value.as_str().ok_or_else(|| bad("Value is not a string"))?;
                metadata.push((name.clone(), value.to_owned()));
            }
            size += weight(&line, &metadata) + 20;
            lines.push((time, line, metadata));
        }
        streams.push(Pushed { labels, lines });
    }
    Ok((streams, size))
}

fn quoted(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".into(),
        c => c.into(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// `{a="x", b="y"}`, with the escapes of Go. Quoted names are taken, as Loki does to its harm.
fn parse_labels(text: &str) -> Result<LabelSet, Refusal> {
    let fail = |at: &str| bad(format!("error couldn't parse labels: 1:3: parse error: unexpected character: {at:?}"));
    let mut labels = LabelSet::new();
    let mut rest = text.strip_prefix('{').ok_or_else(|| fail(text))?.trim_start();
    while !rest.starts_with('}') {
        let (name, value) = rest.split_once('=').ok_or_else(|| fail(rest))?;
        let unquoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if unquoted.is_none() && !(starts(name) && name.chars().all(plain)) {
            return Err(fail(name));
        }
        let mut chars = value.strip_prefix('"').ok_or_else(|| fail(value))?.chars();
        let mut text = String::new();
        loop {
            match chars.next().ok_or_else(|| fail(value))? {
                '"' => break,
                '\n' => return Err(fail("\n")),
                '\\' => match chars.next().ok_or_else(|| fail(value))? {
                    'n' => text.push('\n'),
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                    }
                    c @ ('"' | '\\') => text.push(c),
                    c => return Err(fail(&c.to_string())),
                },
                c => text.push(c),
            }
        }
        if labels.iter().any(|(known, _)| known == name) {
            return Err(bad(format!("stream '{text}' has duplicate label name: '{name}'")));
        }
        // Empty ones are left out.
        if !text.is_empty() {
            labels.push((name.to_owned(), text));
        }
        rest = chars.as_str().trim_start().trim_start_matches(',').trim_start();
    }
    labels.sort();
    Ok(labels)
}
