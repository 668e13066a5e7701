//! What is given up, and in which order, until a line fits.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use super::members::{Kind, Member, Place, Reader};
use super::text::{SUFFIX, boundary, prefix};

/// The characters of the message that are kept when it is shortened.
const MESSAGE_CHARS: usize = 32;
/// To how many bytes a preserved text is shortened at most, so that no time stamp is.
const MIN_TEXT: usize = 64;
/// Objects whose members are entries of their own.
const SECTIONS: [&str; 4] = ["context", "diagnostics", "data", "metadata"];
const MARKS: [&str; 3] = ["_truncated", "_original_size", "_heavily_truncated"];
/// Kept like preserved fields, after them: without them a receiver counts gaps that are none, or
/// takes a masked event for a whole one. The engine's own are short; a longer value of such a name
/// came in raw JSON, and must not cost what the user listed its room.
const ENGINE_FIELDS: [&str; 3] = ["_seq", "_redaction_failed", "_damaged"];

/// Takes lines apart and puts what fits together; its memory is used again for the next one.
#[derive(Debug, Default)]
pub struct Shrinker {
    reader: Reader,
    members: Vec<Member>,
    /// In the order of the text; an object is followed by its members.
    entries: Vec<Entry>,
    /// Entries that can go, the largest first.
    queue: Vec<usize>,
    marks: String,
    /// The object with the marks; `None` is the whole line.
    marked: Option<usize>,
    /// Which preserved fields the object that is being read has already.
    seen: Vec<bool>,
}

#[derive(Debug)]
struct Entry {
    /// From the quote of the name to the end of the value.
    span: Range<usize>,
    value: usize,
    role: Role,
    kept: bool,
    /// How many bytes of a string are kept before the suffix.
    cut: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Says what kind of envelope this is.
    Schema,
    Message,
    /// The lower, the more important.
    Preserved(usize),
    Plain,
    /// An object whose members are the entries before `end`.
    Object {
        end: usize,
        required: bool,
    },
}

impl Entry {
    /// The bytes it takes, without those of its own members.
    fn len(&self) -> usize {
        match (self.role, self.cut) {
            (Role::Object { .. }, _) => self.value - self.span.start + 2,
            (_, None) => self.span.len(),
            (_, Some(cut)) => self.value - self.span.start + 2 + cut + SUFFIX.len(),
        }
    }

    fn value_len(&self) -> usize {
        self.span.end - self.value
    }

    /// What stands between the quotes of a string.
    fn inner<'t>(&self, text: &'t str) -> &'t str {
        &text[self.value + 1..self.span.end - 1]
    }

    fn rank(&self) -> usize {
        if let Role::Preserved(rank) = self.role { rank } else { 0 }
    }
}

