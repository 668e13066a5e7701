//! Finding a value in an event by a path.

use std::fmt::{self, Write as _};

use logwheel_core::wire::MAX_NAME;
use logwheel_core::{Event, Level, Value};
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Where to look for a value: a field's name, or names joined by dots that lead into a field with
/// raw JSON.
///
/// The names `level`, `logger` and `message` stand for these parts of the event; `trace_id` and
/// `span_id` for its trace, if it has one, as lower-case hexadecimal digits. Any other path is
/// first taken as the name of a field; if there is none, as a way into a field that holds raw JSON
/// ([`Value::Json`]): `user.id` is the member `id` of the object in the field `user`, `items.0` the
/// first element of an array. Names that have dots themselves are found too; the longest name wins.
///
/// A way into JSON reads that JSON from its start to its end, at each lookup. JSON that is not valid
/// has no members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: Box<str>,
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Level,
    Logger,
    Message,
    TraceId,
    SpanId,
    Field,
}

/// A value that was found, before it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Located<'e> {
    Level(Level),
    /// An id with this number of hexadecimal digits.
    Hex(u128, usize),
    Value(Value<'e>),
    /// A value inside JSON.
    Json(&'e str),
}

impl FieldPath {
    /// What [`parse`](Self::parse) accepts.
    pub(crate) const ALLOWED: &'static str = "a name, or names joined by '.', of 1 to 65535 bytes";

    /// `None` if the text is empty or longer than a name can be, or has an empty name in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_NAME || text.split('.').any(str::is_empty) {
            return None;
        }
        let target = match text {
            "level" => Target::Level,
            "logger" => Target::Logger,
            "message" => Target::Message,
            "trace_id" => Target::TraceId,
            "span_id" => Target::SpanId,
            _ => Target::Field,
        };
        Some(Self { text: text.into(), target })
    }

    /// The path as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is the event's level.
    pub(crate) fn is_level(&self) -> bool {
        self.target == Target::Level
    }

    /// Looks for the value.
    pub(crate) fn locate<'e>(&self, event: &'e Event<'_>) -> Option<Located<'e>> {
        match (self.target, event.trace()) {
            (Target::Level, _) => return Some(Located::Level(event.level())),
            (Target::Logger, _) => return Some(Located::Value(Value::Str(event.logger()))),
            (Target::Message, _) => return Some(Located::Value(event.message_value())),
            (Target::TraceId, Some(trace)) => {
                return Some(Located::Hex(u128::from_be_bytes(trace.trace_id), 32));
            }
            (Target::SpanId, Some(trace)) => {
                return Some(Located::Hex(u128::from(u64::from_be_bytes(trace.span_id)), 16));
            }
            _ => {}
        }
        if let Some(value) = event.get(&self.text) {
            return Some(match value {
                Value::Json(json) => Located::Json(json),
                value => Located::Value(value),
            });
        }
        // The longest field name first.
        self.text
            .rmatch_indices('.')
            .find_map(|(dot, _)| locate_inside(event, &self.text[..dot], &self.text[dot + 1..]))
    }

    /// As [`locate`](Self::locate); what is not found so is looked for inside the fields `context`
    /// and `data`, where events in the envelope of version 1.1 have them that were read as JSON.
    pub(crate) fn locate_in_envelope<'e>(&self, event: &'e Event<'_>) -> Option<Located<'e>> {
        self.locate(event)
            .or_else(|| locate_inside(event, "context", &self.text))
            .or_else(|| locate_inside(event, "data", &self.text))
    }
}

