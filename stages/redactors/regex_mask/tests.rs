use logwheel_core::{Level, Value};

use super::*;
use crate::testing::{fields, with_event};

fn masked(mask: &RegexMask, value: Value<'_>) -> String {
    let mut mask = mask.clone();
    with_event(Level::INFO, &[("f", value)], |event| {
        mask.redact(event).unwrap();
        fields(event).remove(0)
    })
}

#[test]
fn all_patterns_are_masked_and_overlapping_matches_once() {
    let mask = RegexMask::new(["aa+", "ab", "b+c", "x"]).unwrap();
    for (text, expected) in [
        ("none", "none"),
        ("1aaa2aa3", "1***2***3"),
        ("aab bbc ab", "*** *** ***"),
        ("aaabbbc", "***"),
        ("x", "***"),
        ("éxé", "é***é"),
    ] {
        assert_eq!(masked(&mask, Value::Str(text)), format!("f={:?}", Value::Str(expected)), "{text}");
    }
    assert_eq!(masked(&RegexMask::new([""; 0]).unwrap(), Value::Str("x")), "f=Str(\"x\")");
}

#[test]
fn a_group_named_secret_is_all_that_is_masked() {
    let mask = RegexMask::new(["pin=(?<secret>[0-9]+)|code:[0-9]+"]).unwrap();
    assert_eq!(masked(&mask, Value::Str("pin=12 code:34 pin=")), "f=Str(\"pin=*** *** pin=\")");
}

#[test]
fn masks_can_say_which_pattern_it_was() {
    let mask = RegexMask::named([("ssn", "[0-9]{3}-[0-9]{2}"), ("word", "secret")]).unwrap().mask("<{name}>");
    assert_eq!(masked(&mask, Value::Str("a secret 123-45")), "f=Str(\"a <word> <ssn>\")");
    assert_eq!(masked(&mask, Value::Json("{")), "f=Str(\"<>\")", "no pattern masks all of it");
    let numbered = RegexMask::new(["a", "b"]).unwrap().mask("[{name}]");
    assert_eq!(masked(&numbered, Value::Str("ab")), "f=Str(\"[0][1]\")");
}

#[test]
fn numbers_are_looked_at_on_request() {
    let plain = RegexMask::new(["^4[0-9]{3}$"]).unwrap();
    let numbers = plain.clone().numbers(true);
    for value in [Value::U64(4111), Value::I64(4111), Value::U128(4111)] {
        assert_eq!(masked(&plain, value), format!("f={value:?}"));
        assert_eq!(masked(&numbers, value), "f=Str(\"***\")");
        assert_eq!(masked(&numbers, Value::I64(41110)), "f=I64(41110)");
    }
    let json = Value::Json("[4111,41.11,4e1,\"4111\"]");
    assert_eq!(masked(&plain, json), format!("f={:?}", Value::Json("[4111,41.11,4e1,\"***\"]")));
    assert_eq!(masked(&numbers, json), format!("f={:?}", Value::Json("[\"***\",41.11,4e1,\"***\"]")));
}

#[test]
fn a_pattern_that_does_not_compile_is_named_by_its_position_and_never_shown() {
    let error = |patterns: &[&str]| RegexMask::new(patterns).unwrap_err().to_string();
    let of_group = error(&["fine", "hunter2("]);
    assert!(of_group.starts_with("patterns[1]: is not a regular expression: unclosed group"), "{of_group}");
    let named = RegexMask::named([("pin", "hunter2[")]).unwrap_err().to_string();
    assert!(named.starts_with("patterns[0] \"pin\": "), "{named}");
    let of_size = error(&["hunter2(?:\\w{100}){100}"]);
    assert!(of_size.starts_with("patterns[0]: is larger than"), "{of_size}");
    let of_length = error(&[&"x".repeat(9_000)]);
    assert!(of_length.starts_with("patterns[0]: has 9000 bytes, at most 8192"), "{of_length}");
    let of_empty = error(&["a", "b", "hunter2|"]);
    assert!(of_empty.starts_with("patterns[2]: matches the empty text"), "{of_empty}");
    let of_count = error(&["x"; 501]);
    assert!(of_count.starts_with("patterns: there are 501 of them, at most 500"), "{of_count}");
    for error in [of_group, named, of_size, of_length, of_empty, of_count] {
        assert!(!error.contains("hunter2") && !error.contains("xxx"), "{error}");
    }
}

#[test]
fn a_text_with_very_many_matches_is_masked_as_a_whole() {
    let mask = RegexMask::new(["x"]).unwrap();
    assert_eq!(masked(&mask, Value::Str(&"x".repeat(1_000))), format!("f={:?}", Value::Str(&"***".repeat(1_000))));
    assert_eq!(masked(&mask, Value::Str(&"x".repeat(1_001))), "f=Str(\"***\")");
    // Each search would run to the end for a `b`; without the limit this would take long.
    let hard = RegexMask::new(["a[^b]*b|a"]).unwrap();
    assert_eq!(masked(&hard, Value::Str(&"a".repeat(20_000))), "f=Str(\"***\")");
}
