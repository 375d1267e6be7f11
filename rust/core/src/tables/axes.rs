//! Axes of tables: variables or whole blocks.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::space::definition::Space;

/// Most axes a table has.
pub const MAX_ORDER: usize = 4;

/// Most blocks that a table depends on.
pub const MAX_BLOCKS: usize = 3;

/// Most cells of a dense table, so that a cell number fits 16 bits; what needs a larger one stays a tree.
pub const MAX_CELLS: usize = 1 << 16;

/// Most cells of a complete table, which is alone and needs no groups.
pub const MAX_COMPLETE: usize = 1 << 26;

/// What an axis of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    Variables,
    Blocks,
}

impl Granularity {
    pub const NAMES: [(&str, Granularity); 2] =
        [("variables", Granularity::Variables), ("blocks", Granularity::Blocks)];

    pub fn name(self) -> &'static str {
        Granularity::NAMES[self as usize].0
    }

    /// Number of states of each axis.
    pub fn cards(self, space: &Space) -> Vec<usize> {
        match self {
            Granularity::Variables => space.cards().collect(),
            Granularity::Blocks => space.blocks().iter().map(|b| b.states).collect(),
        }
    }

    /// Variables of an axis.
    pub(crate) fn variables(self, space: &Space, axis: usize) -> Range<usize> {
        match self {
            Granularity::Variables => axis..axis + 1,
            Granularity::Blocks => space.blocks()[axis].variables.clone(),
        }
    }

    /// State of each axis in a checked row.
    pub fn states(self, space: &Space, row: &[u8], out: &mut Vec<u16>) {
        out.clear();
        match self {
            Granularity::Variables => out.extend(row.iter().map(|&choice| u16::from(choice))),
            Granularity::Blocks => {
                let variables = space.variables();
                let next = |state: usize, v: usize| state * variables[v].card() + row[v] as usize;
                out.extend(space.blocks().iter().map(|b| b.variables.clone().fold(0, next) as u16));
            }
        }
    }
}

/// One to [`MAX_ORDER`] axes, ascending. Sets of fewer axes sort first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AxisSet {
    len: u8,
    axes: [u16; MAX_ORDER],
}

impl AxisSet {
    /// The set of ascending axes; `None` where there are none, too many, or they do not ascend.
    pub fn new(axes: &[u16]) -> Option<AxisSet> {
        if axes.is_empty() || axes.len() > MAX_ORDER || axes.windows(2).any(|w| w[0] >= w[1]) {
            return None;
        }
        let mut all = [0; MAX_ORDER];
        all[..axes.len()].copy_from_slice(axes);
        Some(AxisSet { len: axes.len() as u8, axes: all })
    }

    pub fn axes(&self) -> &[u16] {
        &self.axes[..self.len as usize]
    }

    pub fn order(&self) -> usize {
        self.len as usize
    }

    /// Number of cells of a table over these axes.
    pub fn cells(&self, cards: &[usize]) -> usize {
        self.axes().iter().map(|&a| cards[a as usize]).product()
    }

    /// Number of cells that determine a purified table.
    pub fn free_cells(&self, cards: &[usize]) -> usize {
        self.axes().iter().map(|&a| cards[a as usize] - 1).product()
    }

    pub(crate) fn without(&self, position: usize) -> Option<AxisSet> {
        let mut axes = self.axes().to_vec();
        axes.remove(position);
        AxisSet::new(&axes)
    }
}

/// The set of these axes; an error where a table can't have them, which must not lose its cells.
pub(crate) fn axis_set(axes: &[u16]) -> Result<AxisSet> {
    AxisSet::new(axes).ok_or_else(|| {
        Error::model(format!(
            "a table over axes {axes:?} has not 1 to {MAX_ORDER} ascending ones; report this as a bug"
        ))
    })
}

/// First of each of some ranges of these lengths, one behind the other, and the end of the last.
pub(crate) fn starts(lengths: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut starts = vec![0];
    lengths.into_iter().for_each(|length| starts.push(starts[starts.len() - 1] + length));
    starts
}

/// Number of joint states of some axes, or the largest number where it is larger.
pub(crate) fn joint(states: impl IntoIterator<Item = usize>) -> usize {
    states.into_iter().fold(1, usize::saturating_mul)
}
