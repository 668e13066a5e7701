//! The thread that reads and writes a sink's spool, so that neither a slow disk nor a hanging
//! request holds up the other.

use logwheel_sinks::policy::{Command, Role};

use super::{SinkQueue, report_news};
use crate::diagnostics::{Diagnostics, Severity};
use crate::sync::Arc;

pub(crate) struct Spooler {
    pub(crate) name: String,
    pub(crate) queue: Arc<SinkQueue>,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

impl Spooler {
    /// Runs until the policy says that it is over.
    pub(crate) fn run(self) {
        let queue = &self.queue;
        loop {
            let sync_at = queue.with_spool(|spool| spool.sync_due()).flatten();
            let report = |news| report_news(&self.diagnostics, &self.name, news);
            let Some(command) = queue.next(Role::Spooler, sync_at, report) else {
                self.try_to("sync", queue.with_spool(|spool| spool.sync()));
                continue;
            };
            match command {
                Command::Save { batch, unread } => {
                    let saved = queue.with_spool(|spool| spool.append(&batch, unread));
                    // Then its memory can be used again.
                    drop(batch);
                    let closed = || std::io::Error::other("it was closed");
                    let saved = saved.unwrap_or_else(|| Err(closed())).map_err(|error| error.to_string());
                    queue.answer(|policy, now| policy.saved(now, saved));
                }
                Command::Replay => {
                    let replayed = queue.with_spool(|spool| spool.read()).flatten();
                    queue.answer(|policy, now| policy.replayed(now, replayed));
                }
                Command::Acknowledge { first_needed } => {
                    self.try_to("clean up", queue.with_spool(|spool| spool.acknowledge(first_needed)));
                }
                Command::End => break,
                // What is not for spoolers.
                _ => {}
            }
        }
        self.try_to("sync", queue.with_spool(|spool| spool.sync()));
    }

    fn try_to(&self, what: &str, result: Option<std::io::Result<()>>) {
        if let Some(Err(error)) = result {
            self.diagnostics.report(Severity::Warning, &self.name, || format!("the spool could not {what}: {error}"));
        }
    }
}