impl<'e> Located<'e> {
    /// The value. Texts that have to be made (ids, JSON strings with escapes) are put into
    /// `scratch`. An object or array comes as [`Value::Json`].
    pub(crate) fn value(self, scratch: &'e mut String) -> Value<'e> {
        match self {
            Located::Level(level) => Value::Str(level.name()),
            Located::Hex(id, digits) => {
                scratch.clear();
                let _ = write!(scratch, "{id:0digits$x}");
                Value::Str(scratch)
            }
            Located::Value(value) => value,
            Located::Json(json) => read_scalar(json.trim(), scratch),
        }
    }
}

fn locate_inside<'e>(event: &'e Event<'_>, field: &str, path: &str) -> Option<Located<'e>> {
    match event.get(field)? {
        Value::Json(json) => member(json, path).map(Located::Json),
        _ => None,
    }
}

/// A text, number, truth value or null, as the value that it stands for; the rest as it is.
fn read_scalar<'e>(json: &'e str, scratch: &'e mut String) -> Value<'e> {
    match json.as_bytes().first() {
        Some(b'"') if !json.contains('\\') => Value::Str(json.get(1..json.len() - 1).unwrap_or_default()),
        Some(b'"') => match serde_json::from_str(json) {
            Ok(text) => {
                *scratch = text;
                Value::Str(scratch)
            }
            Err(_) => Value::Json(json),
        },
        Some(b'-' | b'0'..=b'9') => read_number(json).unwrap_or(Value::Json(json)),
        _ => match json {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            json => Value::Json(json),
        },
    }
}

/// A number in JSON's notation. What no integer of ours can hold becomes a float.
pub(crate) fn read_number(text: &str) -> Option<Value<'static>> {
    if !is_json_number(text.as_bytes()) {
        return None;
    }
    let integer = text.parse().map(Value::I64).or_else(|_| text.parse().map(Value::U64));
    let wide = integer.or_else(|_| text.parse().map(Value::I128)).or_else(|_| text.parse().map(Value::U128));
    wide.ok().or_else(|| text.parse().ok().map(Value::F64))
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_json_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|c| c.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// The value at the end of a path inside a JSON text.
fn member<'e>(json: &'e str, path: &str) -> Option<&'e str> {
    let mut source = serde_json::Deserializer::from_str(json);
    let found = match json.trim_start().as_bytes().first()? {
        b'{' => source.deserialize_map(Inside { path }),
        b'[' => source.deserialize_seq(Inside { path }),
        _ => return None,
    };
    source.end().ok()?;
    found.ok()?
}

/// Looks for a path in an object or array.
struct Inside<'p> {
    path: &'p str,
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut longest = 0;
        while let Some(matched) = members.next_key_seed(Name { path: self.path })? {
            // A member that occurs twice counts with its last value, as most readers have it.
            match matched {
                Some(len) if len >= longest => {
                    let value: &RawValue = members.next_value()?;
                    let value = if len == self.path.len() {
                        Some(value.get())
                    } else {
                        member(value.get(), &self.path[len + 1..])
                    };
                    if value.is_some() {
                        (found, longest) = (value, len);
                    }
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let (position, rest) = match self.path.split_once('.') {
            Some((position, rest)) => (position, Some(rest)),
            None => (self.path, None),
        };
        let position: Option<usize> = position.parse().ok();
        let mut found = None;
        let mut index = 0;
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if Some(index) == position {
                found = match rest {
                    None => Some(element.get()),
                    Some(rest) => member(element.get(), rest),
                };
            }
            index += 1;
        }
        Ok(found)
    }
}

