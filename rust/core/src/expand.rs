//! Expansion: the tables inside a group of axes summed into one dense table.
//!
//! The sum runs in one fixed nested order, last axis first, so that a dense table and a single cell
//! computed on the fly agree to the last bit.

use crate::tables::Tables;

/// No table over these axes belongs to the group.
const ABSENT: usize = usize::MAX;

/// A group of ascending axes and where in a member's cells its tables are.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) axes: Vec<u16>,
    cards: Vec<usize>,
    /// First cell of the table over axes (j), (j, k), (j, k, l) of the group, or [`ABSENT`].
    unary: Vec<usize>,
    pairs: Vec<usize>,
    triples: Vec<usize>,
}

impl Group {
    /// Number of cells of the dense table.
    pub(crate) fn cells(&self) -> usize {
        self.cards.iter().product()
    }

    /// Step of each axis in the dense table, row-major.
    pub(crate) fn strides(&self) -> Vec<usize> {
        (0..self.axes.len()).map(|j| self.cards[j + 1..].iter().product()).collect()
    }

    /// Sum of the group's tables at the states of all axes of the space.
    pub(crate) fn cell(&self, cells: &[f64], states: &[u8]) -> f64 {
        let n = self.axes.len();
        let x = |j: usize| states[self.axes[j] as usize] as usize;
        let mut sum = 0.0;
        for j in (0..n).rev() {
            let mut p = read(cells, self.unary[j], x(j));
            for k in (j + 1..n).rev() {
                let jk = x(j) * self.cards[k] + x(k);
                let mut q = read(cells, self.pairs[j * n + k], jk);
                for l in (k + 1..n).rev() {
                    q += read(cells, self.triples[(j * n + k) * n + l], jk * self.cards[l] + x(l));
                }
                p += q;
            }
            sum += p;
        }
        sum
    }

    /// The dense table.
    pub(crate) fn expand(&self, cells: &[f64]) -> Vec<f64> {
        let n = self.axes.len();
        let mut sum = vec![0.0];
        for j in (0..n).rev() {
            let mut next = Vec::with_capacity(sum.len() * self.cards[j]);
            for xj in 0..self.cards[j] {
                let p = self.expand_second(cells, j, xj);
                next.extend(sum.iter().zip(&p).map(|(s, p)| s + p));
            }
            sum = next;
        }
        sum
    }

    /// Tables whose first axis is `j`, at its state `xj`, over the later axes.
    fn expand_second(&self, cells: &[f64], j: usize, xj: usize) -> Vec<f64> {
        let n = self.axes.len();
        let mut p = vec![read(cells, self.unary[j], xj)];
        for k in (j + 1..n).rev() {
            let mut next = Vec::with_capacity(p.len() * self.cards[k]);
            for xk in 0..self.cards[k] {
                let jk = xj * self.cards[k] + xk;
                let mut q = vec![read(cells, self.pairs[j * n + k], jk)];
                for l in (k + 1..n).rev() {
                    let triple = self.triples[(j * n + k) * n + l];
                    let mut longer = Vec::with_capacity(q.len() * self.cards[l]);
                    for xl in 0..self.cards[l] {
                        let t = read(cells, triple, jk * self.cards[l] + xl);
                        longer.extend(q.iter().map(|q| q + t));
                    }
                    q = longer;
                }
                next.extend(p.iter().zip(&q).map(|(p, q)| p + q));
            }
            p = next;
        }
        p
    }
}

#[inline]
fn read(cells: &[f64], table: usize, cell: usize) -> f64 {
    if table == ABSENT { 0.0 } else { cells[table + cell] }
}

/// Assigns every table to the first group that contains its axes; `None` where one fits nowhere.
pub(crate) fn assign(tables: &Tables, groups: &[Vec<u16>]) -> Option<Vec<Group>> {
    let mut out: Vec<Group> = groups
        .iter()
        .map(|axes| {
            let n = axes.len();
            let cards = axes.iter().map(|&a| tables.cards[a as usize]).collect();
            let (unary, pairs, triples) = (vec![ABSENT; n], vec![ABSENT; n * n], vec![ABSENT; n * n * n]);
            Group { axes: axes.clone(), cards, unary, pairs, triples }
        })
        .collect();
    for (set, &offset) in tables.sets.iter().zip(&tables.offsets) {
        let slot = out.iter_mut().find_map(|group| {
            let n = group.axes.len();
            let mut at = [0; 3];
            for (at, axis) in at.iter_mut().zip(set.axes()) {
                *at = group.axes.binary_search(axis).ok()?;
            }
            match set.order() {
                1 => group.unary.get_mut(at[0]),
                2 => group.pairs.get_mut(at[0] * n + at[1]),
                _ => group.triples.get_mut((at[0] * n + at[1]) * n + at[2]),
            }
        })?;
        *slot = offset;
    }
    Some(out)
}
