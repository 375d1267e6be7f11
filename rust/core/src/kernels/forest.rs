//! Forests as leaf masks: for each tree, block and state, the leaves that are still possible.
//!
//! The AND of the masks of an architecture's blocks leaves one bit, its leaf (QuickScorer, Lucchese
//! et al. 2015, specialised to finite block states). A tree of more than 64 leaves becomes several
//! parts; a part whose mask is empty does not hold the leaf and adds nothing.

use crate::error::Result;
use crate::source::paths::{Path, for_each_leaf};
use crate::source::trees::Forest;
use crate::space::definition::Space;
use crate::threads::Run;

/// Leaves of a part: bits of a mask.
const LEAVES: usize = u64::BITS as usize;
/// Values of a part: one a leaf, then zero for the empty mask.
const VALUES: usize = LEAVES + 1;
/// Bytes of masks and values that rows pass through before the next parts: they stay in the first cache.
const RESIDENT: usize = 24 << 10;

/// One member's forest.
#[derive(Debug)]
pub(crate) struct MaskForest {
    /// First mask of each block inside a part.
    blocks: Vec<usize>,
    /// Masks of a part: the states of all blocks.
    states: usize,
    masks: Vec<u64>,
    values: Vec<f64>,
}

impl MaskForest {
    /// Most bytes that the masks and values of a forest take.
    pub(crate) fn most_bytes(space: &Space, forest: &Forest) -> usize {
        let states = |block: usize| space.byte_cells([block]);
        let states = (0..space.blocks().len()).map(states).fold(0, usize::saturating_add);
        let parts = |t: usize| forest.tree(t).iter().filter(|node| node.is_leaf()).count().div_ceil(LEAVES);
        let parts = (0..forest.tree_count()).fold(0usize, |sum, t| sum + parts(t));
        parts.saturating_mul(states.saturating_add(VALUES).saturating_mul(8))
    }

    pub(crate) fn new(space: &Space, forest: &Forest, run: &Run<'_>) -> Result<MaskForest> {
        let mut states = 0;
        let first = |block: &crate::space::definition::Block| {
            states += block.states;
            states - block.states
        };
        let blocks = space.blocks().iter().map(first).collect();
        let mut out = MaskForest { blocks, states, masks: Vec::new(), values: Vec::new() };
        for t in 0..forest.tree_count() {
            run.check()?;
            let mut leaves = Vec::with_capacity(LEAVES);
            for_each_leaf(space, forest.tree(t), |path, value| {
                leaves.push((path.clone(), value));
                if leaves.len() == LEAVES {
                    out.push(space, &leaves);
                    leaves.clear();
                }
            });
            if !leaves.is_empty() {
                out.push(space, &leaves);
            }
        }
        Ok(out)
    }

    fn push(&mut self, space: &Space, leaves: &[(Path, f64)]) {
        let start = self.masks.len();
        self.masks.resize(start + self.states, u64::MAX >> (LEAVES - leaves.len()));
        for (leaf, (path, _)) in leaves.iter().enumerate() {
            for &(v, choices) in path {
                let block = space.variables()[v as usize].block;
                let (card, inner) = space.radix(v as usize);
                let masks = &mut self.masks[start + self.blocks[block]..][..space.blocks()[block].states];
                for (state, mask) in masks.iter_mut().enumerate() {
                    if !choices.contains(state / inner % card) {
                        *mask &= !(1 << leaf);
                    }
                }
            }
        }
        self.values.extend((0..VALUES).map(|i| leaves.get(i).map_or(0.0, |leaf| leaf.1)));
    }

    /// Adds the trees' values for block states in columns of `stride` bytes, tree by tree.
    ///
    /// # Panics
    /// If a block state is beyond its block's, which would read the masks of another.
    #[inline(always)]
    pub(crate) fn add(&self, columns: &[u8], stride: usize, sums: &mut [f64], run: &Run<'_>) -> Result<()> {
        let ends = self.blocks.iter().skip(1).chain([&self.states]);
        for ((first, end), column) in self.blocks.iter().zip(ends).zip(columns.chunks(stride)) {
            let largest = column[..sums.len()].iter().fold(0, |largest, &state| state.max(largest));
            assert!(first + usize::from(largest) < *end, "a block state is beyond its block's");
        }
        // The number of blocks as a constant lets their masks' places stay in registers.
        match self.blocks.len() {
            1 => self.add_of::<1>(columns, stride, sums, run),
            2 => self.add_of::<2>(columns, stride, sums, run),
            3 => self.add_of::<3>(columns, stride, sums, run),
            4 => self.add_of::<4>(columns, stride, sums, run),
            5 => self.add_of::<5>(columns, stride, sums, run),
            6 => self.add_of::<6>(columns, stride, sums, run),
            7 => self.add_of::<7>(columns, stride, sums, run),
            8 => self.add_of::<8>(columns, stride, sums, run),
            _ => self.add_any(columns, stride, sums, run),
        }
    }

    #[inline(always)]
    fn add_of<const B: usize>(&self, columns: &[u8], stride: usize, sums: &mut [f64], run: &Run<'_>) -> Result<()> {
        let columns: [&[u8]; B] = std::array::from_fn(|b| &columns[b * stride..][..sums.len()]);
        let parts = (RESIDENT / (8 * (self.states + VALUES))).max(1);
        for (masks, values) in self.masks.chunks(parts * self.states).zip(self.values.chunks(parts * VALUES)) {
            run.check()?;
            for (row, sum) in sums.iter_mut().enumerate() {
                let at: [usize; B] = std::array::from_fn(|b| self.blocks[b] + columns[b][row] as usize);
                let mut total = *sum;
                for (masks, values) in masks.chunks_exact(self.states).zip(values.chunks_exact(VALUES)) {
                    // SAFETY: `add` has checked that block states are below their block's, whose masks lie inside
                    // the part; a u64 has at most 64 trailing zeros and a part 65 values.
                    unsafe {
                        let mask = at.iter().fold(u64::MAX, |mask, &at| mask & masks.get_unchecked(at));
                        total += values.get_unchecked(mask.trailing_zeros() as usize);
                    }
                }
                *sum = total;
            }
        }
        Ok(())
    }

    fn add_any(&self, columns: &[u8], stride: usize, sums: &mut [f64], run: &Run<'_>) -> Result<()> {
        for (masks, values) in self.masks.chunks_exact(self.states).zip(self.values.chunks_exact(VALUES)) {
            run.check()?;
            for (row, sum) in sums.iter_mut().enumerate() {
                let mask = |(b, &first): (usize, &usize)| masks[first + columns[b * stride + row] as usize];
                let mask = self.blocks.iter().enumerate().map(mask).fold(u64::MAX, |all, mask| all & mask);
                *sum += values[mask.trailing_zeros() as usize];
            }
        }
        Ok(())
    }
}
