//! Counting what really arrived.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use memchr::memmem::Finder;

use crate::order::MESSAGE;

/// How many lines in the files of this folder are events of ours. A logger's own remarks do not
/// count, and neither does a line without its end.
pub fn count(folder: &Path) -> io::Result<u64> {
    let message = Finder::new(MESSAGE);
    let (mut lines, mut line) = (0, Vec::new());
    for entry in fs::read_dir(folder)? {
        let mut file = BufReader::with_capacity(1 << 20, File::open(entry?.path())?);
        while file.read_until(b'\n', &mut line)? > 0 {
            lines += u64::from(line.ends_with(b"\n") && message.find(&line).is_some());
            line.clear();
        }
    }
    Ok(lines)
}

/// As [`count`], once the files have stopped growing: some loggers still write after their flush has
/// returned. Says `grew` each time that something more was found.
pub fn settled(folder: &Path, expected: u64, mut grew: impl FnMut()) -> io::Result<u64> {
    let mut bytes = size(folder)?;
    let mut wait = |quiet: Duration| {
        let mut since = Instant::now();
        while since.elapsed() < quiet {
            std::thread::sleep(Duration::from_millis(1));
            let now = size(folder)?;
            if now != bytes {
                (bytes, since) = (now, Instant::now());
                grew();
            }
        }
        io::Result::Ok(())
    };
    wait(Duration::from_millis(20))?;
    let lines = count(folder)?;
    if lines >= expected {
        return Ok(lines);
    }
    // Either they are lost, or somebody takes a rest.
    wait(Duration::from_secs(1))?;
    count(folder)
}

fn size(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_line_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let line = |n: u64| format!("{{\"message\":\"order filled\",\"order_id\":{n}}}\n");
        let ten: String = (0..10).map(line).collect();
        fs::write(folder.path().join("all"), &ten).unwrap();
        assert_eq!(count(folder.path()).unwrap(), 10);

        let nine: String = (0..10).filter(|n| *n != 4).map(line).collect();
        fs::write(folder.path().join("all"), nine).unwrap();
        assert_eq!(count(folder.path()).unwrap(), 9);
        assert_eq!(settled(folder.path(), 10, || ()).unwrap(), 9);
    }

    #[test]
    fn remarks_empty_lines_and_half_lines_do_not_count_and_all_files_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "order filled 1\n\n3 messages dropped\norder fil").unwrap();
        fs::write(folder.path().join("two"), "order filled 2\norder filled 3").unwrap();
        assert_eq!(count(folder.path()).unwrap(), 2);
    }

    #[test]
    fn a_straggler_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all");
        fs::write(&file, "order filled 1\n").unwrap();
        let straggler = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            fs::write(&file, "order filled 1\norder filled 2\n").unwrap();
        });
        let mut times = 0;
        assert_eq!(settled(folder.path(), 2, || times += 1).unwrap(), 2);
        straggler.join().unwrap();
        assert!(times >= 1);
    }
}
