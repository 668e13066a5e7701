//! A shop's service: what it logs about its orders, payments and requests.

use std::time::Duration;

use logwheel::{Engine, Logger, RawJson, Scope, as_error, debug, error, info, warn};

use crate::caller::Caller;
use crate::random::Random;

/// The fields that hold secrets: what the redactor is told.
pub const SECRET_FIELDS: [&str; 4] = ["password", "card.number", "authorization", "customer.email"];
/// What the secrets in those fields begin or end with; found nowhere else in the events.
pub const SECRETS: [&str; 4] = ["hunter2-", "4929-0042-", "Bearer eyJ", "@private.example"];

/// Larger than a slot.
const DOCUMENT_BYTES: usize = 8 << 10;
/// Larger than `max_event_bytes`: will be cut.
const EXPORT_BYTES: usize = 1_500_000;
/// Both periods are multiples of three, so that none of the big events is one for the filter.
const DOCUMENT_EVERY: u64 = 1_998;
const EXPORT_EVERY: u64 = 99_999;

const SYMBOLS: [&str; 8] = ["ACME", "GLOBEX", "INITECH", "UMBRELLA", "HOOLI", "STARK", "WAYNE", "TYRELL"];
const CURRENCIES: [&str; 4] = ["EUR", "USD", "GBP", "JPY"];
const PATHS: [&str; 7] =
    ["/api/orders", "/api/orders/recent", "/api/cart", "/api/payments", "/api/search", "/login", "/health"];
const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];

pub struct Service {
    orders: Logger,
    payments: Logger,
    requests: Logger,
    document: String,
    export: String,
}

impl Service {
    pub fn new(engine: &Engine) -> Self {
        let rows = "sku-10042;12;9.99;in stock\n";
        Self {
            orders: engine.logger("orders").with("region", "eu-1"),
            payments: engine.logger("payments").with("region", "eu-1"),
            requests: engine.logger("http"),
            document: rows.repeat(DOCUMENT_BYTES / rows.len() + 1),
            export: rows.repeat(EXPORT_BYTES / rows.len() + 1),
        }
    }

    /// Logs event number `n`. It depends on `n` alone: however many threads share the numbers,
    /// they log the same events. Every third is for the filter.
    pub fn log(&self, n: u64, caller: &mut Caller) {
        let random = &mut Random::new(n);
        if n % 3 == 2 {
            return self.detail(random, caller);
        }
        if n % EXPORT_EVERY == 33_333 {
            let (id, payload) = (random.next(), &self.export);
            return caller.keeps(|| info!(self.orders, "catalogue exported", export_id = id, payload));
        }
        if n % DOCUMENT_EVERY == 333 {
            let (id, payload) = (random.next(), &self.document);
            return caller.keeps(|| info!(self.orders, "stock list received", supplier_id = id, payload));
        }
        match random.below(100) {
            0..45 => self.request(random, caller),
            45..75 => self.order(random, caller),
            75..98 => self.payment(random, caller),
            _ => self.login(random, caller),
        }
    }

    fn request(&self, random: &mut Random, caller: &mut Caller) {
        let _request = Scope::new().field("request_id", random.next()).enter();
        let (method, path) = (random.pick(&METHODS), random.pick(&PATHS));
        let (user_id, bytes) = (random.below(50_000), random.below(100_000));
        let duration = Duration::from_micros(200 + random.below(40_000));
        if random.one_in(20) {
            let token = format!("Bearer eyJ{:016x}{:016x}", random.next(), random.next());
            caller.keeps(|| {
                info!(self.requests, "request", method, path, status = 200, user_id, duration, authorization = token);
            });
        } else if random.one_in(50) {
            let failed = std::io::Error::other("upstream closed the connection");
            caller.keeps(|| {
                let error = as_error(&failed);
                error!(self.requests, "request failed", method, path, status = 502, user_id, duration, error);
            });
        } else if random.one_in(25) {
            caller.keeps(|| warn!(self.requests, "slow request", method, path, status = 200, user_id, duration));
        } else {
            let status = random.pick(&[200, 200, 200, 201, 204, 304, 404]);
            caller.keeps(|| info!(self.requests, "request", method, path, status, user_id, duration, bytes));
        }
    }

    fn order(&self, random: &mut Random, caller: &mut Caller) {
        let (order_id, user_id) = (random.next(), random.below(50_000));
        let (symbol, quantity) = (random.pick(&SYMBOLS), 1 + random.below(500));
        let price = random.amount(1_000);
        if random.one_in(30) {
            caller
                .keeps(|| warn!(self.orders, "order rejected", order_id, user_id, symbol, quantity, reason = "limit"));
        } else {
            let venue = random.pick(&["XETR", "XPAR", "XAMS"]);
            caller.keeps(|| info!(self.orders, "order filled", order_id, user_id, symbol, quantity, price, venue));
        }
    }

    fn payment(&self, random: &mut Random, caller: &mut Caller) {
        let (payment_id, order_id) = (random.next(), random.next());
        let (amount, currency) = (random.amount(5_000), random.pick(&CURRENCIES));
        if random.one_in(10) {
            let card = format!("4929-0042-{:04}-{:04}", random.below(10_000), random.below(10_000));
            caller.keeps(|| {
                info!(self.payments, "card charged", payment_id, order_id, amount, currency, card.number = card);
            });
        } else if random.one_in(20) {
            let number = random.below(50_000);
            let customer = format!(r#"{{"id":{number},"email":"c{number}@private.example","tier":"gold"}}"#);
            let customer = RawJson(&customer);
            caller.keeps(|| info!(self.payments, "invoice sent", payment_id, order_id, amount, currency, customer));
        } else if random.one_in(40) {
            let attempt = 1 + random.below(3);
            caller.keeps(|| {
                error!(self.payments, "payment declined", payment_id, order_id, amount, currency, attempt, code = "51");
            });
        } else {
            let fee = amount * 0.014;
            caller.keeps(|| info!(self.payments, "payment captured", payment_id, order_id, amount, currency, fee));
        }
    }

    fn login(&self, random: &mut Random, caller: &mut Caller) {
        let (user_id, attempts) = (random.below(50_000), 1 + random.below(5));
        let password = format!("hunter2-{:08x}", random.below(1 << 32));
        caller.keeps(|| warn!(self.requests, "login failed", user_id, attempts, password));
    }

    /// What only a developer wants to see.
    fn detail(&self, random: &mut Random, caller: &mut Caller) {
        match random.below(3) {
            0 => {
                let (key, hit) = (random.next(), random.one_in(2));
                caller.filters(|| debug!(self.orders, "cache looked up", key, hit));
            }
            1 => {
                let (symbol, bid, ask) = (random.pick(&SYMBOLS), random.amount(1_000), random.amount(1_000));
                caller.filters(|| debug!(self.orders, "quote", symbol, bid, ask));
            }
            _ => {
                let (rows, took) = (random.below(500), Duration::from_micros(random.below(5_000)));
                caller.filters(|| debug!(self.payments, "query", table = "payments", rows, took));
            }
        }
    }
}
