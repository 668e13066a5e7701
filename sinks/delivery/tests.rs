use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn retry(after: Option<Duration>) -> Result<Delivered, DeliveryError> {
    Err(DeliveryError::Retry { reason: "http_503", detail: "busy".into(), after })
}

fn reject(entries: &[usize]) -> Result<Delivered, DeliveryError> {
    Err(DeliveryError::Reject { refused: Refused::Entries(entries.to_vec()), reason: "bad", detail: "".into() })
}

fn policy(settings: RetrySettings) -> DeliveryPolicy {
    DeliveryPolicy::new(settings, 7)
}

#[test]
fn pauses_spread_over_the_whole_range_and_grow_to_the_cap() {
    let settings = RetrySettings::new().max_elapsed(Duration::MAX);
    let mut longest = [Duration::ZERO; 10];
    let mut shortest = [Duration::MAX; 10];
    for seed in 0..200 {
        let mut policy = DeliveryPolicy::new(settings.clone(), seed);
        for failure in 0..10 {
            let Decision::RetryAt { at, .. } = policy.on_result(Duration::ZERO, 1, retry(None)) else { panic!() };
            longest[failure] = longest[failure].max(at);
            shortest[failure] = shortest[failure].min(at);
        }
    }
    for failure in 0..10 {
        let ceiling = (500 * MS * (1 << failure)).min(30 * SECOND);
        assert!(longest[failure] <= ceiling && longest[failure] > ceiling / 10 * 9, "{failure}: {longest:?}");
        assert!(shortest[failure] < ceiling / 10, "{failure}: {shortest:?}");
    }
}

#[test]
fn the_destination_gets_the_pause_it_asked_for_up_to_the_cap() {
    for (asked, granted) in [(20 * SECOND, 20 * SECOND), (3_600 * SECOND, 30 * SECOND), (Duration::MAX, 30 * SECOND)] {
        let decision = policy(RetrySettings::new()).on_result(SECOND, 1, retry(Some(asked)));
        let Decision::RetryAt { at, reason: "http_503", .. } = decision else { panic!("{decision:?}") };
        assert_eq!(at, SECOND + granted);
    }
}

#[test]
fn attempts_are_counted_with_the_first_one() {
    for most in [0, 1, 2, 5] {
        let mut policy = policy(RetrySettings::new().max_attempts(most));
        let mut attempts = 1;
        while let Decision::RetryAt { .. } = policy.on_result(Duration::ZERO, 1, retry(None)) {
            assert_eq!(policy.failures(), attempts);
            attempts += 1;
        }
        assert_eq!(attempts, most.max(1));
        assert_eq!(policy.failures(), 0, "the next batch starts afresh");
    }
}

#[test]
fn giving_up_tells_the_limit_and_the_last_error() {
    let decision = policy(RetrySettings::new().max_attempts(1)).on_result(SECOND, 4, retry(None));
    let detail = "max_attempts reached after 1 attempts, the last one: busy".into();
    assert_eq!(decision, Decision::GiveUp { reason: "http_503", detail });

    let mut policy = policy(RetrySettings::new().max_elapsed(10 * SECOND));
    assert!(matches!(policy.on_result(SECOND, 4, retry(None)), Decision::RetryAt { .. }));
    let decision = policy.on_result(11 * SECOND + MS, 4, retry(None));
    assert!(
        matches!(&decision, Decision::GiveUp { detail, .. } if detail.starts_with("max_elapsed reached after 2")),
        "{decision:?}"
    );
}

#[test]
fn a_pause_beyond_max_elapsed_is_not_begun() {
    let mut policy = policy(RetrySettings::new().max_elapsed(10 * SECOND));
    let decision = policy.on_result(SECOND, 1, retry(Some(11 * SECOND)));
    assert!(matches!(decision, Decision::GiveUp { .. }), "{decision:?}");
}

