//! The nodes of the search: what is left of a function's tables once the first levels are fixed, and its bounds.
//!
//! Fixing a level turns tables over three levels into tables over two, and those into tables over one, so a
//! node of depth `d` has a matrix for every pair of open levels. The bound of a child is the sum of the
//! matrices' maxima, with the tables over one level shared out among the matrices, and of the largest cells
//! of the tables over three open levels. Trees add the largest leaf that can be reached, by state of the next level.

use crate::exact::fixed::grove::Grove;
use crate::exact::fixed::grove_tiles::Tiles;
use crate::exact::fixed::lattice::{Lattice, pair, triple};
use crate::exact::fixed::tiles::{add_row_maxima, padded, row_maxima};

/// A function and where its matrices live at every depth.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) lattice: Lattice,
    /// By depth and pair, the depth whose frame has the matrix; `None` where there is none.
    homes: Vec<Vec<Option<usize>>>,
    /// By depth and level, the levels that it shares a matrix with, ascending.
    partners: Vec<Vec<Vec<usize>>>,
}

/// A function at a node: tables over one level and the matrices that this depth changed.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) constant: i32,
    pub(crate) unary: Vec<Vec<i32>>,
    pairs: Vec<Vec<i32>>,
    /// What is left of the trees.
    pub(crate) grove: Grove,
    pub(crate) tiles: Tiles,
    /// Upper bound by state of the next level.
    pub(crate) children: Vec<i32>,
}

impl Function {
    pub(crate) fn new(lattice: Lattice) -> Function {
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

    pub(crate) fn frames(&self) -> Vec<Frame> {
        let frame = |(depth, homes): (usize, &Vec<Option<usize>>)| {
            let size = |(p, home): (usize, &Option<usize>)| match home {
                Some(home) if *home == depth && depth > 0 => self.matrix_size(p),
                _ => 0,
            };
            Frame {
                constant: 0,
                unary: self.lattice.unary.clone(),
                pairs: homes.iter().enumerate().map(|h| vec![0; size(h)]).collect(),
                grove: if depth == 0 { self.lattice.grove.clone() } else { Grove::default() },
                tiles: Tiles::default(),
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
    pub(crate) fn matrix<'a>(&'a self, frames: &'a [Frame], depth: usize, i: usize, j: usize) -> &'a [i32] {
        match self.homes[depth][pair(i, j)] {
            None => &[],
            Some(0) => &self.lattice.pairs[pair(i, j)],
            Some(home) => &frames[home].pairs[pair(i, j)],
        }
    }

    /// Fixes level `depth` at a state and assesses the node below.
    pub(crate) fn enter(&self, frames: &mut [Frame], depth: usize, state: usize) {
        let n = self.lattice.cards.len();
        let (above, below) = frames.split_at_mut(depth + 1);
        let (here, next) = (&above[depth], &mut below[0]);
        next.constant = here.constant.wrapping_add(here.unary[depth][state]);
        next.constant = next.constant.wrapping_add(here.grove.fix(depth, state, &mut next.grove));
        next.tiles.forget();
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
        rest = rest.wrapping_add(node.grove.bound(depth, &mut children));
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
