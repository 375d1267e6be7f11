//! Columns of packed rows: the bytes that a cell number of a dense table is made of.

use crate::space::definition::Space;
use crate::tables::axes::joint;

/// Two neighbouring variables share a column where their joint states are at most this many.
const MERGED_STATES: usize = 8;

/// One or two neighbouring variables of a block, their joint state in one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) first: usize,
    pub(crate) len: usize,
    pub(crate) states: usize,
}

/// Joint states of some variables, with those that share their columns.
pub(crate) fn packed_cells(columns: &[Column], variables: impl Iterator<Item = usize> + Clone) -> usize {
    let inside = |c: &&Column| variables.clone().any(|v| (c.first..c.first + c.len).contains(&v));
    joint(columns.iter().filter(inside).map(|c| c.states))
}

/// Columns of a space: pairs of variables (2i, 2i + 1) of one block where they are small, single variables else.
pub(crate) fn columns(space: &Space) -> Vec<Column> {
    let variables = space.variables();
    let card = |v: usize| variables[v].card();
    let mut out = Vec::new();
    let mut v = 0;
    while v < variables.len() {
        let joint = v % 2 == 0
            && v + 1 < variables.len()
            && variables[v].block == variables[v + 1].block
            && card(v).min(card(v + 1)) > 1
            && card(v) * card(v + 1) <= MERGED_STATES;
        let (len, states) = if joint { (2, card(v) * card(v + 1)) } else { (1, card(v)) };
        out.push(Column { first: v, len, states });
        v += len;
    }
    out
}
