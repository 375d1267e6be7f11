//! The exact Pareto front of two or three objectives under constraints.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::best::Item;
use crate::exact::kernels::{LANES, matches};
use crate::exact::lattice::Lattice;
use crate::exact::network::Network;
use crate::exact::problem::{Problem, clamp};
use crate::exact::seeds::{Guide, Landscape, directions, guiding_weights};
use crate::exact::task::Outcome;
use crate::exact::tree::{Goal, Tile, Tree, Verdict};
use crate::exact::zones::{Corner, MAX_BOUNDS, MAX_OBJECTIVES, Zones};
use crate::threads::Run;

/// Candidates that are evaluated in float64 at once.
const BATCH: usize = 1024;
/// Most zones that a tile is compared with one by one.
const FEW: usize = 6;

/// Points that are not dominated by one another.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Front {
    /// Found by jobs: every architecture is in one job, so ties are counted once.
    pub(crate) items: Vec<Item>,
    /// Found before the first job: they exclude, but are counted when a job comes across them.
    pub(crate) seeds: Vec<Item>,
    #[serde(skip)]
    zones: Arc<Zones>,
    #[serde(skip)]
    pending: Vec<u8>,
}

/// A range of zones that a subtree reaches into, and the version that it is a range of.
#[derive(Clone, Copy)]
pub(crate) struct Reached {
    first: usize,
    last: usize,
    version: u32,
}

/// The search for the front. Functions are the objectives, the constraints, and weighted sums of objectives.
pub(crate) struct FrontGoal<'a> {
    problem: &'a Problem,
    tree: &'a Tree,
    guide: &'a Guide,
    /// Least steps of the constraints.
    least: Vec<i32>,
    run: Run<'a>,
}

impl<'a> FrontGoal<'a> {
    pub(crate) fn new(problem: &'a Problem, tree: &'a Tree, guide: &'a Guide, run: Run<'a>) -> FrontGoal<'a> {
        let least = |(c, term)| problem.least(term, tree.lattice(problem.objectives() + c));
        let least = problem.constraint_terms().iter().enumerate().map(least).collect();
        FrontGoal { problem, tree, guide, least, run }
    }

    fn objectives(&self) -> usize {
        self.problem.objectives()
    }

    fn lattice(&self, f: usize) -> &Lattice {
        self.tree.lattice(f)
    }

    /// Least steps of every bounding function at architectures that reach a corner.
    fn needs(&self, corner: &Corner) -> [i32; MAX_BOUNDS] {
        let m = self.objectives();
        let least_value = |j: usize| {
            let lattice = self.lattice(j);
            let steps = f64::from(corner[j]) - f64::from(lattice.margin);
            (lattice.offset + steps * lattice.unit).max(lattice.offset - 1.01 * lattice.magnitude())
        };
        let mut needs = [i32::MIN; MAX_BOUNDS];
        needs[..m].copy_from_slice(&corner[..m]);
        for (k, weights) in self.guide.weights.iter().enumerate() {
            let value = weights.iter().enumerate().map(|(j, w)| w * least_value(j)).sum();
            needs[m + k] = clamp(self.lattice(m + self.least.len() + k).possibly_at_least(value));
        }
        needs
    }

    /// Steps below which an architecture is worse than a point in an objective.
    fn corner(&self, item: &Item) -> Corner {
        let mut corner = [i32::MIN; MAX_OBJECTIVES];
        for (j, term) in self.problem.terms[..self.objectives()].iter().enumerate() {
            let value = self.problem.on_term(term, item.values[term.network]);
            corner[j] = clamp(self.lattice(j).possibly_at_least(value));
        }
        corner
    }

    fn exclude(&self, zones: &mut Arc<Zones>, item: &Item) {
        Arc::make_mut(zones).exclude(&self.corner(item), self.objectives(), |corner| self.needs(corner));
    }

    /// An objective's value of an item; more is better.
    fn score(&self, item: &Item, j: usize) -> f64 {
        self.problem.score(j, item.values[self.problem.terms[j].network])
    }

    /// Puts a point among others that do not dominate each other; tells whether it is new there.
    fn insert(&self, items: &mut Vec<Item>, item: Item) -> bool {
        let m = self.objectives();
        let covers = |a: &Item, b: &Item| (0..m).all(|j| self.score(a, j) >= self.score(b, j));
        for other in items.iter_mut() {
            if covers(other, &item) {
                if covers(&item, other) {
                    other.ties += item.ties;
                    if item.row < other.row {
                        other.row = item.row;
                        other.values = item.values;
                    }
                }
                return false;
            }
        }
        items.retain(|other| !covers(&item, other));
        items.push(item);
        true
    }

    /// Float64 values of candidates that meet the constraints.
    fn evaluate(&self, rows: &[u8]) -> Result<Vec<Item>> {
        let values = self.problem.values(rows, &self.run)?;
        let rows = rows.chunks_exact(self.problem.bench.space().width()).enumerate();
        let feasible = rows.filter(|(i, _)| self.problem.is_feasible(|m| values[m][*i]));
        let ties = self.tree.levels.free_size;
        Ok(feasible
            .map(|(i, row)| Item { row: row.to_vec(), values: values.iter().map(|v| v[i]).collect(), ties })
            .collect())
    }

    /// Whether an architecture with these values of objectives and constraints may belong to the front.
    fn matters(&self, zones: &Zones, view: Reached, values: &[i32]) -> bool {
        let (objectives, constraints) = values.split_at(self.objectives());
        let mut bounds = [i32::MAX; MAX_BOUNDS];
        bounds[..objectives.len()].copy_from_slice(objectives);
        constraints.iter().zip(&self.least).all(|(value, least)| value >= least)
            && zones.first_reached(view.first..view.last, &bounds).is_some()
    }
}

