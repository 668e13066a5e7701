//! `process`: which process an event comes from.

use logwheel_core::wire::MAX_NAME;
use logwheel_core::{EncodedFields, Enricher, Enrichment, StageError};

use crate::InvalidOption;
use crate::option::require;

/// Adds the process id, the executable and the version of the service.
///
/// | field | value |
/// |---|---|
/// | `pid` | the number of the process |
/// | `thread` | the name of the thread that logged; absent if it has none |
/// | `executable` | the file name of its executable, without the folders before it |
/// | `version` | what [`version`](ProcessInfoBuilder::version) was given; absent without |
///
/// What cannot be found out is left out. The values are read when this is built and again when the
/// engine starts; each event costs a copy of their bytes. A field that an event has already is not
/// overwritten.
///
/// By the time a stage runs, the event is on a worker. So the *caller* writes `thread`, which takes
/// room in the slot for two names and costs it a copy; it stands with the fields of scopes. A
/// thread's name is read when it logs to the engine for the first time.
///
/// ```
/// use logwheel_stages::{ProcessField, ProcessInfo};
///
/// let all = ProcessInfo::builder().version(env!("CARGO_PKG_VERSION")).build()?;
/// let only_pid = ProcessInfo::builder().only([ProcessField::Pid]).prefix("process_").build()?;
/// # let _ = (all, only_pid);
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProcessInfo {
    options: ProcessInfoBuilder,
    encoded: EncodedFields,
}

/// What [`ProcessInfo`] can add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessField {
    /// `pid`: the number of the process.
    Pid,
    /// `thread`: the name of the thread that logged.
    Thread,
    /// `executable`: the file name of the executable.
    Executable,
    /// `version`: the version of the service.
    Version,
}

impl ProcessField {
    /// All of them, in the order in which they are added by default.
    pub const ALL: [ProcessField; 4] =
        [ProcessField::Pid, ProcessField::Thread, ProcessField::Executable, ProcessField::Version];

    /// The name of the field in an event, before the prefix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ProcessField::Pid => "pid",
            ProcessField::Thread => "thread",
            ProcessField::Executable => "executable",
            ProcessField::Version => "version",
        }
    }
}

/// The options of [`ProcessInfo`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ProcessInfoBuilder {
    fields: Vec<ProcessField>,
    prefix: String,
    version: Option<String>,
}

impl ProcessInfo {
    /// All fields, under their own names.
    pub fn builder() -> ProcessInfoBuilder {
        ProcessInfoBuilder { fields: ProcessField::ALL.to_vec(), prefix: String::new(), version: None }
    }
}

impl ProcessInfoBuilder {
    /// Adds these fields, in this order, and no others; by default all.
    pub fn only(mut self, fields: impl IntoIterator<Item = ProcessField>) -> Self {
        self.fields = fields.into_iter().collect();
        self
    }

    /// What the names of the fields start with; nothing by default, at most 60,000 bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The version of the service; none by default.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The enricher.
    ///
    /// # Errors
    /// When the prefix is too long.
    pub fn build(self) -> Result<ProcessInfo, InvalidOption> {
        require_prefix(&self.prefix)?;
        let encoded = self.encode();
        Ok(ProcessInfo { options: self, encoded })
    }

    fn encode(&self) -> EncodedFields {
        let mut encoded = EncodedFields::new();
        for field in &self.fields {
            let name = format!("{}{}", self.prefix, field.name());
            match field {
                ProcessField::Pid => encoded.push(&name, std::process::id()),
                // The callers write it.
                ProcessField::Thread => {}
                ProcessField::Executable => {
                    let path = std::env::current_exe().ok();
                    if let Some(file) = path.as_deref().and_then(std::path::Path::file_name) {
                        encoded.push(&name, &*file.to_string_lossy());
                    }
                }
                ProcessField::Version => {
                    if let Some(version) = &self.version {
                        encoded.push(&name, version);
                    }
                }
            }
        }
        encoded.write_ahead();
        encoded
    }
}

/// Checks a prefix: names that start with it must not be too long for an event.
pub(super) fn require_prefix(prefix: &str) -> Result<(), InvalidOption> {
    const MAX_PREFIX: usize = 60_000;
    const { assert!(MAX_PREFIX < MAX_NAME) };
    require(prefix.len() <= MAX_PREFIX, "prefix", format_args!("{} bytes", prefix.len()), "at most 60000 bytes")
}

impl Enricher for ProcessInfo {
    fn name(&self) -> &str {
        "process"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn start(&mut self) -> Result<(), StageError> {
        // The process may have forked since this was built.
        self.encoded = self.options.encode();
        Ok(())
    }

    fn thread_field(&self) -> Option<String> {
        let ProcessInfoBuilder { fields, prefix, .. } = &self.options;
        fields.contains(&ProcessField::Thread).then(|| format!("{prefix}{}", ProcessField::Thread.name()))
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        event.add_encoded(&self.encoded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Value;

    use super::*;
    use crate::support::{TestEvent, enrich};

    #[test]
    fn all_fields_are_added_before_and_after_the_start_and_by_replicas() {
        let mut process = ProcessInfo::builder().version("1.2.3").build().unwrap();
        let before = enrich(&mut process, &TestEvent::new("m"));
        assert_eq!(before[0], format!("pid=U64({})", std::process::id()));
        assert!(before[1].starts_with("executable=Str(\"logwheel_stages-"), "{}", before[1]);
        assert_eq!(before[2..], ["version=Str(\"1.2.3\")"]);
        process.start().unwrap();
        assert_eq!(enrich(&mut process, &TestEvent::new("m")), before);
        assert_eq!(enrich(&mut *process.replicate().unwrap(), &TestEvent::new("m")), before);
    }

    #[test]
    fn chosen_fields_are_added_with_their_prefix_and_own_fields_stay() {
        let mut process =
            ProcessInfo::builder().only([ProcessField::Version, ProcessField::Pid]).prefix("p_").build().unwrap();
        assert_eq!(enrich(&mut process, &TestEvent::new("m")), [format!("p_pid=U64({})", std::process::id())]);
        assert_eq!(enrich(&mut process, &TestEvent::new("m").field("p_pid", Value::U64(0))), [""; 0]);
    }

    #[test]
    fn callers_are_asked_for_the_name_of_their_thread() {
        let wants = |builder: ProcessInfoBuilder| builder.build().unwrap().thread_field();
        assert_eq!(wants(ProcessInfo::builder()).as_deref(), Some("thread"));
        assert_eq!(wants(ProcessInfo::builder().prefix("p_")).as_deref(), Some("p_thread"));
        assert_eq!(wants(ProcessInfo::builder().only([ProcessField::Pid])), None);
    }

    #[test]
    fn an_overlong_prefix_is_refused() {
        let error = ProcessInfo::builder().prefix("p".repeat(60_001)).build().unwrap_err();
        assert_eq!((error.option(), error.value()), ("prefix", "60001 bytes"));
    }
}
