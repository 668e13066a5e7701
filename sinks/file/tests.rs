use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use logwheel_core::Level;
use proptest::prelude::*;

use super::*;

/// A directory of its own for one test.
struct TestDir(PathBuf);

impl TestDir {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("logwheel-file-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("app.log")
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The rotated files, oldest first, then the current one.
    fn files(&self) -> Vec<String> {
        let rotated = self.names().into_iter().filter(|name| name.starts_with("app-"));
        let mut files: Vec<_> = rotated.map(|name| fs::read_to_string(self.0.join(name)).unwrap()).collect();
        files.push(fs::read_to_string(self.log()).unwrap());
        files
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A clock in whole seconds.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    fn closure(&self) -> impl Fn() -> SystemTime + Send + 'static {
        let seconds = Arc::clone(&self.0);
        move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed))
    }
}

fn batch<S: AsRef<str>>(lines: &[S]) -> Batch {
    let mut batch = Batch::new();
    for line in lines {
        batch.push(line.as_ref().as_bytes(), 0, Level::INFO);
    }
    batch
}

fn write(sink: &mut FileSink, lines: &[&str]) {
    assert_eq!(sink.deliver(&batch(lines)).unwrap(), Delivered::all());
}

/// Fails the write number `nth` (from 0) half-way, as a full disk would.
fn fail_nth(nth: usize) -> WriteAll {
    let mut count = 0;
    Box::new(move |mut file, bytes| {
        count += 1;
        if count - 1 == nth {
            file.write_all(&bytes[..bytes.len() / 2 + 1])?;
            return Err(ErrorKind::StorageFull.into());
        }
        file.write_all(bytes)
    })
}

#[test]
fn directories_are_created_and_a_restart_appends() {
    let dir = TestDir::new();
    let path = dir.0.join("a/b/app.log");
    for line in ["one", "two"] {
        let mut sink = FileSink::new(&path);
        sink.start().unwrap();
        write(&mut sink, &[line]);
        sink.stop().unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\n");
}

#[test]
fn a_batch_is_cut_at_lines_where_a_file_is_full() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log()).rotate_bytes(8).clock(Clock::at(0).closure());
    write(&mut sink, &["aaa", "bbb", "ccc", "a line beyond the limit", "d", "e"]);
    write(&mut sink, &["f", "g"]);
    assert_eq!(dir.files(), ["aaa\nbbb\n", "ccc\n", "a line beyond the limit\n", "d\ne\nf\ng\n"]);
    let first = "app-19700101T000000Z-001.log";
    assert_eq!(dir.names()[0], first);
}

#[test]
fn a_new_period_begins_a_new_file() {
    let dir = TestDir::new();
    let clock = Clock::at(3_599);
    let mut sink = FileSink::new(dir.log()).rotate_every(Rotation::Hourly).clock(clock.closure());
    sink.start().unwrap();
    clock.set(3_600);
    write(&mut sink, &["first hour with a line"]);
    clock.set(7_199);
    write(&mut sink, &["same hour"]);
    clock.set(7_200);
    write(&mut sink, &["next hour"]);
    clock.set(3_600);
    write(&mut sink, &["the clock went back"]);
    assert_eq!(dir.files(), ["first hour with a line\nsame hour\n", "next hour\nthe clock went back\n"]);
    assert_eq!(dir.names()[0], "app-19700101T020000Z-001.log");
}

#[test]
fn a_file_of_yesterday_is_rotated_after_a_restart() {
    let dir = TestDir::new();
    fs::write(dir.log(), "yesterday\n").unwrap();
    let file = File::options().append(true).open(dir.log()).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(86_399)).unwrap();
    let mut sink = FileSink::new(dir.log()).rotate_every(Rotation::Daily).clock(Clock::at(86_400).closure());
    sink.start().unwrap();
    write(&mut sink, &["today"]);
    assert_eq!(dir.files(), ["yesterday\n", "today\n"]);
}

