//! What an answer, or the lack of one, means for a batch. Pure functions.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use logwheel_core::{Delivered, DeliveryError, Refused};

/// The most bytes of an answer's body in a diagnostic text.
const MAX_EXCERPT: usize = 200;

/// What the status of an answer means. `detail` is asked for only when something is wrong.
pub(crate) fn classify(
    status: u16,
    after: Option<Duration>,
    detail: impl FnOnce() -> String,
) -> Result<Delivered, DeliveryError> {
    let reason = reason(status);
    Err(match status {
        200..=299 => return Ok(Delivered::all()),
        413 => DeliveryError::Split { reason },
        408 | 425 | 429 | 500..=599 => DeliveryError::Retry { reason, detail: detail().into(), after },
        300..=399 => {
            let advice = "redirects are not followed, set `endpoint` to the final URL; ";
            DeliveryError::Fatal { reason, detail: (advice.to_owned() + &detail()).into() }
        }
        401 | 403 => {
            let advice = "check the credentials (`bearer_token`, `basic_auth` or `header`); ";
            DeliveryError::Fatal { reason, detail: (advice.to_owned() + &detail()).into() }
        }
        // Where, how and by whom it was sent is wrong, and not what: 404 is a wrong path.
        402 | 404..=407 | 410 | 411 | 414 | 415 | 417 | 421 | 426 | 428 | 431 | 451 => {
            let advice = "the receiver takes nothing like this, check `endpoint`, `format` and `compression`; ";
            DeliveryError::Fatal { reason, detail: (advice.to_owned() + &detail()).into() }
        }
        400..=499 => DeliveryError::Reject { refused: Refused::All, reason, detail: detail().into() },
        // Not an HTTP status: whoever answered may come to its senses.
        _ => DeliveryError::Retry { reason, detail: detail().into(), after },
    })
}

/// What a request without an answer means.
pub(crate) fn transport_error(error: &ureq::Error, endpoint: &str) -> DeliveryError {
    use ureq::Error;
    let (reason, text): (_, Cow<'static, str>) = match error {
        Error::Timeout(phase) => ("timeout", format!("no answer within `timeout` ({phase})").into()),
        Error::HostNotFound => ("dns", "the host name is unknown".into()),
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => ("tls", error.to_string().into()),
        Error::Io(io) => {
            let reason = match io.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "connect",
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof => "reset",
                ErrorKind::TimedOut => "timeout",
                // What rustls reports through a stream, a refused certificate above all.
                ErrorKind::InvalidData => "tls",
                _ => "transport",
            };
            (reason, io.to_string().into())
        }
        Error::ConnectionFailed => ("connect", "no connection".into()),
        Error::Protocol(_) | Error::LargeResponseHeader(..) => ("protocol", error.to_string().into()),
        // The texts of these quote addresses, which may hold credentials.
        Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => ("proxy", "the proxy did not connect".into()),
        Error::BadUri(_) | Error::RequireHttpsOnly(_) | Error::Http(_) => {
            let detail = "the request could not be built; check `endpoint` and `header`";
            return DeliveryError::Fatal { reason: "request", detail: detail.into() };
        }
        _ => ("transport", "the request failed".into()),
    };
    DeliveryError::Retry { reason, detail: format!("{endpoint}: {text}").into(), after: None }
}

/// The pause that a `Retry-After` header asks for: seconds or a date. `None` for other texts.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Digits without end ask for longer than anyone waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let date = SystemTime::try_from(parser.parse_timestamp(value).ok()?).ok()?;
    // A date in the past: at once.
    Some(date.duration_since(now).unwrap_or_default())
}

/// The begin of an answer's body for diagnostics: one line, without the secrets we sent.
pub(crate) fn excerpt<'s>(body: &[u8], secrets: impl IntoIterator<Item = &'s String>) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), "***");
        }
    }
    text.truncate(text.floor_char_boundary(MAX_EXCERPT));
    // A control character takes at least as many bytes as the blank put in its place.
    text.replace(char::is_control, " ")
}

/// The word for the ledger. A fixed set, so that counters do not multiply.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        301 => "http_301",
        302 => "http_302",
        307 => "http_307",
        308 => "http_308",
        400 => "http_400",
        401 => "http_401",
        403 => "http_403",
        404 => "http_404",
        405 => "http_405",
        408 => "http_408",
        409 => "http_409",
        410 => "http_410",
        413 => "http_413",
        415 => "http_415",
        422 => "http_422",
        425 => "http_425",
        429 => "http_429",
        500 => "http_500",
        502 => "http_502",
        503 => "http_503",
        504 => "http_504",
        _ => match status / 100 {
            3 => "http_3xx",
            4 => "http_4xx",
            5 => "http_5xx",
            _ => "http_other",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        let pause = Some(Duration::from_secs(7));
        for status in 100..1000 {
            let result = classify(status, pause, || "detail".into());
            let word = |reason: &str| {
                let hundreds = format!("http_{}xx", status / 100);
                reason == format!("http_{status}")
                    || reason == hundreds
                    || (reason == "http_other" && status >= 600)
                    || (reason == "http_other" && status < 200)
            };
            match (status, result) {
                (200..=299, Ok(delivered)) => assert_eq!(delivered, Delivered::all()),
                (408 | 425 | 429 | 500..=599, Err(DeliveryError::Retry { reason, detail, after })) => {
                    assert!(word(reason), "{status} {reason}");
                    assert_eq!((detail.as_ref(), after), ("detail", pause));
                }
                (413, Err(DeliveryError::Split { reason })) => assert_eq!(reason, "http_413"),
                (
                    300..=399 | 401..=407 | 410 | 411 | 414 | 415 | 417 | 421 | 426 | 428 | 431 | 451,
                    Err(DeliveryError::Fatal { reason, detail }),
                ) => {
                    assert!(word(reason) && detail.ends_with("; detail"), "{status} {reason} {detail}");
                }
                (400..=499, Err(DeliveryError::Reject { refused: Refused::All, reason, .. })) => {
                    assert!(!matches!(status, 401..=408 | 413 | 425 | 429), "{status}");
                    assert!(word(reason), "{status} {reason}");
                }
                (100..=199 | 600.., Err(DeliveryError::Retry { reason, .. })) => assert_eq!(reason, "http_other"),
                (status, result) => panic!("{status}: {result:?}"),
            }
        }
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Mon, 06 Nov 1994 08:49:38 GMT", Some(1)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 06 Nov 1994", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_without_secrets() {
        let secrets = ["Bearer s3cret".to_owned(), "s3cret".to_owned()];
        let shown = excerpt(b"you sent\r\n'Bearer s3cret' and s3cret", &secrets);
        assert_eq!(shown, "you sent  '***' and ***");
        let long = "é".repeat(1_000);
        assert_eq!(excerpt(long.as_bytes(), &[]), "é".repeat(100));
        // Nor the half of a secret that lies across the cut.
        let across = format!("{}s3cret", "x".repeat(197));
        assert!(!excerpt(across.as_bytes(), &secrets).contains('3'));
        assert!(excerpt(&[0xff; 1_000], &[]).len() <= 200);
    }

    #[test]
    fn errors_that_quote_addresses_are_not_repeated() {
        for error in [ureq::Error::BadUri("http://u:pw@h".into()), ureq::Error::ConnectProxyFailed("u:pw@p".into())] {
            assert!(!transport_error(&error, "http://h/").to_string().contains("pw"));
        }
    }
}
