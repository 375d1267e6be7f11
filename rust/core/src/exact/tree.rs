//! Branch and bound over levels: every subtree is bounded above, for several functions at once.
//!
//! A node has fixed the first levels. Fixing one turns tables over three levels into tables over two, and
//! those into tables over one, so a node of depth `d` has a matrix for every pair of open levels. Its bound
//! is the sum of the matrices' maxima, with the tables over one level shared out among the matrices, and
//! of the largest cells of the tables over three open levels. The last two levels are a tile, which is
//! evaluated whole.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::Result;
use crate::exact::domain::Levels;
use crate::exact::kernels::{add_row_maxima, padded, row_maxima, tile_maximum, tile_values};
use crate::exact::lattice::{Lattice, pair, triple};
use crate::exact::scan::{Node, Scratch};
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

    /// What was found and stored before, ready to go on.
    fn resumed(&self, found: Self::Found) -> Self::Found {
        found
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
    fn merge(&self, into: &mut Self::Found, from: Self::Found);

    /// What is known so far, or once all jobs are done.
    fn outcome(&self, found: &Self::Found, complete: bool) -> Outcome;
}

/// A function and where its matrices live at every depth.
#[derive(Debug)]
struct Function {
    lattice: Lattice,
    /// By depth and pair, the depth whose frame has the matrix; `None` where there is none.
    homes: Vec<Vec<Option<usize>>>,
    /// By depth and level, the levels that it shares a matrix with, ascending.
    partners: Vec<Vec<Vec<usize>>>,
}

/// A function at a node: tables over one level and the matrices that this depth changed.
#[derive(Clone, Debug)]
struct Frame {
    constant: i32,
    unary: Vec<Vec<i32>>,
    pairs: Vec<Vec<i32>>,
    /// Upper bound by state of the next level.
    children: Vec<i32>,
}

impl Function {
    fn new(lattice: Lattice) -> Function {
        let n = lattice.cards.len();
        let at_root = lattice.pairs.iter().map(|p| (!p.is_empty()).then_some(0)).collect();
        let mut homes: Vec<Vec<Option<usize>>> = vec![at_root];
        for d in 0..n.saturating_sub(3) {
            let mut next = homes[d].clone();
            for (j, k) in (d + 1..n).flat_map(|k| (d + 1..k).map(move |j| (j, k))) {
                if !lattice.triples[triple(d, j, k)].is_empty() {
                    next[pair(j, k)] = Some(d + 1);
                }
            }
            homes.push(next);
        }
        let partners = homes.iter().enumerate().map(|(d, homes)| {
            let of_level = |i: usize| {
                let shares = |&j: &usize| j != i && homes[pair(i.min(j), i.max(j))].is_some();
                (d..n).filter(shares).filter(|_| i >= d).collect()
            };
            (0..n).map(of_level).collect()
        });
        Function { partners: partners.collect(), homes, lattice }
    }

    fn frames(&self) -> Vec<Frame> {
        let frame = |(depth, homes): (usize, &Vec<Option<usize>>)| {
            let size = |(p, home): (usize, &Option<usize>)| match home {
                Some(home) if *home == depth && depth > 0 => self.matrix_size(p),
                _ => 0,
            };
            Frame {
                constant: 0,
                unary: self.lattice.unary.clone(),
                pairs: homes.iter().enumerate().map(|h| vec![0; size(h)]).collect(),
                children: vec![0; self.lattice.cards[depth]],
            }
        };
        let mut frames: Vec<Frame> = self.homes.iter().enumerate().map(frame).collect();
        self.assess(&mut frames, 0, None);
        frames
    }

    fn matrix_size(&self, of: usize) -> usize {
        let cards = &self.lattice.cards;
        let at = (0..cards.len()).flat_map(|j| (0..j).map(move |i| (i, j))).nth(of).unwrap_or((0, 0));
        cards[at.0] * padded(cards[at.1])
    }

    /// The matrix of two open levels at a depth; empty where there is none.
    fn matrix<'a>(&'a self, frames: &'a [Frame], depth: usize, i: usize, j: usize) -> &'a [i32] {
        match self.homes[depth][pair(i, j)] {
            None => &[],
            Some(0) => &self.lattice.pairs[pair(i, j)],
            Some(home) => &frames[home].pairs[pair(i, j)],
        }
    }

