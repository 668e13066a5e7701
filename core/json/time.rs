//! Timestamps in RFC 3339.

use jiff::Timestamp;

/// Writes nanoseconds since the Unix epoch as `2026-01-31T12:00:00.000000000Z`.
///
/// The part up to the second is kept from call to call: events come in order, and most share
/// their second with the one before.
#[derive(Debug, Default)]
pub struct TimestampText {
    second: Option<u64>,
    prefix: String,
}

impl TimestampText {
    /// Appends the timestamp, without quotes: 30 bytes.
    pub fn push(&mut self, out: &mut Vec<u8>, nanoseconds: u64) {
        let (second, mut fraction) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        if self.second != Some(second) {
            // 64 bits of nanoseconds end in the year 2554, well inside what jiff can express.
            let time = Timestamp::from_second(second as i64).unwrap_or(Timestamp::UNIX_EPOCH);
            self.prefix = time.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
            self.second = Some(second);
        }
        let mut tail = *b"000000000Z";
        for digit in tail[..9].iter_mut().rev() {
            *digit += (fraction % 10) as u8;
            fraction /= 10;
        }
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(&tail);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(formatter: &mut TimestampText, nanoseconds: u64) -> String {
        let mut out = Vec::new();
        formatter.push(&mut out, nanoseconds);
        String::from_utf8(out).unwrap()
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
