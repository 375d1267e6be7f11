//! Uniform sampling. Row `i` is a function of the seed and `i` alone, so threads and sizes change nothing.

use num_bigint::BigUint;

use crate::error::{Error, Result};
use crate::rng::{mix, uniform};
use crate::space::definition::Space;
use crate::threads::{ALONE, Run, row_by_row};

/// Rounds of the Feistel permutation.
const ROUNDS: u64 = 8;

impl Space {
    /// Rows `first .. first + rows` of a seed's uniform architectures, as choice indices; distinct ones where `unique`.
    ///
    /// Distinct rows are the first images of a keyed permutation of the index (a Feistel network
    /// with cycle walking), so they need no memory and no rejection.
    pub fn sample_from(&self, first: u64, rows: usize, seed: u64, unique: bool, run: &Run<'_>) -> Result<Vec<u8>> {
        if unique {
            let Some(size) = self.size() else { return self.wide_distinct(first, rows, seed, run) };
            let asked = first.saturating_add(rows as u64);
            if asked > size {
                return Err(Error::TooManyDistinct { asked, size });
            }
            return self.decode_with(
                rows,
                |row| permuted(u128::from(first + row as u64), size.into(), seed) as u64,
                run,
            );
        }
        match self.size() {
            Some(size) => self.decode_with(rows, |row| uniform(seed, first.wrapping_add(row as u64), size), run),
            None if self.has_rules() => {
                let blocks = self.blocks().len();
                let streams: Vec<u64> = (0..blocks).map(|b| mix(seed ^ mix(b as u64))).collect();
                let Some(lawful) = self.lawful() else { return Ok(Vec::new()) };
                row_by_row(run, (&vec![(); rows], 1), self.width(), |i, _, row: &mut [u8]| {
                    let place = mix(first.wrapping_add(i as u64));
                    let mut streams = streams.iter();
                    lawful.drawn(|| mix(streams.next().unwrap_or(&0) ^ place), row);
                    Ok(())
                })
            }
            None => {
                let cards: Vec<u64> = self.cards().map(|n| n as u64).collect();
                let streams: Vec<u64> = (0..cards.len()).map(|v| mix(seed ^ mix(v as u64))).collect();
                row_by_row(run, (&vec![(); rows], 1), cards.len(), |i, _, row: &mut [u8]| {
                    for ((x, &stream), &card) in row.iter_mut().zip(&streams).zip(&cards) {
                        *x = uniform(stream, first.wrapping_add(i as u64), card) as u8;
                    }
                    Ok(())
                })
            }
        }
    }

    /// A uniform architecture of a space with rules, by random words.
    pub(crate) fn draw(&self, mut word: impl FnMut() -> u64, row: &mut [u8]) {
        match (self.lawful(), self.size()) {
            (Some(lawful), Some(size)) => lawful.at(((u128::from(word()) * u128::from(size)) >> 64) as u64, row),
            (Some(lawful), None) => lawful.drawn(word, row),
            (None, _) => {}
        }
    }

    /// Distinct rows of a space of 2^64 architectures or more, as long as it has less than 2^128.
    fn wide_distinct(&self, first: u64, rows: usize, seed: u64, run: &Run<'_>) -> Result<Vec<u8>> {
        let size = u128::try_from(self.total()).map_err(|_| {
            let reason = "has 2^128 architectures or more, of which no distinct ones are drawn; allow repetition";
            Error::InvalidSpace { space: self.name().to_owned(), reason: reason.to_owned() }
        })?;
        let indices = (first..).take(rows).map(|i| BigUint::from(permuted(u128::from(i), size, seed)));
        run.check()?;
        self.wide_at(indices.collect())
    }

    /// The first rows of a seed's uniform architectures.
    pub fn sample(&self, rows: usize, seed: u64, unique: bool) -> Result<Vec<u8>> {
        self.sample_from(0, rows, seed, unique, &ALONE)
    }

    /// A uniform neighbour of each checked row: a variable of two choices or more, then another choice of it.
    pub fn random_neighbours(&self, rows: &[u8], seed: u64) -> Result<Vec<u8>> {
        let cards: Vec<usize> = self.cards().collect();
        let free: Vec<usize> = (0..cards.len()).filter(|&v| cards[v] > 1).collect();
        if free.is_empty() {
            let reason = "its one architecture has no neighbours; give a variable two choices".to_owned();
            return Err(Error::InvalidSpace { space: self.name().to_owned(), reason });
        }
        // No variable has such a number, so `sample` draws from other streams.
        let streams = [u64::MAX, u64::MAX - 1].map(|tag| mix(seed ^ mix(tag)));
        let mut out = rows.to_vec();
        for (i, row) in out.chunks_exact_mut(cards.len()).enumerate() {
            if self.has_rules() {
                let near = self.neighbours(row);
                if !near.is_empty() {
                    let n = (near.len() / row.len()) as u64;
                    row.copy_from_slice(&near[uniform(streams[0], i as u64, n) as usize * row.len()..][..row.len()]);
                }
                continue;
            }
            let v = free[uniform(streams[0], i as u64, free.len() as u64) as usize];
            let other = uniform(streams[1], i as u64, cards[v] as u64 - 1) as u8;
            row[v] = other + u8::from(other >= row[v]);
        }
        Ok(out)
    }
}