impl Goal for FrontGoal<'_> {
    type Found = Front;
    type View = Reached;

    /// Everything is open but what the seeds exclude.
    fn start(&self) -> Result<Front> {
        let mut found = Front::default();
        for item in self.evaluate(&self.guide.seeds)? {
            self.insert(&mut found.seeds, item);
        }
        Ok(found)
    }

    fn resumed(&self, mut found: Front) -> Front {
        found.zones = Arc::new(Zones::new(|corner| self.needs(corner)));
        for item in found.seeds.iter().chain(&found.items) {
            self.exclude(&mut found.zones, item);
        }
        found
    }

    fn view(&self, found: &Front) -> Reached {
        Reached { first: 0, last: found.zones.all.len(), version: found.zones.version }
    }

    fn seed(&self, found: &Front) -> Front {
        Front { zones: found.zones.clone(), ..Front::default() }
    }

    fn judge(&self, found: &mut Front, view: Reached, bounds: &[i32], _: u64) -> Verdict<Reached> {
        let (m, c) = (self.objectives(), self.least.len());
        if bounds[m..m + c].iter().zip(&self.least).any(|(bound, least)| bound < least) {
            return Verdict::Prune;
        }
        let mut of_zones = [i32::MAX; MAX_BOUNDS];
        of_zones[..m].copy_from_slice(&bounds[..m]);
        of_zones[m..m + self.guide.weights.len()].copy_from_slice(&bounds[m + c..]);
        let view = if view.version == found.zones.version { view } else { self.view(found) };
        match found.zones.reached(view.first..view.last, &of_zones) {
            Some(range) => Verdict::Descend(Reached { first: range.start, last: range.end, ..view }),
            None => Verdict::Prune,
        }
    }

    fn tile(&self, found: &mut Front, view: Reached, tile: &mut Tile<'_>) -> Result<()> {
        let evaluated = self.objectives() + self.least.len();
        (0..evaluated).for_each(|f| tile.evaluate(f));
        let zones = &found.zones.all[view.first..view.last];
        let lowest = |j: usize| zones.iter().map(|zone| zone.corner[j]).min().unwrap_or(i32::MIN);
        let corners: Vec<Corner> = match zones.len() <= FEW {
            true => zones.iter().map(|zone| zone.corner).collect(),
            false => vec![std::array::from_fn(lowest)],
        };
        let (_, columns, padded) = tile.shape();
        let values: Vec<&[i32]> = (0..evaluated).map(|f| tile.values(f)).collect();
        let mut hits = Vec::new();
        matches(&values[..self.objectives()], &corners, &values[self.objectives()..], &self.least, &mut hits);
        let mut of_cell = vec![0; evaluated];
        let cells = hits.iter().flat_map(|&vector| vector * LANES..(vector + 1) * LANES);
        for cell in cells.filter(|cell| cell % padded < columns) {
            of_cell.iter_mut().zip(&values).for_each(|(v, values)| *v = values[cell]);
            if self.matters(&found.zones, view, &of_cell) {
                found.pending.extend(tile.row(cell / padded, cell % padded));
            }
        }
        match found.pending.len() >= BATCH * self.problem.bench.space().width() {
            true => self.finish(found),
            false => Ok(()),
        }
    }

    fn finish(&self, found: &mut Front) -> Result<()> {
        let pending = std::mem::take(&mut found.pending);
        for item in self.evaluate(&pending)? {
            if self.insert(&mut found.items, item.clone()) {
                self.exclude(&mut found.zones, &item);
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut Front, from: Front) {
        for item in from.items {
            if self.insert(&mut into.items, item.clone()) {
                self.exclude(&mut into.zones, &item);
            }
        }
        for seed in from.seeds {
            if !into.seeds.contains(&seed) {
                self.insert(&mut into.seeds, seed);
            }
        }
    }

    /// The points, best first in the first objective; before the last job with the seeds among them.
    fn outcome(&self, found: &Front, complete: bool) -> Outcome {
        let mut items = found.items.clone();
        for seed in found.seeds.iter().filter(|_| !complete) {
            if !items.iter().any(|item| item.values == seed.values) {
                self.insert(&mut items, seed.clone());
            }
        }
        items.sort_by(|a, b| self.score(b, 0).total_cmp(&self.score(a, 0)).then_with(|| a.row.cmp(&b.row)));
        Outcome::Items(items)
    }
}

/// Functions, and weighted sums of the objectives, which follow a front that local search finds.
pub(crate) fn bounding_functions(
    problem: &Problem,
    mut functions: Vec<Network>,
    run: &Run<'_>,
) -> Result<(Vec<Network>, Guide)> {
    let m = problem.objectives();
    let order: Vec<usize> = (0..problem.levels.levels.len()).collect();
    let lattice = |f: &Network| Lattice::new(f, &order, Lattice::safe_unit(f));
    let lattices: Vec<Lattice> = functions.iter().map(lattice).collect();
    let (objectives, constraints) = lattices.split_at(m);
    let least = problem.constraint_terms().iter().zip(constraints).map(|(term, lattice)| problem.least(term, lattice));
    let landscape = Landscape {
        objectives: objectives.iter().collect(),
        constraints: constraints.iter().collect(),
        least: &least.collect::<Vec<i32>>(),
    };
    let scale: Vec<f64> = functions[..m].iter().map(|f| f.deviation().max(f64::MIN_POSITIVE)).collect();
    let scaled = |weights: Vec<f64>| weights.iter().zip(&scale).map(|(w, s)| w / s).collect();
    let start: Vec<Vec<f64>> = directions(m, if m == 2 { 32 } else { 8 }).into_iter().map(scaled).collect();
    let seeds = landscape.seeds(&start, run)?;
    let points: Vec<Vec<f64>> = seeds.iter().map(|s| functions[..m].iter().map(|f| f.value(s)).collect()).collect();
    let weights = guiding_weights(&points, &scale);
    for weights in &weights {
        let parts: Vec<(f64, &Network)> = weights.iter().copied().zip(&functions[..m]).collect();
        functions.push(Network::combined(&parts));
    }
    let seeds = seeds.iter().flat_map(|states| problem.levels.row(states)).collect();
    Ok((functions, Guide { weights, seeds }))
}
