//! Exact ranks: how many architectures are better than given ones, and how many are equal.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::answers::answer::Answer;
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::halves::OpenJob;
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, Verdict};
use crate::exact::fixed::tiles::{Scale, classify, count_beaten};
use crate::exact::prepared::{Prepared, clamp};
use crate::exact::question::kinds::Outcome;
use crate::exact::state::{Done, checked_sum, damaged};
use crate::threads::Run;

/// Most values that are compared with a tile one by one.
const FEW: usize = 6;
/// Cells of the table that finds the values that a step count beats.
const CELLS: usize = 1 << 16;

/// Architectures by how many of the given values they beat, from the worst value on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ranked {
    /// How many surely beat exactly so many.
    beaten: Vec<u64>,
    /// How many more beat a value, decided in float64.
    more: Vec<u64>,
    equal: Vec<u64>,
    /// The value that each doubtful architecture is compared with.
    #[serde(skip)]
    against: Vec<usize>,
}

/// The architectures that are to be ranked.
#[derive(Debug)]
pub(crate) struct Given {
    /// Their values as scores: ascending and distinct.
    scores: Vec<f64>,
    /// For each of them the position of its score.
    of_rows: Vec<usize>,
    /// By score, how many of them are in the domain, each counted once: so many equal it at least.
    inside: Vec<u64>,
    /// The function is less where a rule is broken, and nowhere else: no such architecture beats or equals anything.
    floor: f64,
}

impl Given {
    pub(crate) fn new(prepared: &Prepared, rows: &[u8], floor: f64, run: &Run<'_>) -> Result<Given> {
        let values = prepared.values(rows, run)?;
        let domain = &prepared.question.domain;
        let each: Vec<&[u8]> = rows.chunks_exact(domain.allowed().len()).collect();
        for (row, &value) in each.iter().zip(&values[0]) {
            prepared.require_finite(row, &[value])?;
        }
        let of_rows: Vec<f64> = values[0].iter().map(|&value| prepared.score(0, value)).collect();
        let mut scores = of_rows.clone();
        scores.sort_by(f64::total_cmp);
        scores.dedup();
        let of_rows: Vec<usize> = of_rows.iter().map(|score| scores.partition_point(|s| s < score)).collect();
        let mut inside = vec![0; scores.len()];
        let mut distinct = BTreeMap::new();
        for (row, score) in each.into_iter().zip(of_rows.iter().copied()) {
            run.check()?;
            distinct.insert(row, score);
        }
        distinct.iter().filter(|(row, _)| domain.has(row)).for_each(|(_, &score)| inside[score] += 1);
        Ok(Given { scores, of_rows, inside, floor })
    }
}

/// Some of the values: a subtree's architectures beat those before, and none of those after.
#[derive(Clone, Copy)]
pub(crate) struct Between {
    first: usize,
    last: usize,
}

/// The counts. Function 0 is the metric, function 1 its opposite.
pub(crate) struct RanksGoal<'a> {
    prepared: &'a Prepared,
    tree: &'a Tree,
    ranked: &'a Given,
    /// For each of them the steps from which on an architecture may equal it, and surely beats it.
    steps: Vec<(i32, i32)>,
    /// The steps from which on an architecture surely equals the best of them, where nothing is better.
    best: i32,
    scale: Scale,
    run: Run<'a>,
}

