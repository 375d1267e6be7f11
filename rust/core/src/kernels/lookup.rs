//! The inner loops: safe, plain loops over columns that compilers vectorise.
//!
//! They are compiled twice, for AVX2 and for any processor, and do the same operations in the same
//! order. Look-ups are scalar loads: gathers were a third slower on the processors measured.

use std::sync::Arc;

use crate::error::Result;
use crate::kernels::links::write_inverted;
use crate::kernels::transpose::{Packer, ROWS};
use crate::layout::arena::Arena;
use crate::layout::groups::{Group, MEMBER_LANES};
use crate::metric::Link;
use crate::tables::axes::Granularity;
use crate::threads::map;

/// How columns make the cell number of a group: (column, step in cells).
#[derive(Debug)]
struct Terms(Vec<(usize, u16)>);

impl Terms {
    fn new(packer: &Packer, granularity: Granularity, group: &Group) -> Terms {
        let steps = group.axes.iter().zip(group.strides());
        let column_of = |axis: u16| match granularity {
            // A column of two variables advances by the step of its second.
            Granularity::Variables => packer.columns().iter().position(|c| c.first + c.len - 1 == axis as usize),
            Granularity::Blocks => Some(axis as usize),
        };
        Terms(steps.filter_map(|(&axis, step)| Some((column_of(axis)?, step as u16))).collect())
    }

    /// Cell number of every row; below 2^16 because a group has no more cells.
    #[inline(always)]
    fn cells(&self, columns: &[u8], out: &mut [u16]) {
        const VECTOR: usize = 16;
        let (vectors, rest) = out.as_chunks_mut::<VECTOR>();
        let start = vectors.len() * VECTOR;
        for (v, out) in vectors.iter_mut().enumerate() {
            // A vector of rows at a time, so that the sums stay in a register.
            let mut cells = [0u16; VECTOR];
            for &(column, step) in &self.0 {
                let states: &[u8; VECTOR] = columns[column * ROWS + v * VECTOR..].first_chunk().unwrap_or(&[0; VECTOR]);
                for (cell, &state) in cells.iter_mut().zip(states) {
                    *cell = cell.wrapping_add(u16::from(state).wrapping_mul(step));
                }
            }
            *out = cells;
        }
        for (i, out) in rest.iter_mut().enumerate() {
            *out = self.cell(|column| columns[column * ROWS + start + i]);
        }
    }

    /// Cell number of one row.
    #[inline(always)]
    fn cell(&self, state: impl Fn(usize) -> u8) -> u16 {
        let part = |&(column, step): &(usize, u16)| u16::from(state(column)).wrapping_mul(step);
        self.0.iter().map(part).fold(0, u16::wrapping_add)
    }
}

/// A dense table of a group's means, or of products of factors.
#[derive(Debug)]
pub(crate) struct Dense {
    terms: Terms,
    tables: Arc<Arena>,
    /// Which of them is this one.
    place: usize,
}

impl Dense {
    /// Tables of groups, of which a function gives the cells.
    pub(crate) fn of_groups(
        packer: &Packer,
        granularity: Granularity,
        groups: &[Group],
        cells: impl Fn(&Group) -> Result<Vec<f64>> + Sync + Send,
    ) -> Result<Vec<Dense>> {
        /// Groups whose cells are held in float64 at a time.
        const AT_ONCE: usize = 64;
        let terms = groups.iter().map(|group| Terms::new(packer, granularity, group)).collect();
        let mut arena = Arena::new(groups.iter().map(Group::cells))?;
        for (run, groups) in groups.chunks(AT_ONCE).enumerate() {
            for (i, cells) in map(groups, &cells).into_iter().enumerate() {
                arena.fill(run * AT_ONCE + i, &cells?);
            }
        }
        Ok(Dense::side_by_side(terms, arena))
    }

    fn side_by_side(terms: Vec<Terms>, arena: Arena) -> Vec<Dense> {
        let tables = Arc::new(arena);
        let dense = |(place, terms)| Dense { terms, tables: tables.clone(), place };
        terms.into_iter().enumerate().map(dense).collect()
    }

    /// Tables of the products of every column's factors, a factor a state: few, and small enough for the first cache.
    pub(crate) fn of_factors(columns: &[Vec<f64>]) -> Result<Vec<Dense>> {
        const CELLS: usize = 4096;
        let (mut all, mut cells): (Vec<Terms>, Vec<Vec<f64>>) = Default::default();
        let mut next = 0;
        while next < columns.len() {
            let (mut terms, mut products, first) = (Vec::new(), vec![1.0], next);
            while next < columns.len() && (next == first || products.len() * columns[next].len() <= CELLS) {
                // The first column of a table advances by one cell.
                terms.push((next, products.len() as u16));
                products = columns[next].iter().flat_map(|f| products.iter().map(move |p| p * f)).collect();
                next += 1;
            }
            all.push(Terms(terms));
            cells.push(products);
        }
        let mut arena = Arena::new(cells.iter().map(Vec::len))?;
        cells.iter().enumerate().for_each(|(place, cells)| arena.fill(place, cells));
        Ok(Dense::side_by_side(all, arena))
    }

    /// Multiplies each row's product by its cell.
    #[inline(always)]
    pub(crate) fn multiply(&self, columns: &[u8], cells: &mut [u16], products: &mut [f32]) {
        let cells = &mut cells[..products.len()];
        self.terms.cells(columns, cells);
        let table = self.tables.table(self.place);
        for (product, &cell) in products.iter_mut().zip(&*cells) {
            *product *= table[cell as usize];
        }
    }

