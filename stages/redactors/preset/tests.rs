use std::collections::BTreeSet;

use logwheel_core::{Level, Value};

use super::*;
use crate::testing::{fields, lines, with_event};

fn digits(count: usize) -> String {
    "0123456789".chars().cycle().take(count).collect()
}

/// Letters and digits as tokens have them.
fn token(count: usize) -> String {
    "aB3dE5gH1jK7mN9pQ2sT4vW6yZ8".chars().cycle().take(count).collect()
}

/// For each pattern texts in which it finds what stands between `«` and `»`. The keys are put together
/// here, so that no scanner takes them for real ones.
fn examples() -> Vec<(RedactPreset, &'static str, Vec<String>)> {
    use RedactPreset::*;
    let t = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    vec![
        (
            Gdpr,
            "email",
            t(&[
                "from «ann.b+c@mail.example.org», and",
                "<«ünal@exämple.museum»>",
                "mailto:«a@b.co»?x",
                "u=«a%40b.co»&c",
                "[«a@b.xn--p1ai»]",
                "ssh «root@host.local»: denied",
            ]),
        ),
        (
            Gdpr,
            "ipv4",
            t(&["/«10.10.34.11»:45307", "from «173.234.31.186».", "ip=«010.001.000.255»_x", "v«1.2.3.4.5»"]),
        ),
        (
            Gdpr,
            "ipv6",
            t(&[
                "[«2001:db8::1»]:80",
                "/«0:0:0:0:0:0:0:0»:2181",
                "at «fe80::1ff:fe23:4567:890a»%eth0",
                "«::1»",
                "«::ffff:10.0.0.1»",
                "«1:2:3:4:5:6:7:8»",
            ]),
        ),
        (
            Gdpr,
            "phone",
            t(&[
                "call «+49 30 1234567»!",
                "«+4915112345678»",
                "«+1 (212) 555-0100»",
                "«212-555-0100»",
                "«(212) 555-0100»",
                "«212.555.0100»",
            ]),
        ),
        (
            Gdpr,
            "iban",
            t(&["to «DE89 3704 0044 0532 0130 00» today", "«GB82WEST12345698765432».", "«de89370400440532013000»"]),
        ),
        (
            Pci,
            "card_number",
            t(&[
                "«4111111111111111»",
                "«4111 1111 1111 1111» 12/27",
                "n=«5555-5555-5555-4444»;",
                "id 17 «378282246310005»",
            ]),
        ),
        (Pci, "card_code", t(&["cvv: «123»", "CVV2=«1234»", "\"cvc\":\"«999»\"", "security code is «123»"])),
        (
            Pci,
            "track_data",
            t(&["«%B4111111111111112^DOE/JOHN^27121010000000000000?»", "«;4111111111111112=27121010000000000000?»"]),
        ),
        (Hipaa, "ssn", t(&["ssn «078-05-1120»", "«219 09 9999»."])),
        (Hipaa, "mrn", t(&["MRN: «A-12345»", "mrn=«00123456»", "medical record number «123456»"])),
        (Hipaa, "mbi", t(&["«1EG4-TE5-MK73»", "«1EG4TE5MK73»"])),
        (Hipaa, "npi", t(&["NPI «1234567893»"])),
        (
            CloudKeys,
            "aws_access_key_id",
            vec![format!("id «AKIA{}»", "IOSFODNN7EXAMPLE"), format!("«ASIA{}»", "2".repeat(16))],
        ),
        (
            CloudKeys,
            "aws_secret_access_key",
            vec![
                format!("aws_secret_access_key = «{}»", token(40)),
                format!("AWS_SECRET_KEY=\"«{}/»\"", token(39)),
                format!("secretAccessKey: '«{}»'", token(40)),
            ],
        ),
        (CloudKeys, "gcp_api_key", vec![format!("key=«AIza{}»", token(35))]),
        (CloudKeys, "gcp_oauth_token", vec![format!("«ya29.{}_-x»", token(30))]),
        (CloudKeys, "gcp_client_secret", vec![format!("«GOCSPX-{}»", token(28))]),
        (
            CloudKeys,
            "azure_key",
            vec![
                format!("EndpointSuffix=x;AccountKey=«{}==»;", token(86)),
                format!("SharedAccessKey=«{}=»", token(43)),
            ],
        ),
        (CloudKeys, "azure_sas", vec![format!("https://x/y?sv=1&sig=«{}%3D»&se=2", token(43))]),
        (CloudKeys, "azure_client_secret", vec![format!("«aB38Q~{}»", token(34))]),
        (
            CloudKeys,
            "github_token",
            vec![format!("«ghp_{}»", token(36)), format!("«github_pat_{}_{}»", token(22), token(59))],
        ),
        (CloudKeys, "gitlab_token", vec![format!("«glpat-{}»", token(20))]),
        (
            CloudKeys,
            "slack_token",
            vec![format!("«xoxb-{}-{}»", digits(12), token(24)), format!("«xapp-1-{}»", token(20))],
        ),
        (CloudKeys, "slack_webhook", vec![format!("https://hooks.slack.com/services/«T{0}/B{0}/{0}»", token(9))]),
        (
            CloudKeys,
            "stripe_key",
            vec![
                format!("«sk_live_{}»", token(24)),
                format!("«rk_test_{}»", token(24)),
                format!("«whsec_{}»", token(32)),
            ],
        ),
        (CloudKeys, "npm_token", vec![format!("«npm_{}»", token(36))]),
        (CloudKeys, "pypi_token", vec![format!("«pypi-{}»", token(80))]),
        (CloudKeys, "sendgrid_key", vec![format!("«SG.{}.{}»", token(22), token(43))]),
        (CloudKeys, "openai_style_key", vec![format!("«sk-{}»", token(48)), format!("«sk-ant-api03-{}»", token(90))]),
        (CloudKeys, "digitalocean_token", vec![format!("«dop_v1_{}»", "0a".repeat(32))]),
        (
            Jwt,
            "jwt",
            vec![
                format!("t=«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{}»;", token(43)),
                format!("«eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.»"),
                format!("«eyJhbGciOiJkaXIifQ..{}.{}.{}»", token(16), token(30), token(22)),
            ],
        ),
        (
            AuthTokens,
            "bearer",
            t(&["Bearer «abc123xyz»", "bearer  «AbCdEfGhIjKlMnOpQrSt==»", "bearer%20«abc123.x-y_z»"]),
        ),
        (AuthTokens, "basic", t(&["Basic «dXNlcjpwYXNz»", "basic «YTpi»"])),
        (
            AuthTokens,
            "authorization",
            t(&[
                "Authorization: «s3cr3t-value»",
                "\"authorization\":\"Digest «username=x»\"",
                "Proxy-Authorization: Negotiate «YII=»",
            ]),
        ),
        (AuthTokens, "cookie", t(&["Cookie: «a=b; sid=12»", "set-cookie: «sid=38afes7a8; HttpOnly»"])),
        (
            PrivateKeys,
            "pem",
            vec![
                format!("key «-----BEGIN RSA {0}-----\nMIIE\n-----END RSA {0}-----» end", "PRIVATE KEY"),
                format!("«-----BEGIN {0}-----\\nMIIE\\n-----END {0}-----»", "PRIVATE KEY"),
                format!("«-----BEGIN OPENSSH {}-----\nb3Blbn and no end»", "PRIVATE KEY"),
                format!("«-----BEGIN PGP {0} BLOCK-----\nx\n-----END PGP {0} BLOCK-----»", "PRIVATE KEY"),
            ],
        ),
        (PrivateKeys, "age", vec![format!("«AGE-SECRET-KEY-1{}»", "Q2W3E4R5".repeat(7))]),
        (PrivateKeys, "putty", vec![format!("«PuTTY-User-Key-File-{}: ssh-rsa\nPrivate-Lines: 8\nAAAA»", 2)]),
        (
            Credentials,
            "assignment",
            t(&[
                "password=«hunter2» for",
                "db_password: «hunter2», ok",
                "apiKey => «abc»",
                "{\"client_secret\":«\"x y z»\"}",
                "access-key = «'a b»'",
                "?token=«t1t2»&x",
            ]),
        ),
        (Credentials, "url_userinfo", t(&["postgres://«user:pass»@db/x", "https://«tok»@h", "http://«u:p@ss»@h/"])),
    ]
}

