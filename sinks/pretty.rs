//! One event as a line for people.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

/// Appends `payload` as one line: `12:34:56.789 INFO     orders: message key=value …`.
///
/// Knows the flat envelope and version 1.1. What is not a JSON object is taken as it is. Control
/// characters and those that change the direction of text come out escaped: a logged text must not
/// be able to steer the reader's terminal.
pub(crate) fn write_line(out: &mut Vec<u8>, payload: &[u8], colours: bool) {
    let mut line = Line { out, colours, begun: false };
    match serde_json::from_slice::<Fields<'_>>(payload) {
        Ok(fields) => line.event(&fields),
        Err(_) => line.text(&String::from_utf8_lossy(payload)),
    }
    out.push(b'\n');
}

/// A JSON object in its own order; values stay as they were written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    fn parse(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    colours: bool,
    /// Something stands on the line already.
    begun: bool,
}

impl Line<'_> {
    fn event(&mut self, fields: &Fields<'_>) {
        let log = fields.get("schema_version").and_then(|_| Fields::parse(fields.get("log")?));
        match log {
            Some(log) => {
                self.head(&log);
                for (key, value) in &log.0 {
                    let section = matches!(key.as_str(), "context" | "diagnostics" | "data");
                    match section.then(|| Fields::parse(value)).flatten() {
                        Some(section) => section.0.iter().for_each(|(key, value)| self.pair(key, value)),
                        None => self.field(key, value),
                    }
                }
                let beside = |key: &str| key != "schema_version" && key != "log";
                fields.0.iter().filter(|(key, _)| beside(key)).for_each(|(key, value)| self.pair(key, value));
            }
            None => {
                self.head(fields);
                fields.0.iter().for_each(|(key, value)| self.field(key, value));
            }
        }
    }

    fn head(&mut self, fields: &Fields<'_>) {
        if let Some(value) = fields.get("timestamp") {
            let text = plain(value);
            self.space();
            self.coloured(DIM, &time_of_day(&text).unwrap_or(text));
        }
        if let Some(value) = fields.get("level") {
            let text = plain(value);
            self.space();
            self.coloured(level_colour(&text), &format!("{text:<8}"));
        }
        if let Some(value) = fields.get("logger") {
            self.space();
            self.text(&plain(value));
            self.out.push(b':');
        }
        if let Some(value) = fields.get("message") {
            self.space();
            self.text(&plain(value));
        }
    }

    /// A field of the event itself, unless the head of the line shows it.
    fn field(&mut self, key: &str, value: &RawValue) {
        if !matches!(key, "timestamp" | "level" | "logger" | "message") {
            self.pair(key, value);
        }
    }

    fn pair(&mut self, key: &str, value: &RawValue) {
        self.space();
        self.coloured(DIM, &format!("{key}="));
        let text = plain(value);
        let is_text = value.get().starts_with('"');
        if is_text && (text.is_empty() || text.contains([' ', '"', '=', '\\']) || text.contains(unsafe_to_show)) {
            self.text(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
        } else {
            self.text(&text);
        }
    }

    fn space(&mut self) {
        if self.begun {
            self.out.push(b' ');
        }
        self.begun = true;
    }

    fn coloured(&mut self, colour: &str, text: &str) {
        if self.colours {
            self.out.extend_from_slice(colour.as_bytes());
        }
        self.text(text);
        if self.colours {
            self.out.extend_from_slice(RESET.as_bytes());
        }
    }

    /// Appends text from an event; everything that reaches the output passes here.
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(unsafe_to_show) {
            self.out.extend_from_slice(&rest.as_bytes()[..at]);
            let c = rest[at..].chars().next().expect("find returned the position of a character");
            self.out.extend(c.escape_default().map(|c| c as u8));
            rest = &rest[at + c.len_utf8()..];
        }
        self.out.extend_from_slice(rest.as_bytes());
    }
}

