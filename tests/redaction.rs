//! What redaction promises, through the whole engine and in both envelopes.

mod support;

use logwheel::{
    Engine, Envelope, Event, FieldBlocker, FieldMask, MemorySink, PresetMask, RawJson, RedactPreset, Redactor,
    RegexMask, Scope, Secret, StageError, StaticFields, StringTruncate, ToValue, UrlCredentials, Value, info,
};
use support::{LONG, parse};

/// The lines of what `log` logs through these redactors, in one envelope.
fn lines(envelope: Envelope, redactors: Vec<Box<dyn Redactor>>, log: impl FnOnce(&logwheel::Logger)) -> Vec<String> {
    let memory = MemorySink::new();
    let handle = memory.handle();
    let engine = redactors
        .into_iter()
        .fold(Engine::builder().envelope(envelope), |builder, redactor| builder.redactor(Boxed(redactor)));
    let engine =
        engine.enricher(StaticFields::new().field("added", "N33DLE of an enricher")).sink(memory).build().unwrap();
    log(&engine.logger("t").with("bound", "N33DLE of a logger"));
    assert!(engine.shutdown(LONG).complete);
    handle.lines()
}

struct Boxed(Box<dyn Redactor>);

impl Redactor for Boxed {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn replicate(&self) -> Option<Box<dyn Redactor>> {
        self.0.replicate()
    }
    fn redact(&mut self, event: &mut Event<'_>) -> Result<(), StageError> {
        self.0.redact(event)
    }
}

const ENVELOPES: [Envelope; 2] = [Envelope::Flat, Envelope::V1_1];

#[test]
fn typed_secrets_log_as_a_mask_in_every_way_a_statement_can_take_them_and_without_any_redactor() {
    let password = Secret::new("N33DLE-secret".to_owned());
    let code = Secret::new(3_447_331u32);
    for envelope in ENVELOPES {
        let lines = lines(envelope, Vec::new(), |logger| {
            info!(logger, "plain", password = password, display = %password, debug = ?password, code);
            info!(logger, "short", %password, ?code, optional = Some(&password), list = ?[&code]);
            info!(logger.with("key", &password), format!("made {password} {code:?}"), text = %format_args!("{code:>9}"));
            let scope = Scope::new().field("token", &password);
            let _inside = scope.enter();
            logger.log_fields(logwheel::Level::INFO, "listed", &[("p", password.to_value()), ("d", code.to_value())]);
        });
        assert_eq!(lines.len(), 4);
        for (line, masks) in lines.iter().zip([4, 4, 4, 3]) {
            assert!(!line.contains("N33DLE-secret") && !line.contains("3447331"), "{line}");
            assert_eq!(line.matches("***").count(), masks, "{line}");
        }
    }
    assert_eq!((password.expose().as_str(), *code.expose()), ("N33DLE-secret", 3_447_331));
}

/// Story defect B.12: a dict that carries the bypass marker turned off every redactor for its event.
#[test]
fn b12_no_marker_in_an_event_switches_redaction_off() {
    const MARKERS: [&str; 12] = [
        "_fapilog_unsafe",
        "_logwheel_unsafe",
        "_unsafe",
        "unsafe",
        "_redact",
        "redact",
        "_redaction_failed",
        "_redacted",
        "_no_redact",
        "_raw",
        "_trusted",
        "_damaged",
    ];
    let redactors = || -> Vec<Vec<Box<dyn Redactor>>> {
        vec![
            vec![Box::new(FieldMask::new(["**.secret", "text", "added", "bound"]).unwrap())],
            vec![Box::new(FieldBlocker::new(["**.secret", "text", "added", "bound"]).unwrap())],
            vec![Box::new(RegexMask::new(["N33DLE"]).unwrap())],
            vec![Box::new(UrlCredentials::new()), Box::new(RegexMask::new(["N33DLE of"]).unwrap())],
            vec![
                Box::new(PresetMask::new([RedactPreset::Credentials])),
                Box::new(RegexMask::new(["N33DLE of"]).unwrap()),
            ],
            vec![Box::new(StringTruncate::new().max_chars(5).suffix("")), Box::new(RegexMask::new(["N33DL"]).unwrap())],
        ]
    };
    for envelope in ENVELOPES {
        for (number, redactors) in redactors().into_iter().enumerate() {
            let lines = lines(envelope, redactors, |logger| {
                for marker in MARKERS {
                    for value in [Value::Bool(true), Value::Bool(false), Value::Str("true"), Value::U64(1)] {
                        let json = format!(
                            "{{\"{marker}\":true,\"secret\":\"https://u:N33DLE@h\",\"data\":{{\"{marker}\":true,\"secret\":\"x://N33DLE@h\"}}}}"
                        );
                        let scope = Scope::new().field(marker, value);
                        let _inside = scope.enter();
                        let url = "https://u:N33DLE@h";
                        // As a field of the statement, of the scope, and inside the body of a request.
                        logger.log_fields(
                            logwheel::Level::INFO,
                            "request",
                            &[(marker, value), ("text", Value::Str(url)), ("body", Value::Json(&json))],
                        );
                        info!(logger, "request", text = url, data = RawJson(&json));
                    }
                }
            });
            assert_eq!(lines.len(), MARKERS.len() * 4 * 2);
            for line in lines {
                assert!(!line.contains("N33DLE"), "redactors {number}: {line}");
                parse(&line);
            }
        }
    }
}

