//! A straight line through points.

/// `base + slope * x`.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub base: f64,
    pub slope: f64,
}

impl Line {
    /// The one whose relative errors are least: a point of 10,000 ns must not outweigh all others.
    pub fn through(points: &[(f64, f64)]) -> Self {
        let (mut weights, mut x_sum, mut y_sum, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(x, y) in points {
            let weight = 1.0 / (y * y);
            weights += weight;
            x_sum += weight * x;
            y_sum += weight * y;
            xx += weight * x * x;
            xy += weight * x * y;
        }
        let spread = weights * xx - x_sum * x_sum;
        let slope = if spread > 0.0 { (weights * xy - x_sum * y_sum) / spread } else { 0.0 };
        Self { base: (y_sum - slope * x_sum) / weights, slope }
    }

    pub fn at(self, x: f64) -> f64 {
        self.base + self.slope * x
    }
}
