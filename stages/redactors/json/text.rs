//! JSON strings: where they end, and what they say.

/// Where a string ends, behind its closing quote; `from` is behind the opening one.
pub fn string_end(json: &str, from: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// What a string says, given what is between its quotes; in `buffer` if it has escapes. Also
/// whether that is all: half of a surrogate pair becomes U+FFFD.
///
/// Made for checked JSON, it takes any text: what is no escape is kept as it is.
pub fn unescaped<'t>(inner: &'t str, buffer: &'t mut String) -> (&'t str, bool) {
    let Some(first) = memchr::memchr(b'\\', inner.as_bytes()) else { return (inner, true) };
    buffer.clear();
    let mut is_whole = true;
    let mut rest = inner;
    let mut next = Some(first);
    while let Some(at) = next {
        buffer.push_str(&rest[..at]);
        rest = &rest[at..];
        let (char, len) = escape(rest);
        is_whole &= char.is_some();
        buffer.push(char.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &rest[len..];
        next = memchr::memchr(b'\\', rest.as_bytes());
    }
    buffer.push_str(rest);
    (buffer, is_whole)
}

/// The escape at the front of a text, and its length; no character for half a surrogate pair.
fn escape(text: &str) -> (Option<char>, usize) {
    let char = match text.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'\\') => '\\',
        Some(b'u') => match (unit(text, 0), unit(text, 6)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                return (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12);
            }
            (Some(unit), _) => return (char::from_u32(unit), 6),
            (None, _) => return (Some('\\'), 1),
        },
        _ => return (Some('\\'), 1),
    };
    (Some(char), 2)
}

/// The number in the escape `\uXXXX` at an offset.
fn unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    // `from_str_radix` takes a sign as well.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_says_what_a_json_parser_reads(text in "(?s).{0,24}", escaped in any::<u64>()) {
            let mut json = String::from("\"");
            for (index, char) in text.chars().enumerate() {
                if escaped >> (index % 64) & 1 != 0 {
                    char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| json.push_str(&format!("\\u{unit:04X}")));
                } else {
                    let quoted = serde_json::to_string(&char).unwrap();
                    json.push_str(&quoted[1..quoted.len() - 1]);
                }
            }
            json.push('"');
            let read: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&read, &text);
            prop_assert_eq!(string_end(&format!("{json}, \"x\""), 1), Some(json.len()));
            let mut buffer = String::new();
            prop_assert_eq!(unescaped(&json[1..json.len() - 1], &mut buffer), (text.as_str(), true));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\\\u0-9a-fD\"é]{0,32}") {
            unescaped(&text, &mut String::new());
            string_end(&text, 0);
        }
    }

    #[test]
    fn halves_of_pairs_are_said() {
        for (inner, text) in [
            ("a\\ud83db", "a\u{fffd}b"),
            ("\\ude00\\ud83d", "\u{fffd}\u{fffd}"),
            ("\\ud83d\\ud83d\\ude00", "\u{fffd}\u{1f600}"),
        ] {
            assert_eq!(unescaped(inner, &mut String::new()), (text, false), "{inner}");
        }
        assert_eq!(unescaped("\\uD83D\\uDE00\\b\\f\\/", &mut String::new()), ("\u{1f600}\u{8}\u{c}/", true));
    }
}
