//! How many architectures meet constraints.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::answers::answer::Answer;
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::halves::{MOST, OpenJob};
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, Verdict};
use crate::exact::fixed::network::Network;
use crate::exact::fixed::tiles::classify;
use crate::exact::prepared::{Prepared, Term};
use crate::exact::question::kinds::Outcome;
use crate::exact::question::sizes::{read, write};
use crate::exact::state::{Done, damaged};
use crate::threads::Run;

/// Number of architectures so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub(crate) feasible: u128,
}

/// The count. Functions are the constraints, then their opposites, whose bounds say when all architectures meet them.
pub(crate) struct CountGoal<'a> {
    prepared: &'a Prepared,
    tree: &'a Tree,
    /// For each constraint the steps from which on it may be, and surely is, met.
    limits: Vec<(i32, i32)>,
    run: Run<'a>,
}

/// The functions of terms, then their opposites, whose upper bounds are lower bounds.
pub(crate) fn with_opposites(prepared: &Prepared, terms: &[Term]) -> Vec<Network> {
    let opposite = |term: &Term| Term { sign: -term.sign, ..*term };
    terms.iter().map(|t| prepared.function(t)).chain(terms.iter().map(|t| prepared.function(&opposite(t)))).collect()
}

impl<'a> CountGoal<'a> {
    pub(crate) fn new(prepared: &'a Prepared, tree: &'a Tree, run: Run<'a>) -> CountGoal<'a> {
        let limits = prepared.limits(|c| tree.lattice(c));
        CountGoal { prepared, tree, limits, run }
    }
}

impl Goal for CountGoal<'_> {
    type Found = Count;
    type View = ();
    const BATCH: usize = 4096;

    fn view(&self, _: &Count) {}

    fn judge(&self, found: &mut Count, (): (), bounds: &[i32], size: u128) -> Verdict<()> {
        let (upper, lower) = bounds.split_at(self.limits.len());
        if upper.iter().zip(&self.limits).any(|(bound, (least, _))| bound < least) {
            return Verdict::Prune;
        }
        match lower.iter().zip(&self.limits).all(|(bound, (_, sure))| bound.saturating_neg() >= *sure) {
            true => {
                found.feasible += size;
                Verdict::Whole
            }
            false => Verdict::Descend(()),
        }
    }

    fn seed(&self, _: &Count) -> Count {
        Count::default()
    }

    fn tile(&self, found: &mut Count, (): (), tile: &mut Tile<'_>, doubtful: &mut Vec<u8>) -> Result<()> {
        (0..self.limits.len()).for_each(|f| tile.evaluate(f));
        let (rows, columns, _) = tile.shape();
        let values: Vec<&[i32]> = (0..self.limits.len()).map(|f| tile.values(f)).collect();
        let (met, is_doubtful) = classify(&values, &self.limits, columns);
        found.feasible += u128::from(met) * self.tree.levels.free_size;
        if is_doubtful {
            let cells = tile.cells(0..rows).filter(|&cell| tile.meets(cell, 0, &self.limits) == 1);
            cells.for_each(|cell| doubtful.extend(tile.row(cell)));
        }
        Ok(())
    }

    fn halve(&self, found: &mut Count, (): (), job: &OpenJob<'_>, doubtful: &mut Vec<u8>) -> Result<Option<Counts>> {
        let bounds = job.bounds();
        let lower = &bounds[self.limits.len()..];
        let open = (0..self.limits.len()).filter(|&c| lower[c].saturating_neg() < self.limits[c].1);
        let open: Vec<usize> = open.collect();
        if open.len() > MOST {
            return Ok(None);
        }
        let (size, limits) = (self.tree.levels.free_size, open.iter().map(|&c| self.limits[c]).collect::<Vec<_>>());
        let mut evaluated = 0;
        let met = job.halves(&open).count(&limits, &self.run, |row, _| {
            evaluated += size;
            doubtful.extend(&row);
            self.decide_many(found, doubtful, row.len())
        })?;
        let settled = u128::from(met) * size;
        found.feasible += settled;
        Ok(Some(Counts { evaluated, settled, pruned: self.tree.job_size() - evaluated - settled }))
    }

    fn decide(&self, found: &mut Count, doubtful: &[u8]) -> Result<()> {
        let met = self.prepared.feasible(doubtful, &self.run)?.len();
        found.feasible += met as u128 * self.tree.levels.free_size;
        Ok(())
    }

    fn merge(&self, into: &mut Count, from: Count) -> Result<()> {
        into.feasible += from.feasible;
        Ok(())
    }
}

impl Answer for CountGoal<'_> {
    /// All that bounds count, and some of those that were evaluated.
    fn validate(&self, found: &Count, done: &Done<'_>) -> Result<()> {
        let (counts, feasible) = (done.counts, done.sum_of_groups([found.feasible])?);
        let most = counts.settled + counts.evaluated;
        let least = if self.limits.is_empty() { counts.total() } else { counts.settled };
        match (least..=most).contains(&feasible) {
            true => Ok(()),
            false => Err(damaged(format!("{feasible} architectures meet the constraints, expected {least} to {most}"))),
        }
    }

    fn outcome(&self, found: &Count, _: bool) -> Result<Outcome> {
        Ok(Outcome::Count(found.feasible))
    }
}
