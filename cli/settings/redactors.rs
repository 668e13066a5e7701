//! `[[redactor]]`: the types of redactors, and what happens when one fails.

use logwheel::{FieldMask, RedactFailure, Redactor};

use super::{Options, Reported, Types};

pub(super) const TYPES: &Types<Box<dyn Redactor>> = &[("field_mask", field_mask)];

/// What happens to an event on which the redactor fails.
pub(super) fn on_error(options: &mut Options<'_>) -> RedactFailure {
    let choices = [("mask", RedactFailure::Mask), ("drop", RedactFailure::Drop), ("pass", RedactFailure::Pass)];
    options.choice("on_error", RedactFailure::Mask, &choices)
}

fn field_mask(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let fields = options.required_texts("fields");
    let mask = options.text("mask", "***");
    let case_insensitive = options.flag("case_insensitive", false);
    let max_depth = options.number("max_depth", 16, 0..=FieldMask::DEPTH_LIMIT);
    let redactor = FieldMask::new(fields?).map_err(|error| options.refuse("fields", error))?;
    Ok(Box::new(redactor.mask(mask).case_insensitive(case_insensitive).max_depth(max_depth)))
}
