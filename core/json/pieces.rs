//! What many lines have in common, written once per encoder: it is copied from there.

use super::envelope::{Envelope, Identity, may_be_reserved};
use super::opening::Opening;
use super::text::{push_string, same};
use super::value::push_integer;
use crate::{Callsite, Event, LineBuffer};

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
    pub(super) fn push(&self, out: &mut LineBuffer) {
        match self {
            Self::Short(block, len) => out.put_some_of(block, usize::from(*len)),
            Self::Long(text) => out.extend_from_slice(text),
        }
    }
}

/// What a call site says of its events.
#[derive(Debug)]
pub(super) struct Template {
    /// Ends with the message.
    pub(super) opening: Opening,
    pub(super) keys: SiteKeys,
}

/// The name of each field of a call site, as [`key_text`] has it; `None` where the name has to be looked at in each
/// event.
#[derive(Debug)]
pub(super) struct SiteKeys(Box<[Option<Piece>]>);

impl Template {
    fn new(site: &Callsite, envelope: Envelope) -> Self {
        let mut message = LineBuffer::new();
        push_string(&mut message, site.message().as_bytes());
        let key = |name: &&str| {
            let name = name.as_bytes();
            let is_reserved = envelope == Envelope::Flat && may_be_reserved(name);
            (!is_reserved).then(|| Piece::new(&key_text(name, envelope)))
        };
        let keys = SiteKeys(site.fields().iter().map(key).collect());
        Self { opening: Opening::new(envelope, &message), keys }
    }
}

impl SiteKeys {
    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Piece> {
        self.0.get(index)?.as_ref()
    }
}

/// `"name":`, in a flat line with the comma before it: a field is never a line's first member.
fn key_text(name: &[u8], envelope: Envelope) -> LineBuffer {
    let mut text = LineBuffer::new();
    if envelope == Envelope::Flat {
        text.push(b',');
    }
    push_string(&mut text, name);
    text.push(b':');
    text
}

/// The templates of all call sites that were met, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<Option<Box<Template>>>);

impl Templates {
    #[inline]
    pub(super) fn of(&mut self, event: &Event<'_>, envelope: Envelope) -> Option<&mut Template> {
        let site = event.callsite()?;
        let index = site.index()?;
        if !matches!(self.0.get(index), Some(Some(_))) {
            self.add(site, index, envelope);
        }
        self.0[index].as_deref_mut()
    }

    #[cold]
    fn add(&mut self, site: &'static Callsite, index: usize, envelope: Envelope) {
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(Box::new(Template::new(site, envelope)));
    }
}

/// The names of fields that brought theirs, as [`key_text`] has them, each at the place that its tag says.
#[derive(Debug)]
pub(super) struct Keys {
    envelope: Envelope,
    kept: Box<[Option<Key>; KEYS]>,
}

#[derive(Debug)]
struct Key {
    tag: u32,
    name: Box<[u8]>,
    text: Piece,
}

const KEYS: usize = 256;
/// Longer ones are not kept.
const KEPT_NAME: usize = 64;

impl Keys {
    pub(super) fn new(envelope: Envelope) -> Self {
        Self { envelope, kept: Box::new([const { None }; KEYS]) }
    }

    /// Appends a name that needs no looking at in each event. Says whether it is one.
    #[inline]
    pub(super) fn push(&mut self, tag: u32, name: &[u8], out: &mut LineBuffer) -> bool {
        let place = tag.wrapping_mul(0x9e37_79b1) as usize >> 24;
        match &self.kept[place] {
            Some(key) if key.tag == tag && same(&key.name, name) => key.text.push(out),
            _ => return self.add(place, tag, name, out),
        }
        true
    }

    #[inline(never)]
    fn add(&mut self, place: usize, tag: u32, name: &[u8], out: &mut LineBuffer) -> bool {
        if name.len() > KEPT_NAME || may_be_reserved(name) {
            return false;
        }
        let text = Piece::new(&key_text(name, self.envelope));
        text.push(out);
        self.kept[place] = Some(Key { tag, name: name.into(), text });
        true
    }
}

/// `"_seq":"<epoch>-<lane>-`, as it was for the event before.
#[derive(Debug, Default)]
pub(super) struct SeqText {
    of: Option<(u64, u32)>,
    text: LineBuffer,
}

impl SeqText {
    #[inline]
    pub(super) fn push(&mut self, identity: Identity, out: &mut LineBuffer) {
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
