use std::collections::BTreeMap;
use std::fs;

use logwheel_core::{Envelope, JsonEncoder, Level, LineBuffer, Value};
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::text::SUFFIX;
use super::*;
use crate::testing::{lines, with_event};

type Json = serde_json::Value;
/// Names and values as they are written, in their order.
type Members = Vec<(String, String)>;

fn guard(max_bytes: usize) -> SizeGuard {
    SizeGuard::builder().max_bytes(max_bytes).build().unwrap()
}

/// What a guard makes of a line that is too long, checked to be one line of JSON that fits.
#[track_caller]
fn shrink_with(guard: &mut SizeGuard, line: &[u8]) -> String {
    let mut out = Vec::new();
    assert_eq!(guard.process(line, &mut out).unwrap(), Processed::Replaced);
    let out = String::from_utf8(out).expect("UTF-8");
    assert!(out.len() <= guard.options.max_bytes, "{} bytes: {out}", out.len());
    assert!(out.bytes().all(|byte| byte >= 0x20), "not one line: {out:?}");
    if let Err(error) = serde_json::from_str::<&RawValue>(&out) {
        panic!("{error}: {out}");
    }
    out
}

#[track_caller]
fn shrink(line: &str, max_bytes: usize) -> String {
    shrink_with(&mut guard(max_bytes), line.as_bytes())
}

#[track_caller]
fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn members(object: &str) -> Members {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Members;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((name, value.get().to_owned()));
            }
            Ok(members)
        }
    }
    serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_str(object), Visitor).unwrap()
}

/// All that an event says at any level where the guard looks, by its path, and what stands at paths that lead
/// into sections.
fn leaves(line: &str) -> Members {
    let is_object = |value: &str| value.starts_with('{');
    let mut leaves = Members::new();
    let mut add = |path: &str, object: &str| {
        for (name, value) in members(object) {
            let section = ["context", "diagnostics", "data", "metadata"].contains(&name.as_str()) && is_object(&value);
            let inside = if section { members(&value) } else { vec![(String::new(), value)] };
            leaves.extend(inside.into_iter().map(|(inner, value)| (format!("{path}/{name}/{inner}"), value)));
        }
    };
    let root = members(line);
    let has =
        |wanted: &str| root.iter().position(|(name, value)| name == wanted && (wanted != "log" || is_object(value)));
    match has("log").filter(|_| has("schema_version").is_some()) {
        None => add("", line),
        Some(log) => add("/log", &root[log].1),
    }
    leaves.into_iter().map(|(path, value)| (path.trim_end_matches('/').to_owned(), value)).collect()
}

/// A `v1_1` line with these fields.
fn v1_1(head: &str, context: &str, data: &str) -> String {
    format!(
        r#"{{"schema_version":"1.1","log":{{{head},"context":{{{context}}},"diagnostics":{{"host":"h1"}},"data":{{{data}}},"logger":"orders"}}}}"#
    )
}

