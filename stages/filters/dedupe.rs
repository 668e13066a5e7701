//! `dedupe`: collapses equal events into one that says how many there were.

use std::collections::VecDeque;

use logwheel_core::wire::named_len;
use logwheel_core::{Enrichment, Event, Filter, HeldEvent, StageError, Verdict};

use super::event_time::EventTime;
use super::keys::{KeyHasher, OrderedMap, ordered_map, parse_paths};
use crate::InvalidOption;
use crate::option::{require, window_nanos};

/// Collapses a run of equal events.
///
/// The first event of a run passes at once. The second is held back, further ones are dropped, and
/// when the run ends, the held one goes on with the field `repeated`: how many events it stands for,
/// itself included. So a run of one comes out as it was, and a run of *n* as the first event and one
/// with `repeated = n − 1`. (If the event has a field `repeated` of its own, it is `_repeated`.)
///
/// A run ends
/// - `window_seconds` after its first event, at the latest, so that something which repeats for ever
///   is heard of once per window;
/// - in the mode [`Consecutive`](DedupeMode::Consecutive), with the first event that is different;
/// - when the engine is flushed or shut down;
/// - when there are more than `max_keys` runs, or more than `max_held_bytes` are held: the oldest.
///
/// The next event after that is the first one of a new run.
///
/// Events are equal if level, logger, message and all fields are (not the time, nor the trace), or,
/// with `key_fields`, if their values there are: names or dotted paths as in
/// [`FirstOccurrence`](crate::FirstOccurrence). They are compared by a hash of 64 bits.
///
/// A held event keeps its own timestamp, and goes on behind events that are younger. What is held
/// is lost if the process is killed. Windows are measured in the time of the events; while none
/// come, in that of the engine. Holding an event takes memory from the allocator (once per run, not
/// per event). All workers share one instance.
///
/// ```
/// use logwheel_stages::{Dedupe, DedupeMode};
///
/// let filter = Dedupe::builder().mode(DedupeMode::Window).window_seconds(30.0).key_fields(["message"]).build()?;
/// # let _ = filter;
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct Dedupe {
    mode: DedupeMode,
    window: u64,
    max_keys: usize,
    max_held_bytes: usize,
    /// Without any, whole events are compared.
    has_key_fields: bool,
    keys: KeyHasher,
    time: EventTime,
    /// The time that the engine told after the last event, if it did.
    idle_since: Option<u64>,
    /// In the order of their first events, which is that in which they end.
    runs: OrderedMap<Run>,
    held_bytes: usize,
    /// Ended: to be given back.
    ready: VecDeque<HeldEvent>,
}

/// Which equal events [`Dedupe`] collapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DedupeMode {
    /// Those that follow each other directly.
    #[default]
    Consecutive,
    /// All within the window, whatever comes between.
    Window,
}

#[derive(Debug)]
struct Run {
    /// When its first event was logged.
    start: u64,
    held: Option<HeldRepeat>,
}

#[derive(Debug)]
struct HeldRepeat {
    event: HeldEvent,
    stands_for: u64,
    bytes: usize,
}

/// The options of [`Dedupe`].
#[derive(Debug, Clone)]
#[must_use]
pub struct DedupeBuilder {
    mode: DedupeMode,
    key_fields: Vec<String>,
    window_seconds: f64,
    max_keys: usize,
    max_held_bytes: usize,
}

impl Dedupe {
    /// Consecutive equal events, for 5 seconds.
    pub fn builder() -> DedupeBuilder {
        DedupeBuilder {
            mode: DedupeMode::Consecutive,
            key_fields: Vec::new(),
            window_seconds: 5.0,
            max_keys: 10_000,
            max_held_bytes: 4 << 20,
        }
    }

    fn key(&mut self, event: &Event<'_>) -> u64 {
        if self.has_key_fields { self.keys.key(event) } else { self.keys.whole(event) }
    }

    /// Ends the oldest run; false if there is none.
    fn end_oldest(&mut self) -> bool {
        let Some((_, run)) = self.runs.pop_front() else { return false };
        if let Some(held) = run.held {
            self.held_bytes -= held.bytes;
            self.ready.push_back(held.finish());
        }
        true
    }

    /// Ends the runs whose window is over.
    fn end_outdated(&mut self, now: u64) {
        while self.runs.front().is_some_and(|(_, run)| now.saturating_sub(run.start) >= self.window) {
            self.end_oldest();
        }
    }

