//! `[[filter]]`: the types of filters.

use logwheel::{
    AdaptiveSampling, Dedupe, DedupeMode, Filter, FirstOccurrence, Level, LevelFilter, MatchAction, MatchFilter,
    OverflowAction, RateLimit, Sampling, TraceSampling,
};

use super::{Options, Reported, Types, given};

pub(super) const TYPES: &Types<Box<dyn Filter>> = &[
    ("level", level),
    ("sampling", sampling),
    ("adaptive_sampling", adaptive_sampling),
    ("trace_sampling", trace_sampling),
    ("rate_limit", rate_limit),
    ("first_occurrence", first_occurrence),
    ("dedupe", dedupe),
    ("match", match_filter),
];

fn level(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let min_level = options.level("min_level", Level::INFO);
    let drop_below = options.flag("drop_below", true);
    Ok(Box::new(LevelFilter::new(min_level).drop_below(drop_below)))
}

fn sampling(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let filter = Sampling::builder();
    let filter = given(filter, options.optional_decimal("sample_rate"), |filter, rate| filter.sample_rate(rate));
    let filter = given(filter, options.optional_levels("always_pass_levels"), |filter, levels| {
        filter.always_pass_levels(levels)
    });
    let filter = given(filter, options.optional_number("seed", 0..=u64::MAX), |filter, seed| filter.seed(seed));
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}

fn adaptive_sampling(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let filter = AdaptiveSampling::builder();
    let filter = given(filter, options.optional_decimal("target_eps"), |filter, eps| filter.target_eps(eps));
    let filter =
        given(filter, options.optional_decimal("min_sample_rate"), |filter, rate| filter.min_sample_rate(rate));
    let filter =
        given(filter, options.optional_decimal("max_sample_rate"), |filter, rate| filter.max_sample_rate(rate));
    let filter =
        given(filter, options.optional_decimal("window_seconds"), |filter, window| filter.window_seconds(window));
    let filter =
        given(filter, options.optional_decimal("smoothing_factor"), |filter, factor| filter.smoothing_factor(factor));
    let filter = given(filter, options.optional_levels("always_pass_levels"), |filter, levels| {
        filter.always_pass_levels(levels)
    });
    let filter = given(filter, options.optional_number("seed", 0..=u64::MAX), |filter, seed| filter.seed(seed));
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}

fn trace_sampling(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let filter = TraceSampling::builder();
    let filter = given(filter, options.optional_decimal("sample_rate"), |filter, rate| filter.sample_rate(rate));
    let filter = given(filter, options.optional_text("trace_id_field"), |filter, path| filter.trace_id_field(path));
    let filter = given(filter, options.optional_levels("always_pass_levels"), |filter, levels| {
        filter.always_pass_levels(levels)
    });
    let filter = given(filter, options.optional_number("seed", 0..=u64::MAX), |filter, seed| filter.seed(seed));
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}

fn rate_limit(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let actions = [("drop", OverflowAction::Drop), ("mark", OverflowAction::Mark)];
    let filter =
        RateLimit::builder().overflow_action(options.choice("overflow_action", OverflowAction::Drop, &actions));
    let filter =
        given(filter, options.optional_number("capacity", 0..=u32::MAX), |filter, tokens| filter.capacity(tokens));
    let filter =
        given(filter, options.optional_decimal("refill_rate_per_sec"), |filter, rate| filter.refill_rate_per_sec(rate));
    let filter = given(filter, options.optional_text("key_field"), |filter, path| filter.key_field(path));
    let filter =
        given(filter, options.optional_number("max_keys", 0..=usize::MAX), |filter, keys| filter.max_keys(keys));
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}

fn first_occurrence(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let filter = FirstOccurrence::builder();
    let filter = given(filter, options.optional_texts("key_fields"), |filter, paths| filter.key_fields(paths));
    let filter =
        given(filter, options.optional_decimal("window_seconds"), |filter, window| filter.window_seconds(window));
    let filter =
        given(filter, options.optional_number("max_keys", 0..=usize::MAX), |filter, keys| filter.max_keys(keys));
    let filter = given(filter, options.optional_decimal("subsequent_sample_rate"), |filter, rate| {
        filter.subsequent_sample_rate(rate)
    });
    let filter = given(filter, options.optional_number("seed", 0..=u64::MAX), |filter, seed| filter.seed(seed));
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}

fn dedupe(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let modes = [("consecutive", DedupeMode::Consecutive), ("window", DedupeMode::Window)];
    let filter = Dedupe::builder().mode(options.choice("mode", DedupeMode::Consecutive, &modes));
    let filter = given(filter, options.optional_texts("key_fields"), |filter, paths| filter.key_fields(paths));
    let filter =
        given(filter, options.optional_decimal("window_seconds"), |filter, window| filter.window_seconds(window));
    let filter =
        given(filter, options.optional_number("max_keys", 0..=usize::MAX), |filter, keys| filter.max_keys(keys));
    let filter = given(filter, options.optional_size("max_held_bytes", 0..=usize::MAX), |filter, bytes| {
        filter.max_held_bytes(bytes)
    });
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}

fn match_filter(options: &mut Options<'_>) -> Result<Box<dyn Filter>, Reported> {
    let actions = [("keep", MatchAction::Keep), ("drop", MatchAction::Drop)];
    let action = options.choice("action", MatchAction::Keep, &actions);
    let expression = options.required_text("expression");
    let filter = MatchFilter::builder().expression(expression?).action(action);
    Ok(Box::new(filter.build().map_err(|error| options.invalid(&error))?))
}
