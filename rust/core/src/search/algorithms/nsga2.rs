//! NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002) with uniform crossover and without duplicates.

use std::hint::select_unpredictable;

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::problem::brief::{Brief, Sampler};
use crate::search::problem::stream::scaled;
use crate::search::quality::ranks::Sorter;
use crate::threads::Run;

/// How often a duplicate is mutated once more.
const ATTEMPTS: usize = 10;
/// Words of a filter: with 200 keys one in 20 bits is set.
const FILTER: usize = 64;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nsga2Settings {
    population: usize,
    /// Chance that a child has two parents.
    crossover: f64,
}

impl Nsga2Settings {
    /// See `AlgorithmSpec::load`.
    pub(crate) fn load(&self, brief: &Brief) -> (usize, usize) {
        // Parents and children with what sorts them, and the place where the next parents go.
        (4 * self.population * (brief.width() + size_of::<f64>() * (brief.scores + 1)), self.population)
    }
}

/// Architectures and their scores, with what tells them apart quickly.
#[derive(Clone, Debug, Default)]
struct Population {
    rows: Vec<u8>,
    keys: Vec<u64>,
    scores: Vec<f64>,
}

pub(crate) struct Nsga2 {
    settings: Nsga2Settings,
    sampler: Sampler,
    /// Parents, then the children told so far.
    members: Population,
    parents: usize,
    /// What makes parents better than others: rank, then crowding, in one number.
    merits: Vec<u128>,
    /// Children asked for in this generation.
    asked: Vec<u64>,
    /// A bit for the keys of all members and children: one that is not set is of none of them.
    filter: [u64; FILTER],
    sorter: Sorter,
    chosen: Vec<u32>,
    lives: Vec<bool>,
    spare: Population,
}

impl Nsga2 {
    pub(crate) fn new(settings: &Nsga2Settings, sampler: Sampler) -> Result<Nsga2> {
        let &settings @ Nsga2Settings { population, crossover } = settings;
        require_within("population", population, 2..=1 << 20)?;
        require((0.0..=1.0).contains(&crossover), "crossover", crossover, "a probability")?;
        Ok(Nsga2 {
            settings,
            sampler,
            members: Population::default(),
            parents: 0,
            merits: Vec::new(),
            asked: Vec::new(),
            filter: [0; FILTER],
            sorter: Sorter::default(),
            chosen: Vec::new(),
            lives: Vec::new(),
            spare: Population::default(),
        })
    }

    /// The better of two random parents: by rank, then by crowding.
    #[inline]
    fn parent(&mut self) -> usize {
        let [a, b] = self.sampler.stream.halves().map(|half| scaled(half, self.parents));
        // A choice instead of a branch, which nothing could predict.
        select_unpredictable(self.merits[a] < self.merits[b], b, a)
    }

    /// Appends a child, different from parents and siblings where that succeeds within a few attempts.
    fn child(&mut self, rows: &mut Vec<u8>) {
        let first = rows.len();
        if self.parents == 0 {
            self.sampler.random(1, rows);
        } else {
            let [a, b] = [0; 2].map(|_| self.parent());
            let b = if self.sampler.stream.unit() < self.settings.crossover { b } else { a };
            let width = self.sampler.width();
            let parents = [a, b].map(|i| &self.members.rows[i * width..][..width]);
            self.sampler.cross(parents, rows);
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

    /// Lets the best of parents and children live.
    fn select(&mut self) {
        let (width, scores) = (self.sampler.width(), self.sampler.brief.scores);
        self.sorter.sort(&self.members.scores, scores, self.settings.population);
        let Sorter { ranks, crowding, order, line, .. } = &self.sorter;
        self.chosen.clear();
        for front in order.chunk_by(|&a, &b| ranks[a as usize] == ranks[b as usize]) {
            let (first, left) = (self.chosen.len(), self.settings.population - self.chosen.len());
            self.chosen.extend_from_slice(front);
            if left < front.len() {
                // The last front that finds room: those with most room around them.
                let roomier = |a: &u32, b: &u32| crowding[*b as usize].total_cmp(&crowding[*a as usize]).then(a.cmp(b));
                self.chosen[first..].select_nth_unstable_by(left, roomier);
                self.chosen.truncate(self.settings.population);
                break;
            }
        }
        self.lives.clear();
        self.lives.resize(ranks.len(), false);
        self.chosen.iter().for_each(|&i| self.lives[i as usize] = true);
        self.spare.rows.clear();
        self.spare.keys.clear();
        self.spare.scores.clear();
        self.merits.clear();
        for i in line.iter().map(|&i| i as usize).filter(|&i| self.lives[i]) {
            self.spare.rows.extend_from_slice(&self.members.rows[i * width..][..width]);
            self.spare.keys.push(self.members.keys[i]);
            self.spare.scores.extend_from_slice(&self.members.scores[i * scores..][..scores]);
            // Distances are not negative: their bits are in their order.
            self.merits.push(u128::from(!ranks[i]) << 64 | u128::from(crowding[i].to_bits()));
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

impl Algorithm for Nsga2 {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        // Beyond a generation more children come from the same parents.
        let left = self.settings.population.saturating_sub(self.asked.len()).max(1);
        (0..most.min(left)).for_each(|_| self.child(rows));
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        self.members.rows.extend_from_slice(row);
        let key = key_of(row);
        self.members.keys.push(key);
        note(&mut self.filter, key);
        self.members.scores.extend_from_slice(scores);
        if self.members.keys.len() - self.parents >= self.settings.population {
            self.select();
        }
    }
}