impl<'a> RanksGoal<'a> {
    pub(crate) fn new(prepared: &'a Prepared, tree: &'a Tree, ranked: &'a Given, run: Run<'a>) -> RanksGoal<'a> {
        let term = &prepared.terms[0];
        let limits = |&score: &f64| {
            let (least, sure) = prepared.beating(term, prepared.score(0, score));
            let (lattice, floor) = (tree.lattice(0), ranked.floor);
            (clamp(lattice.possibly_at_least(least.max(floor))), clamp(lattice.surely_at_least(sure.max(floor))))
        };
        let steps: Vec<(i32, i32)> = ranked.scores.iter().map(limits).collect();
        let is_best = |score: &&f64| prepared.beating(term, prepared.score(0, **score)).1 == f64::INFINITY;
        let sure = |score: &f64| {
            let reached = prepared.on_term(term, prepared.score(0, *score)).1;
            tree.lattice(0).surely_at_least(reached.max(ranked.floor))
        };
        let best = ranked.scores.last().filter(is_best).map_or(i32::MAX, |score| clamp(sure(score)));
        let worker = tree.worker();
        let (first, last) = (-tree.root_bound(&worker, 1), tree.root_bound(&worker, 0));
        let shift = (u64::from(last.abs_diff(first)) / CELLS as u64 + 1).next_power_of_two().ilog2();
        let beaten = |cell: usize| {
            let start = i64::from(first) + ((cell as i64) << shift);
            steps.partition_point(|&(_, sure)| i64::from(sure) <= start) as u32
        };
        // What nothing reaches stands behind the values.
        let ends = steps.iter().copied().chain([(i32::MAX, i32::MAX)]).collect();
        let scale = Scale { first, shift, beaten: (0..CELLS).map(beaten).collect(), steps: ends };
        RanksGoal { prepared, tree, ranked, steps, best, scale, run }
    }

    /// Which of some values a cell may be close to: it surely beats those before the first and none from the last on.
    fn close(&self, view: Between, value: i32) -> Range<usize> {
        let among = &self.steps[view.first..view.last];
        let sure = view.first + among.partition_point(|&(_, sure)| sure <= value);
        sure..view.first + among.partition_point(|&(least, _)| least <= value)
    }

    /// Compares an architecture of so many steps with a value that it may be equal to.
    fn compare(
        &self,
        found: &mut Ranked,
        value: usize,
        steps: i64,
        row: impl FnOnce() -> Vec<u8>,
        doubtful: &mut Vec<u8>,
    ) {
        if value + 1 == self.steps.len() && steps >= i64::from(self.best) {
            found.equal[value] += self.tree.levels.narrow_free_size();
            return;
        }
        doubtful.extend(row());
        found.against.push(value);
    }
}

impl Goal for RanksGoal<'_> {
    type Found = Ranked;
    type View = Between;
    const BATCH: usize = 8192;

    fn view(&self, _: &Ranked) -> Between {
        Between { first: 0, last: self.steps.len() }
    }

    fn seed(&self, _: &Ranked) -> Ranked {
        let values = self.steps.len();
        Ranked { beaten: vec![0; values + 1], more: vec![0; values], equal: vec![0; values], ..Ranked::default() }
    }

    fn judge(&self, found: &mut Ranked, view: Between, bounds: &[i32], size: u128) -> Verdict<Between> {
        let (highest, lowest) = (bounds[0], bounds[1].saturating_neg());
        let among = &self.steps[view.first..view.last];
        let first = view.first + among.partition_point(|&(_, sure)| sure <= lowest);
        let last = view.first + among.partition_point(|&(least, _)| least <= highest);
        if first + 1 == last && lowest >= self.best {
            found.equal[first] += size as u64;
        } else if first < last {
            return Verdict::Descend(Between { first, last });
        }
        found.beaten[first] += size as u64;
        Verdict::Whole
    }

    fn tile(&self, found: &mut Ranked, view: Between, tile: &mut Tile<'_>, doubtful: &mut Vec<u8>) -> Result<()> {
        tile.evaluate(0);
        let (rows, columns, _) = tile.shape();
        let values = tile.values(0);
        let cells = tile.cells(0..rows);
        let size = self.tree.levels.narrow_free_size();
        let mut compare = |found: &mut Ranked, cell: usize, value: usize| {
            self.compare(found, value, i64::from(values[cell]), || tile.row(cell), doubtful);
        };
        if view.last - view.first <= FEW {
            let mut above = (rows * columns) as u64;
            let mut is_doubtful = false;
            for v in view.first..view.last {
                let (beat, some) = classify(&[values], &self.steps[v..v + 1], columns);
                found.beaten[v] += (above - beat) * size;
                above = beat;
                is_doubtful |= some;
            }
            found.beaten[view.last] += above * size;
            for cell in cells.filter(|_| is_doubtful) {
                let close = |&v: &usize| self.steps[v].0 <= values[cell] && values[cell] < self.steps[v].1;
                (view.first..view.last).filter(close).for_each(|v| compare(found, cell, v));
            }
        } else {
            let mut near = Vec::new();
            count_beaten(values, columns, &self.scale, size, &mut found.beaten, &mut near);
            for cell in near {
                let close = self.close(view, values[cell]);
                found.beaten[close.start] += size;
                close.for_each(|v| compare(found, cell, v));
            }
        }
        Ok(())
    }

    fn halve(
        &self,
        found: &mut Ranked,
        view: Between,
        job: &OpenJob<'_>,
        doubtful: &mut Vec<u8>,
    ) -> Result<Option<Counts>> {
        let halves = job.halves(&[0]);
        if view.last - view.first > halves.worthwhile() {
            return Ok(None);
        }
        let size = self.tree.levels.narrow_free_size();
        let (mut above, mut evaluated) = (halves.len(), 0);
        for v in view.first..view.last {
            let beat = halves.count(&self.steps[v..=v], &self.run, |row, steps| {
                // What may equal the value before has been counted with that.
                let is_new = v == view.first || steps >= i64::from(self.steps[v - 1].1);
                evaluated += if is_new { u128::from(size) } else { 0 };
                let width = row.len();
                self.compare(found, v, steps, || row, doubtful);
                self.decide_many(found, doubtful, width)
            })?;
            found.beaten[v] += (above - beat) * size;
            above = beat;
        }
        found.beaten[view.last] += above * size;
        Ok(Some(Counts { evaluated, settled: self.tree.job_size() - evaluated, pruned: 0 }))
    }

    fn decide(&self, found: &mut Ranked, doubtful: &[u8]) -> Result<()> {
        let values = self.prepared.values(doubtful, &self.run)?;
        for (&value, against) in values[0].iter().zip(std::mem::take(&mut found.against)) {
            let (score, size) = (self.prepared.score(0, value), self.tree.levels.narrow_free_size());
            found.more[against] += if score > self.ranked.scores[against] { size } else { 0 };
            found.equal[against] += if score == self.ranked.scores[against] { size } else { 0 };
        }
        Ok(())
    }

    fn merge(&self, into: &mut Ranked, from: Ranked) -> Result<()> {
        let add = |into: &mut [u64], from: &[u64]| into.iter_mut().zip(from).for_each(|(sum, n)| *sum += n);
        add(&mut into.beaten, &from.beaten);
        add(&mut into.more, &from.more);
        add(&mut into.equal, &from.equal);
        Ok(())
    }
}

