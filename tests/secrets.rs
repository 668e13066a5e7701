//! What was configured as a secret is in nothing that anybody can read: no error, no diagnostic, no Debug
//! output, no ledger.
#![cfg(feature = "loki")]

mod support;

use std::fmt::{Debug, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logwheel::{
    BreakerSettings, Diagnostic, Engine, FileSink, HttpFormat, HttpSignature, HttpSink, HttpSinkBuilder, LokiFormat,
    LokiSink, LokiSinkBuilder, RetrySettings, Secret, Sink, SinkOptions, info,
};
use support::receiver::{Receiver, Request};
use support::{LONG, lock, small};

/// In every secret of these tests; nothing else contains it.
const CANARY: &str = "c4n4ry";
const PASSWORD: &str = "c4n4ry-password";
/// `user:c4n4ry-password` as it travels.
const ENCODED: &str = "dXNlcjpjNG40cnktcGFzc3dvcmQ=";

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for secret in [CANARY, ENCODED] {
        assert!(!text.to_ascii_lowercase().contains(&secret.to_ascii_lowercase()), "{what}: {text}");
    }
}

/// Asserts it for all that `Debug` has to show, both ways.
#[track_caller]
fn assert_debug_clean(what: &str, value: &impl Debug) {
    assert_clean(what, &format!("{value:?} {value:#?}"));
}

/// The ways in which credentials can be given to a sink, by name; each to the builder of one kind.
macro_rules! credentials {
    ($builder:ty) => {{
        let ways: [Named<$builder>; 5] = [
            ("bearer_token", |url| <$builder>::from_url(url).bearer_token("c4n4ry-token")),
            ("basic_auth", |url| <$builder>::from_url(url).basic_auth("user", PASSWORD)),
            ("header", |url| <$builder>::from_url(url).header("X-Api-Key", "c4n4ry-key")),
            ("authorization", |url| <$builder>::from_url(url).header("Authorization", "ApiKey c4n4ry-key")),
            ("cookie", |url| <$builder>::from_url(url).header("Cookie", "session=c4n4ry-session; theme=dark")),
        ];
        ways.to_vec()
    }};
}

trait FromUrl {
    fn from_url(url: &str) -> Self;
}

impl FromUrl for HttpSinkBuilder {
    fn from_url(url: &str) -> Self {
        HttpSink::builder(format!("{url}/in")).format(HttpFormat::Ndjson).timeout(Duration::from_millis(300))
    }
}

impl FromUrl for LokiSinkBuilder {
    fn from_url(url: &str) -> Self {
        LokiSink::builder(url).format(LokiFormat::Json).timeout(Duration::from_millis(300))
    }
}

type Named<B> = (&'static str, fn(&str) -> B);

fn http() -> Vec<Named<HttpSinkBuilder>> {
    let mut ways = credentials!(HttpSinkBuilder);
    ways.push(("signature", |url| HttpSinkBuilder::from_url(url).signature(HttpSignature::new("c4n4ry-secret"))));
    ways.push(("query", |url| {
        HttpSink::builder(format!("{url}/in?app=a&api_key=c4n4ry-query")).timeout(Duration::from_millis(300))
    }));
    ways
}

fn loki() -> Vec<Named<LokiSinkBuilder>> {
    credentials!(LokiSinkBuilder)
}

/// Two attempts and no more.
fn hasty(sink: SinkOptions) -> SinkOptions {
    let retry = RetrySettings::new().base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(1));
    sink.retry(retry.max_attempts(2)).breaker(BreakerSettings::new().recovery(Duration::from_millis(1)))
}

/// Logs through the sink to a destination where everything fails, and asserts that nothing of it
/// shows a secret. Gives back the diagnostics.
#[track_caller]
fn fail(what: &str, sink: impl Sink + Debug + 'static) -> String {
    assert_debug_clean(what, &sink);
    let said = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&said);
    let hear = move |diagnostic: &Diagnostic<'_>| writeln!(lock(&hearing), "{diagnostic:?}").unwrap();
    let builder = small().diagnostics(hear).sink_with(sink, hasty);
    assert_debug_clean(what, &builder);
    let engine = builder.build().unwrap();
    let logger = engine.logger("t");
    (0..3u64).for_each(|n| info!(logger, "m", n));
    let flushed = engine.flush_report(LONG);
    assert_debug_clean(what, &(&engine, &logger, &flushed));
    assert_clean(what, &engine.ledger().to_string());
    let report = engine.shutdown(LONG);
    assert_debug_clean(what, &report);
    assert_clean(what, &report.ledger.to_string());
    assert_eq!(report.ledger.sinks[0].delivered, 0, "{what}: {}", report.ledger);
    let said = lock(&said).clone();
    assert!(!said.is_empty(), "{what}: nothing was said");
    assert_clean(what, &said);
    said
}

