//! Secrets at random places in random events: none gets into a line, in either envelope.

use std::cell::RefCell;

use logwheel_core::wire::encode_named;
use logwheel_core::{
    EncodedFields, Enrichment, Envelope, Event, EventBuffers, JsonEncoder, Level, LineBuffer, RawJson, Record,
    Redactor, Shape, Value,
};
use logwheel_stages::{FieldBlocker, FieldMask, PresetMask, RedactPreset, RegexMask, UrlCredentials};
use proptest::prelude::*;

/// Secrets that are told by what they look like, each with the part of it that must not be seen.
const TEXTS: [(&str, &str); 10] = [
    ("N33DLE-é\u{1f600}", "N33DLE"),
    ("https://user:N33DLE@host", "N33DLE"),
    ("ftp%3A%2F%2Fuser%3AN33DLE%40host", "N33DLE"),
    ("/login?token=N33DLE&next=1", "N33DLE"),
    ("4111 1111 1111 1111", "1111 1111"),
    ("ann.needle@example.org", "needle"),
    ("DE89 3704 0044 0532 0130 00", "0044 0532"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJOMzNETEUifQ.c2ln", "eyJzdWIi"),
    ("Authorization: Bearer N33DLE00.x", "N33DLE00"),
    ("219-09-9999", "09-9999"),
];

/// Secrets that are told by where they stand: JSON values.
const VALUES: [&str; 5] = [
    "\"N33DLE\"",
    "\"\\u004e33DLE\"",
    "{\"N33DLE\":[\"N33DLE\"]}",
    "[[],\"a N33DLE\",1]",
    "[{\"x\":{\"y\":\"N33DLE\"}}]",
];

/// Names under which they stand, and how these can be written.
const NAMES: [&str; 5] = ["password", "db.password", "PassWord", "api_key", "userApiKey"];

fn redactors() -> Vec<Box<dyn Redactor>> {
    vec![
        Box::new(FieldMask::new(["**.password", "**.api_key"]).unwrap().case_insensitive(true).max_depth(32)),
        Box::new(RegexMask::new(["N33DLE-é\u{1f600}"]).unwrap()),
        Box::new(UrlCredentials::new().query_parameters(["token"])),
        Box::new(PresetMask::new(RedactPreset::all().iter().copied())),
        Box::new(FieldBlocker::new(["**.userapikey"]).unwrap().case_insensitive(true).max_depth(32)),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Layer {
    Message,
    Argument,
    Context,
    Added,
}

/// How the secret is carried.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Text,
    Bytes,
    Json,
    /// As the name of a member, or of a field.
    Name,
}

#[derive(Debug, Clone)]
struct Plan {
    layer: Layer,
    form: Form,
    /// What stands around the secret in its text.
    before: &'static str,
    after: &'static str,
    /// From the inside out: an array, or an object whose member has this name.
    wrappings: Vec<Option<String>>,
    /// Which characters are escaped.
    escapes: u64,
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let layer = prop::sample::select(&[Layer::Message, Layer::Argument, Layer::Context, Layer::Added][..]);
    let form = prop::sample::select(&[Form::Text, Form::Bytes, Form::Json, Form::Json, Form::Name][..]);
    let around = || prop::sample::select(&["", " ", "a ", "(", "é ", "\n\t", " \"", " \u{1f600} ", "x=1, "][..]);
    let after = prop::sample::select(&["", " ", " b", ")", " é", "\n", "\"", ", and"][..]);
    let wrapping = prop::option::of("[a-z_é\"\\\\]{0,6}");
    (layer, form, around(), after, prop::collection::vec(wrapping, 0..8), any::<u64>()).prop_map(
        |(layer, form, before, after, wrappings, escapes)| Plan { layer, form, before, after, wrappings, escapes },
    )
}

/// A text as a JSON string, with escapes where bits are set.
fn quoted(text: &str, escapes: u64) -> String {
    let mut out = String::from("\"");
    for (index, char) in text.chars().enumerate() {
        if escapes >> (index % 64) & 1 != 0 {
            char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            let plain = serde_json::to_string(&char).unwrap();
            out.push_str(&plain[1..plain.len() - 1]);
        }
    }
    out + "\""
}

/// Puts a JSON value into arrays and objects.
fn wrapped(mut json: String, plan: &Plan) -> String {
    for (index, wrapping) in plan.wrappings.iter().enumerate() {
        json = match wrapping {
            None => format!("[0.10, {json},\"kept\"]"),
            Some(name) => {
                let name = quoted(name, plan.escapes.rotate_left(index as u32));
                format!("{{\"first\":1e400, {name} : {json} ,\"last\":[]}}")
            }
        };
    }
    json
}

/// The event's lines, after the redactors.
fn lines(layer: Layer, name: &str, value: Value<'_>) -> [String; 2] {
    let (mut arguments, mut context) = (Vec::new(), vec![0, 0]);
    let message = if layer == Layer::Message { value } else { Value::Str("a message") };
    message.encode(&mut arguments);
    encode_named("other", &Value::Str("kept"), &mut arguments);
    match layer {
        Layer::Argument => encode_named(name, &value, &mut arguments),
        Layer::Context => encode_named(name, &value, &mut context),
        Layer::Message | Layer::Added => {}
    }
    let record = Record {
        timestamp: 0,
        level: Level::INFO,
        callsite: None,
        trace: None,
        shape: Shape { inline_message: true, named_arguments: true, ..Shape::default() },
        context: &context,
        arguments: &arguments,
    };
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record, &mut buffers);
    if layer == Layer::Added {
        let mut fields = EncodedFields::new();
        match value {
            Value::Json(json) => fields.push(name, RawJson(json)),
            value => fields.push(name, value),
        }
        let mut enrichment = Enrichment::new(&mut event);
        enrichment.add_encoded(&fields);
        enrichment.commit();
    }
    thread_local! {
        // Compiled once, and so also shown not to carry anything from one event to another.
        static REDACTORS: RefCell<Vec<Box<dyn Redactor>>> = RefCell::new(redactors());
    }
    REDACTORS.with_borrow_mut(|redactors| {
        redactors.iter_mut().for_each(|redactor| redactor.redact(&mut event).unwrap());
    });
    [Envelope::Flat, Envelope::V1_1].map(|envelope| {
        let mut line = LineBuffer::new();
        JsonEncoder::new(envelope).encode(&event, None, &mut line);
        String::from_utf8(line.to_vec()).expect("lines are UTF-8")
    })
}

/// Adds all strings and names of a JSON text, without their escapes.
fn texts_of(json: &str, texts: &mut Vec<String>) {
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        rest = &rest[start..];
        let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        texts.push(strings.next().expect("a string").expect("valid JSON"));
        rest = &rest[strings.byte_offset()..];
    }
}

