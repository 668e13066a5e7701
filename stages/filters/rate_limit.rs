//! `rate_limit`: bounds how many events pass, in all or for each key.

use std::borrow::Cow;

use logwheel_core::{Enrichment, Filter, Health, StageError, Verdict};

use super::event_time::EventTime;
use super::keys::{KeyHasher, KeyTable, parse_paths, require_max_keys};
use crate::option::require;
use crate::{InvalidOption, Reading};

/// Lets events pass as long as there are tokens in a bucket, which holds `capacity` of them and is
/// refilled at `refill_rate_per_sec`: a burst of `capacity`, then a steady rate.
///
/// With a `key_field` (a name or dotted path, also inside the fields `context` and `data` of an
/// event in the envelope of version 1.1) every value has a bucket of its own; events without the
/// field share one. Without it there is one bucket for all. Time is that of the events. All workers
/// share one instance, so the limit is that of the engine.
///
/// What is over the limit is dropped, or, with [`OverflowAction::Mark`], kept with the field
/// `rate_limited: true` (unless the event has a field of this name).
///
/// # Keys
/// At most `max_keys` buckets exist. A bucket that is full again is like a new one and is forgotten
/// as new keys come. Beyond `max_keys` the least recently used bucket is forgotten **with its debt**:
/// whoever can make up more keys than that gets a fresh bucket for each. Choose a key that callers
/// cannot choose, or a global limit behind this one.
///
/// At 90 % of `max_keys` the filter warns, once until less than 80 % are in use. Above 90 % its health
/// is bad.
///
/// ```
/// use logwheel_stages::{OverflowAction, RateLimit};
///
/// let per_user = RateLimit::builder()
///     .capacity(20)
///     .refill_rate_per_sec(2.5)
///     .key_field("user.id")
///     .overflow_action(OverflowAction::Mark)
///     .build()?;
/// let keys = per_user.keys_tracked();
/// assert_eq!(keys.get(), 0.0);
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct RateLimit {
    refill: Refill,
    overflow_action: OverflowAction,
    time: EventTime,
    buckets: Buckets,
}

/// What [`RateLimit`] does with events over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OverflowAction {
    /// They end here.
    #[default]
    Drop,
    /// They go on with the field `rate_limited: true`.
    Mark,
}

#[derive(Debug)]
enum Buckets {
    Global(Bucket),
    ByKey(KeyHasher, KeyTable<Bucket>),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    /// When `tokens` was right.
    at: u64,
}

#[derive(Debug, Clone, Copy)]
struct Refill {
    capacity: f64,
    per_nano: f64,
}

impl Refill {
    fn full(self, now: u64) -> Bucket {
        Bucket { tokens: self.capacity, at: now }
    }

    fn tokens(self, bucket: &Bucket, now: u64) -> f64 {
        (bucket.tokens + (now - bucket.at) as f64 * self.per_nano).min(self.capacity)
    }

    /// Takes a token, if there is one.
    fn take(self, bucket: &mut Bucket, now: u64) -> bool {
        let tokens = self.tokens(bucket, now);
        let has_one = tokens >= 1.0;
        *bucket = Bucket { tokens: if has_one { tokens - 1.0 } else { tokens }, at: now };
        has_one
    }
}

/// The options of [`RateLimit`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RateLimitBuilder {
    capacity: u32,
    refill_rate_per_sec: f64,
    key_field: Option<String>,
    max_keys: usize,
    overflow_action: OverflowAction,
}

impl RateLimit {
    /// One bucket of 10 tokens that gets 5 a second.
    pub fn builder() -> RateLimitBuilder {
        RateLimitBuilder {
            capacity: 10,
            refill_rate_per_sec: 5.0,
            key_field: None,
            max_keys: 10_000,
            overflow_action: OverflowAction::Drop,
        }
    }

    /// How many keys have a bucket at any time: for the metric `logwheel_rate_limit_keys_tracked`.
    /// Always 0 without a `key_field`.
    #[must_use]
    pub fn keys_tracked(&self) -> Reading {
        match &self.buckets {
            Buckets::Global(_) => Reading::default(),
            Buckets::ByKey(_, table) => table.tracked(),
        }
    }
}

impl RateLimitBuilder {
    /// How many tokens a bucket holds, and so the greatest burst; at least 1, 10 by default.
    pub fn capacity(mut self, capacity: u32) -> Self {
        self.capacity = capacity;
        self
    }

    /// How many tokens a bucket gets each second, 0 or more; 5 by default. With 0, each key has
    /// `capacity` events for as long as it is remembered.
    pub fn refill_rate_per_sec(mut self, refill_rate_per_sec: f64) -> Self {
        self.refill_rate_per_sec = refill_rate_per_sec;
        self
    }

    /// The field whose values have buckets of their own; none by default: one bucket for all.
    pub fn key_field(mut self, path: impl Into<String>) -> Self {
        self.key_field = Some(path.into());
        self
    }

