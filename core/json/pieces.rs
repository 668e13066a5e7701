//! What many lines have in common, written once per encoder: it is copied from there.

use super::digits::nine_digits;
use super::envelope::{Envelope, Identity, may_be_reserved};
use super::text::push_string;
use super::time::SecondText;
use super::value::push_integer;
use crate::{Callsite, Event, Level};

/// A short piece is copied as a block of this size, which takes no call.
const BLOCK: usize = 32;

/// A piece of text.
#[derive(Debug)]
pub(super) enum Piece {
    Short([u8; BLOCK], u8),
    Long(Box<[u8]>),
}

impl Piece {
    fn new(text: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        match block.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text);
                Self::Short(block, text.len() as u8)
            }
            None => Self::Long(text.into()),
        }
    }

    #[inline]
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short(block, len) => {
                let end = out.len() + usize::from(*len);
                out.extend_from_slice(block);
                out.truncate(end);
            }
            Self::Long(text) => out.extend_from_slice(text),
        }
    }
}

/// What a call site says of its events.
#[derive(Debug)]
pub(super) struct Template {
    /// The message as a string.
    pub(super) message: Box<[u8]>,
    /// For each field `"name":`; `None` where the name has to be looked at in each event.
    keys: Box<[Option<Piece>]>,
}

impl Template {
    fn new(site: &Callsite, envelope: Envelope) -> Self {
        let text = |text: &str, more: &[u8]| {
            let mut out = Vec::new();
            push_string(&mut out, text.as_bytes());
            out.extend_from_slice(more);
            out
        };
        let key = |name: &&str| {
            let is_reserved = envelope == Envelope::Flat && may_be_reserved(name.as_bytes());
            (!is_reserved).then(|| Piece::new(&text(name, b":")))
        };
        Self { message: text(site.message(), b"").into(), keys: site.fields().iter().map(key).collect() }
    }

    #[inline]
    pub(super) fn key(&self, index: usize) -> Option<&Piece> {
        self.keys.get(index)?.as_ref()
    }
}

/// The templates of all call sites that were met, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<Option<Box<Template>>>);

impl Templates {
    #[inline]
    pub(super) fn of(&mut self, event: &Event<'_>, envelope: Envelope) -> Option<&Template> {
        let site = event.callsite()?;
        let index = site.index()?;
        if !matches!(self.0.get(index), Some(Some(_))) {
            self.add(site, index, envelope);
        }
        self.0[index].as_deref()
    }

    #[cold]
    fn add(&mut self, site: &'static Callsite, index: usize, envelope: Envelope) {
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(Box::new(Template::new(site, envelope)));
    }
}

/// The names of fields that brought theirs, as `"name":`, each at the place that its tag says.
#[derive(Debug)]
pub(super) struct Keys(Box<[Option<Key>; KEYS]>);

#[derive(Debug)]
struct Key {
    tag: u32,
    name: Box<[u8]>,
    text: Piece,
}

const KEYS: usize = 256;
/// Longer ones are not kept.
const KEPT_NAME: usize = 64;

/// Whether both are the same, without a call for most.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    // The first and the last eight bytes, which may overlap, or four.
    if let (5..=16, true) = (one.len(), one.len() == other.len()) {
        if let (Some(a), Some(b)) = (both_ends::<8>(one), both_ends::<8>(other)) {
            return a == b;
        }
        if let (Some(a), Some(b)) = (both_ends::<4>(one), both_ends::<4>(other)) {
            return a == b;
        }
    }
    one == other
}

#[inline(always)]
fn both_ends<const N: usize>(bytes: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    Some((bytes.first_chunk()?, bytes.last_chunk()?))
}

impl Default for Keys {
    fn default() -> Self {
        Self(Box::new([const { None }; KEYS]))
    }
}

impl Keys {
    /// Appends a name that needs no looking at in each event. Says whether it is one.
    #[inline]
    pub(super) fn push(&mut self, tag: u32, name: &[u8], out: &mut Vec<u8>) -> bool {
        let place = tag.wrapping_mul(0x9e37_79b1) as usize >> 24;
        match &self.0[place] {
            Some(key) if key.tag == tag && same(&key.name, name) => key.text.push(out),
            _ => return self.add(place, tag, name, out),
        }
        true
    }

    #[inline(never)]
    fn add(&mut self, place: usize, tag: u32, name: &[u8], out: &mut Vec<u8>) -> bool {
        if name.len() > KEPT_NAME || may_be_reserved(name) {
            return false;
        }
        let mut text = Vec::new();
        push_string(&mut text, name);
        text.push(b':');
        out.extend_from_slice(&text);
        self.0[place] = Some(Key { tag, name: name.into(), text: Piece::new(&text) });
        true
    }
}

