//! The unpruned scan: every architecture is evaluated, in 16-bit fixed point.
//!
//! The last four levels p, q, a, b of a node make tiles over a and b, one for each p and q. A value is
//! `left[q][a][b] + right[p][a][b] + row[a] + column[b]`: tables over a and b and one more level are in the
//! matrices, all others in the row and the column. Tiles whose largest value may matter are looked at again.

use crate::exact::kernels::{compiled_twice, padded};
use crate::exact::lattice::Lattice;
use crate::exact::network::Network;

/// Lanes of a vector; rows are padded to a multiple of it.
const LANES: usize = 16;
/// Largest sum.
const LARGEST: f64 = 32_000.0;

type Vector = [i16; LANES];

/// The unit at which no sum of cells overflows 16 bits.
pub(crate) fn coarse_unit(network: &Network) -> f64 {
    let rounded = LARGEST - network.tables.len() as f64;
    (network.magnitude() / rounded.max(1.0)).max(Lattice::safe_unit(network))
}

/// The order of levels with the least padding.
pub(crate) fn scan_order(cards: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cards.len()).collect();
    let waste = |&level: &usize| cards[level].next_multiple_of(LANES) * 1024 / cards[level];
    order.sort_by_key(|level| (std::cmp::Reverse(waste(level)), cards[*level]));
    order
}

/// Tables of the last four levels as 16-bit words.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Those of the node: by state of q, or one matrix for all.
    left: Vec<i16>,
    /// The table over p, a and b, which no node changes; empty where there is none.
    right: Vec<i16>,
    rows: [Vec<i16>; 2],
    columns: [Vec<i16>; 2],
    row: Vec<i16>,
    column: Vec<i16>,
}

