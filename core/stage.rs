//! What stages are: filters, enrichers, redactors and processors.
//!
//! Stages run on worker threads, one event at a time, in the order in which they were configured.
//! They may keep state. A panic in a stage is caught and counted; it costs that stage's effect on
//! that event and nothing else.

use std::borrow::Cow;

use crate::{Enrichment, Event, Health, HeldEvent, Level};

/// What a filter decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The event goes on.
    Keep,
    /// The event ends here, counted as filtered by this filter.
    Drop,
    /// The filter made a copy with [`Event::hold`], and will give it back through
    /// [`Filter::release`]; until then the event counts as being in its lane.
    Hold,
}

/// What a processor did with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Processed {
    /// The line goes on as it is.
    Unchanged,
    /// What was written to `out` goes on in its place: one line of valid JSON.
    Replaced,
    /// The event ends here, counted as dropped with this reason.
    Drop(&'static str),
}

/// A stage could not do its work on an event.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct StageError {
    message: Cow<'static, str>,
}

impl StageError {
    /// An error with a text for diagnostics; no secrets.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into() }
    }
}

/// What every stage has beside its work.
macro_rules! stage_hooks {
    ($stage:ident) => {
        /// The name in the ledger and in diagnostics.
        fn name(&self) -> &str;

        /// A second instance for a second worker, where instances need share nothing. Without one
        /// (the default), several workers take turns with the only instance.
        fn replicate(&self) -> Option<Box<dyn $stage>> {
            None
        }

        /// Called once before the first event.
        ///
        /// # Errors
        /// What keeps the stage from working; the engine is not built then.
        fn start(&mut self) -> Result<(), StageError> {
            Ok(())
        }

        /// Called once after the last event.
        ///
        /// # Errors
        /// What could not be put in order.
        fn stop(&mut self) -> Result<(), StageError> {
            Ok(())
        }

        /// Whether the stage can do its work.
        fn health(&self) -> Health {
            Health::Healthy
        }

        /// What it has to say that is not about one event, since it was asked last: a warning for
        /// diagnostics, which limit the rate. No secrets, nothing of an event. Asked by each worker
        /// after each round of events, so an instance that several workers share is asked by each
        /// of them; what was said is not to be said again.
        fn notice(&mut self) -> Option<Cow<'static, str>> {
            None
        }
    };
}

/// Decides which events go on. Runs first, on the event as the caller wrote it.
pub trait Filter: Send {
    stage_hooks!(Filter);

    /// Keeps or drops the event, or holds it back. A filter may mark an event that it keeps, by
    /// adding a field. Time, where it matters, is the event's own `timestamp`.
    ///
    /// # Errors
    /// When it cannot decide: the event is kept, without marks.
    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError>;

    /// Whether it ever answers [`Verdict::Hold`]. Asked once, before the first event.
    fn holds(&self) -> bool {
        false
    }

    /// Gives back one event that was held and is to go on now, behind this filter. Asked again and
    /// again until there is none: after each event that the filter saw (what is released goes
    /// first), between rounds with the time `now` in nanoseconds since the Unix epoch, and with
    /// `all` at a flush and at the end, when everything held must be given back.
    fn release(&mut self, now: u64, all: bool) -> Option<HeldEvent> {
        let _ = (now, all);
        None
    }

    /// The level below which it drops every event, if that is all it does: such a filter, alone,
    /// is asked at the log call itself. Default none.
    fn min_level(&self) -> Option<Level> {
        None
    }
}

/// Adds fields to events.
pub trait Enricher: Send {
    stage_hooks!(Enricher);

    /// The field in which each event is to bring the name of the thread that logged it, if the
    /// enricher wants that. By the time a stage runs, the event is on a worker: so the callers
    /// write it, once encoded for each thread. Asked once, before the first event. Default none.
    fn thread_field(&self) -> Option<String> {
        None
    }

    /// Adds fields.
    ///
    /// # Errors
    /// When it cannot: the fields it added to this event are taken back.
    fn enrich(&mut self, event: &mut Enrichment<'_, '_>) -> Result<(), StageError>;
}

/// Takes secrets out of events. Sees the fields of the caller and of the enrichers.
pub trait Redactor: Send {
    stage_hooks!(Redactor);

    /// Replaces or removes what must not leave the process.
    ///
    /// # Errors
    /// When it cannot: what happens then is the redactor's `on_error` setting, by default every
    /// value of the event is masked.
    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError>;
}

/// Changes encoded events.
pub trait Processor: Send {
    stage_hooks!(Processor);