#[test]
fn existing_files_are_never_overwritten() {
    let dir = TestDir::new();
    // The next number in turn, by something that is not counted as a rotated file.
    let taken = dir.0.join("app-19700101T000000Z-008.log");
    fs::create_dir(&taken).unwrap();
    fs::write(dir.0.join("app-19700101T000000Z-007.log"), "old\n").unwrap();
    let mut sink = FileSink::new(dir.log()).rotate_bytes(1).clock(Clock::at(0).closure());
    write(&mut sink, &["a", "b"]);
    assert!(taken.is_dir());
    fs::remove_dir(&taken).unwrap();
    assert_eq!(dir.files(), ["old\n", "a\n", "b\n"]);
}

#[test]
fn only_the_newest_files_are_kept_and_foreign_ones_stay() {
    let dir = TestDir::new();
    let foreign = ["app-19700101T000000Z-001.log.gz", "app-notes.log", "zoo-19700101T000000Z-001.log"];
    for name in foreign {
        fs::write(dir.0.join(name), "").unwrap();
    }
    let clock = Clock::at(0);
    let mut sink = FileSink::new(dir.log()).rotate_bytes(1).keep_files(2).clock(clock.closure());
    for (second, line) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        clock.set(second as u64);
        write(&mut sink, &[line]);
    }
    for name in foreign {
        fs::remove_file(dir.0.join(name)).unwrap();
    }
    assert_eq!(dir.files(), ["c\n", "d\n", "e\n"]);

    // Lower limits hold at the next start.
    let mut sink = FileSink::new(dir.log()).rotate_bytes(100).keep_bytes(3);
    sink.start().unwrap();
    assert_eq!(dir.files(), ["d\n", "e\n"]);
    let mut sink = FileSink::new(dir.log()).rotate_bytes(100).keep_files(0);
    sink.start().unwrap();
    assert_eq!(dir.files(), ["e\n"]);
}

#[test]
fn a_sink_without_rotation_deletes_nothing() {
    let dir = TestDir::new();
    fs::write(dir.0.join("app-19700101T000000Z-001.log"), "kept\n").unwrap();
    let mut sink = FileSink::new(dir.log()).keep_files(0);
    sink.start().unwrap();
    write(&mut sink, &["x"]);
    assert_eq!(dir.files(), ["kept\n", "x\n"]);
}

#[test]
fn a_failed_write_is_taken_back_and_the_retry_writes_each_line_once() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log());
    write(&mut sink, &["before"]);
    sink.write = fail_nth(0);
    let lines = batch(&["one", "two", "three"]);
    let error = sink.deliver(&lines).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "disk_full", .. }), "{error:?}");
    assert!(!sink.health().is_healthy());
    assert_eq!(dir.files(), ["before\n"]);
    sink.deliver(&lines).unwrap();
    assert!(sink.health().is_healthy());
    assert_eq!(dir.files(), ["before\none\ntwo\nthree\n"]);
}

#[test]
fn a_retry_skips_the_lines_that_were_already_rotated_away() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log()).rotate_bytes(8).clock(Clock::at(0).closure());
    sink.write = fail_nth(1);
    let lines = batch(&["aaa", "bbb", "ccc", "ddd", "eee"]);
    sink.deliver(&lines).unwrap_err();
    assert_eq!(dir.files(), ["aaa\nbbb\n", ""]);
    sink.deliver(&lines).unwrap();
    assert_eq!(dir.files(), ["aaa\nbbb\n", "ccc\nddd\n", "eee\n"]);
}

#[test]
fn a_failed_write_does_not_cut_the_line_of_another_process() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log());
    let path = dir.log();
    sink.write = Box::new(move |mut file, bytes| {
        file.write_all(&bytes[..5])?;
        let mut other = OpenOptions::new().append(true).open(&path)?;
        other.write_all(b"\na line of another process\n")?;
        Err(ErrorKind::StorageFull.into())
    });
    sink.deliver(&batch(&["one", "two"])).unwrap_err();
    sink.write = fail_nth(usize::MAX);
    sink.deliver(&batch(&["three"])).unwrap();
    assert_eq!(dir.files(), ["one\nt\na line of another process\nthree\n"]);
}

#[test]
fn a_line_torn_by_a_crash_is_closed() {
    let dir = TestDir::new();
    fs::write(dir.log(), "whole\n{\"cut\":").unwrap();
    let mut sink = FileSink::new(dir.log());
    sink.start().unwrap();
    write(&mut sink, &["next"]);
    assert_eq!(dir.files(), ["whole\n{\"cut\":\nnext\n"]);
}

