//! The exact Pareto front of four objectives or more under constraints.
//!
//! A subtree is excluded where one point is better than its bounds in every objective. There are too many zones to keep
//! (`zones`), so points themselves are looked up, in an index; those that excluded something last are tried first.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Result;
use crate::exact::answers::answer::Answer;
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, Verdict};
use crate::exact::fixed::tiles::{LANES, undominated};
use crate::exact::prepared::{Prepared, clamp};
use crate::exact::question::kinds::{Item, Outcome};
use crate::exact::starts::bounding::Guide;
use crate::exact::starts::dominance::{require_few, score};
use crate::exact::state::{Done, check_items, checked_sum, damaged};
use crate::pareto::index::{PointIndex, WIDTH};
use crate::threads::Run;

/// Points that are tried first.
const TRIED: usize = 12;
/// Steps by which corners may contradict the values that they are of.
const SLACK: i32 = 2;

/// Steps below which an architecture is worse than a point in an objective; the largest number where there is none.
type Corner = [i32; WIDTH];
type Scores = [f64; WIDTH];

/// Points that exclude others: corners in an index, scores and what they are of by number.
#[derive(Clone, Debug, Default)]
struct Points {
    corners: PointIndex<i32>,
    scores: Vec<Scores>,
    /// Positions of items; `None` of architectures that local search found.
    items: Vec<Option<usize>>,
}

/// Points that are not dominated by one another.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Many {
    /// Found by jobs: every architecture is in one job, so ties are counted once. `None` once they are dominated.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    items: Vec<Option<Item>>,
    /// Number of those that are not.
    #[serde(skip)]
    count: usize,
    /// What excludes others: of all jobs before, and of this one.
    #[serde(skip)]
    known: Arc<Points>,
    #[serde(skip)]
    own: Points,
    #[serde(skip)]
    tried: Vec<Corner>,
}

fn write<S: Serializer>(items: &[Option<Item>], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().flatten())
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Option<Item>>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().map(Some).collect())
}

impl Points {
    /// The first point found that is at least as good in every objective, by float64; not itself among those without item.
    fn coverer(&self, (corner, scores): &(Corner, Scores)) -> Option<u32> {
        let may = |_: &Corner, high: &Corner| high.iter().zip(corner).all(|(h, c)| *h >= c.saturating_sub(SLACK));
        let covers = |&(at, number): &(Corner, u32)| {
            let own = &self.scores[number as usize];
            may(&at, &at)
                && own.iter().zip(scores).all(|(a, b)| a >= b)
                && (self.items[number as usize].is_some() || own != scores)
        };
        self.corners.find(may, covers).map(|(_, number)| number)
    }

    /// Calls with the position of every item that a point covers.
    fn each_covered(&self, (corner, scores): &(Corner, Scores), mut call: impl FnMut(usize)) {
        let may = |low: &Corner, _: &Corner| low.iter().zip(corner).all(|(l, c)| l.saturating_sub(SLACK) <= *c);
        self.corners.find(may, |(at, number)| {
            let number = *number as usize;
            if may(at, at)
                && scores.iter().zip(&self.scores[number]).all(|(a, b)| a >= b)
                && let Some(item) = self.items[number]
            {
                call(item);
            }
            false
        });
    }

    /// The corner of a point that is better in every objective than what has so many steps.
    fn excluder(&self, steps: &Corner) -> Option<Corner> {
        let is_above = |corner: &Corner| corner.iter().zip(steps).fold(true, |every, (c, s)| every & (c > s));
        self.corners.find(|_, high| is_above(high), |(corner, _)| is_above(corner)).map(|(corner, _)| corner)
    }

    fn insert(&mut self, (corner, scores): (Corner, Scores), item: Option<usize>) {
        self.corners.insert(corner, self.scores.len() as u32);
        self.scores.push(scores);
        self.items.push(item);
    }
}

impl Many {
    /// Whether a point is better in every objective than what has so many steps.
    fn excludes(&mut self, steps: &Corner) -> bool {
        let is_above = |corner: &Corner| corner.iter().zip(steps).fold(true, |every, (c, s)| every & (c > s));
        if let Some(at) = self.tried.iter().position(is_above) {
            self.tried[..=at].rotate_right(1);
            return true;
        }
        let Some(corner) = self.known.excluder(steps).or_else(|| self.own.excluder(steps)) else { return false };
        self.tried.truncate(TRIED - 1);
        self.tried.insert(0, corner);
        true
    }
}

