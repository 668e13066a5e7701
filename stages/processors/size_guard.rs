//! `size_guard`: no line longer than its destination takes.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use logwheel_core::{Processed, Processor, StageError};

mod members;
mod shrink;
mod text;

use shrink::Shrinker;

/// Keeps lines within a size that the destination accepts.
///
/// A line of at most [`max_bytes`](SizeGuardBuilder::max_bytes) goes on as it is: it is neither read
/// nor copied. What happens to a longer one is the [`action`](SizeGuardBuilder::action); each is
/// counted, see [`counts`](Self::counts), and diagnostics tell the size of the last one, the limit and the
/// action.
///
/// # What is given up, in this order
///
/// 1. `_truncated: true` and `_original_size` (in bytes) are added: at the end of a flat event, in
///    `log.diagnostics` of a `v1_1` one.
/// 2. The message is shortened and ends with `...[truncated]`; at least 32 characters of it stay.
/// 3. Fields that are not [preserved](SizeGuardBuilder::preserve_fields) are removed, the largest
///    first: the event's own fields and those in the objects `context`, `diagnostics`, `data` and
///    `metadata`. If that leaves room, the message gets it back.
/// 4. Only preserved fields are left, and `_heavily_truncated: true`.
/// 5. Preserved texts are shortened, the longest first, to no less than 64 bytes; if that does not do, the
///    fields that stand last in the list go. A number or object that is too large by itself goes first.
/// 6. The marks alone.
///
/// The result is one line of valid JSON in UTF-8, never longer than `max_bytes`, and never cut
/// inside a character or an escape. What stays keeps its order and its source text: `0.10`
/// remains `0.10`. `_seq`, `_redaction_failed` and `_damaged` count as preserved, after those
/// listed. Fields that have the names of the marks are replaced by them.
///
/// Lines that are no event are truncated, too, which takes a custom processor to bring about: of an
/// array the first elements are kept as `data`, of a text or of what is no JSON the beginning as `message`.
///
/// # Limits of destinations
///
/// | Destination | Limit of one event | `max_bytes` |
/// |---|---|---|
/// | CloudWatch Logs | 1,048,576 bytes, of which 26 are counted for each event (some texts still say 256 KB) | 1,048,550, or 262,118 |
/// | Loki | `max_line_size`, 256 KB by default | 256,000 (the default) |
/// | Datadog | 1 MB | 1,000,000 |
/// | Kafka | `message.max.bytes`, about 1 MB by default, with key and headers | 1,000,000 |
/// | Splunk HEC | 1 MB recommended | 1,000,000 |
///
/// What is added behind it counts, too: [`encrypt`](crate::processors) makes a line a third longer,
/// and the hash chain of a file adds up to 170 bytes.
///
/// # Cost
///
/// Below the limit a comparison. Above it, simd-json finds the structure; then what fits is copied.
/// Documents that simd-json refuses (integers beyond 64 bits, `1e400`) are read more slowly, but like
/// all others. Buffers are used again from line to line; a few small allocations remain.
///
/// ```
/// use logwheel_core::{Processed, Processor};
/// use logwheel_stages::SizeGuard;
///
/// let mut guard = SizeGuard::builder().max_bytes(150).preserve_fields(["level", "order"]).build()?;
/// let line = format!(r#"{{"level":"INFO","message":"filled","order":7,"price":0.10,"body":"{}"}}"#, "x".repeat(500));
/// let mut out = Vec::new();
/// assert_eq!(guard.process(line.as_bytes(), &mut out)?, Processed::Replaced);
/// let size = line.len();
/// let left = format!(r#"{{"level":"INFO","message":"filled","order":7,"price":0.10,"_truncated":true,"_original_size":{size}}}"#);
/// assert_eq!(String::from_utf8(out)?, left);
/// assert_eq!(guard.counts().truncated(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SizeGuard {
    options: SizeGuardBuilder,
    counts: SizeGuardCounts,
    shrinker: Shrinker,
    unsaid: Unsaid,
}

/// What was too long since somebody asked.
#[derive(Debug, Default)]
struct Unsaid {
    lines: u64,
    /// The size of the last one.
    size: usize,
}

/// What [`SizeGuard`] does with a line that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SizeAction {
    /// It is cut down until it fits.
    #[default]
    Truncate,
    /// The event is dropped, counted in the ledger with the reason `size_guard`; or replaced, see
    /// [`drop_marker`](SizeGuardBuilder::drop_marker).
    Drop,
    /// It goes on as it is, and is counted.
    Warn,
}

/// A [`SizeGuard`] could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeGuardError {
    /// The limit is too low.
    #[error("max_bytes = {max_bytes}: must be at least {min} with this action (default 256000)")]
    MaxBytes {
        /// What was asked for.
        max_bytes: usize,
        /// What is allowed.
        min: usize,
    },
}

/// Options of a [`SizeGuard`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SizeGuardBuilder {
    max_bytes: usize,
    action: SizeAction,
    preserve_fields: Vec<String>,
    drop_marker: bool,
}

/// How many lines a [`SizeGuard`] met that were too long; clones count together, as do the instances for
/// several workers.
#[derive(Debug, Clone, Default)]
pub struct SizeGuardCounts(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    truncated: AtomicU64,
    dropped: AtomicU64,
    warned: AtomicU64,
}

