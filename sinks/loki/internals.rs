//! For fuzz targets and benches, which see no private items.

use super::answer::{Sent, Verdict, classify};
use super::encode::{Encoder, Json, Line, Protobuf};

/// A line: time, text, structured metadata.
pub type PushedLine<'a> = (u64, &'a [u8], &'a [(&'a str, &'a str)]);

/// The protobuf of a push with one stream, not compressed.
#[must_use]
pub fn encode_push(labels: &[(String, String)], lines: &[PushedLine<'_>]) -> Vec<u8> {
    encode(Encoder::Protobuf(Protobuf::default()), labels, lines)
}

/// The same as JSON.
#[must_use]
pub fn encode_json_push(labels: &[(String, String)], lines: &[PushedLine<'_>]) -> Vec<u8> {
    encode(Encoder::Json(Json::default()), labels, lines)
}

fn encode(mut encoder: Encoder, labels: &[(String, String)], lines: &[PushedLine<'_>]) -> Vec<u8> {
    encoder.begin(&labels.to_vec());
    for &(timestamp, text, metadata) in lines {
        encoder.push(&Line { timestamp, text: [text, b""], metadata }.measured());
    }
    encoder.finish().to_vec()
}

/// What an answer says for certain about the entries of a push (time and length of each line, by
/// ascending time): positions and reasons; `None` when it is not about entries.
#[must_use]
pub fn refused_by(status: u16, body: &[u8], sent: &[(u64, usize)]) -> Option<Vec<(usize, &'static str)>> {
    let sent: Vec<_> = sent.iter().map(|&(timestamp, len)| Sent { timestamp, len }).collect();
    match classify(status, 260, body) {
        Verdict::Refused(refusal) => Some(refusal.certain(&sent)),
        _ => None,
    }
}
