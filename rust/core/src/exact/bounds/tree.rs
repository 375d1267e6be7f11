//! The tree of a search over levels: every subtree is bounded above, for several functions at once.
//!
//! A node has fixed the first levels, see `frames`. The last two levels are a tile, which is evaluated whole.

use crate::error::Result;
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::frames::{Frame, Function};
use crate::exact::bounds::jobs::{Promising, states_of};
use crate::exact::bounds::scan::{LastLevels, LastTables};
use crate::exact::bounds::split::Split;
use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::tiles::padded;
use crate::exact::question::levels::Levels;
use crate::threads::{Run, map_with};

/// Levels that a job fixes: more of trees, whose nodes take so long that much is lost with a job that is interrupted.
const FIXED: usize = 2;
const FIXED_OF_TREES: usize = 3;

fn bottom(levels: usize) -> usize {
    levels - 3
}

/// Number of levels, of so many, that a job fixes.
pub(crate) fn job_depth(levels: usize, has_trees: bool) -> usize {
    bottom(levels).min(if has_trees { FIXED_OF_TREES } else { FIXED })
}

/// The tree of a question: functions whose levels are in the order of the search.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) functions: Vec<Function>,
    pub(crate) levels: Levels,
    pub(crate) cards: Vec<usize>,
    /// Architectures below a node, by depth.
    pub(crate) sizes: Vec<u128>,
    /// A tile of a function that lacks a table.
    pub(crate) zeros: Vec<i32>,
    /// The order of jobs, where it is not that of their states.
    pub(crate) promising: Option<Promising>,
    /// How a job's levels are divided, where it may be counted by halves.
    pub(crate) split: Option<Split>,
}

/// The state of one thread.
pub(crate) struct Worker {
    pub(crate) frames: Vec<Vec<Frame>>,
    pub(crate) states: Vec<usize>,
    /// States that the frames were entered with.
    pub(crate) entered: Vec<usize>,
    pub(crate) values: Vec<Vec<i32>>,
    /// Tables over the last two levels, see [`Tree::parts`].
    pub(crate) edges: (Vec<i32>, Vec<i32>),
    pub(crate) last: LastTables,
    /// Rows that are to be decided in float64.
    pub(crate) doubtful: Vec<u8>,
    pub(crate) counts: Counts,
}

impl Tree {
    pub(crate) fn new(lattices: Vec<Lattice>, levels: Levels) -> Tree {
        let cards: Vec<usize> = levels.levels.iter().map(|l| l.states).collect();
        let below = |depth: usize| cards[depth..].iter().map(|&n| n as u128).product::<u128>() * levels.free_size;
        let sizes = (0..=cards.len()).map(below).collect();
        let zeros = vec![0; cards[cards.len() - 2] * padded(cards[cards.len() - 1])];
        let functions = lattices.into_iter().map(Function::new).collect();
        Tree { functions, levels, cards, sizes, zeros, promising: None, split: None }
    }

    pub(crate) fn lattice(&self, function: usize) -> &Lattice {
        &self.functions[function].lattice
    }

    /// Whether a function is not of tables alone.
    pub(crate) fn has_trees(&self, function: usize) -> bool {
        !self.functions[function].lattice.grove.is_empty()
    }

    /// Depth whose states are looped over right above tiles.
    pub(crate) fn bottom(&self) -> usize {
        bottom(self.cards.len())
    }

    /// Number of levels that a job fixes.
    pub(crate) fn job_depth(&self) -> usize {
        job_depth(self.cards.len(), (0..self.functions.len()).any(|function| self.has_trees(function)))
    }

    /// Number of jobs: independent parts of the search.
    pub(crate) fn jobs(&self) -> usize {
        self.cards[..self.job_depth()].iter().product()
    }

    /// Architectures of a job, without those that are decided with others.
    pub(crate) fn job_size(&self) -> u128 {
        self.sizes[self.job_depth()]
    }

    /// How many architectures are decided as one in a job.
    pub(crate) fn weight(&self, job: usize) -> u128 {
        let alike = |state: &usize| self.levels.levels[0].dominated_by(*state).len() as u128;
        1 + self.prefix(job).first().map_or(0, alike)
    }

    fn weights(&self) -> impl Iterator<Item = u128> {
        (0..self.cards[0]).map(|state| 1 + self.levels.levels[0].dominated_by(state).len() as u128)
    }

    /// Most architectures that are decided as one.
    pub(crate) fn largest_weight(&self) -> u128 {
        self.weights().max().unwrap_or(1)
    }

    /// Number of all architectures.
    pub(crate) fn size(&self) -> u128 {
        self.sizes[1] * self.weights().sum::<u128>()
    }

    /// The job that looks at an architecture of the domain.
    pub(crate) fn job_of(&self, row: &[u8]) -> usize {
        let levels = &self.levels.levels[..self.job_depth()];
        let prefix = levels.iter().fold(0, |prefix, level| prefix * level.states + level.state_of(row));
        self.promising.as_ref().map_or(prefix, |order| order.place(prefix))
    }

