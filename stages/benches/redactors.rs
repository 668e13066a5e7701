//! What does each redactor cost for an event in which nothing matches, and for one in which something does?

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use logwheel_core::wire::encode_named;
use logwheel_core::{Event, EventBuffers, Level, Record, Redactor, Shape, Value};
use logwheel_stages::{FieldBlocker, FieldMask, PresetMask, RedactPreset, RegexMask, StringTruncate, UrlCredentials};

const JSON: &str = r#"{"id":17,"user":{"name":"ann","roles":["a","b"]},"items":[{"sku":"x-1","n":2}],"price":12.50}"#;

const SECRET_JSON: &str =
    r#"{"id":17,"user":{"name":"ann","password":"hunter2"},"to":"ann@example.org","via":"https://u:p@h/?token=t"}"#;

/// An everyday event, an event with JSON, and one with something for every redactor.
fn events() -> [(&'static str, Vec<u8>); 3] {
    let event = |message: &str, fields: &[(&str, Value<'_>)]| {
        let mut bytes = Vec::new();
        Value::Str(message).encode(&mut bytes);
        fields.iter().for_each(|(name, value)| encode_named(name, value, &mut bytes));
        bytes
    };
    let plain = [("order_id", Value::U64(4_711)), ("price", Value::F64(12.5)), ("symbol", Value::Str("ACME"))];
    let with_json = [plain[0], plain[1], ("request", Value::Json(JSON))];
    let secret = [
        ("password", Value::Str("hunter2")),
        ("card", Value::Str("4111 1111 1111 1111")),
        ("doc", Value::Json(SECRET_JSON)),
    ];
    [
        ("plain", event("order filled for customer 12 at 10:05:03", &plain)),
        ("json", event("order filled for customer 12 at 10:05:03", &with_json)),
        ("match", event("login of ann@example.org at https://u:p@h", &secret)),
    ]
}

fn redactors() -> Vec<(&'static str, Box<dyn Redactor>)> {
    let paths = ["password", "**.password", "**.token", "user.email", "card.number"];
    vec![
        ("none", Box::new(|_: &mut Event<'_>| {})),
        ("field_mask", Box::new(FieldMask::new(paths).expect("valid paths"))),
        ("field_blocker", Box::new(FieldBlocker::new(paths).expect("valid paths"))),
        (
            "regex_mask",
            Box::new(RegexMask::new(["hunter[0-9]", r"(?-u:\b)[0-9]{3}-[0-9]{2}-[0-9]{4}"]).expect("valid")),
        ),
        ("url_credentials", Box::new(UrlCredentials::new())),
        (
            "url_credentials+parameters",
            Box::new(UrlCredentials::new().query_parameters(UrlCredentials::COMMON_PARAMETERS)),
        ),
        ("string_truncate", Box::new(StringTruncate::new().max_chars(12))),
        ("preset:pci", Box::new(PresetMask::new([RedactPreset::Pci]))),
        ("preset:all", Box::new(PresetMask::new(RedactPreset::all().iter().copied()))),
    ]
}

fn redact(c: &mut Criterion) {
    for (kind, arguments) in events() {
        let mut group = c.benchmark_group(format!("redact/{kind}"));
        for (name, mut redactor) in redactors() {
            let mut buffers = EventBuffers::default();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let record = Record {
                        timestamp: 0,
                        level: Level::INFO,
                        callsite: None,
                        trace: None,
                        shape: Shape { inline_message: true, named_arguments: true, ..Shape::default() },
                        context: &[],
                        arguments: black_box(&arguments),
                    };
                    let mut event = Event::open(record, &mut buffers);
                    redactor.redact(&mut event).expect("redactors never fail");
                    black_box(event.slots())
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, redact);
criterion_main!(benches);
