//! Redactors do not allocate where nothing matches. A binary of its own, for its allocator.

mod counting;

use counting::taken;
use logwheel_core::wire::encode_named;
use logwheel_core::{Event, EventBuffers, Level, Record, Redactor, Shape, Value};
use logwheel_stages::{FieldBlocker, FieldMask, PresetMask, RedactPreset, RegexMask, StringTruncate, UrlCredentials};

/// How often redacting events takes memory, once the redactor is warm.
fn allocations(redactor: &mut dyn Redactor, fields: &[(&str, Value<'_>)]) -> u64 {
    let mut arguments = Vec::new();
    Value::Str("order 4711 of customer 12 was filled at 10:05:03").encode(&mut arguments);
    fields.iter().for_each(|(name, value)| encode_named(name, value, &mut arguments));
    let record = Record {
        timestamp: 0,
        level: Level::INFO,
        callsite: None,
        trace: None,
        shape: Shape { inline_message: true, named_arguments: true, ..Shape::default() },
        context: &[],
        arguments: &arguments,
    };
    let mut buffers = EventBuffers::default();
    let mut redact = || {
        let mut event = Event::open(record, &mut buffers);
        redactor.redact(&mut event).unwrap();
    };
    (0..10).for_each(|_| redact());
    let before = taken();
    (0..1_000).for_each(|_| redact());
    taken() - before
}

fn redactors() -> Vec<Box<dyn Redactor>> {
    vec![
        Box::new(FieldMask::new(["password", "**.token", "doc.a.b"]).unwrap().case_insensitive(true)),
        Box::new(FieldBlocker::new(["password", "**.token", "doc.a.b"]).unwrap()),
        Box::new(RegexMask::new([r"(?-u:\b)\d{3}-\d{2}-\d{4}(?-u:\b)", "s3cret"]).unwrap().numbers(true)),
        Box::new(UrlCredentials::new().query_parameters(UrlCredentials::COMMON_PARAMETERS)),
        Box::new(StringTruncate::new().max_chars(1_000).max_bytes(2_000)),
        Box::new(PresetMask::new(RedactPreset::all().iter().copied())),
    ]
}

#[test]
fn an_event_without_a_match_costs_no_allocation() {
    let fields = [
        ("order_id", Value::U64(4_711)),
        ("price", Value::F64(12.5)),
        ("symbol", Value::Str("ACME ünlimited")),
        ("path", Value::Str("https://host:8080/orders/12?page=2")),
        ("bytes", Value::Bytes(b"plain \xff bytes")),
        ("tags", Value::Json("[\"a\", \"\\u0062\\n\", 17]")),
    ];
    for mut redactor in redactors() {
        assert_eq!(allocations(&mut *redactor, &fields), 0, "{}", redactor.name());
    }
}

#[test]
fn json_with_nesting_costs_one_small_allocation_by_its_check() {
    let fields = [("doc", Value::Json(r#"{"a":{"c":[1,{"d":"x"}]}}"#))];
    for mut redactor in redactors() {
        assert_eq!(allocations(&mut *redactor, &fields), 1_000, "{}", redactor.name());
    }
}

#[test]
fn a_field_that_is_masked_or_removed_costs_no_allocation() {
    let fields = [("password", Value::Str("hunter2")), ("token", Value::U64(1))];
    for mut redactor in redactors().drain(..2) {
        assert_eq!(allocations(&mut *redactor, &fields), 0, "{}", redactor.name());
    }
    let mut preset = PresetMask::new([RedactPreset::Credentials]);
    assert_eq!(allocations(&mut preset, &fields), 0);
}
