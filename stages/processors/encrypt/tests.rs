use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const BYTES: [u8; 32] = *b"0123456789abcdefghijklmnopqrstuv";

fn key() -> EncryptKey {
    EncryptKey::new("k1", &BYTES)
}

fn encrypted(encrypt: &mut Encrypt, line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert_eq!(encrypt.process(line, &mut out).unwrap(), Processed::Replaced);
    assert!(out.iter().all(|byte| (0x20..0x7f).contains(byte)), "one line of ASCII");
    out
}

fn member(wrapper: &[u8], name: &str) -> String {
    let wrapper: serde_json::Value = serde_json::from_slice(wrapper).unwrap();
    wrapper[name].as_str().unwrap_or_else(|| panic!("{name} in {wrapper}")).to_owned()
}

#[test]
fn the_form_of_a_line_does_not_change() {
    // Made by another implementation: HChaCha20 by hand, ChaCha20-Poly1305 of OpenSSL.
    let expected = r#"{"_enc":"xchacha20poly1305","kid":"k \"1\"","nonce":"ZGVmZ2hpamtsbW5vcHFycwAAAAAAAAAB","data":"rR+8zmJkWAClrsl5qidetLzMY5VnOjgc/G0s2OcZkYCMclMsowR4KMIIX79c41uWVwkf9Hk="}"#;
    let key = EncryptKey::new("k \"1\"", &std::array::from_fn(|at| at as u8));
    let mut encrypt = Encrypt::new(key.clone());
    encrypt.prefix = Some(std::array::from_fn(|at| 100 + at as u8));
    let line = br#"{"message":"account opened","n":0.10}"#;
    assert_eq!(String::from_utf8(encrypted(&mut encrypt, line)).unwrap(), expected);
    assert_eq!(Decryptor::new([key]).decrypt(expected.as_bytes()).unwrap(), line);
}

#[test]
fn no_nonce_is_used_twice() {
    let mut encrypt = Encrypt::new(key());
    let mut other = encrypt.replicate().unwrap();
    let mut again = Encrypt::new(key());
    let mut nonces = HashSet::new();
    for _ in 0..1_000 {
        nonces.insert(member(&encrypted(&mut encrypt, b"{}"), "nonce"));
        nonces.insert(member(&encrypted(&mut again, b"{}"), "nonce"));
        let mut out = Vec::new();
        other.process(b"{}", &mut out).unwrap();
        nonces.insert(member(&out, "nonce"));
    }
    assert_eq!(nonces.len(), 3_000);
    // At the end of the counter, a new random part is drawn.
    let before = encrypt.prefix;
    encrypt.count = u64::MAX;
    encrypted(&mut encrypt, b"{}");
    assert!(encrypt.prefix != before && encrypt.count == 1);
}