impl Shrinker {
    /// Writes what is left of `line`, at most `limit` bytes, to `out`, which is empty. The limit is
    /// at least [`SizeGuard::MIN_TRUNCATE_BYTES`](super::SizeGuard::MIN_TRUNCATE_BYTES), the line
    /// longer than it.
    pub fn shrink(&mut self, line: &[u8], limit: usize, preserve: &[String], out: &mut Vec<u8>) {
        self.marks.clear();
        self.marks.push_str("\"_truncated\":true,\"_original_size\":");
        write!(self.marks, "{}", line.len()).expect("writing to memory");
        // What is no text is no JSON either, and only its beginning is of interest.
        let text =
            simdutf8::basic::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(&line[..limit]), Cow::Borrowed);
        let text = &*text;
        let (kind, place) = self.reader.open(text);
        match kind {
            Kind::Object => self.shrink_object(text, place, limit, preserve, out),
            Kind::Array => self.shrink_array(text, limit, out),
            Kind::Text => {
                let inner = text.trim_ascii();
                self.shrink_text(&inner[1..inner.len() - 1], limit, out);
            }
            Kind::Other => {
                // Each byte becomes at least one.
                let beginning = &text[..text.floor_char_boundary(limit)];
                let json = serde_json::to_string(beginning).expect("every text is a JSON string");
                self.shrink_text(&json[1..json.len() - 1], limit, out);
            }
        }
        // White space between tokens may be line breaks; strings hold no control characters.
        out.iter_mut().filter(|byte| **byte < b' ').for_each(|byte| *byte = b' ');
        self.reader.settle();
    }

    /// What stands between the quotes of a string becomes the message of an object.
    fn shrink_text(&self, inner: &str, limit: usize, out: &mut Vec<u8>) {
        let around = r#"{"message":"","#.len() + SUFFIX.len() + self.marks.len() + 1;
        let kept = boundary(inner, limit.saturating_sub(around));
        for part in [r#"{"message":""#, &inner[..kept], SUFFIX, "\",", &self.marks, "}"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// The first elements, as many as fit, become the member `data` of an object.
    fn shrink_array(&self, text: &str, limit: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"data\":[");
        let room = limit.saturating_sub("],}".len() + self.marks.len());
        let begin = out.len();
        let elements: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).unwrap_or_default();
        for element in elements.iter().map(|element| element.get()) {
            let comma = usize::from(out.len() > begin);
            if out.len() + comma + element.len() > room {
                break;
            }
            out.extend_from_slice(&b","[..comma]);
            out.extend_from_slice(element.as_bytes());
        }
        for part in ["],", &self.marks, "}"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn shrink_object(&mut self, text: &str, place: Place, limit: usize, preserve: &[String], out: &mut Vec<u8>) {
        self.take_apart(text, place, preserve);
        if !self.lighten(text, limit) {
            self.strip_to_preserved();
            self.cut_preserved(text, limit);
        }
        if self.size() <= limit {
            out.push(b'{');
            self.write(None, text, out);
            out.push(b'}');
        } else {
            // Not even the envelope fits.
            for part in ["{", &self.marks, "}"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// Lists the entries of a line.
    fn take_apart(&mut self, text: &str, place: Place, preserve: &[String]) {
        self.entries.clear();
        self.marked = None;
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        self.reader.members(text, place, &mut members);
        let is = |member: &Member, wanted: &str| name(text, member) == wanted;
        let log = members.iter().position(|member| is_object(text, member) && is(member, "log"));
        match log.filter(|_| members.iter().any(|member| is(member, "schema_version"))) {
            None => self.add_fields(text, &mut members, 0, preserve),
            Some(log) => {
                let outer = members.len();
                for at in 0..outer {
                    let member = members[at].clone();
                    let schema = is(&member, "schema_version");
                    if at == log {
                        let index = self.open(&member, true);
                        self.marked = Some(index);
                        self.reader.members(text, member.value, &mut members);
                        self.add_fields(text, &mut members, outer, preserve);
                        self.close(index);
                    } else {
                        self.add(&member, if schema { Role::Schema } else { Role::Plain });
                    }
                }
            }
        }
        self.members = members;
    }

    /// Adds the members from `from` on, which are an event's own, and those of its sections.
    fn add_fields(&mut self, text: &str, members: &mut Vec<Member>, from: usize, preserve: &[String]) {
        let in_log = self.marked.is_some();
        let end = members.len();
        self.seen.clear();
        // Sections are read behind the event's own members, so that `seen` is about one object.
        for at in from..end {
            let member = &members[at];
            let name = name(text, member);
            match self.role(&name, member, preserve) {
                // Ours take their place.
                _ if MARKS.contains(&&*name) => {}
                Role::Plain if is_object(text, member) && SECTIONS.contains(&&*name) => {
                    let index = self.open(member, false);
                    let diagnostics = in_log && name == "diagnostics";
                    if diagnostics {
                        // Where the encoder has its own marks.
                        self.marked = Some(index);
                    }
                    let of_event = std::mem::take(&mut self.seen);
                    let place = member.value;
                    self.reader.members(text, place, members);
                    for member in members.drain(end..) {
                        let name = self::name(text, &member);
                        let role = self.role(&name, &member, preserve);
                        if !(diagnostics && MARKS.contains(&&*name)) {
                            self.add(&member, role);
                        }
                    }
                    self.seen = of_event;
                    self.close(index);
                }
                Role::Plain if name == "message" && text.as_bytes()[member.value.start] == b'"' => {
                    let first = !self.entries.iter().any(|entry| entry.role == Role::Message);
                    self.add(member, if first { Role::Message } else { Role::Plain });
                }
                role => self.add(member, role),
            }
        }
        members.truncate(from);
    }

    /// What a member of this name is. Only the first of a name is preserved.
    fn role(&mut self, name: &str, member: &Member, preserve: &[String]) -> Role {
        let short = member.span.end - member.value.start <= MIN_TEXT;
        let engine = || ENGINE_FIELDS.iter().position(|field| short && *field == name).map(|at| preserve.len() + at);
        let Some(rank) = preserve.iter().position(|field| field == name).or_else(engine) else { return Role::Plain };
        if self.seen.len() <= rank {
            self.seen.resize(rank + 1, false);
        }
        if std::mem::replace(&mut self.seen[rank], true) { Role::Plain } else { Role::Preserved(rank) }
    }

    fn add(&mut self, member: &Member, role: Role) {
        self.entries.push(Entry { span: member.span.clone(), value: member.value.start, role, kept: true, cut: None });
    }

    fn open(&mut self, member: &Member, required: bool) -> usize {
        self.add(member, Role::Object { end: 0, required });
        self.entries.len() - 1
    }

    fn close(&mut self, index: usize) {
        let len = self.entries.len();
        if let Role::Object { end, .. } = &mut self.entries[index].role {
            *end = len;
        }
    }

    /// Shortens the message and removes the largest entries that need not be kept. Says whether
    /// the line fits then.
    fn lighten(&mut self, text: &str, limit: usize) -> bool {
        let mut size = self.size();
        let message = self.entries.iter().position(|entry| entry.role == Role::Message);
        if let Some(message) = message.filter(|_| size > limit) {
            let inner = self.entries[message].inner(text);
            let target = inner.len().saturating_sub(size - limit + SUFFIX.len());
            self.cut(message, inner, boundary(inner, target).max(prefix(inner, MESSAGE_CHARS)));
            size = self.size();
        }
        self.queue.clear();
        let plain = |index: &usize| self.entries[*index].role == Role::Plain;
        self.queue.extend((0..self.entries.len()).filter(plain));
        self.queue.sort_unstable_by_key(|index| (self.entries[*index].len(), *index));
        // Commas that went along are not in `size` yet.
        let mut commas = 0;
        while size > limit {
            if size - commas <= limit {
                (size, commas) = (self.size(), 0);
                continue;
            }
            let Some(largest) = self.queue.pop() else { break };
            self.entries[largest].kept = false;
            size -= self.entries[largest].len();
            commas += 1;
        }
        size = self.size();
        if let Some(message) = message.filter(|message| size <= limit && self.entries[*message].cut.is_some()) {
            // What the last removal left free.
            let inner = self.entries[message].inner(text);
            let kept = self.entries[message].cut.unwrap_or_default() + limit - size;
            self.entries[message].cut = None;
            self.cut(message, inner, boundary(inner, kept.min(inner.len())));
        }
        size <= limit
    }

    /// Keeps the first `kept` bytes of a string, if it gets shorter by that.
    fn cut(&mut self, index: usize, inner: &str, kept: usize) {
        if kept + SUFFIX.len() < inner.len() {
            self.entries[index].cut = Some(kept);
        }
    }

    fn strip_to_preserved(&mut self) {
        self.marks.push_str(",\"_heavily_truncated\":true");
        for entry in &mut self.entries {
            entry.kept &= !matches!(entry.role, Role::Message | Role::Plain);
        }
        self.close_empty_sections();
    }

    fn close_empty_sections(&mut self) {
        for index in 0..self.entries.len() {
            if let Role::Object { end, required: false } = self.entries[index].role {
                let used = self.entries[index + 1..end].iter().any(|entry| entry.kept);
                self.entries[index].kept = used || self.marked == Some(index);
            }
        }
    }

    /// Shortens preserved texts to what fits, the longest first; while that is not enough, the least
    /// important field goes.
    fn cut_preserved(&mut self, text: &str, limit: usize) {
        self.queue.clear();
        let preserved = |entry: &Entry| matches!(entry.role, Role::Preserved(_));
        self.queue.extend((0..self.entries.len()).filter(|index| preserved(&self.entries[*index])));
        let is_text = |entry: &Entry| text.as_bytes()[entry.value] == b'"';
        let all: usize = self.queue.iter().map(|index| self.entries[*index].len() + 1).sum();
        let empty = self.size().saturating_sub(all);
        for index in &self.queue {
            // It would not fit if it were alone.
            let entry = &mut self.entries[*index];
            entry.kept = is_text(entry) || empty + entry.len() <= limit;
        }
        loop {
            self.close_empty_sections();
            self.queue.retain(|index| self.entries[*index].kept);
            let size = self.size();
            if size <= limit || self.queue.is_empty() {
                return;
            }
            self.queue.sort_by_key(|index| self.entries[*index].value_len());
            let texts = || self.queue.iter().copied().filter(|index| is_text(&self.entries[*index]));
            let bytes: usize = texts().map(|index| self.entries[index].value_len()).sum();
            let share =
                fair_share(texts().map(|index| self.entries[index].value_len()), (limit + bytes).saturating_sub(size));
            if bytes > 0 && share >= MIN_TEXT {
                for at in 0..self.queue.len() {
                    let index = self.queue[at];
                    let entry = &self.entries[index];
                    if is_text(entry) && entry.value_len() > share {
                        let inner = entry.inner(text);
                        self.cut(index, inner, boundary(inner, share - "\"\"".len() - SUFFIX.len()));
                    }
                }
                return;
            }
            let least = self.queue.iter().copied().max_by_key(|index| (self.entries[*index].rank(), *index));
            self.entries[least.expect("the queue is not empty")].kept = false;
        }
    }

    /// The bytes that [`write`](Self::write) would write, with the braces of the line.
    fn size(&self) -> usize {
        let objects = self.entries.iter().enumerate().filter(|(_, entry)| matches!(entry.role, Role::Object { .. }));
        // Commas stand between the kept members of an object: one less than there are.
        let filled = objects.filter(|(index, entry)| {
            let Role::Object { end, .. } = entry.role else { return false };
            entry.kept && (self.marked == Some(*index) || self.entries[index + 1..end].iter().any(|entry| entry.kept))
        });
        let kept = self.entries.iter().filter(|entry| entry.kept);
        let bytes: usize = kept.map(|entry| entry.len() + 1).sum();
        let outer = usize::from(self.marked.is_none() || self.entries.iter().any(|entry| entry.kept));
        "{}".len() + bytes + self.marks.len() + 1 - filled.count() - outer
    }

    /// Writes what is kept of an object, or of the line, without its braces.
    fn write(&self, object: Option<usize>, text: &str, out: &mut Vec<u8>) {
        let (mut at, end) = match object.map(|index| (index, self.entries[index].role)) {
            Some((index, Role::Object { end, .. })) => (index + 1, end),
            _ => (0, self.entries.len()),
        };
        let begin = out.len();
        let separate = |out: &mut Vec<u8>| {
            if out.len() > begin {
                out.push(b',');
            }
        };
        while at < end {
            let entry = &self.entries[at];
            if entry.kept {
                separate(out);
                self.write_entry(at, text, out);
            }
            at = match entry.role {
                Role::Object { end, .. } => end,
                _ => at + 1,
            };
        }
        if self.marked == object {
            separate(out);
            out.extend_from_slice(self.marks.as_bytes());
        }
    }

    fn write_entry(&self, index: usize, text: &str, out: &mut Vec<u8>) {
        let entry = &self.entries[index];
        match (entry.role, entry.cut) {
            (Role::Object { .. }, _) => {
                out.extend_from_slice(&text.as_bytes()[entry.span.start..entry.value]);
                out.push(b'{');
                self.write(Some(index), text, out);
                out.push(b'}');
            }
            (_, None) => out.extend_from_slice(&text.as_bytes()[entry.span.clone()]),
            (_, Some(cut)) => {
                out.extend_from_slice(&text.as_bytes()[entry.span.start..=entry.value + cut]);
                out.extend_from_slice(SUFFIX.as_bytes());
                out.push(b'"');
            }
        }
    }
}

/// The longest that values may be so that together they take at most `room` bytes. Their lengths
/// come in ascending order.
fn fair_share(lengths: impl Iterator<Item = usize> + Clone, mut room: usize) -> usize {
    let mut left = lengths.clone().count();
    for len in lengths {
        let share = room / left;
        if len > share {
            return share;
        }
        room -= len;
        left -= 1;
    }
    usize::MAX
}

fn is_object(text: &str, member: &Member) -> bool {
    text.as_bytes()[member.value.start] == b'{'
}

/// A member's name, without its escapes.
fn name<'t>(text: &'t str, member: &Member) -> Cow<'t, str> {
    let quoted = &text[member.span.start..member.name_end];
    if quoted.contains('\\')
        && let Ok(name) = serde_json::from_str::<String>(quoted)
    {
        return Cow::Owned(name);
    }
    Cow::Borrowed(quoted.trim_matches('"'))
}
