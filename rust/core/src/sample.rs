//! Uniform sampling. Row `i` is a function of the seed and `i` alone, so threads and sizes change nothing.

use crate::error::{Error, Result};
use crate::space::Space;

/// Rounds of the Feistel permutation.
const ROUNDS: u64 = 8;

impl Space {
    /// `rows` uniform architectures as rows of choice indices; distinct ones where `unique`.
    ///
    /// Distinct rows are the first images of a keyed permutation of the index (a Feistel network
    /// with cycle walking), so they need no memory and no rejection.
    pub fn sample(&self, rows: usize, seed: u64, unique: bool) -> Result<Vec<u8>> {
        if unique {
            let size = self.indexed_size()?;
            if rows as u64 > size {
                return Err(Error::TooManyDistinct { asked: rows as u64, size });
            }
            return self.decode_with(rows, |row| permuted(row as u64, size, seed));
        }
        match self.size() {
            Some(size) => self.decode_with(rows, |row| uniform(seed, row as u64, size)),
            None => {
                let cards: Vec<u64> = self.cards().map(|n| n as u64).collect();
                let draw = |cell: usize| {
                    let stream = mix(seed ^ mix((cell % cards.len()) as u64));
                    uniform(stream, (cell / cards.len()) as u64, cards[cell % cards.len()]) as u8
                };
                Ok((0..rows * cards.len()).map(draw).collect())
            }
        }
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Unbiased integer below `bound` (Lemire 2019), the value of counter `row` in a seed's stream.
pub(crate) fn uniform(seed: u64, row: u64, bound: u64) -> u64 {
    let mut word = mix(mix(seed).wrapping_add(row.wrapping_mul(0xd134_2543_de82_ef95)));
    loop {
        let product = u128::from(word) * u128::from(bound);
        let low = product as u64;
        if low >= bound || low >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
        word = mix(word);
    }
}

/// Image of `i` under a permutation of `0 .. size` that the seed chooses.
fn permuted(i: u64, size: u64, seed: u64) -> u64 {
    let half = (64 - (size - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1u64 << half) - 1;
    let mut x = i;
    loop {
        let (mut left, mut right) = (x >> half, x & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(mix(seed ^ mix(round)) ^ right) & mask));
        }
        x = left << half | right;
        if x < size {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::space::tests::{mnasnet, space_of};

    #[test]
    fn distinct_samples_are_distinct_and_exhaust_the_space() {
        let space = space_of(&[&[3, 2], &[5, 7]]);
        for seed in 0..20 {
            let mut all = space.index(&space.sample(210, seed, true).unwrap()).unwrap();
            all.sort_unstable();
            assert_eq!(all, (0..210).collect::<Vec<u64>>());
        }
        let message = space.sample(211, 0, true).unwrap_err().to_string();
        assert!(message.contains("211 distinct architectures of a space of 210"), "{message}");
    }

    #[test]
    fn both_kinds_of_sampling_are_uniform() {
        // Chi-square with 209 degrees of freedom: mean 209, sd 20.4; 5 sd either way.
        let space = space_of(&[&[3, 2], &[5, 7]]);
        let mut first = vec![0f64; 210];
        let mut all = vec![0f64; 210];
        for seed in 0..21_000 {
            first[space.index(&space.sample(1, seed, true).unwrap()).unwrap()[0] as usize] += 1.0;
        }
        for index in space.index(&space.sample(21_000, 9, false).unwrap()).unwrap() {
            all[index as usize] += 1.0;
        }
        for counts in [first, all] {
            let chi2: f64 = counts.iter().map(|c| (c - 100.0) * (c - 100.0) / 100.0).sum();
            assert!((107.0..311.0).contains(&chi2), "{chi2}");
        }
    }

    #[test]
    fn a_row_depends_on_seed_and_position_alone() {
        let space = mnasnet();
        let long = space.sample(40_000, 7, false).unwrap();
        assert_eq!(space.sample(100, 7, false).unwrap(), long[..2800]);
        assert_ne!(space.sample(100, 8, false).unwrap(), long[..2800]);
    }

    #[test]
    fn spaces_beyond_64_bits_are_sampled_by_variable() {
        let space = space_of(&[&[4, 4, 4, 4][..]; 10]);
        assert!(space.size().is_none());
        let rows = space.sample(1000, 1, false).unwrap();
        space.check(&rows).unwrap();
        let ones = rows.iter().filter(|&&x| x == 1).count() as f64;
        assert!((ones / 10_000.0 - 1.0).abs() < 0.06, "{ones}");
        assert!(space.sample(10, 1, true).unwrap_err().to_string().contains("no 64-bit index"));
    }
}
