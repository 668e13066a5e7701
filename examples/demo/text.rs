//! Numbers as people read them.

use std::time::Duration;

/// `1,000,000`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `84 ns`, `1.2 µs`, `3.4 ms`, `5.6 s`
pub fn nanos(nanos: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| nanos >= *unit) else { return format!("{nanos} ns") };
    if nanos.is_multiple_of(unit) || nanos >= 100 * unit {
        format!("{} {name}", nanos / unit)
    } else {
        format!("{:.1} {name}", nanos as f64 / unit as f64)
    }
}

/// `1.23 s`
pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// `812 bytes`, `7.3 KiB`, `198.4 MiB`
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// `12.3 %`, with more digits for what is rare.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => String::new(),
        percent if percent < 0.1 => format!("{percent:.4} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// Anything above zero shows.
pub fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = ((share * width as f64 * 8.0).round() as usize).max(usize::from(share > 0.0));
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}