#[test]
fn story_5_13_at_the_limit_the_line_is_the_same_and_one_byte_above_it_is_truncated() {
    let line = format!(r#"{{"level":"INFO","message":"{}"}}"#, "x".repeat(200));
    let mut out = Vec::new();
    assert_eq!(guard(line.len()).process(line.as_bytes(), &mut out).unwrap(), Processed::Unchanged);
    assert!(out.is_empty() && out.capacity() == 0, "nothing is copied");
    let cut = parse(&shrink(&line, line.len() - 1));
    assert_eq!((cut["_truncated"].clone(), cut["_original_size"].clone()), (true.into(), line.len().into()));
    assert!(cut["message"].as_str().unwrap().ends_with("xxx...[truncated]"));
}

#[test]
fn story_5_13_below_the_limit_a_line_is_not_even_read() {
    for line in [&b""[..], b"not json", b"\xff\xfe", b"{\"a\":", b"[1,2"] {
        let mut out = Vec::new();
        let mut guards = [SizeAction::Truncate, SizeAction::Drop, SizeAction::Warn]
            .map(|action| SizeGuard::builder().max_bytes(100).action(action).build().unwrap());
        for guard in &mut guards {
            assert_eq!(guard.process(line, &mut out).unwrap(), Processed::Unchanged);
        }
        assert!(out.is_empty());
    }
}

#[test]
fn story_5_13_the_message_is_shortened_first_and_to_just_what_fits() {
    let line = format!(r#"{{"level":"INFO","message":"{}","a":1,"b":"{}"}}"#, "m".repeat(300), "b".repeat(60));
    for limit in 220..300 {
        let out = shrink(&line, limit);
        assert_eq!(out.len(), limit, "all the room is used: {out}");
        let json = parse(&out);
        assert_eq!((json["a"].clone(), json["b"].as_str().unwrap().len()), (1.into(), 60));
        assert!(json["message"].as_str().unwrap().len() >= 32 + SUFFIX.len());
    }
}

#[test]
fn story_5_13_the_message_keeps_32_characters_while_fields_go_the_largest_first() {
    let message = "é".repeat(80);
    let line = format!(
        r#"{{"level":"INFO","message":"{message}","small":"{}","large":"{}","tiny":1,"middle":"{}"}}"#,
        "s".repeat(20),
        "l".repeat(300),
        "m".repeat(40),
    );
    let names = |limit| -> Vec<String> { members(&shrink(&line, limit)).into_iter().map(|(name, _)| name).collect() };
    let mut order: Vec<_> = (100..line.len()).rev().map(names).collect();
    order.dedup();
    let marks = ["_truncated", "_original_size"];
    let expected = [
        [&["level", "message", "small", "large", "tiny", "middle"][..], &marks].concat(),
        [&["level", "message", "small", "tiny", "middle"][..], &marks].concat(),
        [&["level", "message", "small", "tiny"][..], &marks].concat(),
        [&["level", "message", "tiny"][..], &marks].concat(),
        [&["level", "message"][..], &marks].concat(),
        vec!["level", "_truncated", "_original_size", "_heavily_truncated"],
    ];
    assert_eq!(order, expected);
    for limit in 180..320 {
        let json = parse(&shrink(&line, limit));
        let kept = json["message"].as_str().unwrap();
        assert!(kept.trim_end_matches(SUFFIX).chars().count() >= 32, "{limit}: {kept}");
    }
    assert!(parse(&shrink(&line, 400))["message"].as_str() == Some(&message), "the freed room goes to the message");
}

#[test]
fn story_5_13_heavily_truncated_lines_have_their_preserved_fields_only() {
    let line = format!(
        r#"{{"timestamp":"2026-01-02T03:04:05.000000006Z","level":"ERROR","logger":"orders","message":"{}","correlation_id":"c-1","x":"{}"}}"#,
        "m".repeat(400),
        "x".repeat(400)
    );
    let size = line.len();
    let expected = format!(
        r#"{{"timestamp":"2026-01-02T03:04:05.000000006Z","level":"ERROR","logger":"orders","correlation_id":"c-1","_truncated":true,"_original_size":{size},"_heavily_truncated":true}}"#
    );
    assert_eq!(shrink(&line, expected.len()), expected);
    let fewer = shrink(&line, expected.len() - 1);
    assert_eq!(fewer, expected.replace(r#""correlation_id":"c-1","#, ""), "the last of the list goes");
}

#[test]
fn story_5_13_a_custom_list_of_preserved_fields_is_kept() {
    let user = r#""user":{"id":7,"name":"nnnnnnnnnnnnnnnnnnnn"}"#;
    let line = format!(r#"{{"level":"INFO","message":"hi","order":0.100000000000,{user},"x":"{}"}}"#, "x".repeat(400));
    let build =
        |limit| SizeGuard::builder().max_bytes(limit).preserve_fields(["user", "order", "message"]).build().unwrap();
    let size = line.len();
    let heavy = format!(r#""_truncated":true,"_original_size":{size},"_heavily_truncated":true}}"#);
    for expected in [
        format!(
            r#"{{"level":"INFO","message":"hi","order":0.100000000000,{user},"_truncated":true,"_original_size":{size}}}"#
        ),
        format!(r#"{{"message":"hi","order":0.100000000000,{user},"_truncated":true,"_original_size":{size}}}"#),
        // Without room for all of them, the last of the list goes first.
        format!(r#"{{{user},{heavy}"#),
        // What does not fit by itself does not keep others out.
        format!(r#"{{"message":"hi","order":0.100000000000,{heavy}"#),
    ] {
        assert_eq!(shrink_with(&mut build(expected.len()), line.as_bytes()), expected);
    }
}

#[test]
fn story_5_13_long_preserved_values_are_shortened_the_longest_first() {
    let line = format!(r#"{{"level":"ERROR","logger":"{}","correlation_id":"{}"}}"#, "l".repeat(500), "c".repeat(40));
    let out = shrink(&line, 240);
    let json = parse(&out);
    assert_eq!(json["level"], "ERROR");
    assert_eq!(json["correlation_id"], "c".repeat(40));
    assert!(json["logger"].as_str().unwrap().starts_with("lllll"), "{out}");
    assert!(json["logger"].as_str().unwrap().ends_with(SUFFIX), "{out}");
    assert_eq!(out.len(), 240);
    // What is no text cannot be shortened.
    let line = format!(r#"{{"level":[{}1],"logger":"{}"}}"#, "1,".repeat(200), "l".repeat(500));
    let json = parse(&shrink(&line, 150));
    assert_eq!(json["level"], Json::Null);
    assert!(json["logger"].as_str().unwrap().ends_with(SUFFIX));
}

#[test]
fn story_5_13_non_ascii_text_stays_as_it_is_and_whole() {
    for (text, width) in [("é", 2), ("日", 3), ("😀", 4), ("\\n", 2), ("\\u00e9", 6), ("\\ud83d\\ude00", 12)] {
        let line = format!(r#"{{"message":"{}","level":"INFO"}}"#, text.repeat(600));
        for limit in 600..612 {
            let out = shrink(&line, limit);
            let (_, message) = members(&out).remove(0);
            let kept = message[1..message.len() - 1].strip_suffix(SUFFIX).unwrap();
            assert_eq!(kept, text.repeat(kept.len() / width), "cut between characters only");
            assert!(out.len() + width > limit, "and no earlier than needed: {} of {limit}", out.len());
            parse(&out);
        }
    }
}

#[test]
fn story_5_13_malformed_lines_become_a_message() {
    for line in [
        format!("plain text \"with\" quotes\n and {}", "more ".repeat(100)),
        format!("{{\"message\":\"{}", "cut ".repeat(100)),
        format!("{{\"a\":1}} {{\"b\":\"{}\"}}", "b".repeat(200)),
        "9".repeat(400),
        "\u{1}".repeat(400),
    ] {
        let json = parse(&shrink(&line, 150));
        let message = json["message"].as_str().unwrap();
        assert!(line.starts_with(message.strip_suffix(SUFFIX).unwrap()), "{message}");
        assert_eq!((&json["_truncated"], &json["_original_size"]), (&true.into(), &line.len().into()));
    }
    let bytes = [&[0xff, b'a', 0xc3][..], &[b'x'; 200]].concat();
    let json = parse(&shrink_with(&mut guard(100), &bytes));
    assert!(json["message"].as_str().unwrap().starts_with("\u{fffd}a\u{fffd}x"), "{json}");
}

#[test]
fn story_5_13_arrays_and_texts_are_truncated_too() {
    let array = format!("[0.10, \"two\",{{\"n\":3}},\n[{}4],5]", "4,".repeat(100));
    let out = shrink(&array, 110);
    assert_eq!(out, format!(r#"{{"data":[0.10,"two",{{"n":3}}],"_truncated":true,"_original_size":{}}}"#, array.len()));
    let text = format!("\"a\\n{}\"", "\\u00e9".repeat(100));
    let out = shrink(&text, 110);
    assert!(out.starts_with(r#"{"message":"a\n\u00e9\u00e9"#), "{out}");
    assert!(out.len() > 110 - 6, "{out}");
    assert_eq!(
        shrink(&format!("[\"{}\"]", "x".repeat(200)), 100),
        r#"{"data":[],"_truncated":true,"_original_size":204}"#
    );
}

#[test]
fn story_5_13_drop_ends_the_event_or_leaves_a_marker_that_fits() {
    let line = "x".repeat(300);
    let build =
        |max, marker| SizeGuard::builder().max_bytes(max).action(SizeAction::Drop).drop_marker(marker).build().unwrap();
    let mut out = Vec::new();
    assert_eq!(build(200, false).process(line.as_bytes(), &mut out).unwrap(), Processed::Drop("size_guard"));
    assert!(out.is_empty());
    let marker = r#"{"_dropped":true,"_reason":"payload_size_exceeded","_original_size":300,"_max_bytes":200}"#;
    let mut guard = build(200, true);
    assert_eq!(shrink_with(&mut guard, line.as_bytes()), marker);
    assert_eq!((guard.counts().dropped(), guard.counts().truncated(), guard.counts().warned()), (1, 0, 0));
}

#[test]
fn story_5_13_warn_counts_and_lets_pass() {
    let mut guard = SizeGuard::builder().max_bytes(1).action(SizeAction::Warn).build().unwrap();
    let counts = guard.counts();
    let mut replica = guard.replicate().unwrap();
    let mut out = Vec::new();
    for _ in 0..3 {
        assert_eq!(guard.process(b"{}", &mut out).unwrap(), Processed::Unchanged);
        assert_eq!(replica.process(b"{}", &mut out).unwrap(), Processed::Unchanged);
    }
    assert_eq!((counts.warned(), counts.truncated(), counts.dropped()), (6, 0, 0), "replicas count together");
    assert!(out.is_empty());
}

#[test]
fn story_5_13_an_impossible_limit_is_an_error_that_names_it() {
    for (max, action, min) in [
        (0, SizeAction::Truncate, 100),
        (99, SizeAction::Truncate, 100),
        (0, SizeAction::Drop, 1),
        (0, SizeAction::Warn, 1),
    ] {
        let error = SizeGuard::builder().max_bytes(max).action(action).build().unwrap_err();
        assert_eq!(error, SizeGuardError::MaxBytes { max_bytes: max, min });
        let text = error.to_string();
        assert!(text.contains(&format!("max_bytes = {max}:")) && text.contains(&min.to_string()), "{text}");
    }
    assert!(SizeGuard::builder().max_bytes(100).build().is_ok());
    assert_eq!(SizeGuard::new().options.max_bytes, 256_000);
}

#[test]
fn untouched_values_keep_their_source_text_and_their_order() {
    let kept = r#""z":0.10,"a" : 1E5 ,"n":-0.0,"big":123456789012345678901234567890,"huge":1e400,"o":{"b": [ 1, 2 ],"a":null},"s":"\u00e9\/""#;
    for trouble in ["", r#","lone":"\ud800""#] {
        let line = format!(r#"{{{kept}{trouble},"x":"{}","last":true}}"#, "x".repeat(500));
        let out = shrink(&line, 300);
        assert!(out.starts_with(&format!("{{{}{trouble},\"last\":true,", kept.replace(" ,", ","))), "{out}");
    }
}

#[test]
fn names_with_escapes_are_the_same_names() {
    let line = format!(r#"{{"le\u0076el":"INFO","m\u0065ssage":"{}","x":"{}"}}"#, "m".repeat(100), "x".repeat(400));
    let json = parse(&shrink(&line, 150));
    assert_eq!(json["level"], "INFO");
    assert!(json["message"].as_str().unwrap().ends_with(SUFFIX), "{json}");
}

#[test]
fn marks_are_never_there_twice() {
    let line = format!(r#"{{"_truncated":true,"message":"{}","_original_size":7,"_seq":"1-2-3"}}"#, "m".repeat(300));
    let out = shrink(&line, 150);
    assert!(out.ends_with(&format!(r#""_seq":"1-2-3","_truncated":true,"_original_size":{}}}"#, line.len())), "{out}");
    assert_eq!(out.matches("_truncated").count(), 1);
    let line = line
        .replace("{\"_tr", "{\"schema_version\":\"1.1\",\"log\":{\"diagnostics\":{\"_tr")
        .replace(",\"message", "},\"message");
    let out = shrink(&format!("{line}}}"), 200);
    assert_eq!((out.matches("\"_truncated").count(), out.matches("_original_size").count()), (1, 1), "{out}");
    assert!(out.contains(r#""log":{"diagnostics":{"_truncated":true,"#), "{out}");
}

#[test]
fn a_second_guard_can_cut_further() {
    let line = format!(r#"{{"level":"INFO","message":"{}","a":"{}"}}"#, "m".repeat(300), "a".repeat(300));
    let once = shrink(&line, 400);
    let twice = shrink(&once, 200);
    assert_eq!(parse(&twice)["_original_size"], once.len());
    assert_eq!(twice.matches("_truncated").count(), 1);
}

#[test]
fn repeated_names_cannot_crowd_out_the_rest() {
    // 20,000 fields that claim to be preserved: one is.
    let line = format!(r#"{{"data":{{{}"z":1}},"level":"INFO","message":"m"}}"#, r#""level":"DEBUG","#.repeat(20_000));
    let out = shrink(&line, 200);
    let json = parse(&out);
    assert_eq!((&json["level"], &json["message"]), (&"INFO".into(), &"m".into()));
}

#[test]
fn defect_b1_an_oversize_envelope_keeps_its_preserved_fields() {
    let line = v1_1(
        r#""timestamp":"2026-01-02T03:04:05Z","level":"ERROR","message":"payment failed""#,
        r#""correlation_id":"c-77","user_id":"u-1""#,
        &format!(r#""amount":0.10,"body":"{}""#, "b".repeat(2_000)),
    );
    let out = shrink(&line, 500);
    let log = &parse(&out)["log"];
    assert_eq!(log["level"], "ERROR");
    assert_eq!(log["timestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(log["logger"], "orders");
    assert_eq!(log["message"], "payment failed");
    assert_eq!(log["context"]["correlation_id"], "c-77");
    assert!(out.contains(r#""data":{"amount":0.10}"#), "only the largest went: {out}");
    assert_eq!(log["diagnostics"]["_truncated"], true);
    assert_eq!(log["diagnostics"]["_original_size"], line.len());
    assert_eq!(parse(&out)["schema_version"], "1.1");
    // A long message is shortened where it is.
    let line = v1_1(
        &format!(r#""level":"ERROR","message":"{}""#, "m".repeat(2_000)),
        r#""correlation_id":"c-77""#,
        r#""a":1"#,
    );
    let out = shrink(&line, 500);
    assert_eq!((out.len(), parse(&out)["log"]["data"]["a"].clone()), (500, 1.into()));
    // And what is heavily truncated is still an envelope.
    let out = shrink(&line, 190);
    let heavy = &parse(&out)["log"];
    assert_eq!((&heavy["level"], &heavy["context"]["correlation_id"]), (&"ERROR".into(), &"c-77".into()), "{out}");
    assert_eq!(heavy["diagnostics"]["_heavily_truncated"], true);
}

#[test]
fn defect_b2_no_output_is_larger_than_the_limit() {
    // A large preserved field.
    let line = format!(r#"{{"level":"INFO","correlation_id":"{}"}}"#, "c".repeat(1_000));
    let json = parse(&shrink(&line, 300));
    assert!(json["correlation_id"].as_str().unwrap().len() > 100);
    // A marker that is larger than the limit.
    let mut small = SizeGuard::builder().max_bytes(50).action(SizeAction::Drop).drop_marker(true).build().unwrap();
    let mut out = Vec::new();
    assert_eq!(small.process(&[b'x'; 60], &mut out).unwrap(), Processed::Drop("size_guard"));
    assert!(out.is_empty());
    // Bytes, not characters: nearly all of the limit is used.
    let out = shrink(&format!(r#"{{"message":"{}"}}"#, "é".repeat(600)), 1_000);
    assert!(out.len() >= 999 && out.matches('é').count() > 450, "{out}");
    // An array.
    shrink(&format!("[{}1]", "1,".repeat(1_000)), 100);
}

#[test]
fn events_of_the_encoder_are_truncated_in_both_envelopes() {
    let text = "t".repeat(400);
    let fields = [
        ("correlation_id", Value::Str("c-1")),
        ("price", Value::Json("0.10")),
        ("text", Value::Str(&text)),
        ("id", Value::U128(u128::MAX)),
    ];
    with_event(Level::ERROR, &fields, |event| {
        for line in lines(event) {
            let out = shrink(&line, line.len() - 200);
            let leaves: BTreeMap<_, _> = leaves(&out).into_iter().collect();
            let find =
                |name: &str| leaves.iter().find(|(path, _)| path.ends_with(name)).map(|(_, value)| value.as_str());
            assert_eq!(find("/level"), Some("\"ERROR\""));
            assert_eq!(find("/timestamp"), Some("\"1970-01-01T00:00:00.000000000Z\""));
            assert_eq!(find("/correlation_id"), Some("\"c-1\""));
            assert_eq!(find("/price"), Some("0.10"));
            assert_eq!(find("/id"), Some("340282366920938463463374607431768211455"));
            assert_eq!(find("/text"), None);
        }
    });
}

/// Found by the property test: a raw document with a long `_seq` of its own cost a listed field its end.
#[test]
fn a_long_value_with_a_name_of_the_engine_takes_no_room_from_a_preserved_field() {
    let (own, time) = (format!("[{}1]", "1,".repeat(300)), "t".repeat(300));
    let line = format!(r#"{{"message":"m","data":{{"_seq":{own},"timestamp":"{time}"}}}}"#);
    let out = shrink(&line, 800);
    assert!(out.contains(&time) && !out.contains("_seq"), "{out}");
}

/// The status documents, as the events of a service that logs one as raw JSON and of one that logs its members.
#[test]
fn real_nested_documents_fit_every_limit_in_both_envelopes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/ndjson/nginx_plus.ndjson");
    let Ok(documents) = fs::read_to_string(path) else {
        eprintln!("skipped: no {path}");
        return;
    };
    let documents: Vec<&str> = documents.lines().collect();
    let limits = [100, 101, 128, 200, 256, 300, 400, 512, 777, 1_024, 1_500, 2_048, 3_000, 4_096, 5_000, 5_700, 8_192];
    for (at, limit) in limits.into_iter().enumerate() {
        // Each limit with some of the documents, so that all are used.
        for document in documents.iter().skip(at).step_by(limits.len()) {
            check(document, limit, SizeGuard::builder());
            let fields = members(document);
            let fields: Vec<(&str, Value<'_>)> =
                fields.iter().map(|(name, value)| (name.as_str(), Value::Json(value))).collect();
            let status = [("correlation_id", Value::Str("c-1")), ("status", Value::Json(document))];
            for fields in [&fields[..], &status] {
                with_event(Level::INFO, fields, |event| {
                    for envelope in [Envelope::Flat, Envelope::V1_1] {
                        let mut line = LineBuffer::new();
                        JsonEncoder::new(envelope).encode(event, None, &mut line);
                        check(str::from_utf8(&line).unwrap(), limit, SizeGuard::builder());
                    }
                });
            }
        }
    }
}

/// What holds for every object and limit.
fn check(line: &str, limit: usize, options: SizeGuardBuilder) {
    let mut guard = options.max_bytes(limit).build().unwrap();
    if line.len() <= limit {
        let mut out = Vec::new();
        assert_eq!(guard.process(line.as_bytes(), &mut out).unwrap(), Processed::Unchanged);
        return;
    }
    let out = shrink_with(&mut guard, line.as_bytes());
    let original = leaves(line);
    let left = leaves(&out);

    let in_log = original.iter().any(|(path, _)| path.starts_with("/log/"));
    let homes = if in_log { &["", "/log", "/log/diagnostics"][..] } else { &[""] };
    let is_mark = |path: &str| {
        let (home, name) = path.rsplit_once('/').unwrap_or_default();
        homes.contains(&home) && ["_truncated", "_original_size", "_heavily_truncated"].contains(&name)
    };
    let mark = |name: &str| {
        let found = left.iter().find(|(path, _)| is_mark(path) && path.ends_with(name));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(mark("/_truncated"), Some("true"), "{out}");
    assert_eq!(mark("/_original_size"), Some(line.len().to_string().as_str()), "{out}");

    // Everything else was there before, in this order, whole or cut.
    let mut before = original.iter();
    for (path, value) in left.iter().filter(|(path, _)| !is_mark(path)) {
        let same = |(p, v): &&(String, String)| {
            let cut = || v.starts_with(value.strip_suffix("\"").unwrap_or("?").strip_suffix(SUFFIX).unwrap_or("?"));
            p == path && (value == &one_line(v) || cut())
        };
        assert!(before.any(|leaf| same(&leaf)), "{path} = {value} is new or moved: {line} became {out}");
    }

    // What is preserved and fits is there, and whole.
    let mut seen = Vec::new();
    let preserved: Vec<_> = original
        .iter()
        .filter(|(path, _)| {
            let name = path.rsplit('/').next().unwrap().to_owned();
            let first = !seen.contains(path);
            seen.push(path.clone());
            first && guard.options.preserve_fields.contains(&name) && !is_mark(path)
        })
        .collect();
    // Names may be written longer than they are, envelopes need braces, and the engine's own fields are kept, too.
    let own = original.iter().filter(|(path, value)| {
        ["_seq", "_redaction_failed", "_damaged"].iter().any(|name| path.ends_with(name)) && value.len() <= 64
    });
    let bytes: usize = preserved.iter().copied().chain(own).map(|(path, value)| 6 * path.len() + value.len() + 8).sum();
    if bytes + 200 <= limit {
        for leaf in preserved {
            assert!(
                left.contains(&(leaf.0.clone(), one_line(&leaf.1))),
                "{leaf:?} is missing with {limit} and {:?}: {line} became {out}",
                guard.options.preserve_fields
            );
        }
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c < ' ' { ' ' } else { c }).collect()
}

fn any_value() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
    ];
    let text = prop_oneof![
        "(?s).{0,60}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "([a-z]|\\\\n|\\\\u00e9|\\\\ud83d\\\\ude00|\\\\ud800|\\\\\\\\|\\\\\"|\u{e9}|\u{1f600}){0,120}"
            .prop_map(|inner| format!("\"{inner}\"")),
    ];
    let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number, text];
    leaf.prop_recursive(4, 40, 6, |value| {
        let members = prop::collection::vec((any_name(), value.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(value, 0..6).prop_map(|elements| format!("[{}]", elements.join(" ,\n"))),
            members.prop_map(|members| object(&members)),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "level",
            "timestamp",
            "logger",
            "correlation_id",
            "message",
            "data",
            "context",
            "metadata",
            "diagnostics",
            "_truncated",
            "_original_size",
            "_seq",
            "log",
            "le\\u0076el",
        ][..],
    );
    prop_oneof![known.prop_map(str::to_owned), "[a-z_]{1,12}", "([a-z\u{e9}]|\\\\\"|\\\\u0041){1,6}"]
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_event_fits_any_limit_in_both_envelopes(
        fields in prop::collection::vec((any_name(), any_value()), 0..14),
        context in prop::collection::vec((any_name(), any_value()), 0..4),
        message in "(?s).{0,200}",
        limit in 100..1_500usize,
        preserve in prop::collection::vec("level|logger|_seq|[a-z_]{1,2}", 0..4),
    ) {
        let message = ("message".to_owned(), serde_json::to_string(&message).unwrap());
        let flat = object(&[&[message.clone()][..], &fields].concat());
        let log = object(&[message, ("context".to_owned(), object(&context)), ("data".to_owned(), object(&fields))]);
        let v1_1 = format!("{{\"schema_version\":\"1.1\",\"log\":{log}}}");
        for line in [&flat, &v1_1] {
            check(line, limit, SizeGuard::builder());
            check(line, limit, SizeGuard::builder().preserve_fields(&preserve));
        }
    }

    #[test]
    fn any_document_fits_any_limit(document in any_value(), limit in 100..600usize) {
        if document.len() > limit {
            shrink(&document, limit);
        }
    }

    #[test]
    fn any_bytes_fit_any_limit(mut bytes in prop::collection::vec(any::<u8>(), 101..400), limit in 100..200usize) {
        bytes.extend_from_slice(&[b'"'; 200]);
        shrink_with(&mut guard(limit), &bytes);
    }

    /// What simd-json accepts is JSON to serde_json, too: else the output might be none.
    #[test]
    fn broken_documents_are_recognised(
        document in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>(), limit in 100..200usize,
    ) {
        let mut bytes = format!("{{\"level\":\"INFO\",\"a\":{document},\"b\":[{document}]}}").into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if bytes.len() > limit {
            shrink_with(&mut guard(limit), &bytes);
        }
    }
}
