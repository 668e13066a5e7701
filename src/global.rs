//! The optional global logger.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use crate::builder::{BuildError, EngineBuilder};
use crate::engine::{Engine, Report};
use crate::{FlushError, Ledger, Logger};

static LOGGER: OnceLock<Logger> = OnceLock::new();
static DISABLED: LazyLock<Logger> = LazyLock::new(Logger::disabled);

/// The logger that [`init`] made; before that, one that logs nothing.
///
/// The macros use it where no logger is given.
#[must_use]
pub fn global() -> &'static Logger {
    LOGGER.get().unwrap_or_else(|| &DISABLED)
}

/// Builds an engine and makes its logger the [global](global) one, for the rest of the program.
///
/// ```
/// use logwheel::{Engine, MemorySink, info};
///
/// let guard = logwheel::init(Engine::builder().sink(MemorySink::new()))?;
/// info!("started", version = 3);
/// let report = guard.shutdown(std::time::Duration::from_secs(5));
/// assert_eq!(report.ledger.submitted, 1);
/// # Ok::<(), logwheel::InitError>(())
/// ```
///
/// # Errors
/// When the engine cannot be built, or there is a global logger already.
pub fn init(builder: EngineBuilder) -> Result<GlobalGuard, InitError> {
    if LOGGER.get().is_some() {
        return Err(InitError::AlreadySet);
    }
    let engine = builder.build()?;
    LOGGER.set(engine.logger("")).map_err(|_| InitError::AlreadySet)?;
    Ok(GlobalGuard { engine })
}

/// Owns the engine behind the global logger; dropping it shuts the engine down.
#[derive(Debug)]
#[must_use = "the global logger is shut down when its guard is dropped: keep it until the end of `main`"]
pub struct GlobalGuard {
    engine: Engine,
}

impl GlobalGuard {
    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// See [`Engine::flush`].
    ///
    /// # Errors
    /// As there.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.engine.flush(timeout)
    }

    /// See [`Engine::ledger`].
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.engine.ledger()
    }

    /// See [`Engine::shutdown`].
    pub fn shutdown(self, timeout: Duration) -> Report {
        self.engine.shutdown(timeout)
    }
}

/// The global logger could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// It can be set once in a program.
    #[error("the global logger is set already: call `init` once, at the start of `main`")]
    AlreadySet,
    /// Its engine could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}
