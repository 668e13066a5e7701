//! Durations and sizes as people write them.

use std::time::Duration;

/// Units of time and how many nanoseconds they have.
const TIMES: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// Units of size and how many bytes they have. MB and MiB are the same.
const SIZES: [(&str, u64); 13] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1 << 40),
    ("tib", 1 << 40),
];

/// What a duration may look like, for errors.
pub const DURATION_FORM: &str = "a duration like \"50ms\", \"5s\", \"1m\" or \"1h30m\", or a number of seconds";
/// What a size may look like, for errors.
pub const SIZE_FORM: &str = "a size like \"64 KiB\" or \"10 MB\", or a number of bytes";

/// Reads a duration: one or more numbers, each with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`),
/// or a single number of seconds. Numbers may have decimals: `"1.5s"`. What is finer than a
/// nanosecond is cut off. `None` for anything else, and beyond 584 years.
///
/// ```
/// use logwheel_cli::settings::units::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("250us"), Some(Duration::from_micros(250)));
/// assert_eq!(parse_duration("1h 30m"), Some(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("0.5"), Some(Duration::from_millis(500)));
/// assert_eq!(parse_duration("soon"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let (mut total, mut parts) = (0u128, 0);
    while !rest.is_empty() {
        let (number, behind) = Decimal::read(rest)?;
        let behind = behind.trim_start();
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.' || c.is_whitespace()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let nanos = match unit {
            "" if parts == 0 && behind.is_empty() => 1_000_000_000,
            unit => unit_of(unit, &TIMES)?,
        };
        total = total.checked_add(number.times(nanos)?)?;
        parts += 1;
        rest = behind.trim_start();
    }
    let nanos = u64::try_from(total).ok()?;
    (parts > 0).then(|| Duration::from_nanos(nanos))
}

/// Reads a size: a number with a unit (`B`, `KB`, `MB`, `GB`, `TB`, with or without the `i` and
/// the `B`, in any case), or a plain number of bytes. A kilobyte has 1,024 bytes, a megabyte
/// 1,048,576. Numbers may have decimals: `"1.5 MB"`; parts of a byte are cut off. `None` for
/// anything else, and beyond 64 bits.
///
/// ```
/// use logwheel_cli::settings::units::parse_size;
///
/// assert_eq!(parse_size("10 MB"), Some(10 * 1_048_576));
/// assert_eq!(parse_size("64KiB"), Some(65_536));
/// assert_eq!(parse_size("512"), Some(512));
/// assert_eq!(parse_size("-1"), None);
/// ```
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = Decimal::read(text.trim())?;
    let bytes = match unit.trim_start() {
        "" => 1,
        unit => unit_of(&unit.to_ascii_lowercase(), &SIZES)?,
    };
    u64::try_from(number.times(bytes)?).ok()
}

fn unit_of(unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

/// A number as it was written, so that `0.1` is a tenth and not nearly one.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: u128,
    /// How many of the digits stand behind the point.
    decimals: u32,
}

impl Decimal {
    /// More decimals say nothing about a nanosecond of a day.
    const MAX_DECIMALS: u32 = 14;

    /// Reads a number and returns what stands behind it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let (mut number, mut seen, mut point) = (Self { digits: 0, decimals: 0 }, 0, false);
        for (at, c) in text.char_indices() {
            match c {
                '0'..='9' if point && number.decimals == Self::MAX_DECIMALS => {}
                '0'..='9' => {
                    let digit = u128::from(c as u8 - b'0');
                    number.digits = number.digits.checked_mul(10)?.checked_add(digit)?;
                    number.decimals += u32::from(point);
                    seen += 1;
                }
                '_' if seen > 0 => {}
                '.' if !point && seen > 0 => point = true,
                _ if seen > 0 => return Some((number, &text[at..])),
                _ => return None,
            }
        }
        (seen > 0).then_some((number, ""))
    }

    fn times(self, factor: u64) -> Option<u128> {
        Some(self.digits.checked_mul(u128::from(factor))? / 10u128.pow(self.decimals))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, nanos) in [
            ("0s", 0),
            ("0", 0),
            ("1ns", 1),
            ("250us", 250_000),
            ("250µs", 250_000),
            ("50ms", 50_000_000),
            ("5s", 5_000_000_000),
            (" 5 s ", 5_000_000_000),
            ("5", 5_000_000_000),
            ("1m", 60_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1d 2h", 93_600_000_000_000),
            ("0.1s", 100_000_000),
            ("1.5", 1_500_000_000),
            ("1_000ms", 1_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", " ", "s", "5 parsecs", "-5s", "5s 3", "1.2.3s", "5S", ".5s", "1e3s", "99999999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_as_written_and_mega_is_a_power_of_two() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512 B", 512),
            ("64 KiB", 65_536),
            ("64kb", 65_536),
            ("1 MB", 1_048_576),
            ("1MiB", 1_048_576),
            ("10 m", 10_485_760),
            ("1.5 MB", 1_572_864),
            ("1 GB", 1 << 30),
            ("2 TiB", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "MB", "10 XB", "-1", "1 MB 2", "1.2.3", "99999999999999999999", "17000000 TB"] {
            assert_eq!(parse_size(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_in_any_unit_is_read_back(count in 0u64..1_000_000, unit in 0..TIMES.len(), space in " ?") {
            let (name, nanos) = TIMES[unit];
            let expected = count.checked_mul(nanos).map(Duration::from_nanos);
            prop_assert_eq!(parse_duration(&format!("{count}{space}{name}")), expected);
        }

        #[test]
        fn a_duration_in_all_its_parts_is_read_back(nanos in any::<u64>()) {
            let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            let (days, clock) = (seconds / 86_400, seconds % 86_400);
            let text = format!("{days}d{}h {}m{}.{fraction:09}s", clock / 3_600, clock / 60 % 60, clock % 60);
            prop_assert_eq!(parse_duration(&text), Some(Duration::from_nanos(nanos)));
        }

        #[test]
        fn a_size_in_any_unit_and_case_is_read_back(count in 0u64..1_000_000, unit in 0..SIZES.len(), upper: bool) {
            let (name, bytes) = SIZES[unit];
            let name = if upper { name.to_ascii_uppercase() } else { name.to_owned() };
            prop_assert_eq!(parse_size(&format!("{count} {name}")), count.checked_mul(bytes));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9. _a-zA-Zµé-]{0,40}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
