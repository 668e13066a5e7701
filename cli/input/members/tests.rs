use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn read(line: &str) -> Option<Members<'_>> {
    let mut members = Members::default();
    members.read(line).then_some(members)
}

fn values(line: &str) -> Vec<String> {
    let members = read(line).unwrap_or_else(|| panic!("{line} is refused"));
    members
        .iter()
        .map(|member| match &member.value {
            Parsed::Text(text) => format!("{}={text:?}", member.name),
            Parsed::Plain(value) => format!("{}={value:?}", member.name),
        })
        .collect()
}

#[test]
fn members_keep_their_order_kinds_and_source() {
    let line = r#" {"b":1,"a":-2,"t":"x","e":"a\"\u00e9\n","n":null,"y":true,"o":{"k": [1, 2.50]},"f":0.5} "#;
    let expected = [
        "b=U64(1)",
        "a=I64(-2)",
        "t=\"x\"",
        "e=\"a\\\"é\\n\"",
        "n=Null",
        "y=Bool(true)",
        "o=Json(\"{\\\"k\\\": [1, 2.50]}\")",
        "f=F64(0.5)",
    ];
    assert_eq!(values(line), expected);
}

#[test]
fn a_number_that_would_change_keeps_its_source() {
    for (number, kept) in [
        ("18446744073709551615", false),
        ("-9223372036854775808", false),
        ("18446744073709551616", true),
        ("-9223372036854775809", true),
        ("0.10", true),
        ("1.0", false),
        ("1e400", true),
        ("1e3", true),
        ("-0", true),
        ("-0.0", false),
        ("0.1", false),
        ("3.141592653589793238462643383279", true),
    ] {
        let line = format!(r#"{{"n":{number}}}"#);
        assert_eq!(values(&line)[0].starts_with("n=Json("), kept, "{number}: {:?}", values(&line));
    }
}

#[test]
fn what_is_not_one_object_is_refused() {
    for line in [
        "",
        "{",
        "{}x",
        "[1]",
        "1",
        r#""a""#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1} {"b":2}"#,
        r#"{'a':1}"#,
        r#"{"a":01}"#,
        "{\"a\":\"\n\"}",
        r#"{"\ud800":1}"#,
    ] {
        assert!(read(line).is_none(), "{line}");
    }
    assert!(read("{}").is_some());
}

#[test]
fn half_a_surrogate_pair_stays_as_it_is_written() {
    assert_eq!(values(r#"{"a":"\ud800"}"#), [r#"a=Json("\"\\ud800\"")"#]);
}

#[test]
fn of_two_members_of_one_name_the_last_counts_and_too_many_are_refused() {
    assert_eq!(values(r#"{"a":1,"b":2,"a":3,"\u0061":4}"#), ["a=U64(4)", "b=U64(2)"]);
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(read(&many(MAX_MEMBERS)).is_some());
    assert!(read(&many(MAX_MEMBERS + 1)).is_none());
}

/// Level, message, logger, whether there is a time, and the names of the fields.
fn said(line: &str) -> (Option<Level>, String, Option<String>, bool, Vec<String>) {
    let members = read(line).unwrap();
    let event = members.event();
    let fields = members.iter().enumerate().filter(|(index, _)| !event.is_taken(*index));
    let fields = fields.map(|(_, member)| member.name.to_string()).collect();
    (event.level, event.message.to_owned(), event.logger.map(str::to_owned), event.time.is_some(), fields)
}

#[test]
fn time_level_message_and_logger_are_recognised_by_their_common_names() {
    for line in [
        r#"{"timestamp":"2026-01-02T03:04:05Z","level":"warn","message":"m","logger":"l","a":1}"#,
        r#"{"@timestamp":"2026-01-02T03:04:05Z","log.level":"WARNING","message":"m","logger":"l","a":1}"#,
        r#"{"ts":1767323045.5,"severity":30,"msg":"m","logger":"l","a":1}"#,
        r#"{"Time":"1767323045000","LVL":"W","Message":"m","Logger":"l","a":1}"#,
    ] {
        let expected = (Some(Level::WARN), "m".to_owned(), Some("l".to_owned()), true, vec!["a".to_owned()]);
        assert_eq!(said(line), expected, "{line}");
    }
}

#[test]
fn what_cannot_be_understood_stays_a_field() {
    let line = r#"{"timestamp":"yesterday","level":"loud","message":{"a":1},"logger":7,"time":0.5}"#;
    let all = ["timestamp", "level", "message", "logger", "time"].map(str::to_owned).to_vec();
    assert_eq!(said(line), (None, String::new(), None, false, all));
    assert!(read(line).unwrap().event().unknown_level);
    let known_elsewhere = r#"{"level":"loud","severity":"error"}"#;
    assert_eq!(said(known_elsewhere).0, Some(Level::ERROR));
    assert!(!read(known_elsewhere).unwrap().event().unknown_level);
    assert!(!read("{}").unwrap().event().unknown_level);
}

#[test]
fn of_several_candidates_the_best_name_is_taken_wherever_it_stands() {
    for line in [r#"{"msg":"b","message":"a","ts":1767323045}"#, r#"{"message":"a","msg":"b","ts":1767323045}"#] {
        assert_eq!(said(line), (None, "a".to_owned(), None, true, vec!["msg".to_owned()]));
    }
}

proptest! {
    #[test]
    fn any_object_is_read_as_serde_json_reads_it(
        object in prop::collection::btree_map("[a-zé\"\\\\\n]{0,6}", any_json(), 0..8),
    ) {
        let line = Json::Object(object.into_iter().collect()).to_string();
        let members = read(&line).unwrap();
        let back: serde_json::Map<String, Json> = members
            .iter()
            .map(|member| (member.name.to_string(), serde_json::from_str(member.source).unwrap()))
            .collect();
        prop_assert_eq!(&Json::Object(back), &serde_json::from_str::<Json>(&line).unwrap());
        for member in members.iter() {
            let source = member.source;
            match &member.value {
                Parsed::Text(text) => prop_assert_eq!(json!(text), serde_json::from_str::<Json>(source).unwrap()),
                Parsed::Plain(Value::Null) => prop_assert_eq!(source, "null"),
                Parsed::Plain(Value::Bool(value)) => prop_assert_eq!(source, value.to_string()),
                Parsed::Plain(Value::U64(value)) => prop_assert_eq!(source, value.to_string()),
                Parsed::Plain(Value::I64(value)) => prop_assert_eq!(source, value.to_string()),
                Parsed::Plain(Value::F64(value)) => prop_assert_eq!(source, zmij::Buffer::new().format(*value).to_owned()),
                Parsed::Plain(Value::Json(json)) => prop_assert_eq!(*json, source),
                Parsed::Plain(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn no_line_makes_it_panic(line in "[{}\\[\\]\":,0-9a-e\\\\u .-]{0,60}") {
        if let Some(members) = read(&line) {
            members.event();
        }
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1e9..1e9f64).prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Json::from))
}
