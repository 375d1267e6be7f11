//! Forests as leaf masks: for each tree, block and state, the leaves that are still possible.
//!
//! The AND of the masks of an architecture's blocks leaves one bit, its leaf (QuickScorer, Lucchese
//! et al. 2015, specialised to finite block states). A tree of more than 64 leaves becomes several
//! parts; a part whose mask is empty does not hold the leaf and adds nothing.

use crate::forest::Forest;
use crate::lower::for_each_leaf;
use crate::space::Space;

const LEAVES: usize = u64::BITS as usize;

/// Up to 64 leaves of one tree.
#[derive(Debug)]
struct Part {
    /// Blocks the leaves depend on, and where their masks start.
    blocks: Vec<(usize, usize)>,
    /// First of 65 values: one a leaf, the last zero.
    values: usize,
}

/// One member's forest.
#[derive(Debug)]
pub(crate) struct MaskForest {
    parts: Vec<Part>,
    masks: Vec<u64>,
    values: Vec<f64>,
}

impl MaskForest {
    pub(crate) fn new(space: &Space, forest: &Forest) -> MaskForest {
        let mut out = MaskForest { parts: Vec::new(), masks: Vec::new(), values: Vec::new() };
        for t in 0..forest.tree_count() {
            let mut leaves = Vec::new();
            for_each_leaf(space, forest.tree(t), |path, value| leaves.push((path.clone(), value)));
            for leaves in leaves.chunks(LEAVES) {
                let mut blocks = Vec::new();
                for (b, block) in space.blocks().iter().enumerate() {
                    let all = leaves.len().checked_sub(1).map_or(0, |last| u64::MAX >> (LEAVES - 1 - last));
                    let mut masks = vec![all; block.states];
                    for (leaf, (path, _)) in leaves.iter().enumerate() {
                        for &(v, choices) in path.iter().filter(|(v, _)| block.variables.contains(&(*v as usize))) {
                            let (card, inner) = space.radix(v as usize);
                            for (state, mask) in masks.iter_mut().enumerate() {
                                if !choices.contains(state / inner % card) {
                                    *mask &= !(1 << leaf);
                                }
                            }
                        }
                    }
                    // A part of several needs one block at least, to know that its leaf is elsewhere.
                    if masks.iter().any(|&m| m != all) || (blocks.is_empty() && b + 1 == space.blocks().len()) {
                        blocks.push((b, out.masks.len()));
                        out.masks.extend(masks);
                    }
                }
                out.parts.push(Part { blocks, values: out.values.len() });
                out.values.extend((0..=LEAVES).map(|i| leaves.get(i).map_or(0.0, |leaf| leaf.1)));
            }
        }
        out
    }

    /// Adds the trees' values for block states in columns of `stride` bytes.
    #[inline(always)]
    pub(crate) fn add(&self, blocks: &[u8], stride: usize, sums: &mut [f64]) {
        for part in &self.parts {
            let values = &self.values[part.values..part.values + LEAVES + 1];
            let mut masks = [u64::MAX; 64];
            for (start, sums) in sums.chunks_mut(masks.len()).enumerate().map(|(c, s)| (c * 64, s)) {
                let masks = &mut masks[..sums.len()];
                masks.fill(u64::MAX);
                for &(b, at) in &part.blocks {
                    let states = &blocks[b * stride + start..][..sums.len()];
                    let table = &self.masks[at..];
                    for (mask, &state) in masks.iter_mut().zip(states) {
                        *mask &= table[state as usize];
                    }
                }
                for (sum, mask) in sums.iter_mut().zip(masks) {
                    *sum += values[mask.trailing_zeros() as usize];
                }
            }
        }
    }
}
