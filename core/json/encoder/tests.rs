use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::testing::{TestEvent, line_of};
use crate::wire::encode_named;
use crate::{Callsite, EncodedFields, EventBuffers, Level, Record, Shape, TraceContext, Value};

/// An event with these fields, as a line; and what the encoder counted.
fn line(
    envelope: Envelope,
    message: &str,
    fields: &[(&str, Value<'_>)],
    change: impl FnOnce(&mut Record<'_>),
) -> (String, EncodeCounts) {
    let mut arguments = Vec::new();
    Value::Str(message).encode(&mut arguments);
    fields.iter().for_each(|(name, value)| encode_named(name, value, &mut arguments));
    let mut record = Record {
        timestamp: 1_769_860_800_000_000_005,
        level: Level::INFO,
        callsite: None,
        trace: None,
        shape: Shape { inline_message: true, named_arguments: true, truncated: false },
        context: &[],
        arguments: &arguments,
    };
    change(&mut record);
    let mut encoder = JsonEncoder::new(envelope);
    let mut out = LineBuffer::new();
    encoder.encode(&Event::open(record, &mut EventBuffers::default()), None, &mut out);
    (String::from_utf8(out.to_vec()).unwrap(), encoder.counts())
}

fn flat(fields: &[(&str, Value<'_>)]) -> String {
    line(Envelope::Flat, "m", fields, |_| {}).0
}

const HEAD: &str = r#"{"timestamp":"2026-01-31T12:00:00.000000005Z","level":"INFO","message":"m""#;

#[test]
fn plain_values_are_written_as_json() {
    for (value, json) in [
        (Value::Null, "null"),
        (Value::Bool(true), "true"),
        (Value::I64(i64::MIN), "-9223372036854775808"),
        (Value::U64(u64::MAX), "18446744073709551615"),
        (Value::I128(i128::MIN), "-170141183460469231731687303715884105728"),
        (Value::U128(u128::MAX), "340282366920938463463374607431768211455"),
        (Value::F64(0.1), "0.1"),
        (Value::F64(-0.0), "-0.0"),
        (Value::F32(0.1), "0.1"),
        (Value::Char('é'), "\"é\""),
        (Value::Str("a\"\\\n\u{1}"), r#""a\"\\\n\u0001""#),
        (Value::Bytes(b"a\xff\xfeb"), "\"a\u{fffd}\u{fffd}b\""),
        (Value::Duration(Duration::new(3, 0)), "3"),
        (Value::Duration(Duration::new(3, 10_000_000)), "3.01"),
        (Value::Duration(Duration::new(u64::MAX, 999_999_999)), "18446744073709551615.999999999"),
        (Value::Cut { kept: "aé".as_bytes(), original_len: 70_000 }, "\"aé...[truncated, 70000 bytes]\""),
    ] {
        assert_eq!(flat(&[("k", value)]), format!("{HEAD},\"k\":{json}}}"), "{value:?}");
    }
}

#[test]
fn numbers_that_json_cannot_say_are_null_and_counted() {
    let fields = [("a", Value::F64(f64::NAN)), ("b", Value::F64(f64::NEG_INFINITY)), ("c", Value::F32(f32::NAN))];
    let (text, counts) = line(Envelope::Flat, "m", &fields, |_| {});
    assert!(text.ends_with(r#","a":null,"b":null,"c":null}"#), "{text}");
    assert_eq!(counts.non_finite, 3);
}

#[test]
fn raw_json_is_spliced_on_one_line_and_what_is_none_becomes_text() {
    let pretty = "{\n  \"a\": [1,\r\n\t0.10, 1e400],\n \"b\": \"x\\ny\"\n}";
    let fields = [("good", Value::Json(pretty)), ("bad", Value::Json("{\"a\":")), ("two", Value::Json("1 2"))];
    let (text, counts) = line(Envelope::Flat, "m", &fields, |_| {});
    assert!(!text.contains(['\n', '\r', '\t']), "{text}");
    assert!(text.contains("0.10, 1e400"), "numbers keep their source text: {text}");
    assert!(text.ends_with(r#","bad":"{\"a\":","two":"1 2"}"#), "{text}");
    assert_eq!(counts.invalid_json, 2);
}

#[test]
fn a_field_with_a_reserved_name_is_prefixed_and_never_lost() {
    let fields = [
        ("level", Value::U64(1)),
        ("message", Value::U64(2)),
        ("field_message", Value::U64(3)),
        ("_seq", Value::U64(4)),
        ("trace_id", Value::U64(5)),
    ];
    let text = flat(&fields);
    let expected = r#","field_level":1,"field_field_message":2,"field_message":3,"field__seq":4,"trace_id":5}"#;
    assert_eq!(text, format!("{HEAD}{expected}"));

    let trace = TraceContext { trace_id: [0xab; 16], span_id: [1; 8], flags: 1 };
    let (text, _) = line(Envelope::Flat, "m", &fields[4..], |record| record.trace = Some(trace));
    let trace_id = "ab".repeat(16);
    let expected = format!(",\"trace_id\":\"{trace_id}\",\"span_id\":\"0101010101010101\",\"field_trace_id\":5}}");
    assert_eq!(text, format!("{HEAD}{expected}"));
}

#[test]
fn the_v1_1_envelope_sorts_fields_into_their_objects() {
    let mut context = (6u16).to_le_bytes().to_vec();
    context.extend_from_slice(b"orders");
    encode_named("request_id", &Value::Str("r-1"), &mut context);
    encode_named("region", &Value::Str("eu"), &mut context);
    let mut arguments = Vec::new();
    encode_named("price", &Value::F64(1.5), &mut arguments);
    let record = Record {
        timestamp: 0,
        level: Level::ERROR,
        callsite: None,
        trace: None,
        shape: Shape { named_arguments: true, truncated: true, ..Shape::default() },
        context: &context,
        arguments: &arguments,
    };
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record, &mut buffers);
    let mut enrichment = crate::Enrichment::new(&mut event);
    enrichment.add("host", "h1");
    enrichment.commit();
    let mut out = LineBuffer::new();
    let identity = Identity { epoch: 7, lane: 1, number: 42 };
    JsonEncoder::new(Envelope::V1_1).encode(&event, Some(identity), &mut out);
    assert_eq!(
        String::from_utf8(out.to_vec()).unwrap(),
        concat!(
            r#"{"schema_version":"1.1","log":{"timestamp":"1970-01-01T00:00:00.000000000Z","level":"ERROR","#,
            r#""message":"","context":{"request_id":"r-1"},"#,
            r#""diagnostics":{"_seq":"7-1-42","_truncated":true,"host":"h1"},"#,
            r#""data":{"price":1.5,"region":"eu"},"logger":"orders"}}"#
        )
    );
}

#[test]
fn marks_close_a_flat_line() {
    let (text, _) = line(Envelope::Flat, "m", &[("a", Value::Null)], |record| record.shape.truncated = true);
    assert!(text.ends_with(r#","a":null,"_truncated":true}"#), "{text}");
}

/// What is written once and copied from then on reads as what is written for each event.
#[test]
fn templates_and_members_written_ahead_change_nothing() {
    static SITE: Callsite = Callsite::new(
        "say \"hi\"",
        "m",
        "f",
        1,
        &["id", "level", "trace_id", "a_name_of_more_than_thirty_two_bytes_in_all", "quo\"te"],
    );
    let trace = TraceContext { trace_id: [0xab; 16], span_id: [1; 8], flags: 1 };
    let mut added = EncodedFields::new();
    added.push("host", "h\n1");
    added.push("timestamp", 7u8);
    added.push("ratio", f64::NAN);
    added.push("user_id", "u");
    added.push("id", "hidden by the event's own");
    let mut ahead = added.clone();
    ahead.write_ahead();

    for (envelope, trace) in [Envelope::Flat, Envelope::V1_1].into_iter().flat_map(|e| [(e, None), (e, Some(trace))]) {
        let mut templated = JsonEncoder::new(envelope);
        for (number, level) in [Level::INFO, Level::ERROR, Level::INFO].into_iter().enumerate() {
            let values = [Value::U64(1), Value::Str("x"), Value::Null, Value::Str("ACMECORP"), Value::Bool(true)];
            let (mut plain, mut named) = (Vec::new(), Vec::new());
            Value::Str(SITE.message()).encode(&mut named);
            values.iter().for_each(|value| value.encode(&mut plain));
            SITE.fields().iter().zip(&values).for_each(|(name, value)| encode_named(name, value, &mut named));
            let line = |encoder: &mut JsonEncoder, by_site: bool, fields: &EncodedFields| {
                let record = Record {
                    timestamp: 1_000_000_007 * number as u64,
                    level,
                    callsite: by_site.then_some(&SITE),
                    trace,
                    shape: Shape { inline_message: !by_site, named_arguments: !by_site, truncated: false },
                    context: &[],
                    arguments: if by_site { &plain } else { &named },
                };
                let mut buffers = EventBuffers::default();
                let mut event = Event::open(record, &mut buffers);
                let mut enrichment = crate::Enrichment::new(&mut event);
                enrichment.add_encoded(fields);
                enrichment.commit();
                if number == 1 {
                    event.replace(5, Value::Str("***"));
                    event.rename(0, "number");
                }
                let identity = Identity { epoch: 7, lane: number as u32, number: 42 };
                let (mut out, before) = (LineBuffer::new(), encoder.counts().non_finite);
                encoder.encode(&event, Some(identity), &mut out);
                assert_eq!(encoder.counts().non_finite, before + 1);
                String::from_utf8(out.to_vec()).unwrap()
            };
            let slow = line(&mut JsonEncoder::new(envelope), false, &added);
            assert!(serde_json::from_str::<serde_json::Value>(&slow).is_ok(), "{slow}");
            assert_eq!(line(&mut templated, true, &ahead), slow);
            assert_eq!(slow.contains("***"), number == 1);
        }
    }
}

/// What stages do to an event whose fields were written ahead.
#[derive(Debug, Clone)]
enum Change {
    Replace(usize),
    Remove(usize),
    Rename(usize, String),
    MaskAll,
    /// Fields that are written ahead together, kept or taken back.
    Add(Vec<String>, bool),
}

fn any_change() -> impl Strategy<Value = Change> {
    let name = || prop_oneof![12 => "[a-d]{1,2}", 1 => "user_id|level"];
    prop_oneof![
        (0..12usize).prop_map(Change::Replace),
        (0..12usize).prop_map(Change::Remove),
        (0..12usize, name()).prop_map(|(index, name)| Change::Rename(index, name)),
        Just(Change::MaskAll),
        (prop::collection::vec(name(), 1..6), any::<bool>()).prop_map(|(names, keep)| Change::Add(names, keep)),
    ]
}

/// The line of an event that went through these changes.
fn changed(envelope: Envelope, changes: &[Change], ahead: bool) -> String {
    let original = TestEvent::new().message("m").field("a", 1u64).field("b", "x");
    let mut buffers = EventBuffers::default();
    let mut event = original.open(&mut buffers);
    for change in changes {
        match change {
            Change::Replace(index) => event.replace(*index, Value::Str("***")),
            Change::Remove(index) => event.remove(*index),
            Change::Rename(index, name) => drop(event.rename(*index, name)),
            Change::MaskAll => event.mask_all("*"),
            Change::Add(names, keep) => {
                let mut fields = EncodedFields::new();
                names.iter().enumerate().for_each(|(number, name)| fields.push(name, number));
                if ahead {
                    fields.write_ahead();
                }
                let mut enrichment = crate::Enrichment::new(&mut event);
                enrichment.add_encoded(&fields);
                if *keep {
                    enrichment.commit();
                }
            }
        }
    }
    line_of(&event, envelope)
}

/// Every kind of value, with texts that hold all that needs care.
fn any_value() -> impl Strategy<Value = (u8, String, Vec<u8>, f64, i128)> {
    (0..10u8, "(?s).{0,40}", any::<Vec<u8>>(), any::<f64>(), any::<i128>())
}

proptest! {
    #[test]
    fn an_encoder_that_has_seen_other_events_writes_the_same_line(
        events in prop::collection::vec((0..3usize, "[a-d]{0,3}", 0u64..3_000_000_000, ".{0,3}"), 1..60),
        v1_1 in any::<bool>(),
    ) {
        let envelope = if v1_1 { Envelope::V1_1 } else { Envelope::Flat };
        let (mut used, mut buffers, mut out) = (JsonEncoder::new(envelope), EventBuffers::default(), LineBuffer::new());
        for (level, logger, time, message) in &events {
            let level = [Level::INFO, Level::WARN, Level::ERROR][*level];
            let event = TestEvent::new().level(level).logger(logger).timestamp(*time).message(message);
            let event = event.open(&mut buffers);
            out.clear();
            used.encode(&event, None, &mut out);
            prop_assert_eq!(std::str::from_utf8(&out), Ok(&*line_of(&event, envelope)));
        }
    }

    #[test]
    fn fields_written_ahead_together_can_be_changed_one_by_one(changes in prop::collection::vec(any_change(), 0..6)) {
        for envelope in [Envelope::Flat, Envelope::V1_1] {
            let line = changed(envelope, &changes, true);
            prop_assert_eq!(&line, &changed(envelope, &changes, false));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{}", line);
        }
    }

    #[test]
    fn every_line_is_one_line_of_valid_json_with_every_field(
        message in "(?s).{0,40}",
        values in prop::collection::btree_map("(?s).{0,8}|message|level|_seq", any_value(), 0..8),
        v1_1 in any::<bool>(),
    ) {
        let fields: Vec<_> = values.iter().map(|(name, (kind, text, bytes, float, integer))| {
            (name.as_str(), match kind {
                0 => Value::Str(text),
                1 => Value::Bytes(bytes),
                2 => Value::F64(*float),
                3 => Value::I128(*integer),
                4 => Value::Json(text),
                5 => Value::Cut { kept: bytes, original_len: 9 },
                6 => Value::F32(*float as f32),
                7 => Value::Duration(Duration::new(*integer as u64, 5)),
                8 => Value::Bool(true),
                _ => Value::Null,
            })
        }).collect();
        let envelope = if v1_1 { Envelope::V1_1 } else { Envelope::Flat };
        let (text, _) = line(envelope, &message, &fields, |_| {});
        prop_assert!(text.bytes().all(|byte| byte >= 0x20));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        if v1_1 {
            prop_assert_eq!(json["log"]["message"].as_str(), Some(message.as_str()));
            let count = |part: &str| json["log"][part].as_object().unwrap().len();
            prop_assert_eq!(count("data") + count("context") + count("diagnostics"), fields.len());
        } else {
            prop_assert_eq!(json["message"].as_str(), Some(message.as_str()));
            prop_assert_eq!(json.as_object().unwrap().len(), 3 + fields.len());
        }
    }
}
