//! Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983) with geometric cooling over the budget.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::problem::brief::Sampler;
use crate::search::problem::objective::{is_feasible, violation};
use crate::surrogate::uncertainty::variance;
use crate::threads::Run;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnealingSettings {
    /// Random architectures, the best of which is the start.
    initial: usize,
    /// In units of the score; the standard deviation of the first architectures where none is given.
    #[serde(default)]
    temperature: Option<f64>,
    /// Last temperature over the first.
    cooling: f64,
}

pub(crate) struct Annealing {
    settings: AnnealingSettings,
    sampler: Sampler,
    asked: usize,
    told: u64,
    /// Scores of the first architectures.
    first: Vec<f64>,
    /// First temperature of violations, which are on a scale of their own.
    of_violations: Option<f64>,
    current: Vec<u8>,
    score: f64,
}

impl Annealing {
    pub(crate) fn new(settings: &AnnealingSettings, sampler: Sampler) -> Result<Annealing> {
        let &settings @ AnnealingSettings { initial, temperature, cooling } = settings;
        require_within("initial", initial, 1..=1 << 20)?;
        if let Some(t) = temperature {
            require(t.is_finite() && t > 0.0, "temperature", t, "a number above 0")?;
        }
        require(cooling > 0.0 && cooling <= 1.0, "cooling", cooling, "a number above 0 and at most 1")?;
        let (first, current, score) = (Vec::new(), Vec::new(), f64::NEG_INFINITY);
        Ok(Annealing { settings, sampler, asked: 0, told: 0, first, of_violations: None, current, score })
    }

    /// Temperature over the first one, at this share of the budget.
    fn cooled(&self) -> f64 {
        let (done, all) = (self.told.saturating_sub(self.settings.initial as u64), self.sampler.brief.budget);
        let share = done as f64 / all.saturating_sub(self.settings.initial as u64).max(1) as f64;
        libm::pow(self.settings.cooling, share.min(1.0))
    }

    /// Whether a step to this score is taken (Metropolis et al. 1953).
    fn accepts(&mut self, score: f64) -> bool {
        if score >= self.score {
            return true;
        }
        let loss = match [score, self.score].map(is_feasible) {
            [true, _] => {
                let start = *self.settings.temperature.get_or_insert_with(|| spread(&self.first, is_feasible, |s| s));
                (self.score - score) / start
            }
            // What is feasible stays so.
            [false, true] => return false,
            [false, false] => {
                let first =
                    self.of_violations.get_or_insert_with(|| spread(&self.first, |s| !is_feasible(s), violation));
                (violation(score) - violation(self.score)) / *first
            }
        };
        self.sampler.stream.unit() < libm::exp(-loss / self.cooled())
    }
}

/// Standard deviation of what some scores stand for; 1 where there is none.
fn spread(scores: &[f64], of: impl Fn(f64) -> bool, value: impl Fn(f64) -> f64) -> f64 {
    let values: Vec<f64> = scores.iter().copied().filter(|&s| of(s)).map(value).collect();
    let sd = variance(values.into_iter()).sqrt();
    if sd > 0.0 { sd } else { 1.0 }
}

impl Algorithm for Annealing {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        if self.asked < self.settings.initial || self.current.is_empty() {
            let n = self.settings.initial.saturating_sub(self.asked).clamp(1, most);
            self.asked += n;
            self.sampler.random(n, rows);
            return;
        }
        let first = rows.len();
        rows.extend_from_slice(&self.current);
        self.sampler.step(&mut rows[first..]);
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        let score = scores[0];
        let accepted = if self.told < self.settings.initial as u64 {
            self.first.push(score);
            score > self.score
        } else {
            self.accepts(score)
        };
        if accepted || self.current.is_empty() {
            self.current.clear();
            self.current.extend_from_slice(row);
            self.score = score;
        }
        self.told += 1;
    }
}