    /// States of the levels that a job fixes.
    pub(crate) fn prefix(&self, job: usize) -> Vec<usize> {
        let number = self.promising.as_ref().map_or(job, |order| order.prefix(job));
        states_of(number, &self.cards[..self.job_depth()])
    }

    /// Jobs in descending order of what upper bounds of all functions promise; none where there is only one.
    pub(crate) fn sorted_jobs(&self, promise: impl Fn(&[i32]) -> f64, run: &Run<'_>) -> Result<Option<Promising>> {
        let Some(last) = self.job_depth().checked_sub(1) else { return Ok(None) };
        let parents = &self.cards[..last];
        let children = |worker: &mut Worker, parent: usize| {
            run.check()?;
            let states = states_of(parent, parents).into_iter().enumerate();
            states.for_each(|(depth, state)| self.enter(worker, depth, state));
            let bounds = |state: usize| worker.frames.iter().map(move |frames| frames[last].children[state]);
            Ok((0..self.cards[last]).flat_map(bounds).collect::<Vec<i32>>())
        };
        let bounds = map_with(0..parents.iter().product(), || self.worker(), children);
        let bounds = bounds.into_iter().collect::<Result<Vec<_>>>()?.concat();
        Ok(Some(Promising::new(&bounds, self.functions.len(), promise)))
    }

    pub(crate) fn worker(&self) -> Worker {
        let tile = self.cards[self.cards.len() - 2] * padded(self.cards[self.cards.len() - 1]);
        Worker {
            frames: self.functions.iter().map(Function::frames).collect(),
            states: vec![0; self.cards.len()],
            entered: Vec::new(),
            values: vec![vec![0; tile]; self.functions.len()],
            edges: Default::default(),
            last: LastTables::default(),
            doubtful: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Upper bound of a function over the domain.
    pub(crate) fn root_bound(&self, worker: &Worker, function: usize) -> i32 {
        worker.frames[function][0].children.iter().copied().max().unwrap_or(0)
    }

    /// The tables of a function at a node above the last four levels.
    pub(crate) fn node<'a>(&'a self, function: usize, worker: &'a Worker) -> LastLevels<'a> {
        let (depth, n) = (self.bottom() - 1, self.cards.len());
        let (function, frames) = (&self.functions[function], &worker.frames[function]);
        let [p, q, a, b] = [n - 4, n - 3, n - 2, n - 1];
        let matrix = |(i, j)| function.matrix(frames, depth, i, j);
        LastLevels {
            lattice: &function.lattice,
            constant: frames[depth].constant,
            unary: [p, q, a, b].map(|level| &frames[depth].unary[level][..]),
            pairs: [(p, q), (p, a), (p, b), (q, a), (q, b), (a, b)].map(matrix),
        }
    }

    /// Fixes a level, unless the frames have it fixed already.
    pub(crate) fn enter(&self, worker: &mut Worker, depth: usize, state: usize) {
        if worker.entered.get(depth) == Some(&state) {
            return;
        }
        worker.entered.truncate(depth);
        for (function, frames) in self.functions.iter().zip(&mut worker.frames) {
            function.enter(frames, depth, state);
        }
        worker.entered.push(state);
    }

    /// The matrices of a function in a tile; its tables over one level go to the edges.
    pub(crate) fn parts<'a>(
        &'a self,
        function: usize,
        frames: &'a [Vec<Frame>],
        states: &[usize],
        edges: &mut (Vec<i32>, Vec<i32>),
    ) -> (&'a [i32], &'a [i32]) {
        let (depth, n) = (self.bottom(), self.cards.len());
        let (function, frames, state) = (&self.functions[function], &frames[function], states[depth]);
        let here = &frames[depth];
        let edge = |level: usize, constant: i32, out: &mut Vec<i32>| {
            let matrix = function.matrix(frames, depth, depth, level);
            let unary = &here.unary[level];
            out.clear();
            out.extend(unary.iter().map(|u| u.wrapping_add(constant)));
            if !matrix.is_empty() {
                let columns = unary.len();
                let row = &matrix[state * columns..][..columns];
                out.iter_mut().zip(row).for_each(|(sum, cell)| *sum = sum.wrapping_add(*cell));
            }
        };
        edge(n - 2, here.constant.wrapping_add(here.unary[depth][state]), &mut edges.0);
        edge(n - 1, 0, &mut edges.1);
        let matrix = function.matrix(frames, depth, n - 2, n - 1);
        let slab = function.lattice.slab(depth, n - 2, n - 1, state);
        match (matrix.is_empty(), slab.is_empty()) {
            (false, false) => (matrix, slab),
            (false, true) => (matrix, &self.zeros),
            (true, false) => (slab, &self.zeros),
            (true, true) => (&self.zeros, &self.zeros),
        }
    }
}
