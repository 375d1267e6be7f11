//! MOEA/D (Zhang and Li 2007; Li and Zhang 2009): one Chebyshev subproblem a weight vector, solved with its neighbours.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::algorithms::directions::compositions;
use crate::search::problem::brief::Sampler;
use crate::search::problem::objective::is_feasible;
use crate::threads::Run;

/// Weights of 0 would ignore an objective.
const LEAST_WEIGHT: f64 = 1e-6;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecompositionSettings {
    /// Least number of subproblems; a simplex simplex_weights may need some more.
    population: usize,
    neighbours: usize,
    /// Most members that a child replaces.
    replacements: usize,
    /// Chance that parents are neighbours, rather than any members.
    locality: f64,
}

pub(crate) struct Decomposition {
    settings: DecompositionSettings,
    sampler: Sampler,
    /// Weights of every subproblem, and its nearest ones.
    weights: Vec<f64>,
    near: Vec<Vec<usize>>,
    /// Members: the best architecture known of every subproblem.
    rows: Vec<u8>,
    scores: Vec<f64>,
    /// Losses of the members as far as they are known; NaN else.
    losses: Vec<f64>,
    /// Best and worst score of each objective, of feasible members.
    best: Vec<f64>,
    worst: Vec<f64>,
    /// Subproblems still to be worked on in this round.
    round: Vec<usize>,
    /// Children under way, and for each its subproblem and whether it stays in its neighbourhood.
    children: Vec<u8>,
    pending: Vec<(usize, bool)>,
    /// Subproblems whose members a child may replace.
    around: Vec<usize>,
    asked: usize,
}

impl Decomposition {
    pub(crate) fn new(settings: &DecompositionSettings, sampler: Sampler) -> Result<Decomposition> {
        let s = settings.clone();
        require_within("population", s.population, 2..=1 << 12)?;
        require((2..=s.population).contains(&s.neighbours), "neighbours", s.neighbours, "2 to the population")?;
        require((1..=s.population).contains(&s.replacements), "replacements", s.replacements, "1 to the population")?;
        require((0.0..=1.0).contains(&s.locality), "locality", s.locality, "a probability")?;
        let m = sampler.brief.scores;
        let weights = simplex_weights(m, s.population);
        let vectors: Vec<&[f64]> = weights.chunks_exact(m).collect();
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let nearest = |w: &&[f64]| {
            let mut order: Vec<usize> = (0..vectors.len()).collect();
            order.sort_by(|&a, &b| distance(w, vectors[a]).total_cmp(&distance(w, vectors[b])));
            order.truncate(s.neighbours);
            order
        };
        let near: Vec<Vec<usize>> = vectors.iter().map(nearest).collect();
        Ok(Decomposition {
            settings: s,
            sampler,
            losses: vec![f64::NAN; near.len()],
            weights,
            near,
            rows: Vec::new(),
            scores: Vec::new(),
            best: vec![f64::NEG_INFINITY; m],
            worst: vec![f64::INFINITY; m],
            round: Vec::new(),
            children: Vec::new(),
            pending: Vec::new(),
            around: Vec::new(),
            asked: 0,
        })
    }

    fn population(&self) -> usize {
        self.near.len()
    }

    fn members(&self) -> usize {
        self.scores.len() / self.sampler.brief.scores
    }