    /// How many keys are remembered at most, 1 to 10,000,000; 10,000 by default. Each takes about
    /// 80 bytes.
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// What happens to events over the limit; by default they are dropped.
    pub fn overflow_action(mut self, overflow_action: OverflowAction) -> Self {
        self.overflow_action = overflow_action;
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// The first option with a value that is not allowed.
    pub fn build(self) -> Result<RateLimit, InvalidOption> {
        let Self { capacity, refill_rate_per_sec, max_keys, overflow_action, .. } = self;
        require(capacity >= 1, "capacity", capacity, "at least 1")?;
        require(
            refill_rate_per_sec >= 0.0 && refill_rate_per_sec.is_finite(),
            "refill_rate_per_sec",
            refill_rate_per_sec,
            "a finite number, 0 or more",
        )?;
        require_max_keys(max_keys)?;
        let refill = Refill { capacity: f64::from(capacity), per_nano: refill_rate_per_sec / 1e9 };
        let buckets = match self.key_field {
            None => Buckets::Global(refill.full(0)),
            Some(path) => {
                let keys = KeyHasher::new(parse_paths("key_field", &[path])?);
                Buckets::ByKey(keys, KeyTable::new(max_keys))
            }
        };
        Ok(RateLimit { refill, overflow_action, time: EventTime::default(), buckets })
    }
}

impl Filter for RateLimit {
    fn name(&self) -> &str {
        "rate_limit"
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let now = self.time.advance(event.timestamp());
        let refill = self.refill;
        let passes = match &mut self.buckets {
            Buckets::Global(bucket) => refill.take(bucket, now),
            Buckets::ByKey(keys, table) => {
                let key = keys.key(event);
                match table.get_mut(key) {
                    Some(bucket) => refill.take(bucket, now),
                    None => {
                        table.forget(|bucket| refill.tokens(bucket, now) >= refill.capacity);
                        let mut bucket = refill.full(now);
                        refill.take(&mut bucket, now);
                        table.insert(key, bucket);
                        true
                    }
                }
            }
        };
        Ok(match (passes, self.overflow_action) {
            (true, _) => Verdict::Keep,
            (false, OverflowAction::Drop) => Verdict::Drop,
            (false, OverflowAction::Mark) => {
                event.add("rate_limited", true);
                Verdict::Keep
            }
        })
    }

    fn health(&self) -> Health {
        match &self.buckets {
            Buckets::Global(_) => Health::Healthy,
            Buckets::ByKey(_, table) => table.health(),
        }
    }

    fn notice(&mut self) -> Option<Cow<'static, str>> {
        match &mut self.buckets {
            Buckets::Global(_) => None,
            Buckets::ByKey(_, table) => table.notice(),
        }
    }
}

#[cfg(test)]
mod tests {
    use logwheel_core::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::support::{SECOND, START, TestEvent, judge, keeps};

    fn user(id: u64, seconds: f64) -> TestEvent {
        TestEvent::new("m").field("user", Value::U64(id)).at(seconds)
    }

    fn per_user() -> RateLimitBuilder {
        RateLimit::builder().key_field("user")
    }

    #[test]
    fn story_5_3_rate_limit_passes_a_burst_of_its_capacity_and_then_its_refill_rate() {
        let mut filter = RateLimit::builder().build().unwrap();
        let mut passed = |seconds: f64, n: usize| (0..n).filter(|_| keeps(&mut filter, &user(1, seconds))).count();
        assert_eq!(passed(0.0, 50), 10);
        assert_eq!(passed(0.19, 50), 0);
        assert_eq!(passed(0.2, 50), 1);
        assert_eq!(passed(1.2, 50), 5);
        assert_eq!(passed(1_000.0, 50), 10, "never more than the capacity");
    }

    #[test]
    fn story_5_3_rate_limit_has_a_bucket_for_each_key_and_one_for_events_without() {
        let mut filter = per_user().capacity(2).refill_rate_per_sec(0.0).build().unwrap();
        for n in 0..4 {
            for id in 0..3 {
                assert_eq!(keeps(&mut filter, &user(id, 0.0)), n < 2, "event {n} of user {id}");
            }
            assert_eq!(keeps(&mut filter, &TestEvent::new("no user")), n < 2);
        }
        assert_eq!(filter.keys_tracked().get(), 4.0);
    }

    #[test]
    fn story_5_3_rate_limit_finds_its_key_in_scopes_json_and_the_v1_1_context() {
        let mut filter =
            RateLimit::builder().key_field("user.id").capacity(1).refill_rate_per_sec(0.0).build().unwrap();
        let json = |id: u64| format!("{{\"user\":{{\"id\":{id}}}}}");
        for id in 0..3 {
            let event = TestEvent::new("m").field("context", Value::Json(&json(id)));
            assert!(keeps(&mut filter, &event), "a key that is not found would share a bucket");
            assert!(!keeps(&mut filter, &TestEvent::new("m").scoped("user.id", Value::U64(id))));
        }
    }

