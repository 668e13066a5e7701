//! What tells a card number from any digits: looking closer at what a pattern found.

use std::net::Ipv6Addr;
use std::ops::Range;

/// A run of digits with single separators: masks the groups in it that are a card number. A number
/// begins and ends where a group does, and is not the decimals of another one.
pub fn card(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, byte) in text.as_bytes()[found.clone()].iter().enumerate() {
        let at = found.start + at;
        match groups.last_mut() {
            Some(group) if byte.is_ascii_digit() && group.end == at => group.end += 1,
            _ if byte.is_ascii_digit() => groups.push(at..at + 1),
            _ => {}
        }
    }
    let mut before = text.as_bytes()[..found.start].iter().rev();
    let is_decimals = before.next() == Some(&b'.') && before.next().is_some_and(u8::is_ascii_digit);
    let mut first = usize::from(is_decimals);
    while first < groups.len() {
        let (mut digits, mut len) = ([0; 19], 0);
        let mut end = None;
        for (index, group) in groups.iter().enumerate().skip(first) {
            if len + group.len() > digits.len() {
                break;
            }
            for byte in &text.as_bytes()[group.clone()] {
                digits[len] = byte - b'0';
                len += 1;
            }
            if is_card(&digits[..len]) {
                end = Some(index);
            }
        }
        if let Some(last) = end {
            spans.push(groups[first].start..groups[last].end);
            first = last;
        }
        first += 1;
    }
}

/// Whether digits are a card number: the right check digit, and an issuer's beginning and length.
pub fn is_card(digits: &[u8]) -> bool {
    if !(13..=19).contains(&digits.len()) || !luhn(digits) {
        return false;
    }
    let front = |len: usize| digits[..len].iter().fold(0u32, |number, digit| number * 10 + u32::from(*digit));
    match (front(1), front(2), digits.len()) {
        // Visa.
        (4, _, 13 | 16 | 19) => true,
        // Mastercard.
        (_, 51..=55, 16) => true,
        (2, _, 16) if (2221..=2720).contains(&front(4)) => true,
        // American Express.
        (_, 34 | 37, 15) => true,
        // Diners Club.
        (_, 30 | 36 | 38 | 39, 14..=19) => true,
        // JCB.
        (_, 35, 16..=19) => (3528..=3589).contains(&front(4)),
        // Discover, UnionPay, Maestro, RuPay.
        (5 | 6, 50 | 56..=69, 13..=19) => true,
        (_, 81, 16..=19) => true,
        _ => false,
    }
}

/// The check digit of ISO/IEC 7812.
pub fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (index, digit)| {
        let doubled = u32::from(*digit) * 2;
        sum + if index % 2 == 0 { u32::from(*digit) } else { doubled / 10 + doubled % 10 }
    });
    sum % 10 == 0
}

/// Two letters and two digits: masks the IBAN that begins with them, if it has its country's length
/// and the right check digits. Spaces and dashes may stand between its characters.
pub fn iban(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let country = [bytes[found.start].to_ascii_uppercase(), bytes[found.start + 1].to_ascii_uppercase()];
    let Ok(country) = IBAN_LENGTHS.binary_search_by(|(name, _)| name.as_bytes().cmp(&country[..])) else { return };
    if found.start.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric()) {
        return;
    }
    let len = usize::from(IBAN_LENGTHS[country].1);
    let (mut chars, mut count) = ([0; 34], 0);
    let mut at = found.start;
    while count < len {
        match bytes.get(at) {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                chars[count] = byte.to_ascii_uppercase();
                count += 1;
            }
            // One separator at a time.
            Some(b' ' | b'-') if bytes[at - 1].is_ascii_alphanumeric() => {}
            _ => return,
        }
        at += 1;
    }
    let rest = bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    // Letters count as 10 to 35, and the first four characters go to the end.
    let remainder = chars[4..len].iter().chain(&chars[..4]).fold(0u32, |remainder, char| match char {
        b'0'..=b'9' => (remainder * 10 + u32::from(char - b'0')) % 97,
        _ => (remainder * 100 + u32::from(char - b'A') + 10) % 97,
    });
    if !rest && remainder == 1 {
        spans.push(found.start..at);
    }
}

/// Lengths by country, from the IBAN registry of SWIFT (ISO 13616).
const IBAN_LENGTHS: [(&str, u8); 89] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// Numbers joined by dots: masks them all, if four in a row can be an address.
pub fn ipv4(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let mut in_a_row = 0;
    for number in text[found.clone()].split('.') {
        in_a_row = if number.len() <= 3 && number.parse::<u8>().is_ok() { in_a_row + 1 } else { 0 };
        if in_a_row == 4 {
            spans.push(found);
            return;
        }
    }
}

/// Groups of hexadecimal digits joined by colons: masks the addresses among them. One with `::` must
/// have a digit, since `a::b` is more often a path in a program.
pub fn ipv6(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let is_word = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut start = found.start;
    while start < found.end {
        // An address begins at the border of a group.
        let at_border = bytes[start] == b':' || start == 0 || !is_word(start - 1);
        let longest = (start..found.end.min(start + LONGEST_IPV6)).rev().map(|last| last + 1).find(|end| {
            let address = &text[start..*end];
            let ends_group = bytes[end - 1] == b':' || !is_word(*end);
            ends_group && address.parse::<Ipv6Addr>().is_ok() && address.bytes().any(|byte| byte.is_ascii_digit())
        });
        start = match longest.filter(|_| at_border) {
            Some(end) => {
                spans.push(start..end);
                end
            }
            None => start + 1,
        };
    }
}

