//! NSGA-III (Deb and Jain 2014): what a front keeps of its last members is chosen by directions of reference.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::algorithms::breeding::{Brood, load};
use crate::search::algorithms::directions::directions;
use crate::search::problem::brief::{Brief, Sampler};
use crate::search::problem::objective::is_feasible;
use crate::search::quality::ranks::Sorter;
use crate::threads::Run;

/// Weight of the other objectives where the extreme point of one is sought.
const OTHERS: f64 = 1e6;
/// Least extent of an objective, in its unit, that is divided by.
const LEAST_EXTENT: f64 = 1e-6;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nsga3Settings {
    /// Architectures of a generation, and most directions.
    population: usize,
    /// Chance that a child has two parents.
    crossover: f64,
}

impl Nsga3Settings {
    /// See `AlgorithmSpec::load`.
    pub(crate) fn load(&self, brief: &Brief) -> (usize, usize) {
        (load(self.population, brief), self.population)
    }
}

pub(crate) struct Nsga3 {
    settings: Nsga3Settings,
    brood: Brood,
    /// Unit vectors, one after the other.
    directions: Vec<f64>,
    scale: Scale,
    sorter: Sorter,
}

/// How scores are normalised: all are losses, of which less is better.
#[derive(Default)]
struct Scale {
    /// Least and largest losses seen, of feasible architectures.
    ideal: Vec<f64>,
    worst: Vec<f64>,
    /// Losses of the extreme point of each objective.
    extremes: Vec<Vec<f64>>,
    /// Losses that count as 1; the ideal ones count as 0.
    nadir: Vec<f64>,
}

impl Scale {
    /// Takes in the losses of a population, and those of its first front.
    fn update(&mut self, losses: &[Vec<f64>], front: &[Vec<f64>]) {
        let m = losses[0].len();
        self.ideal.resize(m, f64::INFINITY);
        self.worst.resize(m, f64::NEG_INFINITY);
        for point in losses {
            self.ideal.iter_mut().zip(point).for_each(|(ideal, loss)| *ideal = ideal.min(*loss));
            self.worst.iter_mut().zip(point).for_each(|(worst, loss)| *worst = worst.max(*loss));
        }
        let largest = |points: &[Vec<f64>]| -> Vec<f64> {
            (0..m).map(|j| points.iter().fold(f64::NEG_INFINITY, |most, point| most.max(point[j]))).collect()
        };
        // Where only objective j is cheap: the point that is nearest to its axis.
        let off_axis = |point: &[f64], j: usize| {
            let weighted = |k: usize| (point[k] - self.ideal[k]).max(0.0) * if k == j { 1.0 } else { OTHERS };
            (0..m).map(weighted).fold(f64::NEG_INFINITY, f64::max)
        };
        let known: Vec<&Vec<f64>> = self.extremes.iter().chain(front).collect();
        let extreme = |j: usize| known.iter().min_by(|a, b| off_axis(a, j).total_cmp(&off_axis(b, j)));
        self.extremes = (0..m).filter_map(|j| extreme(j).map(|&point| point.clone())).collect();
        let (of_front, of_all) = (largest(front), largest(losses));
        let fitting = |nadir: &Vec<f64>| {
            (0..m).all(|j| nadir[j] - self.ideal[j] > LEAST_EXTENT && nadir[j] <= self.worst[j] && nadir[j].is_finite())
        };
        self.nadir = self.intercepts().filter(fitting).unwrap_or(of_front);
        for (j, nadir) in self.nadir.iter_mut().enumerate() {
            if *nadir - self.ideal[j] <= LEAST_EXTENT {
                *nadir = of_all[j];
            }
        }
    }

    /// Where the plane through the extreme points meets the axes from the ideal point.
    fn intercepts(&self) -> Option<Vec<f64>> {
        let m = self.ideal.len();
        let row = |point: &Vec<f64>| (0..m).map(|j| point[j] - self.ideal[j]).chain([1.0]).collect();
        let mut rows: Vec<Vec<f64>> = self.extremes.iter().map(row).collect();
        for column in 0..m {
            let pivot = (column..m).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
            rows.swap(column, pivot);
            let top = rows[column].clone();
            if top[column] == 0.0 {
                return None;
            }
            for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != column) {
                let factor = row[column] / top[column];
                row.iter_mut().zip(&top).for_each(|(cell, own)| *cell -= factor * own);
            }
        }
        Some((0..m).map(|j| self.ideal[j] + rows[j][j] / rows[j][m]).collect())
    }

    /// Losses as parts of the extent from the ideal point to the nadir.
    fn normalised(&self, losses: &[f64]) -> Vec<f64> {
        let part = |j: usize| {
            let extent = self.nadir[j] - self.ideal[j];
            (losses[j] - self.ideal[j]) / if extent > 0.0 { extent } else { 1.0 }
        };
        (0..losses.len()).map(part).collect()
    }
}