    #[test]
    fn story_5_3_rate_limit_can_mark_instead_of_dropping() {
        let mut filter = RateLimit::builder().capacity(1).overflow_action(OverflowAction::Mark).build().unwrap();
        assert_eq!(judge(&mut filter, &user(1, 0.0)), (Verdict::Keep, vec![]));
        assert_eq!(judge(&mut filter, &user(1, 0.0)), (Verdict::Keep, vec!["rate_limited=Bool(true)".to_owned()]));
    }

    #[test]
    fn story_5_3_rate_limit_warns_at_90_percent_of_its_keys_and_is_unhealthy_above() {
        let mut filter = per_user().max_keys(10).build().unwrap();
        let mut warns = |id, seconds| {
            assert!(keeps(&mut filter, &user(id, seconds)));
            filter.notice()
        };
        let warnings: Vec<_> = (0..10).filter_map(|id| Some((id, warns(id, 0.0)?))).collect();
        let [(8, warning)] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with("remembers 9 keys of at most max_keys = 10"), "{warning}");
        let mut warns_again = |id, seconds| {
            assert!(keeps(&mut filter, &user(id, seconds)), "a warning costs no event its verdict");
            let warns = filter.notice().is_some();
            (warns, filter.health().is_healthy(), filter.keys_tracked().get())
        };
        assert_eq!(warns_again(10, 0.0), (false, false, 10.0));
        // All buckets are full again: two are forgotten for each new key.
        assert_eq!(warns_again(11, 10.0), (false, true, 9.0));
        assert_eq!(warns_again(12, 10.0), (false, true, 8.0));
        assert_eq!(warns_again(13, 10.0), (false, true, 7.0));
        let warnings: Vec<u64> = (20..40).filter(|id| warns_again(*id, 10.0).0).collect();
        assert_eq!(warnings, [25], "armed again");
        assert!(filter.keys_tracked().get() <= 10.0);
    }

    #[test]
    fn story_5_3_rate_limit_forgets_the_least_recently_used_key_with_its_debt() {
        let mut filter = per_user().capacity(1).refill_rate_per_sec(0.0).max_keys(2).build().unwrap();
        assert!(keeps(&mut filter, &user(1, 0.0)) && keeps(&mut filter, &user(2, 0.0)));
        assert!(!keeps(&mut filter, &user(1, 0.0)), "now user 2 is the least recently used");
        assert!(keeps(&mut filter, &user(3, 0.0)));
        assert!(!keeps(&mut filter, &user(1, 0.0)));
        assert!(keeps(&mut filter, &user(2, 0.0)), "its debt is forgotten: a known limit");
    }

    #[test]
    fn time_that_runs_backwards_gives_no_tokens_and_takes_none() {
        let mut filter = RateLimit::builder().capacity(1).refill_rate_per_sec(1.0).build().unwrap();
        assert!(keeps(&mut filter, &user(1, 10.0)));
        for seconds in [9.0, 8.0, 10.0, 10.9] {
            assert!(!keeps(&mut filter, &user(1, seconds)), "{seconds}");
        }
        assert!(keeps(&mut filter, &user(1, 11.0)));
    }

    #[test]
    fn options_outside_their_ranges_are_refused_by_name() {
        let options = RateLimit::builder;
        for (builder, option) in [
            (options().capacity(0), "capacity"),
            (options().refill_rate_per_sec(-1.0), "refill_rate_per_sec"),
            (options().refill_rate_per_sec(f64::NAN), "refill_rate_per_sec"),
            (options().max_keys(0), "max_keys"),
            (options().max_keys(10_000_001), "max_keys"),
            (options().key_field(""), "key_field"),
        ] {
            assert_eq!(builder.build().unwrap_err().option(), option);
        }
    }

    proptest! {
        #[test]
        fn no_second_passes_more_than_the_capacity_and_what_was_refilled(
            capacity in 1u32..20, refill in 0.0f64..50.0, gaps in prop::collection::vec(0u64..SECOND / 4, 1..300)
        ) {
            let mut filter =
                RateLimit::builder().capacity(capacity).refill_rate_per_sec(refill).build().unwrap();
            let mut event = TestEvent::new("m");
            let mut passed: Vec<u64> = Vec::new();
            for gap in gaps {
                event.timestamp += gap;
                if keeps(&mut filter, &event) {
                    passed.push(event.timestamp - START);
                }
            }
            // From any passed event to any later one.
            for (index, from) in passed.iter().enumerate() {
                for (count, to) in passed[index..].iter().enumerate() {
                    let allowed = f64::from(capacity) + (to - from) as f64 / 1e9 * refill;
                    prop_assert!((count + 1) as f64 <= allowed + 1e-6);
                }
            }
        }
    }
}
