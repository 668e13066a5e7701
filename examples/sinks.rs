//! The sinks that need no network, each with what makes it worth having: `cargo run --example sinks`.
//!
//! Standard output for people, a file that rotates and in which nobody changes a line unnoticed, memory for tests, and
//! nothing at all for measurements.

use std::path::Path;
use std::time::Duration;

use logwheel::{
    Engine, FileSink, Level, MemorySink, NullSink, Overflow, Rotation, Route, StdoutSink, error, info, log_files,
    verify_chain,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    run(Path::new("target/example-sinks"))
}

/// Writes into this directory.
pub fn run(directory: &Path) -> Result<(), Failure> {
    let path = directory.join("orders.log");
    let file = FileSink::new(&path)
        // A new file every hour, or when this one has 8 KiB; the last five are kept.
        .rotate_every(Rotation::Hourly)
        .rotate_bytes(8 << 10)
        .keep_files(5)
        // Each line carries the hash of all before it.
        .hash_chain(true);
    let memory = MemorySink::new();
    let logged = memory.handle();

    // A file keeps pace with everything: its queue may make the engine wait, if need be.
    let wait = Overflow::Block(Duration::from_secs(10));
    let engine = Engine::builder()
        .sink_with(StdoutSink::pretty(), |sink| sink.overflow(wait))
        .sink_with(file, |sink| sink.overflow(wait))
        .sink(memory)
        .sink(NullSink)
        // All of them get everything, but people only what they should look at.
        .route(Route::to(["stdout"]).from_level(Level::ERROR))
        .route(Route::to(["file", "memory", "null"]))
        .build()?;

    let logger = engine.logger("checkout").with("region", "eu-1");
    for order_id in 0..200u64 {
        info!(logger, "order filled", order_id, price = 101.5);
    }
    error!(logger, "payment declined", order_id = 200u64, provider = "acme-pay");

    // After a flush, everything logged before has arrived where it belongs.
    engine.flush(Duration::from_secs(10))?;
    assert_eq!(logged.lines().len(), 201);

    let report = engine.shutdown(Duration::from_secs(10));
    print!("{}", report.ledger);

    let files = log_files(&path)?;
    let chain = verify_chain(&files)?;
    println!("{} lines in {} files, the chain holds", chain.lines, chain.files);
    if !report.complete || chain.files < 2 {
        return Err("not everything was delivered, or nothing rotated".into());
    }
    Ok(())
}
