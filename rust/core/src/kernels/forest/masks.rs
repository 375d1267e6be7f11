//! Forests as leaf masks: for each tree, block and state, the leaves that are still possible.
//!
//! The AND of the masks of an architecture's blocks leaves one bit, its leaf (QuickScorer, Lucchese
//! et al. 2015, specialised to finite block states). A tree of more than 64 leaves becomes several
//! parts; a part whose mask is empty does not hold the leaf and adds nothing.

use crate::error::Result;
use crate::kernels::forest::fixed::{Fixed, TREES, Trees, value};
use crate::source::paths::{Path, for_each_leaf};
use crate::source::trees::Forest;
use crate::space::definition::Space;
use crate::threads::Run;

/// Leaves of a part: bits of a mask.
const LEAVES: usize = u64::BITS as usize;
/// Values of a part: one a leaf, then zero for the empty mask.
const VALUES: usize = LEAVES + 1;

/// One member's forest.
#[derive(Debug)]
pub(crate) struct MaskForest {
    /// First mask of each block inside a part.
    blocks: Vec<usize>,
    /// Masks of a part: the states of all blocks.
    states: usize,
    masks: Vec<u64>,
    values: Vec<u32>,
    /// Parts up to the last of the trees of each step.
    ends: Vec<usize>,
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

    pub(crate) fn new(space: &Space, of: Trees<'_>, run: &Run<'_>) -> Result<MaskForest> {
        let mut states = 0;
        let first = |block: &crate::space::definition::Block| {
            states += block.states;
            states - block.states
        };
        let blocks = space.blocks().iter().map(first).collect();
        let mut out = MaskForest { blocks, states, masks: Vec::new(), values: Vec::new(), ends: Vec::new() };
        for t in 0..of.forest.tree_count() {
            run.check()?;
            if t % TREES == 0 {
                out.ends.push(0);
            }
            let mut leaves = Vec::with_capacity(LEAVES);
            for_each_leaf(space, of.forest.tree(t), |path, node| {
                leaves.push((path.clone(), of.fixed.leaves[of.forest.offsets[t] + node]));
                if leaves.len() == LEAVES {
                    out.push(space, &leaves);
                    leaves.clear();
                }
            });
            if !leaves.is_empty() {
                out.push(space, &leaves);
            }
            let parts = out.values.len() / VALUES;
            out.ends.iter_mut().last().into_iter().for_each(|end| *end = parts);
        }
        Ok(out)
    }

    fn push(&mut self, space: &Space, leaves: &[(Path, u32)]) {
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
        self.values.extend((0..VALUES).map(|i| leaves.get(i).map_or(0, |leaf| leaf.1)));
    }

    /// Sums of the trees for block states in columns of `stride` bytes.
    ///
    /// # Panics
    /// If a block state is beyond its block's, which would read the masks of another.
    pub(crate) fn sums(&self, fixed: &Fixed, columns: &[u8], stride: usize, sums: &mut [f64]) {
        let ends = self.blocks.iter().skip(1).chain([&self.states]);
        for ((first, end), column) in self.blocks.iter().zip(ends).zip(columns.chunks(stride)) {
            let largest = column[..sums.len()].iter().fold(0, |largest, &state| state.max(largest));
            assert!(first + usize::from(largest) < *end, "a block state is beyond its block's");
        }
        // The number of blocks as a constant lets their masks' places stay in registers.
        match self.blocks.len() {
            1 => self.sums_of::<1>(fixed, columns, stride, sums),
            2 => self.sums_of::<2>(fixed, columns, stride, sums),
            3 => self.sums_of::<3>(fixed, columns, stride, sums),
            4 => self.sums_of::<4>(fixed, columns, stride, sums),
            5 => self.sums_of::<5>(fixed, columns, stride, sums),
            6 => self.sums_of::<6>(fixed, columns, stride, sums),
            7 => self.sums_of::<7>(fixed, columns, stride, sums),
            8 => self.sums_of::<8>(fixed, columns, stride, sums),
            blocks => {
                let mut at = vec![0; blocks];
                for (row, sum) in sums.iter_mut().enumerate() {
                    let places = at.iter_mut().zip(&self.blocks).enumerate();
                    places.for_each(|(b, (at, first))| *at = first + usize::from(columns[b * stride + row]));
                    *sum = self.sum(fixed, &at);
                }
            }
        }
    }

    fn sums_of<const B: usize>(&self, fixed: &Fixed, columns: &[u8], stride: usize, sums: &mut [f64]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let at: [usize; B] = std::array::from_fn(|b| self.blocks[b] + usize::from(columns[b * stride + row]));
            *sum = self.sum(fixed, &at);
        }
    }

    /// Sum of the trees for the places of block states, which `sums` has checked.
    #[inline(always)]
    fn sum(&self, fixed: &Fixed, at: &[usize]) -> f64 {
        let (mut first, mut total) = (0, 0.0);
        for (&end, &scale) in self.ends.iter().zip(&fixed.scales) {
            let masks = self.masks[first * self.states..end * self.states].chunks_exact(self.states);
            let values = self.values[first * VALUES..end * VALUES].chunks_exact(VALUES);
            let mut sum = 0;
            for (masks, values) in masks.zip(values) {
                // SAFETY: block states are below their block's, whose masks lie inside the part; a u64 has at most
                // 64 trailing zeros and a part 65 values.
                unsafe {
                    let mask = at.iter().fold(u64::MAX, |mask, &at| mask & masks.get_unchecked(at));
                    sum += values.get_unchecked(mask.trailing_zeros() as usize);
                }
            }
            (first, total) = (end, total + value(scale, sum));
        }
        total
    }
}
