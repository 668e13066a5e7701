//! The first part: filters, and the events that they hold back.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use logwheel_core::{Enrichment, Event, Filter, HeldEvent, Verdict};

use super::failure::{Failure, Reporter};
use crate::workers::instance::Instance;

/// How an event leaves the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers) enum Passed {
    /// It goes on.
    Kept,
    /// A filter dropped it, and that was counted.
    Filtered,
    /// A filter has a copy; its fate is still open.
    Held,
}

pub(in crate::workers) struct Filtering {
    filters: Vec<Instance<dyn Filter>>,
    /// Positions of the filters that hold events back.
    holding: Vec<usize>,
    /// Events that were held and have passed all filters now, in their order.
    pub(in crate::workers) released: Vec<HeldEvent>,
    reporter: Reporter,
}

impl Filtering {
    pub(super) fn new(reporter: Reporter) -> Self {
        Self { filters: Vec::new(), holding: Vec::new(), released: Vec::new(), reporter }
    }

    pub(super) fn add(&mut self, filter: Instance<dyn Filter>, holds: bool) {
        if holds {
            self.holding.push(self.filters.len());
        }
        self.filters.push(filter);
    }

    /// Takes an event through the filters. What is in [`released`](Self::released) afterwards goes
    /// before it.
    #[inline]
    pub(in crate::workers) fn pass(&mut self, event: &mut Event<'_>) -> Passed {
        if self.filters.is_empty() { Passed::Kept } else { self.pass_from(0, event) }
    }

    /// Filters are user code. `position` counts them off, so that after a panic in one the event
    /// goes on behind it.
    fn pass_from(&mut self, first: usize, event: &mut Event<'_>) -> Passed {
        let mut position = first;
        loop {
            let timestamp = event.timestamp();
            let passed = catch_unwind(AssertUnwindSafe(|| self.advance(event, &mut position)));
            match passed {
                Ok(passed) if self.holding.is_empty() => return passed,
                Ok(passed) => {
                    // Every filter from the first one up to here saw the event.
                    self.release_from(first..=position, timestamp, false);
                    return passed;
                }
                Err(panic) => {
                    self.reporter.failed(position, &Failure::Panic(panic));
                    position += 1;
                }
            }
        }
    }

    fn advance(&mut self, event: &mut Event<'_>, position: &mut usize) -> Passed {
        while let Some(filter) = self.filters.get_mut(*position) {
            // Dropped without a commit, after an error or a panic, it takes back the marks.
            let mut marked = Enrichment::new(event);
            match filter.with(|filter| filter.filter(&mut marked)) {
                Ok(Verdict::Drop) => {
                    self.reporter.ended(*position);
                    return Passed::Filtered;
                }
                Ok(Verdict::Hold) if self.holding.contains(position) => return Passed::Held,
                Ok(_) => marked.commit(),
                Err(error) => {
                    drop(marked);
                    self.reporter.failed(*position, &Failure::Error(error));
                }
            }
            *position += 1;
        }
        Passed::Kept
    }

    /// Between rounds: what filters held until `now`, or `all` that they hold.
    #[inline]
    pub(in crate::workers) fn release(&mut self, now: u64, all: bool) {
        if !self.holding.is_empty() {
            self.release_from(0..=self.filters.len(), now, all);
        }
    }

    /// Between rounds: what the filters have to say.
    pub(in crate::workers) fn settle(&mut self) {
        for (position, filter) in self.filters.iter_mut().enumerate() {
            self.reporter.listen(position, || filter.with(|filter| (filter.health(), filter.notice())));
        }
    }

    /// Whether any filter ever holds an event back.
    pub(in crate::workers) fn holds(&self) -> bool {
        !self.holding.is_empty()
    }

    /// Asks the filters at these positions for what they held.
    fn release_from(&mut self, positions: RangeInclusive<usize>, now: u64, all: bool) {
        for held in 0..self.holding.len() {
            let position = self.holding[held];
            while positions.contains(&position) {
                let filter = &mut self.filters[position];
                let released = catch_unwind(AssertUnwindSafe(|| filter.with(|filter| filter.release(now, all))));
                let mut event = match released {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(panic) => {
                        self.reporter.failed(position, &Failure::Panic(panic));
                        break;
                    }
                };
                // Behind the filter that held it.
                match self.pass_from(position + 1, &mut event.event()) {
                    Passed::Kept => self.released.push(event),
                    Passed::Filtered => self.reporter.counts.consumed(1),
                    Passed::Held => {}
                }
            }
        }
    }

    pub(in crate::workers) fn stop(&mut self) {
        for (position, filter) in self.filters.iter_mut().enumerate().rev() {
            self.reporter.stop(position, || filter.with(|filter| filter.stop()));
        }
    }
}
