//! Random numbers of one run: a function of the seed and the run's number alone.

use crate::rng::mix;

/// SplitMix64 (Steele, Lea and Flood 2014) from a state that seed and run choose.
#[derive(Clone, Debug)]
pub struct Stream(u64);

/// Integer below a small bound of 32 random bits: each as likely as the others within `bound` in 2^32.
#[inline]
pub(crate) fn scaled(half: u64, bound: usize) -> usize {
    ((half * bound as u64) >> 32) as usize
}

impl Stream {
    pub fn new(seed: u64, run: u64) -> Stream {
        Stream(mix(mix(seed) ^ mix(!run)))
    }

    #[inline]
    pub(crate) fn word(&mut self) -> u64 {
        let word = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word
    }

    /// Unbiased integer below `bound` (Lemire 2019).
    #[inline]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        loop {
            let product = u128::from(self.word()) * u128::from(bound);
            let low = product as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// Two numbers of 32 random bits.
    #[inline]
    pub(crate) fn halves(&mut self) -> [u64; 2] {
        let word = self.word();
        [word >> 32, word & 0xffff_ffff]
    }

    /// Uniform number of at least 0 and below 1.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard Gumbel number, by portable functions.
    pub(crate) fn gumbel(&mut self) -> f64 {
        let unit = ((self.word() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -libm::log(-libm::log(unit))
    }

    /// A seed of its own for everything that belongs to one evaluation of a run.
    pub fn of_evaluation(seed: u64, run: u64, evaluation: u64) -> u64 {
        mix(mix(mix(seed) ^ mix(!run)) ^ mix(evaluation ^ 0x6e_6f69_7365))
    }

    /// Swaps so that every order is as likely (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