    /// Fixes level `depth` at a state and assesses the node below.
    fn enter(&self, frames: &mut [Frame], depth: usize, state: usize) {
        let n = self.lattice.cards.len();
        let (above, below) = frames.split_at_mut(depth + 1);
        let (here, next) = (&above[depth], &mut below[0]);
        next.constant = here.constant.wrapping_add(here.unary[depth][state]);
        for j in depth + 1..n {
            next.unary[j].copy_from_slice(&here.unary[j]);
            let matrix = self.matrix(above, depth, depth, j);
            if !matrix.is_empty() {
                let columns = next.unary[j].len();
                let row = &matrix[state * columns..][..columns];
                next.unary[j].iter_mut().zip(row).for_each(|(sum, cell)| *sum = sum.wrapping_add(*cell));
            }
        }
        self.assess(frames, depth + 1, Some(state));
    }

    /// Bounds the children of a node, whose matrices it makes where the level above was just fixed at a state.
    ///
    /// Sums wrap only where no bound is asked for, see `Lattice`.
    fn assess(&self, frames: &mut [Frame], depth: usize, entered: Option<usize>) {
        let lattice = &self.lattice;
        let n = lattice.cards.len();
        let (above, at) = frames.split_at_mut(depth);
        let node = &mut at[0];
        let mut rest = node.constant.wrapping_add(lattice.suffix[depth + 1]);
        let mut children = vec![0i32; lattice.cards[depth]];
        let add = |children: &mut [i32], values: &[i32]| {
            children.iter_mut().zip(values).for_each(|(child, value)| *child = child.wrapping_add(*value));
        };
        for (level, partners) in self.partners[depth].iter().enumerate().skip(depth) {
            let own = &node.unary[level][..lattice.cards[level]];
            match (partners.is_empty(), level == depth) {
                (true, true) => add(&mut children, own),
                (true, false) => rest = rest.wrapping_add(own.iter().copied().max().unwrap_or(0)),
                (false, _) => {}
            }
            let mut maxima = vec![0i32; lattice.cards[level]];
            for &partner in partners.iter().filter(|&&partner| partner > level) {
                self.row_maxima(above, node, (depth, entered), (level, partner), &mut maxima);
                match level == depth {
                    true => add(&mut children, &maxima),
                    false => rest = rest.wrapping_add(maxima.iter().copied().max().unwrap_or(0)),
                }
            }
        }
        for (j, k) in (depth + 1..n).flat_map(|k| (depth + 1..k).map(move |j| (j, k))) {
            add(&mut children, &lattice.triple_maxima[triple(depth, j, k)]);
        }
        children.iter_mut().for_each(|child| *child = child.wrapping_add(rest));
        node.children = children;
    }

    /// Largest value in each row of the matrix of two levels, with their shares of the tables over one level.
    fn row_maxima(
        &self,
        above: &[Frame],
        node: &mut Frame,
        (depth, entered): (usize, Option<usize>),
        (i, j): (usize, usize),
        maxima: &mut [i32],
    ) {
        let partners = &self.partners[depth];
        let row_share = share(&node.unary[i], &partners[i], j);
        let column_share = share(&node.unary[j], &partners[j], i);
        let slab = entered.map_or(&[][..], |state| self.lattice.slab(depth - 1, i, j, state));
        match slab.is_empty() {
            true => row_maxima(self.matrix(above, depth, i, j), &column_share, maxima),
            false => {
                let (matrix, sum) = (self.matrix(above, depth - 1, i, j), &mut node.pairs[pair(i, j)]);
                if matrix.is_empty() {
                    sum.copy_from_slice(slab);
                    row_maxima(sum, &column_share, maxima);
                } else {
                    add_row_maxima(matrix, slab, &column_share, sum, maxima);
                }
            }
        }
        maxima.iter_mut().zip(&row_share).for_each(|(m, s)| *m = m.wrapping_add(*s));
    }
}

/// The part of a level's table that goes to its matrix with a partner: the parts add up to the table.
fn share(unary: &[i32], partners: &[usize], partner: usize) -> Vec<i32> {
    let count = partners.len() as i32;
    match partners.last() == Some(&partner) {
        true => unary.iter().map(|u| u.wrapping_sub(u / count * (count - 1))).collect(),
        false => unary.iter().map(|u| u / count).collect(),
    }
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