#[test]
fn a_removed_directory_is_created_again() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log());
    write(&mut sink, &["lost with the directory"]);
    fs::remove_dir_all(&dir.0).unwrap();
    write(&mut sink, &["kept"]);
    assert_eq!(dir.files(), ["kept\n"]);
}

#[cfg(unix)]
#[test]
fn a_file_moved_by_someone_else_is_left_alone() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log());
    write(&mut sink, &["one"]);
    fs::rename(dir.log(), dir.0.join("app.log.1")).unwrap();
    write(&mut sink, &["two"]);
    fs::rename(dir.log(), dir.0.join("app.log.2")).unwrap();
    fs::write(dir.log(), "created by the other\n").unwrap();
    write(&mut sink, &["three"]);
    assert_eq!(fs::read_to_string(dir.0.join("app.log.1")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(dir.0.join("app.log.2")).unwrap(), "two\n");
    assert_eq!(dir.files(), ["created by the other\nthree\n"]);
}

#[test]
fn a_file_cut_by_someone_else_counts_from_its_new_length() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log()).rotate_bytes(8);
    write(&mut sink, &["aaa", "bbb"]);
    File::options().write(true).open(dir.log()).unwrap().set_len(0).unwrap();
    write(&mut sink, &["ccc"]);
    assert_eq!(dir.files(), ["ccc\n"]);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_rotated_is_still_written() {
    let dir = TestDir::new();
    let real = dir.0.join("real.log");
    fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, dir.log()).unwrap();
    let mut sink = FileSink::new(dir.log()).rotate_bytes(4);
    write(&mut sink, &["aaa", "bbb", "ccc"]);
    assert_eq!(fs::read_to_string(&real).unwrap(), "aaa\nbbb\nccc\n");
    assert!(matches!(sink.health(), Health::Unhealthy { reason, .. } if reason.contains("symbolic link")));
    assert!(sink.notice().is_some_and(|notice| notice.contains("symbolic link")));
    write(&mut sink, &["ddd", "eee"]);
    assert_eq!(sink.notice(), None, "the same again is no news");
}

#[test]
fn a_full_device_asks_for_a_retry() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let mut sink = FileSink::new("/dev/full").rotate_bytes(1);
    let error = sink.deliver(&batch(&["x", "y"])).unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { reason: "disk_full", .. }), "{error:?}");
}

#[test]
fn a_path_that_names_no_file_is_an_error() {
    let error = FileSink::new("/").start().unwrap_err().to_string();
    assert!(error.contains("names no file"), "{error}");
    let dir = TestDir::new();
    assert!(FileSink::new(&dir.0).start().is_err(), "a directory is no file");
}

