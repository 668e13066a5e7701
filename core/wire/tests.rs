use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Owned {
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    F32(f32),
    I128(i128),
    U128(u128),
    Str(String),
    Json(String),
    Bytes(Vec<u8>),
    Char(char),
    Duration(u64, u32),
    Cut(Vec<u8>, u32),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Owned::Null => Value::Null,
            Owned::Bool(v) => Value::Bool(*v),
            Owned::I64(v) => Value::I64(*v),
            Owned::U64(v) => Value::U64(*v),
            Owned::F64(v) => Value::F64(*v),
            Owned::F32(v) => Value::F32(*v),
            Owned::I128(v) => Value::I128(*v),
            Owned::U128(v) => Value::U128(*v),
            Owned::Str(v) => Value::Str(v),
            Owned::Json(v) => Value::Json(v),
            Owned::Bytes(v) => Value::Bytes(v),
            Owned::Char(v) => Value::Char(*v),
            Owned::Duration(s, n) => Value::Duration(Duration::new(*s, *n)),
            Owned::Cut(kept, original_len) => Value::Cut { kept, original_len: *original_len },
        }
    }
}

fn any_value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Null),
        any::<bool>().prop_map(Owned::Bool),
        any::<i64>().prop_map(Owned::I64),
        any::<u64>().prop_map(Owned::U64),
        any::<f64>().prop_map(Owned::F64),
        any::<f32>().prop_map(Owned::F32),
        any::<i128>().prop_map(Owned::I128),
        any::<u128>().prop_map(Owned::U128),
        ".*".prop_map(Owned::Str),
        ".*".prop_map(Owned::Json),
        any::<Vec<u8>>().prop_map(Owned::Bytes),
        any::<char>().prop_map(Owned::Char),
        (any::<u64>(), 0..1_000_000_000u32).prop_map(|(s, n)| Owned::Duration(s, n)),
        (any::<Vec<u8>>(), any::<u32>()).prop_map(|(kept, len)| Owned::Cut(kept, len)),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_back(fields in prop::collection::vec(("[a-z_é]{0,12}", any_value()), 0..12)) {
        let mut bytes = Vec::new();
        let mut expected_len = 0;
        for (name, value) in &fields {
            expected_len += named_len(name, &value.value());
            encode_named(name, &value.value(), &mut bytes);
        }
        prop_assert_eq!(bytes.len(), expected_len);

        let mut reader = Reader::new(&bytes);
        let mut skipper = Reader::new(&bytes);
        for (name, value) in &fields {
            prop_assert_eq!(reader.name().unwrap(), name);
            // Debug text tells NaN from NaN and i64 from u64, which `==` would not.
            prop_assert_eq!(format!("{:?}", reader.value().unwrap()), format!("{:?}", value.value()));
            skipper.name().unwrap();
            skipper.skip_value().unwrap();
            prop_assert_eq!(reader.position(), skipper.position());
        }
        prop_assert!(reader.is_at_end());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
        let mut reader = Reader::new(&bytes);
        while reader.name().is_ok() && reader.value().is_ok() && !reader.is_at_end() {}
        let mut reader = Reader::new(&bytes);
        while reader.skip_value().is_ok() && !reader.is_at_end() {}
    }

    #[test]
    fn a_time_is_read_back_and_is_no_value(time in any::<u64>(), value in any_value(), cut in 0..TIME_LEN) {
        let mut bytes = Vec::new();
        encode_time(time, &mut bytes);
        prop_assert_eq!(bytes.len(), TIME_LEN);
        prop_assert!(Reader::new(&bytes).value().is_err() && Reader::new(&bytes).skip_value().is_err());
        prop_assert_eq!(Reader::new(&bytes[..cut]).time(), None);
        value.value().encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.time(), Some(time));
        prop_assert_eq!(reader.time(), None);
        prop_assert_eq!(format!("{:?}", reader.value().unwrap()), format!("{:?}", value.value()));
    }

    #[test]
    fn a_cut_short_encoding_is_an_error(value in any_value(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        value.value().encode(&mut bytes);
        let bytes = &bytes[..cut.index(bytes.len())];
        prop_assert!(Reader::new(bytes).value().is_err());
        prop_assert!(Reader::new(bytes).skip_value().is_err());
    }
}