/// As in `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
const LONGEST_IPV6: usize = 45;

/// A number of the North American or the international form: masks it if it has as many digits as
/// a telephone number can have (ITU-T E.164).
pub fn phone(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let digits = text[found.clone()].bytes().filter(u8::is_ascii_digit).count();
    if (7..=15).contains(&digits) {
        spans.push(found);
    }
}

/// Nine digits in groups of three, two and four: masks them unless no such number is ever given out
/// (Social Security Administration: no group of zeros, no 666, nothing from 900 on).
pub fn ssn(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let digits: u32 =
        text[found.clone()].bytes().filter(u8::is_ascii_digit).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let (area, group, serial) = (digits / 1_000_000, digits / 10_000 % 100, digits % 10_000);
    let bytes = text.as_bytes();
    let in_number = bytes.get(found.end).is_some_and(u8::is_ascii_digit);
    if !in_number && !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 {
        spans.push(found);
    }
}

/// What follows the word `bearer`: a token and not an English word.
pub fn bearer(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let token = &text[found.clone()];
    if token.len() >= 16 || !token.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        spans.push(found);
    }
}

/// What follows the word `basic`: a user and a password in base64, that is, something with a colon.
pub fn basic(text: &str, found: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let (mut bits, mut count) = (0u32, 0);
    for byte in text[found.clone()].bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            if (bits >> count) as u8 == b':' {
                spans.push(found);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(check: fn(&str, Range<usize>, &mut Vec<Range<usize>>), text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        check(text, 0..text.len(), &mut spans);
        spans.into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn countries_are_sorted_and_ibans_fit_their_buffer() {
        assert!(IBAN_LENGTHS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(IBAN_LENGTHS.iter().all(|(_, len)| (15..=34).contains(len)));
    }

    #[test]
    fn card_numbers_are_told_by_their_check_digit_and_issuer() {
        // Numbers that the networks publish for tests.
        for number in [
            "4111111111111111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "371449635398431",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
        ] {
            assert_eq!(masked(card, number), [number]);
            // One digit off, and none is left.
            let last = number.as_bytes()[number.len() - 1] - b'0';
            let wrong = format!("{}{}", &number[..number.len() - 1], (last + 1) % 10);
            assert!(masked(card, &wrong).is_empty(), "{wrong}");
        }
        assert!(masked(card, "1446249499322000").is_empty() && masked(card, "0000000000000000").is_empty());
    }

    #[test]
    fn a_card_number_is_found_between_other_groups_of_digits() {
        assert_eq!(
            masked(card, "12 4111 1111 1111 1111 17 5555-5555-5555-4444"),
            ["4111 1111 1111 1111", "5555-5555-5555-4444"]
        );
        assert_eq!(masked(card, "1234 4111111111111111 99"), ["4111111111111111"]);
    }

    #[test]
    fn ibans_are_told_by_their_length_and_check_digits() {
        let masked = |text| {
            let mut spans = Vec::new();
            iban(text, 0..4, &mut spans);
            spans.into_iter().map(|span| &text[span]).collect::<Vec<_>>()
        };
        // Examples of the registry.
        for text in
            ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "NO93 8601 1117 947", "de89370400440532013000"]
        {
            assert_eq!(masked(text), [text]);
        }
        assert_eq!(masked("DE89 3704 0044 0532 0130 00 and more"), ["DE89 3704 0044 0532 0130 00"]);
        for text in
            ["DE88370400440532013000", "DE89 3704 0044 0532 0130", "DE89370400440532013000X", "ZZ89370400440532013000"]
        {
            assert!(masked(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn addresses_are_told_from_times_versions_and_paths() {
        assert_eq!(masked(ipv4, "10.0.0.1"), ["10.0.0.1"]);
        assert_eq!(masked(ipv4, "1.10.0.0.1"), ["1.10.0.0.1"]);
        assert!(masked(ipv4, "32.0.1700.107").is_empty() && masked(ipv4, "256.1.1.1").is_empty());
        assert_eq!(masked(ipv6, "fe80::1"), ["fe80::1"]);
        assert_eq!(masked(ipv6, "::1"), ["::1"]);
        assert_eq!(masked(ipv6, "2001:db8:0:0:0:0:2:1"), ["2001:db8:0:0:0:0:2:1"]);
        assert_eq!(masked(ipv6, "0:0:0:0:0:0:0:0:2181"), ["0:0:0:0:0:0:0:0"]);
        assert_eq!(masked(ipv6, "::ffff:10.0.0.1"), ["::ffff:10.0.0.1"]);
        assert!(masked(ipv6, "dead::beef").is_empty() && masked(ipv6, "10:05:03").is_empty());
    }

    #[test]
    fn tokens_are_told_from_words() {
        assert_eq!(masked(bearer, "abc123"), ["abc123"]);
        assert!(masked(bearer, "authentication").is_empty());
        assert_eq!(masked(basic, "dXNlcjpwYXNz"), ["dXNlcjpwYXNz"]);
        assert!(masked(basic, "authentication").is_empty());
        assert_eq!(masked(ssn, "078-05-1120"), ["078-05-1120"]);
        assert!(masked(ssn, "000-05-1120").is_empty() && masked(ssn, "912-05-1120").is_empty());
    }
}
