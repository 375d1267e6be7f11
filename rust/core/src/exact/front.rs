//! The exact Pareto front of two or three objectives under constraints.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::best::Item;
use crate::exact::kernels::{LANES, matches};
use crate::exact::lattice::Lattice;
use crate::exact::network::Network;
use crate::exact::problem::{Problem, clamp};
use crate::exact::seeds::{Guide, Landscape, directions, guiding_weights};
use crate::exact::state::{Done, check_items, damaged, sum};
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
#[serde(deny_unknown_fields)]
pub(crate) struct Front {
    /// Found by jobs: every architecture is in one job, so ties are counted once.
    pub(crate) items: Vec<Item>,
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
            let (value, _) = self.problem.on_term(term, item.values[term.network]);
            corner[j] = clamp(self.lattice(j).possibly_at_least(value));
        }
        corner
    }

    fn exclude(&self, zones: &mut Arc<Zones>, item: &Item) {
        Arc::make_mut(zones).exclude(&self.corner(item), self.objectives(), |corner| self.needs(corner));
    }

    /// Adds points of the front, which exclude others from then on.
    fn add(&self, found: &mut Front, items: Vec<Item>) -> Result<()> {
        for item in items {
            self.run.check()?;
            if insert(self.problem, &mut found.items, item.clone()) {
                self.exclude(&mut found.zones, &item);
            }
        }
        Ok(())
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

    fn start(&self) -> Result<Front> {
        Ok(Front::default())
    }

    /// Points of jobs that are done, none of which covers another; they cover the seeds of these jobs.
    fn validate(&self, found: &Front, done: &Done<'_>) -> Result<()> {
        let (problem, items) = (self.problem, &found.items);
        check_items(problem, items, &self.run)?;
        done.expect_no("counted by a bound", done.counts.settled)?;
        let (ties, evaluated) = (items.iter().map(|item| item.ties), done.counts.evaluated);
        let total = sum(ties.clone())?;
        done.sum_of_groups(&ties.collect::<Vec<u64>>())?;
        if total > evaluated {
            return Err(damaged(format!("points stand for {total} architectures, {evaluated} were evaluated")));
        }
        let levels = &self.tree.levels;
        for (i, item) in items.iter().enumerate() {
            self.run.check()?;
            let is_first = levels.free.iter().all(|&v| item.row[v] == levels.first[v]);
            let covered = items.iter().enumerate().any(|(j, other)| j != i && covers(problem, other, item));
            if item.ties == 0 || !is_first || covered || !done.has(&item.row) {
                let what =
                    "stands for none, is not the first of equal ones, is dominated, or is of a job that is not done";
                return Err(damaged(format!("architecture {i} {what}")));
            }
        }
        let missing = |seed: &&Item| done.has(&seed.row) && !items.iter().any(|item| covers(problem, item, seed));
        match self.guide.seeds.iter().find(missing) {
            None => Ok(()),
            Some(seed) => {
                let text = problem.bench.space().format_row(&seed.row);
                Err(damaged(format!("{text} is missing, or a point that dominates it")))
            }
        }
    }

    /// Everything is open but what points and seeds exclude.
    fn resumed(&self, mut found: Front) -> Result<Front> {
        found.zones = Arc::new(Zones::new(|corner| self.needs(corner)));
        for item in self.guide.seeds.iter().chain(&found.items) {
            self.run.check()?;
            self.exclude(&mut found.zones, item);
        }
        Ok(found)
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
        let items = self.problem.items(&pending, self.tree.levels.free_size, &self.run)?;
        self.add(found, items)
    }

    fn merge(&self, into: &mut Front, from: Front) -> Result<()> {
        self.add(into, from.items)
    }

    /// The points, best first in the first objective; before the last job with the seeds among them.
    fn outcome(&self, found: &Front, complete: bool) -> Result<Outcome> {
        let mut items = found.items.clone();
        for seed in self.guide.seeds.iter().filter(|_| !complete) {
            self.run.check()?;
            if !items.iter().any(|item| item.values == seed.values) {
                insert(self.problem, &mut items, seed.clone());
            }
        }
        let first = |item: &Item| score(self.problem, item, 0);
        items
            .sort_by(|a, b| first(b).partial_cmp(&first(a)).unwrap_or(Ordering::Equal).then_with(|| a.row.cmp(&b.row)));
        Ok(Outcome::Items(items))
    }
}

/// An objective's value of an item; more is better.
fn score(problem: &Problem, item: &Item, j: usize) -> f64 {
    problem.score(j, item.values[problem.terms[j].network])
}

/// Whether a is at least as good as b in all objectives.
fn covers(problem: &Problem, a: &Item, b: &Item) -> bool {
    (0..problem.objectives()).all(|j| score(problem, a, j) >= score(problem, b, j))
}

/// Puts a point among others that do not dominate each other; tells whether it is new there.
fn insert(problem: &Problem, items: &mut Vec<Item>, item: Item) -> bool {
    for other in items.iter_mut() {
        if covers(problem, other, &item) {
            if covers(problem, &item, other) {
                other.ties += item.ties;
                if item.row < other.row {
                    other.row = item.row;
                    other.values = item.values;
                }
            }
            return false;
        }
    }
    items.retain(|other| !covers(problem, &item, other));
    items.push(item);
    true
}

/// Functions, and weighted sums of the objectives, which follow a front that local search finds.
pub(crate) fn bounding_functions(
    problem: &Problem,
    mut functions: Vec<Network>,
    run: &Run<'_>,
) -> Result<(Vec<Network>, Guide)> {
    let m = problem.objectives();
    let order: Vec<usize> = (0..problem.levels.levels.len()).collect();
    let lattice = |f: &Network| Lattice::new(f, &order, Lattice::safe_unit(f), run);
    let lattices = functions.iter().map(lattice).collect::<Result<Vec<Lattice>>>()?;
    let (objectives, constraints) = lattices.split_at(m);
    let least = problem.constraint_terms().iter().zip(constraints).map(|(term, lattice)| problem.least(term, lattice));
    let landscape = Landscape {
        objectives: objectives.iter().collect(),
        constraints: constraints.iter().collect(),
        least: &least.collect::<Vec<i32>>(),
    };
    let scale = functions[..m].iter().map(Network::deviation).map(|s| if s > 0.0 { s } else { 1.0 });
    let scale: Vec<f64> = scale.collect();
    let scaled = |weights: Vec<f64>| weights.iter().zip(&scale).map(|(w, s)| w / s).collect();
    let start: Vec<Vec<f64>> = directions(m, if m == 2 { 32 } else { 8 }).into_iter().map(scaled).collect();
    let seeds = landscape.seeds(&start, run)?;
    let points: Vec<Vec<f64>> = seeds.iter().map(|s| functions[..m].iter().map(|f| f.value(s)).collect()).collect();
    let mut guide = Guide::default();
    for weights in guiding_weights(&points, &scale) {
        run.check()?;
        let parts: Vec<(f64, &Network)> = weights.iter().copied().zip(&functions[..m]).collect();
        let sum = Network::combined(&parts);
        // Objectives of extreme scales have sums beyond float64, which bound nothing.
        if sum.is_bounded() {
            functions.push(sum);
            guide.weights.push(weights);
        }
    }
    let rows: Vec<u8> = seeds.iter().flat_map(|states| problem.levels.row(states)).collect();
    for item in problem.items(&rows, problem.levels.free_size, run)? {
        insert(problem, &mut guide.seeds, item);
    }
    Ok((functions, guide))
}
