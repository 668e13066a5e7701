//! A sink that writes to standard output.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

use logwheel_core::{Batch, BatchLimits, Delivered, DeliveryError, Health, Sink, SinkError};

use crate::pretty;
use crate::progress::Progress;

/// How long a write waits for a reader who is not taking anything from a non-blocking output.
const STALLED: Duration = Duration::from_secs(5);

/// How [`StdoutSink`] writes an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StdoutFormat {
    /// The line of JSON as it is.
    Json,
    /// A line for people: time, level, logger, message, then `key=value`.
    Pretty,
}

/// Writes events to standard output, one line each.
///
/// [`new`](Self::new) writes pretty lines to a terminal and JSON lines to everything else. A batch
/// is written as a whole under the lock of standard output, so that it does not mix with other
/// output of the process, and flushed. Batches are sealed after 50 ms.
///
/// An error in the midst of a batch is reported as [`DeliveryError::Retry`]; the retry goes on
/// where the write ended. Once the reader has gone away (`broken_pipe`) the error is
/// [`DeliveryError::Fatal`].
///
/// ```
/// use logwheel_sinks::StdoutSink;
///
/// let sink = StdoutSink::pretty().colours(false);
/// ```
pub struct StdoutSink {
    format: StdoutFormat,
    colours: bool,
    output: Output,
    /// The pretty text of the batch; reused.
    text: Vec<u8>,
    progress: Progress,
    /// The last thing that reached the output is not a newline.
    torn: bool,
    health: Health,
}

enum Output {
    Stdout(io::Stdout),
    Other(Box<dyn Write + Send>),
}

impl StdoutSink {
    /// Pretty lines when standard output is a terminal, else JSON lines.
    #[must_use]
    pub fn new() -> Self {
        if io::stdout().is_terminal() { Self::pretty() } else { Self::json() }
    }

    /// JSON lines.
    #[must_use]
    pub fn json() -> Self {
        Self::with(StdoutFormat::Json, false)
    }

    /// Pretty lines; with colours when standard output is a terminal, unless the environment
    /// variable `NO_COLOR` is set or `TERM` is `dumb`.
    #[must_use]
    pub fn pretty() -> Self {
        Self::with(StdoutFormat::Pretty, io::stdout().is_terminal() && colours_welcome(|name| std::env::var_os(name)))
    }

    /// Sets whether pretty lines have colours, whatever the environment says.
    #[must_use]
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = colours;
        self
    }

    /// Writes to `writer` instead of standard output, for example to `std::io::stderr()`.
    #[must_use]
    pub fn writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.output = Output::Other(Box::new(writer));
        self
    }

    /// The format in use.
    #[must_use]
    pub fn format(&self) -> StdoutFormat {
        self.format
    }

    fn with(format: StdoutFormat, colours: bool) -> Self {
        Self {
            format,
            colours,
            output: Output::Stdout(io::stdout()),
            text: Vec::new(),
            progress: Progress::default(),
            torn: false,
            health: Health::Healthy,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DeliveryError> {
        let begin = self.progress.take(bytes);
        let mut written = begin;
        let result = match &mut self.output {
            Output::Stdout(stdout) => write_from(&mut stdout.lock(), bytes, &mut written, &mut self.torn),
            Output::Other(writer) => write_from(writer, bytes, &mut written, &mut self.torn),
        };
        let Err(error) = result else {
            self.health = Health::Healthy;
            return Ok(());
        };
        self.progress.leave(bytes, written);
        self.health = Health::unhealthy(error.to_string());
        let detail = format!("could not write to standard output: {error}").into();
        Err(match error.kind() {
            ErrorKind::BrokenPipe => DeliveryError::Fatal { reason: "broken_pipe", detail },
            _ => DeliveryError::Retry { reason: "write", detail, after: None },
        })
    }
}

impl Default for StdoutSink {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StdoutSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdoutSink")
            .field("format", &self.format)
            .field("colours", &self.colours)
            .finish_non_exhaustive()
    }
}

