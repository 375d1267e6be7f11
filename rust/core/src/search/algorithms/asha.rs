//! Asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Ben-Tzur, Hardt, Recht and Talwalkar 2020).

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require_within};
use crate::search::problem::brief::Sampler;
use crate::search::problem::ladder::spaced;
use crate::search::quality::ranks::descending;
use crate::threads::Run;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AshaSettings {
    /// One in so many goes on to the next rung.
    reduction: usize,
}

/// A score, of which less is better, and the number of a candidate: of equals, the first is better.
type Place = (u64, usize);

/// What has ended on a rung.
#[derive(Default)]
struct Level {
    /// One in so many, the best.
    top: BTreeSet<Place>,
    rest: BTreeSet<Place>,
    /// Those of the best that have not gone on.
    ready: BTreeSet<Place>,
}

struct Candidate {
    row: Vec<u8>,
    /// Its rung, among those that are used.
    level: usize,
}

pub(crate) struct Asha {
    sampler: Sampler,
    reduction: usize,
    /// Those of the ladder that are used, and what has ended on them.
    rungs: Vec<u8>,
    levels: Vec<Level>,
    candidates: Vec<Candidate>,
    under_way: Vec<usize>,
}

impl Asha {
    pub(crate) fn new(settings: &AshaSettings, sampler: Sampler) -> Result<Asha> {
        require_within("reduction", settings.reduction, 2..=1 << 20)?;
        let rungs = spaced(&sampler.brief.epochs, settings.reduction);
        let levels = rungs.iter().map(|_| Level::default()).collect();
        let (candidates, under_way) = (Vec::new(), Vec::new());
        Ok(Asha { sampler, reduction: settings.reduction, rungs, levels, candidates, under_way })
    }

    /// A candidate to go on, from the highest rung that has one; else a new one.
    fn next(&mut self) -> usize {
        let last = self.levels.len() - 1;
        for level in self.levels[..last].iter_mut().rev() {
            if let Some((_, number)) = level.ready.pop_first() {
                self.candidates[number].level += 1;
                return number;
            }
        }
        let mut row = Vec::with_capacity(self.sampler.width());
        self.sampler.random(1, &mut row);
        self.candidates.push(Candidate { row, level: 0 });
        self.candidates.len() - 1
    }
}

impl Level {
    /// Takes in what ended; `is_here` says of a candidate whether it has not gone on.
    fn insert(&mut self, place: Place, reduction: usize, is_here: impl Fn(usize) -> bool) {
        let best = (self.top.len() + self.rest.len() + 1) / reduction;
        match self.top.last() {
            Some(worst) if place < *worst => {
                self.top.insert(place);
                self.ready.insert(place);
            }
            _ => drop(self.rest.insert(place)),
        }
        if self.top.len() > best
            && let Some(worst) = self.top.pop_last()
        {
            self.ready.remove(&worst);
            self.rest.insert(worst);
        }
        if self.top.len() < best
            && let Some(place) = self.rest.pop_first()
        {
            self.top.insert(place);
            if is_here(place.1) {
                self.ready.insert(place);
            }
        }
    }
}

impl Algorithm for Asha {
    fn ask(&mut self, _most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        let number = self.next();
        let Candidate { row, level } = &self.candidates[number];
        rows.extend_from_slice(row);
        rows.push(self.rungs[*level]);
        self.under_way.push(number);
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        let Some((&rung, row)) = row.split_last() else { return };
        let candidates = &self.candidates;
        let is_it = |&number: &usize| candidates[number].row == row && self.rungs[candidates[number].level] == rung;
        if let Some(place) = self.under_way.iter().position(is_it) {
            let number = self.under_way.remove(place);
            let own = candidates[number].level;
            let is_here = |number: usize| candidates[number].level == own;
            self.levels[own].insert((descending(scores[0]), number), self.reduction, is_here);
        }
    }
}