    /// One more event of a run that there is.
    fn repeat(&mut self, key: u64, event: &Event<'_>) -> Verdict {
        let run = self.runs.get_mut(&key).expect("the caller found it");
        if let Some(held) = &mut run.held {
            held.stands_for += 1;
            return Verdict::Drop;
        }
        let bytes = size(event);
        if bytes > self.max_held_bytes {
            return Verdict::Keep;
        }
        run.held = Some(HeldRepeat { event: event.hold(), stands_for: 1, bytes });
        self.held_bytes += bytes;
        // This run holds no more than is allowed, so it may be the last to end here, and the
        // bytes are within their bound at the latest then.
        while self.held_bytes > self.max_held_bytes && self.end_oldest() {}
        Verdict::Hold
    }
}

impl HeldRepeat {
    fn finish(mut self) -> HeldEvent {
        let mut event = self.event.event();
        let mut marked = Enrichment::new(&mut event);
        let name = if marked.position("repeated").is_some() { "_repeated" } else { "repeated" };
        marked.add(name, self.stands_for);
        marked.commit();
        self.event
    }
}

/// About how many bytes a held event takes.
fn size(event: &Event<'_>) -> usize {
    let fields: usize = event.fields().map(|(_, field)| named_len(field.name, &field.value)).sum();
    let entries = event.slots() * 64;
    size_of::<HeldRepeat>() + entries + event.message_value().encoded_len() + event.logger().len() + fields
}

impl DedupeBuilder {
    /// Which equal events are collapsed; by default those that follow each other directly.
    pub fn mode(mut self, mode: DedupeMode) -> Self {
        self.mode = mode;
        self
    }

    /// The fields that are compared; by default none, which compares whole events.
    pub fn key_fields(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.key_fields = paths.into_iter().map(Into::into).collect();
        self
    }

    /// How long a run lasts at most, in seconds, 0.001 to 604,800; 5 by default.
    pub fn window_seconds(mut self, window_seconds: f64) -> Self {
        self.window_seconds = window_seconds;
        self
    }

    /// How many runs there can be at a time, 1 to 1,000,000; 10,000 by default. In the mode
    /// [`Consecutive`](DedupeMode::Consecutive) there is only one.
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// How many bytes held events may take, about; 4 MiB by default. A single event that takes
    /// more is not held: it passes.
    pub fn max_held_bytes(mut self, max_held_bytes: usize) -> Self {
        self.max_held_bytes = max_held_bytes;
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// The first option with a value that is not allowed.
    pub fn build(self) -> Result<Dedupe, InvalidOption> {
        require((1..=1_000_000).contains(&self.max_keys), "max_keys", self.max_keys, "1 to 1000000")?;
        Ok(Dedupe {
            mode: self.mode,
            window: window_nanos("window_seconds", self.window_seconds)?,
            max_keys: self.max_keys,
            max_held_bytes: self.max_held_bytes,
            has_key_fields: !self.key_fields.is_empty(),
            keys: KeyHasher::new(parse_paths("key_fields", &self.key_fields)?),
            time: EventTime::default(),
            idle_since: None,
            runs: ordered_map(if self.mode == DedupeMode::Consecutive { 1 } else { self.max_keys }),
            held_bytes: 0,
            ready: VecDeque::new(),
        })
    }
}

impl Filter for Dedupe {
    fn name(&self) -> &str {
        "dedupe"
    }

    fn holds(&self) -> bool {
        true
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let now = self.time.advance(event.timestamp());
        self.idle_since = None;
        let key = self.key(event);
        self.end_outdated(now);
        if self.runs.contains_key(&key) {
            return Ok(self.repeat(key, event));
        }
        if self.mode == DedupeMode::Consecutive || self.runs.len() >= self.max_keys {
            self.end_oldest();
        }
        self.runs.insert(key, Run { start: now, held: None });
        Ok(Verdict::Keep)
    }

    fn release(&mut self, now: u64, all: bool) -> Option<HeldEvent> {
        // Events may carry times of another clock: what counts is how long there was none.
        let idle = now.saturating_sub(*self.idle_since.get_or_insert(now));
        self.end_outdated(self.time.passed().saturating_add(idle));
        while all && self.end_oldest() {}
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests;
