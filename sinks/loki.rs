//! A sink that pushes to Grafana Loki.

mod answer;
mod config;
mod encode;
mod guard;
#[doc(hidden)]
pub mod internals;
mod labels;
mod pack;
mod plan;
mod unfinished;

use std::borrow::Cow;
use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use logwheel_core::{Batch, Delivered, DeliveryError, Entry, Health, Sink};
use ureq::http::Uri;

use self::answer::{Sent, Verdict};
pub use self::config::LokiSinkBuilder;
use self::encode::{Encoder, Line};
use self::guard::Guard;
use self::labels::{Columns, Labels};
use self::pack::Packer;
use self::plan::{Fate, Plan, Stream, Tails};
use self::unfinished::Unfinished;
use crate::HttpConfigError;
use crate::http::client::Client;
use crate::refusal::{refusal, tally};

/// What takes the place of the end of a line that was cut.
const CUT_MARK: &str = "...[truncated]";
/// The longest time, in nanoseconds, between the lines of one request. Loki refuses what is more than
/// an hour (half of `max_chunk_age`) behind the newest line it has of the stream, even if it has that
/// one already: with a longer span, what a request has stored could not be sent again.
const MAX_SPAN: u64 = 3_600_000_000_000;
/// Below this a server that says "too large" is not asked for less.
const SMALLEST_REQUEST: usize = 16 * 1024;

#[doc = include_str!("loki/guide.md")]
pub struct LokiSink {
    client: Client,
    shared: Arc<Shared>,
    /// As configured, or less where the server takes less.
    max_request_bytes: usize,
    /// What was said of `max_request_bytes`.
    told_request_bytes: usize,
    encoder: Encoder,
    packer: Packer,
    health: Health,
}

/// What all instances of one sink share: they must agree on streams, labels and times, and any of
/// them may try a batch again.
struct Shared {
    columns: Vec<String>,
    labels: Labels,
    guard: Guard,
    tails: Tails,
    unfinished: Unfinished,
    /// For hashes of lines.
    lines: RandomState,
    retimed: AtomicU64,
    cut: AtomicU64,
    /// Of them, how many were told of.
    told_cut: AtomicU64,
    settings: Settings,
}

#[derive(Debug)]
struct Settings {
    /// Where Loki says whether it is ready.
    ready: Uri,
    format: LokiFormat,
    line_limit: usize,
    long_lines: LongLine,
    strict_timestamps: bool,
    in_flight: usize,
    blocked_status: u16,
}

/// How a [`LokiSink`] sends batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LokiFormat {
    /// Protobuf, compressed with snappy: the smallest effort on both sides.
    #[default]
    Protobuf,
    /// JSON, not compressed: to look at.
    Json,
    /// JSON, compressed with gzip: the smallest requests, for narrow lines.
    JsonGzip,
}

impl LokiFormat {
    /// `Content-Type` and `Content-Encoding`. Snappy is part of the protobuf form.
    fn headers(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Protobuf => ("application/x-protobuf", None),
            Self::Json => ("application/json", None),
            Self::JsonGzip => ("application/json", Some("gzip")),
        }
    }
}

/// What a [`LokiSink`] does with a line that is longer than its `line_limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LongLine {
    /// Rejects the entry, with the reason `line_too_long`, as Loki would.
    #[default]
    Reject,
    /// Sends its begin, up to the limit, closed by `...[truncated]`. What is left is no JSON. A
    /// size guard in front of the sink shortens better, since it knows the fields.
    Truncate,
}

/// Looks into a [`LokiSink`] after it has moved into an engine.
#[derive(Clone)]
pub struct LokiHandle {
    shared: Arc<Shared>,
}

impl LokiHandle {
    /// The labels that had too many values and are sent as structured metadata since. See
    /// [`LokiSinkBuilder::max_label_values`].
    #[must_use]
    pub fn moved_labels(&self) -> Vec<String> {
        self.shared.labels.named(self.shared.guard.moved()).map(str::to_owned).collect()
    }

