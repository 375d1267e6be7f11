//! The k best architectures under constraints, proven.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::answers::answer::Answer;
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, Verdict};
use crate::exact::fixed::lattice::Lattice;
use crate::exact::prepared::{Prepared, clamp};
use crate::exact::question::kinds::{Item, Outcome};
use crate::exact::starts::ascent::{ascend, random_states};
use crate::exact::starts::penalty::Penalty;
use crate::exact::starts::seeds::shortage;
use crate::exact::state::{Done, check_items, damaged};
use crate::threads::Run;

/// Random architectures to ascend from.
const STARTS: u64 = 64;

/// The best architectures so far, best first; of equal ones the first of the space come first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Best {
    pub(crate) items: Vec<Item>,
    /// Steps from which on an architecture may belong to them.
    #[serde(skip)]
    least: Option<i32>,
    /// The same of the objective and weighted constraints in one sum.
    #[serde(skip)]
    penalised: i32,
    /// The last of them where nothing is better than it: only equal ones before it may belong to them.
    #[serde(skip)]
    last: Option<Vec<u8>>,
}

/// The search for them. Function 0 is the objective, the others are the constraints, then their sum with weights where one helps.
pub(crate) struct BestGoal<'a> {
    prepared: &'a Prepared,
    tree: &'a Tree,
    k: usize,
    /// Otherwise there is one more function, where the objective has no trees: it, in 16-bit steps.
    prune: bool,
    penalty: &'a Penalty,
    least: Vec<i32>,
    run: Run<'a>,
}

impl<'a> BestGoal<'a> {
    pub(crate) fn new(
        prepared: &'a Prepared,
        tree: &'a Tree,
        (k, prune, penalty): (usize, bool, &'a Penalty),
        run: Run<'a>,
    ) -> BestGoal<'a> {
        let least = prepared.terms.iter().enumerate().map(|(f, term)| prepared.least(term, tree.lattice(f))).collect();
        BestGoal { prepared, tree, k, prune, penalty, least, run }
    }

    /// Whether a comes before b.
    fn precedes(&self, a: &Item, b: &Item) -> bool {
        let score = |item: &Item| self.prepared.score(0, item.values[0]);
        score(a) > score(b) || score(a) == score(b) && a.row < b.row
    }

    fn insert(&self, found: &mut Best, item: Item) {
        let at = found.items.partition_point(|other| self.precedes(other, &item));
        if found.items.get(at).is_some_and(|other| other.row == item.row) || at >= self.k {
            return;
        }
        found.items.insert(at, item);
        found.items.truncate(self.k);
        self.raise(found);
    }

    /// Raises the steps from which on an architecture may be among the k best.
    fn raise(&self, found: &mut Best) {
        let Some(last) = found.items.get(self.k - 1) else { return };
        let (value, better) = self.prepared.beating(&self.prepared.terms[0], last.values[0]);
        // A dominated architecture may come before the one that it is decided with.
        let ordered = self.tree.levels.reduced_level().is_none();
        if ordered && better == f64::INFINITY && found.last.as_ref().is_none_or(|known| last.row < *known) {
            found.last = Some(last.row.clone());
        }
        let least = clamp(self.tree.lattice(0).possibly_at_least(value));
        if found.least.is_none_or(|known| known < least) {
            found.least = Some(least);
            if !self.penalty.weights.is_empty() {
                let sum = self.tree.lattice(self.prepared.terms.len());
                found.penalised = clamp(sum.possibly_at_least(self.penalty.reach(self.prepared, value)));
            }
        }
    }

    /// The most that the objective can be on its term's scale where functions have these upper bounds.
    pub(crate) fn promise(&self, bounds: &[i32]) -> f64 {
        if !bounds.iter().zip(&self.least).all(|(bound, least)| bound >= least) {
            return f64::NEG_INFINITY;
        }
        let most = |function: usize| self.tree.lattice(function).at_most(bounds[function]);
        match self.penalty.weights.is_empty() {
            true => most(0),
            false => most(0).min(self.penalty.most(self.prepared, most(self.least.len()))),
        }
    }

    /// Has the first `k` architectures with the same states of the levels decided, several at once.
    fn look_at(&self, found: &mut Best, row: &[u8], doubtful: &mut Vec<u8>) -> Result<()> {
        self.prepared.first_ties(row, self.k, doubtful);
        self.decide_many(found, doubtful, row.len())
    }
}

