//! A small generator whose decisions can be reproduced from a seed.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// Our own, because a seed must give the same decisions in every version of logwheel, which
/// crates for random numbers do not promise; it is not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: u64,
    state: u64,
    forks: Cell<u64>,
}

impl Random {
    /// From a seed, or from one that nobody knows.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        Self { seed, state: seed, forks: Cell::new(0) }
    }

    /// Another generator, unlike this one and unlike all its other forks; the same again for the
    /// same seed and number of forks.
    pub(crate) fn fork(&self) -> Self {
        let number = self.forks.get() + 1;
        self.forks.set(number);
        Self::new(Some(mix(self.seed ^ mix(number))))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// True with this probability: never at 0, always at 1.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // The upper 53 bits, all that an f64 can hold: 0 to just below 1.
        let uniform = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        uniform < probability
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_published_generator() {
        // The first outputs for the seed 1234567, as published with the reference code.
        let mut random = Random::new(Some(1_234_567));
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next(), random.next(), random.next()], expected);
    }

    #[test]
    fn the_same_seed_gives_the_same_decisions_and_forks_differ_from_it_and_each_other() {
        let decisions = |mut random: Random| (0..64).map(|_| random.chance(0.5)).collect::<Vec<_>>();
        let random = || Random::new(Some(7));
        assert_eq!(decisions(random()), decisions(random()));
        let (a, b) = (random(), random());
        let forks = [decisions(a.fork()), decisions(a.fork()), decisions(a)];
        assert!(forks[0] != forks[1] && forks[0] != forks[2] && forks[1] != forks[2]);
        assert_eq!(decisions(b.fork()), forks[0]);
        assert_ne!(decisions(Random::new(None)), decisions(Random::new(None)));
    }

    #[test]
    fn never_at_zero_and_always_at_one() {
        let mut random = Random::new(Some(1));
        assert!((0..10_000).all(|_| !random.chance(0.0) && random.chance(1.0)));
    }
}