impl Nsga3 {
    pub(crate) fn new(settings: &Nsga3Settings, sampler: Sampler) -> Result<Nsga3> {
        let &settings @ Nsga3Settings { population, crossover } = settings;
        require_within("population", population, 2..=1 << 16)?;
        require((0.0..=1.0).contains(&crossover), "crossover", crossover, "a probability")?;
        let unit = |direction: Vec<f64>| {
            let length = direction.iter().map(|part| part * part).sum::<f64>().sqrt();
            direction.into_iter().map(move |part| part / length)
        };
        let directions = directions(sampler.brief.scores, population).into_iter().flat_map(unit).collect();
        let (brood, sorter) = (Brood::new(sampler), Sorter::default());
        Ok(Nsga3 { settings, brood, directions, scale: Scale::default(), sorter })
    }

    /// Two parents, each that of two which violates constraints less, else the first.
    fn couple(&mut self) -> Option<[usize; 2]> {
        self.brood.couple(self.settings.crossover, |brood, [a, b]| {
            let score = |i: usize| brood.members.scores[i * brood.sampler.brief.scores];
            if !is_feasible(score(a)) && score(b) > score(a) { b } else { a }
        })
    }

    /// Nearest direction of a normalised point, and the square of its distance.
    fn nearest(&self, point: &[f64]) -> (usize, f64) {
        let m = point.len();
        let along = |direction: &[f64]| direction.iter().zip(point).map(|(d, p)| d * p).sum::<f64>();
        let parts = self.directions.chunks_exact(m).map(along).enumerate();
        // Points are at least as good as none on an axis, so the longest part belongs to the nearest one.
        let (nearest, part) = parts.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
        (nearest, point.iter().map(|p| p * p).sum::<f64>() - part * part)
    }

    /// Lets the first fronts live, and of the last one those whose directions have the fewest.
    fn select(&mut self) {
        let (m, population) = (self.brood.sampler.brief.scores, self.settings.population);
        self.sorter.sort(&self.brood.members.scores, m, population);
        let (mut kept, mut last): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let ranks = &self.sorter.ranks;
        let mut order: Vec<u32> = (0..ranks.len() as u32).collect();
        order.sort_by_key(|&i| ranks[i as usize]);
        for front in order.chunk_by(|&a, &b| ranks[a as usize] == ranks[b as usize]) {
            if kept.len() + front.len() > population {
                last = front.to_vec();
                break;
            }
            kept.extend_from_slice(front);
        }
        let first: Vec<u32> = order.iter().copied().take_while(|&i| ranks[i as usize] == 0).collect();
        let left = population - kept.len();
        match last.first() {
            Some(&i) if left > 0 && is_feasible(self.brood.members.scores[i as usize * m]) => {
                self.fill(&mut kept, last, left, &first);
            }
            // Equal violations are as good as each other.
            _ => kept.extend(last.into_iter().take(left)),
        }
        kept.sort_unstable();
        self.brood.keep(kept.into_iter().map(|i| i as usize));
    }

    fn fill(&mut self, kept: &mut Vec<u32>, last: Vec<u32>, mut left: usize, first: &[u32]) {
        let m = self.brood.sampler.brief.scores;
        let scores = &self.brood.members.scores;
        let losses = |i: u32| -> Vec<f64> { scores[i as usize * m..][..m].iter().map(|score| -score).collect() };
        let all: Vec<Vec<f64>> = kept.iter().chain(&last).map(|&i| losses(i)).collect();
        let front: Vec<Vec<f64>> = first.iter().map(|&i| losses(i)).collect();
        self.scale.update(&all, &front);
        let near: Vec<(usize, f64)> = all.iter().map(|point| self.nearest(&self.scale.normalised(point))).collect();
        let (of_kept, of_last) = near.split_at(kept.len());
        let mut counts = vec![0u32; self.directions.len() / m];
        of_kept.iter().for_each(|&(direction, _)| counts[direction] += 1);
        let mut waiting: Vec<Vec<(u32, f64)>> = vec![Vec::new(); counts.len()];
        last.iter().zip(of_last).for_each(|(&i, &(direction, distance))| waiting[direction].push((i, distance)));
        let stream = &mut self.brood.sampler.stream;
        while left > 0 {
            let open = (0..counts.len()).filter(|&d| !waiting[d].is_empty());
            let Some(fewest) = open.clone().map(|d| counts[d]).min() else { break };
            let mut least: Vec<usize> = open.filter(|&d| counts[d] == fewest).collect();
            stream.shuffle(&mut least);
            for direction in least.into_iter().take(left) {
                let members = &mut waiting[direction];
                let at = match counts[direction] {
                    0 => (0..members.len()).min_by(|&a, &b| members[a].1.total_cmp(&members[b].1)).unwrap_or(0),
                    _ => stream.below(members.len()),
                };
                kept.push(members.swap_remove(at).0);
                counts[direction] += 1;
                left -= 1;
            }
        }
    }
}

impl Algorithm for Nsga3 {
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
