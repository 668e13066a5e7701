//! Logs into a Loki: `LOGWHEEL_LOKI_URL=http://localhost:3100 cargo run --example loki`.
//!
//! `docs/loki/compose.yaml` starts one, with Grafana and a dashboard.

use std::time::Duration;

use logwheel::{Engine, LokiSink, error, info};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("LOGWHEEL_LOKI_URL").unwrap_or_else(|_| "http://localhost:3100".into());
    let loki = LokiSink::builder(&url)
        .label("service", "orders")
        // What has few values selects streams; what has many is metadata.
        .label_keys(["level", "region"])
        .structured_metadata(["trace_id", "order_id"])
        .build()?;
    let labels = loki.handle();
    let engine = Engine::builder().sink(loki).build()?;

    let logger = engine.logger("checkout").with("region", "eu-1");
    for order_id in 0..1_000u64 {
        info!(logger, "order filled", order_id, price = 101.5, symbol = "ACME");
        if order_id % 100 == 99 {
            error!(logger, "payment declined", order_id, provider = "acme-pay");
        }
    }

    let report = engine.shutdown(Duration::from_secs(10));
    print!("{}", report.ledger);
    println!("labels that had too many values: {:?}", labels.moved_labels());
    if !report.complete {
        return Err(format!("not everything was delivered to {url}").into());
    }
    Ok(())
}
