//! Points near a Pareto front, before the exact search: local search for weighted sums, then from point to point.

use crate::error::Result;
use crate::exact::fixed::lattice::Lattice;
use crate::exact::starts::ascent::{ascend, random_states, responses};
use crate::exact::starts::dominance::insert;
use crate::threads::Run;

/// Random architectures that every weighted sum is ascended from.
const STARTS: u64 = 4;
/// Most points whose neighbours are looked at.
const EXPANDED: usize = 1500;

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

impl Point {
    fn covers(&self, other: &Point) -> bool {
        covers(&self.values, &other.values)
    }
}

/// Whether a is at least as good as b in everything.
fn covers(a: &[i32], b: &[i32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a >= b)
}

impl Landscape<'_> {
    fn all(&self) -> Vec<&Lattice> {
        self.objectives.iter().chain(&self.constraints).copied().collect()
    }

    /// States of points that do not dominate one another and meet the constraints.
    pub(crate) fn seeds(&self, weights: &[Vec<f64>], run: &Run<'_>) -> Result<Vec<Vec<usize>>> {
        let starts = (0..STARTS).flat_map(|start| weights.iter().map(move |w| (start, w)));
        let ascended = run.try_map(starts.enumerate(), |(i, (_, weights))| Ok(self.ascended(i as u64, weights)))?;
        let mut points = Vec::new();
        ascended.into_iter().flatten().for_each(|point| {
            insert(&mut points, point, Point::covers);
        });
        let mut expanded: Vec<Point> = Vec::new();
        loop {
            let open: Vec<Point> = points.iter().filter(|p| !expanded.contains(p)).cloned().collect();
            if open.is_empty() || expanded.len() + open.len() > EXPANDED {
                return Ok(points.into_iter().map(|p| p.states).collect());
            }
            let near = run.try_map(&open, |p| Ok(self.neighbours(p, &points)))?;
            near.into_iter().flatten().for_each(|point| {
                insert(&mut points, point, Point::covers);
            });
            expanded.extend(open);
        }
    }

    /// Climbs to the constraints first, then up a weighted sum.
    fn ascended(&self, start: u64, weights: &[f64]) -> Option<Point> {
        let lattices = self.all();
        let mut states = random_states(&lattices[0].cards, start);
        let m = self.objectives.len();
        let score = |values: &[i32]| {
            let sum: f64 = (0..m).map(|j| weights[j] * lattices[j].unit * f64::from(values[j])).sum();
            (shortage(&values[m..], self.least, &self.constraints), sum)
        };
        ascend(&lattices, &mut states, score);
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
                    insert(&mut out, Point { values: values[..m].to_vec(), states }, Point::covers);
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
