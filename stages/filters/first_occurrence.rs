//! `first_occurrence`: keeps the first event of each kind in a window of time.

use std::borrow::Cow;

use logwheel_core::{Enrichment, Filter, Health, StageError, Verdict};

use super::event_time::EventTime;
use super::keys::{KeyHasher, KeyTable, parse_paths, require_max_keys};
use crate::option::{require, require_rate, window_nanos};
use crate::random::Random;
use crate::{InvalidOption, Reading};

/// Keeps an event if none with the same values at `key_fields` was kept as the first in the last
/// `window_seconds`; of the others, `subsequent_sample_rate`.
///
/// The window is anchored where a key was first seen: events within it do not prolong it, so that
/// something that happens all the time is seen once per window. Key fields are names or dotted
/// paths, also into the fields `context` and `data` of an event in the envelope of version 1.1, and
/// `message`, `level`, `logger` and `trace_id` name those parts of the event. Values are compared by
/// a hash of 64 bits, field by field. Time is that of the events; all workers share one instance.
///
/// At most `max_keys` keys are remembered; beyond, the least recently used is forgotten, and its
/// next event counts as the first. Near that, the filter warns as
/// [`RateLimit`](crate::RateLimit#keys) does.
///
/// ```
/// use logwheel_stages::FirstOccurrence;
///
/// let filter = FirstOccurrence::builder().key_fields(["message", "user.id"]).window_seconds(30.0).build()?;
/// # let _ = filter;
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct FirstOccurrence {
    keys: KeyHasher,
    window: u64,
    /// When each key was first seen.
    seen: KeyTable<u64>,
    subsequent_sample_rate: f64,
    time: EventTime,
    random: Random,
}

/// The options of [`FirstOccurrence`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FirstOccurrenceBuilder {
    key_fields: Vec<String>,
    window_seconds: f64,
    max_keys: usize,
    subsequent_sample_rate: f64,
    seed: Option<u64>,
}

impl FirstOccurrence {
    /// One event a minute for each message.
    pub fn builder() -> FirstOccurrenceBuilder {
        FirstOccurrenceBuilder {
            key_fields: vec!["message".to_owned()],
            window_seconds: 60.0,
            max_keys: 10_000,
            subsequent_sample_rate: 0.0,
            seed: None,
        }
    }

    /// How many keys are remembered at any time.
    #[must_use]
    pub fn keys_tracked(&self) -> Reading {
        self.seen.tracked()
    }
}

impl FirstOccurrenceBuilder {
    /// The fields whose values make the key, at least one; by default the message.
    pub fn key_fields(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.key_fields = paths.into_iter().map(Into::into).collect();
        self
    }

    /// For how many seconds a key is remembered after its first event, 0.001 to 604,800; 60 by
    /// default.
    pub fn window_seconds(mut self, window_seconds: f64) -> Self {
        self.window_seconds = window_seconds;
        self
    }

    /// How many keys are remembered at most, 1 to 10,000,000; 10,000 by default. Each takes about
    /// 70 bytes.
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Which share of the further events within the window to keep, 0 (the default) to 1.
    pub fn subsequent_sample_rate(mut self, subsequent_sample_rate: f64) -> Self {
        self.subsequent_sample_rate = subsequent_sample_rate;
        self
    }

    /// Where the decisions on further events start from; by default they differ from run to run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// The first option with a value that is not allowed.
    pub fn build(self) -> Result<FirstOccurrence, InvalidOption> {
        require(!self.key_fields.is_empty(), "key_fields", "[]", "at least one field")?;
        require_max_keys(self.max_keys)?;
        require_rate("subsequent_sample_rate", self.subsequent_sample_rate)?;
        Ok(FirstOccurrence {
            keys: KeyHasher::new(parse_paths("key_fields", &self.key_fields)?),
            window: window_nanos("window_seconds", self.window_seconds)?,
            seen: KeyTable::new(self.max_keys),
            subsequent_sample_rate: self.subsequent_sample_rate,
            time: EventTime::default(),
            random: Random::new(self.seed),
        })
    }
}

impl Filter for FirstOccurrence {
    fn name(&self) -> &str {
        "first_occurrence"
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let now = self.time.advance(event.timestamp());
        let key = self.keys.key(event);
        if let Some(first) = self.seen.get_mut(key) {
            if now - *first < self.window {
                let keeps = self.random.chance(self.subsequent_sample_rate);
                return Ok(if keeps { Verdict::Keep } else { Verdict::Drop });
            }
            *first = now;
            return Ok(Verdict::Keep);
        }
        let window = self.window;
        self.seen.forget(|first| now - first >= window);
        self.seen.insert(key, now);
        Ok(Verdict::Keep)
    }

