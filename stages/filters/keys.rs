//! A bounded table of what a filter remembers by key.

use std::borrow::Cow;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use hashlink::LinkedHashMap;
use logwheel_core::{Event, Health, Value};

use crate::Reading;
use crate::option::{InvalidOption, require};
use crate::path::{FieldPath, Located};

/// Makes one number of the values at some paths.
///
/// The fields go in one by one, each with its kind and length, so that no two different lists of
/// values are taken for the same key by how they are joined: `["a|b", "c"]` is not `["a", "b|c"]`,
/// the number 1 is not the text `1`, and an absent field is not an empty one. The hash (SipHash with
/// a secret of each instance) cannot be steered from outside; two keys meet by chance once in 2^64.
#[derive(Debug)]
pub(crate) struct KeyHasher {
    paths: Vec<FieldPath>,
    secret: RandomState,
    /// What is hashed, reused from event to event: hashing it in one piece is cheaper than in many.
    bytes: Vec<u8>,
    scratch: String,
}

impl KeyHasher {
    pub(crate) fn new(paths: Vec<FieldPath>) -> Self {
        Self { paths, secret: RandomState::new(), bytes: Vec::new(), scratch: String::new() }
    }

    /// The key of an event: its values at the paths.
    pub(crate) fn key(&mut self, event: &Event<'_>) -> u64 {
        self.bytes.clear();
        for path in &self.paths {
            match path.locate_in_envelope(event) {
                None => self.bytes.push(ABSENT),
                Some(Located::Level(level)) => self.bytes.push(level.number()),
                Some(located) => put_value(located.value(&mut self.scratch), &mut self.bytes),
            }
        }
        self.finish()
    }

    /// The key of everything that an event says: level, logger, message and all fields, not its
    /// time and trace.
    pub(crate) fn whole(&mut self, event: &Event<'_>) -> u64 {
        self.bytes.clear();
        self.bytes.push(event.level().number());
        put_value(Value::Str(event.logger()), &mut self.bytes);
        put_value(event.message_value(), &mut self.bytes);
        for (_, field) in event.fields() {
            put_value(Value::Str(field.name), &mut self.bytes);
            put_value(field.value, &mut self.bytes);
        }
        self.finish()
    }

    fn finish(&mut self) -> u64 {
        let mut hasher = self.secret.build_hasher();
        hasher.write(&self.bytes);
        // A rare giant is not kept.
        if self.bytes.capacity() > KEEP {
            self.bytes = Vec::new();
        }
        hasher.finish()
    }
}

/// No kind of a value.
const ABSENT: u8 = 0xff;
const KEEP: usize = 64 << 10;

/// Appends a value in the encoding of events, which says its kind and length. Integers of the same
/// number are the same, whatever their type, and so are texts.
fn put_value(value: Value<'_>, bytes: &mut Vec<u8>) {
    let mut character = [0; 4];
    let value = match value {
        Value::U64(v) => Value::I128(i128::from(v)),
        Value::I64(v) => Value::I128(i128::from(v)),
        Value::U128(v) => i128::try_from(v).map_or(Value::U128(v), Value::I128),
        Value::Bytes(v) => std::str::from_utf8(v).map_or(Value::Bytes(v), Value::Str),
        Value::Char(v) => Value::Str(v.encode_utf8(&mut character)),
        value => value,
    };
    value.encode(bytes);
}

/// Reads a list of paths.
pub(crate) fn parse_paths(option: &'static str, texts: &[String]) -> Result<Vec<FieldPath>, InvalidOption> {
    let parse = |text: &String| {
        FieldPath::parse(text).ok_or_else(|| InvalidOption::new(option, format_args!("{text:?}"), FieldPath::ALLOWED))
    };
    texts.iter().map(parse).collect()
}

