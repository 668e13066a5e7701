//! What is counted and said when a stage fails.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{Health, StageError};

use crate::diagnostics::{Diagnostics, Severity};
use crate::sync::Arc;
use crate::workers::{StageKind, WorkerCounts};

/// How a stage failed.
pub(super) enum Failure {
    Error(StageError),
    Panic(Box<dyn Any + Send>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error(error) => write!(f, "failed on an event: {error}"),
            Failure::Panic(panic) => write!(f, "panicked on an event: {}", panic_text(&**panic)),
        }
    }
}

/// How a stage is, and what else it has to say.
type Said = (Health, Option<Cow<'static, str>>);

/// Counts and reports for the stages of one part of a chain.
pub(super) struct Reporter {
    /// Of all stages.
    pub(super) names: Arc<[(String, StageKind)]>,
    /// The position of the part's first stage among them.
    pub(super) first: usize,
    pub(super) counts: Arc<WorkerCounts>,
    pub(super) diagnostics: Arc<Diagnostics>,
}

impl Reporter {
    /// The stage at `position` of the part failed on an event.
    #[cold]
    pub(super) fn failed(&self, position: usize, failure: &Failure) {
        let stage = self.first + position;
        match failure {
            Failure::Panic(_) => self.counts.stage_panic(stage),
            Failure::Error(_) => self.counts.stage_error(stage),
        }
        self.counts.stage_failed(stage, || failure.to_string());
        self.report(&self.names[stage].0, failure);
    }

    /// An event ended in the stage at `position` of the part.
    pub(super) fn ended(&self, position: usize) {
        self.counts.stage_ended(self.first + position);
    }

    pub(super) fn report(&self, stage: &str, failure: &Failure) {
        self.diagnostics.report(Severity::Warning, stage, || failure.to_string());
    }

    /// Between rounds: what the stage at `position` of the part has to say, and how it is.
    #[inline]
    pub(super) fn listen(&self, position: usize, said: impl FnOnce() -> Said) {
        match catch_unwind(AssertUnwindSafe(said)) {
            Ok((Health::Healthy, None)) if self.counts.stage_is_healthy(self.first + position) => {}
            said => self.told(self.first + position, said),
        }
    }

    #[cold]
    fn told(&self, stage: usize, said: std::thread::Result<Said>) {
        let name = &self.names[stage].0;
        match said {
            Ok((health, notice)) => {
                self.counts.stage_says(stage, health);
                if let Some(text) = notice {
                    self.diagnostics.report(Severity::Warning, name, || text.into_owned());
                }
            }
            Err(panic) => {
                self.counts.stage_panic(stage);
                self.diagnostics.report(Severity::Warning, name, || {
                    format!("panicked while asked for a notice: {}", panic_text(&*panic))
                });
            }
        }
    }

    /// Stops the stage at `position` of the part.
    pub(super) fn stop(&self, position: usize, stop: impl FnOnce() -> Result<(), StageError>) {
        let failure = match catch_unwind(AssertUnwindSafe(stop)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Failure::Error(error),
            Err(panic) => Failure::Panic(panic),
        };
        self.diagnostics.report(Severity::Warning, &self.names[self.first + position].0, || match failure {
            Failure::Error(error) => format!("did not stop cleanly: {error}"),
            Failure::Panic(panic) => format!("panicked while stopping: {}", panic_text(&*panic)),
        });
    }
}

/// What a panic said, if it said anything.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
