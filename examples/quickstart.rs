//! The program of the README: `cargo run --example quickstart`.

use std::time::Duration;

use logwheel::{Engine, FieldMask, FileSink, Level, LevelFilter, StaticFields, StdoutSink, info, warn};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .filter(LevelFilter::new(Level::INFO))
        .enricher(StaticFields::new().field("service", "orders"))
        .redactor(FieldMask::new(["password", "card.number"])?)
        .sink(StdoutSink::new())
        .sink(FileSink::new("target/quickstart.log").rotate_bytes(10 << 20).keep_files(3))
        .build()?;

    let logger = engine.logger("checkout").with("region", "eu-1");
    info!(logger, "order filled", order_id = 42u64, price = 101.5, symbol = "ACME");
    warn!(logger, "login failed", user = "ada", password = "hunter2", attempts = 3);

    let report = engine.shutdown(Duration::from_secs(5));
    print!("{}", report.ledger);
    Ok(())
}