impl Sink for StdoutSink {
    fn name(&self) -> &str {
        "stdout"
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        match self.format {
            StdoutFormat::Json => self.write(batch.lines())?,
            StdoutFormat::Pretty => {
                let mut text = std::mem::take(&mut self.text);
                text.clear();
                for entry in batch.iter() {
                    pretty::write_line(&mut text, entry.payload, self.colours);
                }
                let result = self.write(&text);
                self.text = text;
                result?;
            }
        }
        Ok(Delivered::all())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let result = match &mut self.output {
            Output::Stdout(stdout) => stdout.flush(),
            Output::Other(writer) => writer.flush(),
        };
        result.map_err(|error| SinkError::caused_by("could not flush standard output", error))
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn batch_limits(&self) -> BatchLimits {
        BatchLimits { max_age: Duration::from_millis(50), ..BatchLimits::default() }
    }
}

fn colours_welcome(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    variable("NO_COLOR").is_none_or(|value| value.is_empty()) && variable("TERM").is_none_or(|value| value != "dumb")
}

/// Writes `bytes` from `*written` on and flushes; `*written` tells how far it came, also on error.
fn write_from(writer: &mut dyn Write, bytes: &[u8], written: &mut usize, torn: &mut bool) -> io::Result<()> {
    if *torn && *written == 0 {
        // An earlier batch was given up in the midst of a line.
        write_some(writer, b"\n")?;
        *torn = false;
    }
    while *written < bytes.len() {
        *written += write_some(writer, &bytes[*written..])?;
        *torn = bytes[*written - 1] != b'\n';
    }
    insist(|| writer.flush())
}

fn write_some(writer: &mut dyn Write, bytes: &[u8]) -> io::Result<usize> {
    match insist(|| writer.write(bytes))? {
        0 => Err(ErrorKind::WriteZero.into()),
        n => Ok(n),
    }
}

/// Repeats what was interrupted, and waits a while for a full non-blocking output: a terminal
/// becomes one for everybody as soon as one process that shares it says so.
fn insist<T>(mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut since = None;
    loop {
        match action() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if since.get_or_insert_with(Instant::now).elapsed() > STALLED {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use logwheel_core::Level;
    use parking_lot::Mutex;

    use super::*;

    /// Takes bytes as its script says, then three at a time.
    #[derive(Clone, Default)]
    struct Scripted {
        script: Arc<Mutex<VecDeque<io::Result<usize>>>>,
        taken: Arc<Mutex<Vec<u8>>>,
        flushes: Arc<Mutex<usize>>,
    }

    impl Scripted {
        fn new(script: impl IntoIterator<Item = io::Result<usize>>) -> Self {
            let script = Arc::new(Mutex::new(script.into_iter().collect()));
            Self { script, ..Self::default() }
        }

        fn text(&self) -> String {
            String::from_utf8(self.taken.lock().clone()).unwrap()
        }
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = self.script.lock().pop_front().unwrap_or(Ok(3))?.min(bytes.len());
            self.taken.lock().extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            *self.flushes.lock() += 1;
            Ok(())
        }
    }

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::new();
        for line in lines {
            batch.push(line.as_bytes(), 0, Level::INFO);
        }
        batch
    }

    fn broken(kind: ErrorKind) -> io::Result<usize> {
        Err(kind.into())
    }

    #[test]
    fn short_and_interrupted_writes_lose_nothing() {
        let writer =
            Scripted::new([Ok(1), broken(ErrorKind::Interrupted), Ok(2), broken(ErrorKind::WouldBlock), Ok(1)]);
        let mut sink = StdoutSink::json().writer(writer.clone());
        assert_eq!(sink.deliver(&batch(&["{\"a\":1}", "{\"b\":2}"])).unwrap(), Delivered::all());
        assert_eq!(writer.text(), "{\"a\":1}\n{\"b\":2}\n");
        assert_eq!(*writer.flushes.lock(), 1);
    }

    #[test]
    fn a_broken_pipe_is_fatal_and_shows_in_health() {
        let mut sink = StdoutSink::json().writer(Scripted::new([broken(ErrorKind::BrokenPipe)]));
        let error = sink.deliver(&batch(&["{}"])).unwrap_err();
        assert!(matches!(error, DeliveryError::Fatal { reason: "broken_pipe", .. }), "{error:?}");
        assert!(!sink.health().is_healthy());
    }

    #[test]
    fn a_retry_goes_on_where_the_write_ended() {
        let writer = Scripted::new([Ok(5), broken(ErrorKind::StorageFull)]);
        let mut sink = StdoutSink::json().writer(writer.clone());
        let lines = batch(&["one", "two"]);
        let error = sink.deliver(&lines).unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { reason: "write", .. }), "{error:?}");
        assert!(!sink.health().is_healthy());
        sink.deliver(&lines).unwrap();
        assert_eq!(writer.text(), "one\ntwo\n");
        assert!(sink.health().is_healthy());
    }

    #[test]
    fn another_batch_does_not_continue_a_torn_line() {
        let writer = Scripted::new([Ok(5), broken(ErrorKind::StorageFull)]);
        let mut sink = StdoutSink::json().writer(writer.clone());
        sink.deliver(&batch(&["one", "two"])).unwrap_err();
        sink.deliver(&batch(&["three"])).unwrap();
        sink.deliver(&batch(&["four"])).unwrap();
        assert_eq!(writer.text(), "one\nt\nthree\nfour\n");
    }

    #[test]
    fn a_writer_that_takes_nothing_is_an_error() {
        let mut sink = StdoutSink::json().writer(Scripted::new([Ok(0)]));
        assert!(matches!(sink.deliver(&batch(&["{}"])), Err(DeliveryError::Retry { .. })));
    }

    #[test]
    fn pretty_lines_have_colours_only_on_demand() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05Z","level":"INFO","message":"hello"}"#;
        for (colours, expected) in [(false, "03:04:05.000 INFO     hello\n".to_owned()), (true, String::new())] {
            let writer = Scripted::default();
            let mut sink = StdoutSink::pretty().colours(colours).writer(writer.clone());
            sink.deliver(&batch(&[line])).unwrap();
            assert_eq!(writer.text().contains('\x1b'), colours);
            assert!(colours || writer.text() == expected, "{}", writer.text());
        }
    }

    #[test]
    fn the_environment_can_refuse_colours() {
        let with = |wanted: &'static str, value: &'static str| {
            colours_welcome(move |name| (name == wanted).then(|| value.into()))
        };
        assert!(with("NO_COLOR", ""));
        assert!(!with("NO_COLOR", "1"));
        assert!(with("TERM", "xterm"));
        assert!(!with("TERM", "dumb"));
    }
}