impl SizeGuard {
    /// The lowest limit with [`SizeAction::Truncate`]: the marks need up to 83 bytes.
    pub const MIN_TRUNCATE_BYTES: usize = 100;

    /// A guard with default options.
    #[must_use]
    pub fn new() -> Self {
        Self::with(SizeGuardBuilder::default())
    }

    /// The options, to be changed.
    pub fn builder() -> SizeGuardBuilder {
        SizeGuardBuilder::default()
    }

    /// How many lines were too long so far. The handle can be kept when the engine has the guard.
    #[must_use]
    pub fn counts(&self) -> SizeGuardCounts {
        self.counts.clone()
    }

    fn with(options: SizeGuardBuilder) -> Self {
        Self { options, counts: SizeGuardCounts::default(), shrinker: Shrinker::default(), unsaid: Unsaid::default() }
    }

    fn truncate(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let SizeGuardBuilder { max_bytes, preserve_fields, .. } = &self.options;
        self.shrinker.shrink(line, *max_bytes, preserve_fields, out);
    }
}

impl Default for SizeGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for SizeGuardBuilder {
    fn default() -> Self {
        Self {
            max_bytes: 256_000,
            action: SizeAction::Truncate,
            preserve_fields: ["level", "timestamp", "logger", "correlation_id"].map(String::from).into(),
            drop_marker: false,
        }
    }
}

impl SizeGuardBuilder {
    /// The most bytes that a line may have, without its newline. Default 256,000; at least 100
    /// with [`SizeAction::Truncate`], else at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// What happens to a line that is longer. Default [`SizeAction::Truncate`].
    pub fn action(mut self, action: SizeAction) -> Self {
        self.action = action;
        self
    }

    /// The fields that are given up last, the most important one first, by their names in the line; they
    /// are looked for in the event and in its sections (see [`SizeGuard`]), not deeper. Default `level`,
    /// `timestamp`, `logger`, `correlation_id`.
    pub fn preserve_fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.preserve_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Whether [`SizeAction::Drop`] leaves a marker in the place of the event, if that fits:
    /// `{"_dropped":true,"_reason":"payload_size_exceeded","_original_size":…,"_max_bytes":…}`.
    /// The ledger counts the event as delivered then. Default `false`.
    pub fn drop_marker(mut self, drop_marker: bool) -> Self {
        self.drop_marker = drop_marker;
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    /// When `max_bytes` is too low.
    pub fn build(self) -> Result<SizeGuard, SizeGuardError> {
        let min = if self.action == SizeAction::Truncate { SizeGuard::MIN_TRUNCATE_BYTES } else { 1 };
        if self.max_bytes < min {
            return Err(SizeGuardError::MaxBytes { max_bytes: self.max_bytes, min });
        }
        Ok(SizeGuard::with(self))
    }
}

impl SizeGuardCounts {
    /// Lines that were cut down.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.0.truncated.load(Ordering::Relaxed)
    }

    /// Events that were dropped, or replaced by a marker.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Lines that went on though they are too long.
    #[must_use]
    pub fn warned(&self) -> u64 {
        self.0.warned.load(Ordering::Relaxed)
    }
}

impl Processor for SizeGuard {
    fn name(&self) -> &str {
        "size_guard"
    }

    fn replicate(&self) -> Option<Box<dyn Processor>> {
        Some(Box::new(Self { counts: self.counts(), ..Self::with(self.options.clone()) }))
    }

    #[inline]
    fn process(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Processed, StageError> {
        if line.len() <= self.options.max_bytes {
            return Ok(Processed::Unchanged);
        }
        self.unsaid = Unsaid { lines: self.unsaid.lines + 1, size: line.len() };
        let counters = &self.counts.0;
        match self.options.action {
            SizeAction::Truncate => {
                counters.truncated.fetch_add(1, Ordering::Relaxed);
                self.truncate(line, out);
                Ok(Processed::Replaced)
            }
            SizeAction::Drop => {
                counters.dropped.fetch_add(1, Ordering::Relaxed);
                let (size, max) = (line.len(), self.options.max_bytes);
                let marker = || {
                    format!(
                        r#"{{"_dropped":true,"_reason":"payload_size_exceeded","_original_size":{size},"_max_bytes":{max}}}"#
                    )
                };
                match self.options.drop_marker.then(marker).filter(|marker| marker.len() <= max) {
                    Some(marker) => {
                        out.extend_from_slice(marker.as_bytes());
                        Ok(Processed::Replaced)
                    }
                    None => Ok(Processed::Drop("size_guard")),
                }
            }
            SizeAction::Warn => {
                counters.warned.fetch_add(1, Ordering::Relaxed);
                Ok(Processed::Unchanged)
            }
        }
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        if self.unsaid.lines == 0 {
            return None;
        }
        let Unsaid { lines, size } = std::mem::take(&mut self.unsaid);
        let limit = self.options.max_bytes;
        let action = match self.options.action {
            SizeAction::Truncate => "truncated",
            SizeAction::Drop => "dropped",
            SizeAction::Warn => "passed on as they are",
        };
        Some(format!("lines longer than max_bytes = {limit}: {lines}, the last one of {size} bytes; {action}").into())
    }
}

#[cfg(test)]
mod tests;