/// A stage that must look into what it cannot parse does not let it pass; nor does one that fails.
#[test]
fn redaction_fails_closed_for_a_value_it_cannot_search_and_for_an_event_it_fails_on() {
    struct Fails;
    impl Redactor for Fails {
        fn name(&self) -> &str {
            "fails"
        }
        fn redact(&mut self, _: &mut Event<'_>) -> Result<(), StageError> {
            Err(StageError::new("cannot"))
        }
    }
    for envelope in ENVELOPES {
        let each: Vec<Box<dyn Redactor>> = vec![
            Box::new(FieldMask::new(["doc.a"]).unwrap()),
            Box::new(FieldBlocker::new(["doc.a"]).unwrap()),
            Box::new(RegexMask::new(["nothing like it"]).unwrap()),
            Box::new(UrlCredentials::new()),
            Box::new(PresetMask::new([RedactPreset::Jwt])),
        ];
        for redactor in each {
            let name = redactor.name().to_owned();
            let lines = lines(envelope, vec![redactor], |logger| {
                info!(logger, "broken", doc = RawJson("{\"a\":\"N33DLE-x\""), other = "kept");
            });
            assert!(!lines[0].contains("N33DLE-x") && lines[0].contains("\"doc\":\"***\""), "{name}: {}", lines[0]);
            assert!(lines[0].contains("\"other\":\"kept\"") && !lines[0].contains("_redaction_failed"), "{}", lines[0]);
        }
        let lines =
            lines(envelope, vec![Box::new(Fails)], |logger| info!(logger, format!("a {}", "N33DLE"), other = "N33DLE"));
        assert!(!lines[0].contains("N33DLE") && lines[0].contains("\"_redaction_failed\":true"), "{}", lines[0]);
    }
}

#[test]
fn all_redactors_work_together_on_one_event() {
    for envelope in ENVELOPES {
        let redactors: Vec<Box<dyn Redactor>> = vec![
            Box::new(FieldBlocker::new(["request.body"]).unwrap()),
            Box::new(FieldMask::new(["**.password"]).unwrap()),
            Box::new(RegexMask::new(["N33DLE"]).unwrap()),
            Box::new(UrlCredentials::new().query_parameters(["token"])),
            Box::new(PresetMask::new([RedactPreset::Gdpr, RedactPreset::Pci])),
            Box::new(StringTruncate::new().max_chars(40).suffix("…")),
        ];
        let request = r#"{"body":"x","user":{"password":1,"note":"call +49 30 1234567"},"n":1.0}"#;
        let lines = lines(envelope, redactors, |logger| {
            info!(
                logger,
                format!("paid with {}", "4111-1111-1111-1111"),
                request = RawJson(request),
                url = "https://u:p@h/?token=t&page=2",
                long = "x".repeat(100),
                card = 4_111_111_111_111_111u64,
            );
        });
        let line = parse(&lines[0]);
        let log = if envelope == Envelope::Flat { &line } else { &line["log"] };
        let (data, added) =
            if envelope == Envelope::Flat { (&line, &line) } else { (&log["data"], &log["diagnostics"]) };
        assert_eq!(log["message"], "paid with ***");
        assert!(
            lines[0].contains(r#""request":{"user":{"password":"***","note":"call ***"},"n":1.0}"#),
            "{}",
            lines[0]
        );
        assert_eq!(data["url"], "https://***@h/?token=***&page=2");
        assert_eq!(data["long"], format!("{}…", "x".repeat(39)));
        assert_eq!(data["card"], "***");
        assert_eq!(data["bound"], "*** of a logger");
        assert_eq!(added["added"], "*** of an enricher");
    }
}