impl Answer for RanksGoal<'_> {
    /// Counts of every value, of all architectures: those that beat a value, or equal it, beat the one below.
    fn validate(&self, found: &Ranked, done: &Done<'_>) -> Result<()> {
        let wide = |counts: &[u64]| counts.iter().map(|&n| n.into()).collect::<Vec<u128>>();
        let values = self.steps.len();
        let lengths = [found.beaten.len(), found.more.len(), found.equal.len()];
        if lengths != [values + 1, values, values] {
            return Err(damaged(format!(
                "there are {lengths:?} counts of {values} values, expected one more, {values}, {values}"
            )));
        }
        done.expect_no("excluded by a bound", done.counts.pruned)?;
        let (all, compared) = (done.counts.total(), done.sum_of_groups(wide(&found.beaten))?);
        if compared != all {
            return Err(damaged(format!("{compared} architectures are compared, expected {all}")));
        }
        done.sum_of_groups(wide(&found.more))?;
        done.sum_of_groups(wide(&found.equal))?;
        let (mut surely, mut below) = (all, all);
        for v in 0..values {
            // No underflow: these are parts of a sum.
            surely -= u128::from(found.beaten[v]);
            let beating = checked_sum([surely, found.more[v].into()])?;
            let least = if done.is_complete() { self.ranked.inside[v] } else { 0 };
            if checked_sum([beating, found.equal[v].into()])? > below || found.equal[v] < least {
                let equal = found.equal[v];
                return Err(damaged(format!(
                    "of {below} architectures {beating} beat value {v} and {equal} equal it, expected {least} at least"
                )));
            }
            below = beating;
        }
        Ok(())
    }

    fn outcome(&self, found: &Ranked, _: bool) -> Result<Outcome> {
        let mut beating = found.more.clone();
        let mut surely = 0;
        for (beating, beaten) in beating.iter_mut().zip(&found.beaten[1..]).rev() {
            surely += beaten;
            *beating += surely;
        }
        let of_rows = &self.ranked.of_rows;
        Ok(Outcome::Ranks {
            better: of_rows.iter().map(|&v| beating[v]).collect(),
            equal: of_rows.iter().map(|&v| found.equal[v]).collect(),
        })
    }
}