/// The search for the front. Functions are the objectives, then the constraints.
pub(crate) struct ManyGoal<'a> {
    prepared: &'a Prepared,
    tree: &'a Tree,
    guide: &'a Guide,
    /// Most points.
    most: usize,
    /// Least steps of the constraints.
    least: Vec<i32>,
    run: Run<'a>,
}

impl<'a> ManyGoal<'a> {
    pub(crate) fn new(
        prepared: &'a Prepared,
        tree: &'a Tree,
        (guide, most): (&'a Guide, usize),
        run: Run<'a>,
    ) -> ManyGoal<'a> {
        let least = prepared.least_of_constraints(|c| tree.lattice(prepared.objectives() + c));
        ManyGoal { prepared, tree, guide, most, least, run }
    }

    /// Where a point excludes others, and its scores.
    fn place(&self, item: &Item) -> (Corner, Scores) {
        let (mut corner, mut scores) = ([i32::MAX; WIDTH], [0.0; WIDTH]);
        for (j, term) in self.prepared.terms[..self.prepared.objectives()].iter().enumerate() {
            let (value, _) = self.prepared.beating(term, item.values[term.network]);
            corner[j] = clamp(self.tree.lattice(j).possibly_at_least(value));
            scores[j] = score(self.prepared, item, j);
        }
        (corner, scores)
    }

    /// Steps of the objectives as they are compared with corners.
    fn steps(&self, values: impl Iterator<Item = i32>) -> Corner {
        let mut steps = [i32::MIN; WIDTH];
        steps.iter_mut().zip(values.take(self.prepared.objectives())).for_each(|(step, value)| *step = value);
        steps
    }

    /// Puts a point among others: equal ones add up, the first of them stands for all.
    fn insert(&self, (items, count): (&mut Vec<Option<Item>>, &mut usize), points: &mut Points, item: Item) {
        let place = self.place(&item);
        if let Some(number) = points.coverer(&place).map(|number| number as usize) {
            if points.scores[number] == place.1
                && let Some(at) = points.items[number]
                && let Some(other) = &mut items[at]
            {
                other.ties += item.ties;
                if item.row < other.row {
                    (other.row, other.values) = (item.row, item.values);
                }
            }
            return;
        }
        points.each_covered(&place, |at| *count -= usize::from(items[at].take().is_some()));
        points.insert(place, Some(items.len()));
        *count += 1;
        items.push(Some(item));
    }

    /// Drops what is dominated once that is more than the rest.
    fn compact(&self, found: &mut Many) -> Result<()> {
        if found.items.len() <= 2 * found.count + 1000 {
            return Ok(());
        }
        *found = self.among(std::mem::take(&mut found.items).into_iter().flatten().collect())?;
        Ok(())
    }

    /// Points, none of which covers another, with the architectures that local search found.
    fn among(&self, items: Vec<Item>) -> Result<Many> {
        let mut points = Points::default();
        for (at, item) in items.iter().enumerate() {
            self.run.check()?;
            points.insert(self.place(item), Some(at));
        }
        self.guide.seeds.iter().for_each(|seed| points.insert(self.place(seed), None));
        let count = items.len();
        Ok(Many { items: items.into_iter().map(Some).collect(), count, known: Arc::new(points), ..Many::default() })
    }
}

