//! Points near a Pareto front, before the exact search: local search for weighted sums, then from point to point.

use crate::error::Result;
use crate::exact::best::Item;
use crate::exact::climb::{climb, random_states, responses};
use crate::exact::lattice::Lattice;
use crate::threads::Run;

/// Random architectures that every weighted sum is climbed from.
const STARTS: u64 = 4;
/// Most points whose neighbours are looked at.
const EXPANDED: usize = 1500;

/// What helps the search for a front: weights of sums that bound it, and architectures near it.
#[derive(Debug, Default)]
pub(crate) struct Guide {
    pub(crate) weights: Vec<Vec<f64>>,
    pub(crate) seeds: Vec<Item>,
}

/// Objectives that must be large, and constraints with the least values that meet them.
pub(crate) struct Landscape<'a> {
    pub(crate) objectives: Vec<&'a Lattice>,
    pub(crate) constraints: Vec<&'a Lattice>,
    pub(crate) least: &'a [i32],
}

/// States of the levels, and values of the objectives there.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    values: Vec<i32>,
    states: Vec<usize>,
}

/// Whether a is at least as good as b in everything.
fn covers(a: &[i32], b: &[i32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a >= b)
}

fn insert(points: &mut Vec<Point>, point: Point) -> bool {
    if points.iter().any(|other| covers(&other.values, &point.values)) {
        return false;
    }
    points.retain(|other| !covers(&point.values, &other.values));
    points.push(point);
    true
}

impl Landscape<'_> {
    fn all(&self) -> Vec<&Lattice> {
        self.objectives.iter().chain(&self.constraints).copied().collect()
    }

    /// States of points that do not dominate one another and meet the constraints.
    pub(crate) fn seeds(&self, weights: &[Vec<f64>], run: &Run<'_>) -> Result<Vec<Vec<usize>>> {
        let starts = (0..STARTS).flat_map(|start| weights.iter().map(move |w| (start, w)));
        let climbed = run.try_map(starts.enumerate(), |(i, (_, weights))| Ok(self.climbed(i as u64, weights)))?;
        let mut points = Vec::new();
        climbed.into_iter().flatten().for_each(|point| {
            insert(&mut points, point);
        });
        let mut expanded: Vec<Point> = Vec::new();
        loop {
            let open: Vec<Point> = points.iter().filter(|p| !expanded.contains(p)).cloned().collect();
            if open.is_empty() || expanded.len() + open.len() > EXPANDED {
                return Ok(points.into_iter().map(|p| p.states).collect());
            }
            let near = run.try_map(&open, |p| Ok(self.neighbours(p, &points)))?;
            near.into_iter().flatten().for_each(|point| {
                insert(&mut points, point);
            });
            expanded.extend(open);
        }
    }

    /// Climbs to the constraints first, then up a weighted sum.
    fn climbed(&self, start: u64, weights: &[f64]) -> Option<Point> {
        let lattices = self.all();
        let mut states = random_states(&lattices[0].cards, start);
        let m = self.objectives.len();
        let score = |values: &[i32]| {
            let sum: f64 = (0..m).map(|j| weights[j] * lattices[j].unit * f64::from(values[j])).sum();
            (shortage(&values[m..], self.least, &self.constraints), sum)
        };
        climb(&lattices, &mut states, score);
        let values: Vec<i32> = lattices.iter().map(|l| l.value(&states)).collect();
        covers(&values[m..], self.least).then(|| Point { values: values[..m].to_vec(), states })
    }

    /// Points one level away that none of the known ones covers.
    fn neighbours(&self, point: &Point, known: &[Point]) -> Vec<Point> {
        let lattices = self.all();
        let m = self.objectives.len();
        let own: Vec<i32> = lattices.iter().map(|l| l.value(&point.states)).collect();
        let mut out = Vec::new();
        let mut parts = vec![Vec::new(); lattices.len()];
        for (level, &current) in point.states.iter().enumerate() {
            for (lattice, part) in lattices.iter().zip(&mut parts) {
                part.resize(lattice.cards[level], 0);
                responses(lattice, &point.states, level, part);
            }
            for state in (0..lattices[0].cards[level]).filter(|&s| s != current) {
                let value = |(own, part): (&i32, &Vec<i32>)| own.wrapping_add(part[state]).wrapping_sub(part[current]);
                let values: Vec<i32> = own.iter().zip(&parts).map(value).collect();
                if covers(&values[m..], self.least) && !known.iter().any(|k| covers(&k.values, &values[..m])) {
                    let mut states = point.states.clone();
                    states[level] = state;
                    insert(&mut out, Point { values: values[..m].to_vec(), states });
                }
            }
        }
        out
    }
}

/// How far values are from constraints, each on its own scale; 0 where they meet them.
pub(crate) fn shortage(values: &[i32], least: &[i32], lattices: &[&Lattice]) -> f64 {
    let short = |((&value, &least), lattice): ((&i32, &i32), &&Lattice)| {
        (f64::from(value) - f64::from(least)).min(0.0) * lattice.unit / lattice.magnitude()
    };
    values.iter().zip(least).zip(lattices).map(short).sum()
}

/// Weights evenly over the directions of two or three objectives of unit scale.
pub(crate) fn directions(objectives: usize, steps: usize) -> Vec<Vec<f64>> {
    let all = (0..(steps + 1).pow(objectives as u32 - 1)).map(|i| {
        let parts: Vec<usize> = (1..objectives).map(|j| i / (steps + 1).pow(j as u32 - 1) % (steps + 1)).collect();
        let rest = steps.checked_sub(parts.iter().sum());
        rest.map(|rest| parts.iter().chain([&rest]).map(|&p| p as f64 / steps as f64).collect())
    });
    all.flatten().collect()
}

/// Weights of sums that bound the region above a front tightly: normals of its chords, or even directions for three.
pub(crate) fn guiding_weights(points: &[Vec<f64>], scale: &[f64]) -> Vec<Vec<f64>> {
    const CHORDS: usize = 6;
    if scale.len() != 2 {
        let inner = directions(scale.len(), 4).into_iter().filter(|w| w.iter().filter(|&&w| w > 0.0).count() > 1);
        return inner.map(|w| w.iter().zip(scale).map(|(w, s)| w / s).collect()).collect();
    }
    let mut sorted: Vec<&Vec<f64>> = points.iter().collect();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let span: Vec<f64> = (0..2).map(|j| (last[j] - first[j]).abs().max(f64::MIN_POSITIVE)).collect();
    let step = |w: &[&Vec<f64>]| (w[1][0] - w[0][0]) / span[0] + (w[0][1] - w[1][1]) / span[1];
    let mut along = vec![0.0];
    sorted.windows(2).for_each(|w| along.push(along[along.len() - 1] + step(w)));
    let at = |part: usize| {
        let goal = along[along.len() - 1] * part as f64 / CHORDS as f64;
        sorted[along.partition_point(|&a| a < goal).min(sorted.len() - 1)]
    };
    let normal = |part: usize| {
        let (a, b) = (at(part), at(part + 1));
        let weights = vec![(a[1] - b[1]) / span[1] / span[0], (b[0] - a[0]) / span[0] / span[1]];
        weights.iter().all(|&w| w > 0.0).then_some(weights)
    };
    let mut weights: Vec<Vec<f64>> = (0..CHORDS).filter_map(normal).collect();
    weights.dedup();
    weights
}