/// Reads a member's name: how much of the path it is, if it is the start of it.
struct Name<'p> {
    path: &'p str,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let starts = self.path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        Ok(starts.then_some(name.len()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::support::TestEvent;

    fn found(event: &TestEvent, path: &str) -> Option<String> {
        let path = FieldPath::parse(path).unwrap();
        event.open(|event| path.locate(event).map(|located| format!("{:?}", located.value(&mut String::new()))))
    }

    #[track_caller]
    fn check(event: &TestEvent, path: &str, expected: &str) {
        assert_eq!(found(event, path).as_deref(), Some(expected), "{path}");
    }

    #[test]
    fn a_field_is_found_by_its_name_and_inside_json_by_a_dotted_path() {
        let json = r#" {"id": 7, "name": "A\u0064a", "tags": ["x", {"y": true}], "a.b": {"c": null}, "big": 1e400} "#;
        let event = TestEvent::new("m").field("user", Value::Json(json)).field("user.id", Value::Str("flat"));
        check(&event, "user.id", "Str(\"flat\")");
        check(&event, "user.name", "Str(\"Ada\")");
        check(&event, "user.tags.0", "Str(\"x\")");
        check(&event, "user.tags.1.y", "Bool(true)");
        check(&event, "user.a.b.c", "Null");
        check(&event, "user.a.b", "Json(\"{\\\"c\\\": null}\")");
        check(&event, "user.big", "F64(inf)");
        for absent in ["user.", "nobody", "user.nothing", "user.id.x", "user.tags.2", "user.tags.x", "user.a", "use"] {
            if FieldPath::parse(absent).is_some() {
                assert_eq!(found(&event, absent), None, "{absent}");
            }
        }
    }

    #[test]
    fn the_longest_name_wins_and_of_two_equal_ones_the_last() {
        let event = TestEvent::new("m")
            .field("a", Value::Json(r#"{"b.c": 1, "b": {"c": 2}, "d": 3, "d": 4, "x": {"y": 6, "z": 7}}"#))
            .field("a.x", Value::Json(r#"{"y": 5}"#));
        check(&event, "a.b.c", "I64(1)");
        check(&event, "a.d", "I64(4)");
        check(&event, "a.x.y", "I64(5)");
        check(&event, "a.x.z", "I64(7)");
    }

    #[test]
    fn json_that_is_not_valid_has_no_members() {
        for json in ["{\"a\":1", "{\"a\":1}}", "{\"a\":1} x", "", "7", "{a:1}", "[1,]"] {
            let event = TestEvent::new("m").field("j", Value::Json(json));
            assert_eq!(found(&event, "j.a"), None, "{json}");
            assert_eq!(found(&event, "j.0"), None, "{json}");
        }
    }

    #[test]
    fn parts_of_the_event_have_names_of_their_own() {
        let event = TestEvent::new("hello").level(Level::WARN).logger("orders").field("message", Value::Str("field"));
        check(&event, "message", "Str(\"hello\")");
        check(&event, "level", "Str(\"WARN\")");
        check(&event, "logger", "Str(\"orders\")");
        assert_eq!(found(&event, "trace_id"), None);
        check(&TestEvent::new("m").field("trace_id", Value::Str("own")), "trace_id", "Str(\"own\")");
        let traced = event.trace(0xab);
        check(&traced, "trace_id", "Str(\"000000000000000000000000000000ab\")");
        check(&traced, "span_id", "Str(\"0000000000000001\")");
    }

    #[test]
    fn a_v1_1_envelope_is_searched_in_its_context_and_data() {
        let event = TestEvent::new("m")
            .field("context", Value::Json(r#"{"trace_id": "t", "user": {"id": 1}}"#))
            .field("data", Value::Json(r#"{"user": {"id": 2}, "order": 3}"#));
        let found = |path: &str| {
            let path = FieldPath::parse(path).unwrap();
            let value = |located: Located<'_>| format!("{:?}", located.value(&mut String::new()));
            event.open(|event| path.locate_in_envelope(event).map(value))
        };
        assert_eq!(found("trace_id").as_deref(), Some("Str(\"t\")"));
        assert_eq!(found("user.id").as_deref(), Some("I64(1)"));
        assert_eq!(found("order").as_deref(), Some("I64(3)"));
        assert_eq!(found("nothing"), None);
    }

    #[test]
    fn empty_names_and_overlong_paths_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", &"n".repeat(MAX_NAME + 1)] {
            assert_eq!(FieldPath::parse(text), None);
        }
        assert!(FieldPath::parse(&"n".repeat(MAX_NAME)).is_some());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![any::<i64>().prop_map(serde_json::Value::from), "[a-c.]{0,3}".prop_map(Into::into)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn lookups_agree_with_a_parsed_document(
            document in json(), path in "([a-c]{1,2}|[0-2])(\\.([a-c]{1,2}|[0-2])){0,3}"
        ) {
            let text = document.to_string();
            let expected = document.pointer(&format!("/{}", path.replace('.', "/"))).map(ToString::to_string);
            prop_assert_eq!(member(&text, &path).map(str::to_owned), expected);
        }

        #[test]
        fn no_text_makes_a_lookup_panic(text in "[\\[\\]{}\",:0-9a.\\\\ -]{0,40}", path in "[a0-2.]{1,6}") {
            member(&text, &path);
            read_scalar(&text, &mut String::new());
        }

        #[test]
        fn numbers_are_those_of_json(text in "-?[0-9]{0,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?") {
            let is_number = serde_json::from_str::<serde_json::Number>(&text).is_ok();
            prop_assert_eq!(is_json_number(text.as_bytes()), is_number, "{}", text);
        }
    }
}
