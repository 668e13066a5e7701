//! A sink that keeps everything in memory, for tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Level, Sink};
use parking_lot::{Condvar, Mutex};

/// Keeps every payload, so that a test can look at what a service logged.
///
/// It grows without limit: it is for tests, not for services. Its batches are sealed after 10 ms,
/// so that tests need not wait.
///
/// ```
/// use logwheel_core::{Batch, Level, Sink};
/// use logwheel_sinks::MemorySink;
/// use std::time::Duration;
///
/// let mut sink = MemorySink::new();
/// let logged = sink.handle();
/// // An engine would do this on the sink's thread.
/// let mut batch = Batch::new();
/// batch.push(br#"{"message":"hello"}"#, 0, Level::INFO);
/// sink.deliver(&batch)?;
///
/// assert!(logged.wait_for(1, Duration::from_secs(10)));
/// assert_eq!(logged.lines(), [r#"{"message":"hello"}"#]);
/// # Ok::<(), logwheel_core::DeliveryError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemorySink {
    handle: MemoryHandle,
}

/// Reads what a [`MemorySink`] received. Clones are cheap and see the same entries; a handle
/// outlives its sink.
#[derive(Debug, Clone, Default)]
pub struct MemoryHandle {
    shared: Arc<Shared>,
}

/// One payload a [`MemorySink`] received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryEntry {
    /// The line, without its newline.
    pub payload: Vec<u8>,
    /// When the event was logged, in nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// The event's level.
    pub level: Level,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Vec<MemoryEntry>>,
    grown: Condvar,
}

impl MemorySink {
    /// An empty sink.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle to read what arrives, also after the sink moved into an engine.
    #[must_use]
    pub fn handle(&self) -> MemoryHandle {
        self.handle.clone()
    }
}

impl Sink for MemorySink {
    fn name(&self) -> &str {
        "memory"
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let shared = &self.handle.shared;
        shared.entries.lock().extend(batch.iter().map(|entry| MemoryEntry {
            payload: entry.payload.to_vec(),
            timestamp: entry.timestamp,
            level: entry.level,
        }));
        shared.grown.notify_all();
        Ok(Delivered::all())
    }

    fn batch_limits(&self) -> BatchLimits {
        BatchLimits { max_age: Duration::from_millis(10), ..BatchLimits::default() }
    }
}

impl MemoryHandle {
    /// The payloads in order of arrival, as text; bytes that are not UTF-8 show as `U+FFFD`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.shared.entries.lock().iter().map(|e| String::from_utf8_lossy(&e.payload).into_owned()).collect()
    }

    /// The entries in order of arrival.
    #[must_use]
    pub fn entries(&self) -> Vec<MemoryEntry> {
        self.shared.entries.lock().clone()
    }

    /// How many entries are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.entries.lock().len()
    }

    /// Whether no entry is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.entries.lock().is_empty()
    }

    /// Forgets the entries held so far.
    pub fn clear(&self) {
        self.shared.entries.lock().clear();
    }

    /// Blocks until at least `n` entries are held, for at most `timeout`; says whether they are.
    #[must_use]
    pub fn wait_for(&self, n: usize, timeout: Duration) -> bool {
        let mut entries = self.shared.entries.lock();
        let Some(deadline) = Instant::now().checked_add(timeout) else {
            self.shared.grown.wait_while(&mut entries, |entries| entries.len() < n);
            return true;
        };
        while entries.len() < n {
            if self.shared.grown.wait_until(&mut entries, deadline).timed_out() {
                return entries.len() >= n;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::new();
        for (i, line) in lines.iter().enumerate() {
            batch.push(line.as_bytes(), i as u64, Level::WARN);
        }
        batch
    }

    #[test]
    fn entries_stay_in_order_and_outlive_the_sink() {
        let mut sink = MemorySink::new();
        let handle = sink.handle();
        assert!(handle.is_empty());
        sink.deliver(&batch(&["a", "b"])).unwrap();
        sink.deliver(&batch(&["c"])).unwrap();
        drop(sink);
        assert_eq!(handle.lines(), ["a", "b", "c"]);
        let expected = MemoryEntry { payload: b"b".to_vec(), timestamp: 1, level: Level::WARN };
        assert_eq!(handle.entries()[1], expected);
        handle.clear();
        assert_eq!(handle.len(), 0);
    }

    #[test]
    fn a_waiter_wakes_when_enough_entries_came() {
        let mut sink = MemorySink::new();
        let handle = sink.handle();
        let waiter = std::thread::spawn(move || handle.wait_for(3, Duration::from_secs(60)));
        for _ in 0..3 {
            sink.deliver(&batch(&["x"])).unwrap();
        }
        assert!(waiter.join().unwrap());
        assert!(!sink.handle().wait_for(4, Duration::ZERO));
        assert!(sink.handle().wait_for(3, Duration::MAX));
    }
}
