//! Generations of parents and children without duplicates: what NSGA-II and NSGA-III have in common.

use crate::search::problem::brief::{Brief, Sampler};
use crate::search::problem::stream::scaled;

/// How often a duplicate is mutated once more.
const ATTEMPTS: usize = 10;
/// Words of a filter: with 200 keys one in 20 bits is set.
const FILTER: usize = 64;

/// Bytes of so many parents and children with what sorts them, and of the place where the next parents go.
pub(crate) fn load(population: usize, brief: &Brief) -> usize {
    4 * population * (brief.width() + size_of::<f64>() * (brief.scores + 1))
}

/// Architectures and their scores, with what tells them apart quickly.
#[derive(Clone, Debug, Default)]
pub(crate) struct Population {
    pub(crate) rows: Vec<u8>,
    pub(crate) keys: Vec<u64>,
    pub(crate) scores: Vec<f64>,
}

/// Parents and their children.
pub(crate) struct Brood {
    pub(crate) sampler: Sampler,
    /// Parents, then the children told so far.
    pub(crate) members: Population,
    pub(crate) parents: usize,
    /// Children asked for in this generation.
    asked: Vec<u64>,
    /// A bit for the keys of all members and children: one that is not set is of none of them.
    filter: [u64; FILTER],
    spare: Population,
}

impl Brood {
    pub(crate) fn new(sampler: Sampler) -> Brood {
        Brood {
            sampler,
            members: Population::default(),
            parents: 0,
            asked: Vec::new(),
            filter: [0; FILTER],
            spare: Population::default(),
        }
    }

    /// Number of children that are still to be asked for; beyond a generation more come from the same parents.
    pub(crate) fn missing(&self, population: usize) -> usize {
        population.saturating_sub(self.asked.len()).max(1)
    }

    /// Two parents, or twice the same one, each the better of two random ones; none before the first generation.
    #[inline]
    pub(crate) fn couple(
        &mut self,
        crossover: f64,
        better: impl Fn(&Brood, [usize; 2]) -> usize,
    ) -> Option<[usize; 2]> {
        if self.parents == 0 {
            return None;
        }
        let [a, b] = [0; 2].map(|_| {
            let two = self.sampler.stream.halves().map(|half| scaled(half, self.parents));
            better(self, two)
        });
        let b = if self.sampler.stream.unit() < crossover { b } else { a };
        Some([a, b])
    }

    /// Appends a child of two parents, or a random architecture where there are none: different from parents and
    /// siblings where that succeeds within a few attempts.
    pub(crate) fn child(&mut self, parents: Option<[usize; 2]>, rows: &mut Vec<u8>) {
        let first = rows.len();
        match parents {
            None => self.sampler.random(1, rows),
            Some(parents) => {
                let width = self.sampler.width();
                let parents = parents.map(|i| &self.members.rows[i * width..][..width]);
                self.sampler.cross(parents, rows);
            }
        }
        let mut key = key_of(&rows[first..]);
        for _ in 0..ATTEMPTS {
            if !self.is_known(key) {
                break;
            }
            self.sampler.step(&mut rows[first..]);
            key = key_of(&rows[first..]);
        }
        self.asked.push(key);
        note(&mut self.filter, key);
    }

    fn is_known(&self, key: u64) -> bool {
        let (word, bit) = place(key);
        self.filter[word] & bit != 0 && (self.asked.contains(&key) || self.members.keys.contains(&key))
    }

    /// Takes a child in; says whether a generation of so many is told.
    pub(crate) fn tell(&mut self, row: &[u8], scores: &[f64], population: usize) -> bool {
        self.members.rows.extend_from_slice(row);
        let key = key_of(row);
        self.members.keys.push(key);
        note(&mut self.filter, key);
        self.members.scores.extend_from_slice(scores);
        self.members.keys.len() - self.parents >= population
    }

    /// Makes some members the next parents, in this order.
    pub(crate) fn keep(&mut self, chosen: impl Iterator<Item = usize>) {
        let (width, scores) = (self.sampler.width(), self.sampler.brief.scores);
        self.spare.rows.clear();
        self.spare.keys.clear();
        self.spare.scores.clear();
        for i in chosen {
            self.spare.rows.extend_from_slice(&self.members.rows[i * width..][..width]);
            self.spare.keys.push(self.members.keys[i]);
            self.spare.scores.extend_from_slice(&self.members.scores[i * scores..][..scores]);
        }
        std::mem::swap(&mut self.members, &mut self.spare);
        self.parents = self.members.keys.len();
        self.asked.clear();
        self.filter.fill(0);
        self.members.keys.iter().for_each(|&key| note(&mut self.filter, key));
    }
}

/// Tells rows apart, but for chances of one in 2^64: two of one key cost a mutation, no more.
fn key_of(row: &[u8]) -> u64 {
    const FACTOR: u64 = 0xd134_2543_de82_ef95;
    let product = |word: u64, factor: u64| {
        let product = u128::from(word ^ 0x9e37_79b9_7f4a_7c15) * u128::from(factor);
        (product >> 64) as u64 ^ product as u64
    };
    let (words, rest) = row.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // Every word has a factor of its own, so that no product waits for another.
    let each = words.iter().chain([&last]).zip(0..);
    let sum = each.map(|(word, i)| product(u64::from_le_bytes(*word), FACTOR.wrapping_mul(2 * i + 1)));
    product(sum.fold(0, u64::wrapping_add), FACTOR)
}

/// Word and bit of a key in a filter.
fn place(key: u64) -> (usize, u64) {
    ((key >> 6) as usize % FILTER, 1 << (key & 63))
}

fn note(filter: &mut [u64; FILTER], key: u64) {
    let (word, bit) = place(key);
    filter[word] |= bit;
}
