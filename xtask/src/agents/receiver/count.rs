//! How many events are in the body of a request?

use prost::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The number of events; nothing for a body that is not what it should be.
pub fn events(body: &[u8], is_loki: bool, is_protobuf: bool) -> Option<u64> {
    match (is_loki, is_protobuf) {
        (true, true) => {
            let push = snap::raw::Decoder::new().decompress_vec(body).ok()?;
            let push = PushRequest::decode(push.as_slice()).ok()?;
            Some(push.streams.iter().map(|stream| stream.entries.len() as u64).sum())
        }
        (true, false) => {
            let push: Push = serde_json::from_slice(body).ok()?;
            Some(push.streams.iter().map(|stream| stream.values.len() as u64).sum())
        }
        // An array's elements are not looked into any deeper than it takes to find their ends.
        (false, _) if body.first() == Some(&b'[') => {
            serde_json::from_slice::<Vec<IgnoredAny>>(body).ok().map(|events| events.len() as u64)
        }
        (false, _) => Some(lines(body)),
    }
}

/// The last one may lack its end.
fn lines(body: &[u8]) -> u64 {
    let ends = memchr::memchr_iter(b'\n', body).count() as u64;
    ends + u64::from(body.last().is_some_and(|last| *last != b'\n'))
}

// Loki's messages, with no more of their fields than it takes to count entries.

#[derive(Clone, PartialEq, Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {}

#[derive(Deserialize)]
struct Push {
    streams: Vec<JsonStream>,
}

#[derive(Deserialize)]
struct JsonStream {
    values: Vec<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_in_every_form() {
        for (body, count) in [("", 0), ("{}\n{}\n", 2), ("{}\n{}", 2), ("[]", 0), (r#"[{"a":[1,2]},{"b":"]"}]"#, 2)] {
            assert_eq!(events(body.as_bytes(), false, false), Some(count), "{body}");
        }
        let json = br#"{"streams":[{"stream":{"job":"a"},"values":[["1","x"],["2","y"]]},{"stream":{},"values":[["3","z"]]}]}"#;
        assert_eq!(events(json, true, false), Some(3));
        let stream = |entries: usize| Stream { entries: vec![Entry {}; entries] };
        let push = PushRequest { streams: vec![stream(2), stream(0), stream(5)] }.encode_to_vec();
        let body = snap::raw::Encoder::new().compress_vec(&push).unwrap();
        assert_eq!(events(&body, true, true), Some(7));
    }

    #[test]
    fn what_is_not_what_it_should_be_is_no_body() {
        for (body, is_loki, is_protobuf) in [("[1,", false, false), ("{}", true, false), ("\u{ff}", true, true)] {
            assert_eq!(events(body.as_bytes(), is_loki, is_protobuf), None, "{body}");
        }
    }
}