/// What a node knows of the last four levels: the constant, tables over one level and matrices of two.
pub(crate) struct Node<'a> {
    pub(crate) lattice: &'a Lattice,
    pub(crate) constant: i32,
    /// By level p, q, a, b.
    pub(crate) unary: [&'a [i32]; 4],
    /// Pairs pq, pa, pb, qa, qb, ab; empty where there is none.
    pub(crate) pairs: [&'a [i32]; 6],
}

/// Rows of a matrix padded to whole vectors of words.
fn narrowed(matrix: &[i32], columns: usize, out: &mut Vec<i16>) {
    for row in matrix.chunks_exact(padded(columns)) {
        out.extend(row[..columns].iter().map(|&x| x as i16));
        let last = out[out.len() - 1];
        out.resize(out.len().next_multiple_of(LANES), last);
    }
}

/// Adds a row of a matrix of 32-bit words, if there is one.
fn add_row(matrix: &[i32], state: usize, columns: usize, out: &mut [i16]) {
    if !matrix.is_empty() {
        let row = &matrix[state * padded(columns)..][..columns];
        out.iter_mut().zip(row).for_each(|(sum, &x)| *sum = sum.wrapping_add(x as i16));
    }
}

impl Scratch {
    /// Prepares a node.
    pub(crate) fn enter(&mut self, node: &Node<'_>) {
        let (lattice, n) = (node.lattice, node.lattice.cards.len());
        let [p, q, a, b] = [n - 4, n - 3, n - 2, n - 1];
        let cards = |level: usize| lattice.cards[level];
        let width = cards(b).next_multiple_of(LANES);
        if self.right.is_empty() && !lattice.slab(p, a, b, 0).is_empty() {
            (0..cards(p)).for_each(|s| narrowed(lattice.slab(p, a, b, s), cards(b), &mut self.right));
        }
        self.left.clear();
        let states = if lattice.slab(q, a, b, 0).is_empty() { 1 } else { cards(q) };
        let mut slab = Vec::new();
        for state in 0..states {
            let first = self.left.len();
            match node.pairs[5].is_empty() {
                true => self.left.resize(first + cards(a) * width, 0),
                false => narrowed(node.pairs[5], cards(b), &mut self.left),
            }
            slab.clear();
            narrowed(lattice.slab(q, a, b, state), cards(b), &mut slab);
            self.left[first..].iter_mut().zip(&slab).for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
        }
        for (of, level) in [p, q].into_iter().enumerate() {
            let (to_a, to_b) = (node.pairs[1 + 2 * of], node.pairs[2 + 2 * of]);
            self.rows[of].clear();
            self.columns[of].clear();
            for state in 0..cards(level) {
                let own = node.unary[of][state].wrapping_add(if of == 0 { node.constant } else { 0 }) as i16;
                let row = self.rows[of].len();
                self.rows[of].resize(row + cards(a), own);
                add_row(to_a, state, cards(a), &mut self.rows[of][row..]);
                let column = self.columns[of].len();
                self.columns[of].resize(column + cards(b), 0);
                add_row(to_b, state, cards(b), &mut self.columns[of][column..]);
                if of == 0 {
                    let add = |sums: &mut [i16], values: &[i32]| {
                        sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum = sum.wrapping_add(x as i16));
                    };
                    add(&mut self.rows[0][row..], node.unary[2]);
                    add(&mut self.columns[0][column..], node.unary[3]);
                }
            }
        }
    }

    /// Largest value of a tile.
    pub(crate) fn maximum(&mut self, node: &Node<'_>, p: usize, q: usize) -> i16 {
        let (lattice, n) = (node.lattice, node.lattice.cards.len());
        let (rows, columns) = (lattice.cards[n - 2], lattice.cards[n - 1]);
        let width = columns.next_multiple_of(LANES);
        let pq = node.pairs[0].get(p * padded(lattice.cards[n - 3]) + q).map_or(0, |&x| x as i16);
        let sum = |a: &[i16], b: &[i16], out: &mut Vec<i16>, more: i16| {
            out.clear();
            out.extend(a.iter().zip(b).map(|(x, y)| x.wrapping_add(*y).wrapping_add(more)));
        };
        sum(&self.rows[0][p * rows..][..rows], &self.rows[1][q * rows..][..rows], &mut self.row, pq);
        add_row(lattice.slab(n - 4, n - 3, n - 2, p), q, rows, &mut self.row);
        sum(
            &self.columns[0][p * columns..][..columns],
            &self.columns[1][q * columns..][..columns],
            &mut self.column,
            0,
        );
        add_row(lattice.slab(n - 4, n - 3, n - 1, p), q, columns, &mut self.column);
        self.column.resize(width, self.column[columns - 1]);
        let size = rows * width;
        let left = if self.left.len() > size { &self.left[q * size..][..size] } else { &self.left[..] };
        let right = if self.right.is_empty() { &[][..] } else { &self.right[p * size..][..size] };
        coarse_maximum(left, right, &self.row, &self.column)
    }
}

compiled_twice! {
    /// Largest of `left + right + row + column` over a tile; `right` may be empty.
    pub(crate) fn coarse_maximum(left: &[i16], right: &[i16], row: &[i16], column: &[i16]) -> i16 {
        let columns: &[Vector] = column.as_chunks().0;
        let mut best = [i16::MIN; LANES];
        let (left, _): (&[Vector], _) = left.as_chunks();
        let (right, _): (&[Vector], _) = right.as_chunks();
        for (a, &of_row) in row.iter().enumerate() {
            let first = a * columns.len();
            let mut inside = [i16::MIN; LANES];
            let left = &left[first..first + columns.len()];
            if right.is_empty() {
                for (left, column) in left.iter().zip(columns) {
                    for l in 0..LANES {
                        inside[l] = inside[l].max(left[l].wrapping_add(column[l]));
                    }
                }
            } else {
                let right = &right[first..first + columns.len()];
                for ((left, right), column) in left.iter().zip(right).zip(columns) {
                    for l in 0..LANES {
                        inside[l] = inside[l].max(left[l].wrapping_add(right[l]).wrapping_add(column[l]));
                    }
                }
            }
            for l in 0..LANES {
                best[l] = best[l].max(inside[l].wrapping_add(of_row));
            }
        }
        best.iter().fold(i16::MIN, |m, &x| m.max(x))
    }
}