    /// How many lines were sent with a later timestamp than their event's, so that Loki does not
    /// take them for one it has.
    #[must_use]
    pub fn retimed(&self) -> u64 {
        self.shared.retimed.load(Ordering::Relaxed)
    }

    /// How many lines were cut at the `line_limit`.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.shared.cut.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for LokiHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LokiHandle")
            .field("moved_labels", &self.moved_labels())
            .field("retimed", &self.retimed())
            .field("truncated", &self.truncated())
            .finish()
    }
}

impl LokiSink {
    /// A sink that pushes to the Loki at `url`, such as `http://localhost:3100`; all options have
    /// their defaults.
    ///
    /// # Errors
    /// See [`LokiSinkBuilder::build`].
    pub fn new(url: impl Into<String>) -> Result<Self, HttpConfigError> {
        Self::builder(url).build()
    }

    /// Begins a sink that pushes to the Loki at `url`, with or without `/loki/api/v1/push`.
    pub fn builder(url: impl Into<String>) -> LokiSinkBuilder {
        LokiSinkBuilder::new(url.into())
    }

    /// A handle to look into the sink, also after it moved into an engine.
    #[must_use]
    pub fn handle(&self) -> LokiHandle {
        LokiHandle { shared: Arc::clone(&self.shared) }
    }

    fn plan(&self, batch: &Batch, columns: &Columns) -> Plan {
        let Shared { labels, guard, tails, lines, settings, .. } = &*self.shared;
        let mut plan = Plan::new(batch, columns, labels, guard);
        for stream in &mut plan.streams {
            let retimed = tails.retime(stream, batch, settings.strict_timestamps, lines);
            self.shared.retimed.fetch_add(retimed, Ordering::Relaxed);
            for planned in &mut stream.entries {
                let len = batch.entry_bytes(planned.index) - 1;
                match settings.long_lines {
                    _ if len <= settings.line_limit => {}
                    LongLine::Reject => planned.fate = Fate::Refused("line_too_long"),
                    LongLine::Truncate => _ = self.shared.cut.fetch_add(1, Ordering::Relaxed),
                }
            }
        }
        plan
    }

    /// Sends what is open in the plan and notes what became of it.
    fn send(
        &mut self,
        batch: &Batch,
        columns: &Columns,
        plan: &mut Plan,
        said: &mut String,
    ) -> Result<(), DeliveryError> {
        for position in 0..plan.streams.len() {
            // Sets of entries that are to be tried, the next one last.
            let entries = &plan.streams[position].entries;
            let open = (0..entries.len()).filter(|entry| entries[*entry].fate == Fate::Open).collect::<Vec<_>>();
            let mut todo = vec![open];
            while let Some(mut set) = todo.pop() {
                if set.is_empty() {
                    continue;
                }
                let stream = &plan.streams[position];
                let (fitting, sent) = self.encode(batch, columns, stream, &set);
                let rest = set.split_off(fitting);
                if !rest.is_empty() {
                    todo.push(rest);
                }
                let size = self.packer.body().len();
                let answer = self.client.post(self.packer.body(), [])?;
                let verdict = answer::classify(answer.status, self.shared.settings.blocked_status, answer.body);
                let after = answer.retry_after;
                let detail = || answer.detail();
                let entries = &mut plan.streams[position].entries;
                let mut settle = |set: &[usize], fate| set.iter().for_each(|entry| entries[*entry].fate = fate);
                match verdict {
                    Verdict::Stored => settle(&set, Fate::Stored),
                    Verdict::Blocked => {
                        *said = format!("the operator of Loki has blocked this tenant; {}", detail());
                        settle(&set, Fate::Refused("blocked"));
                    }
                    Verdict::Rejected { reason } => {
                        *said = detail();
                        settle(&set, Fate::Refused(reason));
                    }
                    Verdict::TooLarge { reason } if set.len() == 1 => {
                        *said = detail();
                        settle(&set, Fate::Refused(reason));
                    }
                    Verdict::TooLarge { .. } => {
                        *said = detail();
                        let half = sent.iter().map(|(_, size)| size).sum::<usize>() / 2;
                        self.max_request_bytes = self.max_request_bytes.min(half.max(SMALLEST_REQUEST));
                        halve(&mut todo, set);
                    }
                    Verdict::Refused(refusal) => {
                        *said = detail();
                        let sent: Vec<_> = sent.iter().map(|(sent, _)| *sent).collect();
                        let certain = refusal.certain(&sent);
                        for (index, reason) in &certain {
                            settle(&[set[*index]], Fate::Refused(reason));
                        }
                        if certain.is_empty() && set.len() == 1 {
                            settle(&set, Fate::Refused(refusal.reason()));
                        } else if certain.is_empty() {
                            halve(&mut todo, set);
                        } else {
                            // Most of them are stored, maybe all. Sent again they are not stored
                            // twice, and then it is known.
                            set.retain(|entry| entries[*entry].fate == Fate::Open);
                            todo.push(set);
                        }
                    }
                    Verdict::Later { reason, smaller } => {
                        let detail = format!("{} ({size} bytes of {} lines)", detail(), set.len()).into();
                        plan.told_to_slow_down += u32::from(smaller);
                        // A request beyond the burst that Loki allows is never taken, however long
                        // one waits, and that is not said.
                        if plan.told_to_slow_down > 1 && plan.open() > 1 && plan.stored() == 0 {
                            return Err(DeliveryError::Split { reason });
                        }
                        return Err(DeliveryError::Retry { reason, detail, after });
                    }
                    Verdict::Fatal { reason, advice } => {
                        let detail = format!("{advice}; {}", detail()).into();
                        return Err(DeliveryError::Fatal { reason, detail });
                    }
                }
            }
        }
        Ok(())
    }