/// All sinks with all credentials.
#[track_caller]
fn fail_all(trouble: &str, url: &str) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for (name, builder) in http() {
        let what = format!("http with {name}, {trouble}");
        let sink = builder(url).build().unwrap();
        said.push((what.clone(), fail(&what, sink)));
    }
    for (name, builder) in loki() {
        let what = format!("loki with {name}, {trouble}");
        let sink = builder(url).build().unwrap();
        said.push((what.clone(), fail(&what, sink)));
    }
    said
}

/// The lines of the request that hold a secret, as an indiscreet server repeats them.
fn echo(request: &Request) -> String {
    let signature = |line: &str| line.to_ascii_lowercase().starts_with("x-logwheel-signature");
    let secret = |line: &&str| line.contains(CANARY) || line.contains(ENCODED) || signature(line);
    let lines: Vec<_> = request.head.lines().filter(secret).collect();
    assert!(!lines.is_empty(), "no secret was sent: {}", request.head);
    lines.join("; ")
}

#[test]
fn answers_that_repeat_credentials_do_not_spread_them() {
    for status in [301, 400, 401, 403, 404, 422, 429, 500, 503] {
        let receiver = Receiver::start(move |request| Some((status, format!("no: {}", echo(request)))));
        for (what, said) in fail_all(&format!("answered {status}"), &receiver.url()) {
            assert!(said.contains("***"), "{what}: the answer was not quoted: {said}");
        }
    }
}

#[test]
fn answers_that_repeat_a_part_of_a_credential_do_not_spread_it() {
    let parts = "token c4n4ry-token, key c4n4ry-key, password c4n4ry-password, session c4n4ry-session, \
                 query c4n4ry-query";
    let receiver = Receiver::start(move |request| {
        // Only what this client has sent: the others are strangers' secrets.
        let sent = |part: &&str| {
            let secret = part.split(' ').next_back().unwrap_or_default();
            request.head.contains(secret) || (secret == PASSWORD && request.head.contains(ENCODED))
        };
        let parts: Vec<_> = parts.split(", ").filter(sent).collect();
        Some((401, format!("unknown: {}", parts.join(", "))))
    });
    fail_all("answered with parts", &receiver.url());
}

#[test]
fn destinations_that_refuse_or_hang_do_not_make_sinks_talk() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fail_all("refused", &format!("http://{nobody}"));
    let receiver = Receiver::start(|_| None);
    fail_all("hanging", &receiver.url());
}

#[test]
fn builders_and_their_errors_show_no_secrets() {
    // Not the local machine, so that every one of them is refused; and each wrong in another way.
    for url in ["http://example.com", "no url", "https://user:c4n4ry@example.com", "ftp://c4n4ry@example.com?c4n4ry"] {
        for (name, builder) in http() {
            let builder = builder(url);
            assert_debug_clean(name, &builder);
            if let Err(error) = builder.build() {
                assert_debug_clean(name, &error);
                assert_clean(name, &error.to_string());
            }
        }
        for (name, builder) in loki() {
            let builder = builder(url);
            assert_debug_clean(name, &builder);
            let error = builder.build().unwrap_err();
            assert_debug_clean(name, &error);
            assert_clean(name, &error.to_string());
        }
    }
    let https = || HttpSink::builder("https://example.com");
    let wrong: [HttpSinkBuilder; 6] = [
        https().bearer_token("c4n4ry\n"),
        https().basic_auth("us:er", PASSWORD),
        https().header("X-Api-Key", "c4n4ry-é"),
        https().bearer_token("c4n4ry-token").basic_auth("user", PASSWORD),
        https().client_certificate("c4n4ry", "-----BEGIN PRIVATE KEY-----\nc4n4ry\n-----END PRIVATE KEY-----\n"),
        https().signature(HttpSignature::new("c4n4ry-secret").signature_header("no name")),
    ];
    for builder in wrong {
        assert_debug_clean("a builder", &builder);
        let error = builder.build().unwrap_err();
        assert_debug_clean("its error", &error);
        assert_clean("its error", &error.to_string());
    }
    assert_debug_clean("a signature", &HttpSignature::new("c4n4ry-secret"));
    assert_debug_clean("a secret", &Secret::new(PASSWORD));
}

