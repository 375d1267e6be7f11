//! Local search (White, Nolen and Savani 2021): neighbours of the best, restarted at local optima.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require_within};
use crate::search::problem::brief::Sampler;
use crate::threads::Run;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalSettings {
    /// Random architectures, the best of which is a start.
    initial: usize,
    /// Moves to the first neighbour that is better, rather than to the best of all.
    first_improvement: bool,
}

pub(crate) struct LocalSearch {
    settings: LocalSettings,
    sampler: Sampler,
    current: Vec<u8>,
    score: f64,
    /// The best neighbour told so far.
    better: Vec<u8>,
    better_score: f64,
    /// Neighbours as (variable, choice), or as (number among those that rules allow, 0), in random order, and how many
    /// were asked for.
    moves: Vec<(u32, u8)>,
    asked: usize,
    told: usize,
    /// The neighbours that rules allow.
    near: Vec<u8>,
    /// Random architectures that a start still lacks: to ask, to be told.
    random: [usize; 2],
}

impl LocalSearch {
    pub(crate) fn new(settings: &LocalSettings, sampler: Sampler) -> Result<LocalSearch> {
        let &settings @ LocalSettings { initial, .. } = settings;
        require_within("initial", initial, 1..=1 << 20)?;
        let (current, better, moves) = (Vec::new(), Vec::new(), Vec::new());
        let (score, better_score) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let (asked, told, near, random) = (0, 0, Vec::new(), [initial; 2]);
        Ok(LocalSearch { settings, sampler, current, score, better, better_score, moves, asked, told, near, random })
    }

    /// Goes to the best found, and lists its neighbours.
    fn settle(&mut self) {
        std::mem::swap(&mut self.current, &mut self.better);
        self.score = self.better_score;
        self.moves.clear();
        if let Some(space) = &self.sampler.brief.ruled {
            self.near = space.neighbours(&self.current);
            self.moves.extend((0..self.near.len() / self.current.len()).map(|i| (i as u32, 0)));
        } else {
            for &variable in &self.sampler.brief.free {
                let own = self.current[variable];
                let choices = (0..self.sampler.brief.cards[variable]).map(|choice| choice as u8);
                self.moves.extend(choices.filter(|&c| c != own).map(|choice| (variable as u32, choice)));
            }
        }
        self.sampler.stream.shuffle(&mut self.moves);
        (self.asked, self.told) = (0, 0);
    }

    fn restart(&mut self) {
        (self.score, self.better_score) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        self.random = [self.settings.initial; 2];
    }
}

impl Algorithm for LocalSearch {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        let neighbours = self.random[1] == 0 && self.asked < self.moves.len();
        if !neighbours {
            // Where all was asked and not yet told, more random architectures do no harm.
            let n = self.random[0].clamp(1, most);
            self.random[0] = self.random[0].saturating_sub(n);
            self.sampler.random(n, rows);
            return;
        }
        // All neighbours are independent, unless the first better one ends their turn.
        let n = if self.settings.first_improvement { 1 } else { most.min(self.moves.len() - self.asked) };
        for &(variable, choice) in &self.moves[self.asked..self.asked + n] {
            let (first, width) = (rows.len(), self.current.len());
            if self.sampler.brief.ruled.is_some() {
                rows.extend_from_slice(&self.near[variable as usize * width..][..width]);
                continue;
            }
            rows.extend_from_slice(&self.current);
            rows[first + variable as usize] = choice;
        }
        self.asked += n;
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        if scores[0] > self.better_score || self.better.is_empty() {
            self.better_score = scores[0];
            self.better.clear();
            self.better.extend_from_slice(row);
        }
        if self.random[1] > 0 {
            self.random[1] -= 1;
            if self.random[1] == 0 {
                self.settle();
            }
            return;
        }
        self.told += 1;
        let improved = self.better_score > self.score;
        match (improved, self.told >= self.moves.len()) {
            (true, all) if all || self.settings.first_improvement => self.settle(),
            (false, true) => self.restart(),
            _ => {}
        }
    }
}