fn check(lines: &[String; 2], needle: &str, what: &str) -> Result<(), TestCaseError> {
    for line in lines {
        prop_assert!(!line.contains(needle), "{} in {}", what, line);
        prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(line).is_ok(), "{}", line);
        prop_assert!(line.bytes().all(|byte| byte >= 0x20), "{}", line);
        let mut texts = Vec::new();
        texts_of(line, &mut texts);
        prop_assert!(texts.iter().all(|text| !text.contains(needle)), "{} in {}", what, line);
        prop_assert!(line.contains("\"other\":\"kept\""), "{}", line);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), ..ProptestConfig::default() })]

    #[test]
    fn a_secret_that_is_told_by_its_look_is_in_no_line(plan in any_plan(), secret in prop::sample::select(&TEXTS[..])) {
        let (secret, needle) = secret;
        let text = format!("{}{secret}{}", plan.before, plan.after);
        let lines = match plan.form {
            Form::Text => lines(plan.layer, "field", Value::Str(&text)),
            Form::Bytes => lines(plan.layer, "field", Value::Bytes(&[text.as_bytes(), b" \xff"].concat())),
            // A message has no JSON in it.
            Form::Json | Form::Name if plan.layer == Layer::Message => lines(plan.layer, "", Value::Str(&text)),
            Form::Json => {
                let json = wrapped(quoted(&text, plan.escapes), &plan);
                lines(plan.layer, "field", Value::Json(&json))
            }
            Form::Name if plan.wrappings.is_empty() => lines(plan.layer, &text, Value::U64(1)),
            Form::Name => {
                let json = wrapped(format!("{{{}:1}}", quoted(&text, plan.escapes)), &plan);
                lines(plan.layer, "field", Value::Json(&json))
            }
        };
        check(&lines, needle, &format!("{plan:?} {secret}"))?;
    }

    #[test]
    fn a_secret_that_is_told_by_its_place_is_in_no_line(
        plan in any_plan(),
        name in prop::sample::select(&NAMES[..]),
        value in prop::sample::select(&VALUES[..]),
        in_json in any::<bool>(),
        broken in prop::option::weighted(0.1, 0usize..40),
    ) {
        let layer = if plan.layer == Layer::Message { Layer::Argument } else { plan.layer };
        let lines = if in_json {
            let member = format!("{{\"a\":1,{}:{value}}}", quoted(name, plan.escapes));
            let mut json = wrapped(member, &plan);
            if let Some(at) = broken {
                json.insert(json.floor_char_boundary(at), '"');
                // Behind a backslash it does not break the text: it makes another name.
                prop_assume!(serde_json::from_str::<&serde_json::value::RawValue>(&json).is_err());
            }
            lines(layer, "field", Value::Json(&json))
        } else {
            lines(layer, name, Value::Json(value))
        };
        check(&lines, "N33DLE", &format!("{plan:?} {name}: {value}"))?;
    }
}
