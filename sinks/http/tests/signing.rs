//! Signatures and idempotency keys, seen from the receiver.

use ring::hmac;

use super::*;

fn verifies(secret: &str, request: &super::super::server::Received, timestamp: &str, signature: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [request.header(timestamp).unwrap().as_bytes(), b".", &request.body].concat();
    let hex = request.header(signature).unwrap().strip_prefix("sha256=").unwrap();
    let digits: Vec<_> = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    hmac::verify(&key, &signed, &digits).is_ok()
}

/// fapilog signed a compact form of the JSON while its HTTP client sent another one.
#[test]
fn the_signature_covers_the_exact_bytes_on_the_wire() {
    let compressions = [
        HttpCompression::None,
        HttpCompression::Gzip,
        #[cfg(feature = "zstd")]
        HttpCompression::Zstd,
    ];
    for compression in compressions {
        for format in [HttpFormat::Array, HttpFormat::Ndjson, HttpFormat::Wrapped] {
            let server = Server::new([ok()]);
            let builder = sink(&server).format(format).compression(compression);
            let mut sink = builder.signature(HttpSignature::new("s3cret-s3cret")).build().unwrap();
            sink.deliver(&events()).unwrap();
            let request = &server.received()[0];
            let (timestamp, signature) = ("x-logwheel-timestamp", "x-logwheel-signature-256");
            assert!(verifies("s3cret-s3cret", request, timestamp, signature), "{format:?} {compression:?}");
            assert!(!verifies("another", request, timestamp, signature));
            let seconds = request.header(timestamp).unwrap().parse().unwrap();
            let sent = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
            // Within the replay window that receivers are advised to keep.
            assert!(SystemTime::now().duration_since(sent).unwrap() < Duration::from_secs(300));
        }
    }
}

#[test]
fn the_headers_of_the_signature_can_be_named() {
    let server = Server::new([ok()]);
    let signature = HttpSignature::new("k").timestamp_header("X-Time").signature_header("X-Sign");
    sink(&server).signature(signature).build().unwrap().deliver(&events()).unwrap();
    assert!(verifies("k", &server.received()[0], "x-time", "x-sign"));
}

#[test]
fn a_retry_carries_the_same_key_and_another_batch_another_one() {
    let server = Server::new([Reply::CloseUnread, Reply::status(503, "", ""), ok(), ok()]);
    let mut sink = sink(&server).idempotency_header("Idempotency-Key").build().unwrap();
    assert!(sink.deliver(&events()).is_err());
    assert!(sink.deliver(&events()).is_err());
    sink.deliver(&events()).unwrap();
    sink.deliver(&batch(&["{}"])).unwrap();
    let received = server.received();
    let keys: Vec<_> = received.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!((keys.len(), keys[0].len()), (3, 32));
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
    assert_eq!(received[0].body, received[1].body);
}

#[test]
fn headers_of_ours_cannot_be_taken_for_signature_or_key() {
    for name in ["Content-Type", "Authorization", "Host"] {
        let error = HttpSink::builder("https://h/").idempotency_header(name).build().unwrap_err();
        assert_eq!(error.option(), "idempotency_header", "{error}");
        let signature = HttpSignature::new("k").signature_header(name);
        let error = HttpSink::builder("https://h/").signature(signature).build().unwrap_err();
        assert_eq!(error.option(), "signature", "{error}");
    }
}

#[test]
fn a_signature_that_comes_back_is_not_shown() {
    let echo = |request: &super::super::server::Received| {
        Reply::status(400, "", &format!("bad signature {}", request.header("x-logwheel-signature-256").unwrap()))
    };
    let server = Server::answering([], echo);
    let mut sink = sink(&server).signature(HttpSignature::new("k")).build().unwrap();
    let error = sink.deliver(&batch(&["{}"])).unwrap_err().to_string();
    assert!(error.ends_with("bad signature ***"), "{error}");
}
