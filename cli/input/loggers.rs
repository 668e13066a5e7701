//! The loggers that events name.

use std::collections::HashMap;

use logwheel::Logger;

/// So many are kept; more names than that are no names of loggers.
pub(super) const KEPT: usize = 1_024;

/// One without a name, and others by their names.
pub(super) struct Loggers {
    nameless: Logger,
    named: HashMap<String, Logger>,
    /// The last of them: mostly that of the next event too.
    last: (String, Logger),
}

impl Loggers {
    pub(super) fn new(nameless: Logger) -> Self {
        Self { last: (String::new(), nameless.clone()), named: HashMap::new(), nameless }
    }

    /// The logger of this name, which is UTF-8 and not empty.
    #[inline]
    pub(super) fn of(&mut self, name: Option<&[u8]>) -> &Logger {
        let Some(name) = name else { return &self.nameless };
        if self.last.0.as_bytes() != name {
            self.find(&String::from_utf8_lossy(name));
        }
        &self.last.1
    }

    #[inline(never)]
    fn find(&mut self, name: &str) {
        if self.named.len() >= KEPT {
            self.named.clear();
        }
        let logger = self.named.entry(name.to_owned()).or_insert_with(|| self.nameless.named(name));
        self.last = (name.to_owned(), logger.clone());
    }
}