#[test]
fn every_pattern_finds_its_examples_and_nothing_else_in_them() {
    let mut shown = BTreeSet::new();
    for (preset, rule, texts) in examples() {
        shown.insert((preset.name(), rule));
        for marked in texts {
            let (start, rest) = (marked.find('«').unwrap(), marked.replace('«', ""));
            let end = rest.find('»').unwrap();
            let text = rest.replace('»', "");
            let found: Vec<_> = preset.test(&text).iter().map(|found| (found.rule(), &text[found.range()])).collect();
            assert!(found.contains(&(rule, &text[start..end])), "{rule} in {text}: {found:?}");
            // Others may find parts of it, too: a header and the token in it.
            let mut mask = PresetMask::new([preset]);
            let masked = with_event(Level::INFO, &[("f", Value::Str(&text))], |event| {
                mask.redact(event).unwrap();
                fields(event).remove(0)
            });
            assert!(!masked.contains(&text[start..end]), "{masked}");
        }
    }
    // Those that several presets have are shown once.
    let rules = |preset: &RedactPreset| preset.patterns().iter().map(|pattern| pattern.name()).collect::<Vec<_>>();
    let shown_rules: BTreeSet<_> = shown.iter().map(|(_, rule)| *rule).collect();
    let all: BTreeSet<_> = RedactPreset::all().iter().flat_map(rules).collect();
    assert_eq!(shown_rules, all, "every pattern has an example");
}

