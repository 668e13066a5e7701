use std::time::Duration;

use logwheel_core::{Level, Value};
use proptest::prelude::*;

use super::*;
use crate::support::{TestEvent, keeps};

fn parse(expression: &str) -> Predicate {
    expression.parse().unwrap_or_else(|error: ExpressionError| panic!("{expression}: {error}"))
}

#[track_caller]
fn check(event: &TestEvent, expected: bool, expressions: &[&str]) {
    for expression in expressions {
        assert_eq!(event.open(|event| parse(expression).matches(event)), expected, "{expression}");
    }
}

fn request() -> TestEvent {
    TestEvent::new("request served")
        .level(Level::WARN)
        .logger("http.server")
        .trace(0xabc)
        .field("status", Value::U64(503))
        .field("path", Value::Str("/health/live"))
        .field("latency", Value::Duration(Duration::from_millis(1_500)))
        .field("ratio", Value::F64(0.25))
        .field("cached", Value::Bool(false))
        .field("error", Value::Null)
        .field("code", Value::Str("42"))
        .field("sign", Value::Char('x'))
        .field("raw", Value::Bytes(b"bytes"))
        .field("cut", Value::Cut { kept: b"the start", original_len: 99 })
        .field("user", Value::Json(r#"{"id": 7, "name": "A\nda", "roles": ["admin", "robot"], "a b": 1.50}"#))
        .field("wide", Value::U128(u128::MAX))
        .scoped("tenant", Value::Str("acme"))
}

#[test]
fn values_are_compared_by_what_they_are() {
    check(
        &request(),
        true,
        &[
            "status == 503",
            "status != 500",
            "status > 502.5 and status < 503.5 and status >= 503 and status <= 503",
            "status == '503'",
            "code == 42 and code < 100 and code == '42'",
            "latency > 1 and latency == 1.5",
            "ratio == 25e-2",
            "cached == false",
            "error == null and error exists",
            "sign == 'x'",
            "raw == 'bytes'",
            "wide > 170141183460469231731687303715884105727",
            "tenant == \"acme\" and tenant > 'acm' and tenant < 'b'",
            "user.id == 7 and user.name == \"A\\nda\" and user.roles.1 == 'robot' and `user.a b` == 1.5",
            "user exists",
        ],
    );
    check(
        &request(),
        false,
        &[
            "status == 503.5",
            "status > 503",
            "status == 'x'",
            "cached == 'false'",
            "cached == true",
            "error == 0",
            "tenant == 1",
            "user == 7",
            "user == 'A'",
            "user contains 'id'",
            "user.roles == 'admin'",
            "cut == 'the start'",
        ],
    );
}

#[test]
fn what_is_not_there_differs_from_everything_and_compares_with_nothing() {
    let event = request();
    check(&event, true, &["nothing != 1", "not nothing == 1", "not nothing exists", "user.nothing != 'x'"]);
    let texts = ["nothing == null", "nothing < 1", "nothing >= 1", "nothing exists", "nothing contains ''"];
    check(&event, false, &texts);
    let nan = TestEvent::new("m").field("x", Value::F64(f64::NAN));
    check(&nan, false, &["x == 0", "x < 0", "x >= 0"]);
    check(&nan, true, &["x != 0"]);
}

#[test]
fn texts_are_searched() {
    check(
        &request(),
        true,
        &[
            "path starts_with '/health' and path ends_with 'live' and path contains 'th/li'",
            r"path matches '^/[a-z]+/(live|ready)$'",
            r"status matches '^5\d\d$'",
            "status starts_with '5'",
            "cut starts_with 'the st'",
            "cached contains 'als'",
            "raw ends_with 'tes'",
            "sign matches '.'",
        ],
    );
    check(
        &request(),
        false,
        &["path starts_with 'health'", "path matches '^health'", "error contains ''", "path contains 'Health'"],
    );
}

#[test]
fn level_logger_message_and_trace_have_names() {
    check(
        &request(),
        true,
        &[
            "level == warn",
            "level >= WARNING and level < error and level != info",
            "level > 29 and level == 30",
            "level == \"warn\"",
            "logger starts_with 'http.'",
            "message == 'request served'",
            "trace_id ends_with 'abc' and span_id exists",
        ],
    );
    // Of text, a level's order would be that of the alphabet.
    check(&request().level(Level::CRITICAL), true, &["level > error", "level starts_with 'CRIT'"]);
    check(&TestEvent::new("m"), false, &["trace_id exists"]);
    let severity = TestEvent::new("m").field("severity", Value::Str("error"));
    let predicate = Predicate::field("severity").unwrap().at_least(Level::WARN);
    assert!(severity.open(|event| predicate.matches(event)));
}

#[test]
fn not_binds_closest_then_and_then_or_and_parentheses_group() {
    let event = TestEvent::new("m").field("t", Value::Bool(true)).field("f", Value::Bool(false));
    let (t, f) = ("t == true", "f == true");
    for (expression, expected) in [
        (format!("{t} or {t} and {f}"), true),
        (format!("({t} or {t}) and {f}"), false),
        (format!("not {f} and {t}"), true),
        (format!("not ({f} or {t})"), false),
        (format!("not not {t} && !{f} || {f}"), true),
        (format!("NOT {f} AND {t} OR {f}"), true),
        (format!("{f} or {f} or {t}"), true),
    ] {
        check(&event, expected, &[&expression]);
    }
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    for (expression, column, what) in [
        ("", 1, "expected a path"),
        ("status", 7, "expected a comparison"),
        ("status >=", 10, "expected a value after '>=', found the end"),
        ("status = 5", 8, "write '=='"),
        ("status == abc", 11, "a text needs \"quotes\""),
        ("status == 5xx", 11, "'5xx' is no number"),
        ("status == 1e999", 11, "no number that can be compared"),
        ("status == 5 path exists", 13, "expected 'and', 'or' or the end, found 'path'"),
        ("(status == 5", 1, "never closed"),
        ("a exists and (b exists c", 24, "expected 'and', 'or' or ')', found 'c'"),
        ("a exists)", 9, "found ')'"),
        ("a contains 5", 12, "expected a text in quotes after 'contains', found '5'"),
        ("a == \"open", 6, "never closed"),
        ("a == 'open", 6, "never closed"),
        ("a == \"\\d\"", 7, "unknown escape"),
        ("ä == \"é\" and ö matches \"(\"", 24, "unclosed group"),
        ("level >= loud", 10, "\"loud\" is no level"),
        ("and == 1", 1, "needs `backticks`"),
        ("a..b == 1", 1, "no path"),
        ("a == 1 and # == 2", 12, "unexpected '#'"),
        ("a matches '(a{1000}){1000}'", 11, "more than 1 MiB"),
    ] {
        let error = expression.parse::<Predicate>().unwrap_err();
        assert_eq!(error.column(), column, "{expression}: {error}");
        assert!(error.to_string().contains(what), "{expression}: {error}");
        let by_characters = expression.char_indices().nth(column - 1).map_or(expression.len(), |(at, _)| at);
        assert_eq!(error.position(), by_characters, "{expression}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}a exists{}", "(".repeat(depth), ")".repeat(depth)).parse::<Predicate>();
    assert!(nested(64).is_ok());
    assert_eq!(nested(65).unwrap_err().column(), 65);
    assert!(format!("{}a exists", "!".repeat(65)).parse::<Predicate>().is_err());
    let long = vec!["a exists"; 1_000].join(" or ");
    assert!(long.parse::<Predicate>().is_ok());
    assert!(long.repeat(2).parse::<Predicate>().unwrap_err().to_string().contains("16384"));
}

#[test]
fn the_filter_keeps_or_drops_what_matches_and_replicas_agree() {
    let (matching, other) = (request(), TestEvent::new("m"));
    for (action, keeps_matching) in [(MatchAction::Keep, true), (MatchAction::Drop, false)] {
        let mut filter = MatchFilter::builder().expression("status >= 500").action(action).build().unwrap();
        let mut replica = filter.replicate().unwrap();
        for filter in [&mut filter as &mut dyn Filter, &mut *replica] {
            assert_eq!(keeps(filter, &matching), keeps_matching);
            assert_eq!(keeps(filter, &other), !keeps_matching);
        }
    }
    let built = Predicate::field("status").unwrap().above(600).or(Predicate::field("tenant").unwrap().exists());
    assert!(keeps(&mut MatchFilter::builder().predicate(built).build().unwrap(), &matching));
}

#[test]
fn a_missing_or_unreadable_expression_is_refused_by_name() {
    assert_eq!(MatchFilter::builder().build().unwrap_err().option(), "expression");
    let error = MatchFilter::builder().expression("status >=").build().unwrap_err().to_string();
    assert!(error.starts_with("expression = \"status >=\": must be an expression; at column 10: "), "{error}");
    assert_eq!(Predicate::field("").unwrap_err().option(), "path");
    assert!(Predicate::field("a").unwrap().matches("(").unwrap_err().to_string().contains("unclosed group"));
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let path = prop_oneof!["[a-z][a-z_.@-]{0,5}[a-z]", "[ `\\\\\"'a-zé0-9]{1,6}", Just("level".to_owned())];
    let literal = prop_oneof![
        any::<i64>().prop_map(Literal::from),
        any::<f64>().prop_filter("JSON has no such numbers", |v| v.is_finite()).prop_map(Literal::from),
        any::<bool>().prop_map(Literal::from),
        ".{0,8}".prop_map(|text| Literal::from(text.as_str())),
        Just(Literal::from(())),
    ];
    let test = (path, 0..11u8, literal, ".{0,8}").prop_filter_map("a path", |(path, kind, literal, text)| {
        let field = Predicate::field(&path).ok()?;
        // The parser knows which texts are levels, and compares levels with nothing else.
        let literal = if path == "level" { Literal::from(Level::WARN) } else { literal };
        Some(match kind {
            0 => field.exists(),
            1 => field.equals(literal),
            2 => field.differs(literal),
            3 => field.below(literal),
            4 => field.at_most(literal),
            5 => field.above(literal),
            6 => field.at_least(literal),
            7 => field.contains(&text),
            8 => field.starts_with(&text),
            9 => field.ends_with(&text),
            _ => field.matches(&regex::escape(&text)).ok()?,
        })
    });
    test.prop_recursive(6, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.and(b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.or(b)),
            inner.prop_map(|a| !a),
        ]
    })
}

proptest! {
    #[test]
    fn a_predicate_survives_being_written_and_read(predicate in predicate()) {
        let text = predicate.to_string();
        let read: Predicate = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(read.to_string(), text);
        let event = request().field("a", Value::I64(-3)).field("b", Value::Str("x"));
        let (built, read) = event.open(|event| (predicate.matches(event), read.matches(event)));
        prop_assert_eq!(built, read);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        if let Err(error) = text.parse::<Predicate>() {
            prop_assert!(text.is_char_boundary(error.position()));
        }
    }

    #[test]
    fn no_shuffled_expression_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "a", "a.b", "level", "and", "or", "not", "(", ")", "==", "!=", "<", ">=", "&&", "||", "!", "exists",
                "contains", "matches", "'x'", "\"y\"", "`z`", "1", "-2.5", "true", "null", "warn", "\"", "'", "`", "=",
            ]),
            0..14
        ),
        spaced in any::<bool>()
    ) {
        let text = words.join(if spaced { " " } else { "" });
        if let Err(error) = text.parse::<Predicate>() {
            prop_assert!(text.is_char_boundary(error.position()));
        }
    }

    #[test]
    fn comparisons_of_integers_are_exact_and_each_others_opposites(a in any::<i64>(), b in any::<i64>()) {
        let event = TestEvent::new("m").field("x", Value::I64(a));
        let holds = |operator: &str| event.open(|event| parse(&format!("x {operator} {b}")).matches(event));
        prop_assert_eq!(holds("=="), a == b);
        prop_assert_eq!(holds("!="), a != b);
        prop_assert_eq!(holds("<"), a < b);
        prop_assert_eq!(holds("<="), a <= b);
        prop_assert_eq!(holds(">"), a > b);
        prop_assert_eq!(holds(">="), a >= b);
    }
}
