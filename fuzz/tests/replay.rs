//! Seeds and old failures against the laws, on stable and without a fuzzer.

use std::fs;
use std::path::Path;

use logwheel_fuzz::laws;

/// Runs a law on the target's seeds and regressions, and on everything that its seeds begin with.
fn replay(target: &str, law: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = files(&root.join("corpus").join(target));
    assert!(!seeds.is_empty(), "no seeds for {target}");
    for (name, data) in &seeds {
        for len in 0..=data.len() {
            run(name, &data[..len], law);
        }
    }
    for (name, data) in files(&root.join("regressions").join(target)) {
        run(&name, &data, law);
    }
}

fn run(name: &str, data: &[u8], law: fn(&[u8])) {
    // The name of the file is in no message of the law.
    if std::panic::catch_unwind(|| law(data)).is_err() {
        panic!("{name}: the law is broken by its first {} bytes", data.len());
    }
}

/// The files of a folder with their names; none if there is no such folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let read = |entry: fs::DirEntry| (entry.path().display().to_string(), fs::read(entry.path()).unwrap());
    let mut files: Vec<_> = entries.map(|entry| read(entry.unwrap())).collect();
    files.sort();
    files
}

macro_rules! replayed {
    ($($law:ident),* $(,)?) => {$(
        #[test]
        fn $law() {
            replay(stringify!($law), laws::$law);
        }
    )*};
}

replayed! {
    field_mask,
    json_line,
    loki_answer,
    loki_push,
    match_expression,
    redactors,
    size_guard,
    spool,
    wire_reader,
}
