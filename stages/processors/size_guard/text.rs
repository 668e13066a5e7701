//! Cutting what stands between the quotes of a JSON string.

use memchr::memrchr;

/// What a text that was cut ends with.
pub const SUFFIX: &str = "...[truncated]";

/// The longest beginning of at most `max` bytes that does not end inside a character or an escape.
pub fn boundary(text: &str, max: usize) -> usize {
    if max >= text.len() {
        return text.len();
    }
    let bytes = text.as_bytes();
    let mut at = last_escape(&bytes[..max]);
    // From escape to escape; one that does not fit ends it.
    while let Some(plain) = bytes[at..max].iter().position(|byte| *byte == b'\\') {
        let escape = at + plain;
        at = escape + escape_len(&bytes[escape..]);
        if at > max {
            return escape;
        }
    }
    text.floor_char_boundary(max)
}

/// Where an escape begins, near the end and certainly whole; the beginning if there is none.
///
/// The first of several backslashes in a row always begins one: nothing before it escapes it. But
/// it may be the second half of a surrogate pair, and then one further in front is looked for.
fn last_escape(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while let Some(last) = memrchr(b'\\', &bytes[..end]) {
        let first = bytes[..last].iter().rposition(|byte| *byte != b'\\').map_or(0, |before| before + 1);
        let before = &bytes[first.saturating_sub(6)..first];
        if !matches!(before, [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', _, _]) {
            return first;
        }
        end = first;
    }
    0
}

/// How many bytes the first `count` characters take.
pub fn prefix(text: &str, count: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    for _ in 0..count {
        at += match bytes.get(at) {
            None => break,
            Some(b'\\') => escape_len(&bytes[at..]),
            Some(_) => text[at..].chars().next().map_or(0, char::len_utf8),
        };
    }
    at.min(text.len())
}

/// The length of the escape with which the bytes begin: two escapes of a surrogate pair are one.
fn escape_len(bytes: &[u8]) -> usize {
    match bytes {
        [
            b'\\',
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a' | b'b' | b'A' | b'B',
            _,
            _,
            b'\\',
            b'u',
            b'd' | b'D',
            b'c'..=b'f' | b'C'..=b'F',
            ..,
        ] => 12,
        [b'\\', b'u', ..] => 6,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_and_characters_stay_whole() {
        let text = r"aé\n\ud83d\ude00\u00e9z\\n";
        let whole = [0, 1, 3, 5, 17, 23, 24, 26, 27];
        for max in 0..=text.len() + 3 {
            let expected = whole.iter().rfind(|at| **at <= max).unwrap();
            assert_eq!(boundary(text, max), *expected, "{max}");
        }
        for (count, expected) in whole.iter().enumerate() {
            assert_eq!(prefix(text, count), *expected, "{count}");
        }
        assert_eq!(prefix(text, 100), text.len());
    }

    #[test]
    fn a_high_surrogate_alone_is_one_escape() {
        assert_eq!(boundary(r"\ud83d\u0041", 8), 6);
        assert_eq!(boundary(r"\ud83dx", 6), 6);
    }

    proptest! {
        /// Looked for from the end, it is found where going through from the beginning finds it.
        #[test]
        fn the_boundary_is_the_last_one_that_fits(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "é", "😀", r"\n", r"\\", r"\u00e9", r"\ud83d\ude00", r"\ud83d", r"\ude00", "ud83d", r"\\ud83d",
                ]),
                0..30,
            ),
            max in 0..160usize,
        ) {
            let text = pieces.concat();
            let mut at = 0;
            while at < text.len() {
                let next = at + prefix(&text[at..], 1);
                if next > max {
                    break;
                }
                at = next;
            }
            prop_assert_eq!(boundary(&text, max), at, "{}", text);
        }

        #[test]
        fn what_is_cut_is_still_a_string(text in "(?s)([a-z\"\\\\\n\u{e9}\u{1f600}\u{1}]|\\PC){0,40}", max in 0..200usize) {
            let json = serde_json::to_string(&text).unwrap();
            let inner = &json[1..json.len() - 1];
            let at = boundary(inner, max);
            prop_assert!(at <= max);
            let back: String = serde_json::from_str(&format!("\"{}\"", &inner[..at])).unwrap();
            prop_assert!(text.starts_with(&back));
            // No character more would have fitted.
            let next = prefix(inner, back.chars().count() + 1);
            prop_assert!(next > max || at == inner.len(), "{} {} {}", inner, at, next);
        }
    }
}