    /// Weighted distance to the best scores seen, the largest of all objectives: less is better.
    fn loss(&self, scores: &[f64], subproblem: usize) -> f64 {
        if !is_feasible(scores[0]) {
            // Beyond all feasible ones, and in the order of violations.
            return -scores[0];
        }
        let m = scores.len();
        let weights = &self.weights[subproblem * m..][..m];
        let term = |j: usize| {
            let extent = self.best[j] - self.worst[j];
            weights[j] * (self.best[j] - scores[j]) / if extent > 0.0 { extent } else { 1.0 }
        };
        (0..m).map(term).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Finds the range of the members' scores again.
    fn measure(&mut self) {
        let m = self.sampler.brief.scores;
        self.losses.fill(f64::NAN);
        self.worst.fill(f64::INFINITY);
        for scores in self.scores.chunks_exact(m).filter(|s| is_feasible(s[0])) {
            self.worst.iter_mut().zip(scores).for_each(|(worst, score)| *worst = worst.min(*score));
        }
    }

    fn place(&mut self, row: &[u8], scores: &[f64], subproblem: Option<(usize, bool)>) {
        if is_feasible(scores[0]) {
            if self.best.iter().zip(scores).any(|(best, score)| score > best) {
                self.losses.fill(f64::NAN);
            }
            self.best.iter_mut().zip(scores).for_each(|(best, score)| *best = best.max(*score));
        }
        let (width, m) = (self.sampler.width(), scores.len());
        if self.members() < self.population() {
            self.rows.extend_from_slice(row);
            self.scores.extend_from_slice(scores);
            if self.members() == self.population() {
                self.measure();
            }
            return;
        }
        self.around.clear();
        match subproblem {
            Some((subproblem, true)) => self.around.extend_from_slice(&self.near[subproblem]),
            _ => self.around.extend(0..self.near.len()),
        }
        self.sampler.stream.shuffle(&mut self.around);
        let mut left = self.settings.replacements;
        for at in 0..self.around.len() {
            let i = self.around[at];
            if self.losses[i].is_nan() {
                self.losses[i] = self.loss(&self.scores[i * m..][..m], i);
            }
            let loss = self.loss(scores, i);
            if loss < self.losses[i] {
                self.losses[i] = loss;
                self.rows[i * width..][..width].copy_from_slice(row);
                self.scores[i * m..][..m].copy_from_slice(scores);
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
    }
}

impl Algorithm for Decomposition {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        let missing = self.population().saturating_sub(self.asked);
        if missing > 0 || self.members() < self.population() {
            let n = missing.clamp(1, most);
            self.asked += n;
            self.sampler.random(n, rows);
            return;
        }
        if self.round.is_empty() {
            self.measure();
            self.round.extend(0..self.near.len());
            self.sampler.stream.shuffle(&mut self.round);
        }
        let Some(subproblem) = self.round.pop() else { return };
        let is_local = self.sampler.stream.unit() < self.settings.locality;
        let [a, b] = [0; 2].map(|_| match is_local {
            true => self.near[subproblem][self.sampler.stream.below(self.settings.neighbours)],
            false => self.sampler.stream.below(self.near.len()),
        });
        let (first, width) = (rows.len(), self.sampler.width());
        let parents = [a, b].map(|i| &self.rows[i * width..][..width]);
        self.sampler.cross(parents, rows);
        if parents.contains(&&rows[first..]) {
            self.sampler.step(&mut rows[first..]);
        }
        self.children.extend_from_slice(&rows[first..]);
        self.pending.push((subproblem, is_local));
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        let known = self.children.chunks_exact(row.len()).position(|child| child == row);
        let subproblem = known.map(|i| {
            // The last one takes its place.
            let last = self.children.len() - row.len();
            self.children.copy_within(last.., i * row.len());
            self.children.truncate(last);
            self.pending.swap_remove(i)
        });
        self.place(row, scores, subproblem);
    }
}

/// At least so many weight vectors, evenly on the simplex (Das and Dennis 1998).
fn simplex_weights(m: usize, least: usize) -> Vec<f64> {
    let mut parts = 1;
    loop {
        let vectors = compositions(m, parts);
        if vectors.len() >= least {
            let weight = |&n: &usize| (n as f64 / parts as f64).max(LEAST_WEIGHT);
            return vectors.iter().flatten().map(weight).collect();
        }
        parts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_even_and_add_up() {
        assert_eq!(simplex_weights(2, 3), [LEAST_WEIGHT, 1.0, 0.5, 0.5, 1.0, LEAST_WEIGHT]);
        let three = simplex_weights(3, 91);
        assert_eq!(three.len(), 3 * 91);
        assert!(three.chunks_exact(3).all(|w| (w.iter().sum::<f64>() - 1.0).abs() < 1e-5));
    }
}