    /// Encodes and packs as many entries of the set, from its front, as one request may hold. Says
    /// how many, and for each what an answer may be about and the bytes it takes.
    fn encode(
        &mut self,
        batch: &Batch,
        columns: &Columns,
        stream: &Stream,
        set: &[usize],
    ) -> (usize, Vec<(Sent, usize)>) {
        let settings = &self.shared.settings;
        let (mut sent, mut total) = (Vec::with_capacity(set.len()), 0);
        let mut metadata = Vec::new();
        self.encoder.begin(&stream.labels);
        for &position in set {
            let planned = &stream.entries[position];
            let entry = batch.get(planned.index).expect("the plan is of this batch");
            self.shared.labels.metadata(planned.moved, columns, &entry, &mut metadata);
            let text = shortened(entry.payload, settings.line_limit);
            let line = Line { timestamp: planned.timestamp, text, metadata: &metadata };
            let measured = line.measured();
            let size = measured.size();
            let first = sent.first().map_or(planned.timestamp, |(sent, _): &(Sent, usize)| sent.timestamp);
            let fits = total + size <= self.max_request_bytes && planned.timestamp - first <= MAX_SPAN;
            if !sent.is_empty() && !fits {
                break;
            }
            total += size;
            let len = text[0].len() + text[1].len();
            sent.push((Sent { timestamp: planned.timestamp, len }, size));
            self.encoder.push(&measured);
        }
        self.packer.pack(settings.format, self.encoder.finish());
        (sent.len(), sent)
    }

    fn finish(&self, batch: &Batch, plan: &Plan, said: String) -> Result<Delivered, DeliveryError> {
        for stream in &plan.streams {
            self.shared.tails.confirm(stream, batch, &self.shared.lines);
        }
        let refused = plan.refused();
        let tally = tally(&refused, |count, reason| format!("{count} {reason}"));
        refusal(refused, batch.len(), || format!("{tally}; {said}").into()).map_or(Ok(Delivered::all()), Err)
    }

    fn push(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let columns = self.shared.labels.columns(batch);
        let unfinished = self.shared.unfinished.take(batch);
        let mut plan = unfinished.unwrap_or_else(|| self.plan(batch, &columns));
        let mut said = format!("the line_limit is {} bytes", self.shared.settings.line_limit);
        match self.send(batch, &columns, &mut plan, &mut said) {
            Ok(()) => self.finish(batch, &plan, said),
            Err(error) => {
                if matches!(error, DeliveryError::Retry { .. }) {
                    self.shared.unfinished.put(batch, plan);
                }
                Err(error)
            }
        }
    }
}

