//! The event that everyone logs: INFO "order filled" with a `u64`, an `f64` and a text of 8 characters.

/// What every line in a file contains, once.
pub const MESSAGE: &str = "order filled";

/// The values of one event.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub id: u64,
    pub price: f64,
    pub symbol: &'static str,
}

/// Prices and symbols take turns, so that nobody formats the same value all the time.
const PRICES: [f64; 8] = [101.5, 99.95, 1204.25, 7.125, 48.31, 250.0, 18.64, 3120.9];
const SYMBOLS: [&str; 8] =
    ["ACMECORP", "GLOBEXCO", "INITECHS", "UMBRELLA", "HOOLIINC", "VEHEMENT", "STARKIND", "WAYNEENT"];

impl Order {
    /// The event with this number.
    #[inline]
    pub fn nth(id: u64) -> Self {
        let turn = id as usize % PRICES.len();
        Self { id, price: PRICES[turn], symbol: SYMBOLS[turn] }
    }
}