/// The beginning of a line: envelope, time (RFC 3339, UTC, nanoseconds) and level.
#[derive(Debug)]
pub(super) struct Head {
    /// All of it, for the last second and level; the nanoseconds are not those of any event.
    text: Vec<u8>,
    second: SecondText,
    level: Option<Level>,
    envelope: Envelope,
    /// How far before its end the nanoseconds begin.
    nanos_from_end: usize,
}

impl Head {
    pub(super) fn new(envelope: Envelope) -> Self {
        Self { text: Vec::new(), second: SecondText::default(), level: None, envelope, nanos_from_end: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, timestamp: u64, level: Level, out: &mut Vec<u8>) {
        let (second, nanos) = (timestamp / 1_000_000_000, (timestamp % 1_000_000_000) as u32);
        if self.level != Some(level) || !self.second.is_of(second) {
            self.renew(second, level);
        }
        out.extend_from_slice(&self.text);
        // There, and not before in `text`: what was just written in pieces is slow to copy as a whole.
        let at = out.len() - self.nanos_from_end;
        if let Some(place) = out[at..].first_chunk_mut() {
            *place = nine_digits(nanos);
        }
    }

    #[cold]
    fn renew(&mut self, second: u64, level: Level) {
        let before: &[u8] = match self.envelope {
            Envelope::Flat => b"{\"timestamp\":\"",
            Envelope::V1_1 => b"{\"schema_version\":\"1.1\",\"log\":{\"timestamp\":\"",
        };
        self.text.clear();
        for part in [before, self.second.of(second), b"."] {
            self.text.extend_from_slice(part);
        }
        let nanos_at = self.text.len();
        // Without new memory: levels can change with every event.
        for part in [b"000000000Z\",\"level\":\"", level.name().as_bytes(), b"\""] {
            self.text.extend_from_slice(part);
        }
        self.level = Some(level);
        self.nanos_from_end = self.text.len() - nanos_at;
    }
}

/// `,"logger":"…"` as it was for the event before.
#[derive(Debug, Default)]
pub(super) struct LoggerText {
    name: Vec<u8>,
    text: Vec<u8>,
}

impl LoggerText {
    /// Nothing for an event without a logger's name.
    #[inline]
    pub(super) fn push(&mut self, name: &[u8], out: &mut Vec<u8>) {
        if self.name != name {
            self.set(name);
        }
        out.extend_from_slice(&self.text);
    }

    #[inline(never)]
    fn set(&mut self, name: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(name);
        self.text.clear();
        if !name.is_empty() {
            self.text.extend_from_slice(b",\"logger\":");
            push_string(&mut self.text, name);
        }
    }
}

/// `"_seq":"<epoch>-<lane>-`, as it was for the event before.
#[derive(Debug, Default)]
pub(super) struct SeqText {
    of: Option<(u64, u32)>,
    text: Vec<u8>,
}

impl SeqText {
    #[inline]
    pub(super) fn push(&mut self, identity: Identity, out: &mut Vec<u8>) {
        let Identity { epoch, lane, number } = identity;
        if self.of != Some((epoch, lane)) {
            self.set(epoch, lane);
        }
        out.extend_from_slice(&self.text);
        push_integer(out, number);
        out.push(b'"');
    }

    #[inline(never)]
    fn set(&mut self, epoch: u64, lane: u32) {
        self.of = Some((epoch, lane));
        self.text.clear();
        self.text.extend_from_slice(b"\"_seq\":\"");
        push_integer(&mut self.text, epoch);
        self.text.push(b'-');
        push_integer(&mut self.text, lane);
        self.text.push(b'-');
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn time(head: &mut Head, timestamp: u64) -> String {
        let mut out = vec![b'x'];
        head.push(timestamp, Level::INFO, &mut out);
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("x{\"timestamp\":\"").unwrap().strip_suffix("\",\"level\":\"INFO\"").unwrap().to_owned()
    }

    #[test]
    fn the_epoch_and_the_last_instant_are_written() {
        let mut head = Head::new(Envelope::Flat);
        assert_eq!(time(&mut head, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(time(&mut head, 1_000_000_001), "1970-01-01T00:00:01.000000001Z");
        assert_eq!(time(&mut head, u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    proptest! {
        #[test]
        fn times_are_read_back(times in prop::collection::vec(any::<u64>(), 1..4)) {
            let mut head = Head::new(Envelope::Flat);
            for nanoseconds in times {
                let back: Timestamp = time(&mut head, nanoseconds).parse().unwrap();
                prop_assert_eq!(back.as_nanosecond(), i128::from(nanoseconds));
            }
        }

        #[test]
        fn what_is_the_same_is_found_to_be(one in "[ab]{0,20}", other in "[ab]{0,20}", at in 0usize..20) {
            prop_assert_eq!(same(one.as_bytes(), other.as_bytes()), one == other);
            let mut changed = one.clone().into_bytes();
            prop_assert!(same(one.as_bytes(), &changed));
            if let Some(byte) = changed.get_mut(at) {
                *byte = b'c';
                prop_assert!(!same(one.as_bytes(), &changed));
            }
        }
    }
}
