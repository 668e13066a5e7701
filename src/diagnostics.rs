//! The engine's own troubles: to one hook, never back into the pipeline.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use logwheel_core::JsonText;

use crate::sync::Mutex;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Something did not work; nothing, or only a counted effect, is lost.
    Warning,
    /// Events were lost or refused.
    Error,
}

/// Something the engine has to say about itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Diagnostic<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The stage, sink or other part it is about.
    pub component: &'a str,
    /// What happened. Holds no event and no secret.
    pub message: &'a str,
    /// How many reports of this component were held back by the rate limit since the last one.
    pub suppressed: u64,
}

type Hook = Box<dyn Fn(&Diagnostic<'_>) + Send + Sync>;

/// Where diagnostics go: at most [`BURST`] at once and then [`PER_SECOND`] per component.
pub(crate) struct Diagnostics {
    hook: Hook,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
    suppressed: u64,
}

const BURST: f64 = 5.0;
const PER_SECOND: f64 = 5.0;

impl Diagnostics {
    pub(crate) fn new(hook: Option<Hook>) -> Self {
        Self { hook: hook.unwrap_or_else(|| Box::new(to_stderr)), buckets: Mutex::default() }
    }

    /// Reports, unless the component has reported too much lately; `message` is only made then.
    pub(crate) fn report(&self, severity: Severity, component: &str, message: impl FnOnce() -> String) {
        let Some(suppressed) = self.admit(component) else { return };
        let message = message();
        let diagnostic = Diagnostic { severity, component, message: &message, suppressed };
        // The hook is user code on our threads.
        let hook = std::panic::AssertUnwindSafe(|| (self.hook)(&diagnostic));
        let _ = std::panic::catch_unwind(hook);
    }

    fn admit(&self, component: &str) -> Option<u64> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        if !buckets.contains_key(component) {
            buckets.insert(component.to_owned(), Bucket { tokens: BURST, filled: now, suppressed: 0 });
        }
        let bucket = buckets.get_mut(component)?;
        bucket.tokens = (bucket.tokens + (now - bucket.filled).as_secs_f64() * PER_SECOND).min(BURST);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            bucket.suppressed += 1;
            return None;
        }
        bucket.tokens -= 1.0;
        Some(std::mem::take(&mut bucket.suppressed))
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diagnostics").finish_non_exhaustive()
    }
}

/// The default hook: one line of JSON.
fn to_stderr(diagnostic: &Diagnostic<'_>) {
    let severity = match diagnostic.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
    let line = format!(
        "{{\"ts\":{now:.3},\"level\":\"{severity}\",\"component\":{},\"message\":{},\"suppressed\":{}}}\n",
        JsonText(diagnostic.component),
        JsonText(diagnostic.message),
        diagnostic.suppressed,
    );
    // There is nowhere left to complain.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;

    #[test]
    fn a_component_that_reports_too_much_is_held_back_and_its_silence_is_counted() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let hook = move |d: &Diagnostic<'_>| sink.lock().push((d.component.to_owned(), d.suppressed));
        let diagnostics = Diagnostics::new(Some(Box::new(hook)));
        for _ in 0..20 {
            diagnostics.report(Severity::Warning, "noisy", || "m".to_owned());
        }
        diagnostics.report(Severity::Error, "other", || "m".to_owned());
        let noisy = seen.lock().iter().filter(|(component, _)| component == "noisy").count();
        assert!((5..20).contains(&noisy), "{noisy}");
        assert!(seen.lock().iter().any(|(component, _)| component == "other"));
        diagnostics.buckets.lock().get_mut("noisy").unwrap().tokens = 1.0;
        diagnostics.report(Severity::Warning, "noisy", || "m".to_owned());
        assert_eq!(seen.lock().last(), Some(&("noisy".to_owned(), 20 - noisy as u64)));
    }
}
