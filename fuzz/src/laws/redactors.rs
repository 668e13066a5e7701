use std::cell::RefCell;

use logwheel_core::wire::encode_named;
use logwheel_core::{Event, EventBuffers, Level, Record, Redactor, Shape, Value};
use logwheel_stages::{FieldBlocker, FieldMask, PresetMask, RedactPreset, RegexMask, StringTruncate, UrlCredentials};

use super::{Input, lines};

/// What is planted, and the part of it that must not be seen.
const SECRETS: [(&str, &str); 10] = [
    ("N33DLE-\u{e9}\u{1f600}", "N33DLE"),
    ("https://user:N33DLE@host", "N33DLE"),
    ("ftp%3A%2F%2Fuser%3AN33DLE%40host", "N33DLE"),
    ("?token=N33DLE&", "N33DLE"),
    ("4111 1111 1111 1111", "1111 1111"),
    ("ann.needle@example.org", "needle"),
    ("DE89 3704 0044 0532 0130 00", "0044 0532"),
    ("219-09-9999", "09-9999"),
    ("173.234.31.186", "234.31"),
    // Told by the names around it.
    ("N33DLE", "N33DLE"),
];

const NAMES: [&str; 4] = ["password", "db.password", "PassWord", "userApiKey"];

thread_local! {
    // One set for all inputs: compiling takes longer than anything else here.
    static REDACTORS: RefCell<Vec<Box<dyn Redactor>>> = RefCell::new(vec![
        Box::new(FieldMask::new(["**.password"]).expect("a good path").case_insensitive(true)),
        Box::new(FieldBlocker::new(["**.userapikey"]).expect("a good path").case_insensitive(true)),
        Box::new(RegexMask::new(["N33DLE-\u{e9}\u{1f600}"]).expect("a good pattern")),
        Box::new(UrlCredentials::new().query_parameters(["token"])),
        Box::new(PresetMask::new(RedactPreset::all().iter().copied())),
        Box::new(StringTruncate::new().max_chars(400).max_bytes(1_000)),
    ]);
}

/// A secret, told by its look or by the name of its field, is in no line, whatever text and whatever
/// JSON is around it, whether or not that was broken or cut.
///
/// The input: the secret, where and how it is carried, which characters are escaped, the length of
/// the text before it, that text, and then what to wrap around it, layer by layer.
pub fn redactors(data: &[u8]) {
    let mut input = Input(data);
    let secret = usize::from(input.byte()) % SECRETS.len();
    let (how, escapes) = (input.byte(), input.byte());
    let (planted, needle) = SECRETS[secret];
    let by_name = secret == SECRETS.len() - 1;
    let name = NAMES[usize::from(how >> 6)];

    // Letters and digits would change what it is.
    let len = usize::from(input.byte());
    let text = text_of(input.bytes(len), needle);
    let before = text.trim_end_matches(|c: char| c.is_alphanumeric() || "._%+-:/\\@~".contains(c));
    let before = if by_name || before.is_empty() { String::new() } else { format!("{before} ") };
    let text = format!("{before}{planted} ");

    let mut json = quoted(&text, escapes);
    if by_name {
        json = format!("{{{}:{json}}}", quoted(name, escapes.rotate_left(3)));
    }
    for _ in 0..input.byte() & 7 {
        let (kind, len) = (input.byte(), usize::from(input.byte() & 15));
        let noise = text_of(input.bytes(len), needle);
        json = match kind & 3 {
            0 => format!("[{json}]"),
            1 => format!("[1e400, {json},{}]", quoted(&noise, escapes)),
            2 => format!("{{{}:{json}}}", quoted(&noise, escapes)),
            _ => format!("{{ \"a\" : {} , {} : {json}}}", quoted(&noise, 0), quoted(&noise, escapes)),
        };
    }

    let (mut arguments, mut context) = (Vec::new(), vec![0, 0]);
    let field_name = if by_name { name } else { "field" };
    let fields = if how & 8 != 0 { &mut context } else { &mut arguments };
    let mut shape = Shape { named_arguments: true, ..Shape::default() };
    match how & 7 {
        0 => encode_named(field_name, &Value::Str(&text), fields),
        1 => encode_named(field_name, &Value::Bytes(text.as_bytes()), fields),
        // Broken at its end, or anywhere.
        2 => {
            json.push_str(&text_of(input.0, needle));
            encode_named("doc", &Value::Json(&json), fields);
        }
        3 => {
            let len = json.floor_char_boundary(usize::from(input.byte()));
            let cut = Value::Cut { kept: &json.as_bytes()[..len], original_len: json.len() as u32 };
            encode_named(field_name, &cut, fields);
        }
        4 if !by_name => encode_named(&text, &Value::U64(1), fields),
        5 if !by_name => {
            shape.inline_message = true;
            arguments.clear();
            Value::Str(&text).encode(&mut arguments);
        }
        _ => encode_named("doc", &Value::Json(&json), fields),
    }
    let record = Record {
        timestamp: 0,
        level: Level::INFO,
        callsite: None,
        trace: None,
        shape,
        context: &context,
        arguments: &arguments,
    };
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record, &mut buffers);
    REDACTORS.with_borrow_mut(|redactors| {
        for redactor in redactors {
            redactor.redact(&mut event).expect("it never fails");
        }
    });
    for line in lines(&event, None) {
        let shown = strings(&line).any(|string| string.contains(needle));
        assert!(!shown, "{text:?} in {json} became {line}");
    }
}

/// The strings of a line, as they are read: digits of an escape and those behind it are no number.
fn strings(line: &str) -> impl Iterator<Item = String> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let begin = rest.find('"')?;
        let mut read = serde_json::Deserializer::from_str(&rest[begin..]).into_iter::<String>();
        let string = read.next()?.expect("what stands between quotes is a string");
        rest = &rest[begin + read.byte_offset()..];
        Some(string)
    })
}

fn text_of(bytes: &[u8], needle: &str) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.contains(needle) { String::new() } else { text }
}

/// A text as a JSON string, with escapes where bits are set.
fn quoted(text: &str, escapes: u8) -> String {
    let mut out = String::from("\"");
    for (index, char) in text.chars().enumerate() {
        if escapes >> (index % 8) & 1 != 0 {
            char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            let plain = serde_json::to_string(&char).expect("every text is a JSON string");
            out.push_str(&plain[1..plain.len() - 1]);
        }
    }
    out + "\""
}
