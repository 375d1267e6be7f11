//! The exact Pareto front of two or three objectives under constraints; `many` has that of more.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::answers::answer::Answer;
use crate::exact::answers::zones::{Corner, MAX_BOUNDS, Zones};
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, Verdict};
use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::tiles::{LANES, matches};
use crate::exact::prepared::{Prepared, clamp};
use crate::exact::question::kinds::{Item, Outcome};
use crate::exact::starts::bounding::{Guide, ZONED};
use crate::exact::starts::dominance::{covers, insert_item, require_few, score};
use crate::exact::state::{Done, check_items, checked_sum, damaged};
use crate::threads::Run;

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
    prepared: &'a Prepared,
    tree: &'a Tree,
    guide: &'a Guide,
    /// Most points.
    most: usize,
    /// Least steps of the constraints.
    least: Vec<i32>,
    /// Of objectives that one level decides, the score and steps of its states.
    few: Vec<Option<Vec<(f64, i32)>>>,
    run: Run<'a>,
}

impl<'a> FrontGoal<'a> {
    pub(crate) fn new(
        prepared: &'a Prepared,
        tree: &'a Tree,
        (guide, most): (&'a Guide, usize),
        run: Run<'a>,
    ) -> Result<FrontGoal<'a>> {
        let least = prepared.least_of_constraints(|c| tree.lattice(prepared.objectives() + c));
        let few = (0..prepared.objectives()).map(|j| few_scores(prepared, tree, j, &run)).collect::<Result<_>>()?;
        Ok(FrontGoal { prepared, tree, guide, most, least, few, run })
    }

    fn objectives(&self) -> usize {
        self.prepared.objectives()
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

    /// Steps below which an architecture is worse than a point in an objective, or no better than what nothing beats.
    fn corner(&self, item: &Item) -> Corner {
        let mut corner = [i32::MIN; ZONED];
        let mut others = false;
        for (j, term) in self.prepared.terms[..self.objectives()].iter().enumerate().rev() {
            let (value, better) = self.prepared.beating(term, item.values[term.network]);
            let own = self.prepared.score(j, item.values[term.network]);
            let steps = self.few[j].iter().flatten().filter(|(score, _)| *score > own).map(|(_, steps)| *steps);
            // Equal architectures, which count as ties, are told from worse ones by one objective at least.
            let is_known = (better == f64::INFINITY || self.few[j].is_some()) && (j > 0 || others);
            let beyond = if better == f64::INFINITY { i32::MAX } else { steps.min().unwrap_or(i32::MAX) };
            corner[j] = if is_known { beyond } else { clamp(self.lattice(j).possibly_at_least(value)) };
            others |= !is_known;
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
            if insert_item(self.prepared, &mut found.items, item.clone()) {
                self.exclude(&mut found.zones, &item);
            }
        }
        require_few(found.items.len(), self.most)
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

/// The score and steps of each state of the level that decides an objective; none where several levels do.
fn few_scores(prepared: &Prepared, tree: &Tree, j: usize, run: &Run<'_>) -> Result<Option<Vec<(f64, i32)>>> {
    let Some(level) = tree.lattice(j).only_level() else { return Ok(None) };
    let mut states = vec![0; tree.cards.len()];
    let (mut rows, mut steps) = (Vec::new(), Vec::new());
    for state in 0..tree.cards[level] {
        states[level] = state;
        rows.extend(tree.levels.row(&states));
        steps.push(tree.lattice(j).value(&states));
    }
    let values = &prepared.values(&rows, run)?[prepared.terms[j].network];
    Ok(Some(values.iter().map(|&value| prepared.score(j, value)).zip(steps).collect()))
}

impl Goal for FrontGoal<'_> {
    type Found = Front;
    type View = Reached;
    const BATCH: usize = 1024;

    fn view(&self, found: &Front) -> Reached {
        Reached { first: 0, last: found.zones.all.len(), version: found.zones.version }
    }

    fn seed(&self, found: &Front) -> Front {
        Front { zones: found.zones.clone(), ..Front::default() }
    }

    fn judge(&self, found: &mut Front, view: Reached, bounds: &[i32], _: u128) -> Verdict<Reached> {
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

    fn tile(&self, found: &mut Front, view: Reached, tile: &mut Tile<'_>, doubtful: &mut Vec<u8>) -> Result<()> {
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
                self.tree.levels.push_with_dominated(&tile.row(cell), doubtful);
            }
        }
        Ok(())
    }

    fn decide(&self, found: &mut Front, doubtful: &[u8]) -> Result<()> {
        let doubtful = self.prepared.screened(doubtful, None, &self.run)?;
        let items = self.prepared.items(&doubtful, self.tree.levels.free_size, &self.run)?;
        self.add(found, items)
    }

    fn merge(&self, into: &mut Front, from: Front) -> Result<()> {
        self.add(into, from.items)
    }
}

impl Answer for FrontGoal<'_> {
    /// Points of jobs that are done, none of which covers another; they cover the seeds of these jobs.
    fn validate(&self, found: &Front, done: &Done<'_>) -> Result<()> {
        let (prepared, items) = (self.prepared, &found.items);
        check_items(prepared, items, &self.run)?;
        done.expect_no("counted by a bound", done.counts.settled)?;
        let ties = items.iter().map(|item| item.ties);
        let evaluated = done.counts.evaluated.saturating_mul(self.tree.largest_weight());
        let total = checked_sum(ties.clone())?;
        done.sum_of_groups(ties)?;
        if total > evaluated {
            return Err(damaged(format!("points stand for {total} architectures, {evaluated} were evaluated")));
        }
        let levels = &self.tree.levels;
        for (i, item) in items.iter().enumerate() {
            self.run.check()?;
            let is_first = levels.free.iter().all(|&v| item.row[v] == levels.first[v]);
            let covered = items.iter().enumerate().any(|(j, other)| j != i && covers(prepared, other, item));
            if item.ties == 0 || !is_first || covered || !done.has(&item.row) {
                let what =
                    "stands for none, is not the first of equal ones, is dominated, or is of a job that is not done";
                return Err(damaged(format!("architecture {i} {what}")));
            }
        }
        let missing = |seed: &&Item| done.has(&seed.row) && !items.iter().any(|item| covers(prepared, item, seed));
        match self.guide.seeds.iter().find(missing) {
            None => Ok(()),
            Some(seed) => {
                let text = prepared.bench.space().format_row(&seed.row);
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

    /// The points, best first in the first objective; before the last job with the seeds among them.
    fn outcome(&self, found: &Front, complete: bool) -> Result<Outcome> {
        let mut items = found.items.clone();
        for seed in self.guide.seeds.iter().filter(|_| !complete) {
            self.run.check()?;
            if !items.iter().any(|item| item.values == seed.values) {
                insert_item(self.prepared, &mut items, seed.clone());
            }
        }
        let first = |item: &Item| score(self.prepared, item, 0);
        items
            .sort_by(|a, b| first(b).partial_cmp(&first(a)).unwrap_or(Ordering::Equal).then_with(|| a.row.cmp(&b.row)));
        Ok(Outcome::Items(items))
    }
}
