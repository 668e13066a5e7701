//! `trace_sampling`: keeps the same traces in every process.

use logwheel_core::{Enrichment, Event, Filter, Level, StageError, Value, Verdict};

use super::level_set::LevelSet;
use crate::InvalidOption;
use crate::option::require_rate;
use crate::path::{FieldPath, Located};
use crate::random::Random;

/// Keeps all events of a share of the traces, and none of the others.
///
/// The decision depends on the trace id and the rate alone, so all processes that sample at the same
/// rate keep the same traces, and one with a higher rate keeps those of a lower one and more. It is
/// the consistent probability sampling of OpenTelemetry ("TraceState: Probability Sampling"), which
/// builds on the random trace ids of W3C Trace Context level 2: the last 7 bytes of the id, as a
/// number *R* of 56 bits, are compared with the threshold *T* = (1 − `sample_rate`) × 2⁵⁶, and the
/// trace is kept if *R* ≥ *T*. So logs agree with spans that were sampled so at the same rate;
/// [`threshold`](Self::threshold) gives *T* as the `th` value of such a tracer.
///
/// The id is, in this order,
/// - the trace id of the event's own context, captured where it was logged;
/// - the value at `trace_id_field` (a name or dotted path, also inside the fields `context` and
///   `data` of an event in the envelope of version 1.1). Text of 32 hexadecimal digits is a trace
///   id like the above. Any other text (a request id, a UUID with dashes), and a number as its
///   decimal digits, is hashed: *R* is the lower 56 bits of `fmix64(fnv1a64(text))`, FNV-1a of 64
///   bits over the UTF-8 bytes followed by the finalizer of MurmurHash3. This will not change.
///
/// Without an id, an event is kept with probability `sample_rate`, independently of others.
///
/// ```
/// use logwheel_stages::TraceSampling;
///
/// let sampling = TraceSampling::builder().sample_rate(0.25).trace_id_field("request.id").build()?;
/// assert_eq!(sampling.threshold(), "c");
/// # Ok::<(), logwheel_stages::InvalidOption>(())
/// ```
#[derive(Debug)]
pub struct TraceSampling {
    sample_rate: f64,
    threshold: u64,
    trace_id_field: FieldPath,
    always_pass_levels: LevelSet,
    random: Random,
    scratch: String,
}

/// The options of [`TraceSampling`].
#[derive(Debug, Clone)]
#[must_use]
pub struct TraceSamplingBuilder {
    sample_rate: f64,
    trace_id_field: String,
    always_pass_levels: LevelSet,
    seed: Option<u64>,
}

/// 2^56: one more than the greatest randomness.
const RANGE: u64 = 1 << 56;

impl TraceSampling {
    /// Keeps one trace in ten.
    pub fn builder() -> TraceSamplingBuilder {
        TraceSamplingBuilder {
            sample_rate: 0.1,
            trace_id_field: "trace_id".to_owned(),
            always_pass_levels: LevelSet::protected(),
            seed: None,
        }
    }

    /// The rejection threshold as in the `th` member of OpenTelemetry's trace state: up to 14
    /// hexadecimal digits without trailing zeros, `0` where everything is kept. Empty where
    /// nothing is, for which `th` has no value.
    #[must_use]
    pub fn threshold(&self) -> String {
        match self.threshold {
            0 => "0".to_owned(),
            RANGE => String::new(),
            threshold => format!("{threshold:014x}").trim_end_matches('0').to_owned(),
        }
    }

    /// The 56 random bits of the trace an event belongs to.
    fn randomness(&mut self, event: &Event<'_>) -> Option<u64> {
        if let Some(trace) = event.trace() {
            return Some(u128::from_be_bytes(trace.trace_id) as u64 % RANGE);
        }
        let located = self.trace_id_field.locate_in_envelope(event)?;
        let text = match located {
            Located::Level(level) => level.name(),
            located => match located.value(&mut self.scratch) {
                Value::Str(text) => text,
                Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?,
                Value::U64(number) => return Some(hash(itoa::Buffer::new().format(number))),
                Value::I64(number) => return Some(hash(itoa::Buffer::new().format(number))),
                Value::U128(number) => return Some(hash(itoa::Buffer::new().format(number))),
                Value::I128(number) => return Some(hash(itoa::Buffer::new().format(number))),
                _ => return None,
            },
        };
        match text {
            "" => None,
            text => Some(trace_id(text).map_or_else(|| hash(text), |id| id as u64 % RANGE)),
        }
    }
}

