//! The presets on real logs, which lie beside the repository where they are at hand.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use logwheel_core::wire::encode_named;
use logwheel_core::{Envelope, Event, EventBuffers, JsonEncoder, Level, LineBuffer, Record, Redactor, Shape, Value};
use logwheel_stages::{FieldBlocker, FieldMask, PresetMask, RedactPreset, RegexMask, StringTruncate, UrlCredentials};
use serde_json::value::RawValue;

/// The files of a folder of real logs; none, said aloud, where there are none.
fn logs(folder: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    let Ok(entries) = fs::read_dir(&path) else {
        eprintln!("skipped: there is no {}", path.display());
        return Vec::new();
    };
    let read = |entry: fs::DirEntry| (entry.file_name().display().to_string(), fs::read(entry.path()).unwrap());
    entries.map(|entry| read(entry.unwrap())).collect()
}

fn redactors() -> Vec<Box<dyn Redactor>> {
    vec![
        Box::new(FieldMask::new(["password", "**.token"]).unwrap().case_insensitive(true)),
        Box::new(FieldBlocker::new(["doc.ssl", "**.load_timestamp"]).unwrap()),
        Box::new(RegexMask::named([("host", r"\.compute\.internal")]).unwrap().mask("[{name}]")),
        Box::new(UrlCredentials::new().query_parameters(UrlCredentials::COMMON_PARAMETERS)),
        Box::new(PresetMask::new(RedactPreset::all().iter().copied())),
        Box::new(StringTruncate::new().max_chars(5_000)),
    ]
}

/// The lines of an event with this message and this field, in both envelopes.
fn redacted(redactors: &mut [Box<dyn Redactor>], message: &[u8], name: &str, value: Value<'_>) -> [String; 2] {
    let mut arguments = Vec::new();
    Value::Bytes(message).encode(&mut arguments);
    encode_named(name, &value, &mut arguments);
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
    let mut event = Event::open(record, &mut buffers);
    redactors.iter_mut().for_each(|redactor| redactor.redact(&mut event).unwrap());
    [Envelope::Flat, Envelope::V1_1].map(|envelope| {
        let mut line = LineBuffer::new();
        JsonEncoder::new(envelope).encode(&event, None, &mut line);
        String::from_utf8(line.to_vec()).unwrap()
    })
}

/// Addresses and mail in a text, looked for in another way than the presets do.
fn personal(text: &str) -> Option<String> {
    let is_edge = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '@' | '-' | '_' | '+'));
    for word in text.split(is_edge) {
        for part in word.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
            let numbers: Vec<_> = part.split('.').map(|number| number.parse::<u8>()).collect();
            if numbers.windows(4).any(|four| four.iter().all(Result::is_ok)) {
                return Some(part.to_owned());
            }
        }
        let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok() && text.contains(|c: char| c.is_ascii_digit());
        if is_address(word) || word.rsplit_once(':').is_some_and(|(front, _)| is_address(front)) {
            return Some(word.to_owned());
        }
        if let Some((user, host)) = word.split_once('@') {
            let is_domain = host.split('.').count() > 1
                && host
                    .rsplit('.')
                    .next()
                    .is_some_and(|top| top.len() > 1 && top.bytes().all(|b| b.is_ascii_lowercase()));
            if !user.is_empty() && is_domain {
                return Some(word.to_owned());
            }
        }
    }
    None
}

#[test]
fn no_address_is_left_in_real_logs_and_every_line_is_json() {
    let mut redactors = redactors();
    let (mut lines, mut with_personal_data) = (0u32, 0u32);
    for (file, content) in logs("logs") {
        for (number, line) in content.split(|byte| *byte == b'\n').enumerate().filter(|(number, _)| number % 5 == 0) {
            let text = String::from_utf8_lossy(line);
            with_personal_data += u32::from(personal(&text).is_some());
            let json = format!("{{\"line\":[{}]}}", serde_json::to_string(&text).unwrap());
            for line in redacted(&mut redactors, line, "doc", Value::Json(&json)) {
                lines += 1;
                assert!(serde_json::from_str::<&RawValue>(&line).is_ok(), "{file}:{number}: {line}");
                assert_eq!(personal(&line), None, "{file}:{number}: {line}");
            }
        }
    }
    if lines > 0 {
        assert!(with_personal_data > 2_000, "of {lines} lines only {with_personal_data} had personal data before");
    }
}

#[test]
fn real_documents_lose_their_addresses_and_keep_the_rest() {
    let mut redactors = redactors();
    for (_, content) in logs("ndjson") {
        for json in std::str::from_utf8(&content).unwrap().lines() {
            assert!(personal(json).is_some());
            for line in redacted(&mut redactors, b"status", "doc", Value::Json(json)) {
                assert!(serde_json::from_str::<&RawValue>(&line).is_ok(), "{line}");
                assert_eq!(personal(&line), None, "{line}");
                assert!(!line.contains("load_timestamp") && !line.contains("\"ssl\""), "{line}");
                // The deepest parts are reached and kept, digit by digit.
                let parts = json.split("\"responses\":").skip(1).map(|part| &part[..part.find('}').unwrap()]);
                parts.for_each(|part| assert!(line.contains(part), "{part} in {line}"));
            }
        }
    }
}

#[test]
fn real_words_survive_the_presets() {
    // Redaction that takes everything would pass the tests above.
    let mut redactors = redactors();
    for (message, expected) in [
        (
            "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139660 terminating",
            "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139660 terminating",
        ),
        (
            "2015-07-29 19:04:12,394 - INFO  [/10.10.34.11:3888:QuorumCnxManager$Listener@493] - Received connection request /10.10.34.11:45307",
            "2015-07-29 19:04:12,394 - INFO  [/***:3888:QuorumCnxManager$Listener@493] - Received connection request /***:45307",
        ),
        (
            "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186",
            "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from ***",
        ),
    ] {
        let [line, _] = redacted(&mut redactors, message.as_bytes(), "n", Value::U64(1));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["message"], expected);
    }
}
