//! A last flush when the process is told to end.

use std::io;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::engine::Engine;
use crate::sync::Arc;

impl Engine {
    /// Flushes when the process gets SIGTERM or SIGINT, for up to `timeout`, and lets the signal
    /// end the process then, as it would have without. A second signal ends it at once.
    ///
    /// For services that do not handle these signals: one that does shuts the engine down when it is
    /// done, and does not use this. Nothing is done in a signal handler: a thread waits for the
    /// signal, and stays for as long as the process lives; once the engine is gone it only lets
    /// signals pass. Handlers that were installed before still run, at once. Only on Unix, with the
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
        let ending = std::sync::Arc::default();
        for signal in [SIGTERM, SIGINT] {
            // Before the thread's own, so that the first signal does not count for this.
            register_conditional_default(signal, std::sync::Arc::clone(&ending))?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        // The memory of the engine is not to stay because of this.
        let parts = Arc::downgrade(self.parts());
        thread::Builder::new().name("lw-signals".into()).spawn(move || {
            for signal in signals.forever() {
                ending.store(true, std::sync::atomic::Ordering::SeqCst);
                if let Some(parts) = parts.upgrade() {
                    // What did not arrive in time is lost with the process.
                    let _ = parts.flush(timeout);
                }
                // Ends the process; an error would be for signals without a default.
                let _ = emulate_default_handler(signal);
            }
        })?;
        Ok(())
    }
}