impl Goal for BestGoal<'_> {
    type Found = Best;
    type View = ();
    const BATCH: usize = 256;

    fn view(&self, _: &Best) {}

    fn judge(&self, found: &mut Best, (): (), bounds: &[i32], _: u128) -> Verdict<()> {
        let reaches = bounds.iter().zip(&self.least).all(|(bound, least)| bound >= least);
        let is_open = |least: i32| {
            bounds[0] >= least && (self.penalty.weights.is_empty() || bounds[self.least.len()] >= found.penalised)
        };
        match !self.prune || reaches && found.least.is_none_or(is_open) {
            true => Verdict::Descend(()),
            false => Verdict::Prune,
        }
    }

    fn seed(&self, found: &Best) -> Best {
        Best { least: found.least, penalised: found.penalised, last: found.last.clone(), ..Best::default() }
    }

    fn is_late(&self, found: &Best, states: &[usize]) -> bool {
        let Some(last) = found.last.as_ref().filter(|_| self.prune) else { return false };
        let mut first = vec![0; self.tree.cards.len()];
        first[..states.len()].copy_from_slice(states);
        self.tree.levels.row(&first) > *last
    }

    fn coarse(&self, found: &Best) -> Option<(usize, i16)> {
        let function = self.least.len();
        let least = |least: i32| {
            let (fine, coarse) = (self.tree.lattice(0), self.tree.lattice(function));
            let value = fine.offset + fine.unit * (f64::from(least) - f64::from(fine.margin));
            coarse.possibly_at_least(value).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
        };
        (!self.prune && self.tree.functions.len() > function).then(|| (function, found.least.map_or(i16::MIN, least)))
    }

    fn tile(&self, found: &mut Best, (): (), tile: &mut Tile<'_>, doubtful: &mut Vec<u8>) -> Result<()> {
        if found.least.is_some_and(|least| tile.maximum(0) < least) {
            return Ok(());
        }
        (0..self.least.len()).for_each(|f| tile.evaluate(f));
        for cell in tile.cells(0..tile.shape().0) {
            let reaches = |(f, least): (usize, &i32)| tile.values(f)[cell] >= *least;
            let matters = found.least.is_none_or(|least| tile.values(0)[cell] >= least);
            if matters && self.least.iter().enumerate().all(reaches) {
                let row = tile.row(cell);
                if found.last.as_ref().is_none_or(|last| row < *last) {
                    self.look_at(found, &row, doubtful)?;
                }
            }
        }
        Ok(())
    }

    fn decide(&self, found: &mut Best, doubtful: &[u8]) -> Result<()> {
        let last = found.items.get(self.k - 1).map(|item| item.values[0]);
        let doubtful = self.prepared.screened(doubtful, last, &self.run)?;
        let items = self.prepared.items(&doubtful, 1, &self.run)?;
        items.into_iter().for_each(|item| self.insert(found, item));
        self.run.check()
    }

    fn merge(&self, into: &mut Best, from: Best) -> Result<()> {
        from.items.into_iter().for_each(|item| self.insert(into, item));
        self.run.check()
    }
}

impl Answer for BestGoal<'_> {
    /// The best architectures that local search finds.
    fn start(&self) -> Result<Best> {
        let tree = self.tree;
        let lattices: Vec<&Lattice> = (0..self.least.len()).map(|f| tree.lattice(f)).collect();
        // First reach the constraints, then improve.
        let score = |values: &[i32]| (shortage(&values[1..], &self.least[1..], &lattices[1..]), values[0]);
        let ascended = |start: u64| {
            let mut states = random_states(&tree.cards, start);
            ascend(&lattices, &mut states, score);
            Ok(states)
        };
        let mut optima = self.run.try_map(0..STARTS, ascended)?;
        optima.sort_unstable();
        optima.dedup();
        let (mut found, mut doubtful) = (Best::default(), Vec::new());
        for states in optima {
            self.look_at(&mut found, &tree.levels.row(&states), &mut doubtful)?;
            // Several are wanted: those one step away are good, too.
            for (level, &count) in tree.cards.iter().enumerate().filter(|_| self.k > 1) {
                for state in (0..count).filter(|&state| state != states[level]) {
                    let mut near = states.clone();
                    near[level] = state;
                    self.look_at(&mut found, &tree.levels.row(&near), &mut doubtful)?;
                }
            }
        }
        self.decide(&mut found, &doubtful)?;
        Ok(found)
    }

    /// At most k in their order, those that local search finds among them or worse, the others of jobs that are done.
    fn validate(&self, found: &Best, done: &Done<'_>) -> Result<()> {
        check_items(self.prepared, &found.items, &self.run)?;
        done.expect_no("counted by a bound", done.counts.settled)?;
        done.expect_no("excluded by a bound", if self.prune { 0 } else { done.counts.pruned })?;
        let (items, k) = (&found.items, self.k);
        let size = self.tree.size().min(k as u128) as usize;
        let every = done.is_complete() && self.prepared.constraint_terms().is_empty();
        if items.len() > k || every && items.len() < size {
            return Err(damaged(format!("{} architectures are the {size} best", items.len())));
        }
        if let Some(i) = items.windows(2).position(|pair| !self.precedes(&pair[0], &pair[1])) {
            return Err(damaged(format!("architecture {} does not belong behind architecture {i}", i + 1)));
        }
        if let Some(i) = items.iter().position(|item| item.ties != 1) {
            return Err(damaged(format!("architecture {i} stands for {}, expected 1", items[i].ties)));
        }
        let first = self.start()?;
        let known = |item: &Item| done.has(&item.row) || first.items.iter().any(|other| other.row == item.row);
        if let Some(i) = items.iter().position(|item| !known(item)) {
            return Err(damaged(format!("architecture {i} is of a job that is not done")));
        }
        let mut all = found.clone();
        self.merge(&mut all, first)?;
        if all.items != *items {
            return Err(damaged("architectures that local search finds are missing".to_owned()));
        }
        Ok(())
    }

    fn resumed(&self, mut found: Best) -> Result<Best> {
        self.raise(&mut found);
        Ok(found)
    }

    fn outcome(&self, found: &Best, _: bool) -> Result<Outcome> {
        Ok(Outcome::Items(found.items.clone()))
    }
}
