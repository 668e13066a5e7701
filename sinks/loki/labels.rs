//! From an entry to the labels of its stream and its structured metadata.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use logwheel_core::{Batch, Entry, Level};

use super::encode::LabelSet;
use super::guard::{Guard, LabelBits, has, stream_key};

/// The most bytes of a label's value that Loki takes by default.
pub(super) const MAX_VALUE: usize = 2_048;
/// As fapilog had it, for values that must be short and plain.
const MAX_CLEAN_VALUE: usize = 128;
/// Loki takes 64 KB of structured metadata with a line; the rest is for what it adds itself.
pub(super) const MAX_METADATA: usize = 60 * 1024;

/// A name at the destination, and the field its values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FromField {
    pub(super) name: String,
    pub(super) field: String,
}

/// How labels and metadata are made; fixed when the sink is built.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) fixed: LabelSet,
    /// Whether the level is a label.
    pub(super) level: bool,
    /// At most fifteen.
    pub(super) from_fields: Vec<FromField>,
    pub(super) metadata: Vec<FromField>,
    pub(super) sanitize: bool,
    /// The same for all instances of a sink, which must agree on what a stream is.
    pub(super) hasher: RandomState,
}

/// Where a batch has the values of the labels and of the metadata.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) labels: Vec<Option<usize>>,
    metadata: Vec<Option<usize>>,
}

/// To which stream an entry belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamOf {
    pub(super) key: u64,
    /// The labels that are metadata now.
    pub(super) moved: LabelBits,
}

impl Labels {
    /// The fields whose values are wanted beside each line.
    pub(super) fn fields(&self) -> Vec<String> {
        let mut fields = Vec::new();
        for source in self.from_fields.iter().chain(&self.metadata) {
            if !fields.contains(&source.field) {
                fields.push(source.field.clone());
            }
        }
        fields
    }

    /// The names of these labels.
    pub(super) fn named(&self, labels: LabelBits) -> impl Iterator<Item = &str> {
        let all = self.from_fields.iter().enumerate();
        all.filter(move |(position, _)| has(labels, *position)).map(|(_, label)| &*label.name)
    }

    pub(super) fn columns(&self, batch: &Batch) -> Columns {
        let find = |sources: &[FromField]| sources.iter().map(|source| batch.column(&source.field)).collect();
        Columns { labels: find(&self.from_fields), metadata: find(&self.metadata) }
    }

    /// Which stream the entry belongs to; the guard takes note of it. `column` is where the batch
    /// has the values of a label.
    pub(super) fn stream_of(
        &self,
        guard: &Guard,
        column: impl Fn(usize) -> Option<usize>,
        entry: &Entry<'_>,
    ) -> StreamOf {
        let level = if self.level { u64::from(entry.level.number()) } else { 0 };
        if self.from_fields.is_empty() {
            return StreamOf { key: level, moved: 0 };
        }
        let mut values = [None; LabelBits::BITS as usize];
        let values = &mut values[..self.from_fields.len()];
        for (label, value) in values.iter_mut().enumerate() {
            *value = self.value(column(label), entry).map(|text| self.hasher.hash_one(text.as_ref()));
        }
        let moved = guard.admit(&self.hasher, level, values);
        StreamOf { key: stream_key(&self.hasher, level, values, moved), moved }
    }

    /// The labels of the entry's stream, by name.
    pub(super) fn of(&self, stream: StreamOf, columns: &Columns, entry: &Entry<'_>) -> LabelSet {
        let mut labels = self.fixed.clone();
        if self.level {
            labels.push(("level".to_owned(), level_value(entry.level)));
        }
        for (position, source) in self.from_fields.iter().enumerate() {
            if !has(stream.moved, position)
                && let Some(value) = self.value(columns.labels[position], entry)
            {
                labels.push((source.name.clone(), value.into_owned()));
            }
        }
        labels.sort();
        labels
    }

    /// Puts the entry's metadata into `out`: that of the options, then labels that have moved. Values
    /// beyond what Loki takes with a line are cut.
    pub(super) fn metadata<'a>(
        &'a self,
        moved: LabelBits,
        columns: &Columns,
        entry: &Entry<'a>,
        out: &mut Vec<(&'a str, &'a str)>,
    ) {
        out.clear();
        let configured = self.metadata.iter().zip(&columns.metadata);
        let labels = self.from_fields.iter().zip(&columns.labels).enumerate();
        let labels = labels.filter(|(position, _)| has(moved, *position)).map(|(_, label)| label);
        let mut left = MAX_METADATA;
        for (source, column) in configured.chain(labels) {
            let Some(value) = column.and_then(|column| entry.cell(column)) else { continue };
            left = left.saturating_sub(source.name.len());
            let value = &value[..value.floor_char_boundary(left)];
            left -= value.len();
            // Loki leaves empty ones out as well.
            if !value.is_empty() {
                out.push((&source.name, value));
            }
        }
    }

    /// The value of a label, `None` where there is none or it is empty.
    fn value<'a>(&self, column: Option<usize>, entry: &Entry<'a>) -> Option<Cow<'a, str>> {
        let text = entry.cell(column?).filter(|text| !text.is_empty())?;
        Some(if self.sanitize { clean(text) } else { Cow::Borrowed(&text[..text.floor_char_boundary(MAX_VALUE)]) })
    }
}

pub(super) fn level_value(level: Level) -> String {
    level.name().to_ascii_lowercase()
}

/// At most 128 of the characters `A-Z a-z 0-9 _ -`; each other one becomes `_`.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.len() <= MAX_CLEAN_VALUE && text.chars().all(allowed) {
        return Cow::Borrowed(text);
    }
    text.chars().take(MAX_CLEAN_VALUE).map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// Whether Loki takes it as the name of a label.
pub(super) fn is_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 1_024
}

/// The name under which Loki would store this structured metadata; `None` for one with no ASCII
/// letter or digit, with which it would refuse the whole push.
pub(super) fn metadata_name(name: &str) -> Option<String> {
    if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let clean: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    Some(if clean.starts_with(|c: char| c.is_ascii_digit()) { format!("key_{clean}") } else { clean })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_loki_takes() {
        for name in ["a", "_", "A_1", "__name__", &"x".repeat(1_024)] {
            assert!(is_label_name(name), "{name}");
        }
        for name in ["", "1a", "a-b", "a.b", "a/b", "a:b", "a b", "é", "a=\"1\",evil", "\"a.b\"", &"x".repeat(1_025)] {
            assert!(!is_label_name(name), "{name}");
        }
    }

    #[test]
    fn metadata_names_become_what_loki_would_make_of_them() {
        for (name, expected) in [
            ("trace_id", Some("trace_id")),
            ("user.id", Some("user_id")),
            ("1x", Some("key_1x")),
            ("né", Some("n_")),
            ("é", None),
            ("世", None),
            ("_", None),
            ("__", None),
            ("", None),
        ] {
            assert_eq!(metadata_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn clean_values_are_short_and_plain() {
        assert_eq!(clean("eu-west_1"), "eu-west_1");
        assert_eq!(clean("a b/é\n"), "a_b___");
        assert_eq!(clean(&"é".repeat(500)), "_".repeat(128));
        assert!(matches!(clean(&"x".repeat(128)), Cow::Borrowed(_)));
    }
}
