//! `host`: where an event comes from.

use logwheel_core::{EncodedFields, Enricher, Enrichment, StageError};

/// Adds the host's name, the process id, the operating system and the architecture.
///
/// Names and values: `host` (what `uname` calls the node name), `pid` (a number), `os` and `arch`
/// (as Rust names them, `linux` and `x86_64`). A host without a name gets no `host`. The values
/// are read once, and again when the engine starts; each event costs a copy of their bytes. A
/// field that an event has already is not overwritten.
///
/// ```
/// use logwheel_stages::{Host, HostField};
///
/// let all = Host::new();
/// let two = Host::new().only([HostField::Host, HostField::Pid]);
/// # let _ = (all, two);
/// ```
#[derive(Debug, Clone)]
pub struct Host {
    fields: Vec<HostField>,
    encoded: EncodedFields,
}

/// What [`Host`] can add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostField {
    /// `host`: the name of the machine or container.
    Host,
    /// `pid`: the number of the process.
    Pid,
    /// `os`: the operating system.
    Os,
    /// `arch`: the processor architecture.
    Arch,
}

impl HostField {
    /// All of them, in the order in which they are added by default.
    pub const ALL: [HostField; 4] = [HostField::Host, HostField::Pid, HostField::Os, HostField::Arch];

    /// The name of the field in an event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HostField::Host => "host",
            HostField::Pid => "pid",
            HostField::Os => "os",
            HostField::Arch => "arch",
        }
    }
}

impl Host {
    /// Adds all fields.
    #[must_use]
    pub fn new() -> Self {
        let fields = HostField::ALL.to_vec();
        let encoded = encode(&fields);
        Self { fields, encoded }
    }

    /// Adds these fields, in this order, and no others (default: all).
    #[must_use]
    pub fn only(mut self, fields: impl IntoIterator<Item = HostField>) -> Self {
        self.fields = fields.into_iter().collect();
        self.encoded = encode(&self.fields);
        self
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Host {
    fn name(&self) -> &str {
        "host"
    }

    fn replicate(&self) -> Option<Box<dyn Enricher>> {
        Some(Box::new(self.clone()))
    }

    fn start(&mut self) -> Result<(), StageError> {
        // The process may have forked since this was built.
        self.encoded = encode(&self.fields);
        Ok(())
    }

    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError> {
        event.add_encoded(&self.encoded);
        Ok(())
    }
}

fn encode(fields: &[HostField]) -> EncodedFields {
    let mut encoded = EncodedFields::new();
    for field in fields {
        let name = field.name();
        match field {
            HostField::Host => {
                let uname = rustix::system::uname();
                let host = uname.nodename().to_string_lossy();
                if !host.is_empty() {
                    encoded.push(name, &*host);
                }
            }
            HostField::Pid => encoded.push(name, std::process::id()),
            HostField::Os => encoded.push(name, std::env::consts::OS),
            HostField::Arch => encoded.push(name, std::env::consts::ARCH),
        }
    }
    encoded.write_ahead();
    encoded
}

#[cfg(test)]
mod tests {
    use logwheel_core::Value;

    use super::*;
    use crate::testing::enriched;

    fn pid() -> String {
        format!("pid=U64({})", std::process::id())
    }

    #[test]
    fn all_fields_are_there_before_and_after_the_start() {
        let mut host = Host::new();
        let before = enriched(&mut host, &[]);
        let names: Vec<_> = before.iter().map(|field| field.split('=').next().unwrap()).collect();
        assert_eq!(names, ["host", "pid", "os", "arch"]);
        assert_eq!(before[1], pid());
        assert_eq!(before[2], format!("os=Str({:?})", std::env::consts::OS));
        host.start().unwrap();
        assert_eq!(enriched(&mut host, &[]), before);
    }

    #[test]
    fn only_the_chosen_fields_are_added_also_after_the_start_and_by_replicas() {
        let mut host = Host::new().only([HostField::Arch, HostField::Pid]);
        let expected = [format!("arch=Str({:?})", std::env::consts::ARCH), pid()];
        assert_eq!(enriched(&mut host, &[]), expected);
        host.start().unwrap();
        assert_eq!(enriched(&mut *host.replicate().unwrap(), &[]), expected);
    }

    #[test]
    fn a_pid_that_the_event_brings_is_kept() {
        let mut host = Host::new().only([HostField::Pid]);
        assert_eq!(enriched(&mut host, &[("pid", Value::U64(0))]), ["pid=U64(0)"]);
    }
}
