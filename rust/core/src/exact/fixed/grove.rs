//! Trees in whole units, and what is left of them once levels are fixed: bounds and tiles are sums over them.

use std::sync::Arc;

use crate::exact::fixed::tiles::padded;
use crate::exact::fixed::trees::{Node as TreeNode, Trees};

/// A split of a level's states: trees that are leaves are parts of constants.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Number of the mask of states that go right; none at a leaf.
    mask: Option<u32>,
    level: u32,
    left: u32,
    right: u32,
    /// A leaf's value, or the largest below.
    most: i32,
    /// Levels tested here and below, modulo 64.
    tested: u64,
}

/// Trees of several leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grove {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// By set: -1 for each state that goes right, 0 for others, padded with copies of the last.
    masks: Arc<Vec<Vec<i32>>>,
}

impl Grove {
    /// Rounds weighted trees whose level `l` is put at `position[l]`; gives them and the sum of those of one leaf.
    pub(crate) fn new(
        parts: &[(f64, Arc<Trees>)],
        position: &[usize],
        round: impl Fn(f64, f64) -> i32,
    ) -> (Grove, i32) {
        let (mut grove, mut masks, mut constant) = (Grove::default(), Vec::new(), 0i32);
        for (weight, trees) in parts {
            let (first, first_mask) = (grove.nodes.len() as u32, masks.len() as u32);
            for (_, inside) in &trees.sets {
                let mut mask: Vec<i32> = inside.iter().map(|&inside| -i32::from(inside)).collect();
                mask.resize(padded(mask.len()), mask.last().copied().unwrap_or(0));
                masks.push(mask);
            }
            // Children stand before their parents.
            for node in &trees.nodes {
                let node = match *node {
                    TreeNode::Leaf(value) => Node::leaf(round(*weight, value)),
                    TreeNode::Split { set, left, right } => {
                        let level = position[trees.sets[set].0] as u32;
                        grove.split(first_mask + set as u32, level, first + left as u32, first + right as u32)
                    }
                };
                grove.nodes.push(node);
            }
            for &root in &trees.roots {
                let root = first + root as u32;
                match grove.nodes[root as usize].mask {
                    Some(_) => grove.roots.push(root),
                    None => constant = constant.wrapping_add(grove.nodes[root as usize].most),
                }
            }
        }
        grove.masks = Arc::new(masks);
        (grove, constant)
    }

    /// Whether there are no trees.
    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    fn split(&self, mask: u32, level: u32, left: u32, right: u32) -> Node {
        let [a, b] = [left, right].map(|side| self.nodes[side as usize]);
        let tested = a.tested | b.tested | 1 << (level % 64);
        Node { mask: Some(mask), level, left, right, most: a.most.max(b.most), tested }
    }

    fn goes_right(&self, mask: u32, state: usize) -> bool {
        self.masks[mask as usize][state] != 0
    }

    /// Fixes a level at a state: what is left goes to another grove; gives the sum of the trees of one leaf.
    pub(crate) fn fix(&self, level: usize, state: usize, left: &mut Grove) -> i32 {
        left.nodes.clear();
        left.roots.clear();
        left.masks = self.masks.clone();
        let mut constant = 0i32;
        for &root in &self.roots {
            let first = left.nodes.len();
            let root = self.copy(root, (level as u32, state), left);
            match left.nodes[root as usize] {
                Node { mask: None, most, .. } => {
                    constant = constant.wrapping_add(most);
                    left.nodes.truncate(first);
                }
                _ => left.roots.push(root),
            }
        }
        constant
    }

    fn copy(&self, mut at: u32, fixed: (u32, usize), into: &mut Grove) -> u32 {
        loop {
            let node = self.nodes[at as usize];
            match node.mask {
                Some(mask) if node.level == fixed.0 => {
                    at = if self.goes_right(mask, fixed.1) { node.right } else { node.left };
                }
                Some(mask) => {
                    let (left, right) = (self.copy(node.left, fixed, into), self.copy(node.right, fixed, into));
                    let node = into.split(mask, node.level, left, right);
                    into.nodes.push(node);
                    return into.nodes.len() as u32 - 1;
                }
                None => {
                    into.nodes.push(node);
                    return into.nodes.len() as u32 - 1;
                }
            }
        }
    }