#[test]
fn the_key_of_a_hash_chain_is_not_shown() {
    let dir = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("secrets-chain");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    // A folder is in the place of the file.
    let sink = FileSink::new(&dir).hash_chain_key("c4n4ry-chain-key-of-32-bytes-and-more");
    fail("a file sink", sink);
    let sink = FileSink::new(dir.join("log")).hash_chain_key("c4n4ry-short");
    assert_debug_clean("a file sink", &sink);
    let builder = Engine::builder().sink(sink);
    assert_debug_clean("a builder", &builder);
}

#[cfg(feature = "encrypt")]
#[test]
fn the_key_of_encrypted_lines_is_not_shown() {
    use logwheel::{Encrypt, EncryptKey};

    let bytes = *b"c4n4ry-key-of-exactly-32-bytes!!";
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", &bytes[..6]);
    let clean = |what: &str, value: &dyn Debug| {
        let text = format!("{value:?} {value:#?}");
        assert_clean(what, &text);
        let base64 = "YzRuNHJ5LWtleS1vZi1leGFjdGx5LTMyLWJ5dGVzISE";
        for form in [&hex[..12], list.trim_matches(['[', ']']), &base64[..16]] {
            assert!(!text.contains(form), "{what}: {text}");
        }
    };
    let key = EncryptKey::new("2026-01", &bytes);
    clean("a key", &key);
    clean("a decryptor", &logwheel::Decryptor::new([key.clone()]));
    for text in ["c4n4ry, which is no key", "YzRuNHJ5LWtleQ==", &hex[2..], &format!("zz{}", &hex[2..])] {
        let error = EncryptKey::parse("2026-01", text).unwrap_err();
        clean("its error", &error);
        assert!(!error.to_string().contains(text) && !error.to_string().contains(CANARY), "{error}");
    }
    let said = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&said);
    let hear = move |diagnostic: &Diagnostic<'_>| writeln!(lock(&hearing), "{diagnostic:?}").unwrap();
    let memory = logwheel::MemorySink::new();
    let lines = memory.handle();
    let builder = small().diagnostics(hear).processor(Encrypt::new(key)).sink(memory);
    clean("a builder", &builder);
    let engine = builder.build().unwrap();
    info!(engine.logger("t"), "m");
    clean("an engine", &engine);
    let report = engine.shutdown(LONG);
    clean("a report", &report);
    clean("the ledger", &report.ledger.to_string());
    clean("what was said", &*lock(&said));
    clean("the lines", &lines.lines());
    assert_eq!(lines.lines().len(), 1);
}

/// The CloudWatch sink, whose secret key never travels while the session token and a signature do.
#[cfg(feature = "cloudwatch")]
mod aws {
    use std::process::Command;

    use logwheel::{CloudWatchSink, CloudWatchSinkBuilder};

    use super::*;

    const KEY: &str = "c4n4ry/Secret+Access+Key";
    const TOKEN: &str = "IQoJc4n4rySessionToken//==";

    fn builder(url: &str) -> CloudWatchSinkBuilder {
        let builder = CloudWatchSink::builder().region("eu-central-1").endpoint_url(url);
        builder.timeout(Duration::from_millis(500))
    }

    fn with_keys(url: &str) -> CloudWatchSinkBuilder {
        builder(url).credentials("AKIDEXAMPLE", KEY, Some(TOKEN.to_owned()))
    }

    /// Asserts that there is no signature either: no run of so many hexadecimal digits.
    #[track_caller]
    fn assert_unsigned(what: &str, text: &str) {
        let longest = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
        assert!(longest < Some(64), "{what}: {text}");
    }

