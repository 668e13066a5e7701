//! Timestamps in RFC 3339.

use jiff::Timestamp;

/// The last second and its text, `2026-01-31T12:00:00`: events come in order, and most share their
/// second with the one before.
#[derive(Debug)]
pub(super) struct SecondText {
    second: u64,
    text: [u8; Self::LEN],
}

impl Default for SecondText {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00" }
    }
}

impl SecondText {
    pub(super) const LEN: usize = 19;

    /// Whether it is the text of this second since the Unix epoch.
    fn is_of(&self, second: u64) -> bool {
        self.second == second
    }

    pub(super) fn of(&mut self, second: u64) -> &[u8; Self::LEN] {
        if !self.is_of(second) {
            // 64 bits of nanoseconds end in the year 2554, well inside what jiff can express.
            let time = Timestamp::from_second(second as i64).unwrap_or(Timestamp::UNIX_EPOCH);
            let text = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.text.copy_from_slice(&text.as_bytes()[..Self::LEN]);
            self.second = second;
        }
        &self.text
    }
}