#[test]
fn fsync_changes_nothing_but_durability() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log()).rotate_bytes(4).fsync(true).clock(Clock::at(0).closure());
    sink.start().unwrap();
    write(&mut sink, &["aaa", "bbb"]);
    sink.flush().unwrap();
    assert!(sink.health().is_healthy());
    assert_eq!(dir.files(), ["aaa\n", "bbb\n"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails and wherever files are cut: every line is there once, whole and in order.
    #[test]
    fn no_line_is_lost_repeated_torn_or_misplaced(
        limit in 0..60u64,
        lengths in prop::collection::vec(prop::collection::vec(0..40usize, 1..8), 1..6),
        failing in prop::collection::vec(0..6usize, 0..8),
    ) {
        let dir = TestDir::new();
        let mut sink = FileSink::new(dir.log()).rotate_bytes(limit).keep_files(usize::MAX).clock(Clock::at(0).closure());
        let mut failing = failing.into_iter();
        let mut expected = Vec::new();
        for (b, lengths) in lengths.iter().enumerate() {
            let lines: Vec<_> = lengths.iter().enumerate().map(|(i, n)| format!("{b}/{i}:{}", "x".repeat(*n))).collect();
            let batch = batch(&lines);
            expected.extend(lines);
            sink.write = fail_nth(failing.next().unwrap_or(usize::MAX));
            let mut attempts = 0;
            while sink.deliver(&batch).is_err() {
                attempts += 1;
                prop_assert!(attempts < 3, "fails once only");
            }
        }
        let files = dir.files();
        let written: Vec<_> = files.iter().flat_map(|file| file.lines().map(str::to_owned)).collect();
        prop_assert_eq!(written, expected);
        for file in &files {
            let fits = limit == 0 || file.len() as u64 <= limit || file.lines().count() == 1;
            prop_assert!(fits && file.ends_with('\n'), "{:?}", file);
        }
    }

    /// As above, with a hash chain: it is whole, over failed writes, rotation, restarts and torn lines.
    #[test]
    fn failed_writes_and_crashes_keep_the_chain_whole(
        limit in 0..500u64,
        counts in prop::collection::vec(1..8usize, 1..6),
        failing in prop::collection::vec(0..4usize, 0..8),
        crashes in prop::collection::vec(prop::option::of(0..120usize), 6),
    ) {
        let dir = TestDir::new();
        let new = || {
            let sink = FileSink::new(dir.log()).rotate_bytes(limit).keep_files(usize::MAX);
            sink.clock(Clock::at(0).closure()).hash_chain(true)
        };
        let mut sink = new();
        let mut failing = failing.into_iter();
        let mut expected = Vec::new();
        let mut torn = 0;
        for (b, count) in counts.iter().enumerate() {
            let lines: Vec<_> = (0..*count).map(|i| format!("{{\"at\":\"{b}/{i}\"}}")).collect();
            let batch = batch(&lines);
            expected.extend((0..*count).map(|i| format!("{b}/{i}")));
            sink.write = fail_nth(failing.next().unwrap_or(usize::MAX));
            let mut attempts = 0;
            while sink.deliver(&batch).is_err() {
                attempts += 1;
                prop_assert!(attempts < 3, "fails once only");
            }
            if let Some(bytes) = crashes[b] {
                // Killed in the midst of the next line.
                let half = format!("{{\"at\":\"torn\",\"text\":\"{}", "x".repeat(bytes));
                File::options().append(true).open(dir.log()).unwrap().write_all(&half.as_bytes()[..bytes.min(half.len())]).unwrap();
                sink = new();
                sink.start().unwrap();
                torn += usize::from(bytes > 0);
            }
        }
        let written: Vec<serde_json::Value> = dir
            .files()
            .iter()
            .flat_map(|file| file.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
            .collect();
        let at: Vec<_> = written.iter().filter_map(|line| line["at"].as_str().map(str::to_owned)).collect();
        prop_assert_eq!(at, expected);
        prop_assert_eq!(written.iter().filter(|line| line["_torn"].is_string()).count(), torn);
        let report = crate::verify_chain(crate::log_files(dir.log()).unwrap()).unwrap();
        prop_assert_eq!(report.lines, written.len() as u64);
    }
}

#[test]
fn a_failed_write_of_chained_lines_is_retried_with_the_same_links() {
    let dir = TestDir::new();
    let mut sink = FileSink::new(dir.log()).hash_chain(true);
    sink.write = fail_nth(1);
    write(&mut sink, &["{\"n\":1}"]);
    let lines = batch(&["{\"n\":2}", "{\"n\":3}"]);
    sink.deliver(&lines).unwrap_err();
    assert_eq!(dir.files()[0].lines().count(), 1, "half a batch is taken back");
    sink.deliver(&lines).unwrap();
    let report = crate::verify_chain([dir.log()]).unwrap();
    assert_eq!((report.lines, report.last), (3, 3));
}

#[test]
fn a_torn_line_of_a_chain_is_kept_though_nothing_is_logged_afterwards() {
    let dir = TestDir::new();
    fs::write(dir.log(), "{\"n\":").unwrap();
    let mut sink = FileSink::new(dir.log()).hash_chain(true);
    sink.start().unwrap();
    sink.stop().unwrap();
    assert!(dir.files()[0].starts_with("{\"_torn\":\"{\\\"n\\\":\","), "{:?}", dir.files());
    assert_eq!(crate::verify_chain([dir.log()]).unwrap().lines, 1);
}