impl Goal for ManyGoal<'_> {
    type Found = Many;
    type View = ();
    const BATCH: usize = 512;

    fn view(&self, _: &Many) {}

    fn seed(&self, found: &Many) -> Many {
        Many { known: found.known.clone(), ..Many::default() }
    }

    fn judge(&self, found: &mut Many, (): (), bounds: &[i32], _: u128) -> Verdict<()> {
        let m = self.prepared.objectives();
        let is_met = bounds[m..].iter().zip(&self.least).all(|(bound, least)| bound >= least);
        match !is_met || found.excludes(&self.steps(bounds.iter().copied())) {
            true => Verdict::Prune,
            false => Verdict::Descend(()),
        }
    }

    fn tile(&self, found: &mut Many, (): (), tile: &mut Tile<'_>, doubtful: &mut Vec<u8>) -> Result<()> {
        let m = self.prepared.objectives();
        (0..m + self.least.len()).for_each(|f| tile.evaluate(f));
        let (_, columns, padded) = tile.shape();
        let values: Vec<&[i32]> = (0..m + self.least.len()).map(|f| tile.values(f)).collect();
        let (objectives, constraints) = values.split_at(m);
        let mut hits = Vec::new();
        undominated(objectives, &found.tried, constraints, &self.least, &mut hits);
        let cells = hits.iter().flat_map(|&vector| vector * LANES..(vector + 1) * LANES);
        for cell in cells.filter(|cell| cell % padded < columns) {
            let is_met = constraints.iter().zip(&self.least).all(|(values, least)| values[cell] >= *least);
            if is_met && !found.excludes(&self.steps(objectives.iter().map(|values| values[cell]))) {
                self.tree.levels.push_with_dominated(&tile.row(cell), doubtful);
            }
        }
        Ok(())
    }

    /// Keeps what no point of the jobs before dominates; what equals one adds to its ties once it is merged.
    fn decide(&self, found: &mut Many, doubtful: &[u8]) -> Result<()> {
        let doubtful = self.prepared.screened(doubtful, None, &self.run)?;
        let items = self.prepared.items(&doubtful, self.tree.levels.free_size, &self.run)?;
        for item in items {
            let place = self.place(&item);
            let known = found.known.coverer(&place);
            if known.is_none_or(|number| found.known.scores[number as usize] == place.1) {
                self.insert((&mut found.items, &mut found.count), &mut found.own, item);
            }
        }
        require_few(found.count, self.most)
    }

    fn merge(&self, into: &mut Many, from: Many) -> Result<()> {
        // Nothing of other jobs keeps the points from being changed in place but those of this wave.
        drop(from.known);
        let points = Arc::make_mut(&mut into.known);
        for item in from.items.into_iter().flatten() {
            self.run.check()?;
            self.insert((&mut into.items, &mut into.count), points, item);
        }
        self.compact(into)?;
        require_few(into.count, self.most)
    }
}

impl Answer for ManyGoal<'_> {
    /// Points of jobs that are done, none of which covers another; they cover the seeds of these jobs.
    fn validate(&self, found: &Many, done: &Done<'_>) -> Result<()> {
        let items: Vec<Item> = found.items.iter().flatten().cloned().collect();
        check_items(self.prepared, &items, &self.run)?;
        done.expect_no("counted by a bound", done.counts.settled)?;
        let ties = items.iter().map(|item| item.ties);
        let evaluated = done.counts.evaluated.saturating_mul(self.tree.largest_weight());
        let total = checked_sum(ties.clone())?;
        done.sum_of_groups(ties)?;
        if total > evaluated {
            return Err(damaged(format!("points stand for {total} architectures, {evaluated} were evaluated")));
        }
        let levels = &self.tree.levels;
        let mut points = Points::default();
        for (i, item) in items.iter().enumerate() {
            self.run.check()?;
            let is_first = levels.free.iter().all(|&v| item.row[v] == levels.first[v]);
            let place = self.place(item);
            let mut covered = points.coverer(&place).is_some();
            points.each_covered(&place, |_| covered = true);
            if item.ties == 0 || !is_first || covered || !done.has(&item.row) {
                let what =
                    "stands for none, is not the first of equal ones, is dominated, or is of a job that is not done";
                return Err(damaged(format!("architecture {i} {what}")));
            }
            points.insert(place, Some(i));
        }
        let missing = |seed: &&Item| done.has(&seed.row) && points.coverer(&self.place(seed)).is_none();
        match self.guide.seeds.iter().find(missing) {
            None => Ok(()),
            Some(seed) => {
                let text = self.prepared.bench.space().format_row(&seed.row);
                Err(damaged(format!("{text} is missing, or a point that dominates it")))
            }
        }
    }

    fn resumed(&self, found: Many) -> Result<Many> {
        self.among(found.items.into_iter().flatten().collect())
    }

    /// The points, best first in the first objective; before the last job with the seeds that none of them covers.
    fn outcome(&self, found: &Many, complete: bool) -> Result<Outcome> {
        let open = self.guide.seeds.iter().filter(|_| !complete);
        let open = open.filter(|seed| found.known.coverer(&self.place(seed)).is_none());
        let mut items: Vec<Item> = found.items.iter().flatten().chain(open).cloned().collect();
        self.run.check()?;
        let first = |item: &Item| score(self.prepared, item, 0);
        items
            .sort_by(|a, b| first(b).partial_cmp(&first(a)).unwrap_or(Ordering::Equal).then_with(|| a.row.cmp(&b.row)));
        Ok(Outcome::Items(items))
    }
}
