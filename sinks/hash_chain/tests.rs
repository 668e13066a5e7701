use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use logwheel_core::{Batch, Level, Sink};
use proptest::prelude::*;

use super::*;
use crate::FileSink;

/// A directory of its own for one test.
struct TestDir(PathBuf);

impl TestDir {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("logwheel-chain-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("audit.log")
    }

    fn files(&self) -> Vec<PathBuf> {
        log_files(self.log()).unwrap()
    }

    /// A sink that chains.
    fn sink(&self) -> FileSink {
        FileSink::new(self.log()).keep_files(1_000).clock(|| UNIX_EPOCH).hash_chain(true)
    }

    fn text(&self) -> String {
        self.files().iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[track_caller]
    fn verify(&self) -> ChainReport {
        verify_chain(self.files()).unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write<S: AsRef<str>>(sink: &mut FileSink, lines: &[S]) {
    let mut batch = Batch::new();
    lines.iter().for_each(|line| batch.push(line.as_ref().as_bytes(), 0, Level::AUDIT));
    sink.deliver(&batch).unwrap();
}

/// Starts a sink, writes, and stops it.
fn run<S: AsRef<str>>(mut sink: FileSink, lines: &[S]) {
    sink.start().unwrap();
    write(&mut sink, lines);
    sink.stop().unwrap();
}

fn numbered(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("{{\"n\":{n}}}")).collect()
}

#[track_caller]
fn found(path: &Path) -> (u64, ChainFault) {
    let broken = verify_chain([path]).unwrap_err();
    assert_eq!(broken.path, path);
    assert!(broken.to_string().starts_with(&format!("{}:{}: ", path.display(), broken.line)), "{broken}");
    (broken.line, broken.fault)
}

/// Writes five lines, changes the file, and returns what is found.
#[track_caller]
fn tamper(change: impl FnOnce(&mut Vec<String>)) -> (u64, ChainFault) {
    let dir = TestDir::new();
    run(dir.sink(), &numbered(1..6));
    let mut lines: Vec<String> = dir.text().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(dir.log(), lines.join("\n") + "\n").unwrap();
    found(&dir.log())
}

#[test]
fn each_line_carries_the_hash_of_itself_and_all_before_it() {
    let dir = TestDir::new();
    run(dir.sink(), &["{\"n\":1}", "{}"]);
    // As another program would calculate it.
    let hash = |parts: &[&[u8]]| Hash::from(Sha256::digest(parts.concat()));
    let hex = |hash: &Hash| -> String { hash.iter().map(|byte| format!("{byte:02x}")).collect() };
    let first = hash(&[&[0; 32], &1u64.to_le_bytes(), b"{\"n\":1,"]);
    let second = hash(&[&first, &2u64.to_le_bytes(), b"{"]);
    let expected =
        format!("{{\"n\":1,\"_chain\":\"1-{}-{:064}\"}}\n{{\"_chain\":\"2-{}\"}}\n", hex(&first), 0, hex(&second));
    assert_eq!(dir.text(), expected);
    let report = dir.verify();
    assert_eq!((report.files, report.lines, report.first, report.last), (1, 2, 1, 2));
    assert_eq!(report.head, hex(&second));
}

#[test]
fn chained_lines_are_json_with_each_name_once() {
    let dir = TestDir::new();
    let lines =
        ["{\"a\":1}", "{}", "[1,2]", "\"text\"", "7", "no json \"at all\"", "{\"_chain\":\"1-ab\"}", "", "{\"a\":1} "];
    run(dir.sink(), &lines);
    let text = dir.text();
    let parsed: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed[2]["_line"], serde_json::json!([1, 2]));
    assert_eq!(parsed[5]["_line"], lines[5]);
    assert_eq!(parsed[6]["_line"], serde_json::json!({"_chain": "1-ab"}));
    assert_eq!((&parsed[7]["_line"], &parsed[8]["_line"]), (&"".into(), &serde_json::json!({"a": 1})));
    assert_eq!(dir.verify().lines, lines.len() as u64);
    let mut sink = dir.sink();
    let mut batch = Batch::new();
    batch.push(b"{\"a\":\n1}", 0, Level::INFO);
    batch.push(b"\xff{", 0, Level::INFO);
    sink.deliver(&batch).unwrap();
    assert_eq!(dir.verify().lines, lines.len() as u64 + 2, "a line stays a line");
}

#[test]
fn a_removed_line_is_found() {
    let (line, fault) = tamper(|lines| drop(lines.drain(1..3)));
    assert!(matches!((line, fault), (2, ChainFault::Missing { expected: 2, found: 4 })));
    let (line, fault) = tamper(|lines| drop(lines.remove(0)));
    assert!(matches!((line, fault), (1, ChainFault::Headless)));
}

#[test]
fn a_changed_line_is_found_also_if_it_is_the_last() {
    for at in 0..5 {
        let (line, fault) = tamper(|lines| lines[at] = lines[at].replacen("\"n\":", "\"m\":", 1));
        assert!(matches!(fault, ChainFault::Changed) && line == at as u64 + 1, "{line}: {fault}");
    }
}

#[test]
fn swapped_repeated_and_inserted_lines_are_found() {
    let (line, fault) = tamper(|lines| lines.swap(1, 2));
    assert!(matches!((line, fault), (2, ChainFault::Missing { expected: 2, found: 3 })));
    let (line, fault) = tamper(|lines| lines.insert(3, lines[2].clone()));
    assert!(matches!((line, fault), (4, ChainFault::Misplaced { expected: 4, found: 3 })));
    let (line, fault) = tamper(|lines| lines.insert(2, "{\"n\":7}".into()));
    assert!(matches!((line, fault), (3, ChainFault::Unchained)));
    let (line, fault) = tamper(|lines| lines.insert(0, String::new()));
    assert!(matches!((line, fault), (1, ChainFault::Unchained)));
}

#[test]
fn a_line_cut_short_is_found() {
    let (line, fault) = tamper(|lines| lines[2].truncate(20));
    assert!(matches!((line, fault), (3, ChainFault::Unchained)));
    let dir = TestDir::new();
    run(dir.sink(), &numbered(1..4));
    fs::write(dir.log(), dir.text().trim_end()).unwrap();
    assert!(matches!(found(&dir.log()), (3, ChainFault::Torn)));
}

#[test]
fn a_hash_written_in_another_way_is_found() {
    let upper = |line: &str| {
        let at = line.find("_chain").unwrap() + 6;
        line[..at].to_owned() + &line[at..].to_uppercase()
    };
    let (_, fault) = tamper(|lines| lines[1] = upper(&lines[1]));
    assert!(matches!(fault, ChainFault::Unchained));
    let (_, fault) = tamper(|lines| lines[1] = lines[1].replace("\"2-", "\"+2-"));
    assert!(matches!(fault, ChainFault::Unchained));
}

#[test]
fn a_changed_link_to_the_file_before_is_found() {
    let dir = TestDir::new();
    run(dir.sink().rotate_bytes(300), &numbered(0..6));
    let files = dir.files();
    let text = fs::read_to_string(&files[1]).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let other = if first.ends_with("0\"}") { "1\"}" } else { "0\"}" };
    fs::write(&files[1], format!("{}{other}\n{rest}", &first[..first.len() - 3])).unwrap();
    let broken = verify_chain(&files).unwrap_err();
    assert!(matches!(broken.fault, ChainFault::Changed) && broken.path == files[1] && broken.line == 1, "{broken}");
    assert!(matches!(found(&files[1]), (1, ChainFault::Changed)), "also by itself");
}

#[test]
fn missing_lines_at_the_end_show_in_the_report() {
    let dir = TestDir::new();
    run(dir.sink(), &numbered(1..6));
    let whole = dir.verify();
    let text = dir.text();
    fs::write(dir.log(), text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let cut = dir.verify();
    assert!(cut.last == 3 && whole.last == 5 && cut.head != whole.head);
}

#[test]
fn the_chain_goes_on_over_rotation_and_files_may_be_deleted() {
    let dir = TestDir::new();
    run(dir.sink().rotate_bytes(400), &numbered(0..20));
    let files = dir.files();
    assert!(files.len() > 5, "{files:?}");
    for file in &files {
        assert!(fs::metadata(file).unwrap().len() <= 400, "the links count, too");
    }
    assert_eq!(dir.verify().lines, 20);
    // The oldest files can go, and each file can be verified alone.
    assert_eq!(verify_chain(&files[2..]).unwrap().last, 20);
    assert!(files.iter().all(|file| verify_chain([file]).is_ok()));
    // One from the midst cannot.
    let without = [&files[..2], &files[3..]].concat();
    let broken = verify_chain(&without).unwrap_err();
    assert!(matches!(broken.fault, ChainFault::Missing { .. }) && broken.path == files[3] && broken.line == 1);
    let swapped = [&files[1..2], &files[..1], &files[2..]].concat();
    assert!(matches!(verify_chain(&swapped).unwrap_err().fault, ChainFault::Misplaced { .. }));
}

#[test]
fn the_chain_goes_on_after_a_restart() {
    let dir = TestDir::new();
    for n in 0..5 {
        run(dir.sink().rotate_bytes(300), &numbered(n..n + 1));
    }
    let report = dir.verify();
    assert_eq!((report.lines, report.last), (5, 5));
    // Also when the newest file is still empty, or was not even created.
    fs::rename(dir.log(), dir.0.join("audit-19700101T000000Z-900.log")).unwrap();
    fs::write(dir.log(), "").unwrap();
    run(dir.sink(), &numbered(5..6));
    fs::rename(dir.log(), dir.0.join("audit-19700101T000000Z-901.log")).unwrap();
    run(dir.sink(), &numbered(6..7));
    assert_eq!(dir.verify().last, 7);
}

#[test]
fn a_line_torn_by_a_crash_is_kept_inside_the_chain() {
    for torn in ["{\"n\":3,\"te", "{\"n\":3,\"_chain\":\"3-00", "\u{0}\u{0}"] {
        let dir = TestDir::new();
        run(dir.sink(), &numbered(1..3));
        fs::write(dir.log(), dir.text() + torn).unwrap();
        run(dir.sink(), &numbered(4..5));
        let text = dir.text();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[2]["_torn"], torn);
        assert_eq!((dir.verify().last, &lines[3]["n"]), (4, &4.into()));
    }
    // It may be the only one.
    let dir = TestDir::new();
    fs::write(dir.log(), "{\"n\"").unwrap();
    run(dir.sink(), &numbered(1..2));
    assert_eq!(dir.verify().last, 2);
}

#[test]
fn a_file_that_was_not_chained_is_moved_aside() {
    let dir = TestDir::new();
    fs::write(dir.log(), "{\"n\":1}\n{\"n\":2}\n").unwrap();
    run(dir.sink(), &numbered(3..5));
    let files = dir.files();
    assert_eq!(files.len(), 2);
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(verify_chain(&files[1..]).unwrap().last, 2);
}

#[test]
fn a_gap_made_while_the_sink_runs_shows() {
    let dir = TestDir::new();
    let mut sink = dir.sink();
    sink.start().unwrap();
    write(&mut sink, &numbered(0..6));
    let text = dir.text();
    let kept: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    // Replaced by another file, so that the sink has to open it again.
    fs::write(dir.0.join("new"), kept).unwrap();
    fs::rename(dir.0.join("new"), dir.log()).unwrap();
    write(&mut sink, &numbered(6..8));
    assert!(matches!(found(&dir.log()), (4, ChainFault::Missing { expected: 4, found: 7 })));
}

#[test]
fn a_key_keeps_others_from_calculating_the_chain_anew() {
    let key = b"a key of at least 16 bytes";
    let dir = TestDir::new();
    run(dir.sink().hash_chain_key(key), &numbered(0..3));
    run(dir.sink().hash_chain_key(key), &numbered(3..6));
    assert_eq!(verify_chain_with_key(dir.files(), key).unwrap().last, 6);
    for wrong in [verify_chain(dir.files()), verify_chain_with_key(dir.files(), b"another key of 16 bytes")] {
        let broken = wrong.unwrap_err();
        assert!(matches!(broken.fault, ChainFault::Changed) && broken.line == 1);
    }
    // Another key, or none, begins a chain in another file.
    run(dir.sink(), &numbered(6..7));
    let files = dir.files();
    assert_eq!(verify_chain(&files[1..]).unwrap().last, 1);
    assert_eq!(verify_chain_with_key(&files[..1], key).unwrap().last, 6);
    let mut sink = dir.sink().hash_chain_key("too short");
    let error = sink.start().unwrap_err().to_string();
    assert!(error.contains("hash_chain_key: has 9 bytes, must have at least 16"), "{error}");
    let debug = format!("{:?}", dir.sink().hash_chain_key(key).hash_chain(true));
    assert!(debug.contains("hash_chain_key: true") && !debug.contains("a key"), "the key stays, unseen: {debug}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let missing = Path::new("/nonexistent/audit.log");
    let broken = verify_chain([missing]).unwrap_err();
    assert!(matches!(broken.fault, ChainFault::Read(_)) && broken.path == missing, "{broken}");
    let nothing = verify_chain(Vec::<PathBuf>::new()).unwrap();
    assert_eq!((nothing.lines, nothing.first, nothing.last), (0, 0, 0));
}

/// A change to files that changes what they say.
#[derive(Debug, Clone)]
enum Change {
    Remove,
    Repeat,
    Swap,
    Insert,
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Remove),
        Just(Change::Repeat),
        Just(Change::Swap),
        Just(Change::Insert),
        any::<prop::sample::Index>().prop_map(Change::Cut),
        (any::<prop::sample::Index>(), 1..=255u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Over any batches, restarts and rotations the chain is whole, and any change before the last line is found in the
    /// changed line or the one behind it.
    #[test]
    fn any_change_is_found(
        batches in prop::collection::vec(prop::collection::vec("(?s)\\{\\}|\\{\"[a-z\"_]{1,9}\":1\\}|.{0,12}", 1..5), 1..6),
        limit in 0..600u64,
        restart in any::<bool>(),
        keyed in any::<bool>(),
        change in any_change(),
        at in any::<prop::sample::Index>(),
    ) {
        let dir = TestDir::new();
        let key = b"0123456789abcdef";
        let new = || {
            let sink = dir.sink().rotate_bytes(limit);
            if keyed { sink.hash_chain_key(key) } else { sink }
        };
        let verify = || if keyed { verify_chain_with_key(dir.files(), key) } else { verify_chain(dir.files()) };
        let mut sink = new();
        for batch in &batches {
            write(&mut sink, batch);
            if restart {
                sink.stop().unwrap();
                sink = new();
                sink.start().unwrap();
            }
        }
        let count: usize = batches.iter().map(Vec::len).sum();
        let report = verify().unwrap();
        prop_assert_eq!((report.lines, report.first, report.last), (count as u64, 1, count as u64));

        let files: Vec<_> = dir.files();
        let mut lines: Vec<(usize, Vec<u8>)> = Vec::new();
        for (file, path) in files.iter().enumerate() {
            let bytes = fs::read(path).unwrap();
            lines.extend(bytes.split_inclusive(|byte| *byte == b'\n').map(|line| (file, line.to_vec())));
        }
        let at = at.index(lines.len());
        let file = lines[at].0;
        match change {
            // Lines missing at the end show in the report only.
            Change::Remove if at + 1 == lines.len() => return Ok(()),
            Change::Remove => drop(lines.remove(at)),
            Change::Repeat => lines.insert(at, lines[at].clone()),
            Change::Swap if at + 1 == lines.len() => return Ok(()),
            Change::Swap => {
                let other = lines[at + 1].1.clone();
                lines[at + 1].1 = std::mem::replace(&mut lines[at].1, other);
            }
            Change::Insert => lines.insert(at, (file, b"{\"n\":1}\n".to_vec())),
            Change::Cut(by) => {
                let keep = by.index(lines[at].1.len());
                if keep == 0 && at + 1 == lines.len() {
                    return Ok(());
                }
                lines[at].1.truncate(keep);
            }
            Change::Flip(byte, bits) => {
                let byte = byte.index(lines[at].1.len());
                lines[at].1[byte] ^= bits;
            }
        }
        for (index, path) in files.iter().enumerate() {
            let of_file = lines.iter().filter(|(file, _)| *file == index).flat_map(|(_, line)| line.iter().copied());
            fs::write(path, of_file.collect::<Vec<u8>>()).unwrap();
        }
        let broken = match verify() {
            Err(broken) => broken,
            Ok(report) => {
                // The oldest file, as a whole, may be missing.
                prop_assert!(at == 0 && report.first == 2, "{:?} of line {} in {}", change, at, dir.text());
                return Ok(());
            }
        };
        let place = files.iter().position(|path| *path == broken.path).unwrap();
        prop_assert!(place == file || place == file + 1, "{} after {:?} of line {}", broken, change, at);
    }
}
