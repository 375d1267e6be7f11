//! Branch and bound over levels: every subtree is bounded above, for several functions at once.
//!
//! A node has fixed the first levels, see `frames`. The last two levels are a tile, which is evaluated whole.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::Result;
use crate::exact::domain::Levels;
use crate::exact::frames::{Frame, Function};
use crate::exact::kernels::{padded, tile_maximum, tile_values};
use crate::exact::lattice::Lattice;
use crate::exact::scan::{Node, Scratch};
use crate::exact::state::Done;
use crate::exact::task::Outcome;
use crate::threads::Run;

/// What becomes of a subtree.
pub(crate) enum Verdict<V> {
    /// None of its architectures matters.
    Prune,
    /// The bounds say all about them.
    Whole,
    Descend(V),
}

/// How many architectures were settled in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Evaluated one by one.
    pub evaluated: u64,
    /// Excluded by a bound.
    pub pruned: u64,
    /// Included by bounds.
    pub settled: u64,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.evaluated + self.pruned + self.settled
    }

    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            evaluated: self.evaluated + other.evaluated,
            pruned: self.pruned + other.pruned,
            settled: self.settled + other.settled,
        }
    }
}

/// What is looked for.
pub(crate) trait Goal: Sync {
    /// What was found so far; later jobs start from it.
    type Found: Clone + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// What a node tells its children.
    type View: Copy;

    /// Before the first job.
    fn start(&self) -> Result<Self::Found>;

