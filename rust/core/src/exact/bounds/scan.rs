//! The unpruned scan: every architecture is evaluated, in 16-bit fixed point.
//!
//! The last four levels p, q, a, b of a node make tiles over a and b, one for each p and q. A value is
//! `left[q][a][b] + right[p][a][b] + row[a] + column[b]`: tables over a and b and one more level are in the
//! matrices, all others in the row and the column. Tiles whose largest value may matter are looked at again.

use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::network::Network;
use crate::exact::fixed::tiles::padded;
use crate::kernels::cpu::compiled_twice;

/// Words of a vector; rows are padded to a multiple of it.
const WORDS: usize = 16;
/// Largest sum.
const LARGEST: f64 = 32_000.0;

type Vector = [i16; WORDS];

/// The unit at which no sum of cells overflows 16 bits.
pub(crate) fn coarse_unit(network: &Network) -> f64 {
    let rounded = LARGEST - network.parts() as f64;
    (network.magnitude() / rounded.max(1.0)).max(Lattice::safe_unit(network))
}

/// The order of levels with the least padding.
pub(crate) fn scan_order(cards: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cards.len()).collect();
    let waste = |&level: &usize| cards[level].next_multiple_of(WORDS) * 1024 / cards[level];
    order.sort_by_key(|level| (std::cmp::Reverse(waste(level)), cards[*level]));
    order
}

/// Tables of the last four levels as 16-bit words. Rows are padded to whole vectors.
#[derive(Debug, Default)]
pub(crate) struct LastTables {
    /// The matrix over a and b by state of q, or one for all.
    left: Vec<i16>,
    /// Tables over p and two more levels, which no node changes:
    /// p, a, b (zeros where there is none); p, q, a and p, q, b (empty then).
    right: Vec<i16>,
    to_rows: Vec<i16>,
    to_columns: Vec<i16>,
    /// Of p and of q: what a state adds to rows and to columns.
    rows: [Vec<i16>; 2],
    columns: [Vec<i16>; 2],
    /// Largest value of a tile by state of q.
    maxima: Vec<i16>,
    /// What is added to rows and to columns, by state of q.
    edges: [Vec<i16>; 2],
}

/// What a node knows of the last four levels: the constant, tables over one level and matrices of two.
pub(crate) struct LastLevels<'a> {
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
        out.resize(out.len().next_multiple_of(WORDS), last);
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
        out.resize(out.len().next_multiple_of(WORDS), cell(columns - 1));
    }
}

