//! The k best architectures under constraints, proven.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::climb::{climb, random_states};
use crate::exact::lattice::Lattice;
use crate::exact::problem::{Problem, clamp};
use crate::exact::seeds::shortage;
use crate::exact::task::Outcome;
use crate::exact::tree::{Goal, Tile, Tree, Verdict};
use crate::threads::Run;

/// Candidates that are evaluated in float64 at once.
const BATCH: usize = 256;
/// Random architectures to climb from.
const STARTS: u64 = 64;

/// An architecture and the float64 values of the question's metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub row: Vec<u8>,
    pub values: Vec<f64>,
    /// Number of architectures that it stands for: those with these values.
    pub ties: u64,
}

/// The best architectures so far, best first; of equal ones the first of the space come first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) items: Vec<Item>,
    /// Steps from which on an architecture may belong to them.
    #[serde(skip)]
    least: Option<i32>,
    #[serde(skip)]
    pending: Vec<u8>,
}

/// The search for them. Function 0 is the objective, the others are the constraints.
pub(crate) struct BestGoal<'a> {
    problem: &'a Problem,
    tree: &'a Tree,
    k: usize,
    /// Otherwise there is one more function: the objective in 16-bit steps.
    prune: bool,
    least: Vec<i32>,
    run: Run<'a>,
}

impl<'a> BestGoal<'a> {
    pub(crate) fn new(problem: &'a Problem, tree: &'a Tree, (k, prune): (usize, bool), run: Run<'a>) -> BestGoal<'a> {
        let least = problem.terms.iter().enumerate().map(|(f, term)| problem.least(term, tree.lattice(f))).collect();
        BestGoal { problem, tree, k, prune, least, run }
    }

    /// Whether a comes before b.
    fn precedes(&self, a: &Item, b: &Item) -> bool {
        let score = |item: &Item| self.problem.score(0, item.values[0]);
        match score(a).total_cmp(&score(b)) {
            std::cmp::Ordering::Equal => a.row < b.row,
            order => order.is_gt(),
        }
    }

    fn insert(&self, found: &mut Best, item: Item) {
        let at = found.items.partition_point(|other| self.precedes(other, &item));
        if found.items.get(at).is_some_and(|other| other.row == item.row) || at >= self.k {
            return;
        }
        found.items.insert(at, item);
        found.items.truncate(self.k);
        found.least = found.least.max(self.least_of(&found.items));
    }

    /// Steps from which on an architecture may be among the k best.
    fn least_of(&self, items: &[Item]) -> Option<i32> {
        let last = items.get(self.k - 1)?;
        let value = self.problem.on_term(&self.problem.terms[0], last.values[0]);
        Some(clamp(self.tree.lattice(0).possibly_at_least(value)))
    }

    /// Puts an architecture among the best if it belongs there.
    fn offer(&self, found: &mut Best, rows: &[u8]) -> Result<()> {
        let values = self.problem.values(rows, &self.run)?;
        for (i, row) in rows.chunks_exact(self.problem.bench.space().width()).enumerate() {
            if self.problem.is_feasible(|m| values[m][i]) {
                let item = Item { row: row.to_vec(), values: values.iter().map(|v| v[i]).collect(), ties: 1 };
                self.insert(found, item);
            }
        }
        Ok(())
    }
}

impl Goal for BestGoal<'_> {
    type Found = Best;
    type View = ();

    /// The best architectures that local search finds.
    fn start(&self) -> Result<Best> {
        let tree = self.tree;
        let lattices: Vec<&Lattice> = (0..self.least.len()).map(|f| tree.lattice(f)).collect();
        // First reach the constraints, then improve.
        let score = |values: &[i32]| (shortage(&values[1..], &self.least[1..], &lattices[1..]), values[0]);
        let climbed = |start: u64| {
            let mut states = random_states(&tree.cards, start);
            climb(&lattices, &mut states, score);
            states
        };
        let mut optima: Vec<Vec<usize>> = self.run.in_pool(|| (0..STARTS).into_par_iter().map(climbed).collect());
        optima.sort_unstable();
        optima.dedup();
        let mut rows = Vec::new();
        for states in optima {
            self.problem.first_ties(&tree.levels.row(&states), self.k, &mut rows);
            // Several are wanted: those one step away are good, too.
            for (level, &count) in tree.cards.iter().enumerate().filter(|_| self.k > 1) {
                for state in (0..count).filter(|&state| state != states[level]) {
                    let mut near = states.clone();
                    near[level] = state;
                    self.problem.first_ties(&tree.levels.row(&near), self.k, &mut rows);
                }
            }
        }
        let mut found = Best::default();
        self.offer(&mut found, &rows)?;
        Ok(found)
    }

    fn resumed(&self, found: Best) -> Best {
        Best { least: self.least_of(&found.items), ..found }
    }

    fn view(&self, _: &Best) {}

    fn judge(&self, found: &mut Best, (): (), bounds: &[i32], _: u64) -> Verdict<()> {
        let reaches = bounds.iter().zip(&self.least).all(|(bound, least)| bound >= least);
        match !self.prune || reaches && found.least.is_none_or(|least| bounds[0] >= least) {
            true => Verdict::Descend(()),
            false => Verdict::Prune,
        }
    }

    fn seed(&self, found: &Best) -> Best {
        Best { least: found.least, ..Best::default() }
    }

    fn coarse(&self, found: &Best) -> Option<(usize, i16)> {
        let function = self.least.len();
        let least = |least: i32| {
            let (fine, coarse) = (self.tree.lattice(0), self.tree.lattice(function));
            let value = fine.offset + fine.unit * (f64::from(least) - f64::from(fine.margin));
            coarse.possibly_at_least(value).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
        };
        (!self.prune).then(|| (function, found.least.map_or(i16::MIN, least)))
    }

    fn tile(&self, found: &mut Best, (): (), tile: &mut Tile<'_>) -> Result<()> {
        if found.least.is_some_and(|least| tile.maximum(0) < least) {
            return Ok(());
        }
        (0..self.least.len()).for_each(|f| tile.evaluate(f));
        let (rows, columns, padded) = tile.shape();
        for cell in (0..rows).flat_map(|a| a * padded..a * padded + columns) {
            let reaches = |(f, least): (usize, &i32)| tile.values(f)[cell] >= *least;
            let matters = found.least.is_none_or(|least| tile.values(0)[cell] >= least);
            if matters && self.least.iter().enumerate().all(reaches) {
                let row = tile.row(cell / padded, cell % padded);
                self.problem.first_ties(&row, self.k, &mut found.pending);
                if found.pending.len() >= BATCH * row.len() {
                    self.finish(found)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&self, found: &mut Best) -> Result<()> {
        let pending = std::mem::take(&mut found.pending);
        self.offer(found, &pending)
    }

    fn merge(&self, into: &mut Best, from: Best) {
        from.items.into_iter().for_each(|item| self.insert(into, item));
    }

    fn outcome(&self, found: &Best, _: bool) -> Outcome {
        Outcome::Items(found.items.clone())
    }
}
