use logwheel_core::{Level, Value};
use proptest::prelude::*;

use super::*;
use crate::testing::{fields, lines, with_event, with_message};

fn truncated(mut truncate: StringTruncate, value: Value<'_>) -> String {
    with_event(Level::INFO, &[("f", value)], |event| {
        truncate.redact(event).unwrap();
        fields(event).remove(0)
    })
}

#[test]
fn texts_are_cut_at_characters_and_keep_their_limits_with_the_suffix() {
    let cut = |text: &str, truncate| truncated(truncate, Value::Str(text));
    let limits = || StringTruncate::new().suffix("…");
    assert_eq!(cut("éééééé", limits().max_chars(4)), "f=Str(\"ééé…\")");
    assert_eq!(cut("éééé", limits().max_chars(4)), "f=Str(\"éééé\")", "exactly the limit");
    assert_eq!(cut("éééééé", limits().max_bytes(8)), "f=Str(\"éé…\")", "the fifth byte is within a character");
    assert_eq!(cut("éééééé", limits().max_bytes(12)), "f=Str(\"éééééé\")");
    assert_eq!(cut("abcdef", limits().max_bytes(5).max_chars(4)), "f=Str(\"ab…\")", "both limits hold");
    assert_eq!(cut("abcdef", limits().max_bytes(2)), "f=Str(\"ab\")", "no room for the suffix");
    assert_eq!(cut("abcdef", limits().max_bytes(0)), "f=Str(\"\")");
    assert_eq!(cut(&"x".repeat(50), StringTruncate::new().max_bytes(20)), "f=Str(\"xxxxxx...[truncated]\")");
    assert_eq!(cut("abcdef", StringTruncate::default()), "f=Str(\"abcdef\")", "no limits by default");
}

#[test]
fn strings_inside_json_are_cut_by_what_they_say_and_never_within_an_escape() {
    let cut = |json: &str, chars| truncated(StringTruncate::new().suffix("~").max_chars(chars), Value::Json(json));
    let json = |json: &str| format!("f={:?}", Value::Json(json));
    assert_eq!(
        cut(r#"{ "long name":["\u0041\u0042\u0043" , 123456, "ab"]}"#, 2),
        json(r#"{ "long name":["A~" , 123456, "ab"]}"#)
    );
    assert_eq!(cut(r#"["\u0041\u0042"]"#, 2), json(r#"["\u0041\u0042"]"#), "it fits, and keeps its source text");
    assert_eq!(cut(r#""\n\n\n""#, 2), json(r#""\n~""#));
    assert_eq!(cut(r#""\ud83d\ude00\ud83d\ude00\ud83d\ude00""#, 2), json("\"😀~\""));
    assert_eq!(cut(r#""\ud800\ud800""#, 2), json(r#""\ud800\ud800""#), "halves of pairs are no secret");
    assert_eq!(cut("not json", 4), "f=Str(\"not~\")", "it is written as a text");
}

#[test]
fn bytes_cut_values_and_other_kinds() {
    let cut = |value| truncated(StringTruncate::new().suffix("~").max_bytes(4), value);
    assert_eq!(cut(Value::Bytes(b"a\xffbcdef")), "f=Str(\"a~\")", "the replacement character has three bytes");
    assert_eq!(cut(Value::Bytes(b"a\xff")), format!("f={:?}", Value::Bytes(b"a\xff")));
    assert_eq!(cut(Value::Cut { kept: b"abcdef", original_len: 9 }), "f=Str(\"abc~\")");
    assert_eq!(
        cut(Value::Cut { kept: b"abc", original_len: 9 }),
        format!("f={:?}", Value::Cut { kept: b"abc", original_len: 9 })
    );
    assert_eq!(cut(Value::U64(1234567)), "f=U64(1234567)");
}

#[test]
fn the_message_is_cut_unless_it_is_the_statements_own() {
    let mut truncate = StringTruncate::new().suffix("~").max_chars(5);
    let message = |value, truncate: &mut StringTruncate| {
        with_message(value, &[], |event| {
            truncate.redact(event).unwrap();
            event.message().to_owned()
        })
    };
    assert_eq!(message(Some(Value::Str("made at run time")), &mut truncate), "made~");
    assert_eq!(message(None, &mut truncate), crate::testing::MESSAGE);
}

proptest! {
    #[test]
    fn no_text_is_longer_than_the_limits_and_lines_stay_json(
        text in "(?s).{0,40}",
        escaped in any::<bool>(),
        max_chars in 0usize..30,
        max_bytes in 0usize..60,
        suffix in "[~é…]{0,4}",
    ) {
        let inner: String = match escaped {
            true => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
            false => serde_json::to_string(&text).unwrap().trim_matches('"').to_owned(),
        };
        let json = format!("{{\"a\":[\"{inner}\"]}}");
        prop_assume!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        let mut truncate = StringTruncate::new().suffix(suffix).max_chars(max_chars).max_bytes(max_bytes);
        let with = [("s", Value::Str(&text)), ("j", Value::Json(&json))];
        let (once, twice) = with_event(Level::INFO, &with, |event| {
            truncate.redact(event).unwrap();
            let once = lines(event);
            truncate.redact(event).unwrap();
            (once, lines(event))
        });
        let line: serde_json::Value = serde_json::from_str(&once[0]).unwrap();
        for left in [line["s"].as_str().unwrap(), line["j"]["a"][0].as_str().unwrap()] {
            prop_assert!(left.chars().count() <= max_chars && left.len() <= max_bytes, "{:?}", left);
            if text.chars().count() <= max_chars && text.len() <= max_bytes {
                prop_assert_eq!(left, &text);
            }
        }
        prop_assert_eq!(once, twice, "what was shortened is not shortened again");
    }
}
