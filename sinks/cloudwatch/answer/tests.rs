use logwheel_core::DeliveryError;

use super::*;

/// A meaning as one word, with the reason and, after it, what its text must contain.
fn word(meaning: &Meaning) -> String {
    let of = |error: &DeliveryError| match error {
        DeliveryError::Retry { reason, .. } => format!("retry {reason}"),
        DeliveryError::Fatal { reason, .. } => format!("fatal {reason}"),
        other => panic!("{other:?}"),
    };
    match meaning {
        Meaning::Exists => "exists".to_owned(),
        Meaning::AlreadyAccepted => "already accepted".to_owned(),
        Meaning::Missing(error) => format!("missing, {}", of(error)),
        Meaning::WrongToken { expected, error } => format!("token {expected:?}, {}", of(error)),
        Meaning::Content { reason, .. } => format!("content {reason}"),
        Meaning::Credentials(error) => format!("credentials, {}", of(error)),
        Meaning::Failed(error) => of(error),
    }
}

fn detail(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Content { detail, .. } => detail.clone(),
        Meaning::Missing(error)
        | Meaning::WrongToken { error, .. }
        | Meaning::Credentials(error)
        | Meaning::Failed(error) => error.to_string(),
        Meaning::Exists | Meaning::AlreadyAccepted => String::new(),
    }
}

fn service(status: u16, code: &str, message: &str) -> Trouble {
    let (code, message) = (code.to_owned(), message.to_owned());
    Trouble::Service(ServiceError { status, code, message, ..ServiceError::default() })
}

#[test]
fn each_answer_has_its_meaning() {
    use Call::{CreateLogGroup, CreateLogStream, PutLogEvents};
    for (call, status, code, message, expected) in [
        (CreateLogGroup, 400, "ResourceAlreadyExistsException", "", "exists"),
        (CreateLogStream, 400, "ResourceAlreadyExistsException", "", "exists"),
        (PutLogEvents, 400, "DataAlreadyAcceptedException", "", "already accepted"),
        (PutLogEvents, 400, "ResourceAlreadyExistsException", "", "fatal refused"),
        (CreateLogStream, 400, "DataAlreadyAcceptedException", "", "fatal refused"),
        (PutLogEvents, 400, "InvalidSequenceTokenException", "", "token None, retry sequence_token"),
        (PutLogEvents, 400, "ResourceNotFoundException", "", "missing, retry resource_not_found"),
        (CreateLogStream, 400, "ResourceNotFoundException", "", "missing, retry resource_not_found"),
        (PutLogEvents, 400, "InvalidParameterException", "Log event too large: 9 bytes", "content too_large"),
        (PutLogEvents, 400, "InvalidParameterException", "Upload too large: 9 bytes", "content too_large"),
        (PutLogEvents, 400, "InvalidParameterException", "in chronological order", "content invalid_parameter"),
        (PutLogEvents, 400, "SerializationException", "", "content invalid_parameter"),
        (PutLogEvents, 400, "ValidationException", "", "content invalid_parameter"),
        (PutLogEvents, 400, "InvalidParameterException", "Value 'a' at 'logGroupName'", "fatal invalid_name"),
        (CreateLogStream, 400, "InvalidParameterException", "Value ':' at 'logStreamName'", "fatal invalid_name"),
        (CreateLogGroup, 400, "InvalidParameterException", "KMS key", "fatal invalid_parameter"),
        (PutLogEvents, 400, "ThrottlingException", "Rate exceeded", "retry throttled"),
        (PutLogEvents, 400, "Throttling", "", "retry throttled"),
        (PutLogEvents, 400, "TooManyRequestsException", "", "retry throttled"),
        (PutLogEvents, 429, "", "", "retry throttled"),
        (PutLogEvents, 429, "Unknown", "", "retry throttled"),
        (CreateLogGroup, 400, "LimitExceededException", "", "retry limit_exceeded"),
        (CreateLogGroup, 400, "OperationAbortedException", "", "retry conflict"),
        (PutLogEvents, 503, "ServiceUnavailableException", "", "retry unavailable"),
        (PutLogEvents, 500, "ServiceUnavailableException", "", "retry unavailable"),
        (PutLogEvents, 503, "", "", "retry unavailable"),
        (PutLogEvents, 500, "InternalFailure", "", "retry server_error"),
        (PutLogEvents, 502, "", "", "retry server_error"),
        (PutLogEvents, 504, "", "", "retry server_error"),
        (PutLogEvents, 408, "", "", "retry timeout"),
        (PutLogEvents, 400, "RequestTimeout", "", "retry timeout"),
        (PutLogEvents, 413, "", "", "content too_large"),
        (CreateLogGroup, 413, "", "", "fatal refused"),
        (PutLogEvents, 400, "ExpiredTokenException", "", "credentials, retry credentials_expired"),
        (PutLogEvents, 400, "ExpiredToken", "", "credentials, retry credentials_expired"),
        (PutLogEvents, 400, "UnrecognizedClientException", "", "credentials, fatal credentials_refused"),
        (PutLogEvents, 403, "InvalidSignatureException", "no match", "credentials, fatal credentials_refused"),
        (PutLogEvents, 403, "InvalidClientTokenId", "", "credentials, fatal credentials_refused"),
        (PutLogEvents, 403, "InvalidSignatureException", "Signature expired: 2 < 1", "retry clock_skew"),
        (PutLogEvents, 403, "InvalidSignatureException", "Signature not yet current", "retry clock_skew"),
        (PutLogEvents, 403, "RequestTimeTooSkewed", "", "retry clock_skew"),
        (PutLogEvents, 400, "AccessDeniedException", "", "fatal access_denied"),
        (PutLogEvents, 403, "", "", "fatal access_denied"),
        (PutLogEvents, 400, "SubscriptionRequiredException", "", "fatal account"),
        (PutLogEvents, 400, "UnknownOperationException", "", "fatal refused"),
        (PutLogEvents, 301, "", "", "fatal refused"),
    ] {
        let meaning = classify(call, &service(status, code, message), &Secrets::default());
        assert_eq!(word(&meaning), expected, "{call:?} {status} {code} {message}");
        let text = detail(&meaning);
        let is_success = matches!(meaning, Meaning::Exists | Meaning::AlreadyAccepted);
        assert!(is_success || (text.contains(code) && text.contains(&status.to_string())), "{text}");
    }
}

