//! Leaves in fixed point: whole multiples of a step, so that sums do not depend on their order.
//!
//! Trees are taken [`TREES`] at a time. A value is `least of its tree + step · q` with q below 2^24, the step that of
//! the trees taken together, so the q of a row are summed exactly; sums are scaled and added in float64, in order.
//! A leaf moves by at most half a step: the largest range of the trees' leaves / 2^25.

use crate::source::trees::{Forest, Node, walk};

/// Trees of one step: their sums fit 32 bits, and 256 bytes of a digit 16.
pub(crate) const TREES: usize = 128;
/// Bits of a leaf.
pub(crate) const BITS: u32 = 24;
/// Largest leaf.
const LARGEST: f64 = ((1u32 << BITS) - 1) as f64;

/// One member's forest, and its leaves in fixed point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trees<'a> {
    pub(crate) forest: &'a Forest,
    pub(crate) fixed: &'a Fixed,
}

/// A forest's leaves in fixed point.
#[derive(Debug)]
pub(crate) struct Fixed {
    /// Of each [`TREES`] trees: the sum of their least leaves, and the step.
    pub(crate) scales: Vec<(f64, f64)>,
    /// Of each node of the forest; zero where it splits.
    pub(crate) leaves: Vec<u32>,
}

impl Fixed {
    pub(crate) fn new(forest: &Forest) -> Fixed {
        let mut fixed = Fixed { scales: Vec::new(), leaves: vec![0; forest.nodes.len()] };
        for first in (0..forest.tree_count()).step_by(TREES) {
            let trees = first..(first + TREES).min(forest.tree_count());
            let extremes: Vec<[f64; 2]> = trees.clone().map(|t| extremes(forest.tree(t))).collect();
            // Halves, as the range of finite values may be none.
            let half = |most: f64, least: f64| 0.5 * most - 0.5 * least;
            let step = extremes.iter().map(|&[least, most]| half(most, least)).fold(0.0, f64::max) / LARGEST;
            let step = if step < f64::MIN_POSITIVE { 0.0 } else { step };
            fixed.scales.push((extremes.iter().map(|[least, _]| least).sum(), 2.0 * step));
            for (t, [least, _]) in trees.zip(extremes).filter(|_| step > 0.0) {
                for node in forest.offsets[t]..forest.offsets[t + 1] {
                    let value = forest.nodes[node].value;
                    if forest.nodes[node].is_leaf() {
                        fixed.leaves[node] = (half(value, least) / step).round().clamp(0.0, LARGEST) as u32;
                    }
                }
            }
        }
        fixed
    }
}

impl Trees<'_> {
    /// Sum of the leaves where a checked row's walks end.
    pub(crate) fn walk(&self, row: &[u8]) -> f64 {
        let mut leaves = (0..self.forest.tree_count()).map(|t| self.leaf(t, row));
        self.fixed.scales.iter().fold(0.0, |sum, &scale| sum + value(scale, leaves.by_ref().take(TREES).sum()))
    }

    /// The leaf where a checked row's walk through one tree ends.
    pub(crate) fn leaf(&self, tree: usize, row: &[u8]) -> u32 {
        self.fixed.leaves[self.forest.offsets[tree] + walk(self.forest.tree(tree), row)]
    }
}

/// What the sum of the leaves of trees of one step is worth.
#[inline(always)]
pub(crate) fn value((least, step): (f64, f64), sum: u32) -> f64 {
    least + step * f64::from(sum)
}

/// Least and largest leaf of a tree.
fn extremes(tree: &[Node]) -> [f64; 2] {
    let leaves = tree.iter().filter(|node| node.is_leaf()).map(|node| node.value);
    leaves.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], v| [least.min(v), most.max(v)])
}