/// Image of `i` under a permutation of `0 .. size` that the seed chooses.
fn permuted(i: u128, size: u128, seed: u64) -> u128 {
    let half = (128 - (size - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = u64::MAX >> (64 - half);
    let mut x = i;
    loop {
        let (mut left, mut right) = ((x >> half) as u64, x as u64 & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(mix(seed ^ mix(round)) ^ right) & mask));
        }
        x = u128::from(left) << half | u128::from(right);
        if x < size {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{mnasnet, space_of};
    use crate::threads::ALONE;

    #[test]
    fn distinct_samples_are_distinct_and_exhaust_the_space() {
        let space = space_of(&[&[3, 2], &[5, 7]]);
        for seed in 0..20 {
            let mut all = space.index(&space.sample(210, seed, true).unwrap(), &ALONE).unwrap();
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
            first[space.index(&space.sample(1, seed, true).unwrap(), &ALONE).unwrap()[0] as usize] += 1.0;
        }
        for index in space.index(&space.sample(21_000, 9, false).unwrap(), &ALONE).unwrap() {
            all[index as usize] += 1.0;
        }
        for counts in [first, all] {
            let chi2: f64 = counts.iter().map(|c| (c - 100.0) * (c - 100.0) / 100.0).sum();
            assert!((107.0..311.0).contains(&chi2), "{chi2}");
        }
    }

    #[test]
    fn random_neighbours_are_uniform() {
        let space = space_of(&[&[3, 1], &[2, 4]]);
        let rows = space.at(&vec![13; 60_000], &ALONE).unwrap();
        let all = space.neighbours(&rows[..4]);
        let found = space.random_neighbours(&rows, 5).unwrap();
        assert_ne!(found, space.random_neighbours(&rows, 6).unwrap());
        for (neighbour, expected) in all.chunks_exact(4).zip([1e4, 1e4, 2e4, 2e4 / 3.0, 2e4 / 3.0, 2e4 / 3.0]) {
            let count = found.chunks_exact(4).filter(|row| row == &neighbour).count() as f64;
            assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{count} is not {expected}");
        }
        let alone = space_of(&[&[1], &[1]]).random_neighbours(&[0, 0], 0).unwrap_err().to_string();
        assert!(alone.contains("has no neighbours"), "{alone}");
    }

    #[test]
    fn a_row_depends_on_seed_and_position_alone() {
        let space = mnasnet();
        let long = space.sample(40_000, 7, false).unwrap();
        assert_eq!(space.sample(100, 7, false).unwrap(), long[..2800]);
        assert_ne!(space.sample(100, 8, false).unwrap(), long[..2800]);
    }

    #[test]
    fn parts_of_a_sample_are_its_rows() {
        let beyond = space_of(&[&[4, 4, 4, 4][..]; 10]);
        for (space, unique) in [(mnasnet(), false), (mnasnet(), true), (beyond, false)] {
            let (all, width) = (space.sample(10_000, 7, unique).unwrap(), space.width());
            let parts = [0, 1, 4999].map(|first| space.sample_from(first, 5001, 7, unique, &ALONE).unwrap());
            for (part, first) in parts.iter().zip([0, 1, 4999]) {
                assert_eq!(part[..], all[first * width..(first + 5001) * width]);
            }
            let beyond_memory = space.sample(1 << 62, 7, false).unwrap_err().to_string();
            assert!(beyond_memory.contains("GiB of memory"), "{beyond_memory}");
        }
    }

    #[test]
    fn spaces_beyond_64_bits_are_sampled_by_variable() {
        let space = space_of(&[&[4, 4, 4, 4][..]; 10]);
        assert!(space.size().is_none());
        let rows = space.sample(1000, 1, false).unwrap();
        space.check(&rows, &ALONE).unwrap();
        let ones = rows.iter().filter(|&&x| x == 1).count() as f64;
        assert!((ones / 10_000.0 - 1.0).abs() < 0.06, "{ones}");
        let mut distinct = space.wide_index(&space.sample(1000, 1, true).unwrap());
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 1000);
    }
}
