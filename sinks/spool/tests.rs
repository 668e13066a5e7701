use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use logwheel_core::Level;
use proptest::prelude::*;

use super::*;

mod kill;

/// A folder of its own for one test, gone afterwards.
pub(in crate::spool) struct Scratch(pub(in crate::spool) PathBuf);

impl Scratch {
    pub(in crate::spool) fn new(name: &str) -> Self {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("logwheel-{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn settings(&self) -> SpoolSettings {
        SpoolSettings::new(&self.0).sync(SpoolSync::Never)
    }

    fn open(&self) -> Spool {
        Spool::open(&self.settings()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn batch(first: u64, events: u64) -> Batch {
    let mut batch = Batch::new();
    for number in first..first + events {
        batch.push(format!(r#"{{"n":{number}}}"#).as_bytes(), number, Level::WARN);
    }
    batch
}

#[test]
fn a_batch_comes_back_with_times_levels_and_cells_after_a_restart() {
    let scratch = Scratch::new("cells");
    let columns: Arc<[String]> = ["app", "zone"].map(String::from).into();
    let mut sent = Batch::with_columns(columns);
    sent.push(br#"{"message":"a"}"#, u64::MAX, Level::ERROR);
    sent.set_cell(1, "eu");
    sent.push(b"", 7, Level::AUDIT);
    sent.set_cell(0, "");
    scratch.open().append(&sent, true).unwrap();
    let mut spool = scratch.open();
    assert_eq!((spool.unread_events(), spool.unread_record()), (2, 0));
    let Replayed { record: 0, batch, lost: 0 } = spool.read().unwrap() else { panic!() };
    assert_eq!(batch.columns(), ["app", "zone"]);
    let entries: Vec<_> =
        batch.iter().map(|e| (e.payload.to_vec(), e.timestamp, e.level, [e.cell(0), e.cell(1)])).collect();
    assert_eq!(
        entries,
        [
            (br#"{"message":"a"}"#.to_vec(), u64::MAX, Level::ERROR, [None, Some("eu")]),
            (b"".to_vec(), 7, Level::AUDIT, [Some(""), None]),
        ]
    );
    assert!(spool.read().is_none());
    assert_eq!(spool.damaged(), 0);
}

#[test]
fn a_second_process_cannot_open_it() {
    let scratch = Scratch::new("lock");
    let first = scratch.open();
    let error = Spool::open(&scratch.settings()).unwrap_err();
    assert!(matches!(&error, SpoolError::InUse { dir } if *dir == scratch.0), "{error:?}");
    assert!(error.to_string().contains("in use by another sink or process"), "{error}");
    drop(first);
    scratch.open();
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let scratch = Scratch::new("file");
    let file = scratch.0.join("file");
    fs::write(&file, "x").unwrap();
    let error = Spool::open(&SpoolSettings::new(&file)).unwrap_err();
    assert!(matches!(error, SpoolError::Io { .. }) && error.to_string().contains("file"), "{error}");
}

#[test]
fn what_was_acknowledged_does_not_come_again_and_leaves_no_files() {
    let scratch = Scratch::new("ack");
    let mut spool = scratch.open();
    for n in 0..10 {
        spool.append(&batch(n, 1), true).unwrap();
    }
    (0..4).for_each(|_| drop(spool.read().unwrap()));
    spool.acknowledge(3).unwrap();
    drop(spool);
    let mut spool = scratch.open();
    assert_eq!(spool.unread_events(), 7);
    assert_eq!(spool.read().unwrap().record, 3, "read but not acknowledged");
    while spool.read().is_some() {}
    spool.acknowledge(10).unwrap();
    assert_eq!(spool.bytes(), 0);
    assert_eq!(segment_files(&scratch.0).unwrap(), Vec::<PathBuf>::new());
    drop(spool);
    let mut spool = scratch.open();
    assert_eq!(spool.append(&batch(0, 1), true).unwrap().record, 10, "numbers go on");
}

#[test]
fn a_full_spool_drops_its_oldest_segments_and_says_how_many_events_went() {
    let scratch = Scratch::new("full");
    let mut spool = Spool::open(&scratch.settings().max_bytes(64 << 10)).unwrap();
    let (mut evicted, mut first_record) = (0, 0);
    for n in 0..1_000 {
        let saved = spool.append(&batch(n * 10, 10), true).unwrap();
        evicted += saved.evicted;
        assert!(saved.first_record >= first_record && spool.bytes() <= 64 << 10);
        first_record = saved.first_record;
    }
    assert!(evicted > 1_000 && evicted == first_record * 10, "{evicted}");
    assert_eq!(spool.unread_events() + evicted, 10_000);
    let mut expected = evicted;
    while let Some(Replayed { batch, lost, .. }) = spool.read() {
        assert_eq!((batch.get(0).unwrap().timestamp, lost), (expected, 0));
        expected += 10;
    }
    assert_eq!(expected, 10_000);
    // What cannot be held at all is lost, and does not take the rest along.
    let mut large = Batch::new();
    large.push(&[b'x'; 70_000], 0, Level::INFO);
    spool.append(&batch(0, 1), true).unwrap();
    spool.append(&large, true).unwrap();
    spool.append(&batch(1, 1), true).unwrap();
    assert_eq!(spool.read().map(|replayed| replayed.lost), Some(0));
    assert_eq!(spool.read().map(|replayed| replayed.lost), Some(1));
}

#[test]
fn a_line_that_looks_like_a_record_is_not_taken_for_one() {
    let scratch = Scratch::new("forged");
    let mut spool = scratch.open();
    let forged = segment::encode(99, 99, &batch(0, 1), |payload| codec::encode(&batch(0, 1), payload)).unwrap();
    let forged: Vec<u8> = forged.into_iter().filter(|byte| *byte != b'\n').collect();
    let mut line = Batch::new();
    line.push(&forged, 0, Level::INFO);
    spool.append(&line, true).unwrap();
    spool.append(&batch(5, 1), true).unwrap();
    let path = segment_files(&scratch.0).unwrap().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    // The first record's header is spoilt, so that the search goes through its payload.
    bytes[Segment::HEADER as usize + 5] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let replayed = spool.read().unwrap();
    assert_eq!((replayed.record, replayed.lost), (1, 1));
    assert!(spool.read().is_none());
}

#[test]
fn syncing_is_due_when_the_settings_say_so() {
    let scratch = Scratch::new("sync");
    let second = Duration::from_secs(1);
    for (sync, due) in [(SpoolSync::Never, false), (SpoolSync::EveryBatch, false), (SpoolSync::Interval(second), true)]
    {
        let mut spool = Spool::open(&scratch.settings().sync(sync)).unwrap();
        assert_eq!(spool.sync_due(), None);
        spool.append(&batch(0, 1), true).unwrap();
        assert_eq!(spool.sync_due().is_some(), due, "{sync:?}");
        spool.sync().unwrap();
        assert_eq!(spool.sync_due(), None);
    }
}

#[test]
fn each_problem_names_option_and_value() {
    assert_eq!(SpoolSettings::new("x").problems(), Vec::<String>::new());
    let bad = SpoolSettings::new("").max_bytes(9).sync(SpoolSync::Interval(Duration::ZERO)).problems();
    assert_eq!(bad.len(), 3);
    assert!(
        bad[0].contains("spool.dir") && bad[1].contains("spool.max_bytes is 9") && bad[2].contains("0ns"),
        "{bad:?}"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Read(usize),
    Acknowledge(u64),
    Reopen,
    /// A byte of the file at this share of its length.
    Corrupt(u16, u8),
    /// The process dies in the midst of a write: bytes at the end are missing.
    Tear(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..6u64).prop_map(Step::Append),
        4 => (1..4usize).prop_map(Step::Read),
        2 => (0..8u64).prop_map(Step::Acknowledge),
        1 => Just(Step::Reopen),
        1 => (any::<u16>(), 1..=u8::MAX).prop_map(|(at, flip)| Step::Corrupt(at, flip)),
        1 => (1..200u16).prop_map(Step::Tear),
    ];
    prop::collection::vec(step, 1..80)
}

/// What a spool should hold: a record's number and its events.
#[derive(Default)]
struct Model {
    records: VecDeque<(u64, Batch)>,
    /// They may be damaged, or not: which bytes are of no consequence is not for a test to know.
    damaged: BTreeSet<u64>,
    /// Segments of which nothing can be read after a restart.
    spoilt: BTreeSet<PathBuf>,
    next_record: u64,
    unread: u64,
    acknowledged: u64,
}

impl Model {
    /// What was read has to be the next record that is whole.
    fn check_read(&mut self, read: Option<Replayed>) -> Result<(), TestCaseError> {
        let unread = self.unread;
        let mut skipped = 0;
        for (record, batch) in self.records.iter().filter(|(record, _)| *record >= unread) {
            if read.as_ref().is_some_and(|read| read.record == *record) {
                let read = read.unwrap();
                prop_assert_eq!(read.batch.lines(), batch.lines());
                prop_assert_eq!(read.lost, skipped, "events in damaged records before {}", record);
                self.unread = record + 1;
                return Ok(());
            }
            prop_assert!(self.damaged.contains(record), "record {} was whole and was skipped", record);
            skipped += batch.len() as u64;
        }
        prop_assert!(read.is_none(), "a record that was never written");
        self.unread = self.next_record;
        Ok(())
    }
}

/// Which record has its bytes there, by the lengths alone.
fn damage(path: &Path, at: usize, model: &mut Model) {
    // Without knowing: everything in this segment from its first record on may be hit.
    let bytes = fs::read(path).unwrap();
    let mut begin = Segment::HEADER as usize;
    if at < begin {
        // The segment's own header: nothing of it can be read any more after a restart.
        model.spoilt.insert(path.to_owned());
        let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let next = segment_files(path.parent().unwrap()).unwrap().into_iter().find(|other| other.as_path() > path);
        let end = next.map_or(u64::MAX, |next| next.file_stem().unwrap().to_str().unwrap().parse().unwrap());
        model.damaged.extend(model.records.iter().map(|(record, _)| *record).filter(|r| (first..end).contains(r)));
        return;
    }
    while begin + 36 <= bytes.len() {
        let len = u32::from_le_bytes(bytes[begin + 4..begin + 8].try_into().unwrap()) as usize;
        let record = u64::from_le_bytes(bytes[begin + 16..begin + 24].try_into().unwrap());
        let end = begin + 36 + len;
        if (begin..end).contains(&at) {
            model.damaged.insert(record);
            return;
        }
        begin = end;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any mixture of use and damage: what is whole comes back in order, once, with the right
    /// count of what is missing in between; nothing else comes back.
    #[test]
    fn whole_records_come_back_in_order_whatever_happens_to_their_neighbours(steps in steps()) {
        let scratch = Scratch::new("model");
        // Small segments, and room for everything.
        let settings = scratch.settings().max_bytes(64 << 10);
        let mut spool = Some(Spool::open(&settings).unwrap());
        let mut model = Model::default();
        let mut next_event = 0;
        let mut hit: BTreeSet<PathBuf> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Append(events) => {
                    let events = batch(next_event, events * 20);
                    next_event += events.len() as u64;
                    let saved = spool.as_mut().unwrap().append(&events, true).unwrap();
                    prop_assert_eq!((saved.record, saved.evicted), (model.next_record, 0));
                    model.records.push_back((saved.record, events));
                    if segment_files(&scratch.0).unwrap().pop().is_some_and(|path| model.spoilt.contains(&path)) {
                        model.damaged.insert(saved.record);
                    }
                    model.next_record += 1;
                }
                Step::Read(times) => {
                    for _ in 0..times {
                        let read = spool.as_mut().unwrap().read();
                        model.check_read(read)?;
                    }
                }
                Step::Acknowledge(records) => {
                    let first_needed = (model.acknowledged + records).min(model.unread);
                    spool.as_mut().unwrap().acknowledge(first_needed).unwrap();
                    model.acknowledged = model.acknowledged.max(first_needed);
                    model.records.retain(|(record, _)| *record >= model.acknowledged);
                }
                Step::Reopen => {
                    drop(spool.take());
                    spool = Some(Spool::open(&settings).unwrap());
                }
                Step::Corrupt(at, flip) => {
                    let files = segment_files(&scratch.0).unwrap();
                    let Some(path) = files.get(usize::from(at) % files.len().max(1)) else { continue };
                    if !hit.insert(path.clone()) {
                        // Where its records begin cannot be told any more.
                        continue;
                    }
                    let mut bytes = fs::read(path).unwrap();
                    let at = usize::from(at) * 7 % bytes.len();
                    damage(path, at, &mut model);
                    bytes[at] ^= flip;
                    // In place: the writer has the file open.
                    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
                    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(at as u64)).unwrap();
                    std::io::Write::write_all(&mut file, &bytes[at..=at]).unwrap();
                }
                Step::Tear(bytes) => {
                    drop(spool.take());
                    if let Some(path) = segment_files(&scratch.0).unwrap().pop() {
                        let len = fs::metadata(&path).unwrap().len();
                        let left = len.saturating_sub(u64::from(bytes));
                        if hit.insert(path.clone()) {
                            (left..len).for_each(|at| damage(&path, at as usize, &mut model));
                            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
                        }
                    }
                    spool = Some(Spool::open(&settings).unwrap());
                }
            }
            if let Some(opened) = &spool
                && matches!(step, Step::Reopen | Step::Tear(_))
            {
                // Numbers of lost records at the end are given out again.
                model.unread = model.acknowledged.max(opened.unread_record());
                let next = opened.next_record;
                prop_assert!(model.records.iter().all(|(record, _)| *record < next || model.damaged.contains(record)));
                model.records.retain(|(record, _)| *record < next);
                model.damaged.retain(|record| *record < next);
                model.next_record = next;
                // Lost without a trace: so many events were never counted.
                let known = opened.unread_events();
                let kept: u64 = model.records.iter().map(|(_, batch)| batch.len() as u64).sum();
                prop_assert!(known <= kept);
                let mut surplus = kept - known;
                while surplus > 0 {
                    let (record, batch) = model.records.pop_front().unwrap();
                    prop_assert!(model.damaged.contains(&record));
                    surplus = surplus.checked_sub(batch.len() as u64).unwrap();
                }
            }
        }
        let mut spool = spool.unwrap();
        while model.unread < model.next_record {
            let read = spool.read();
            model.check_read(read)?;
        }
        prop_assert!(spool.read().is_none());
    }

    #[test]
    fn bytes_that_are_no_batch_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(batch) = codec::decode(&bytes) {
            let mut again = Vec::new();
            codec::encode(&batch, &mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}