/// C0, DEL and C1 controls, line separators, and the marks that reorder text.
fn unsafe_to_show(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A string without its quotes and escapes; every other value as it was written.
fn plain(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// `HH:MM:SS.mmm` out of an RFC 3339 time in UTC; `None` for other texts.
fn time_of_day(timestamp: &str) -> Option<String> {
    let (date, time) = timestamp.strip_suffix('Z')?.split_once('T')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let clock = |text: &str| text.len() == 8 && text.split(':').count() == 3 && text.split(':').all(digits);
    let is_time = date.len() == 10 && clock(whole) && digits(fraction);
    is_time.then(|| format!("{whole}.{:0<3}", &fraction[..fraction.len().min(3)]))
}

fn level_colour(level: &str) -> &'static str {
    match level {
        "TRACE" => DIM,
        "DEBUG" => "\x1b[34m",
        "INFO" => "\x1b[32m",
        "WARN" => "\x1b[33m",
        "ERROR" => "\x1b[31m",
        "CRITICAL" => "\x1b[1;31m",
        "AUDIT" => "\x1b[36m",
        "SECURITY" => "\x1b[35m",
        _ => "\x1b[1m",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(payload: &[u8]) -> String {
        let mut out = Vec::new();
        write_line(&mut out, payload, false);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_flat_envelope_keeps_its_field_order() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05.678901Z","level":"WARN","logger":"orders",
            "message":"slow order","zeta":1,"alpha":"x","text":"two words","obj":{"b":[1, 2]},"none":null,"big":1e400}"#;
        let expected = "03:04:05.678 WARN     orders: slow order zeta=1 alpha=x text=\"two words\" \
                        obj={\"b\":[1, 2]} none=null big=1e400\n";
        assert_eq!(shown(line.as_bytes()), expected);
    }

    #[test]
    fn version_1_1_shows_its_sections_as_fields() {
        let line = r#"{"schema_version":"1.1","log":{"timestamp":"2026-01-02T03:04:05Z","level":"ERROR",
            "message":"failed","context":{"trace_id":"abc"},"diagnostics":{"host":"h1"},"data":{"n":2},
            "logger":"pay","tags":["x"]},"extra":true}"#;
        let expected = "03:04:05.000 ERROR    pay: failed trace_id=abc host=h1 n=2 tags=[\"x\"] extra=true\n";
        assert_eq!(shown(line.as_bytes()), expected);
        let sections_of_other_types = br#"{"schema_version":"1.1","log":{"message":"m","context":7,"data":[1]}}"#;
        assert_eq!(shown(sections_of_other_types), "m context=7 data=[1]\n");
        let own_field = br#"{"schema_version":"1.1","message":"m","log":"text"}"#;
        assert_eq!(shown(own_field), "m schema_version=1.1 log=text\n");
    }

    #[test]
    fn what_is_no_object_is_shown_as_it_is() {
        for line in ["plain text", "[1,2]", "42", "{\"cut\":", ""] {
            assert_eq!(shown(line.as_bytes()), format!("{line}\n"));
        }
        assert_eq!(shown(b"\xff bytes"), "\u{fffd} bytes\n");
    }

    #[test]
    fn times_that_are_not_utc_stay_whole() {
        for time in ["2026-01-02T03:04:05+02:00", "yesterday", "2026-01-02T03:04Z", "2026-01-02T03:04:05.éZ"] {
            assert_eq!(shown(format!(r#"{{"timestamp":"{time}"}}"#).as_bytes()), format!("{time}\n"));
        }
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let line = r#"{"level":"\u001b[2J","logger":"a\rb","message":"x\u001b]0;title\u0007\nFAKE LINE","\u009bkey":"\u202etxt"}"#;
        let expected = "\\u{1b}[2J     a\\rb: x\\u{1b}]0;title\\u{7}\\nFAKE LINE \\u{9b}key=\"\\u{202e}txt\"\n";
        assert_eq!(shown(line.as_bytes()), expected);
        assert_eq!(shown(b"raw \x1b[31m red"), "raw \\u{1b}[31m red\n");
    }

    #[test]
    fn colours_wrap_time_level_and_keys() {
        let mut out = Vec::new();
        let line = r#"{"timestamp":"2026-01-02T03:04:05Z","level":"ERROR","message":"m","k":"v"}"#;
        write_line(&mut out, line.as_bytes(), true);
        let expected = "\x1b[2m03:04:05.000\x1b[0m \x1b[31mERROR   \x1b[0m m \x1b[2mk=\x1b[0mv\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_make_one_line_without_controls(payload: Vec<u8>, key: String, text: String) {
            let event = serde_json::json!({ "message": text, key: text, "nested": { "t": text } }).to_string();
            for payload in [payload, text.into_bytes(), event.into_bytes()] {
                let line = shown(&payload);
                let line = line.strip_suffix('\n').unwrap();
                prop_assert!(!line.contains(unsafe_to_show), "{:?}", line);
            }
        }
    }
}