    /// Whether it looks into the JSON of a line. Default yes. Behind a processor that
    /// [`wraps`](Self::wraps) there is nothing to see, and such an engine is not built.
    fn reads_json(&self) -> bool {
        true
    }

    /// Whether its lines hide the event's JSON in another form (encrypted, compressed). Default no.
    fn wraps(&self) -> bool {
        false
    }

    /// Looks at one line of JSON and leaves it, drops it, or writes another into `out`, which is
    /// empty.
    ///
    /// # Errors
    /// When it cannot: what happens then is the processor's `on_error` setting, by default the
    /// line goes on as it came.
    fn process(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Processed, StageError>;
}

/// A closure as a stage, with a name for the ledger: see [`named`].
#[derive(Debug, Clone)]
pub struct Named<F> {
    name: Cow<'static, str>,
    function: F,
}

/// Gives a closure a name, so that the ledger can tell it from others.
///
/// ```
/// use logwheel_core::{Event, Filter, named};
///
/// let filter = named("no_health_checks", |event: &Event<'_>| event.message() != "health check");
/// assert_eq!(Filter::name(&filter), "no_health_checks");
/// ```
pub fn named<F>(name: impl Into<Cow<'static, str>>, function: F) -> Named<F> {
    Named { name: name.into(), function }
}

/// Implements a stage for closures, bare and named.
macro_rules! closure_stage {
    ($stage:ident, ($($bound:tt)*), |$this:ident, $($arg:ident: $type:ty),*| $method:ident -> $result:ty $body:block) => {
        impl<F: $($bound)* + Send> $stage for F {
            fn name(&self) -> &str {
                "closure"
            }
            fn $method(&mut self, $($arg: $type),*) -> Result<$result, StageError> {
                let $this = self;
                $body
            }
        }

        impl<F: $($bound)* + Send> $stage for Named<F> {
            fn name(&self) -> &str {
                &self.name
            }
            fn $method(&mut self, $($arg: $type),*) -> Result<$result, StageError> {
                let $this = &mut self.function;
                $body
            }
        }
    };
}

// `true` keeps the event.
closure_stage!(Filter, (FnMut(&Event<'_>) -> bool), |f, event: &mut Enrichment<'_, '_>| filter -> Verdict {
    Ok(if f(event) { Verdict::Keep } else { Verdict::Drop })
});
closure_stage!(Enricher, (FnMut(&mut Enrichment<'_, '_>)), |f, event: &mut Enrichment<'_, '_>| enrich -> () {
    f(event);
    Ok(())
});
closure_stage!(Redactor, (FnMut(&mut Event<'_>)), |f, event: &mut Event<'_>| redact -> () {
    f(event);
    Ok(())
});
closure_stage!(
    Processor,
    (FnMut(&[u8], &mut Vec<u8>) -> Processed),
    |f, line: &[u8], out: &mut Vec<u8>| process -> Processed { Ok(f(line, out)) }
);

/// A stage whose type is only known at run time is a stage.
macro_rules! boxed_stage {
    ($stage:ident, |$($arg:ident: $type:ty),*| $method:ident -> $result:ty, { $($more:tt)* }) => {
        impl $stage for Box<dyn $stage> {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn replicate(&self) -> Option<Box<dyn $stage>> {
                (**self).replicate()
            }
            fn start(&mut self) -> Result<(), StageError> {
                (**self).start()
            }
            fn stop(&mut self) -> Result<(), StageError> {
                (**self).stop()
            }
            fn health(&self) -> Health {
                (**self).health()
            }
            fn notice(&mut self) -> Option<Cow<'static, str>> {
                (**self).notice()
            }
            fn $method(&mut self, $($arg: $type),*) -> Result<$result, StageError> {
                (**self).$method($($arg),*)
            }
            $($more)*
        }
    };
}

boxed_stage!(Filter, |event: &mut Enrichment<'_, '_>| filter -> Verdict, {
    fn holds(&self) -> bool {
        (**self).holds()
    }
    fn release(&mut self, now: u64, all: bool) -> Option<HeldEvent> {
        (**self).release(now, all)
    }
    fn min_level(&self) -> Option<Level> {
        (**self).min_level()
    }
});
boxed_stage!(Enricher, |event: &mut Enrichment<'_, '_>| enrich -> (), {
    fn thread_field(&self) -> Option<String> {
        (**self).thread_field()
    }
});
boxed_stage!(Redactor, |event: &mut Event<'_>| redact -> (), {});
boxed_stage!(Processor, |line: &[u8], out: &mut Vec<u8>| process -> Processed, {
    fn reads_json(&self) -> bool {
        (**self).reads_json()
    }
    fn wraps(&self) -> bool {
        (**self).wraps()
    }
});
