//! Regularized evolution (Real, Aggarwal, Huang and Le 2019): tournaments, one mutation, the oldest dies.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require_within};
use crate::search::problem::brief::Sampler;
use crate::search::problem::stream::scaled;
use crate::threads::Run;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvolutionSettings {
    population: usize,
    sample: usize,
    removal: Removal,
}

/// Who makes room for a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Removal {
    Oldest,
    /// Evolution without ageing.
    Worst,
}

pub(crate) struct Evolution {
    settings: EvolutionSettings,
    sampler: Sampler,
    /// Members of the population, from `oldest` around.
    rows: Vec<u8>,
    scores: Vec<f64>,
    oldest: usize,
    /// Random architectures that the first population still lacks.
    missing: usize,
}

impl Evolution {
    pub(crate) fn new(settings: &EvolutionSettings, sampler: Sampler) -> Result<Evolution> {
        let &settings @ EvolutionSettings { population, sample, .. } = settings;
        require_within("population", population, 1..=1 << 20)?;
        require_within("sample", sample, 1..=1 << 20)?;
        let rows = Vec::with_capacity(population * sampler.width());
        let scores = Vec::with_capacity(population);
        let (oldest, missing) = (0, population);
        Ok(Evolution { settings, sampler, rows, scores, oldest, missing })
    }

    /// The best of so many members, drawn with replacement.
    #[inline]
    fn parent(&mut self) -> usize {
        let scores = self.scores.as_slice();
        let (mut best, mut best_score) = (0, f64::NEG_INFINITY);
        let mut enter = |member: usize| {
            let score = scores[member];
            // A choice instead of a branch, which nothing could predict.
            best = if score > best_score { member } else { best };
            best_score = best_score.max(score);
        };
        // In registers for as long as this takes.
        let mut stream = self.sampler.stream.clone();
        for _ in 0..self.settings.sample / 2 {
            stream.halves().into_iter().for_each(|half| enter(scaled(half, scores.len())));
        }
        if self.settings.sample % 2 == 1 {
            enter(scaled(stream.halves()[0], scores.len()));
        }
        self.sampler.stream = stream;
        best
    }

    fn replaced(&mut self) -> usize {
        match self.settings.removal {
            Removal::Oldest => {
                let oldest = self.oldest;
                self.oldest = if oldest + 1 == self.settings.population { 0 } else { oldest + 1 };
                oldest
            }
            Removal::Worst => {
                let scores = self.scores.iter().enumerate();
                scores.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(worst, _)| worst)
            }
        }
    }
}

impl Algorithm for Evolution {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        if self.missing > 0 || self.scores.is_empty() {
            let n = self.missing.clamp(1, most);
            self.missing = self.missing.saturating_sub(n);
            self.sampler.random(n, rows);
            return;
        }
        let (parent, width) = (self.parent(), self.sampler.width());
        let first = rows.len();
        rows.extend_from_slice(&self.rows[parent * width..][..width]);
        self.sampler.step(&mut rows[first..]);
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        if self.scores.len() < self.settings.population {
            self.rows.extend_from_slice(row);
            self.scores.push(scores[0]);
        } else {
            let place = self.replaced();
            self.rows[place * row.len()..][..row.len()].copy_from_slice(row);
            self.scores[place] = scores[0];
        }
    }
}
