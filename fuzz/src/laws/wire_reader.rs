use logwheel_core::wire::{Reader, encode_named, named_len};

/// No bytes make the reader panic, reading and skipping agree, and what reads as a value encodes
/// to bytes that read the same.
pub fn wire_reader(data: &[u8]) {
    // Once as a row of values, once as a row of named fields.
    let mut reader = Reader::new(data);
    while !reader.is_at_end() && value(data, &mut reader) {}

    let mut reader = Reader::new(data);
    while !reader.is_at_end() {
        let Ok(name) = reader.name() else { break };
        let mut encoded = Vec::new();
        let mut ahead = reader.clone();
        if let Ok(value) = ahead.value() {
            encode_named(name, &value, &mut encoded);
            assert_eq!(encoded.len(), named_len(name, &value));
            assert_eq!(Reader::new(&encoded).name(), Ok(name));
        }
        if !value(data, &mut reader) {
            break;
        }
    }

    // Offsets come from our own index, and are trusted no more than bytes.
    let mut beyond = Reader::starting_at(data, data.len() + 1);
    assert!(beyond.is_at_end() && beyond.value().is_err() && beyond.skip_value().is_err());
}

/// Reads one value and checks what follows from it. Says whether there was one.
fn value(data: &[u8], reader: &mut Reader<'_>) -> bool {
    let start = reader.position();
    let mut skipper = Reader::starting_at(data, start);
    let skipped = skipper.skip_value();
    let Ok(value) = reader.value() else { return false };
    assert_eq!(skipped, Ok(()), "{value:?} can be read but not skipped");
    assert_eq!(skipper.position(), reader.position(), "{value:?} is read and skipped to different ends");

    let mut encoded = Vec::new();
    value.encode(&mut encoded);
    assert_eq!(encoded.len(), value.encoded_len(), "{value:?}");
    let mut again = Reader::new(&encoded);
    let copy = again.value().expect("our own encoding");
    assert!(again.is_at_end(), "{value:?} leaves bytes behind");
    // The text tells i64 from u64; the bytes tell one NaN from another.
    assert_eq!(format!("{copy:?}"), format!("{value:?}"));
    let mut encoded_again = Vec::new();
    copy.encode(&mut encoded_again);
    assert_eq!(encoded_again, encoded, "{value:?}");
    true
}