#[test]
fn everyday_texts_are_no_findings() {
    for (preset, texts) in [
        (
            RedactPreset::Gdpr,
            &[
                "2015-07-29 17:41:44,747 - INFO [main:Foo@774] - done",
                "std::net::Ipv4Addr::parse at src/a.rs:10:5",
                "Chrome/32.0.1700.107 Safari/537.36",
                "00:1b:44:11:3a:b7",
                "[17/May/2015:10:05:03 +0000]",
                "blk_-1608999687919862906 of size 67108864",
                "AB12 is no account",
                "dead::beef",
            ][..],
        ),
        (
            RedactPreset::Pci,
            &[
                "1446249499322000 and 1446249499322",
                "blk_38865049064139660",
                "4111 1111 1111 1112",
                "0.4111111111111111",
                "version 4.1.1",
                "a cvv is asked for",
                "2015-10-18 18:01:47,978",
            ],
        ),
        (RedactPreset::Hipaa, &["000-12-3456", "666-12-3456", "078-05-11203", "mrn unknown", "2015-10-18"]),
        (
            RedactPreset::CloudKeys,
            &[
                "AKIA is a prefix",
                "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
                "task-sk-1",
                "secret santa: nobody knows",
            ],
        ),
        (RedactPreset::Jwt, &["eyJ is a prefix", "eyebright.example.org"]),
        (
            RedactPreset::AuthTokens,
            &["bearer authentication", "basic information", "authorization failed", "cookies: none"],
        ),
        (
            RedactPreset::PrivateKeys,
            &["-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----", "BEGIN PRIVATE KEY"],
        ),
        (RedactPreset::Credentials, &["password changed", "no token given", "https://host/a@b", "std::x"]),
    ] {
        for text in texts {
            assert_eq!(preset.test(text), [], "{preset} in {text}");
        }
    }
}

#[test]
fn presets_can_be_listed_and_all_be_used_together() {
    let names: Vec<_> = RedactPreset::all().iter().map(|preset| preset.name()).collect();
    let expected = ["gdpr", "pci", "hipaa", "cloud_keys", "jwt", "auth_tokens", "private_keys", "credentials"];
    assert_eq!(names, expected);
    let mut by_rule = std::collections::HashMap::new();
    for preset in RedactPreset::all() {
        assert_eq!(preset.name().parse(), Ok(*preset));
        assert_eq!(preset.name().to_uppercase().replace('_', "-").parse(), Ok(*preset));
        assert_eq!(preset.to_string(), preset.name());
        assert!(!preset.description().is_empty() && !preset.patterns().is_empty() && !preset.fields().is_empty());
        for pattern in preset.patterns() {
            assert!(!pattern.description().is_empty());
            let known = by_rule.entry(pattern.name()).or_insert(pattern.regex());
            assert_eq!(*known, pattern.regex(), "two patterns are called {}", pattern.name());
        }
        for name in preset.fields() {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
            assert!(preset.test_field(name), "{name}");
        }
    }
    let all = PresetMask::new(RedactPreset::all().iter().copied());
    assert_eq!(all.test("a@b.co 4111111111111111").len(), 2);
    assert!(all.test_field("password") && all.test_field("cvv") && !all.test_field("order"));
    assert_eq!(PresetMask::new([]).test("a@b.co"), []);
}