/// Checks how many keys may be remembered.
pub(crate) fn require_max_keys(max_keys: usize) -> Result<(), InvalidOption> {
    require((1..=10_000_000).contains(&max_keys), "max_keys", max_keys, "1 to 10000000")
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are written as one number");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Values by key, in an order.
pub(crate) type OrderedMap<V> = LinkedHashMap<u64, V, BuildHasherDefault<Prehashed>>;

/// A map for so many keys.
///
/// With room for twice as many, up to 100,000, it cleans up in place where keys come and go, and never
/// takes more memory for its index. Entries take theirs as they come, and what is removed is reused.
pub(crate) fn ordered_map<V>(max_keys: usize) -> OrderedMap<V> {
    LinkedHashMap::with_capacity_and_hasher(2 * max_keys.min(50_000), BuildHasherDefault::default())
}

/// What is remembered by key: the least recently used key is forgotten when there are too many.
#[derive(Debug)]
pub(crate) struct KeyTable<V> {
    /// The least recently used key comes first.
    entries: OrderedMap<V>,
    max_keys: usize,
    warned: bool,
    /// A warning that was not fetched yet: so many keys.
    warning: Option<usize>,
    tracked: Reading,
}

impl<V> KeyTable<V> {
    pub(crate) fn new(max_keys: usize) -> Self {
        let entries = ordered_map(max_keys);
        Self { entries, max_keys, warned: false, warning: None, tracked: Reading::default() }
    }

    /// What is remembered of a key, which becomes the most recently used one.
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.entries.to_back(&key)
    }

    /// Remembers a key.
    pub(crate) fn insert(&mut self, key: u64, value: V) {
        if self.entries.len() >= self.max_keys && !self.entries.contains_key(&key) {
            self.entries.pop_front();
        }
        self.entries.insert(key, value);
        let tracked = self.entries.len();
        self.tracked.set(tracked as f64);
        if !self.warned && tracked * 10 >= self.max_keys * 9 {
            (self.warned, self.warning) = (true, Some(tracked));
        }
    }

    /// A warning for diagnostics: once when the table is 90 % full, and again after it was less than
    /// 80 % full.
    pub(crate) fn notice(&mut self) -> Option<Cow<'static, str>> {
        let (tracked, max_keys) = (self.warning.take()?, self.max_keys);
        let text = format!(
            "remembers {tracked} keys of at most max_keys = {max_keys}: soon the least recently used ones are forgotten"
        );
        Some(text.into())
    }

    /// Forgets up to two of the least recently used keys, as far as they are of no more use. Done
    /// before each new key, this keeps the table as small as it can be at a constant cost.
    pub(crate) fn forget(&mut self, is_useless: impl Fn(&V) -> bool) {
        for _ in 0..2 {
            if self.entries.front().is_none_or(|(_, value)| !is_useless(value)) {
                return;
            }
            self.entries.pop_front();
            self.tracked.set(self.entries.len() as f64);
            if self.entries.len() * 10 < self.max_keys * 8 {
                self.warned = false;
            }
        }
    }

    /// How many keys are remembered.
    pub(crate) fn tracked(&self) -> Reading {
        self.tracked.clone()
    }

    /// Not healthy when more than 90 % full.
    pub(crate) fn health(&self) -> Health {
        if self.entries.len() * 10 > self.max_keys * 9 {
            return Health::unhealthy(format!("{} keys of at most {} are in use", self.entries.len(), self.max_keys));
        }
        Health::Healthy
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::support::TestEvent;

    fn hasher(paths: &[&str]) -> KeyHasher {
        KeyHasher::new(paths.iter().map(|path| FieldPath::parse(path).unwrap()).collect())
    }

    #[test]
    fn story_5_3_fields_are_hashed_one_by_one_so_that_a_separator_in_a_value_does_not_matter() {
        let mut keys = hasher(&["a", "b"]);
        let mut key = |a: Option<Value<'_>>, b: Option<Value<'_>>| {
            let mut event = TestEvent::new("m");
            for (name, value) in [("a", a), ("b", b)] {
                event = value.map_or(event.clone(), |value| event.field(name, value));
            }
            event.open(|event| keys.key(event))
        };
        let text = |text| Some(Value::Str(text));
        let different = [
            key(text("a|b"), text("c")),
            key(text("a"), text("b|c")),
            key(text("ab"), text("c")),
            key(text("a"), text("bc")),
            key(text(""), text("abc")),
            key(None, text("abc")),
            key(text("abc"), None),
            key(text("abc"), Some(Value::Null)),
            key(text("1"), text("1")),
            key(Some(Value::U64(1)), text("1")),
            key(Some(Value::F64(1.0)), text("1")),
            key(Some(Value::Bool(true)), text("1")),
        ];
        for (index, key) in different.iter().enumerate() {
            assert!(!different[..index].contains(key), "number {index} meets an earlier one");
        }
        let integers = [Value::U64(7), Value::I64(7), Value::U128(7), Value::I128(7)];
        assert!(integers.iter().all(|value| key(Some(*value), None) == key(Some(Value::U64(7)), None)));
        let texts = [Value::Str("x"), Value::Char('x'), Value::Bytes(b"x")];
        assert!(texts.iter().all(|value| key(Some(*value), None) == key(text("x"), None)));
    }

    #[test]
    fn the_key_of_a_whole_event_leaves_out_time_and_trace_only() {
        let mut keys = hasher(&[]);
        let mut key = |event: TestEvent| event.open(|event| keys.whole(event));
        let event = || TestEvent::new("m").logger("l").field("a", Value::U64(1)).scoped("s", Value::Bool(true));
        let later = key(event().at(3.0).trace(9));
        assert_eq!(key(event()), later);
        for other in [
            event().level(logwheel_core::Level::WARN),
            event().logger("k"),
            event().field("b", Value::Null),
            TestEvent::new("n").logger("l").field("a", Value::U64(1)).scoped("s", Value::Bool(true)),
            TestEvent::new("m").logger("l").field("a", Value::U64(2)).scoped("s", Value::Bool(true)),
        ] {
            let (own, other) = (key(event()), key(other));
            assert_ne!(own, other);
        }
    }

    #[test]
    fn the_warning_comes_once_at_90_percent_and_again_after_less_than_80() {
        let mut table = KeyTable::new(100);
        let warnings = |table: &mut KeyTable<u64>, keys: std::ops::Range<u64>| {
            let warns = |key: &u64| {
                table.insert(*key, *key);
                let warning = table.notice();
                assert_eq!(table.notice(), None, "said once");
                warning.is_some()
            };
            keys.filter(warns).collect::<Vec<_>>()
        };
        assert_eq!(warnings(&mut table, 0..90), [89]);
        assert!(table.health().is_healthy());
        assert_eq!(warnings(&mut table, 90..300), [0; 0]);
        assert!(!table.health().is_healthy());
        assert_eq!(table.tracked().get(), 100.0);
        // 80 left: not armed again. 79 left: armed.
        (0..10).for_each(|_| table.forget(|_| true));
        assert_eq!((table.tracked().get(), table.health().is_healthy()), (80.0, true));
        assert_eq!(warnings(&mut table, 300..310), [0; 0]);
        (0..6).for_each(|_| table.forget(|_| true));
        assert_eq!(warnings(&mut table, 310..330), [321]);
    }

    #[test]
    fn only_the_oldest_keys_are_forgotten_and_only_if_useless() {
        let mut table = KeyTable::new(10);
        (0..5).for_each(|key| table.insert(key, key));
        table.get_mut(0);
        table.forget(|value| *value != 2);
        assert!(table.get_mut(1).is_none() && table.get_mut(0).is_some());
        assert_eq!(table.tracked().get(), 4.0);
    }

    proptest! {
        #[test]
        fn a_table_never_exceeds_its_bound_and_keeps_the_most_recent(
            max_keys in 1usize..8, keys in prop::collection::vec(0u64..16, 1..100)
        ) {
            let mut table = KeyTable::new(max_keys);
            let mut model: Vec<u64> = Vec::new();
            for key in keys {
                prop_assert_eq!(table.get_mut(key).is_some(), model.contains(&key));
                table.insert(key, ());
                model.retain(|other| *other != key);
                model.push(key);
                if model.len() > max_keys {
                    model.remove(0);
                }
                prop_assert_eq!(table.tracked().get(), model.len() as f64);
            }
        }
    }
}
