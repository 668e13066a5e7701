//! What an agent is to do with the events of the file.

/// Where events go, and in which form.
pub struct Job {
    pub title: &'static str,
    pub to: Destination,
    /// CPU seconds that Fluent Bit took for 2,000,000 events of this job, on another machine.
    pub recorded_fluent_bit: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Lines of JSON.
    Http,
    /// A push with the label `job`, and maybe the level as one more.
    Loki { level_label: bool },
}

pub const JOBS: [Job; 3] = [
    Job { title: "HTTP", to: Destination::Http, recorded_fluent_bit: Some(6.1) },
    Job { title: "Loki, one label", to: Destination::Loki { level_label: false }, recorded_fluent_bit: Some(7.2) },
    Job { title: "Loki, level label", to: Destination::Loki { level_label: true }, recorded_fluent_bit: Some(9.1) },
];
