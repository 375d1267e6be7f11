//! Trees in whole units, and what is left of them once levels are fixed: bounds and tiles are sums over them.

use std::sync::Arc;

use crate::exact::fixed::tiles::{add, blend, padded, raise};
use crate::exact::fixed::trees::{Node as TreeNode, Trees};

/// A split of a level's states: trees that are leaves are parts of constants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Number of the mask of states that go right; none at a leaf.
    pub(crate) mask: Option<u32>,
    pub(crate) level: u32,
    pub(crate) left: u32,
    pub(crate) right: u32,
    /// A leaf's value, or the largest below.
    pub(crate) most: i32,
    /// Levels tested here and below, modulo 64.
    tested: u64,
}

/// Trees of several leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grove {
    pub(crate) nodes: Vec<Node>,
    pub(crate) roots: Vec<u32>,
    /// By set: -1 for each state that goes right, 0 for others, padded with copies of the last.
    pub(crate) masks: Arc<Vec<Vec<i32>>>,
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

    pub(crate) fn goes_right(&self, mask: u32, state: usize) -> bool {
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
        let mut sums = own.clone();
        for &root in &self.roots {
            match self.tests(root, level) {
                false => rest = rest.wrapping_add(self.nodes[root as usize].most),
                true => {
                    self.largest(root, level as u32, &mut own, &mut spare);
                    add(&mut sums, &own);
                }
            }
        }
        most.iter_mut().zip(&sums).for_each(|(most, sum)| *most = most.wrapping_add(*sum));
        rest
    }

    /// Largest leaf below a node by state of a level.
    fn largest(&self, at: u32, level: u32, out: &mut [i32], spare: &mut Vec<Vec<i32>>) {
        let node = self.nodes[at as usize];
        let Some(mask) = node.mask.filter(|_| self.tests(at, level as usize)) else {
            out.fill(node.most);
            return;
        };
        self.largest(node.left, level, out, spare);
        let mut right = spare.pop().unwrap_or_else(|| vec![0; out.len()]);
        self.largest(node.right, level, &mut right, spare);
        match node.level == level {
            true => blend(out, &right, &self.masks[mask as usize]),
            false => raise(out, &right),
        }
        spare.push(right);
    }

    /// Whether a node or one below tests a level; or another one 64 levels from it.
    pub(crate) fn tests(&self, at: u32, level: usize) -> bool {
        self.nodes[at as usize].tested >> (level % 64) & 1 == 1
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
            if !self.tests(root, level) {
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
}

impl Node {
    fn leaf(value: i32) -> Node {
        Node { mask: None, level: 0, left: 0, right: 0, most: value, tested: 0 }
    }
}
