use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use logwheel_core::{Batch, Level};
use logwheel_sinks::{Spool, SpoolSettings, SpoolSync, spool_payload};

use super::Input;

/// Bytes taken for a record's payload are refused, or are what a batch becomes. A spool whose files
/// were damaged at will gives back nothing but batches that were put in, in order.
///
/// The input: a byte for how many batches there are, a byte of length for each, then damage: the
/// place as 16 bits, and what is flipped there as a byte. All of it is also taken for a payload.
pub fn spool(data: &[u8]) {
    if let Some(batch) = spool_payload::decode(data) {
        let mut again = Vec::new();
        spool_payload::encode(&batch, &mut again);
        assert_eq!(again, data, "two payloads for one batch");
    }

    let mut input = Input(data);
    let folder = Folder::new();
    let settings = SpoolSettings::new(&folder.0).sync(SpoolSync::Never);
    let mut spool = Spool::open(&settings).expect("an empty folder can be used");
    let batches: Vec<Batch> = (0..input.byte() % 8).map(|n| batch(n, input.byte())).collect();
    for batch in &batches {
        spool.append(batch, true).expect("there is room");
    }
    drop(spool);

    let mut files: Vec<PathBuf> = fs::read_dir(&folder.0).expect("just made").flatten().map(|e| e.path()).collect();
    files.retain(|path| path.file_name().is_none_or(|name| name != "lock"));
    files.sort();
    for path in &files {
        let mut bytes = fs::read(path).expect("just written");
        while !input.0.is_empty() && !bytes.is_empty() {
            let at = usize::from(u16::from_le_bytes(input.array())) % bytes.len();
            match input.byte() {
                // A file that was cut off.
                0 => bytes.truncate(at),
                flip => bytes[at] ^= flip,
            }
        }
        fs::write(path, bytes).expect("the folder is ours");
    }

    let mut spool = Spool::open(&settings).expect("damage is no reason not to open");
    let mut least = 0;
    let mut events = 0;
    while let Some(found) = spool.read() {
        assert!(found.record >= least, "record {} after {least}", found.record);
        least = found.record + 1;
        let original = batches.get(found.record as usize).expect("a record that was never written");
        assert_eq!(found.batch.lines(), original.lines());
        events += found.lost + found.batch.len() as u64;
    }
    let put_in: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
    assert!(events <= put_in, "{events} of {put_in} events");
    spool.append(&batch(0, 1), true).expect("there is room");
    assert!(spool.read().is_some(), "what comes behind damage is read");
}

fn batch(n: u8, len: u8) -> Batch {
    let mut batch = Batch::new();
    for line in 0..=len % 16 {
        batch.push(&vec![b'a' + line; usize::from(len)], u64::from(n), Level::INFO);
    }
    batch
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // In memory where there is such a place: fuzzing is for parsers, not for disks.
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
        Self(base.join(format!("logwheel-fuzz-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
