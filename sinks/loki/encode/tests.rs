use proptest::prelude::*;
use prost::Message;

use super::*;

/// Loki's push messages, as its `push.proto` has them, for a decoder that is not ours.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stream {
    #[prost(string, tag = "1")]
    pub(crate) labels: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Entry {
    #[prost(message, optional, tag = "1")]
    pub(crate) timestamp: Option<Time>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) line: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) metadata: Vec<Pair>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Time {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pair {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

type Owned = (u64, Vec<u8>, Vec<(String, String)>);

fn encode(encoder: &mut Encoder, labels: &LabelSet, lines: &[Owned]) -> (Vec<u8>, usize) {
    let mut size = 0;
    encoder.begin(labels);
    for (timestamp, text, metadata) in lines {
        let metadata: Vec<_> = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (head, tail) = text.split_at(text.len() / 2);
        let line = Line { timestamp: *timestamp, text: [head, tail], metadata: &metadata };
        let measured = line.measured();
        size += measured.size();
        encoder.push(&measured);
    }
    (encoder.finish().to_vec(), size)
}

proptest! {
    #[test]
    fn protobuf_decodes_to_what_was_encoded(
        labels in prop::collection::vec(("[a-z]{1,9}", "\\PC{0,200}"), 0..4),
        lines in prop::collection::vec(
            (any::<u64>(), prop::collection::vec(any::<u8>(), 0..300),
             prop::collection::vec(("[a-z]{1,9}", "\\PC{0,200}"), 0..3)),
            0..8),
    ) {
        let mut encoder = Encoder::Protobuf(Protobuf::default());
        let (body, size) = encode(&mut encoder, &labels, &lines);
        prop_assert_eq!(&encode(&mut encoder, &labels, &lines).0, &body);
        let request = PushRequest::decode(&body[..]).unwrap();
        prop_assert_eq!(request.streams.len(), 1);
        let stream = &request.streams[0];
        prop_assert_eq!(&stream.labels, &selector(&labels));
        let decoded: Vec<Owned> = stream.entries.iter().map(|entry| {
            let time = entry.timestamp.unwrap_or_default();
            let metadata = entry.metadata.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
            (time.seconds as u64 * NANOS_PER_SECOND + time.nanos as u64, entry.line.clone(), metadata)
        }).collect();
        prop_assert_eq!(decoded, lines);
        // What the sink adds up for its limit is what goes over the wire, but for one small head.
        let head = HEAD + 1 + varint_size(stream.labels.len() as u64) + stream.labels.len();
        prop_assert!(body.len() >= size && body.len() <= size + head);
    }

    #[test]
    fn json_parses_to_what_was_encoded(
        labels in prop::collection::vec(("[a-z]{1,9}", "\\PC{0,20}"), 1..2),
        lines in prop::collection::vec(
            (any::<u64>(), "\\PC{0,40}", prop::collection::vec(("[a-z]{1,9}", "\\PC{0,20}"), 0..2)), 0..5),
    ) {
        let owned: Vec<Owned> = lines.iter().map(|(t, text, m)| (*t, text.clone().into_bytes(), m.clone())).collect();
        let mut encoder = Encoder::Json(Json::default());
        // Cut in the middle of a character the halves would be replaced; the sink never does that.
        encoder.begin(&labels);
        for (timestamp, text, metadata) in &owned {
            let metadata: Vec<_> = metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            encoder.push(&Line { timestamp: *timestamp, text: [text, b""], metadata: &metadata }.measured());
        }
        let body: serde_json::Value = serde_json::from_slice(encoder.finish()).unwrap();
        let stream = &body["streams"][0];
        for (name, value) in &labels {
            prop_assert_eq!(&stream["stream"][name], value);
        }
        let values = stream["values"].as_array().unwrap();
        prop_assert_eq!(values.len(), lines.len());
        for (value, (timestamp, text, metadata)) in values.iter().zip(&lines) {
            prop_assert_eq!(&value[0], &timestamp.to_string());
            prop_assert_eq!(&value[1], text);
            let last = metadata.iter().map(|(name, value)| (name.as_str(), value)).collect::<std::collections::BTreeMap<_, _>>();
            for (name, expected) in last {
                prop_assert_eq!(&value[2][name], expected);
            }
        }
    }
}

#[test]
fn labels_are_quoted_as_their_parser_reads_them() {
    let labels = vec![("a".to_owned(), "x\"\\\n\té".to_owned()), ("b".to_owned(), String::new())];
    assert_eq!(selector(&labels), r#"{a="x\"\\\n\u0009é", b=""}"#);
    assert_eq!(selector(&Vec::new()), "{}");
}

#[test]
fn sizes_of_numbers_are_those_of_their_bytes() {
    for value in (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
        let mut out = Vec::new();
        varint(&mut out, value);
        assert_eq!(out.len(), varint_size(value), "{value}");
    }
}
