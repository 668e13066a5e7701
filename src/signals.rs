//! A last flush when the process is told to end.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::engine::{Engine, Parts};

impl Engine {
    /// Flushes when the process gets SIGTERM or SIGINT, for up to `timeout`, and lets the signal
    /// end the process then, as it would have without. A second signal ends it at once.
    ///
    /// For services that do not handle these signals: one that does shuts the engine down when it is
    /// done, and does not use this. Nothing is done in a signal handler: a thread waits for the
    /// signal, and stays for as long as the process lives; once the engine is gone it only lets
    /// signals pass. Of several engines that asked for it, one is flushed after the other. Handlers that were installed before still run, at once. Only on Unix, with the
    /// feature `signals`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let engine = logwheel::Engine::builder().sink(logwheel::MemorySink::new()).build()?;
    /// engine.flush_on_signals(Duration::from_secs(5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the handlers or the thread cannot be had.
    pub fn flush_on_signals(&self, timeout: Duration) -> io::Result<()> {
        let mut watched = WATCHED.lock();
        // The memory of an engine is not to stay because of this.
        watched.engines.retain(|(engine, _)| engine.strong_count() > 0);
        watched.engines.push((Arc::downgrade(self.parts()), timeout));
        if !watched.is_on {
            watch()?;
            watched.is_on = true;
        }
        Ok(())
    }
}

/// The engines to flush: signals are the process's, and the first engine that is done must not end
/// it before the others are.
static WATCHED: Mutex<Watched> = Mutex::new(Watched { engines: Vec::new(), is_on: false });

struct Watched {
    engines: Vec<(Weak<Parts>, Duration)>,
    /// There is a thread that waits for signals.
    is_on: bool,
}

fn watch() -> io::Result<()> {
    let ending = Arc::<AtomicBool>::default();
    for signal in [SIGTERM, SIGINT] {
        // Before the thread's own, so that the first signal does not count for this.
        register_conditional_default(signal, Arc::clone(&ending))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("lw-signals".into()).spawn(move || {
        for signal in signals.forever() {
            ending.store(true, Ordering::SeqCst);
            let engines: Vec<_> = WATCHED.lock().engines.drain(..).collect();
            for (parts, timeout) in engines {
                if let Some(parts) = parts.upgrade() {
                    // What did not arrive in time is lost with the process.
                    let _ = parts.flush(timeout);
                }
            }
            // Ends the process; an error would be for signals without a default.
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}
