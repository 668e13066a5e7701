use proptest::prelude::*;

use super::*;

/// Removes and masks members by their first letter, masks strings that hold `s`, renames names that
/// end with it, and masks the number 7.
struct ByLetter;

impl Rules for ByLetter {
    const TEXTS: bool = true;

    fn member(&mut self, name: &str, _: bool) -> Result<Fate, Unsearchable> {
        match name.chars().next() {
            Some('r') => Ok(Fate::Remove),
            Some('m') => Ok(Fate::Mask),
            Some('k') => Ok(Fate::Keep),
            Some('!') => Err(Unsearchable),
            _ => Ok(Fate::Search),
        }
    }

    fn element(&mut self, index: usize) -> Fate {
        if index == 9 { Fate::Remove } else { Fate::Search }
    }

    fn name(&mut self, name: &str, _: bool, out: &mut String) -> bool {
        out.push_str("***");
        name.ends_with('s')
    }

    fn string(&mut self, text: &str, is_whole: bool, out: &mut String) -> bool {
        out.push_str(&text.replace('s', "\""));
        text.contains('s') || !is_whole
    }

    fn number(&mut self, text: &str) -> bool {
        text == "7"
    }
}

fn edited(json: &str) -> Option<String> {
    let mut editor = Editor::default();
    match editor.edit(json, "null", &mut ByLetter) {
        Edited::Unchanged => Some(json.to_owned()),
        Edited::Changed => Some(editor.result().to_owned()),
        Edited::Masked => None,
    }
}

#[test]
fn what_the_rules_do_not_touch_keeps_its_source_text() {
    for (json, expected) in [
        (r#" { "a" : [ 1.0 , "x\u0041" ] } "#, r#" { "a" : [ 1.0 , "x\u0041" ] } "#),
        (
            r#" { "a" : [ 1.0 , "s\u0041" ] , "m":{"s":"s"}, "k":{"s":"s"} } "#,
            r#" { "a" : [ 1.0 , "\"A" ] , "m":null, "k":{"s":"s"} } "#,
        ),
        (r#"{"\u0073":7,"as":70,"a":-7}"#, r#"{"***":null,"***":70,"a":-7}"#),
        (r#""s""#, r#""\"""#),
        ("7", "null"),
        (" true ", " true "),
    ] {
        assert_eq!(edited(json).as_deref(), Some(expected), "{json}");
    }
}

#[test]
fn a_member_leaves_with_one_comma_wherever_it_stands() {
    for (json, expected) in [
        (r#"{"r":1}"#, "{}"),
        (r#"{ "r" : {"a":[1,{}]} }"#, "{  }"),
        (r#"{"r":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":2,"r":1}"#, r#"{"a":2}"#),
        (r#"{"a":2 , "r":"}," , "b":3}"#, r#"{"a":2  , "b":3}"#),
        (r#"{"r":1,"r1":1,"a":2,"r2":1,"r3":1,"b":3,"r4":1,"r5":1}"#, r#"{"a":2,"b":3}"#),
        (r#"{"r":1,"r":1}"#, "{}"),
        (r#"{"a":{"r":1},"r":[{"r":1}],"b":[{"r":1,"s":"s"}]}"#, r#"{"a":{},"b":[{"***":"\""}]}"#),
        ("[0,1,2,3,4,5,6,7,8,9,10]", "[0,1,2,3,4,5,6,null,8,10]"),
        ("[0,1,2,3,4,5,6,8,8,9]", "[0,1,2,3,4,5,6,8,8]"),
    ] {
        assert_eq!(edited(json).as_deref(), Some(expected), "{json}");
    }
}

#[test]
fn what_is_not_json_or_cannot_be_searched_is_masked_as_a_whole() {
    for json in ["", "{", r#"{"a":1"#, r#"{"a":1}}"#, "[1,]", "nonsense", "\"\n\"", r#"{"a":{"!":1}}"#] {
        assert_eq!(edited(json), None, "{json}");
    }
    assert_eq!(edited(r#"{"k":{"!":1}}"#).as_deref(), Some(r#"{"k":{"!":1}}"#), "it was not looked into");
    assert_eq!(edited(r#"["\ud800"]"#).as_deref(), Some("[\"\u{fffd}\"]"), "half a pair was said to the rules");
}

#[test]
fn any_depth_is_walked_without_recursion() {
    let deep = format!("{}{{\"a\":\"s\"}}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(edited(&deep), Some(deep.replace("\"s\"", "\"\\\"\"")));
}

fn any_json() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&["r", "r2", "a", "as", "m", "k", "\\u0072", "b\\\\", ""][..]);
    let scalar = prop::sample::select(&["1", "7", "null", "\"s\"", "\"x\\n\"", "\"\\\"},\"", "-0.10", "1e400"][..]);
    let white = prop::sample::select(&["", " ", "\n\t"][..]);
    scalar.prop_map(str::to_owned).prop_recursive(5, 40, 5, move |inner| {
        let member = (name.clone(), white.clone(), inner.clone())
            .prop_map(|(name, white, value)| format!("{white}\"{name}\"{white}:{white}{value}{white}"));
        let element = (white.clone(), inner).prop_map(|(white, value)| format!("{white}{value}{white}"));
        prop_oneof![
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            prop::collection::vec(element, 0..6).prop_map(|elements| format!("[{}]", elements.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_left_is_json_without_what_was_to_go(json in any_json()) {
        let edited = edited(&json).unwrap();
        prop_assert!(serde_json::from_str::<&RawValue>(&edited).is_ok(), "{} became {}", json, edited);
        for gone in ["\"r\"", "\"r2\"", "\\u0072", "\"s\"", "\"as\""] {
            // What is kept unread may hold them; it is the only such member.
            prop_assert!(json.contains("\"k\"") || !edited.contains(gone), "{} became {}", json, edited);
        }
    }
}