#[test]
fn a_single_entry_is_not_split() {
    let split = || Err(DeliveryError::Split { reason: "http_413" });
    let mut policy = policy(RetrySettings::new());
    assert_eq!(policy.on_result(SECOND, 2, split()), Decision::Split { reason: "http_413" });
    for len in [0, 1] {
        let decision = policy.on_result(SECOND, len, split());
        let Decision::Reject { refused: Refused::All, reason: "http_413", .. } = decision else {
            panic!("{decision:?}")
        };
    }
}

#[test]
fn what_sinks_say_is_brought_into_order() {
    let mut policy = policy(RetrySettings::new());
    for (said, len, meant) in [
        (&[3, 1, 3, 1][..], 4, Some(Refused::Entries(vec![1, 3]))),
        (&[0, 9, usize::MAX], 2, Some(Refused::Entries(vec![0]))),
        (&[1, 0], 2, Some(Refused::All)),
        (&[2, 3], 2, None),
        (&[], 2, None),
        (&[0], 0, None),
    ] {
        let decision = policy.on_result(SECOND, len, reject(said));
        match meant {
            Some(meant) => {
                assert_eq!(decision, Decision::Reject { refused: meant, reason: "bad", detail: "".into() });
            }
            None => assert_eq!(decision, Decision::Done { delivered: len, unconfirmed: 0 }),
        }
    }
    for (unconfirmed, delivered) in [(0, 3), (1, 2), (3, 0), (usize::MAX, 0)] {
        let decision = policy.on_result(SECOND, 3, Ok(Delivered::unconfirmed(unconfirmed)));
        assert_eq!(decision, Decision::Done { delivered, unconfirmed: unconfirmed.min(3) });
    }
}

#[test]
fn every_end_resets_the_attempts() {
    let fatal = || Err(DeliveryError::Fatal { reason: "gone", detail: "".into() });
    let ends: [fn() -> Result<Delivered, DeliveryError>; 4] = [
        || Ok(Delivered::all()),
        || Err(DeliveryError::Split { reason: "large" }),
        || reject(&[0]),
        || Err(DeliveryError::Fatal { reason: "gone", detail: "".into() }),
    ];
    for end in ends {
        let mut policy = policy(RetrySettings::new().max_attempts(2));
        assert!(matches!(policy.on_result(SECOND, 2, retry(None)), Decision::RetryAt { .. }));
        assert!(!matches!(policy.on_result(SECOND, 2, end()), Decision::RetryAt { .. }));
        assert!(matches!(policy.on_result(SECOND, 2, retry(None)), Decision::RetryAt { .. }));
        policy.forget_head();
        assert!(matches!(policy.on_result(SECOND, 2, retry(None)), Decision::RetryAt { .. }));
    }
    let given_up = Decision::GiveUp { reason: "gone", detail: "".into() };
    assert_eq!(policy(RetrySettings::new()).on_result(SECOND, 2, fatal()), given_up);
}

#[derive(Debug, Clone)]
enum Outcome {
    Arrived(usize),
    Retry(Option<Duration>),
    Split,
    RejectAll,
    RejectSome(Vec<usize>),
    Fatal,
}

impl Outcome {
    fn result(self) -> Result<Delivered, DeliveryError> {
        match self {
            Self::Arrived(unconfirmed) => Ok(Delivered::unconfirmed(unconfirmed)),
            Self::Retry(after) => retry(after),
            Self::Split => Err(DeliveryError::Split { reason: "large" }),
            Self::RejectAll => Err(DeliveryError::Reject { refused: Refused::All, reason: "bad", detail: "".into() }),
            Self::RejectSome(entries) => reject(&entries),
            Self::Fatal => Err(DeliveryError::Fatal { reason: "gone", detail: "".into() }),
        }
    }
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        1 => prop_oneof![Just(0), 0..9usize, Just(usize::MAX)].prop_map(Outcome::Arrived),
        12 => prop::option::weighted(0.2, (0..100_000u64).prop_map(Duration::from_millis)).prop_map(Outcome::Retry),
        1 => Just(Outcome::Split),
        1 => Just(Outcome::RejectAll),
        1 => prop::collection::vec(0..12usize, 0..12).prop_map(Outcome::RejectSome),
        1 => Just(Outcome::Fatal),
    ]
}

