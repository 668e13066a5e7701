//! What does the size guard cost, below its limit and above it?
//!
//! `cargo bench -p logwheel --bench size_guard`. The event holds a nested document of about 5.6 KB; beside it,
//! in the same run, a round trip of the same line through `serde_json::Value`, which is what cutting
//! it down by hand would start with.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use logwheel::{Processed, Processor, SizeGuard};

/// An event in both envelopes, with the status of a web server as its data.
fn lines() -> [(&'static str, String); 2] {
    let peer = |n: u32| {
        format!(
            r#"{{"id":{n},"server":"10.0.0.{n}:8080","backup":false,"weight":1,"state":"up","requests":118605,"responses":{{"1xx":0,"2xx":99589,"3xx":3371,"4xx":15631,"5xx":13,"total":118604}},"sent":53780625,"received":4739198775,"health_checks":{{"checks":56777,"fails":0,"last_passed":true}}}}"#
        )
    };
    let zone = |name: &str| {
        let peers: Vec<String> = (0..5).map(peer).collect();
        format!(r#""{name}":{{"load":0.10,"name":"zone \"{name}\" é","peers":[{}]}}"#, peers.join(","))
    };
    let fields = ["hg", "trac", "lxr"].map(zone).join(",");
    let head = r#""timestamp":"2026-01-02T03:04:05.000000006Z","level":"INFO""#;
    let tail = r#""message":"status of the server","#;
    [
        ("flat", format!(r#"{{{head},"logger":"web",{tail}"correlation_id":"c-1",{fields}}}"#)),
        (
            "v1_1",
            format!(
                r#"{{"schema_version":"1.1","log":{{{head},{tail}"context":{{"correlation_id":"c-1"}},"diagnostics":{{}},"data":{{{fields}}},"logger":"web"}}}}"#
            ),
        ),
    ]
}

fn size_guard(c: &mut Criterion) {
    let guard = |limit| SizeGuard::builder().max_bytes(limit).build().expect("a limit above 100");
    for (envelope, line) in lines() {
        let line = line.as_bytes();
        let mut group = c.benchmark_group(format!("size_guard/{envelope}"));
        group.throughput(Throughput::Bytes(line.len() as u64));
        let mut out = Vec::new();
        for (name, limit) in [("below", line.len()), ("to_4096", 4_096), ("to_1024", 1_024), ("to_200", 200)] {
            let mut guard = guard(limit);
            group.bench_function(name, |b| {
                b.iter(|| {
                    out.clear();
                    let processed = guard.process(black_box(line), &mut out);
                    assert_eq!(processed.expect("it never fails") == Processed::Unchanged, name == "below");
                });
            });
        }
        group.bench_function("serde_json_round_trip", |b| {
            b.iter(|| {
                let document: serde_json::Value = serde_json::from_slice(black_box(line)).expect("JSON");
                out.clear();
                serde_json::to_writer(&mut out, &document).expect("writing to memory");
            });
        });
        group.finish();
    }
}

/// A message of 1 MB, so that finding where to cut it is what counts.
fn long_message(c: &mut Criterion) {
    let line = format!(r#"{{"level":"INFO","message":"{}"}}"#, "é text \\n".repeat(100_000)).into_bytes();
    let mut guard = SizeGuard::new();
    let mut group = c.benchmark_group("size_guard/1_mb_message");
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("to_256000", |b| {
        b.iter_batched_ref(Vec::new, |out| guard.process(black_box(&line), out), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, size_guard, long_message);
criterion_main!(benches);
