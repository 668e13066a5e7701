//! Digits of numbers of a known size, made side by side in one word.

/// The digits of a number that has at most eight, a byte for each, the first one in the lowest.
#[inline]
pub(super) fn eight_digits(number: u32) -> u64 {
    // Halves, then quarters: each part is divided by a multiplication, beside the others in one word.
    let (high, low) = (u64::from(number / 10_000), u64::from(number % 10_000));
    let fours = high | (low << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// The nine digits of a number below a thousand million, as text.
#[inline]
pub(super) fn nine_digits(number: u32) -> [u8; 9] {
    let (first, others) = (number / 100_000_000, eight_digits(number % 100_000_000));
    let mut text = [b'0' + first as u8; 9];
    text[1..].copy_from_slice(&(others | u64::from_ne_bytes([b'0'; 8])).to_le_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fours_are_divided_rightly() {
        for number in (0..10_000).chain((0..10_000).map(|four| four * 10_000 + 9_999)) {
            let digits = eight_digits(number).to_le_bytes().map(|digit| digit + b'0');
            assert_eq!(std::str::from_utf8(&digits).unwrap(), format!("{number:08}"));
        }
    }

    #[test]
    fn nine_digits_are_those_that_formatting_writes() {
        for number in (0..1_000_000_000).step_by(99_991).chain([0, 9, 99_999_999, 100_000_000, 999_999_999]) {
            assert_eq!(std::str::from_utf8(&nine_digits(number)).unwrap(), format!("{number:09}"));
        }
    }
}
