use logwheel_core::wire::encode_named;
use logwheel_core::{Event, EventBuffers, Level, Record, Redactor, Shape, Value};
use logwheel_stages::FieldMask;
use serde_json::value::RawValue;

use super::{Input, lines};

const SECRET: &str = "N33DLE";

const PATHS: [&str; 4] = ["password", "user.email", "user.*.token", "*.pin.code"];

/// A field and the members below it that lead to a masked place.
const PLACES: [(&str, &[&str]); 9] = [
    ("password", &[]),
    ("user.email", &[]),
    ("user", &["email"]),
    ("user", &["x", "token"]),
    ("user", &["x.y", "token"]),
    ("user", &["x.token"]),
    ("account", &["pin", "code"]),
    ("account", &["pin.code"]),
    ("a.b", &["pin", "code"]),
];

/// A secret under a masked path is in no line, whatever is around it, and whether or not the JSON
/// was broken or cut on its way.
///
/// The input: the place, the kind of value, then what to wrap around the secret, layer by layer.
pub fn field_mask(data: &[u8]) {
    let mut input = Input(data);
    let (field, members) = PLACES[usize::from(input.byte()) % PLACES.len()];
    let kind = input.byte();
    let case_insensitive = kind & 0x80 != 0;

    let mut json = match kind >> 4 & 3 {
        0 => format!("\"{SECRET}\""),
        1 => format!("\"\\\"[{SECRET}]\""),
        2 => format!("{{\"{SECRET}\":1}}"),
        _ => format!("[[\"\", \"{SECRET}\"]]"),
    };
    for member in members.iter().rev() {
        in_arrays(&mut input, &mut json);
        let name = if input.byte() & 1 != 0 { escaped(member) } else { (*member).to_owned() };
        let name =
            if case_insensitive { name.replace("\\u", "\\~").to_uppercase().replace("\\~", "\\u") } else { name };
        let (before, after) = (noise_members(&mut input), noise_members(&mut input));
        let comma = |text: &str| if text.is_empty() { "" } else { "," };
        json = format!("{{{before}{}\"{name}\" :{json}{}{after}}}", comma(&before), comma(&after));
    }
    in_arrays(&mut input, &mut json);

    let value = match kind & 7 {
        // Broken at its end, or anywhere.
        1 => {
            json.push_str(&String::from_utf8_lossy(input.0));
            Value::Json(&json)
        }
        2 => {
            json.truncate(json.floor_char_boundary(usize::from(input.byte())));
            Value::Json(&json)
        }
        3 => {
            let len = json.floor_char_boundary(usize::from(input.byte()));
            Value::Cut { kept: &json.as_bytes()[..len], original_len: json.len() as u32 }
        }
        _ => Value::Json(&json),
    };
    let mut fields = Vec::new();
    encode_named(field, &value, &mut fields);
    let in_context = kind & 8 != 0;
    let context = [&[0, 0], fields.as_slice()].concat();
    let record = Record {
        timestamp: 0,
        level: Level::INFO,
        callsite: None,
        trace: None,
        shape: Shape { named_arguments: true, ..Shape::default() },
        context: if in_context { &context } else { &[] },
        arguments: if in_context { &[] } else { &fields },
    };
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record, &mut buffers);
    assert!(event.get(field).is_some());
    let mut mask = FieldMask::new(PATHS).expect("good paths").case_insensitive(case_insensitive);
    mask.redact(&mut event).expect("it never fails");
    for line in lines(&event, None) {
        assert!(!line.contains(SECRET), "{json} became {line}");
    }
}

/// Puts the value into up to 31 arrays, with others beside it.
fn in_arrays(input: &mut Input<'_>, json: &mut String) {
    let count = input.byte();
    // Deep nesting is rare, so that most inputs stay within the limit.
    for _ in 0..if count & 0xe0 == 0xe0 { count & 31 } else { count & 3 } {
        *json = format!("[{}, {json},{}]", noise(input), noise(input));
    }
}

/// A JSON value made of the input: what is JSON as it is, all else as text. Never the secret.
fn noise(input: &mut Input<'_>) -> String {
    let len = usize::from(input.byte() & 31);
    let text = without_secret(input.bytes(len));
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(json) => json.get().to_owned(),
        Err(_) => quoted(&text),
    }
}

/// No member, or one with any name.
fn noise_members(input: &mut Input<'_>) -> String {
    let len = usize::from(input.byte() & 15);
    if len == 0 {
        return String::new();
    }
    format!("{}:{}", quoted(&without_secret(input.bytes(len))), noise(input))
}

fn without_secret(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.contains(SECRET) { String::new() } else { text }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("every text is a JSON string")
}

fn escaped(name: &str) -> String {
    name.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
}