/// A text of 32 hexadecimal digits, in any case.
fn trace_id(text: &str) -> Option<u128> {
    let is_hex = text.len() == 32 && text.bytes().all(|c| c.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// `fmix64(fnv1a64(text))`, the lower 56 bits. Part of the documented contract: never to be changed.
fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (mixed ^ (mixed >> 33)) % RANGE
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl TraceSamplingBuilder {
    /// The share of traces to keep, 0 to 1; 0.1 by default.
    pub fn sample_rate(mut self, sample_rate: f64) -> Self {
        self.sample_rate = sample_rate;
        self
    }

    /// Where the id is in events without a trace context; `trace_id` by default.
    pub fn trace_id_field(mut self, path: impl Into<String>) -> Self {
        self.trace_id_field = path.into();
        self
    }

    /// Levels whose events are kept whatever their trace; by default error, critical, audit and
    /// security.
    pub fn always_pass_levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.always_pass_levels = levels.into_iter().collect();
        self
    }

    /// Where the decisions on events without an id start from; by default they differ from run
    /// to run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The filter.
    ///
    /// # Errors
    /// When `sample_rate` is not 0 to 1, or `trace_id_field` is no path.
    pub fn build(self) -> Result<TraceSampling, InvalidOption> {
        require_rate("sample_rate", self.sample_rate)?;
        let trace_id_field = FieldPath::parse(&self.trace_id_field).ok_or_else(|| {
            InvalidOption::new("trace_id_field", format_args!("{:?}", self.trace_id_field), FieldPath::ALLOWED)
        })?;
        Ok(TraceSampling {
            sample_rate: self.sample_rate,
            threshold: ((1.0 - self.sample_rate) * RANGE as f64).round() as u64,
            trace_id_field,
            always_pass_levels: self.always_pass_levels,
            random: Random::new(self.seed),
            scratch: String::new(),
        })
    }
}

impl Filter for TraceSampling {
    fn name(&self) -> &str {
        "trace_sampling"
    }

    fn replicate(&self) -> Option<Box<dyn Filter>> {
        Some(Box::new(Self {
            trace_id_field: self.trace_id_field.clone(),
            random: self.random.fork(),
            scratch: String::new(),
            ..*self
        }))
    }

    fn filter(&mut self, event: &mut Enrichment<'_, '_>) -> Result<Verdict, StageError> {
        let keeps = self.always_pass_levels.contains(event.level())
            || match self.randomness(event) {
                Some(randomness) => randomness >= self.threshold,
                None => self.random.chance(self.sample_rate),
            };
        Ok(if keeps { Verdict::Keep } else { Verdict::Drop })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::support::{TestEvent, keeps};

    fn at(sample_rate: f64) -> TraceSampling {
        TraceSampling::builder().sample_rate(sample_rate).seed(5).build().unwrap()
    }

    /// A spread of ids, the same in each run.
    fn id(n: u64) -> u128 {
        let mut random = Random::new(Some(n));
        (0..128).fold(1, |id, _| id << 1 | u128::from(random.chance(0.5)))
    }

    #[test]
    fn story_5_3_trace_sampling_keeps_its_share_of_traces_and_all_or_nothing_of_each() {
        for rate in [0.01, 0.1, 0.5] {
            let mut filter = at(rate);
            let n = 20_000u64;
            let mut kept = 0.0;
            for n in 0..n {
                let decisions: Vec<bool> =
                    (0..3).map(|_| keeps(&mut filter, &TestEvent::new("m").trace(id(n)))).collect();
                assert!(decisions.iter().all(|keeps| *keeps == decisions[0]));
                kept += f64::from(u8::from(decisions[0]));
            }
            let deviation = (n as f64 * rate * (1.0 - rate)).sqrt();
            assert!((kept - n as f64 * rate).abs() < 5.0 * deviation, "{kept} of {n} at {rate}");
        }
    }

    #[test]
    fn story_5_3_trace_sampling_takes_the_id_from_the_events_own_trace_a_field_or_the_v1_1_context() {
        let mut filter = at(0.3);
        for n in 0..500 {
            let id = id(n);
            let expected = keeps(&mut filter, &TestEvent::new("m").trace(id));
            let text = format!("{id:032x}");
            let json = format!("{{\"trace_id\":\"{text}\"}}");
            for event in [
                TestEvent::new("m").field("trace_id", Value::Str(&text)),
                TestEvent::new("m").scoped("trace_id", Value::Str(&text.to_uppercase())),
                TestEvent::new("m").field("context", Value::Json(&json)),
                TestEvent::new("m").field("data", Value::Json(&json)),
                // The event's own trace goes before a field.
                TestEvent::new("m").trace(id).field("trace_id", Value::Str("other")),
            ] {
                assert_eq!(keeps(&mut filter, &event), expected, "{text}: {event:?}");
            }
        }
    }

    #[test]
    fn story_5_3_trace_sampling_hashes_other_ids_evenly() {
        let mut filter = TraceSampling::builder().sample_rate(0.2).trace_id_field("request.id").build().unwrap();
        let mut kept = 0.0;
        for n in 0..20_000 {
            // Ids that differ in their last digits only.
            let json = format!("{{\"id\":\"req-2024-{n:08}\"}}");
            kept += f64::from(u8::from(keeps(&mut filter, &TestEvent::new("m").field("request", Value::Json(&json)))));
        }
        assert!((kept - 4_000.0f64).abs() < 5.0 * (20_000.0f64 * 0.2 * 0.8).sqrt(), "{kept}");
        let number = |value| TestEvent::new("m").field("request.id", value);
        let of_text = keeps(&mut filter, &number(Value::Str("12345")));
        for value in [Value::U64(12_345), Value::I64(12_345), Value::U128(12_345), Value::I128(12_345)] {
            assert_eq!(keeps(&mut filter, &number(value)), of_text);
        }
    }

    #[test]
    fn the_hash_is_the_documented_one() {
        // FNV-1a's own test vectors: "" and "a" and "foobar"; then the finalizer, computed apart.
        let fnv =
            |text: &str| text.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        assert_eq!(["", "a", "foobar"].map(fnv), [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]);
        assert_eq!(["a", "foobar"].map(hash), PINNED);
    }

    /// Other processes, of other versions and in other languages, rely on these.
    const PINNED: [u64; 2] = [45785144497196635, 9597951115618091];

    #[test]
    fn events_without_an_id_are_sampled_by_chance_and_reproducibly() {
        let event = TestEvent::new("m").field("trace_id", Value::Str(""));
        let decide = |mut filter: TraceSampling| (0..20_000).map(|_| keeps(&mut filter, &event)).collect::<Vec<_>>();
        let decisions = decide(at(0.1));
        let kept = decisions.iter().filter(|keeps| **keeps).count() as f64;
        assert!((kept - 2_000.0).abs() < 5.0 * (20_000.0f64 * 0.09).sqrt(), "{kept}");
        assert_eq!(decisions, decide(at(0.1)));
    }

    #[test]
    fn story_5_3_trace_sampling_always_passes_errors_and_what_must_be_kept() {
        let mut filter = at(0.0);
        for (level, passes) in
            [(Level::ERROR, true), (Level::CRITICAL, true), (Level::AUDIT, true), (Level::WARN, false)]
        {
            assert_eq!(keeps(&mut filter, &TestEvent::new("m").trace(u128::MAX).level(level)), passes, "{level}");
        }
        assert!(keeps(&mut at(1.0), &TestEvent::new("m").trace(1 << 100)));
    }

    #[test]
    fn story_5_3_trace_sampling_compares_the_last_seven_bytes_with_the_w3c_style_threshold() {
        // Examples of the specification: half of all traces have the threshold 8, a quarter c.
        for (rate, th) in [(1.0, "0"), (0.5, "8"), (0.25, "c"), (1.0 / 16.0, "f"), (0.0, "")] {
            assert_eq!(at(rate).threshold(), th);
        }
        let border = 0x00ff_ffff_ffff_ffff_u128 - ((1u128 << 54) - 1);
        let high_bits = 0x00de_adbe_efde_adbe_efde_u128 << 56;
        assert!(keeps(&mut at(0.25), &TestEvent::new("m").trace(high_bits | border)));
        assert!(!keeps(&mut at(0.25), &TestEvent::new("m").trace(high_bits | (border - 1))));
    }

    #[test]
    fn options_outside_their_ranges_are_refused_by_name() {
        assert_eq!(TraceSampling::builder().sample_rate(2.0).build().unwrap_err().option(), "sample_rate");
        let error = TraceSampling::builder().trace_id_field("a..b").build().unwrap_err();
        assert_eq!((error.option(), error.value()), ("trace_id_field", "\"a..b\""));
    }

    proptest! {
        #[test]
        fn a_higher_rate_keeps_all_that_a_lower_one_keeps(
            id in any::<u128>(), text in ".{1,20}", rates in (0.0f64..=1.0, 0.0f64..=1.0)
        ) {
            let (mut lower, mut higher) = (at(rates.0.min(rates.1)), at(rates.0.max(rates.1)));
            for event in [TestEvent::new("m").trace(id), TestEvent::new("m").field("trace_id", Value::Str(&text))] {
                prop_assert!(!keeps(&mut lower, &event) || keeps(&mut higher, &event));
                let mut replica = lower.replicate().unwrap();
                prop_assert_eq!(keeps(&mut lower, &event), keeps(&mut *replica, &event));
            }
        }
    }
}
