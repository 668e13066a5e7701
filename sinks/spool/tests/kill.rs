//! A process that writes to a spool is killed at random moments; what it wrote is there.
//!
//! The test runs itself as that process. `LOGWHEEL_KILL_ROUNDS` says how often; 20 by default.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const DIR: &str = "LOGWHEEL_KILL_DIR";

/// Settings under which segments change often.
fn settings(dir: &Path) -> SpoolSettings {
    SpoolSettings::new(dir).max_bytes(1 << 20).sync(SpoolSync::Never)
}

/// The process that is killed: appends, reads and acknowledges for ever, and says so.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mut spool = Spool::open(&settings(Path::new(&dir))).unwrap();
    let mut out = std::io::stdout();
    let mut say = |what: &str, record: u64| {
        // The parent is gone: so are we.
        if writeln!(out, "{what} {record}").and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    };
    let mut events = 1;
    loop {
        let saved = spool.append(&batch(spool.next_record * 1_000, events), true).unwrap();
        assert_eq!(saved.evicted, 0, "nothing has to make room");
        say("wrote", saved.record);
        events = events * 7 % 97 + 1;
        if saved.record.is_multiple_of(3) {
            let read = spool.read().expect("there is one");
            say("acknowledges", read.record);
            spool.acknowledge(read.record).unwrap();
            say("acknowledged", read.record);
        }
    }
}

/// The numbers behind each word of the child.
fn said(lines: &[String], word: &str) -> Option<u64> {
    let numbers = lines.iter().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    numbers.max()
}

#[test]
fn what_a_killed_process_wrote_is_there() {
    let rounds = std::env::var("LOGWHEEL_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().expect("a number"));
    let scratch = Scratch::new("kill");
    let mut random = crate::policy::SplitMix64(std::process::id().into());
    let mut total = 0;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "spool::tests::kill::child", "--nocapture"])
            .env(DIR, &scratch.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        let reader = BufReader::new(child.stdout.take().unwrap());
        // After so many words, and a moment more, so that it can be in the midst of anything.
        let enough = 3 + random.next() % 400;
        let moment = Duration::from_micros(random.next() % 2_000);
        let mut reader = reader.lines();
        while lines.len() < enough as usize {
            lines.push(reader.next().expect("the child goes on for ever").unwrap());
        }
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        lines.extend(reader.map_while(Result::ok));

        let mut spool = Spool::open(&settings(&scratch.0)).unwrap();
        let mut records = Vec::new();
        while let Some(Replayed { record, batch: found, lost }) = spool.read() {
            assert_eq!(lost, 0, "round {round}: record {record}");
            assert_eq!(found.lines(), batch(record * 1_000, found.len() as u64).lines(), "round {round}: {record}");
            records.push(record);
        }
        let (first, last) = (*records.first().unwrap(), *records.last().unwrap());
        assert!(records.iter().copied().eq(first..=last), "round {round}: no gap: {records:?}");
        let wrote = said(&lines, "wrote").unwrap();
        assert!(last >= wrote, "round {round}: {wrote} was written and {last} is the last one");
        let (at_least, at_most) = (said(&lines, "acknowledged"), said(&lines, "acknowledges"));
        assert!(at_least.is_none_or(|done| first >= done), "round {round}: {first} was acknowledged");
        assert!(at_most.is_none_or(|done| first <= done), "round {round}: {first} is missing");
        total += records.len();
        // A child writes less than half of what there is room for.
        if random.next().is_multiple_of(4) || spool.bytes() > 512 << 10 {
            spool.acknowledge(last + 1).unwrap();
        }
    }
    assert!(total > 0);
}
