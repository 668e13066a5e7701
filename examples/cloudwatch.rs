//! Logs to Amazon CloudWatch Logs: `cargo run --example cloudwatch --features cloudwatch [endpoint]`.
//!
//! Credentials and region come from the environment, as for every AWS SDK. With an endpoint it logs
//! to an emulator there: `moto_server -p 5000`, then `http://127.0.0.1:5000`.

use std::time::Duration;

use logwheel::{CloudWatchSink, Engine, info, warn};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sink = CloudWatchSink::builder().log_group_name("/logwheel/example");
    if let Some(endpoint) = std::env::args().nth(1) {
        sink = sink.endpoint_url(endpoint).region("us-east-1").credentials("test", "test", None);
    }
    let engine = Engine::builder().sink(sink.build()?).build()?;

    let logger = engine.logger("orders").with("region", "eu-1");
    for order in 0..1_000_u64 {
        info!(logger, "order filled", order_id = order, price = 101.5, symbol = "ACME");
    }
    warn!(logger, "market closes soon", minutes = 5);

    let report = engine.shutdown(Duration::from_secs(30));
    println!("{}", report.ledger);
    Ok(())
}