#[test]
fn unknown_names_are_errors_that_say_what_there_is() {
    let error = PresetMask::from_names(["gdpr", "gpdr"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "presets: \"gpdr\": there are gdpr, pci, hipaa, cloud_keys, jwt, auth_tokens, private_keys, credentials"
    );
    let error = PresetMask::from_names(["gdpr"]).unwrap().without(["card_number"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "without: \"card_number\": none of the chosen presets has a pattern or a field of this name"
    );
}

#[test]
fn patterns_and_fields_can_be_left_out() {
    let mask = PresetMask::new([RedactPreset::Gdpr, RedactPreset::Pci]).mask("?");
    let fewer = mask.clone().without(["ipv4", "ip"]).unwrap().without(["card_number"]).unwrap();
    assert!(mask.test_field("client_ip") && mask.test("10.0.0.1 4111111111111111").len() == 2);
    assert!(fewer.test("10.0.0.1 4111111111111111").is_empty() && !fewer.test_field("server_ip"));
    assert!(fewer.test_field("client_ip"), "it has a rule of its own");
    let mut fewer = fewer;
    let with = [("a", Value::Str("a@b.co 10.0.0.1")), ("n", Value::U64(4_111_111_111_111_111))];
    let fields = with_event(Level::INFO, &with, |event| {
        fewer.redact(event).unwrap();
        fields(event)
    });
    assert_eq!(fields, ["a=Str(\"? 10.0.0.1\")", "n=U64(4111111111111111)"], "the mask stays, too");
}

#[test]
fn names_and_patterns_work_together_in_fields_numbers_and_json() {
    let mut mask = PresetMask::new([RedactPreset::Gdpr, RedactPreset::Pci, RedactPreset::Credentials]);
    let json = r#"{"userEmail":[1,{"x":2}],"note":"from \u0061nn\u0040b.co","pan":4111111111111111,"x":[4111111111111111,4111111111111112,1.50],"n":{"db-password":null}}"#;
    let with = [
        ("apiKey", Value::U64(1)),
        ("amount", Value::U64(4_111_111_111_111_112)),
        ("paid_with", Value::U64(4_111_111_111_111_111)),
        ("negative", Value::I64(-4_111_111_111_111_111)),
        ("wide", Value::U128(4_111_111_111_111_111)),
        ("doc", Value::Json(json)),
    ];
    let (fields, lines) = with_event(Level::INFO, &with, |event| {
        mask.redact(event).unwrap();
        (fields(event), lines(event))
    });
    let masked = r#"{"userEmail":"***","note":"from ***","pan":"***","x":["***",4111111111111112,1.50],"n":{"db-password":"***"}}"#;
    assert_eq!(
        fields,
        [
            "apiKey=Str(\"***\")".to_owned(),
            "amount=U64(4111111111111112)".to_owned(),
            "paid_with=Str(\"***\")".to_owned(),
            "negative=I64(-4111111111111111)".to_owned(),
            "wide=Str(\"***\")".to_owned(),
            format!("doc={:?}", Value::Json(masked)),
        ]
    );
    for line in lines {
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }
}

#[test]
fn adversarial_texts_take_linear_time() {
    let mut mask = PresetMask::new(RedactPreset::all().iter().copied());
    for part in [
        "1 ",
        "a@",
        "::",
        "a:",
        "1.",
        "eyJa.",
        "AB12",
        "bearer ",
        "+1 ",
        "-----BEGIN PRIVATE KEY-----",
        "://a@",
        "secret",
        "4111 ",
    ] {
        let text = part.repeat(100_000 / part.len());
        with_event(Level::INFO, &[("f", Value::Str(&text))], |event| mask.redact(event).unwrap());
    }
}
