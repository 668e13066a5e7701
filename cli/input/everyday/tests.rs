use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logwheel::wire::Reader;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::super::members::{Members, Parsed};
use super::*;

/// All that becomes of a line.
type Event = (Option<Level>, Option<SystemTime>, String, Option<String>, Vec<String>);

fn quickly(line: &str) -> Option<Event> {
    quickly_with(&mut Everyday::default(), line)
}

/// With what it knows from lines before.
fn quickly_with(everyday: &mut Everyday, line: &str) -> Option<Event> {
    let said = everyday.read(line.as_bytes(), |_| true)?;
    let (level, event) = (said.level()?, said.event(&mut Times::default())?);
    let (mut fields, mut reader) = (Vec::new(), Reader::new(said.fields));
    while !reader.is_at_end() {
        fields.push(format!("{}={:?}", reader.name().unwrap(), reader.value().unwrap()));
    }
    let text = |bytes: &[u8]| from_utf8(bytes).unwrap().to_owned();
    let time = event.time.map(|time| UNIX_EPOCH + Duration::from_nanos(time));
    Some((Some(level), time, text(event.message), event.logger.map(text), fields))
}

fn carefully(line: &str) -> Option<Event> {
    let mut members = Members::default();
    members.read(line).then_some(())?;
    let said = members.event();
    let fields = members.iter().enumerate().filter(|(index, _)| !said.is_taken(*index)).map(|(_, member)| {
        let value = match &member.value {
            Parsed::Text(text) => Value::Str(text),
            Parsed::Plain(value) => *value,
        };
        format!("{}={value:?}", member.name)
    });
    let fields = fields.collect();
    let level = said.level.unwrap_or(Level::INFO);
    Some((Some(level), said.time, said.message.to_owned(), said.logger.map(str::to_owned), fields))
}

#[test]
fn everyday_lines_are_read_here() {
    for line in [
        "{}",
        " {\t} ",
        r#"{"a":"b","c":1,"d":1.25,"e":true,"f":false,"g":null}"#,
        r#"{ "a" : "ü" , "b" : [1, {"c": "}\""}], "e": -1, "f": 1e5, "g": 0.10, "h": 12345678901234567890 }"#,
        r#"{"time":"2026-01-02T03:04:05.678Z","level":"warn","message":"m","logger":"l","order_id":17,"price":0.5}"#,
        r#"{"ts":1767323045.5,"severity":40,"msg":"","status":200}"#,
    ] {
        assert!(quickly(line).is_some(), "{line}");
        assert_eq!(quickly(line), carefully(line));
    }
}

#[test]
fn what_is_not_everyday_is_left_to_others() {
    for line in [
        r#"{"a":"\n"}"#,
        r#"{"\u0061":1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"ts":1767323045,"time":1767323045}"#,
        r#"{"level":"loud"}"#,
        r#"{"time":"yesterday"}"#,
        r#"{"message":1}"#,
        r#"{"logger":""}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":1,}"#,
        r#"{"a":tru}"#,
        "{\"a\":\"\u{1}\"}",
        r#"{"a":1}x"#,
        r#"{"a":"b"#,
        "{",
        "",
    ] {
        assert_eq!(quickly(line), None, "{line}");
    }
    let members: Vec<_> = (0..=MAX_MEMBERS).map(|n| format!("\"m{n}\":{n}")).collect();
    assert_eq!(quickly(&format!("{{{}}}", members.join(","))), None);
}

proptest! {
    #[test]
    fn lines_that_are_read_here_become_what_they_become_elsewhere(line in line()) {
        if let Some(event) = quickly(&line) {
            prop_assert_eq!(Some(event), carefully(&line), "{}", line);
            // Which does not look at the size of numbers; neither does anything else that keeps their source.
            prop_assert!(serde_json::from_str::<IgnoredAny>(&line).is_ok(), "{}", line);
        }
    }

    #[test]
    fn numbers_come_out_as_elsewhere(number in "-?[0-9]{1,17}([.][0-9]{1,17})?([eE][+-]?[0-9]{1,3})?") {
        let line = format!(r#"{{"n":{number}}}"#);
        prop_assert_eq!(quickly(&line), carefully(&line), "{}", number);
    }

    #[test]
    fn lines_behind_others_become_what_they_become_alone(lines in prop::collection::vec(line(), 1..12), again in 0usize..12) {
        let mut everyday = Everyday::default();
        for line in lines.iter().chain(lines.get(again)) {
            prop_assert_eq!(quickly_with(&mut everyday, line), quickly(line), "{}", line);
        }
    }

    #[test]
    fn lines_that_are_not_wanted_are_read_no_less_carefully(line in line()) {
        let (mut everyday, mut careless) = (Everyday::default(), Everyday::default());
        let said = everyday.read(line.as_bytes(), |_| true).map(|said| said.level());
        let unwanted = careless.read(line.as_bytes(), |level| level > Level::WARN);
        if let Some(said) = &unwanted {
            prop_assert!(said.wanted || said.level().is_some_and(|level| level <= Level::WARN), "{}", line);
        }
        prop_assert_eq!(unwanted.map(|said| said.level()), said);
    }

    #[test]
    fn names_that_come_and_go_are_told_apart(
        lines in prop::collection::vec(prop::collection::vec(0..1_500, 0..400), 1..12),
    ) {
        let mut everyday = Everyday::default();
        for names in lines {
            let members: Vec<_> = names.iter().map(|n| format!("\"name_of_a_member_{n}\":{n}")).collect();
            let line = format!("{{{}}}", members.join(","));
            let is_read = everyday.read(line.as_bytes(), |_| true).is_some();
            let once: std::collections::HashSet<_> = names.iter().collect();
            prop_assert_eq!(is_read, once.len() == names.len(), "{}", line);
        }
    }
}

/// Objects, nearly.
fn line() -> impl Strategy<Value = String> {
    let name = "[a-c]{1,3}|ts|time|level|LVL|severity|msg|message|logger|\\\\u0061|é";
    let value = prop_oneof![
        4 => "\"[ !#-\\[\\]-~éü\u{1f600}]{0,20}\"",
        1 => "\"(\\\\n|\\\\ud800|\u{1}|\"|x)\"",
        2 => "\"(info|WARN|loud|2026-01-02T03:0[45]:0[0-9]([.][0-9]{1,9})?Z|1767323045)\"",
        3 => "-?[0-9]{1,21}([.][0-9]{0,17})?([eE][+-]?[0-9]{1,3})?",
        2 => "true|false|null|nul|truer",
        1 => Just(r#"[1, "]\"", {"a": {}}]"#.to_owned()),
    ];
    let member =
        (name, " ?", value, " ?").prop_map(|(name, before, value, after)| format!("\"{name}\"{before}:{value}{after}"));
    (prop::collection::vec(member, 0..7), "[ \t]?", "(x|,)?")
        .prop_map(|(members, begin, end)| format!("{begin}{{{}}}{end}", members.join(",")))
}
