use proptest::prelude::*;

use super::*;
use crate::testing::{fields, lines, with_event};
use logwheel_core::{Level, Value};

fn masked_by(mut mask: FieldMask, with: &[(&str, Value<'_>)]) -> Vec<String> {
    with_event(Level::INFO, with, |event| {
        mask.redact(event).unwrap();
        fields(event)
    })
}

fn masked(paths: &[&str], with: &[(&str, Value<'_>)]) -> Vec<String> {
    masked_by(FieldMask::new(paths).unwrap(), with)
}

/// What becomes of the JSON in the field `user`; `None` if the field is masked as a whole.
fn masked_json_by(mask: FieldMask, json: &str) -> Option<String> {
    let mut mask = mask.replicate().unwrap();
    with_event(Level::INFO, &[("user", Value::Json(json))], |event| {
        mask.redact(event).unwrap();
        match event.get("user").unwrap() {
            Value::Json(json) => Some(json.to_owned()),
            Value::Str("***") => None,
            other => panic!("{other:?}"),
        }
    })
}

fn masked_json(paths: &[&str], json: &str) -> Option<String> {
    masked_json_by(FieldMask::new(paths).unwrap(), json)
}

#[test]
fn fields_are_masked_by_their_exact_name_whatever_they_hold() {
    let with = [
        ("password", Value::Str("s")),
        ("pass", Value::Str("kept")),
        ("Password", Value::Str("kept")),
        ("user.email", Value::U64(1)),
        ("token", Value::Null),
        ("doc", Value::Json("{\"password\":1}")),
    ];
    assert_eq!(
        masked(&["password", "user.email", "token"], &with),
        [
            "password=Str(\"***\")",
            "pass=Str(\"kept\")",
            "Password=Str(\"kept\")",
            "user.email=Str(\"***\")",
            "token=Str(\"***\")",
            "doc=Json(\"{\\\"password\\\":1}\")",
        ]
    );
    assert_eq!(masked(&["doc"], &with[5..]), ["doc=Str(\"***\")"]);
    assert_eq!(masked(&[], &with[..1]), ["password=Str(\"s\")"]);
}

#[test]
fn the_mask_can_be_any_text_also_inside_json() {
    let mask = FieldMask::new(["a", "user.b"]).unwrap().mask("\"\n");
    let with = [("a", Value::U64(1)), ("user", Value::Json("{\"b\":2}"))];
    assert_eq!(masked_by(mask, &with), [r#"a=Str("\"\n")"#, r#"user=Json("{\"b\":\"\\\"\\n\"}")"#]);
}

#[test]
fn members_on_a_path_are_masked_and_all_else_keeps_its_text() {
    for (path, json, expected) in [
        (
            "user.email",
            r#" { "id" : 0.10, "email" : "e" , "n":1e400 } "#,
            r#" { "id" : 0.10, "email" : "***" , "n":1e400 } "#,
        ),
        ("user.email", r#"{"email":{"a":[1]},"z":1,"email":null}"#, r#"{"email":"***","z":1,"email":"***"}"#),
        ("user.email", r#"{"e\u006Dail":1,"a\/b":"\u00e9"}"#, r#"{"e\u006Dail":"***","a\/b":"\u00e9"}"#),
        ("user.email", r#"[{"email":1},[{"email":2}],3,"email"]"#, r#"[{"email":"***"},[{"email":"***"}],3,"email"]"#),
        ("user.email", r#"{"other":{"email":1},"Email":2}"#, r#"{"other":{"email":1},"Email":2}"#),
        ("user.a.b", r#"{"a":{"b":1,"c":2},"b":3}"#, r#"{"a":{"b":"***","c":2},"b":3}"#),
        ("user.a.b", r#"{"a.b":1,"a":2}"#, r#"{"a.b":"***","a":2}"#),
        ("*.email", r#"{"email":1}"#, r#"{"email":"***"}"#),
        ("user.*", r#"{"a":1,"b.c":[2],"":{}}"#, r#"{"a":"***","b.c":"***","":"***"}"#),
        ("user.*", r#"[1,{"a":2}]"#, r#"["***","***"]"#),
        ("user.*.t", r#"{"a":{"t":1},"b":[{"t":2}],"t":3}"#, r#"{"a":{"t":"***"},"b":[{"t":"***"}],"t":3}"#),
        ("user.*.t", r#"[{"t":1},{"a":{"t":2}}]"#, r#"[{"t":"***"},{"a":{"t":"***"}}]"#),
        ("user.email", r#""email""#, r#""email""#),
        ("user.\u{e9}", "{\"\\u00e9\":1,\"\u{e9}\":2}", "{\"\\u00e9\":\"***\",\"\u{e9}\":\"***\"}"),
    ] {
        assert_eq!(masked_json(&[path], json).as_deref(), Some(expected), "{path} in {json}");
    }
}

#[test]
fn documents_do_not_leave_traces_in_each_other() {
    let mut mask = FieldMask::new(["*.email"]).unwrap();
    let with = [
        ("a", Value::Json("{\"id\":12345,\"email\":1}")),
        ("b", Value::Json("{\"email\":")),
        ("c", Value::Json("[]")),
        ("d", Value::Json("{\"email\":2}")),
    ];
    let expected = [
        r#"a=Json("{\"id\":12345,\"email\":\"***\"}")"#,
        r#"b=Str("***")"#,
        r#"c=Json("[]")"#,
        r#"d=Json("{\"email\":\"***\"}")"#,
    ];
    for _ in 0..2 {
        let masked = with_event(Level::INFO, &with, |event| {
            mask.redact(event).unwrap();
            fields(event)
        });
        assert_eq!(masked, expected);
    }
}

#[test]
fn a_shorter_path_wins_over_a_longer_one() {
    assert_eq!(masked_json(&["user.a.b", "user.a"], r#"{"a":{"b":1}}"#).as_deref(), Some(r#"{"a":"***"}"#));
}

#[test]
fn a_name_with_dots_is_followed_into_its_json() {
    let with = [("http.request", Value::Json("{\"auth\":1}"))];
    assert_eq!(masked(&["http.request.auth"], &with), ["http.request=Json(\"{\\\"auth\\\":\\\"***\\\"}\")"]);
    assert_eq!(masked(&["*.auth"], &with), ["http.request=Json(\"{\\\"auth\\\":\\\"***\\\"}\")"]);
}

#[test]
fn case_is_ignored_on_request_also_beyond_ascii() {
    let any_case = |path| FieldMask::new([path]).unwrap().case_insensitive(true);
    assert_eq!(masked_by(any_case("PassWord"), &[("pASSwORD", Value::Null)]), ["pASSwORD=Str(\"***\")"]);
    assert_eq!(masked_by(any_case("Ürl"), &[("üRL", Value::Null)]), ["üRL=Str(\"***\")"]);
    assert_eq!(masked_by(any_case("Ürl"), &[("ürn", Value::Null)]), ["ürn=Null"]);
    assert_eq!(masked_json_by(any_case("User.EMail"), r#"{"eMAIL":1}"#).as_deref(), Some(r#"{"eMAIL":"***"}"#));
}

#[test]
fn json_on_a_path_that_cannot_be_searched_is_masked_as_a_whole() {
    for json in
        [r#"{"email":"#, r#"{"a":1} {"email":2}"#, "", "nonsense", "{\"email\":\"a\nb\"}", r#"{"\ud800":1,"email":2}"#]
    {
        assert_eq!(masked_json(&["user.email"], json), None, "{json}");
    }
    let broken = r#"{"email":"#;
    assert_eq!(masked_json(&["other.email", "email"], broken).as_deref(), Some(broken), "it lies on no path");
}

#[test]
fn a_cut_value_on_a_path_is_masked_and_texts_are_not_parsed() {
    let cut = Value::Cut { kept: b"{\"email\":", original_len: 70 };
    assert_eq!(masked(&["user.email"], &[("user", cut)]), ["user=Str(\"***\")"]);
    assert_eq!(masked(&["email"], &[("user", cut)]), [format!("user={cut:?}")]);
    let text = Value::Str("{\"email\":1}");
    assert_eq!(masked(&["user.email"], &[("user", text)]), [format!("user={text:?}")]);
}

#[test]
fn nesting_is_followed_to_the_limit_and_masked_where_it_goes_beyond() {
    let nested = |depth: usize, inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    let limited = |depth| FieldMask::new(["user.email"]).unwrap().max_depth(depth);
    let secret = r#"{"email":1}"#;
    let hidden = r#"{"email":"***"}"#;
    assert_eq!(masked_json(&["user.email"], &nested(5, secret)), Some(nested(5, hidden)), "6 is the default");
    assert_eq!(masked_json(&["user.email"], &nested(6, secret)), Some(nested(6, "\"***\"")));
    assert_eq!(masked_json_by(limited(1), secret).as_deref(), Some(hidden));
    assert_eq!(masked_json_by(limited(0), secret).as_deref(), Some("\"***\""), "the field is what is too deep");
    assert_eq!(masked_json_by(limited(usize::MAX), &nested(127, secret)), Some(nested(127, hidden)));
    assert_eq!(masked_json_by(limited(usize::MAX), &nested(128, secret)), Some(nested(128, "\"***\"")));
    // What is around it stays, and beside the path any depth is passed over.
    let around = r#"{"a":[1,{"b":{"email":2}}],"email":3,"c":{"d":{}}}"#;
    let mask = FieldMask::new(["**.email"]).unwrap().max_depth(3);
    assert_eq!(masked_json_by(mask, around).as_deref(), Some(r#"{"a":[1,{"b":"***"}],"email":"***","c":{"d":{}}}"#));
    let beside = format!(r#"{{"deep":{},"email":1}}"#, nested(100_000, "0"));
    assert_eq!(masked_json(&["user.email"], &beside), Some(beside.replace("\"email\":1", "\"email\":\"***\"")));
}

#[test]
fn a_field_with_more_names_than_the_limit_is_masked_as_a_whole() {
    let object = |names: usize| {
        let members: Vec<_> = (0..names).map(|n| format!("\"k{n}\":[{n}]")).collect();
        format!("{{{}}}", members.join(","))
    };
    let unchanged = |json: String| assert_eq!(masked_json(&["user.email"], &json), Some(json));
    unchanged(object(5_000));
    assert_eq!(masked_json(&["user.email"], &object(5_001)), None, "5,000 is the default");
    let limited = || FieldMask::new(["user.email"]).unwrap().max_keys(2);
    assert_eq!(masked_json_by(limited(), r#"[{"a":1},{"email":2}]"#).as_deref(), Some(r#"[{"a":1},{"email":"***"}]"#));
    assert_eq!(masked_json_by(limited(), r#"[{"a":1},{"email":2},{"b":3}]"#), None, "all names of the field count");
    assert_eq!(
        masked_json_by(limited(), r#"{"a":{"x":1,"y":2,"z":3},"b":1}"#).as_deref(),
        Some(r#"{"a":{"x":1,"y":2,"z":3},"b":1}"#)
    );
    // Each field has the limit for itself.
    let with = [("a", Value::Json(r#"{"x":1,"y":2}"#)), ("b", Value::Json(r#"{"x":1,"email":2}"#))];
    let mask = FieldMask::new(["*.email"]).unwrap().max_keys(2);
    assert_eq!(masked_by(mask, &with), [r#"a=Json("{\"x\":1,\"y\":2}")"#, r#"b=Json("{\"x\":1,\"email\":\"***\"}")"#]);
}

/// Stories, common contracts: "redaction depth 6 / keys 5 000".
#[test]
fn the_limits_of_the_common_contracts_are_the_defaults() {
    let search = FieldMask::new(["a"]).unwrap().search;
    assert_eq!((search.max_depth, search.max_keys), (6, 5_000));
}

#[test]
fn any_depth_is_reached_by_two_stars() {
    for (path, json, expected) in [
        (
            "**.email",
            r#"{"email":1,"a":{"email":2,"b":[{"c.email":3}]}}"#,
            r#"{"email":"***","a":{"email":"***","b":[{"c.email":"***"}]}}"#,
        ),
        (
            "user.**.b",
            r#"{"b":1,"a":{"b":2,"c":{"d":{"b":3}}}}"#,
            r#"{"b":"***","a":{"b":"***","c":{"d":{"b":"***"}}}}"#,
        ),
        ("user.a.**.b", r#"{"b":1,"a":{"b":2,"c":{"b":3}}}"#, r#"{"b":1,"a":{"b":"***","c":{"b":"***"}}}"#),
        (
            "**.a.b",
            r#"{"a":{"b":1,"a":{"b":2}},"x.a":{"b":3},"b":4}"#,
            r#"{"a":{"b":"***","a":{"b":"***"}},"x.a":{"b":"***"},"b":4}"#,
        ),
        ("**.a.**.b", r#"{"b":1,"a":[{"x":{"b":2}}]}"#, r#"{"b":1,"a":[{"x":{"b":"***"}}]}"#),
    ] {
        assert_eq!(masked_json(&[path], json).as_deref(), Some(expected), "{path} in {json}");
    }
    for path in ["**", "user.**", "**.**", "**.user"] {
        assert_eq!(masked_json(&[path], "{}"), None, "{path} stands for the field itself, too");
    }
    let with = [("email", Value::Null), ("a.b.email", Value::Null), ("emails", Value::Null)];
    assert_eq!(masked(&["**.email"], &with), ["email=Str(\"***\")", "a.b.email=Str(\"***\")", "emails=Null"]);
}

#[test]
fn elements_are_reached_by_their_position() {
    for (path, json, expected) in [
        ("user.0", r#"[1,2,{"0":3}]"#, r#"["***",2,{"0":"***"}]"#),
        ("user.1.t", r#"[{"t":1},{"t":2},{"t":3}]"#, r#"[{"t":1},{"t":"***"},{"t":3}]"#),
        ("user.a.10", r#"{"a":[0,1,2,3,4,5,6,7,8,9,10,11]}"#, r#"{"a":[0,1,2,3,4,5,6,7,8,9,"***",11]}"#),
        ("user.01", "[1,2]", "[1,2]"),
        ("user.99999999999999999999999", "[1,2]", "[1,2]"),
    ] {
        assert_eq!(masked_json(&[path], json).as_deref(), Some(expected), "{path} in {json}");
    }
}

#[test]
fn many_wildcards_in_nested_arrays_stay_cheap() {
    // Without care each array would double the places: 2^100 of them.
    let path = format!("user{}.x", ".*".repeat(100));
    let json = format!("{}0{}", "[".repeat(100), "]".repeat(100));
    let mask = FieldMask::new([path]).unwrap().max_depth(FieldMask::DEPTH_LIMIT);
    assert_eq!(masked_json_by(mask, &json), Some(json));
}

#[test]
fn paths_that_match_nothing_are_refused() {
    for path in ["", ".", "a.", ".a", "a..b"] {
        let error = FieldMask::new(["ok", path]).unwrap_err().to_string();
        assert!(error.contains(&format!("{path:?}")) && error.contains("none of them empty"), "{error}");
    }
    for path in ["pass*", "a.*b.c", "***", "a.**b"] {
        let error = FieldMask::new([path]).unwrap_err().to_string();
        assert!(error.contains(&format!("{path:?}")) && error.contains("must stand alone"), "{error}");
    }
}

/// A JSON value as a tree that keeps source texts, order and duplicates.
#[derive(Debug, Clone)]
enum Tree {
    Scalar(String),
    Array(Vec<Tree>),
    Object(Vec<(Key, Tree)>),
}

#[derive(Debug, Clone)]
struct Key {
    name: &'static str,
    escaped: bool,
}

/// How one comes from a field to a value in it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Element(usize),
    Member(&'static str),
}

const SECRET: &str = "N33DLE";

impl Tree {
    /// The text with all values, or with a mask where `is_masked` says so.
    fn write(&self, steps: &mut Vec<Step>, is_masked: &dyn Fn(&[Step]) -> bool, out: &mut String) {
        if is_masked(steps) {
            return out.push_str("\"***\"");
        }
        match self {
            Tree::Scalar(text) => out.push_str(text),
            Tree::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index > 0 { " ," } else { " " });
                    steps.push(Step::Element(index));
                    element.write(steps, is_masked, out);
                    steps.pop();
                }
                out.push(']');
            }
            Tree::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { ", \"" } else { "\"" });
                    match key.escaped {
                        true => key.name.chars().for_each(|c| out.push_str(&format!("\\u{:04X}", c as u32))),
                        false => out.push_str(key.name),
                    }
                    out.push_str("\" :  ");
                    steps.push(Step::Member(key.name));
                    value.write(steps, is_masked, out);
                    steps.pop();
                }
                out.push('}');
            }
        }
    }

    fn text(&self, is_masked: impl Fn(&[Step]) -> bool) -> String {
        let mut out = String::new();
        self.write(&mut Vec::new(), &is_masked, &mut out);
        out
    }
}

/// Whether a path leads exactly along these steps: the documented meaning, spelled out.
fn leads(path: &[&str], steps: &[Step]) -> bool {
    if path.first() == Some(&"**") && leads(&path[1..], steps) {
        return true;
    }
    let (Some(first), Some((step, steps))) = (path.first(), steps.split_first()) else {
        return path.is_empty() && steps.is_empty();
    };
    match step {
        Step::Element(index) => {
            let is_named = *first == "*" || *first == index.to_string();
            leads(path, steps) || (is_named && leads(&path[1..], steps))
        }
        Step::Member(name) => {
            let parts: Vec<_> = name.split('.').collect();
            behind(path, &[name]).any(|path| leads(path, steps)) || behind(path, &parts).any(|path| leads(path, steps))
        }
    }
}

/// What may be left of a path behind these names.
fn behind<'p>(path: &'p [&'p str], names: &[&str]) -> Box<dyn Iterator<Item = &'p [&'p str]> + 'p> {
    let Some((name, names)) = names.split_first() else { return Box::new(std::iter::once(path)) };
    match path.first() {
        None => Box::new(std::iter::empty()),
        Some(&"**") => {
            let (stays, goes_on) = (behind(path, names), behind(&path[1..], &[&[*name], names].concat()));
            Box::new(stays.chain(goes_on))
        }
        Some(first) if *first == "*" || first == name => behind(&path[1..], names),
        Some(_) => Box::new(std::iter::empty()),
    }
}

fn any_key(names: &'static [&'static str]) -> impl Strategy<Value = Key> {
    (prop::sample::select(names), any::<bool>()).prop_map(|(name, escaped)| Key { name, escaped })
}

const SCALARS: [&str; 8] =
    ["0.10", "1e400", "null", "-0", "\"\\u00e9 \\\" [{\"", "\"*\"", "\"\"", "123456789012345678901234567890"];

fn any_tree(names: &'static [&'static str]) -> impl Strategy<Value = Tree> {
    let scalar = prop::sample::select(&SCALARS[..]).prop_map(|text| Tree::Scalar(text.to_owned()));
    scalar.boxed().prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
            prop::collection::vec((any_key(names), inner), 0..4).prop_map(Tree::Object),
        ]
        .boxed()
    })
}

/// Names that are on paths in some case, alone or behind a dot, and others of their lengths and letters.
const NAMES: [&str; 12] = [
    "token",
    "Token",
    "TO\u{212a}EN",
    "to\u{212a}en",
    "a.token",
    "a.to\u{212a}en",
    "taken",
    "card",
    "card.number",
    "straße",
    "STRASSE",
    "É",
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Origin {
    /// The event brings them.
    Event,
    Callsite,
    Enricher,
}

/// The masked names, where the names of fields come from there.
fn masked_names(mask: &FieldMask, names: &[&'static str], from: Origin) -> Vec<String> {
    use logwheel_core::{Callsite, EncodedFields, Enrichment, Event, EventBuffers, Record, Shape};
    let site: &'static Callsite =
        Box::leak(Box::new(Callsite::new("m", "m", "f", 1, Box::leak(names.to_vec().into_boxed_slice()))));
    let mut arguments = Vec::new();
    match from {
        Origin::Event => {
            names.iter().for_each(|name| logwheel_core::wire::encode_named(name, &Value::U64(1), &mut arguments))
        }
        Origin::Callsite => names.iter().for_each(|_| Value::U64(1).encode(&mut arguments)),
        Origin::Enricher => {}
    }
    let record = Record {
        timestamp: 1,
        level: Level::INFO,
        callsite: (from == Origin::Callsite).then_some(site),
        trace: None,
        shape: Shape { named_arguments: from == Origin::Event, ..Shape::default() },
        context: &[],
        arguments: &arguments,
    };
    let mut buffers = EventBuffers::default();
    let mut event = Event::open(record, &mut buffers);
    if from == Origin::Enricher {
        let mut fields = EncodedFields::new();
        names.iter().for_each(|name| fields.push(name, 1u8));
        let mut enrichment = Enrichment::new(&mut event);
        enrichment.add_encoded(&fields);
        enrichment.commit();
    }
    mask.clone().redact(&mut event).unwrap();
    let masked = event.fields().filter(|(_, field)| matches!(field.value, Value::Str("***")));
    masked.map(|(_, field)| field.name.to_owned()).collect()
}

/// What is told of a name ahead must not let it pass.
#[test]
fn it_does_not_matter_where_a_name_comes_from() {
    for paths in [&["token"][..], &["**.token"], &["card.number"], &["*.number"], &["strasse", "é"], &["card"]] {
        for case_insensitive in [false, true] {
            let mask = FieldMask::new(paths).unwrap().case_insensitive(case_insensitive);
            let named = masked_names(&mask, &NAMES, Origin::Event);
            for from in [Origin::Callsite, Origin::Enricher] {
                assert_eq!(masked_names(&mask, &NAMES, from), named, "{paths:?} {case_insensitive} {from:?}");
            }
            if paths == ["token"] && case_insensitive {
                assert_eq!(named, ["token", "Token", "TO\u{212a}EN", "to\u{212a}en"]);
            }
        }
    }
}

proptest! {
    #[test]
    fn exactly_what_lies_on_a_path_is_masked_and_the_rest_is_the_same_byte_for_byte(
        tree in any_tree(&["a", "b", "a.b", "*", "1", ""]),
        paths in prop::collection::vec(
            prop::collection::vec(prop::sample::select(&["a", "b", "*", "**", "0", "1"][..]), 1..5), 1..4),
    ) {
        let texts = paths.iter().map(|path| format!("user.{}", path.join(".")));
        let expected = tree.text(|steps| paths.iter().any(|path| leads(path, steps)));
        let json = tree.text(|_| false);
        let whole = expected == "\"***\"" && json != expected;
        prop_assert_eq!(masked_json_by(FieldMask::new(texts).unwrap(), &json), (!whole).then_some(expected));
    }

    #[test]
    fn a_secret_on_a_masked_path_is_in_no_line(
        (wrappings, secret) in (
            prop::collection::vec((any::<bool>(), any::<bool>(), any_tree(&["x", "y", "z"]), any_tree(&["x", "y", "z"])), 1..8),
            prop::sample::select(&["\"N33DLE\"", "{\"N33DLE\":[\"N33DLE\"]}", "[\"a N33DLE\",1]"][..]),
        ),
        as_member in any::<bool>(),
        broken in any::<bool>(),
    ) {
        // From the inside out: the secret, in objects that lengthen the path and arrays that do not.
        let mut tree = Tree::Scalar(secret.to_owned());
        let mut path = Vec::new();
        for (in_array, escaped, before, after) in wrappings {
            if in_array {
                tree = Tree::Array(vec![before, tree, after]);
            } else {
                let name = ["p", "q", "r"][path.len() % 3];
                path.insert(0, name);
                let (x, y) = (Key { name: "x", escaped }, Key { name: "y", escaped: false });
                tree = Tree::Object(vec![(x, before), (Key { name, escaped }, tree), (y, after)]);
            }
        }
        let json = tree.text(|_| false) + if broken { "," } else { "" };
        let hidden = tree.text(|steps| leads(&path, steps));
        path.insert(0, "user");
        let mut mask = FieldMask::new([path.join(".")]).unwrap().max_depth(16);
        let other = if as_member { "request_id" } else { "other" };
        let with = [(other, Value::Json("{\"p\":1}")), ("user", Value::Json(&json))];
        let (is_hidden, lines) = with_event(Level::INFO, &with, |event| {
            mask.redact(event).unwrap();
            let expected = if broken || path.len() == 1 { Value::Str("***") } else { Value::Json(&hidden) };
            let is_hidden = format!("{:?}", event.get("user").unwrap()) == format!("{expected:?}");
            (is_hidden && event.get(other).is_some_and(|value| matches!(value, Value::Json("{\"p\":1}"))), lines(event))
        });
        prop_assert!(is_hidden, "{} of {}", path.join("."), json);
        for line in lines {
            prop_assert!(!line.contains(SECRET), "{}", line);
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&line).is_ok(), "{}", line);
        }
    }
}
