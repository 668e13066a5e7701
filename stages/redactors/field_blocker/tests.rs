use logwheel_core::{Level, Value};
use proptest::prelude::*;

use super::*;
use crate::testing::{fields, lines, with_event};

fn blocked_by(mut blocker: FieldBlocker, with: &[(&str, Value<'_>)]) -> Vec<String> {
    with_event(Level::INFO, with, |event| {
        blocker.redact(event).unwrap();
        fields(event)
    })
}

fn blocked_json(path: &str, json: &str) -> Vec<String> {
    blocked_by(FieldBlocker::new([path]).unwrap(), &[("user", Value::Json(json))])
}

#[test]
fn fields_are_removed_by_their_name_and_others_stay() {
    let with = [
        ("password", Value::Str("s")),
        ("Password", Value::Str("kept")),
        ("user.email", Value::U64(1)),
        ("user", Value::Json("{\"email\":1,\"id\":2}")),
    ];
    let blocker = || FieldBlocker::new(["password", "user.email"]).unwrap();
    assert_eq!(blocked_by(blocker(), &with), ["Password=Str(\"kept\")", "user=Json(\"{\\\"id\\\":2}\")"]);
    assert_eq!(blocked_by(blocker().case_insensitive(true), &with), ["user=Json(\"{\\\"id\\\":2}\")"]);
}

#[test]
fn members_and_elements_are_removed_and_the_rest_keeps_its_text() {
    for (path, json, expected) in [
        ("user.a", r#" {"a":1, "b" : 0.10} "#, r#" {"b" : 0.10} "#),
        ("user.a", r#"[{"a":1},{"\u0061":2,"b":3}]"#, r#"[{},{"b":3}]"#),
        ("user.1", "[1,[2],3]", "[1,3]"),
        ("user.*", r#"{"a":1,"b":{}}"#, "{}"),
        ("user.list.*", r#"{"list":[1,2,3]}"#, r#"{"list":[]}"#),
        ("**.a", r#"{"x":{"a":1,"y":[{"a":2}]},"a":3}"#, r#"{"x":{"y":[{}]}}"#),
    ] {
        assert_eq!(blocked_json(path, json), [format!("user={:?}", Value::Json(expected))], "{path} in {json}");
    }
}

#[test]
fn what_cannot_be_searched_is_masked_and_so_seen() {
    let masked = ["user=Str(\"***\")"];
    assert_eq!(blocked_json("user.a", r#"{"a":"#), masked);
    assert_eq!(blocked_json("user.a", r#"{"\ud800":1}"#), masked);
    let cut = Value::Cut { kept: b"{\"a\":", original_len: 99 };
    assert_eq!(blocked_by(FieldBlocker::new(["user.a"]).unwrap().mask("?"), &[("user", cut)]), ["user=Str(\"?\")"]);
    let limited = FieldBlocker::new(["user.a"]).unwrap().max_keys(1);
    assert_eq!(blocked_by(limited, &[("user", Value::Json(r#"{"b":1,"a":2}"#))]), masked);
    let shallow = FieldBlocker::new(["user.a.b"]).unwrap().max_depth(1);
    let json = [("user", Value::Json(r#"{"a":{"b":2},"c":{}}"#))];
    assert_eq!(blocked_by(shallow, &json), [format!("user={:?}", Value::Json(r#"{"a":"***","c":{}}"#))]);
}

proptest! {
    #[test]
    fn a_removed_member_is_in_no_line_and_lines_stay_json(
        before in prop::collection::vec("[a-c]{1,2}", 0..4),
        after in prop::collection::vec("[a-c]{1,2}", 0..4),
        depth in 0usize..4,
    ) {
        let member = |name: &String| format!("\"{name}\":[1]");
        let secret = std::iter::once("\"\\u0070w\": {\"N33DLE\":1}".to_owned());
        let members: Vec<_> = before.iter().map(member).chain(secret).chain(after.iter().map(member)).collect();
        let json = format!("{}{{{}}}{}", "{\"x\":[".repeat(depth), members.join(" , "), "]}".repeat(depth));
        let mut blocker = FieldBlocker::new(["**.pw"]).unwrap().max_depth(16);
        let lines = with_event(Level::INFO, &[("doc", Value::Json(&json))], |event| {
            blocker.redact(event).unwrap();
            lines(event)
        });
        for line in lines {
            prop_assert!(!line.contains("N33DLE") && !line.contains("0070w"), "{}", line);
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&line).is_ok(), "{}", line);
            prop_assert_eq!(line.matches(":[1]").count(), before.len() + after.len());
        }
    }
}
