//! Float64 sums of a surrogate's tables, for several members at once.
//!
//! Groups of tables are summed one after the other; few rows are summed cell by cell, many by dense
//! tables. Both do the same operations in the same order, so the number of rows does not change a bit.

use std::borrow::Cow;

use crate::layout::groups::{Group, MEMBER_LANES};
use crate::tables::stored::Tables;

/// Most float64 of all dense tables.
const MAX_DENSE: usize = 1 << 24;

/// Sums of tables at the states of the axes.
pub(crate) struct Sums<'a> {
    groups: &'a [Group],
    /// The cells of each member.
    cells: &'a [Vec<f64>],
    dense: Option<Cow<'a, DenseSums>>,
}

/// For each group the steps of its axes, and the members' cells side by side.
#[derive(Clone, Debug)]
pub(crate) struct DenseSums(Vec<(Vec<usize>, Vec<f64>)>);

impl DenseSums {
    pub(crate) fn new(groups: &[Group], cells: &[Vec<f64>]) -> DenseSums {
        let table = |group: &Group| {
            let members: Vec<Vec<f64>> = cells.iter().map(|cells| group.expand(cells)).collect();
            let side_by_side = (0..group.cells()).flat_map(|cell| members.iter().map(move |member| member[cell]));
            (group.strides(), side_by_side.collect())
        };
        DenseSums(groups.iter().map(table).collect())
    }

    /// Whether so many rows are worth the dense tables, and these fit.
    pub(crate) fn pay(tables: &Tables, groups: &[Group], members: usize, rows: usize) -> bool {
        let size = groups.iter().fold(0usize, |n, group| n.saturating_add(group.cells()));
        rows.saturating_mul(tables.sets.len()) > 2 * size && size.saturating_mul(members) <= MAX_DENSE
    }
}

impl<'a> Sums<'a> {
    /// Prepares the sums of so many rows over groups that have all the tables.
    pub(crate) fn new(tables: &Tables, groups: &'a [Group], cells: &'a [Vec<f64>], rows: usize) -> Sums<'a> {
        let pays = DenseSums::pay(tables, groups, cells.len(), rows);
        Sums { groups, cells, dense: pays.then(|| Cow::Owned(DenseSums::new(groups, cells))) }
    }

    /// Sums with dense tables that were made before, or without any.
    pub(crate) fn prepared(groups: &'a [Group], cells: &'a [Vec<f64>], dense: Option<&'a DenseSums>) -> Sums<'a> {
        Sums { groups, cells, dense: dense.map(Cow::Borrowed) }
    }

    /// Adds every member's tables to its sum.
    pub(crate) fn add(&self, states: &[u16], sums: &mut [f64]) {
        let members = self.cells.len();
        match &self.dense {
            Some(dense) => {
                for (group, (strides, table)) in self.groups.iter().zip(&dense.0) {
                    let step = |(&a, &stride): (&u16, &usize)| states[a as usize] as usize * stride;
                    let cell: usize = group.axes.iter().zip(strides).map(step).sum();
                    sums.iter_mut().zip(&table[cell * members..][..members]).for_each(|(sum, value)| *sum += value);
                }
            }
            None if members == 1 => {
                sums.iter_mut().for_each(|sum| self.groups.iter().for_each(|g| *sum += g.cell(&self.cells[0], states)));
            }
            None => {
                for group in self.groups {
                    for (sums, cells) in sums.chunks_mut(MEMBER_LANES).zip(self.cells.chunks(MEMBER_LANES)) {
                        let of_each = group.cell_of_each(cells, states);
                        sums.iter_mut().zip(of_each).for_each(|(sum, own)| *sum += own);
                    }
                }
            }
        }
    }
}