    /// The number of the cell of one row's columns.
    pub(crate) fn number(&self, columns: &[u8]) -> u16 {
        self.terms.cell(|column| columns[column])
    }

    /// The tables of all groups, and where among their cells this one begins.
    pub(crate) fn place(&self) -> (&Arc<Arena>, usize) {
        (&self.tables, self.tables.start(self.place))
    }

    /// Adds each row's cell to its sum.
    #[inline(always)]
    pub(crate) fn add(&self, columns: &[u8], cells: &mut [u16], sums: &mut [f32]) {
        let cells = &mut cells[..sums.len()];
        self.terms.cells(columns, cells);
        // A local reference: the sums can't alias it, so it is loaded once.
        let table = self.tables.table(self.place);
        for (sum, &cell) in sums.iter_mut().zip(&*cells) {
            *sum += table[cell as usize];
        }
    }
}

/// A group's dense table of the members' deviations from the mean, in units of one step.
#[derive(Debug)]
pub(crate) struct DenseMembers {
    terms: Terms,
    /// For each run of [`MEMBER_LANES`] members, the cells.
    tables: Vec<Vec<Lanes>>,
}

/// Deviations of a run of members, a whole vector.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub(crate) struct Lanes(pub(crate) [i16; MEMBER_LANES]);

impl Lanes {
    /// The step is chosen so that no final sum leaves 16 bits; on the way it may wrap.
    #[inline(always)]
    fn add(&mut self, other: &Lanes) {
        for lane in 0..MEMBER_LANES {
            self.0[lane] = self.0[lane].wrapping_add(other.0[lane]);
        }
    }
}

impl DenseMembers {
    /// The group's place in packed columns, without members.
    pub(crate) fn new(packer: &Packer, granularity: Granularity, group: &Group) -> DenseMembers {
        DenseMembers { terms: Terms::new(packer, granularity, group), tables: Vec::new() }
    }

    /// Cells of a run of members, whose deviations are rounded to steps.
    pub(crate) fn lanes(group: &Group, deviations: &[Vec<f64>], step: f64) -> Vec<Lanes> {
        let expanded: Vec<Vec<f64>> = deviations.iter().map(|d| group.expand(d)).collect();
        // A group alone may leave 16 bits where the sum does not, so its cells wrap as the sums do. They fit 64 bits:
        // the part of a function on a set of axes is at most 2^order times as large as the function.
        let lane = |m: usize, c: usize| expanded.get(m).map_or(0, |d| (d[c] / step).round() as i64 as i16);
        (0..group.cells()).map(|c| Lanes(std::array::from_fn(|m| lane(m, c)))).collect()
    }

    /// Adds the next run of members.
    pub(crate) fn push(&mut self, lanes: Vec<Lanes>) {
        self.tables.push(lanes);
    }

    /// Adds each row's cells of one or two groups to its lanes, for one run of members.
    #[inline(always)]
    pub(crate) fn add(groups: &[DenseMembers], run: usize, columns: &[u8], cells: &mut [u16], sums: &mut [Lanes]) {
        let (first, second) = cells.split_at_mut(ROWS);
        let (first, second) = (&mut first[..sums.len()], &mut second[..sums.len()]);
        groups[0].terms.cells(columns, first);
        let table = groups[0].tables[run].as_slice();
        match groups.get(1) {
            None => {
                for (sums, &cell) in sums.iter_mut().zip(&*first) {
                    sums.add(&table[cell as usize]);
                }
            }
            // Two at a time halve the traffic of the sums.
            Some(other) => {
                other.terms.cells(columns, second);
                let other = other.tables[run].as_slice();
                for ((sums, &cell), &other_cell) in sums.iter_mut().zip(&*first).zip(&*second) {
                    let mut both = *sums;
                    both.add(&table[cell as usize]);
                    both.add(&other[other_cell as usize]);
                    *sums = both;
                }
            }
        }
    }
}

/// Writes the metric's values: table sums plus constant and forest, the link inverted.
#[inline(always)]
pub(crate) fn finish(link: Link, constant: f64, sums: &[f32], forest: Option<&[f64]>, out: &mut [f32]) {
    const AT_ONCE: usize = 32;
    for (part, out) in out.chunks_mut(AT_ONCE).enumerate() {
        let mut values = [constant; AT_ONCE];
        for (value, &sum) in values.iter_mut().zip(&sums[part * AT_ONCE..]) {
            *value += f64::from(sum);
        }
        if let Some(forest) = forest {
            for (value, &forest) in values.iter_mut().zip(&forest[part * AT_ONCE..]) {
                *value += forest;
            }
        }
        write_inverted(link, &mut values, out);
    }
}

/// Turns products of factors into standard deviations in the metric's unit, at its values.
#[inline(always)]
pub(crate) fn scale_residuals(link: Link, residual: f32, mean: &[f32], products: &mut [f32]) {
    match link {
        Link::Identity | Link::Floored(_) => {
            for product in products {
                *product *= residual;
            }
        }
        Link::Reciprocal | Link::Capped(_) => {
            for (product, &y) in products.iter_mut().zip(mean) {
                *product *= residual * y * y;
            }
        }
        Link::Log => {
            for (product, &y) in products.iter_mut().zip(mean) {
                *product *= residual * y;
            }
        }
        Link::Below(limit) | Link::Above(limit) => {
            for (product, &y) in products.iter_mut().zip(mean) {
                *product *= residual * (limit - f64::from(y)).abs() as f32;
            }
        }
    }
}
