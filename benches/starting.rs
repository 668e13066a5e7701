//! What do the beginnings and ends of an engine cost, with and without huge pages?
//!
//! `cargo bench -p logwheel --bench starting`. Medians over 40 engines of the default size with a null sink: `build`, a
//! lane made on the spot for `attach_thread` (the first one of an engine, whose spares may not be ready yet), `flush` of
//! one event while the worker is about to sleep, `shutdown` of an idle engine.

mod measure;

use std::time::{Duration, Instant};

use logwheel::{Engine, NullSink, info};
use measure::percentile;

const ENGINES: usize = 40;
const LONG: Duration = Duration::from_secs(60);

fn main() {
    println!("{:<12}{:>12}{:>12}{:>12}{:>12}", "us, median", "build", "attach", "flush", "shutdown");
    for huge_pages in [false, true] {
        let mut all: [Vec<Duration>; 4] = std::array::from_fn(|_| Vec::new());
        for _ in 0..ENGINES {
            let times = one(huge_pages);
            all.iter_mut().zip(times).for_each(|(times, time)| times.push(time));
        }
        let medians = all.map(|mut times| {
            times.sort_unstable();
            percentile(&times, 0.5).as_micros()
        });
        let [build, attach, flush, shutdown] = medians;
        let name = if huge_pages { "huge pages" } else { "small pages" };
        println!("{name:<12}{build:>12}{attach:>12}{flush:>12}{shutdown:>12}");
    }
}

/// How long each took.
fn one(huge_pages: bool) -> [Duration; 4] {
    let mut at = Instant::now();
    let mut lap = || std::mem::replace(&mut at, Instant::now()).elapsed();
    let engine = Engine::builder().huge_pages(huge_pages).sink(NullSink).build().expect("valid options");
    let build = lap();
    engine.attach_thread().expect("a fresh engine has lanes");
    let attach = lap();
    info!(engine.logger("bench"), "one");
    engine.flush(LONG).expect("a null sink");
    let flush = lap();
    assert!(engine.shutdown(LONG).complete);
    [build, attach, flush, lap()]
}
