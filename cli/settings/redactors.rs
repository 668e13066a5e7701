//! `[[redactor]]`: the types of redactors, and what happens when one fails.

use logwheel::{
    FieldBlocker, FieldMask, PresetError, PresetMask, RedactFailure, Redactor, RegexMask, StringTruncate,
    UrlCredentials,
};
use toml::Value;

use super::{Options, Reported, Types, given};

pub(super) const TYPES: &Types<Box<dyn Redactor>> = &[
    ("field_mask", field_mask),
    ("field_blocker", field_blocker),
    ("regex_mask", regex_mask),
    ("url_credentials", url_credentials),
    ("string_truncate", string_truncate),
    ("preset", preset),
];

/// What happens to an event on which the redactor fails.
pub(super) fn on_error(options: &mut Options<'_>) -> RedactFailure {
    let choices = [("mask", RedactFailure::Mask), ("drop", RedactFailure::Drop), ("pass", RedactFailure::Pass)];
    options.choice("on_error", RedactFailure::Mask, &choices)
}

fn field_mask(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let fields = options.required_texts("fields");
    let mask = options.optional_text("mask");
    let case_insensitive = options.flag("case_insensitive", false);
    let max_depth = options.optional_number("max_depth", 0..=FieldMask::DEPTH_LIMIT);
    let max_keys = options.optional_number("max_keys", 0..=usize::MAX);
    let redactor = FieldMask::new(fields?).map_err(|error| options.refuse("fields", error))?;
    let redactor = given(redactor.case_insensitive(case_insensitive), mask, FieldMask::mask);
    let redactor = given(redactor, max_depth, FieldMask::max_depth);
    Ok(Box::new(given(redactor, max_keys, FieldMask::max_keys)))
}

fn field_blocker(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let fields = options.required_texts("fields");
    let mask = options.optional_text("mask");
    let case_insensitive = options.flag("case_insensitive", false);
    let max_depth = options.optional_number("max_depth", 0..=FieldMask::DEPTH_LIMIT);
    let max_keys = options.optional_number("max_keys", 0..=usize::MAX);
    let redactor = FieldBlocker::new(fields?).map_err(|error| options.refuse("fields", error))?;
    let redactor = given(redactor.case_insensitive(case_insensitive), mask, FieldBlocker::mask);
    let redactor = given(redactor, max_depth, FieldBlocker::max_depth);
    Ok(Box::new(given(redactor, max_keys, FieldBlocker::max_keys)))
}

fn regex_mask(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let mask = options.optional_text("mask");
    let numbers = options.flag("numbers", false);
    let redactor = match options.get("patterns") {
        Some(Value::Table(_)) => {
            let patterns = options.text_pairs("patterns");
            if patterns.is_empty() {
                return Err(options.refuse("patterns", "must have at least one pattern in it"));
            }
            RegexMask::named(patterns)
        }
        _ => RegexMask::new(options.required_texts("patterns")?),
    };
    let redactor = redactor.map_err(|error| options.refuse("patterns", error))?.numbers(numbers);
    Ok(Box::new(given(redactor, mask, RegexMask::mask)))
}

fn url_credentials(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let mask = options.optional_text("mask");
    let redactor = UrlCredentials::new().query_parameters(options.texts("query_parameters"));
    Ok(Box::new(given(redactor, mask, UrlCredentials::mask)))
}

fn string_truncate(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let max_chars = options.optional_number("max_chars", 0..=usize::MAX);
    let max_bytes = options.optional_size("max_bytes", 0..=usize::MAX);
    let suffix = options.optional_text("suffix");
    if !options.has("max_chars") && !options.has("max_bytes") {
        return Err(options.problem("must have max_chars, max_bytes or both"));
    }
    let redactor = given(StringTruncate::new(), max_chars, StringTruncate::max_chars);
    let redactor = given(redactor, max_bytes, StringTruncate::max_bytes);
    Ok(Box::new(given(redactor, suffix, StringTruncate::suffix)))
}

fn preset(options: &mut Options<'_>) -> Result<Box<dyn Redactor>, Reported> {
    let presets = options.required_texts("presets");
    let without = options.texts("without");
    let mask = options.optional_text("mask");
    let refuse = |key: &str, error: PresetError| {
        let text = error.to_string();
        options.refuse_unshown(key, text.strip_prefix(&format!("{key}: ")).unwrap_or(&text))
    };
    let redactor = PresetMask::from_names(presets?).map_err(|error| refuse("presets", error))?;
    let redactor = redactor.without(without).map_err(|error| refuse("without", error))?;
    Ok(Box::new(given(redactor, mask, PresetMask::mask)))
}