    /// Adds the trees' largest leaves by state of a level; gives the sum of those of trees that do not test it.
    pub(crate) fn bound(&self, level: usize, most: &mut [i32]) -> i32 {
        let (mut rest, mut own, mut spare) = (0i32, vec![0; padded(most.len())], Vec::new());
        for &root in &self.roots {
            match self.nodes[root as usize].tested >> (level % 64) & 1 {
                0 => rest = rest.wrapping_add(self.nodes[root as usize].most),
                _ => {
                    self.largest(root, level as u32, &mut own, &mut spare);
                    most.iter_mut().zip(&own).for_each(|(sum, own)| *sum = sum.wrapping_add(*own));
                }
            }
        }
        rest
    }

    /// Largest leaf below a node by state of a level.
    fn largest(&self, at: u32, level: u32, out: &mut [i32], spare: &mut Vec<Vec<i32>>) {
        let node = self.nodes[at as usize];
        let Some(mask) = node.mask.filter(|_| node.tested >> (level % 64) & 1 == 1) else {
            out.fill(node.most);
            return;
        };
        self.largest(node.left, level, out, spare);
        let mut right = spare.pop().unwrap_or_else(|| vec![0; out.len()]);
        self.largest(node.right, level, &mut right, spare);
        match node.level == level {
            true => {
                let mask = &self.masks[mask as usize];
                out.iter_mut().zip(&right).zip(mask).for_each(|((out, right), mask)| *out ^= (*out ^ right) & mask);
            }
            false => out.iter_mut().zip(&right).for_each(|(out, right)| *out = (*out).max(*right)),
        }
        spare.push(right);
    }

    /// Sum of the leaves that the levels' states reach.
    pub(crate) fn value(&self, states: &[usize]) -> i32 {
        self.roots.iter().fold(0, |sum: i32, &root| sum.wrapping_add(self.leaf(root, states)))
    }

    fn leaf(&self, mut at: u32, states: &[usize]) -> i32 {
        loop {
            let node = self.nodes[at as usize];
            let Some(mask) = node.mask else { return node.most };
            at = if self.goes_right(mask, states[node.level as usize]) { node.right } else { node.left };
        }
    }

    /// Adds the sum of the leaves by state of one level, the others at their states.
    pub(crate) fn responses(&self, states: &[usize], level: usize, out: &mut [i32]) {
        let (mut states, mut rest) = (states.to_vec(), 0i32);
        for &root in &self.roots {
            if self.nodes[root as usize].tested >> (level % 64) & 1 == 0 {
                rest = rest.wrapping_add(self.leaf(root, &states));
                continue;
            }
            for (state, sum) in out.iter_mut().enumerate() {
                states[level] = state;
                *sum = sum.wrapping_add(self.leaf(root, &states));
            }
        }
        out.iter_mut().for_each(|sum| *sum = sum.wrapping_add(rest));
    }

    /// Adds the leaves to the values of a tile, whose rows are states of one level and columns of the next and last;
    /// the level before is fixed at a state.
    pub(crate) fn add_to_tile(&self, (level, state): (usize, usize), columns: usize, values: &mut [i32]) {
        let (mut left, columns) = (Grove::default(), padded(columns));
        let constant = self.fix(level, state, &mut left);
        values.iter_mut().for_each(|value| *value = value.wrapping_add(constant));
        let rows = vec![-1; values.len() / columns];
        let all = vec![-1; columns];
        for &root in &left.roots {
            left.add_below(root, level as u32 + 1, &rows, &all, values);
        }
    }

    /// Adds the leaves below a node to the rows and columns that reach it.
    fn add_below(&self, at: u32, level: u32, rows: &[i32], columns: &[i32], values: &mut [i32]) {
        let node = self.nodes[at as usize];
        let Some(mask) = node.mask else {
            for (row, _) in values.chunks_exact_mut(columns.len()).zip(rows).filter(|(_, own)| **own != 0) {
                row.iter_mut().zip(columns).for_each(|(value, own)| *value = value.wrapping_add(node.most & own));
            }
            return;
        };
        let mask = &self.masks[mask as usize];
        let part = |own: &[i32], right: bool| -> Vec<i32> {
            own.iter().zip(mask).map(|(own, mask)| own & if right { *mask } else { !mask }).collect()
        };
        for (side, right) in [(node.left, false), (node.right, true)] {
            match node.level == level {
                true => self.add_below(side, level, &part(rows, right), columns, values),
                false => self.add_below(side, level, rows, &part(columns, right), values),
            }
        }
    }
}

impl Node {
    fn leaf(value: i32) -> Node {
        Node { mask: None, level: 0, left: 0, right: 0, most: value, tested: 0 }
    }
}
