//! Times as other programs write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Smaller numbers are durations, counters, anything: no time of a log.
const FIRST_SECOND: u64 = 100_000_000;

/// Reads times that come one after the other: most are of the same minute as the one before.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// As it is written, up to the colon before the seconds.
    minute: [u8; MINUTE],
    /// When it began, in nanoseconds since 1970; nothing before the first.
    began: Option<u64>,
}

/// The length of `2026-01-02T03:04:`.
const MINUTE: usize = 17;

impl Times {
    /// As [`from_text`], in nanoseconds since 1970.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8]) -> Option<u64> {
        let Some((minute, rest)) = text.split_first_chunk() else { return self.read_first(text, None) };
        match (self.began, since_minute(rest)) {
            (Some(began), Some(after)) if self.minute == *minute => began.checked_add(after),
            (_, after) => self.read_first(text, after),
        }
    }

    #[inline(never)]
    fn read_first(&mut self, text: &[u8], after: Option<u64>) -> Option<u64> {
        let time = nanoseconds(from_text(std::str::from_utf8(text).ok()?)?);
        if let (Some((minute, _)), Some(after)) = (text.split_first_chunk(), after) {
            // Before 1970 there are no times.
            (self.minute, self.began) = (*minute, time.checked_sub(after));
        }
        Some(time)
    }
}

/// A time that was read here, in nanoseconds since 1970: none is outside of what they can say.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The nanoseconds since a minute began, from what is written behind it: `05Z`, `05.678Z`.
#[inline]
fn since_minute(text: &[u8]) -> Option<u64> {
    const UNITS: [u64; 10] = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let [tens @ b'0'..=b'5', ones @ b'0'..=b'9', rest @ .., b'Z'] = text else { return None };
    let seconds = u64::from(tens - b'0') * 10 + u64::from(ones - b'0');
    let [b'.', digits @ ..] = rest else { return rest.is_empty().then_some(seconds * UNITS[0]) };
    let unit = UNITS.get(digits.len()).filter(|_| !digits.is_empty())?;
    let mut fraction = 0;
    for digit in digits {
        fraction = fraction * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(seconds * UNITS[0] + fraction * unit)
}

/// The time that a text says: RFC 3339 and its relatives (a space for the `T`, a comma for the
/// point), in UTC where it names no zone; or a number, see [`from_number`].
pub(super) fn from_text(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if text.len() > 64 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return since_epoch(time);
    }
    // A date alone says too little.
    if let Ok(time) = text.parse::<DateTime>()
        && text.len() > "2026-01-02".len()
    {
        return since_epoch(TimeZone::UTC.to_timestamp(time).ok()?);
    }
    from_number(text)
}

/// The time that a number says: seconds, milliseconds, microseconds or nanoseconds since 1970, told
/// apart by size. Seconds reach to the year 5138 by this, milliseconds begin in 1973.
pub(super) fn from_number(text: &str) -> Option<SystemTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let number: u64 = whole.parse().ok()?;
    if number < FIRST_SECOND {
        return None;
    }
    let per_second = match number / 100_000_000_000 {
        0 => 1,
        1..1_000 => 1_000,
        1_000..1_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    let nanos_per_unit = 1_000_000_000 / per_second;
    let mut nanos = number % per_second * nanos_per_unit;
    let mut digit_nanos = nanos_per_unit;
    for digit in fraction.bytes() {
        digit_nanos /= 10;
        nanos += u64::from(digit - b'0') * digit_nanos;
    }
    within(UNIX_EPOCH + Duration::new(number / per_second, nanos as u32))
}

fn since_epoch(time: Timestamp) -> Option<SystemTime> {
    let nanos = u64::try_from(time.as_nanosecond()).ok()?;
    Some(UNIX_EPOCH + Duration::from_nanos(nanos))
}

/// What an event can carry: 1970 to 2554. Another time would be another time when it came out.
fn within(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).is_ok().then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(time: Option<SystemTime>) -> Option<u128> {
        time.map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_nanos())
    }

    #[test]
    fn texts_are_read_in_the_forms_that_logs_have() {
        for (text, expected) in [
            ("2015-10-30T23:58:19.322Z", 1_446_249_499_322_000_000),
            ("2015-10-31T01:58:19.322+02:00", 1_446_249_499_322_000_000),
            ("2015-10-30 23:58:19.322Z", 1_446_249_499_322_000_000),
            ("2015-10-30 23:58:19,322", 1_446_249_499_322_000_000),
            ("2015-10-30T23:58:19", 1_446_249_499_000_000_000),
            ("1970-01-01T00:00:00.000000001Z", 1),
            ("1446249499", 1_446_249_499_000_000_000),
            ("1446249499.5", 1_446_249_499_500_000_000),
        ] {
            assert_eq!(nanos(from_text(text)), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "2015-10-30", "12:00:00", "1960-01-01T00:00:00Z", "3000-01-01T00:00:00Z", "17"] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_told_apart_by_their_size_and_small_ones_are_no_times() {
        for text in ["1446249499", "1446249499000", "1446249499000000", "1446249499000000000", "1446249499.000"] {
            assert_eq!(nanos(from_number(text)), Some(1_446_249_499_000_000_000), "{text}");
        }
        assert_eq!(nanos(from_number("1446249499322.25")), Some(1_446_249_499_322_250_000));
        for text in ["0", "0.5", "99999999", "-1446249499", "1e9", ".5", "20000000000000000000", "x"] {
            assert_eq!(from_number(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_engine_writes_is_read_back(nanoseconds in any::<u64>()) {
            let time = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
            let text = Timestamp::try_from(time).unwrap().to_string();
            prop_assert_eq!(nanos(from_text(&text)), Some(u128::from(nanoseconds)));
        }

        #[test]
        fn times_in_a_row_are_read_as_each_alone(
            texts in prop::collection::vec("(2026-01-02T03:0[4-5]:|1969-12-31T23:59:|2026-13-02T03:04:|2554-07-21T23:34:|0[0-9]){1}[0-6][0-9]([.][0-9]{0,10})?[Zz]?", 0..30),
        ) {
            let mut times = Times::default();
            for text in texts {
                prop_assert_eq!(times.read(text.as_bytes()), from_text(&text).map(nanoseconds), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:.,+ -]{0,40}") {
            let _ = (from_text(&text), from_number(&text));
        }
    }
}