    /// What an indiscreet service says: the code of an error, and all that it was sent in one line.
    fn indiscreet(status: u16, code: &'static str) -> Receiver {
        Receiver::start(move |request| {
            let head = request.head.replace("\r\n", "; ");
            assert!(head.contains(TOKEN) && head.contains("Signature="), "no secret was sent: {head}");
            // Secrets first: they would not be seen behind the end of the excerpt.
            let (before, authorization) = head.split_once("AWS4-HMAC-SHA256").unwrap();
            let (_, signature) = authorization.split_once("Signature=").unwrap();
            let message = format!("got {TOKEN}, {KEY}, Signature={signature} {before}").replace('"', "'");
            let body = match code {
                "" => message,
                code => format!(r#"{{"__type":"{code}","message":"{message}"}}"#),
            };
            Some((status, body))
        })
    }

    const ANSWERS: [(u16, &str); 12] = [
        (400, "UnrecognizedClientException"),
        (400, "ExpiredTokenException"),
        (400, "IncompleteSignatureException"),
        (403, "InvalidSignatureException"),
        (400, "AccessDeniedException"),
        (400, "InvalidParameterException"),
        (400, "ResourceNotFoundException"),
        (400, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
        (403, ""),
        (500, ""),
        (200, ""),
    ];

    #[test]
    fn answers_that_repeat_keys_tokens_and_signatures_do_not_spread_them() {
        for (status, code) in ANSWERS {
            let receiver = indiscreet(status, code);
            let what = format!("answered {status} {code}");
            for create in [true, false] {
                let builder = with_keys(&receiver.url()).create_log_stream(create).create_log_group(create);
                let said = fail(&what, builder.build().unwrap());
                assert_unsigned(&what, &said);
                assert!(code.is_empty() || said.contains("***"), "{what}: the answer was not quoted: {said}");
            }
        }
    }

    #[test]
    fn endpoints_that_refuse_or_hang_do_not_make_the_sink_talk() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        fail("refused", with_keys(&format!("http://{nobody}")).build().unwrap());
        let receiver = Receiver::start(|_| None);
        fail("hanging", with_keys(&receiver.url()).build().unwrap());
    }

    #[test]
    fn builders_and_their_errors_show_no_secrets() {
        for url in ["http://example.com", "no url", "https://user:c4n4ry@example.com", "ftp://c4n4ry@h?c4n4ry"] {
            let builder = with_keys(url);
            assert_debug_clean(url, &builder);
            let error = builder.build().unwrap_err();
            assert_debug_clean(url, &error);
            assert_clean(url, &error.to_string());
        }
        let half = CloudWatchSink::builder().credentials("", KEY, Some(TOKEN.to_owned()));
        assert_debug_clean("half of them", &half);
        let error = half.build().unwrap_err();
        assert_clean("half of them", &format!("{error} {error:?}"));
    }

    /// Keys that the SDK finds by itself are no better known to the service, in a process of its own.
    #[test]
    fn keys_of_the_environment_do_not_spread_either() {
        const ENDPOINT: &str = "LOGWHEEL_TEST_SECRETS_ENDPOINT";
        if let Ok(url) = std::env::var(ENDPOINT) {
            let said = fail("keys of the environment", builder(&url).build().unwrap());
            assert_unsigned("keys of the environment", &said);
            assert!(said.contains("got ***"), "the answer was not quoted: {said}");
            return;
        }
        for (status, code) in ANSWERS.into_iter().filter(|(_, code)| !code.is_empty()) {
            let receiver = indiscreet(status, code);
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "aws::keys_of_the_environment_do_not_spread_either"]);
            child.env_clear().env(ENDPOINT, receiver.url()).env("AWS_EC2_METADATA_DISABLED", "true");
            // Neither this machine's profiles nor its metadata service have a say.
            child.envs([("AWS_CONFIG_FILE", "none"), ("AWS_SHARED_CREDENTIALS_FILE", "none")]);
            child.envs([("AWS_ACCESS_KEY_ID", "KEYOFENV"), ("AWS_SECRET_ACCESS_KEY", KEY)]);
            let output = child.env("AWS_SESSION_TOKEN", TOKEN).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{status} {code}: {text}");
        }
    }
}
