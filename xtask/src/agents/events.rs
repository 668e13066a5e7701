//! The input: a file of JSON events, the same for each seed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::step::Failure;

/// Any number will do, as long as it stays the same.
const SEED: u64 = 0x6c6f_6777_6865_656c;
/// How many events in ten are at debug level.
const DEBUG_IN_TEN: u64 = 3;

/// A file of events, and how many of them are not at debug level.
pub struct EventFile {
    pub path: PathBuf,
    pub events: u64,
    pub kept: u64,
}

impl EventFile {
    /// The file with so many events, made unless it is there.
    pub fn make(directory: &Path, events: u64) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::new(format!("{}: {error}", directory.display()));
        fs::create_dir_all(directory).map_err(failed)?;
        let path = directory.join(format!("events-{events}.json"));
        if !path.is_file() {
            println!("writing {}", path.display());
            let unfinished = path.with_extension("unfinished");
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&unfinished).map_err(failed)?);
            (0..events).try_for_each(|index| write_event(&mut file, index)).map_err(failed)?;
            file.flush().map_err(failed)?;
            fs::rename(&unfinished, &path).map_err(failed)?;
        }
        let kept = (0..events).filter(|index| Random::of(*index).level() != "debug").count() as u64;
        Ok(Self { path, events, kept })
    }
}

/// About 240 bytes.
fn write_event(out: &mut impl Write, index: u64) -> io::Result<()> {
    const USERS: [&str; 4] = ["ada", "grace", "edsger", "barbara"];
    const SYMBOLS: [&str; 4] = ["ACMECORP", "INITECH", "GLOBEX", "UMBRELLA"];
    const PATHS: [&str; 4] = ["/api/v1/orders", "/api/v1/orders/search", "/api/v1/quotes", "/health"];
    let mut random = Random::of(index);
    let level = random.level();
    // A day from the beginning of 2026 on, one event each ten milliseconds and a bit.
    let millis = index * 10 % 86_400_000;
    let [hour, minute, second, millis] =
        [millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60, millis % 1_000];
    let mut pick = |of: [&'static str; 4]| of[random.below(4) as usize];
    let (user, symbol, path) = (pick(USERS), pick(SYMBOLS), pick(PATHS));
    let (order, cents, micros) = (random.below(10_000_000), random.below(100_000), random.below(5_000_000));
    let status = [200, 200, 200, 201, 204, 400, 404, 500][random.below(8) as usize];
    writeln!(
        out,
        r#"{{"time":"2026-01-01T{hour:02}:{minute:02}:{second:02}.{millis:03}Z","level":"{level}","logger":"shop.checkout","message":"order filled","order_id":{order},"price":{}.{:02},"symbol":"{symbol}","user":"{user}","path":"{path}","status":{status},"latency_us":{micros},"host":"node-17"}}"#,
        cents / 100,
        cents % 100,
    )
}

/// SplitMix64, begun anew for each event, so that any of them can be looked at alone.
struct Random(u64);

impl Random {
    fn of(index: u64) -> Self {
        Self(SEED ^ index.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// What an event asks for first.
    fn level(&mut self) -> &'static str {
        const LEVELS: [&str; 4] = ["info", "info", "warn", "error"];
        if self.below(10) < DEBUG_IN_TEN { "debug" } else { LEVELS[self.below(4) as usize] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_about_240_bytes_and_three_in_ten_are_at_debug_level() {
        const EVENTS: u64 = 10_000;
        let mut text = Vec::new();
        (0..EVENTS).for_each(|index| write_event(&mut text, index).unwrap());
        let text = String::from_utf8(text).unwrap();
        let debug = text.lines().filter(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["level"] == "debug"
        });
        let debug = debug.count() as u64;
        assert!((2_800..3_200).contains(&debug), "{debug}");
        assert_eq!(debug, (0..EVENTS).filter(|index| Random::of(*index).level() == "debug").count() as u64);
        let average = text.len() as u64 / EVENTS;
        assert!((230..250).contains(&average), "{average}");
    }
}
