//! Timestamps in RFC 3339.

use jiff::Timestamp;

/// Writes nanoseconds since the Unix epoch as `2026-01-31T12:00:00.000000000Z`.
///
/// The part up to the second is kept from call to call: events come in order, and most share
/// their second with the one before.
#[derive(Debug)]
pub struct TimestampText {
    second: u64,
    text: [u8; 30],
}

impl Default for TimestampText {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000000000Z" }
    }
}

impl TimestampText {
    /// The length of the text.
    pub const LEN: usize = 30;

    /// The text of a timestamp, without quotes.
    #[inline]
    pub fn at(&mut self, nanoseconds: u64) -> &[u8; Self::LEN] {
        let (second, fraction) = (nanoseconds / 1_000_000_000, (nanoseconds % 1_000_000_000) as u32);
        if self.second != second {
            self.set_second(second);
        }
        // Three independent groups of three digits.
        for (at, group) in [(20, fraction / 1_000_000), (23, fraction / 1_000 % 1_000), (26, fraction % 1_000)] {
            let digits = [group / 100, group / 10 % 10, group % 10];
            self.text[at..at + 3].copy_from_slice(&digits.map(|digit| b'0' + digit as u8));
        }
        &self.text
    }

    #[cold]
    fn set_second(&mut self, second: u64) {
        // 64 bits of nanoseconds end in the year 2554, well inside what jiff can express.
        let time = Timestamp::from_second(second as i64).unwrap_or(Timestamp::UNIX_EPOCH);
        let prefix = time.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
        self.text[..20].copy_from_slice(&prefix.as_bytes()[..20]);
        self.second = second;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(formatter: &mut TimestampText, nanoseconds: u64) -> String {
        str::from_utf8(formatter.at(nanoseconds)).unwrap().to_owned()
    }

    #[test]
    fn the_epoch_and_the_last_instant_are_written() {
        let mut formatter = TimestampText::default();
        assert_eq!(text(&mut formatter, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(text(&mut formatter, 1_000_000_001), "1970-01-01T00:00:01.000000001Z");
        assert_eq!(text(&mut formatter, u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(times in prop::collection::vec(any::<u64>(), 1..4)) {
            let mut formatter = TimestampText::default();
            for nanoseconds in times {
                let back: Timestamp = text(&mut formatter, nanoseconds).parse().unwrap();
                prop_assert_eq!(back.as_nanosecond(), i128::from(nanoseconds));
            }
        }
    }
}
