//! What holds for all redactors of texts, shown with one that masks a word.

use logwheel_core::{Level, Redactor};

use super::*;
use crate::redactors::RegexMask;
use crate::testing::{FIXED_NAME, MESSAGE, fields, lines, with_event, with_message};

fn mask() -> RegexMask {
    RegexMask::new(["s3cret|@", "fixed"]).unwrap()
}

fn masked(value: Value<'_>) -> String {
    with_event(Level::INFO, &[("f", value)], |event| {
        mask().redact(event).unwrap();
        fields(event).remove(0)
    })
}

#[test]
fn texts_of_all_kinds_are_searched() {
    let text = "f=Str(\"a ***\")";
    assert_eq!(masked(Value::Str("a s3cret")), text);
    assert_eq!(masked(Value::Bytes(b"a s3cret")), text);
    assert_eq!(masked(Value::Bytes(b"\xff s3cret \xff\xff")), "f=Str(\"\u{fffd} *** \u{fffd}\u{fffd}\")");
    assert_eq!(masked(Value::Char('@')), "f=Str(\"***\")");
    for kept in
        [Value::Null, Value::Bool(true), Value::F64(1.5), Value::U64(3), Value::Bytes(b"\xff"), Value::Char('x')]
    {
        assert_eq!(masked(kept), format!("f={kept:?}"));
    }
}

#[test]
fn strings_inside_json_are_searched_without_their_escapes() {
    for (json, expected) in [
        (r#"{"a":["s3cret"],"b":0.10}"#, r#"{"a":["***"],"b":0.10}"#),
        (r#"{"a":"\u0073\u0033cret \n","b":"\u0041"}"#, r#"{"a":"*** \n","b":"\u0041"}"#),
        (r#"{"a":"\u0040"}"#, r#"{"a":"***"}"#),
        (r#"{"s3cret":{"x\u0040":"y"}}"#, r#"{"***":{"x***":"y"}}"#),
        (r#""s3cret""#, r#""***""#),
        // What cannot be read may be anything.
        (r#"["\ud800","x"]"#, r#"["***","x"]"#),
        (r#"{"\udc00":"x"}"#, r#"{"***":"x"}"#),
    ] {
        assert_eq!(masked(Value::Json(json)), format!("f={:?}", Value::Json(expected)), "{json}");
    }
    assert_eq!(masked(Value::Json(r#"{"a":"x""#)), "f=Str(\"***\")", "not JSON: masked whole");
}

#[test]
fn the_message_is_searched_unless_it_is_the_statements_own() {
    let message = |value| {
        with_message(value, &[], |event| {
            mask().redact(event).unwrap();
            event.message().to_owned()
        })
    };
    assert_eq!(message(Some(Value::Str("a s3cret in it"))), "a *** in it");
    assert_eq!(message(Some(Value::Bytes(b"\xffs3cret"))), "\u{fffd}***");
    assert_eq!(message(None), MESSAGE, "though a pattern matches it");
    let kept = "s3cret ".repeat(20);
    let cut = message(Some(Value::Cut { kept: kept.as_bytes(), original_len: 900 }));
    assert!(cut.starts_with("*** *** ") && cut.ends_with("***...[truncated, 900 bytes]"), "{cut}");
}

#[test]
fn names_are_searched_unless_they_are_the_statements_own_and_stay_unique() {
    let with = [
        ("s3cret", Value::U64(1)),
        ("@", Value::U64(2)),
        ("a@b", Value::U64(3)),
        ("***_2", Value::U64(4)),
        ("s3crets3cret", Value::U64(5)),
    ];
    let (names, lines) = with_message(None, &with, |event| {
        mask().redact(event).unwrap();
        (fields(event), lines(event))
    });
    let fixed = format!("{FIXED_NAME}=U64(1)");
    assert_eq!(names, [&fixed, "***=U64(1)", "***_3=U64(2)", "a***b=U64(3)", "***_2=U64(4)", "******=U64(5)"]);
    for line in lines {
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }
}

#[test]
fn the_end_of_a_text_that_was_cut_may_be_half_a_secret() {
    let cut = |kept: &str| match masked(Value::Cut { kept: kept.as_bytes(), original_len: 999 }) {
        text if text == "f=Str(\"***\")" => None,
        text => {
            let bytes = text.strip_prefix("f=Cut { kept: [").unwrap().strip_suffix("], original_len: 999 }").unwrap();
            Some(String::from_utf8(bytes.split(", ").map(|byte| byte.parse().unwrap()).collect()).unwrap())
        }
    };
    let front = "0123456789 ".repeat(10);
    assert_eq!(cut(&format!("{front}s3cre")).unwrap(), format!("{}***", &front[..44]));
    assert_eq!(cut(&format!("s3cret {front}")).unwrap(), format!("*** {}***", &front[..44]));
    assert_eq!(cut(&"x".repeat(500)).unwrap(), "***", "a word is masked as a whole");
    assert_eq!(cut(&"é\u{a0}".repeat(100)).unwrap(), format!("{}***", "é\u{a0}".repeat(84)));
    assert_eq!(cut("").unwrap(), "***");
    // It may have been JSON.
    assert_eq!(cut(&format!("{{\"a\":\"s\\u0033cret\", \"b\":\"{front}")), None);
    assert_eq!(cut(&format!("{{\"a\":\"\\ud800\", \"b\":\"{front}")), None);
    assert_eq!(cut(&format!("C:\\dir {front}")).unwrap(), format!("C:\\dir {}***", &front[..44]));
}