#[test]
fn nothing_of_the_line_is_readable_and_its_length_is_as_documented() {
    let mut encrypt = Encrypt::new(key());
    let line = format!(r#"{{"secret":"{}"}}"#, "N33DLE".repeat(100));
    let out = encrypted(&mut encrypt, line.as_bytes());
    assert!(!String::from_utf8(out.clone()).unwrap().contains("N33DLE"));
    assert!(out.len() <= line.len() * 4 / 3 + 130, "{}", out.len());
}

#[test]
fn whatever_is_changed_the_line_is_refused() {
    let mut encrypt = Encrypt::new(key());
    let out = encrypted(&mut encrypt, br#"{"message":"pay 10"}"#);
    let text = String::from_utf8(out.clone()).unwrap();
    let decryptor = Decryptor::new([key(), EncryptKey::new("k2", &BYTES)]);
    assert!(decryptor.decrypt(&out).is_ok());
    // The name of the key, though the bytes are the same; a claim to be compressed.
    for (from, to) in
        [("\"k1\"", "\"k2\""), ("\"data\"", "\"zip\":\"zstd\",\"data\""), ("\"data\"", "\"zip\":\"x\",\"data\"")]
    {
        assert_eq!(decryptor.decrypt(text.replace(from, to).as_bytes()), Err(DecryptError::Changed), "{to}");
    }
    for name in ["nonce", "data"] {
        let value = member(&out, name);
        let mut bytes = STANDARD.decode(&value).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let changed = text.replace(&value, &STANDARD.encode(&bytes));
            assert_eq!(decryptor.decrypt(changed.as_bytes()), Err(DecryptError::Changed), "{name} {at}");
            bytes[at] ^= 1;
        }
    }
    let wrong = Decryptor::new([EncryptKey::new("k1", &[1; 32])]);
    assert_eq!(wrong.decrypt(&out), Err(DecryptError::Changed));
}

#[test]
fn what_is_no_encrypted_line_is_told_apart() {
    let decryptor = Decryptor::new([key()]);
    let decrypt = |line: &str| decryptor.decrypt(line.as_bytes()).unwrap_err();
    for line in ["", "text", "[1]", "{}", r#"{"message":"clear"}"#, r#"{"_enc":1}"#] {
        assert_eq!(decrypt(line), DecryptError::NotEncrypted, "{line}");
    }
    assert_eq!(decrypt(r#"{"_enc":"rot13"}"#), DecryptError::UnknownAlgorithm("rot13".into()));
    let head = r#"{"_enc":"xchacha20poly1305""#;
    assert_eq!(decrypt(&format!("{head}}}")), DecryptError::Malformed("kid"));
    assert_eq!(decrypt(&format!(r#"{head},"kid":"old"}}"#)), DecryptError::UnknownKey("old".into()));
    let head = format!(r#"{head},"kid":"k1""#);
    assert_eq!(decrypt(&format!("{head}}}")), DecryptError::Malformed("nonce"));
    assert_eq!(decrypt(&format!(r#"{head},"nonce":"AAAA"}}"#)), DecryptError::Malformed("nonce"));
    let head = format!(r#"{head},"nonce":"{}""#, STANDARD.encode([0; 24]));
    for data in ["", r#","data":7"#, r#","data":"AAAA""#, r#","data":"*""#, r#","zip":1,"data":"AAAA""#] {
        assert!(matches!(decrypt(&format!("{head}{data}}}")), DecryptError::Malformed("data" | "zip")), "{data}");
    }
}

#[test]
fn lines_of_old_keys_and_with_more_members_can_be_read() {
    let old = encrypted(&mut Encrypt::new(key()), b"{\"n\":1}");
    let decryptor = Decryptor::new([EncryptKey::new("k2", &[2; 32]), key()]);
    let chained = String::from_utf8(old).unwrap().replace("\"}", "\",\"_chain\":\"1-ab\"}");
    assert_eq!(decryptor.decrypt(chained.as_bytes()).unwrap(), b"{\"n\":1}");
}

#[test]
fn keys_are_read_from_hexadecimal_and_base64() {
    let hex: String = BYTES.iter().map(|byte| format!("{byte:02x}")).collect();
    let line = encrypted(&mut Encrypt::new(key()), b"{}");
    for text in [hex.clone(), hex.to_uppercase(), format!(" {hex}\n"), STANDARD.encode(BYTES)] {
        let key = EncryptKey::parse("k1", &text).unwrap();
        assert_eq!(Decryptor::new([key]).decrypt(&line).unwrap(), b"{}");
    }
    let error = |text: &str| EncryptKey::parse("k1", text).unwrap_err();
    assert_eq!(error("not a key!"), EncryptKeyError::Encoding { id: "k1".into() });
    assert_eq!(error(&hex[1..]), EncryptKeyError::Encoding { id: "k1".into() });
    assert_eq!(error(&STANDARD.encode([0; 16])), EncryptKeyError::Length { id: "k1".into(), bytes: 16 });
    assert_eq!(error(""), EncryptKeyError::Length { id: "k1".into(), bytes: 0 });
}

#[test]
fn no_key_stands_in_debug_output_or_errors() {
    let encrypt = Encrypt::new(key());
    let texts = [
        format!("{encrypt:?} {:?} {:?}", key(), Decryptor::new([key()])),
        format!("{0} {0:?}", EncryptKey::parse("k1", "N33DLE, no key at all").unwrap_err()),
        format!("{0} {0:?}", EncryptKey::parse("k1", &STANDARD.encode("N33DLE")).unwrap_err()),
    ];
    for text in texts {
        assert!(text.contains("k1"), "{text}");
        for part in ["0123", "48, 49", "30, 31", "3031", "N33DLE", "TjMz"] {
            assert!(!text.contains(part), "{part} in {text}");
        }
    }
}

#[cfg(feature = "zstd")]
#[test]
fn repetitive_lines_are_compressed_and_others_left() {
    let mut encrypt = Encrypt::new(key()).zstd(3).unwrap();
    let mut replica = encrypt.replicate().unwrap();
    let decryptor = Decryptor::new([key()]);
    let long = format!(r#"{{"text":"{}"}}"#, "again and ".repeat(200)).into_bytes();
    let out = encrypted(&mut encrypt, &long);
    assert!(out.len() < long.len() / 4, "{} of {}", out.len(), long.len());
    assert_eq!(member(&out, "zip"), "zstd");
    assert_eq!(decryptor.decrypt(&out).unwrap(), long);
    let mut out = Vec::new();
    replica.process(&long, &mut out).unwrap();
    assert_eq!(member(&out, "zip"), "zstd");
    let out = encrypted(&mut encrypt, b"{\"n\":1}");
    assert!(!String::from_utf8(out.clone()).unwrap().contains("zip"));
    assert_eq!(decryptor.decrypt(&out).unwrap(), b"{\"n\":1}");
    assert!(Encrypt::new(key()).zstd(0).is_err() && Encrypt::new(key()).zstd(23).is_err());
}

proptest! {
    #[test]
    fn any_line_comes_back(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5), kid in "(?s).{0,10}") {
        let key = EncryptKey::new(kid, &BYTES);
        #[allow(unused_mut)]
        let mut instances = vec![Encrypt::new(key.clone())];
        #[cfg(feature = "zstd")]
        instances.push(Encrypt::new(key.clone()).zstd(1).unwrap());
        let decryptor = Decryptor::new([key]);
        for mut encrypt in instances {
            for line in &lines {
                let mut out = Vec::new();
                encrypt.process(line, &mut out).unwrap();
                prop_assert!(!out.contains(&b'\n'));
                prop_assert_eq!(&decryptor.decrypt(&out).unwrap(), line);
            }
        }
    }
}
