//! The input: lines of JSON as a service writes them, the same in each run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::step::Failure;

pub struct Events {
    pub path: PathBuf,
    pub lines: u64,
    /// Lines that are not at debug level.
    pub kept: u64,
    bytes: u64,
}

impl Events {
    /// Writes the file.
    pub fn write(folder: &Path, lines: u64) -> Result<Self, Failure> {
        let path = folder.join("events.ndjson");
        let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
        let (mut kept, mut bytes) = (0, 0);
        for number in 0..lines {
            let line = line(number);
            kept += u64::from(!line.contains("\"DEBUG\""));
            bytes += line.len() as u64;
            file.write_all(line.as_bytes()).map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        Ok(Self { path, lines, kept, bytes })
    }

    pub fn bytes_per_line(&self) -> u64 {
        self.bytes / self.lines
    }
}

/// Three of ten lines are at debug level.
fn line(number: u64) -> String {
    const SYMBOLS: [&str; 4] = ["ACMECORP", "INITECH", "HOOLI", "UMBRELLA"];
    let random = mixed(number);
    let level = match random % 10 {
        0..=2 => "DEBUG",
        3..=8 => "INFO",
        _ => "WARN",
    };
    let (second, milli) = (number / 1_000 % 60, number % 1_000);
    let minute = number / 60_000 % 60;
    let (symbol, price) = (SYMBOLS[(random >> 8) as usize % 4], random >> 16 & 0xfff);
    let (user, took) = (random >> 28 & 0xffff, random >> 44 & 0xfff);
    format!(
        "{{\"timestamp\":\"2026-01-31T12:{minute:02}:{second:02}.{milli:03}Z\",\"level\":\"{level}\",\
         \"logger\":\"shop.orders\",\"message\":\"order filled\",\"order_id\":{number},\"price\":{price}.25,\
         \"symbol\":\"{symbol}\",\"user\":\"user-{user}\",\"path\":\"/api/v1/orders/{number}\",\"status\":200,\
         \"duration_us\":{took},\"retried\":false}}\n"
    )
}

/// A number that looks random (the finaliser of splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_ten_lines_are_debug_and_all_have_about_the_same_length() {
        let lines: Vec<String> = (0..10_000).map(line).collect();
        let debug = lines.iter().filter(|line| line.contains("\"DEBUG\"")).count();
        assert!((2_800..3_200).contains(&debug), "{debug}");
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!((230..270).contains(&(bytes / lines.len())), "{}", bytes / lines.len());
    }
}