    fn health(&self) -> Health {
        self.seen.health()
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        self.seen.notice()
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::{Level, Value};

    use super::*;
    use crate::support::{TestEvent, keeps};

    fn at(message: &str, seconds: f64) -> TestEvent {
        TestEvent::new(message).at(seconds)
    }

    #[test]
    fn story_5_3_first_occurrence_keeps_one_event_per_window_for_each_message() {
        let mut filter = FirstOccurrence::builder().build().unwrap();
        for (message, seconds, expected) in [
            ("a", 0.0, true),
            ("a", 0.0, false),
            ("b", 1.0, true),
            ("a", 59.9, false),
            ("a", 60.0, true),
            ("b", 60.9, false),
            ("b", 61.0, true),
            ("a", 119.9, false),
        ] {
            assert_eq!(keeps(&mut filter, &at(message, seconds)), expected, "{message} at {seconds}");
        }
    }

    #[test]
    fn story_5_3_first_occurrence_anchors_its_window_at_first_sight_and_does_not_prolong_it() {
        let mut filter = FirstOccurrence::builder().window_seconds(10.0).build().unwrap();
        let kept: Vec<u32> = (0..40).filter(|second| keeps(&mut filter, &at("m", f64::from(*second)))).collect();
        assert_eq!(kept, [0, 10, 20, 30]);
    }

    #[test]
    fn story_5_3_first_occurrence_compares_key_fields_one_by_one() {
        let mut filter = FirstOccurrence::builder().key_fields(["a", "b", "level"]).build().unwrap();
        let event = |a: &str, b: &str| TestEvent::new("m").field("a", Value::Str(a)).field("b", Value::Str(b));
        assert!(keeps(&mut filter, &event("x|y", "z")));
        assert!(keeps(&mut filter, &event("x", "y|z")), "taken for the one before if joined with a bar");
        assert!(keeps(&mut filter, &event("x", "y|z").level(Level::WARN)));
        assert!(!keeps(&mut filter, &event("x", "y|z")));
    }

    #[test]
    fn story_5_3_first_occurrence_samples_what_follows_if_asked_to() {
        let mut filter = FirstOccurrence::builder().subsequent_sample_rate(0.2).seed(3).build().unwrap();
        assert!(keeps(&mut filter, &at("m", 0.0)));
        let kept = (0..10_000).filter(|_| keeps(&mut filter, &at("m", 1.0))).count() as f64;
        assert!((kept - 2_000.0).abs() < 5.0 * (10_000.0f64 * 0.16).sqrt(), "{kept}");
    }

    #[test]
    fn story_5_3_first_occurrence_forgets_the_least_recently_used_key() {
        let mut filter = FirstOccurrence::builder().max_keys(2).build().unwrap();
        for (message, expected) in [("a", true), ("b", true), ("a", false), ("c", true), ("a", false), ("b", true)] {
            assert_eq!(keeps(&mut filter, &at(message, 0.0)), expected, "{message}");
        }
        assert_eq!(filter.keys_tracked().get(), 2.0);
        assert!(!filter.health().is_healthy());
        assert!(filter.notice().is_some_and(|warning| warning.contains("max_keys = 2")));
        assert_eq!(filter.notice(), None, "it was said");
    }

    #[test]
    fn keys_whose_window_is_over_make_room() {
        let mut filter = FirstOccurrence::builder().max_keys(1_000).window_seconds(1.0).build().unwrap();
        for n in 0..5_000u32 {
            assert!(keeps(&mut filter, &at(&n.to_string(), f64::from(n) / 100.0)));
        }
        assert!(filter.keys_tracked().get() <= 102.0, "{}", filter.keys_tracked().get());
    }

    #[test]
    fn options_outside_their_ranges_are_refused_by_name() {
        let options = FirstOccurrence::builder;
        for (builder, option) in [
            (options().key_fields([""; 0]), "key_fields"),
            (options().key_fields(["message", ""]), "key_fields"),
            (options().window_seconds(-1.0), "window_seconds"),
            (options().max_keys(0), "max_keys"),
            (options().subsequent_sample_rate(1.1), "subsequent_sample_rate"),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
    }
}