impl fmt::Debug for LokiSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LokiSink")
            .field("client", &self.client)
            .field("labels", &self.shared.labels)
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl Sink for LokiSink {
    fn name(&self) -> &str {
        "loki"
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        if batch.is_empty() {
            return Ok(Delivered::all());
        }
        let result = self.push(batch);
        self.health = match &result {
            // A refused entry says nothing against the destination.
            Ok(_) | Err(DeliveryError::Split { .. } | DeliveryError::Reject { .. }) => Health::Healthy,
            Err(error) => Health::unhealthy(error.to_string()),
        };
        result
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn check(&mut self) -> Health {
        let ready = &self.shared.settings.ready;
        match self.client.get(ready) {
            Ok(answer) if answer.status == 200 => Health::Healthy,
            // A gateway before Loki that does not pass this on; or passes on what is pushed only.
            Ok(answer) if matches!(answer.status, 401 | 403 | 404 | 405) => self.health.clone(),
            Ok(answer) => Health::unhealthy(format!("it is not ready: {}", answer.detail())),
            Err(error) => Health::unhealthy(error.to_string()),
        }
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        let Shared { labels, guard, cut, told_cut, settings, .. } = &*self.shared;
        let (moved, cut) = (guard.newly_moved(), cut.load(Ordering::Relaxed));
        let newly_cut = cut.saturating_sub(told_cut.fetch_max(cut, Ordering::Relaxed));
        let mut notices = Vec::new();
        for label in labels.named(moved) {
            notices.push(format!(
                "label {label:?} has too many values: from now on it is sent as structured metadata (max_label_values, \
                 max_streams)"
            ));
        }
        if newly_cut > 0 {
            notices.push(format!("{newly_cut} lines were cut at line_limit = {}", settings.line_limit));
        }
        if self.max_request_bytes < self.told_request_bytes {
            let (bytes, before) = (self.max_request_bytes, self.told_request_bytes);
            notices.push(format!("Loki does not take requests of max_request_bytes = {before}: from now on {bytes}"));
            self.told_request_bytes = bytes;
        }
        (!notices.is_empty()).then(|| notices.join("; ").into())
    }

    fn columns(&self) -> &[String] {
        &self.shared.columns
    }

    fn stream_of(&self, batch: &Batch, entry: &Entry<'_>) -> u64 {
        let Shared { labels, guard, .. } = &*self.shared;
        // Asked for every event: nothing is put together for it.
        labels.stream_of(guard, |label| batch.column(&labels.from_fields[label].field), entry).key
    }

    fn in_flight(&self) -> usize {
        self.shared.settings.in_flight
    }

    fn replicate(&self) -> Option<Box<dyn Sink>> {
        Some(Box::new(Self {
            client: self.client.sibling(),
            shared: Arc::clone(&self.shared),
            max_request_bytes: self.max_request_bytes,
            told_request_bytes: self.max_request_bytes,
            encoder: config::encoder(self.shared.settings.format),
            packer: Packer::default(),
            health: Health::Healthy,
        }))
    }
}

/// Puts both halves of the set on the stack, the first one on top.
fn halve(todo: &mut Vec<Vec<usize>>, mut set: Vec<usize>) {
    let second = set.split_off(set.len() / 2);
    todo.extend([second, set]);
}

/// The line in two parts: as it is, or cut between two characters and marked.
fn shortened(line: &[u8], limit: usize) -> [&[u8]; 2] {
    if line.len() <= limit {
        return [line, b""];
    }
    let mut end = limit.saturating_sub(CUT_MARK.len());
    // The bytes after the first one of a character begin with the bits 10.
    while end > 0 && line[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    [&line[..end], CUT_MARK.as_bytes()]
}

#[cfg(test)]
mod double;
#[cfg(test)]
mod tests;
