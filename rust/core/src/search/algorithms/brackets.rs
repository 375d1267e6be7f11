//! Successive halving (Jamieson and Talwalkar 2016) and Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar
//! 2018) over fidelities. Where all of a rung is under way and a worker is idle, the next bracket begins (Falkner, Klein
//! and Hutter 2018).

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::algorithms::halving::HalvingSettings;
use crate::search::problem::brief::Sampler;
use crate::search::problem::ladder::spaced;
use crate::threads::Run;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HyperbandSettings {
    /// One in so many goes on to the next rung.
    reduction: usize,
    /// How many brackets there are, those with the most architectures first; one a rung by default.
    brackets: Option<usize>,
}

/// Where a bracket begins, among the rungs that are used, and its architectures.
type Plan = (usize, usize);

/// An architecture, and its score on the bracket's rung.
struct Candidate {
    row: Vec<u8>,
    score: Option<f64>,
}

/// What goes on of a bracket.
struct Bracket {
    /// Its rung, among those that are used.
    place: usize,
    size: usize,
    /// Drawn when they are first asked for.
    candidates: Vec<Candidate>,
    asked: usize,
    told: usize,
}

pub(crate) struct Brackets {
    sampler: Sampler,
    reduction: usize,
    /// Those of the ladder that are used.
    rungs: Vec<u8>,
    /// Brackets, which begin in turn, and the next one.
    plans: Vec<Plan>,
    next: usize,
    /// Brackets that go on, in the order of their beginnings.
    open: Vec<Bracket>,
}

impl Brackets {
    /// Brackets of successive halving, each from the lowest rung.
    pub(crate) fn halving(settings: &HalvingSettings, sampler: Sampler) -> Result<Brackets> {
        settings.check()?;
        Ok(Brackets::new(sampler, settings.reduction, |_| vec![(0, settings.initial)]))
    }

    pub(crate) fn hyperband(settings: &HyperbandSettings, sampler: Sampler) -> Result<Brackets> {
        require_within("reduction", settings.reduction, 2..=1 << 20)?;
        let mut new = Brackets::new(sampler, settings.reduction, |rungs| plans(rungs, settings.reduction));
        if let Some(brackets) = settings.brackets {
            let range = format!("1 to {}, the rungs that are {} times apart", new.rungs.len(), settings.reduction);
            require((1..=new.rungs.len()).contains(&brackets), "brackets", brackets, &range)?;
            new.plans.truncate(brackets);
        }
        Ok(new)
    }

    fn new(sampler: Sampler, reduction: usize, plans: impl Fn(usize) -> Vec<Plan>) -> Brackets {
        let rungs = spaced(&sampler.brief.epochs, reduction);
        let plans = plans(rungs.len());
        Brackets { sampler, reduction, rungs, plans, next: 0, open: Vec::new() }
    }

    fn begin(&mut self) -> usize {
        let (place, size) = self.plans[self.next];
        self.next = (self.next + 1) % self.plans.len();
        self.open.push(Bracket { place, size, candidates: Vec::new(), asked: 0, told: 0 });
        self.open.len() - 1
    }
}

/// Hyperband's brackets over so many rungs. A bracket of s promotions has as many architectures as an equal share of the
/// epochs trains.
fn plans(rungs: usize, reduction: usize) -> Vec<Plan> {
    let size = |s: usize| {
        let grown = reduction.saturating_pow(s as u32);
        rungs.saturating_mul(grown).div_ceil(s + 1)
    };
    (0..rungs).rev().map(|s| (rungs - 1 - s, size(s))).collect()
}

impl Bracket {
    /// Lets the best go on to the next rung, the first of equals.
    fn promote(&mut self, reduction: usize) {
        let score = |candidate: &Candidate| candidate.score.unwrap_or(f64::NEG_INFINITY);
        self.candidates.sort_by(|a, b| score(b).total_cmp(&score(a)));
        self.size = (self.size / reduction).max(1);
        self.candidates.truncate(self.size);
        self.candidates.iter_mut().for_each(|candidate| candidate.score = None);
        (self.place, self.asked, self.told) = (self.place + 1, 0, 0);
    }
}

impl Algorithm for Brackets {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        let waiting = self.open.iter().position(|bracket| bracket.asked < bracket.size);
        let chosen = waiting.unwrap_or_else(|| self.begin());
        let bracket = &mut self.open[chosen];
        for _ in 0..most.min(bracket.size - bracket.asked) {
            if bracket.asked == bracket.candidates.len() {
                let mut row = Vec::with_capacity(self.sampler.width());
                self.sampler.random(1, &mut row);
                bracket.candidates.push(Candidate { row, score: None });
            }
            rows.extend_from_slice(&bracket.candidates[bracket.asked].row);
            rows.push(self.rungs[bracket.place]);
            bracket.asked += 1;
        }
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        let Some((&rung, row)) = row.split_last() else { return };
        let rungs = &self.rungs;
        for (i, bracket) in self.open.iter_mut().enumerate().filter(|(_, bracket)| rungs[bracket.place] == rung) {
            let mut asked = bracket.candidates[..bracket.asked].iter_mut();
            let Some(candidate) = asked.find(|candidate| candidate.score.is_none() && candidate.row == row) else {
                continue;
            };
            candidate.score = Some(scores[0]);
            bracket.told += 1;
            if bracket.told == bracket.size {
                bracket.promote(self.reduction);
                if bracket.place == rungs.len() {
                    self.open.remove(i);
                }
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_those_of_the_paper() {
        // Li et al. 2018, algorithm 1 with R = 81 and a reduction of 3.
        assert_eq!(plans(5, 3), [(0, 81), (1, 34), (2, 15), (3, 8), (4, 5)]);
        assert_eq!(plans(1, 3), [(0, 1)]);
    }
}
