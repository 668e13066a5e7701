//! `match`: keeps or drops events by what their fields say.

use logwheel_core::{Enrichment, Filter, StageError, Verdict};

use crate::InvalidOption;

mod compare;
mod lexer;
mod parser;
mod predicate;

pub use compare::Literal;
pub use parser::ExpressionError;
pub use predicate::{FieldTest, Predicate};

use predicate::Scratch;

/// Keeps the events for which a [`Predicate`] holds, or drops them.
///
/// The predicate is given as a text, in the language that is described [there](Predicate), or built
/// from parts. Every worker gets an instance of its own.
///
/// ```
/// use logwheel_stages::{MatchAction, MatchFilter, Predicate};
///
/// let no_health_checks = MatchFilter::builder()
///     .expression(r#"path starts_with "/health" and status < 400"#)
///     .action(MatchAction::Drop)
///     .build()?;
/// let failures = MatchFilter::builder().predicate(Predicate::field("status")?.at_least(500)).build()?;
/// # let _ = (no_health_checks, failures);
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct MatchFilter {
    predicate: Predicate,
    action: MatchAction,
    scratch: Scratch,
}

/// What [`MatchFilter`] does with events for which its predicate holds; the others get the opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MatchAction {
    /// They go on.
    #[default]
    Keep,
    /// They end here.
    Drop,
}

/// The options of [`MatchFilter`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct MatchFilterBuilder {
    source: Source,
    action: MatchAction,
}

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    Missing,
    Text(String),
    Built(Predicate),
}

impl MatchFilter {
    /// Needs an `expression` or a `predicate`.
    pub fn builder() -> MatchFilterBuilder {
        MatchFilterBuilder::default()
    }
}

impl MatchFilterBuilder {
    /// The predicate as a text; no default. Replaces an earlier one.
    pub fn expression(mut self, expression: impl Into<String>) -> Self {
        self.source = Source::Text(expression.into());
        self
    }

    /// The predicate, built from parts. Replaces an earlier one.
    pub fn predicate(mut self, predicate: Predicate) -> Self {
        self.source = Source::Built(predicate);
        self
    }

    /// What happens to events for which the predicate holds; by default they are kept, and all
    /// others dropped.
    pub fn action(mut self, action: MatchAction) -> Self {
        self.action = action;
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// When there is no predicate, or its text cannot be read: the error says where.
    pub fn build(self) -> Result<MatchFilter, InvalidOption> {
        let predicate = match self.source {
            Source::Missing => return Err(InvalidOption::new("expression", "\"\"", "given")),
            Source::Built(predicate) => predicate,
            Source::Text(text) => text.parse().map_err(|error: ExpressionError| {
                InvalidOption::new("expression", format_args!("{text:?}"), format!("an expression; {error}"))
            })?,
        };
        Ok(MatchFilter { predicate, action: self.action, scratch: Scratch::default() })
    }
}

impl Filter for MatchFilter {
    fn name(&self) -> &str {
        "match"
    }

    fn replicate(&self) -> Option<Box<dyn Filter>> {
        let predicate = self.predicate.clone();
        Some(Box::new(Self { predicate, action: self.action, scratch: Scratch::default() }))
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let holds = self.predicate.holds(event, &mut self.scratch);
        Ok(if holds == (self.action == MatchAction::Keep) { Verdict::Keep } else { Verdict::Drop })
    }
}

#[cfg(test)]
mod tests;
