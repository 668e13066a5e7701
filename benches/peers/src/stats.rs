//! Percentiles, means of the fastest, medians.

/// The value that this share of the values does not exceed (nearest rank). The values are sorted and
/// at least one.
pub fn percentile(sorted: &[u32], share: f64) -> u32 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The mean of the fastest 99 % of the values, which are sorted and at least one. Where the clock
/// moves in steps, it resolves finer than any percentile, and a few interruptions do not move it.
pub fn mean99(sorted: &[u32]) -> f64 {
    let fastest = &sorted[..(sorted.len() * 99).div_ceil(100)];
    fastest.iter().map(|value| f64::from(*value)).sum::<f64>() / fastest.len() as f64
}

/// The middle value; of an even number, the mean of the two in the middle. `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 0.5), 50);
        assert_eq!(percentile(&hundred, 0.99), 99);
        assert_eq!(percentile(&hundred, 0.999), 100);
        assert_eq!(percentile(&hundred, 1.0), 100);
        assert_eq!(percentile(&hundred, 0.0), 1);
        assert_eq!(percentile(&[7], 0.5), 7);
        let thousand: Vec<u32> = (1..=1000).collect();
        assert_eq!(percentile(&thousand, 0.999), 999);
    }

    #[test]
    fn mean99_leaves_the_slowest_hundredth_out() {
        let mut values = vec![10; 99];
        values.push(1_000_000);
        assert_eq!(mean99(&values), 10.0);
        values[98] = 109;
        assert_eq!(mean99(&values), 11.0);
        assert_eq!(mean99(&[3]), 3.0);
    }

    #[test]
    fn medians_do_not_care_for_order_or_outliers() {
        assert_eq!(median([3.0, 1.0, 1e9]), Some(3.0));
        assert_eq!(median([4.0, 2.0]), Some(3.0));
        assert_eq!(median([]), None);
    }
}
