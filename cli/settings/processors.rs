//! `[[processor]]`: the types of processors, and what happens when one fails.

use logwheel::{ProcessFailure, Processor};

use super::{Options, Types};

pub(super) const TYPES: &Types<Box<dyn Processor>> = &[];

/// What happens to a line on which the processor fails.
pub(super) fn on_error(options: &mut Options<'_>) -> ProcessFailure {
    let choices = [("pass", ProcessFailure::Pass), ("drop", ProcessFailure::Drop)];
    options.choice("on_error", ProcessFailure::Pass, &choices)
}