    /// Refuses what a search of these jobs can't have found, as it was stored by a stranger.
    fn validate(&self, found: &Self::Found, done: &Done<'_>) -> Result<()>;

    /// What was found and stored before, ready to go on.
    fn resumed(&self, found: Self::Found) -> Result<Self::Found> {
        Ok(found)
    }

    /// What the root tells its children.
    fn view(&self, found: &Self::Found) -> Self::View;

    /// What a job starts from, given what all before it found.
    fn seed(&self, found: &Self::Found) -> Self::Found;

    /// Judges a subtree of so many architectures by an upper bound of every function.
    fn judge(&self, found: &mut Self::Found, view: Self::View, bounds: &[i32], size: u64) -> Verdict<Self::View>;

    /// For an unpruned scan, the function in 16-bit steps, and the least of them at which a tile matters.
    fn coarse(&self, _: &Self::Found) -> Option<(usize, i16)> {
        None
    }

    /// Looks at the architectures of a tile.
    fn tile(&self, found: &mut Self::Found, view: Self::View, tile: &mut Tile<'_>) -> Result<()>;

    /// Ends a job.
    fn finish(&self, found: &mut Self::Found) -> Result<()>;

    /// Adds what another job found.
    fn merge(&self, into: &mut Self::Found, from: Self::Found) -> Result<()>;

    /// What is known so far, or once all jobs are done.
    fn outcome(&self, found: &Self::Found, complete: bool) -> Result<Outcome>;
}

/// The tree of a problem: functions whose levels are in the order of the search.
#[derive(Debug)]
pub(crate) struct Tree {
    functions: Vec<Function>,
    pub(crate) levels: Levels,
    pub(crate) cards: Vec<usize>,
    /// Architectures below a node, by depth.
    pub(crate) sizes: Vec<u64>,
    /// A tile of a function that lacks a table.
    zeros: Vec<i32>,
}

/// The state of one thread.
pub(crate) struct Worker {
    frames: Vec<Vec<Frame>>,
    states: Vec<usize>,
    /// States that the frames were entered with.
    entered: Vec<usize>,
    values: Vec<Vec<i32>>,
    /// Tables over the last two levels, see [`Tree::parts`].
    edges: (Vec<i32>, Vec<i32>),
    scratch: Scratch,
    pub(crate) counts: Counts,
}

impl Tree {
    pub(crate) fn new(lattices: Vec<Lattice>, levels: Levels) -> Tree {
        let cards: Vec<usize> = levels.levels.iter().map(|l| l.states).collect();
        let below = |depth: usize| cards[depth..].iter().map(|&n| n as u64).product::<u64>() * levels.free_size;
        let sizes = (0..=cards.len()).map(below).collect();
        let zeros = vec![0; cards[cards.len() - 2] * padded(cards[cards.len() - 1])];
        Tree { functions: lattices.into_iter().map(Function::new).collect(), levels, cards, sizes, zeros }
    }

    pub(crate) fn lattice(&self, function: usize) -> &Lattice {
        &self.functions[function].lattice
    }

    /// Depth whose states are looped over right above tiles.
    fn bottom(&self) -> usize {
        self.cards.len() - 3
    }

    /// Number of levels that a job fixes.
    fn job_depth(&self) -> usize {
        self.bottom().min(2)
    }

    /// Number of jobs: independent parts of the search.
    pub(crate) fn jobs(&self) -> usize {
        self.cards[..self.job_depth()].iter().product()
    }

    /// Number of architectures of a job.
    pub(crate) fn job_size(&self) -> u64 {
        self.sizes[self.job_depth()]
    }

    /// The job that looks at an architecture of the domain.
    pub(crate) fn job_of(&self, row: &[u8]) -> usize {
        let levels = &self.levels.levels[..self.job_depth()];
        levels.iter().fold(0, |job, level| job * level.states + level.state_of(row))
    }

    pub(crate) fn worker(&self) -> Worker {
        let tile = self.cards[self.cards.len() - 2] * padded(self.cards[self.cards.len() - 1]);
        Worker {
            frames: self.functions.iter().map(Function::frames).collect(),
            states: vec![0; self.cards.len()],
            entered: Vec::new(),
            values: vec![vec![0; tile]; self.functions.len()],
            edges: Default::default(),
            scratch: Scratch::default(),
            counts: Counts::default(),
        }
    }

    /// Upper bound of a function over the domain.
    pub(crate) fn root_bound(&self, worker: &Worker, function: usize) -> i32 {
        worker.frames[function][0].children.iter().copied().max().unwrap_or(0)
    }

    /// Searches a job.
    pub(crate) fn search<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        job: usize,
        run: &Run<'_>,
    ) -> Result<()> {
        let mut prefix = vec![0; self.job_depth()];
        let mut rest = job;
        for (depth, state) in prefix.iter_mut().enumerate().rev() {
            *state = rest % self.cards[depth];
            rest /= self.cards[depth];
        }
        let view = goal.view(found);
        self.visit(goal, worker, found, &prefix, (0, view), run)?;
        goal.finish(found)
    }

    fn visit<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        prefix: &[usize],
        (depth, view): (usize, G::View),
        run: &Run<'_>,
    ) -> Result<()> {
        run.check()?;
        if depth + 1 == self.bottom()
            && let Some((function, least)) = goal.coarse(found)
        {
            return self.scan(goal, worker, found, prefix, (function, least, view));
        }
        let states = match prefix.get(depth) {
            Some(&state) => state..state + 1,
            None => 0..self.cards[depth],
        };
        let size = self.sizes[(depth + 1).max(prefix.len())];
        let mut bounds = vec![0; self.functions.len()];
        for state in states {
            bounds.iter_mut().zip(&worker.frames).for_each(|(b, frames)| *b = frames[depth].children[state]);
            match goal.judge(found, view, &bounds, size) {
                Verdict::Prune => worker.counts.pruned += size,
                Verdict::Whole => worker.counts.settled += size,
                Verdict::Descend(view) => {
                    worker.states[depth] = state;
                    if depth == self.bottom() {
                        worker.counts.evaluated += size;
                        let mut tile = Tile { tree: self, worker };
                        goal.tile(found, view, &mut tile)?;
                    } else {
                        self.enter(worker, depth, state);
                        self.visit(goal, worker, found, prefix, (depth + 1, view), run)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Evaluates all architectures of a node above the last four levels; shows the goal the tiles that may matter.
    fn scan<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        prefix: &[usize],
        (function, mut least, view): (usize, i16, G::View),
    ) -> Result<()> {
        let p = self.bottom() - 1;
        let mut scratch = std::mem::take(&mut worker.scratch);
        scratch.enter(&self.node(function, worker));
        let states = prefix.get(p).map_or(0..self.cards[p], |&state| state..state + 1);
        for state in states {
            let maxima = scratch.maxima(&self.node(function, worker), state);
            worker.counts.evaluated += self.sizes[p + 1];
            for (q, &maximum) in maxima.iter().enumerate() {
                if maximum < least {
                    continue;
                }
                (worker.states[p], worker.states[p + 1]) = (state, q);
                self.enter(worker, p, state);
                goal.tile(found, view, &mut Tile { tree: self, worker })?;
                least = goal.coarse(found).map_or(least, |(_, least)| least);
            }
        }
        worker.scratch = scratch;
        Ok(())
    }

    /// The tables of a function at a node above the last four levels.
    fn node<'a>(&'a self, function: usize, worker: &'a Worker) -> Node<'a> {
        let (depth, n) = (self.bottom() - 1, self.cards.len());
        let (function, frames) = (&self.functions[function], &worker.frames[function]);
        let [p, q, a, b] = [n - 4, n - 3, n - 2, n - 1];
        let matrix = |(i, j)| function.matrix(frames, depth, i, j);
        Node {
            lattice: &function.lattice,
            constant: frames[depth].constant,
            unary: [p, q, a, b].map(|level| &frames[depth].unary[level][..]),
            pairs: [(p, q), (p, a), (p, b), (q, a), (q, b), (a, b)].map(matrix),
        }
    }

    /// Fixes a level, unless the frames have it fixed already.
    fn enter(&self, worker: &mut Worker, depth: usize, state: usize) {
        if worker.entered.get(depth) == Some(&state) {
            return;
        }
        worker.entered.truncate(depth);
        for (function, frames) in self.functions.iter().zip(&mut worker.frames) {
            function.enter(frames, depth, state);
        }
        worker.entered.push(state);
    }
}

/// The architectures of one state of all levels but the last two.
pub(crate) struct Tile<'a> {
    tree: &'a Tree,
    worker: &'a mut Worker,
}

impl Tile<'_> {
    /// Sides of the tile, and the length of its padded rows.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        let cards = &self.tree.cards;
        let columns = cards[cards.len() - 1];
        (cards[cards.len() - 2], columns, padded(columns))
    }

    /// Largest value of a function.
    pub(crate) fn maximum(&mut self, function: usize) -> i32 {
        let (tree, worker) = (self.tree, &mut *self.worker);
        let (left, right) = tree.parts(function, &worker.frames, &worker.states, &mut worker.edges);
        tile_maximum(left, right, &worker.edges.0, &worker.edges.1)
    }

    /// Computes the values of a function for [`Tile::values`].
    pub(crate) fn evaluate(&mut self, function: usize) {
        let (tree, worker) = (self.tree, &mut *self.worker);
        let (left, right) = tree.parts(function, &worker.frames, &worker.states, &mut worker.edges);
        tile_values(left, right, &worker.edges.0, &worker.edges.1, &mut worker.values[function]);
    }

    /// Values of a function that was evaluated, in padded rows.
    pub(crate) fn values(&self, function: usize) -> &[i32] {
        &self.worker.values[function]
    }

    /// First architecture of a cell.
    pub(crate) fn row(&self, row: usize, column: usize) -> Vec<u8> {
        let n = self.tree.cards.len();
        self.tree.levels.row(&[&self.worker.states[..n - 2], &[row, column]].concat())
    }
}

impl Tree {
    /// The matrices of a function in a tile; its tables over one level go to the edges.
    fn parts<'a>(
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
