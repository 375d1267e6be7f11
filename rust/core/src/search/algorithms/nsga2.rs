//! NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002) with uniform crossover and without duplicates.

use std::hint::select_unpredictable;

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::algorithms::breeding::{Brood, load};
use crate::search::problem::brief::{Brief, Sampler};
use crate::search::quality::ranks::Sorter;
use crate::threads::Run;

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
        (load(self.population, brief), self.population)
    }
}

pub(crate) struct Nsga2 {
    settings: Nsga2Settings,
    brood: Brood,
    /// What makes parents better than others: rank, then crowding, in one number.
    merits: Vec<u128>,
    sorter: Sorter,
    chosen: Vec<u32>,
    lives: Vec<bool>,
}

impl Nsga2 {
    pub(crate) fn new(settings: &Nsga2Settings, sampler: Sampler) -> Result<Nsga2> {
        let &settings @ Nsga2Settings { population, crossover } = settings;
        require_within("population", population, 2..=1 << 20)?;
        require((0.0..=1.0).contains(&crossover), "crossover", crossover, "a probability")?;
        Ok(Nsga2 {
            settings,
            brood: Brood::new(sampler),
            merits: Vec::new(),
            sorter: Sorter::default(),
            chosen: Vec::new(),
            lives: Vec::new(),
        })
    }

    /// Two parents, each the better of two: by rank, then by crowding.
    fn couple(&mut self) -> Option<[usize; 2]> {
        let merits = &self.merits;
        // A choice instead of a branch, which nothing could predict.
        let better = |_: &Brood, [a, b]: [usize; 2]| select_unpredictable(merits[a] < merits[b], b, a);
        self.brood.couple(self.settings.crossover, better)
    }

    /// Lets the best of parents and children live.
    fn select(&mut self) {
        let scores = self.brood.sampler.brief.scores;
        self.sorter.sort(&self.brood.members.scores, scores, self.settings.population);
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
        let chosen = line.iter().map(|&i| i as usize).filter(|&i| self.lives[i]);
        // Distances are not negative: their bits are in their order.
        let merit = |i: usize| u128::from(!ranks[i]) << 64 | u128::from(crowding[i].to_bits());
        self.merits.clear();
        self.merits.extend(chosen.clone().map(merit));
        self.brood.keep(chosen);
    }
}

impl Algorithm for Nsga2 {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        for _ in 0..most.min(self.brood.missing(self.settings.population)) {
            let parents = self.couple();
            self.brood.child(parents, rows);
        }
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        if self.brood.tell(row, scores, self.settings.population) {
            self.select();
        }
    }
}
