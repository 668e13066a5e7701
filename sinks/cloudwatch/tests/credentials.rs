//! Who may do what, and credentials that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

use super::super::double::Fault;
use super::*;

/// Gives other keys each time it is asked: `KEY1`, `KEY2` and so on; none at all for the first
/// `missing` times.
#[derive(Debug, Clone, Default)]
struct Rotating {
    asked: Arc<AtomicUsize>,
    missing: usize,
}

impl ProvideCredentials for Rotating {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        future::ProvideCredentials::ready(if number <= self.missing {
            Err(CredentialsError::not_loaded("nothing found with SECRETKEY"))
        } else {
            Ok(Credentials::new(format!("KEY{number}"), "SECRETKEY", Some("TOKEN".to_owned()), None, "test"))
        })
    }
}

fn rotating(service: &CloudWatch, provider: &Rotating) -> CloudWatchSink {
    builder(service).credentials_provider(provider.clone()).build().unwrap()
}

#[test]
fn credentials_that_expired_are_renewed_once_and_the_batch_is_sent_again() {
    for code in ["ExpiredTokenException", "UnrecognizedClientException"] {
        let service = CloudWatch::new();
        let provider = Rotating::default();
        let mut sink = rotating(&service, &provider);
        assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
        assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1, "they are kept");

        service.state().access_key = Some("KEY2".to_owned());
        service.state().access_error = code;
        let books = deliver(&mut sink, numbered(3));
        assert_eq!((books.delivered, books.retries.len()), (3, 0), "{code}");
        assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
        assert_eq!(service.stored().len(), 5);
    }
}

#[test]
fn renewing_in_vain_is_tried_once_for_each_attempt() {
    for (code, expected) in [
        ("ExpiredTokenException", "retry credentials_expired: the credentials expired; "),
        ("UnrecognizedClientException", "fatal credentials_refused: the credentials are not valid, check key"),
    ] {
        let service = CloudWatch::new();
        service.state().access_key = Some("another".to_owned());
        service.state().access_error = code;
        let provider = Rotating::default();
        let mut sink = rotating(&service, &provider);
        let text = failure(&mut sink, &numbered(1));
        assert!(text.starts_with(expected), "{text}");
        assert_eq!((provider.asked.load(Ordering::SeqCst), service.calls().len()), (2, 2));
        assert!(!sink.health().is_healthy());
    }
}

#[test]
fn keys_that_were_given_cannot_be_renewed() {
    let service = CloudWatch::new();
    service.state().access_key = Some("another".to_owned());
    let text = failure(&mut sink(&service), &numbered(1));
    assert!(text.starts_with("fatal credentials_refused: "), "{text}");
    assert_eq!(service.calls().len(), 1);
}

#[test]
fn missing_credentials_are_looked_for_again_with_each_attempt() {
    let service = CloudWatch::new();
    let provider = Rotating { missing: 2, ..Rotating::default() };
    let mut sink = rotating(&service, &provider);
    let text = failure(&mut sink, &numbered(1));
    assert!(text.starts_with("retry no_credentials: no credentials: set AWS_ACCESS_KEY_ID"), "{text}");
    assert_eq!(deliver(&mut sink, numbered(1)).delivered, 1);
}

#[test]
fn access_denied_fails_at_once_and_names_the_action() {
    for (denied, existing, action) in [
        ("PutLogEvents", true, "logs:PutLogEvents"),
        ("CreateLogGroup", false, "logs:CreateLogGroup"),
        ("CreateLogStream", false, "logs:CreateLogStream"),
    ] {
        let service = CloudWatch::new();
        if existing {
            service.state().create("/test/group", "stream");
        }
        service.state().denied.insert(denied);
        let text = failure(&mut sink(&service), &numbered(1));
        let expected =
            format!("fatal access_denied: the IAM action {action} is not allowed; {denied} was answered 400");
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[test]
fn who_may_not_create_can_still_write_to_what_is_there() {
    let service = CloudWatch::new();
    service.state().create("/test/group", "stream");
    service.state().denied.extend(["CreateLogGroup", "CreateLogStream"]);
    assert_eq!(deliver(&mut sink(&service), numbered(2)).delivered, 2);
    assert_eq!(service.calls(), ["CreateLogStream", "PutLogEvents"]);
}

#[test]
fn secrets_show_up_in_no_failure() {
    let secrets = ["AKIDEXAMPLE", "wJalrXUtnFEMI", "IQoJb3JpZ2lu"];
    let echo = secrets.join(" and ");
    for fault in [
        Fault::error(400, "UnrecognizedClientException", &echo),
        Fault::error(400, "Odd", &echo),
        Fault::error(400, "InvalidParameterException", &echo),
        Fault::error(400, "AccessDeniedException", &echo),
        Fault::error(503, "ServiceUnavailableException", &echo),
        Fault::Raw(format!("HTTP/1.1 200 Any\r\nContent-Length: {}\r\n\r\n{echo}", echo.len())),
        Fault::Raw(format!("{echo}\r\n\r\n")),
    ] {
        let service = CloudWatch::new();
        service.plan("PutLogEvents", fault);
        let mut sink = sink(&service);
        let text = failure(&mut sink, &numbered(1));
        let shown = format!("{text} {sink:?} {:?}", sink.health());
        assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}

/// What the program's environment says, in a process of its own.
#[test]
fn env_overrides() {
    const ENDPOINT: &str = "LOGWHEEL_TEST_CLOUDWATCH_ENDPOINT";
    const NAME: &str = "cloudwatch::tests::credentials::env_overrides";
    if let Ok(url) = std::env::var(ENDPOINT) {
        let builder = CloudWatchSink::builder().endpoint_url(url).timeout(Duration::from_secs(60));
        deliver(&mut builder.build().unwrap(), numbered(1));
        return;
    }
    let keys = [("AWS_ACCESS_KEY_ID", "KEYOFENV"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_MAX_ATTEMPTS", "5")];
    for (regions, expected) in [
        (&[("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-2")][..], "eu-west-1"),
        (&[("AWS_DEFAULT_REGION", "eu-west-2")], "eu-west-2"),
        (&[], "us-east-1"),
    ] {
        let service = CloudWatch::new();
        service.plan("PutLogEvents", Fault::error(400, "ThrottlingException", "Rate exceeded"));
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", NAME]).env_clear().env(ENDPOINT, service.url());
        // Neither this machine's profiles nor its metadata service have a say.
        child.envs([("AWS_CONFIG_FILE", "none"), ("AWS_SHARED_CREDENTIALS_FILE", "none")]);
        child.env("AWS_EC2_METADATA_DISABLED", "true").envs(keys).envs(regions.iter().copied());
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

        let received = service.received();
        // One attempt is one request, whatever AWS_MAX_ATTEMPTS says.
        assert_eq!((service.puts(), service.stored().len()), (vec![1, 1], 1));
        for authorization in received.iter().map(|received| &received.authorization) {
            let scope = format!("/{expected}/logs/aws4_request");
            assert!(
                authorization.contains("Credential=KEYOFENV/") && authorization.contains(&scope),
                "{authorization}"
            );
        }
        let name = &service.state().names()[0];
        let process = name.rsplit('-').next().unwrap().parse::<u32>();
        assert!(name.starts_with("/logwheel/default|") && process.is_ok_and(|id| id != std::process::id()), "{name}");
    }
}
