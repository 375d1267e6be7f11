//! Successive halving (Jamieson and Talwalkar 2016) over repeated noisy measurements, bracket after bracket.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require_within};
use crate::search::problem::brief::Sampler;
use crate::search::problem::objective::{is_feasible, mean_score};
use crate::threads::Run;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalvingSettings {
    /// Random architectures of a bracket.
    pub(crate) initial: usize,
    /// One in so many goes on to the next rung; of measurements to one with so many times as many.
    pub(crate) reduction: usize,
}

impl HalvingSettings {
    pub(crate) fn check(&self) -> Result<()> {
        require_within("initial", self.initial, 2..=4096)?;
        require_within("reduction", self.reduction, 2..=1 << 20)
    }
}

/// An architecture and its measurements in this bracket.
struct Candidate {
    row: Vec<u8>,
    sum: f64,
    told: usize,
    asked: usize,
    /// Whether all measurements met the constraints.
    is_feasible: bool,
}

impl Candidate {
    fn mean(&self) -> f64 {
        mean_score(self.sum, self.told, self.is_feasible)
    }
}

pub(crate) struct Halving {
    settings: HalvingSettings,
    sampler: Sampler,
    candidates: Vec<Candidate>,
    /// Measurements that a candidate of this rung has at its end.
    repeats: usize,
    /// The leader of a rung that was measured most, its mean and measurements.
    best: Option<(Vec<u8>, f64, usize)>,
    has_changed: bool,
}

impl Halving {
    pub(crate) fn new(settings: &HalvingSettings, sampler: Sampler) -> Result<Halving> {
        settings.check()?;
        let (settings, candidates) = (*settings, Vec::new());
        let mut new = Halving { settings, sampler, candidates, repeats: 1, best: None, has_changed: false };
        new.open();
        Ok(new)
    }

    /// Starts a bracket.
    fn open(&mut self) {
        self.repeats = 1;
        self.candidates.clear();
        for _ in 0..self.settings.initial {
            let mut row = Vec::with_capacity(self.sampler.width());
            self.sampler.random(1, &mut row);
            self.candidates.push(Candidate { row, sum: 0.0, told: 0, asked: 0, is_feasible: true });
        }
    }

    /// Lets the best of a finished rung go on; the last survivor ends the bracket.
    fn promote(&mut self) {
        self.candidates.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
        if let Some(leader) = self.candidates.first() {
            // More measurements first: means of few are the luckiest, not the best.
            let (mean, told) = (leader.mean(), leader.told);
            let better = |best: &(Vec<u8>, f64, usize)| (told, mean) > (best.2, best.1);
            if self.best.as_ref().is_none_or(better) {
                self.best = Some((leader.row.clone(), mean, told));
                self.has_changed = true;
            }
        }
        if self.candidates.len() == 1 {
            return self.open();
        }
        self.candidates.truncate((self.candidates.len() / self.settings.reduction).max(1));
        self.repeats *= self.settings.reduction;
    }
}

impl Algorithm for Halving {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        let (first, width) = (rows.len(), self.sampler.width());
        let repeats = self.repeats;
        for candidate in &mut self.candidates {
            while candidate.asked < repeats && rows.len() < first + most * width {
                rows.extend_from_slice(&candidate.row);
                candidate.asked += 1;
            }
        }
        if rows.len() == first {
            // All of the rung is under way: measure a candidate once more.
            let spare = self.sampler.stream.below(self.candidates.len());
            rows.extend_from_slice(&self.candidates[spare].row);
            self.candidates[spare].asked += 1;
        }
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        // One that was never asked for, or that is out, changes nothing.
        let lacking = |c: &&mut Candidate| c.told < c.asked && c.row == row;
        if let Some(candidate) = self.candidates.iter_mut().find(lacking) {
            candidate.sum += scores[0];
            candidate.told += 1;
            candidate.is_feasible &= is_feasible(scores[0]);
            if self.candidates.iter().all(|c| c.told >= self.repeats) {
                self.promote();
            }
        }
    }

    fn recommendation(&mut self) -> Option<(Vec<u8>, f64)> {
        let has_changed = std::mem::take(&mut self.has_changed);
        self.best.as_ref().filter(|_| has_changed).map(|(row, mean, _)| (row.clone(), *mean))
    }
}
