//! A small generator of numbers that look random and are the same in every run.

/// SplitMix64: good enough to vary log events, and started anew for each at the cost of a copy.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Spreads neighbouring seeds.
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// Whether the one case in so many has come.
    pub fn one_in(&mut self, cases: u64) -> bool {
        self.below(cases) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// An amount of money, to the cent.
    pub fn amount(&mut self, up_to: u64) -> f64 {
        self.below(up_to * 100) as f64 / 100.0
    }
}
