use super::*;
use crate::wire::{encode_named, encode_time};

fn context(logger: &str, fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut bytes = (logger.len() as u16).to_le_bytes().to_vec();
    bytes.extend_from_slice(logger.as_bytes());
    fields.iter().for_each(|(name, value)| encode_named(name, value, &mut bytes));
    bytes
}

fn arguments(values: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.iter().for_each(|value| value.encode(&mut bytes));
    bytes
}

static SITE: Callsite = Callsite::new("order filled", "m", "f", 1, &["id", "price"]);

fn record<'a>(context: &'a [u8], arguments: &'a [u8]) -> Record<'a> {
    Record {
        timestamp: 1,
        level: Level::INFO,
        callsite: Some(&SITE),
        trace: None,
        shape: Shape::default(),
        context,
        arguments,
    }
}

fn text(event: &Event<'_>) -> String {
    event.fields().map(|(_, f)| format!("{}={:?}/{:?} ", f.name, f.value, f.layer)).collect()
}

#[test]
fn the_statement_hides_the_scope_which_hides_the_logger() {
    let context =
        context("orders", &[("id", Value::U64(1)), ("user", Value::Str("outer")), ("user", Value::Str("inner"))]);
    let arguments = arguments(&[Value::U64(7), Value::F64(1.5)]);
    let mut buffers = EventBuffers::default();
    let event = Event::open(record(&context, &arguments), &mut buffers);
    assert_eq!(event.logger(), "orders");
    assert_eq!(event.message(), "order filled");
    assert_eq!(text(&event), "id=U64(7)/Argument price=F64(1.5)/Argument user=Str(\"inner\")/Context ");
}

#[test]
fn enrichment_adds_only_new_names_and_is_taken_back_unless_committed() {
    let arguments = arguments(&[Value::U64(7), Value::Null]);
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record(&[], &arguments), &mut buffers);
    let mut fixed = EncodedFields::new();
    fixed.push("host", "a");
    fixed.push("id", 9u8);
    fixed.push("host", "b");

    let mut enrichment = Enrichment::new(&mut event);
    enrichment.add_encoded(&fixed);
    assert!(!enrichment.add("price", 3u8));
    enrichment.commit();
    let before = text(&event);
    assert_eq!(before, "id=U64(7)/Argument price=Null/Argument host=Str(\"b\")/Added ");

    let mut enrichment = Enrichment::new(&mut event);
    assert!(enrichment.add("pid", 3u8));
    assert!(enrichment.get("pid").is_some());
    drop(enrichment);
    assert_eq!(text(&event), before);
}

#[test]
fn redaction_replaces_and_removes_without_touching_the_record() {
    let context = context("", &[("token", Value::Str("s3cret"))]);
    let arguments = arguments(&[Value::U64(7), Value::Str("p")]);
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record(&context, &arguments), &mut buffers);
    let token = event.position("token").unwrap();
    event.replace(token, Value::Str("***"));
    event.remove(event.position("id").unwrap());
    assert_eq!(text(&event), "price=Str(\"p\")/Argument token=Str(\"***\")/Context ");
    event.replace_message("other");
    assert_eq!(event.message(), "other");
    event.mask_all("***");
    assert!(event.redaction_failed());
    assert_eq!(event.message(), "***");
    assert_eq!(text(&event), "price=Str(\"***\")/Argument token=Str(\"***\")/Context ");
}

#[test]
fn a_field_can_be_renamed_but_not_to_a_name_that_is_taken() {
    let context = context("", &[("user@example.org", Value::U64(1)), ("gone", Value::Null)]);
    let arguments = arguments(&[Value::U64(7), Value::Null]);
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record(&context, &arguments), &mut buffers);
    event.remove(3);
    assert!(event.rename(2, "***") && !event.rename(0, "***") && !event.rename(0, "price"));
    assert!(!event.rename(3, "new") && !event.rename(9, "new"), "there is no such field");
    assert!(event.rename(0, &"é".repeat(40_000)));
    event.remove(0);
    assert_eq!(text(&event), "price=Null/Argument ***=U64(1)/Context ");
}

#[test]
fn a_message_and_names_can_come_with_the_event() {
    let mut arguments = arguments(&[Value::Str("made at run time")]);
    encode_named("a", &Value::U64(1), &mut arguments);
    encode_named("b", &Value::U64(2), &mut arguments);
    encode_named("a", &Value::U64(3), &mut arguments);
    let shape = Shape { inline_message: true, named_arguments: true, truncated: false };
    let mut buffers = EventBuffers::default();
    let event = Event::open(Record { shape, ..record(&[], &arguments) }, &mut buffers);
    assert_eq!(event.message(), "made at run time");
    assert_eq!(text(&event), "a=U64(3)/Argument b=U64(2)/Argument ");
}

#[test]
fn an_event_can_bring_its_own_time_and_no_field_passes_for_one() {
    let shape = Shape { inline_message: true, named_arguments: true, truncated: false };
    let open = |bytes: &[u8], check: &dyn Fn(&Event<'_>)| {
        check(&Event::open(Record { shape, ..record(&[], bytes) }, &mut EventBuffers::default()));
    };
    let mut timed = Vec::new();
    encode_time(77, &mut timed);
    Value::Str("older").encode(&mut timed);
    encode_named("a", &Value::U64(1), &mut timed);
    open(&timed, &|event| {
        assert_eq!((event.timestamp(), event.message(), event.is_damaged()), (77, "older", false));
        let mut held = event.hold();
        assert_eq!((held.timestamp(), held.event().timestamp()), (77, 77));
        let mut buffers = event.buffers.clone();
        let resumed = Event::resume(Record { shape, ..record(&[], &timed) }, &mut buffers);
        assert_eq!((resumed.timestamp(), resumed.message()), (77, "older"));
        assert_eq!(text(event), "a=U64(1)/Argument ");
    });
    open(&timed[..5], &|event| assert!(event.is_damaged() && event.timestamp() == 1));
    let mut plain = arguments(&[Value::Bytes(&timed)]);
    encode_named("", &Value::U64(77), &mut plain);
    open(&plain, &|event| assert_eq!((event.timestamp(), event.is_damaged()), (1, false)));
}

#[test]
fn damaged_bytes_are_said_and_the_readable_part_is_kept() {
    let mut arguments = arguments(&[Value::U64(7), Value::Str("text")]);
    arguments.truncate(12);
    let mut buffers = EventBuffers::default();
    let event = Event::open(record(&[9, 9, 9], &arguments), &mut buffers);
    assert!(event.is_damaged());
    assert_eq!(text(&event), "id=U64(7)/Argument ");
}

#[test]
fn fields_written_ahead_stay_whole_when_the_value_of_another_one_panics() {
    struct Panics;
    impl std::fmt::Display for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("as values may")
        }
    }
    let mut fields = EncodedFields::new();
    fields.push("service", "orders");
    fields.write_ahead();
    let push = std::panic::AssertUnwindSafe(|| fields.push("x", Value::Display(&Panics)));
    assert!(std::panic::catch_unwind(push).is_err());
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record(&[], &[]), &mut buffers);
    let mut enrichment = Enrichment::new(&mut event);
    enrichment.add_encoded(&fields);
    enrichment.commit();
    let line = crate::testing::line_of(&event, crate::Envelope::Flat);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["service"], "orders");
}
