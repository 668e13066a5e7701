use logwheel_sinks::loki_internals::encode_push;
use prost::Message;

use super::Input;

#[derive(Clone, PartialEq, Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Time>,
    #[prost(bytes = "vec", tag = "2")]
    line: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Pair>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// decode(encode(x)) = x, with a decoder that is not ours; and the text of the labels, which a
/// parser reads at the other end, is one line with as many values as there are labels.
///
/// The input: the number of labels (at most 3), for each a length and its value; then lines to the
/// end, each its time as 64 bits, the length of the line as 16, the line, the number of metadata
/// (at most 3), for each a length and its value.
pub fn loki_push(data: &[u8]) {
    let mut input = Input(data);
    let text = |input: &mut Input<'_>| {
        let len = usize::from(input.byte());
        String::from_utf8_lossy(input.bytes(len)).into_owned()
    };
    let labels: Vec<_> = (0..input.byte() % 4).map(|n| (format!("label_{n}"), text(&mut input))).collect();
    let mut lines = Vec::new();
    while !input.0.is_empty() {
        let timestamp = u64::from_le_bytes(input.array());
        let len = usize::from(u16::from_le_bytes(input.array()));
        let line = input.bytes(len).to_vec();
        let metadata: Vec<_> = (0..input.byte() % 4).map(|n| (format!("name_{n}"), text(&mut input))).collect();
        lines.push((timestamp, line, metadata));
    }

    let metadata: Vec<Vec<_>> =
        lines.iter().map(|(_, _, pairs)| pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()).collect();
    let borrowed: Vec<_> =
        lines.iter().zip(&metadata).map(|((time, line, _), pairs)| (*time, line.as_slice(), pairs.as_slice())).collect();
    let decoded = PushRequest::decode(encode_push(&labels, &borrowed).as_slice()).expect("it is protobuf");

    let [stream] = &decoded.streams[..] else { panic!("{} streams", decoded.streams.len()) };
    let back: Vec<_> = stream
        .entries
        .iter()
        .map(|entry| {
            let time = entry.timestamp.unwrap_or_default();
            let metadata: Vec<_> = entry.metadata.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
            (time.seconds as u64 * 1_000_000_000 + time.nanos as u64, entry.line.clone(), metadata)
        })
        .collect();
    assert_eq!(back, lines);
    assert_eq!(unquoted(&stream.labels), labels.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>());
}

/// The values in `{a="x", b="y"}`, read with the escapes of Go.
fn unquoted(selector: &str) -> Vec<String> {
    assert!(!selector.contains(char::is_control), "{selector:?}");
    let mut values = Vec::new();
    let mut chars = selector.chars();
    while chars.by_ref().any(|c| c == '"') {
        let mut value = String::new();
        loop {
            match chars.next().expect("the quotes are closed") {
                '"' => break,
                '\\' => match chars.next().expect("something is escaped") {
                    'n' => value.push('\n'),
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        let code = u32::from_str_radix(&digits, 16).expect("four digits");
                        value.push(char::from_u32(code).expect("a character"));
                    }
                    c => value.push(c),
                },
                c => value.push(c),
            }
        }
        values.push(value);
    }
    values
}