#[test]
fn no_answer_has_its_meaning_too() {
    let no_answer = |kind| Trouble::NoAnswer { kind, text: "it broke".to_owned() };
    for (trouble, expected) in [
        (Trouble::Timeout, "retry timeout"),
        (no_answer(Some(ErrorKind::ConnectionRefused)), "retry connect"),
        (no_answer(Some(ErrorKind::ConnectionReset)), "retry reset"),
        (no_answer(Some(ErrorKind::UnexpectedEof)), "retry reset"),
        (no_answer(Some(ErrorKind::InvalidData)), "retry tls"),
        (no_answer(Some(ErrorKind::TimedOut)), "retry timeout"),
        (no_answer(None), "retry transport"),
        (Trouble::Unreadable { status: 200, text: "<html>".to_owned() }, "retry bad_answer"),
        (Trouble::NoCredentials("the chain is empty".to_owned()), "credentials, retry no_credentials"),
        (Trouble::Unbuilt("no endpoint".to_owned()), "fatal request"),
    ] {
        assert_eq!(word(&classify(Call::PutLogEvents, &trouble, &Secrets::default())), expected, "{trouble:?}");
    }
}

#[test]
fn access_denied_names_the_missing_action() {
    for call in [Call::CreateLogGroup, Call::CreateLogStream, Call::PutLogEvents] {
        let text = detail(&classify(call, &service(400, "AccessDeniedException", "no"), &Secrets::default()));
        assert!(text.contains(&format!("logs:{call:?} is not allowed")), "{text}");
    }
}

#[test]
fn what_the_service_asks_for_is_passed_on() {
    let error = ServiceError {
        status: 400,
        code: "ThrottlingException".to_owned(),
        after: Some(Duration::from_secs(3)),
        ..ServiceError::default()
    };
    let meaning = classify(Call::PutLogEvents, &Trouble::Service(error), &Secrets::default());
    let Meaning::Failed(DeliveryError::Retry { after, .. }) = meaning else { panic!("{meaning:?}") };
    assert_eq!(after, Some(Duration::from_secs(3)));

    let error = ServiceError {
        status: 400,
        code: "InvalidSequenceTokenException".to_owned(),
        expected_token: Some("495".to_owned()),
        ..ServiceError::default()
    };
    let meaning = classify(Call::PutLogEvents, &Trouble::Service(error), &Secrets::default());
    assert_eq!(word(&meaning), r#"token Some("495"), retry sequence_token"#);
}

#[test]
fn texts_are_short_one_line_and_without_secrets() {
    let secrets = Secrets::default();
    secrets.learn(["wJalrXUtnFEMI", "AKIDEXAMPLE"]);
    let message = format!("key AKIDEXAMPLE\tsecret wJalrXUtnFEMI {}", "é".repeat(500));
    let text = detail(&classify(Call::PutLogEvents, &service(400, "Odd", &message), &secrets));
    assert!(text.contains("key *** secret *** é"), "{text}");
    assert!(text.len() < 250, "{text}");

    // What AWS answers to a wrong signature quotes the whole request.
    let message = "The request signature we calculated does not match. The Canonical String for this request should \
                   have been\n'POST\nx-amz-security-token:IQoJb3JpZ2lu'";
    let text =
        detail(&classify(Call::PutLogEvents, &service(403, "InvalidSignatureException", message), &Secrets::default()));
    assert!(text.contains("does not match") && !text.contains("Canonical") && !text.contains("IQoJ"), "{text}");
    assert!(!text.contains('\n'));
}

#[test]
fn rejected_events_are_found_by_their_indices() {
    let fates = |too_old_end, expired_end, too_new_start| -> String {
        let info = RejectedInfo { too_old_end, expired_end, too_new_start };
        let letter = |position| match info.fate(position) {
            Fate::Accepted => '.',
            Fate::Refused("too_old") => 'o',
            Fate::Refused("expired") => 'e',
            Fate::Refused("too_new") => 'n',
            other => panic!("{other:?}"),
        };
        (0..5).map(letter).collect()
    };
    assert_eq!(fates(None, None, None), ".....");
    // The ends are exclusive, the start is inclusive.
    assert_eq!(fates(Some(1), None, None), "o....");
    assert_eq!(fates(None, Some(2), None), "ee...");
    assert_eq!(fates(None, None, Some(4)), "....n");
    assert_eq!(fates(Some(1), Some(3), Some(4)), "oee.n");
    // Each event counts once, whatever an answer says.
    assert_eq!(fates(Some(9), Some(9), Some(0)), "ooooo");
    assert_eq!(fates(Some(0), Some(-1), Some(9)), ".....");
    assert_eq!(fates(Some(i32::MIN), None, Some(i32::MIN)), "nnnnn");
}