fn settings() -> impl Strategy<Value = RetrySettings> {
    (1..5_000u64, 0..60_000u64, 1..600_000u64, prop::option::of(1..20u32)).prop_map(|(base, more, elapsed, most)| {
        RetrySettings::new()
            .base_delay(base as u32 * MS)
            .max_delay((base + more) as u32 * MS)
            .max_elapsed(elapsed as u32 * MS)
            .max_attempts(most)
    })
}

proptest! {
    /// Drives a queue of batches through random outcomes, each attempt taking a random time.
    #[test]
    fn any_outcomes_keep_the_bounds_and_lose_no_entry(
        settings in settings(),
        seed: u64,
        lengths in prop::collection::vec(0..9usize, 1..6),
        script in prop::collection::vec((outcomes(), 0..20_000u64), 1..200),
    ) {
        let pushed: usize = lengths.iter().sum();
        let mut ended = 0;
        let mut queue: std::collections::VecDeque<usize> = lengths.into();
        let mut policy = DeliveryPolicy::new(settings.clone(), seed);
        let mut now = 5 * SECOND;
        let mut first_failure = None;
        let mut attempts = 0;

        for (outcome, took) in script {
            let Some(len) = queue.pop_front() else { break };
            now += Duration::from_millis(took);
            attempts += 1;
            prop_assert!(settings.max_attempts.is_none_or(|most| attempts <= most));
            let asked = if let Outcome::Retry(after) = outcome { after } else { None };
            match policy.on_result(now, len, outcome.result()) {
                Decision::RetryAt { at, .. } => {
                    let start = *first_failure.get_or_insert(now);
                    let ceiling = settings.base_delay.saturating_mul(1 << (attempts - 1).min(31)).min(settings.max_delay);
                    let asked = asked.unwrap_or_default().min(settings.max_delay);
                    prop_assert!(at >= now + asked && at <= now + ceiling.max(asked));
                    prop_assert!(at <= start + settings.max_elapsed);
                    prop_assert!(settings.max_attempts.is_none_or(|most| attempts < most));
                    prop_assert_eq!(policy.failures(), attempts);
                    now = at;
                    queue.push_front(len);
                    continue;
                }
                Decision::Done { delivered, unconfirmed } => ended += delivered + unconfirmed,
                Decision::Split { .. } => {
                    prop_assert!(len >= 2);
                    queue.push_front(len - len / 2);
                    queue.push_front(len / 2);
                }
                Decision::Reject { refused, .. } => {
                    if let Refused::Entries(entries) = &refused {
                        prop_assert!(!entries.is_empty() && entries.len() < len);
                        prop_assert!(entries.is_sorted_by(|a, b| a < b) && entries.iter().all(|i| *i < len));
                    }
                    ended += len;
                }
                Decision::GiveUp { .. } => ended += len,
            }
            prop_assert_eq!(policy.failures(), 0);
            (first_failure, attempts) = (None, 0);
        }
        prop_assert_eq!(ended + queue.iter().sum::<usize>(), pushed);
    }

    /// A destination that never recovers is called at a falling rate, and not for ever.
    #[test]
    fn a_dead_destination_is_not_called_in_a_busy_loop(seed: u64) {
        let mut policy = DeliveryPolicy::new(RetrySettings::new(), seed);
        let (mut now, mut attempts) = (Duration::ZERO, 1);
        while let Decision::RetryAt { at, .. } = policy.on_result(now, 1, retry(None)) {
            now = at;
            attempts += 1;
        }
        // Pauses average 15 s once at the cap: 5 minutes hold about 26 attempts.
        prop_assert!((10..80).contains(&attempts), "{} attempts", attempts);
        prop_assert!(now <= RetrySettings::new().max_elapsed);
    }
}
