//! The log statements that several benches measure.

use std::hint::black_box;

use logwheel::{Logger, info};

/// A text of a hundred bytes.
pub const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 abcd";

pub fn three_fields(logger: &Logger, n: u64) {
    info!(logger, "order filled", order_id = n, price = 101.5, symbol = black_box("ACMECORP"));
}

pub fn eight_fields(logger: &Logger, n: u64) {
    info!(
        logger,
        "order filled",
        order_id = n,
        price = 101.5,
        symbol = black_box("ACMECORP"),
        quantity = 300u32,
        venue = black_box("XNAS"),
        aggressive = true,
        latency_ns = n,
        account = -7i64,
    );
}
