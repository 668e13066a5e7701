use std::time::Duration;

use logwheel::{Engine, MemorySink, OnFull};
use serde_json::{Value as Json, json};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// What comes out of an engine at this level, and what was counted.
fn events_at(level: Level, input: &[u8]) -> (Vec<Json>, InputTotals) {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = Engine::builder().level(level).on_full(OnFull::Block).sink(memory).build().unwrap();
    let counts = InputCounts::default();
    Intake::new(engine.logger(""), &counts).log_all(input, &AtomicBool::new(false)).unwrap();
    let report = engine.shutdown(LONG);
    let totals = counts.totals();
    assert_eq!(totals.lines, totals.empty + totals.below_level + totals.logged);
    assert_eq!((report.ledger.submitted, report.complete), (totals.logged, true));
    let events = handle.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    (events, totals)
}

fn events(input: &[u8]) -> (Vec<Json>, InputTotals) {
    events_at(Level::INFO, input)
}

#[test]
fn text_lines_become_messages_and_endings_do_not_matter() {
    let (events, totals) = events(b"one\r\n\r\n  \t\ntwo\n\nthree \xff\xfe!\n{\"not\": json\nlast");
    let messages: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["one", "two", "three \u{fffd}\u{fffd}!", "{\"not\": json", "last"]);
    assert!(events.iter().all(|event| event["level"] == "INFO"));
    let expected = InputTotals { lines: 8, empty: 3, logged: 5, malformed: 1, not_utf8: 1, ..InputTotals::default() };
    assert_eq!(totals, expected);
}

#[test]
fn json_lines_keep_their_fields_and_say_when_how_bad_and_what() {
    let (events, totals) = events(
        br#"{"time":"2015-10-30T23:58:19.322Z","level":"error","msg":"failed","logger":"db","tries":3,"price":0.10,"o":{"a": 1e40}}
{"timestamp":"yesterday","level":"loud","message":7}
{"level":"debug","message":"not for us"}
"#,
    );
    assert_eq!(events[0]["timestamp"], "2015-10-30T23:58:19.322000000Z");
    assert_eq!(
        (&events[0]["level"], &events[0]["logger"], &events[0]["message"]),
        (&json!("ERROR"), &json!("db"), &json!("failed"))
    );
    assert_eq!(events[0].as_object().unwrap().len(), 7, "{}", events[0]);
    assert_eq!((&events[1]["level"], &events[1]["message"]), (&json!("INFO"), &json!("")));
    let kept = ["timestamp", "level", "message"].map(|name| events[1][format!("field_{name}")].clone());
    assert_eq!(kept, [json!("yesterday"), json!("loud"), json!(7)]);
    let expected =
        InputTotals { lines: 3, logged: 2, below_level: 1, json: 3, unknown_levels: 1, ..InputTotals::default() };
    assert_eq!(totals, expected);
}

#[test]
fn numbers_come_out_digit_by_digit() {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = Engine::builder().sink(memory).build().unwrap();
    let counts = InputCounts::default();
    let fields = r#""a":0.10,"b":1E+2,"c":123456789012345678901234567890,"d":-0,"e":{"x": [1.50, 2]},"f":-0.0"#;
    let line = format!("{{{fields}}}");
    Intake::new(engine.logger(""), &counts).log_all(line.as_bytes(), &AtomicBool::new(false)).unwrap();
    assert!(engine.shutdown(LONG).complete);
    assert!(handle.lines()[0].ends_with(&format!(",{fields}}}")), "{}", handle.lines()[0]);
}

#[test]
fn a_line_that_is_too_long_is_cut_with_a_mark_and_the_engine_need_not_cut_it_again() {
    let mut input = vec![b'x'; MAX_LINE + 5_000];
    input.extend_from_slice(b"\nshort\n");
    let (events, totals) = events(&input);
    let message = events[0]["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("xxx...[truncated, {} bytes]", MAX_LINE + 5_000)));
    assert!(message.len() > MAX_LINE - 5_000 && message.len() < MAX_LINE);
    assert_eq!(events[0].get("_truncated"), None);
    assert_eq!((&events[1]["message"], totals.cut, totals.lines), (&json!("short"), 1, 2));
}

#[test]
fn text_is_below_a_higher_level() {
    let (events, totals) = events_at(Level::WARN, b"text\n{\"level\":\"warn\",\"message\":\"json\"}\n");
    assert_eq!((events.len(), totals.below_level, totals.logged), (1, 1, 1));
}

#[test]
fn more_names_of_loggers_than_are_kept_do_no_harm() {
    let input: String = (0..loggers::KEPT * 2 + 3).map(|n| format!("{{\"logger\":\"l{n}\"}}\n")).collect();
    let (events, _) = events(input.as_bytes());
    assert!(events.iter().enumerate().all(|(n, event)| event["logger"] == format!("l{n}")));
}
