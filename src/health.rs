//! Whether the parts of an engine can do their work.

use std::fmt;
use std::time::{Duration, Instant};

use logwheel_core::Health;

use crate::caller::on_pipeline_thread;
use crate::engine::{Engine, Parts};

/// How the stages and sinks of an engine are, at one moment.
///
/// ```
/// use std::time::Duration;
///
/// use logwheel::{Engine, MemorySink};
///
/// let engine = Engine::builder().sink(MemorySink::new()).build()?;
/// // For a readiness probe: asks each sink to look.
/// let report = engine.check_health(Duration::from_secs(1));
/// assert!(report.is_healthy(), "{report}");
/// # Ok::<(), logwheel::BuildError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthReport {
    /// Every stage, in the order in which events meet them.
    pub stages: Vec<PartHealth>,
    /// Every sink.
    pub sinks: Vec<PartHealth>,
}

/// How one stage or sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartHealth {
    /// Its name, as in the ledger.
    pub name: String,
    /// Whether it can do its work.
    pub health: Health,
}

impl HealthReport {
    /// Whether all parts can do their work.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.problems().next().is_none()
    }

    /// The parts that cannot, with the reasons.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.stages.iter().chain(&self.sinks).filter_map(|part| match &part.health {
            Health::Unhealthy { reason } => Some((part.name.as_str(), &**reason)),
            _ => None,
        })
    }
}

/// `healthy`, or a line for each problem.
impl fmt::Display for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_healthy() {
            return f.write_str("healthy");
        }
        f.write_str("unhealthy")?;
        self.problems().try_for_each(|(name, reason)| write!(f, "\n- {name}: {reason}"))
    }
}

impl Engine {
    /// How the parts are, as far as they know: takes no time and asks nobody.
    ///
    /// A stage is unhealthy if it says so, or failed on an event within the last 10 s. A sink is
    /// unhealthy if it says so, if its last delivery failed, while its circuit breaker is open, and
    /// before it was started, which happens with its first batch or by
    /// [`check_health`](Self::check_health).
    #[must_use]
    pub fn health(&self) -> HealthReport {
        self.parts().health()
    }

    /// As [`health`](Self::health), and has each sink look first whether its destination would take
    /// a batch, all at once, for up to `timeout`. A sink that is busy and does not answer in time is
    /// unhealthy. On the engine's own threads nobody is asked.
    #[must_use]
    pub fn check_health(&self, timeout: Duration) -> HealthReport {
        self.parts().check_health(timeout)
    }
}

impl Parts {
    fn health(&self) -> HealthReport {
        let sinks = self.sinks.iter().map(|sink| PartHealth { name: sink.name().to_owned(), health: sink.health() });
        HealthReport { stages: self.stage_health(), sinks: sinks.collect() }
    }

    fn check_health(&self, timeout: Duration) -> HealthReport {
        if on_pipeline_thread() || self.intake.is_closed() {
            return self.health();
        }
        let deadline = Instant::now() + timeout.min(Duration::from_secs(3_600));
        let tickets: Vec<u64> = self.sinks.iter().map(|sink| sink.begin_check()).collect();
        let sinks = self.sinks.iter().zip(tickets).map(|(sink, ticket)| {
            let health = if sink.wait_for_check(ticket, deadline) {
                sink.health()
            } else {
                Health::unhealthy(format!("it is busy and did not answer within {timeout:?}"))
            };
            PartHealth { name: sink.name().to_owned(), health }
        });
        let sinks = sinks.collect();
        HealthReport { stages: self.stage_health(), sinks }
    }

    /// Of several workers' instances of a stage, the first that is unhealthy counts.
    fn stage_health(&self) -> Vec<PartHealth> {
        let mut stages: Vec<PartHealth> = Vec::new();
        let now = Instant::now();
        for worker in &self.workers {
            for (position, (name, health)) in worker.health(now).enumerate() {
                match stages.get_mut(position) {
                    Some(stage) if stage.health.is_healthy() => stage.health = health,
                    Some(_) => {}
                    None => stages.push(PartHealth { name: name.to_owned(), health }),
                }
            }
        }
        stages
    }
}
