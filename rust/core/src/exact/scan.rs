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
    let rounded = LARGEST - network.tables() as f64;
    (network.magnitude() / rounded.max(1.0)).max(Lattice::safe_unit(network))
}

/// The order of levels with the least padding.
pub(crate) fn scan_order(cards: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cards.len()).collect();
    let waste = |&level: &usize| cards[level].next_multiple_of(LANES) * 1024 / cards[level];
    order.sort_by_key(|level| (std::cmp::Reverse(waste(level)), cards[*level]));
    order
}

/// Tables of the last four levels as 16-bit words. Rows are padded to whole vectors.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The matrix over a and b by state of q, or one for all.
    left: Vec<i16>,
    /// Tables over p and two more levels, which no node changes: p, a, b (may be empty), p, q, a and p, q, b.
    right: Vec<i16>,
    to_rows: Vec<i16>,
    to_columns: Vec<i16>,
    /// Of p and of q: what a state adds to rows and to columns.
    rows: [Vec<i16>; 2],
    columns: [Vec<i16>; 2],
    /// Largest value of a tile by state of q.
    maxima: Vec<i16>,
    /// A row and a column of zeros.
    zeros: Vec<i16>,
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

/// A padded row for each state of a level: what it shares with another level, if anything, and what every state has.
fn edges(matrix: &[i32], states: usize, every: &[i32], own: impl Fn(usize) -> i32, columns: usize, out: &mut Vec<i16>) {
    let width = padded(columns);
    out.clear();
    for state in 0..states {
        let shared = |column: usize| matrix.get(state * width + column).copied().unwrap_or(0);
        let common = |column: usize| every.get(column).copied().unwrap_or(0);
        let cell = |column: usize| shared(column).wrapping_add(common(column)).wrapping_add(own(state)) as i16;
        out.extend((0..columns).map(cell));
        out.resize(out.len().next_multiple_of(LANES), cell(columns - 1));
    }
}

impl Scratch {
    /// Prepares a node.
    pub(crate) fn enter(&mut self, node: &Node<'_>) {
        let (lattice, n) = (node.lattice, node.lattice.cards.len());
        let [p, q, a, b] = [n - 4, n - 3, n - 2, n - 1];
        let [of_p, of_q, of_a, of_b] = [p, q, a, b].map(|level| lattice.cards[level]);
        if self.maxima.is_empty() {
            for state in 0..of_p {
                narrowed(lattice.slab(p, a, b, state), of_b, &mut self.right);
                narrowed(lattice.slab(p, q, a, state), of_a, &mut self.to_rows);
                narrowed(lattice.slab(p, q, b, state), of_b, &mut self.to_columns);
            }
            self.maxima.resize(of_q, 0);
            self.zeros.resize(of_a.max(of_b).next_multiple_of(LANES), 0);
        }
        self.left.clear();
        let mut slab = Vec::new();
        for state in 0..if lattice.slab(q, a, b, 0).is_empty() { 1 } else { of_q } {
            let first = self.left.len();
            match node.pairs[5].is_empty() {
                true => self.left.resize(first + of_a * of_b.next_multiple_of(LANES), 0),
                false => narrowed(node.pairs[5], of_b, &mut self.left),
            }
            slab.clear();
            narrowed(lattice.slab(q, a, b, state), of_b, &mut slab);
            self.left[first..].iter_mut().zip(&slab).for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
        }
        let [_, pa, pb, qa, qb, _] = node.pairs;
        let own = |state: usize| node.unary[0][state].wrapping_add(node.constant);
        edges(pa, of_p, node.unary[2], own, of_a, &mut self.rows[0]);
        edges(pb, of_p, node.unary[3], |_| 0, of_b, &mut self.columns[0]);
        edges(qa, of_q, &[], |state| node.unary[1][state], of_a, &mut self.rows[1]);
        edges(qb, of_q, &[], |_| 0, of_b, &mut self.columns[1]);
    }

    /// Largest values of the tiles of a state of p, by state of q.
    pub(crate) fn maxima(&mut self, node: &Node<'_>, p: usize) -> &[i16] {
        let (lattice, n) = (node.lattice, node.lattice.cards.len());
        let (of_q, rows, columns) = (lattice.cards[n - 3], lattice.cards[n - 2], lattice.cards[n - 1]);
        let (row, column) = (rows.next_multiple_of(LANES), columns.next_multiple_of(LANES));
        let part = |all: &[i16], size: usize, at: usize| -> std::ops::Range<usize> {
            if all.len() > size { at * size..(at + 1) * size } else { 0..all.len() }
        };
        for q in 0..of_q {
            let step = |all: &'_ [i16], width: usize| match all.is_empty() {
                true => 0..0,
                false => (p * of_q + q) * width..(p * of_q + q + 1) * width,
            };
            let or_zeros = |words: &'_ [i16]| words.is_empty();
            let to_rows = &self.to_rows[step(&self.to_rows, row)];
            let to_columns = &self.to_columns[step(&self.to_columns, column)];
            self.maxima[q] = coarse_maximum(
                &self.left[part(&self.left, rows * column, q)],
                &self.right[part(&self.right, rows * column, p)],
                [
                    &self.rows[0][p * row..][..row],
                    &self.rows[1][q * row..][..row],
                    if or_zeros(to_rows) { &self.zeros[..row] } else { to_rows },
                ],
                [
                    &self.columns[0][p * column..][..column],
                    &self.columns[1][q * column..][..column],
                    if or_zeros(to_columns) { &self.zeros[..column] } else { to_columns },
                ],
                rows,
            );
        }
        let pq = node.pairs[0];
        for (q, maximum) in self.maxima.iter_mut().enumerate() {
            *maximum = maximum.wrapping_add(pq.get(p * padded(of_q) + q).map_or(0, |&x| x as i16));
        }
        &self.maxima
    }
}

compiled_twice! {
    /// Largest of `left + right + row + column` over a tile; `right` may be empty, a row and a column have three parts.
    pub(crate) fn coarse_maximum(
        left: &[i16], right: &[i16], row_parts: [&[i16]; 3], column_parts: [&[i16]; 3], rows: usize,
    ) -> i16 {
        let mut edges = [[[0i16; LANES]; 16]; 2];
        for (edge, parts) in edges.iter_mut().zip([row_parts, column_parts]) {
            for part in parts {
                for (sum, part) in edge.iter_mut().zip(part.as_chunks::<LANES>().0) {
                    for l in 0..LANES {
                        sum[l] = sum[l].wrapping_add(part[l]);
                    }
                }
            }
        }
        let [row, column] = &edges;
        let row = &row.as_flattened()[..rows];
        let width = column_parts[0].len() / LANES;
        let column: &[Vector] = &column[..width];
        let mut best = [i16::MIN; LANES];
        let left: &[Vector] = left.as_chunks().0;
        let right: &[Vector] = right.as_chunks().0;
        for (a, &of_row) in row.iter().enumerate() {
            let mut inside = [i16::MIN; LANES];
            let left = &left[a * width..][..width];
            if right.is_empty() {
                for (left, column) in left.iter().zip(column) {
                    for l in 0..LANES {
                        inside[l] = inside[l].max(left[l].wrapping_add(column[l]));
                    }
                }
            } else {
                let right = &right[a * width..][..width];
                for ((left, right), column) in left.iter().zip(right).zip(column) {
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
