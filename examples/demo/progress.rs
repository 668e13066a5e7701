//! How far the run is, while it runs, from the engine's own ledger.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

use logwheel::{Engine, Ledger};

use crate::text::thousands;

/// Shows progress on stderr until it is dropped: one line rewritten in place on a terminal, a
/// line per second otherwise.
pub struct Progress(Sender<&'static str>);

impl Progress {
    /// `total` is how many events there will be, if that is known.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, engine: &'scope Engine, total: Option<u64>) -> Self {
        let (sender, phases) = channel();
        scope.spawn(move || show(engine, total, &phases));
        Self(sender)
    }

    pub fn phase(&self, name: &'static str) {
        // Nobody listens any more only if stderr is gone.
        let _ = self.0.send(name);
    }
}

fn show(engine: &Engine, total: Option<u64>, phases: &Receiver<&'static str>) {
    let in_place = stderr().is_terminal();
    let period = Duration::from_millis(if in_place { 100 } else { 1_000 });
    let (mut phase, mut due) = ("", Instant::now() + period);
    let mut before = (Instant::now(), 0);
    loop {
        match phases.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(name) => {
                phase = name;
                continue;
            }
            Err(RecvTimeoutError::Timeout) => due += period,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let ledger = engine.ledger();
        let rate = ledger.submitted.saturating_sub(before.1) as f64 / before.0.elapsed().as_secs_f64();
        before = (Instant::now(), ledger.submitted);
        let line = line(phase, &ledger, total, rate as u64);
        let written = if in_place {
            // Without wrapping: a line that is too long for the terminal could not be rewritten.
            write!(stderr(), "\r\x1b[K\x1b[?7l{line}\x1b[?7h")
        } else {
            writeln!(stderr(), "{line}")
        };
        if written.is_err() {
            return;
        }
    }
    if in_place {
        let _ = write!(stderr(), "\r\x1b[K");
    }
}

fn line(phase: &str, ledger: &Ledger, total: Option<u64>, rate: u64) -> String {
    let done = total.map_or_else(String::new, |total| format!(" {} %", ledger.submitted * 100 / total.max(1)));
    let delivered: String =
        ledger.sinks.iter().map(|sink| format!(", {} {}", sink.name, thousands(sink.delivered))).collect();
    let [logged, rate, in_lanes] = [ledger.submitted, rate, ledger.in_lanes].map(thousands);
    format!("{phase}{done}: logged {logged}, {rate}/s, in lanes {in_lanes}{delivered}")
}