impl LastTables {
    /// Prepares a node.
    pub(crate) fn enter(&mut self, node: &LastLevels<'_>) {
        let (lattice, n) = (node.lattice, node.lattice.cards.len());
        let [p, q, a, b] = [n - 4, n - 3, n - 2, n - 1];
        let [of_p, of_q, of_a, of_b] = [p, q, a, b].map(|level| lattice.cards[level]);
        if self.maxima.is_empty() {
            for state in 0..of_p {
                narrowed(lattice.slab(p, a, b, state), of_b, &mut self.right);
                narrowed(lattice.slab(p, q, a, state), of_a, &mut self.to_rows);
                narrowed(lattice.slab(p, q, b, state), of_b, &mut self.to_columns);
            }
            if self.right.is_empty() {
                self.right.resize(of_a * of_b.next_multiple_of(WORDS), 0);
            }
            self.maxima.resize(of_q, 0);
            self.edges = [of_a, of_b].map(|states| vec![0; of_q * states.next_multiple_of(WORDS)]);
        }
        self.left.clear();
        let mut slab = Vec::new();
        for state in 0..if lattice.slab(q, a, b, 0).is_empty() { 1 } else { of_q } {
            let first = self.left.len();
            match node.pairs[5].is_empty() {
                true => self.left.resize(first + of_a * of_b.next_multiple_of(WORDS), 0),
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
    pub(crate) fn maxima(&mut self, node: &LastLevels<'_>, p: usize) -> &[i16] {
        let (lattice, n) = (node.lattice, node.lattice.cards.len());
        let (of_q, rows, columns) = (lattice.cards[n - 3], lattice.cards[n - 2], lattice.cards[n - 1]);
        let (row, column) = (rows.next_multiple_of(WORDS), columns.next_multiple_of(WORDS));
        let of_p = |all: &[i16], size: usize| if all.is_empty() { 0..0 } else { p * size..(p + 1) * size };
        let shared = |all: &'_ [i16], width: usize| of_p(all, of_q * width);
        let (own_row, own_column) = (&self.rows[0][p * row..][..row], &self.columns[0][p * column..][..column]);
        add_edges(own_row, &self.rows[1], &self.to_rows[shared(&self.to_rows, row)], &mut self.edges[0]);
        add_edges(own_column, &self.columns[1], &self.to_columns[shared(&self.to_columns, column)], &mut self.edges[1]);
        let size = rows * column;
        let right = if self.right.len() > size { &self.right[p * size..][..size] } else { &self.right[..] };
        for (q, maximum) in self.maxima.iter_mut().enumerate() {
            let left = if self.left.len() > size { &self.left[q * size..][..size] } else { &self.left[..] };
            let pq = node.pairs[0].get(p * padded(of_q) + q).map_or(0, |&x| x as i16);
            let (of_row, of_column) = (&self.edges[0][q * row..][..rows], &self.edges[1][q * column..][..column]);
            *maximum = coarse_maximum(left, right, of_row, of_column).wrapping_add(pq);
        }
        &self.maxima
    }
}

compiled_twice! {
    /// Writes what is added to the rows, or columns, of every tile: `own + every + shared`; the last may be empty.
    pub(crate) fn add_edges(own: &[i16], every: &[i16], shared: &[i16], out: &mut [i16]) {
        let own: &[Vector] = own.as_chunks().0;
        let width = own.len();
        let every = every.as_chunks::<WORDS>().0.chunks_exact(width);
        let shared: &[Vector] = shared.as_chunks().0;
        for (q, (out, every)) in out.as_chunks_mut::<WORDS>().0.chunks_exact_mut(width).zip(every).enumerate() {
            for (v, ((out, every), own)) in out.iter_mut().zip(every).zip(own).enumerate() {
                let shared = shared.get(q * width + v).unwrap_or(&[0; WORDS]);
                for l in 0..WORDS {
                    out[l] = own[l].wrapping_add(every[l]).wrapping_add(shared[l]);
                }
            }
        }
    }
}

/// Largest of a tile whose rows are `W` vectors wide.
#[inline(always)]
fn maximum_of<const W: usize>(left: &[i16], right: &[i16], row: &[i16], column: &[i16]) -> i16 {
    let column: &[Vector; W] = column.as_chunks().0.first_chunk().unwrap_or(&[[0; WORDS]; W]);
    let left: &[[Vector; W]] = left.as_chunks::<WORDS>().0.as_chunks().0;
    let right: &[[Vector; W]] = right.as_chunks::<WORDS>().0.as_chunks().0;
    let mut best = [i16::MIN; WORDS];
    for ((left, right), &of_row) in left.iter().zip(right).zip(row) {
        let mut inside = [i16::MIN; WORDS];
        for v in 0..W {
            for l in 0..WORDS {
                inside[l] = inside[l].max(left[v][l].wrapping_add(right[v][l]).wrapping_add(column[v][l]));
            }
        }
        for l in 0..WORDS {
            best[l] = best[l].max(inside[l].wrapping_add(of_row));
        }
    }
    best.iter().fold(i16::MIN, |m, &x| m.max(x))
}

compiled_twice! {
    /// Largest of `left + right + row + column` over a tile.
    pub(crate) fn coarse_maximum(left: &[i16], right: &[i16], row: &[i16], column: &[i16]) -> i16 {
        match column.len() / WORDS {
            1 => maximum_of::<1>(left, right, row, column),
            2 => maximum_of::<2>(left, right, row, column),
            3 => maximum_of::<3>(left, right, row, column),
            4 => maximum_of::<4>(left, right, row, column),
            width => {
                // Rarely so wide: a vector at a time.
                let part = |v: usize| {
                    let of = |words: &[i16]| -> Vec<i16> {
                        words.chunks_exact(width * WORDS).flat_map(|row| row[v * WORDS..][..WORDS].to_vec()).collect()
                    };
                    maximum_of::<1>(&of(left), &of(right), row, &column[v * WORDS..][..WORDS])
                };
                (0..width).map(part).max().unwrap_or(i16::MIN)
            }
        }
    }
}
