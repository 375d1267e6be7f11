//! Decision trees over a finite space: a split is the set of choices that go left.

use crate::error::Result;
use crate::memory::zeros;
use crate::space::variables::MAX_CHOICES;
use crate::threads::{Run, for_rows};

/// Rows that walk one tree before the next.
const BLOCK: usize = 256;

/// Set of choices of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChoiceSet([u64; MAX_CHOICES / 64]);

impl ChoiceSet {
    pub const EMPTY: ChoiceSet = ChoiceSet([0; MAX_CHOICES / 64]);

    /// The first `n` choices.
    pub fn first(n: usize) -> ChoiceSet {
        (0..n).fold(ChoiceSet::EMPTY, |set, c| set.with(c))
    }

    #[must_use]
    pub fn with(mut self, choice: usize) -> ChoiceSet {
        self.0[choice / 64] |= 1 << (choice % 64);
        self
    }

    #[inline]
    pub fn contains(&self, choice: usize) -> bool {
        self.0[choice / 64] >> (choice % 64) & 1 == 1
    }

    #[must_use]
    pub fn and(&self, other: &ChoiceSet) -> ChoiceSet {
        ChoiceSet(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    #[must_use]
    pub fn and_not(&self, other: &ChoiceSet) -> ChoiceSet {
        ChoiceSet(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    pub fn is_empty(&self) -> bool {
        *self == ChoiceSet::EMPTY
    }

    /// Bit `c` of the little-endian bytes is choice `c`.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> ChoiceSet {
        let choices = (0..bytes.len() * 8).filter(|c| bytes[c / 8] >> (c % 8) & 1 == 1);
        choices.take(MAX_CHOICES).fold(ChoiceSet::EMPTY, ChoiceSet::with)
    }

    /// The choices, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_CHOICES).filter(move |&c| self.contains(c))
    }
}

/// A node: a leaf where `left` is [`Node::LEAF`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    pub goes_left: ChoiceSet,
    pub variable: u32,
    /// Children, counted from the tree's first node.
    pub left: u32,
    pub right: u32,
    pub value: f64,
}

impl Node {
    pub const LEAF: u32 = u32::MAX;

    pub(crate) fn leaf(value: f64) -> Node {
        Node { goes_left: ChoiceSet::EMPTY, variable: 0, left: Node::LEAF, right: Node::LEAF, value }
    }

    pub fn is_leaf(&self) -> bool {
        self.left == Node::LEAF
    }
}

/// Trees whose prediction is `bias + scale · Σ leaf`.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    pub offsets: Vec<usize>,
    pub nodes: Vec<Node>,
    pub scale: f64,
    pub bias: f64,
}

impl Forest {
    /// A forest without trees.
    pub fn constant(bias: f64) -> Forest {
        Forest { offsets: vec![0], nodes: Vec::new(), scale: 1.0, bias }
    }

    /// Number of trees.
    pub fn tree_count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Nodes of one tree, its root first.
    pub fn tree(&self, tree: usize) -> &[Node] {
        &self.nodes[self.offsets[tree]..self.offsets[tree + 1]]
    }

    /// Sum of the largest absolute leaf of each tree: no sum of leaves is larger.
    pub(crate) fn reach(&self) -> f64 {
        let largest = |t: usize| self.tree(t).iter().fold(0.0f64, |most, node| most.max(node.value.abs()));
        (0..self.tree_count()).map(largest).sum()
    }

    /// Float64 walk of every tree, for checked rows.
    pub fn predict(&self, width: usize, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let mut out = zeros::<f64>(rows.len() / width, 1)?;
        for_rows(run, (rows, width), (&mut out, 1), |_, out, rows| {
            self.add(rows, out, run)?;
            out.iter_mut().for_each(|sum| *sum = self.bias + self.scale * *sum);
            Ok(())
        })?;
        Ok(out)
    }

    /// Adds the leaves of every tree to the sums of checked rows, without scale and bias.
    pub(crate) fn add(&self, rows: &[u8], sums: &mut [f64], run: &Run<'_>) -> Result<()> {
        let width = rows.len() / sums.len().max(1);
        for (sums, rows) in sums.chunks_mut(BLOCK).zip(rows.chunks(width * BLOCK)) {
            // Tree by tree, so that a tree's nodes stay in cache; each row still adds trees in order.
            for t in 0..self.tree_count() {
                run.check()?;
                let tree = self.tree(t);
                for (sum, row) in sums.iter_mut().zip(rows.chunks_exact(width)) {
                    *sum += tree[walk(tree, row)].value;
                }
            }
        }
        Ok(())
    }

    /// Float64 walk for one checked row.
    pub fn predict_row(&self, row: &[u8]) -> f64 {
        let sum = (0..self.tree_count()).fold(0.0, |sum, t| sum + self.tree(t)[walk(self.tree(t), row)].value);
        self.bias + self.scale * sum
    }

    /// Node where each row ends in each tree, row-major.
    pub fn leaves(&self, width: usize, rows: &[u8], run: &Run<'_>) -> Result<Vec<i32>> {
        let trees = self.tree_count();
        let mut out = zeros::<i32>(rows.len() / width, trees)?;
        for_rows(run, (rows, width), (&mut out, trees), |_, out, rows| {
            for (out, rows) in out.chunks_mut((trees * BLOCK).max(1)).zip(rows.chunks(width * BLOCK)) {
                for t in 0..trees {
                    run.check()?;
                    let tree = self.tree(t);
                    for (leaf, row) in out[t..].iter_mut().step_by(trees).zip(rows.chunks_exact(width)) {
                        *leaf = walk(tree, row) as i32;
                    }
                }
            }
            Ok(())
        })?;
        Ok(out)
    }
}

/// Node of the leaf that a checked row reaches.
pub(crate) fn walk(tree: &[Node], row: &[u8]) -> usize {
    let mut at = 0;
    while !tree[at].is_leaf() {
        let node = &tree[at];
        let left = node.goes_left.contains(row[node.variable as usize] as usize);
        at = if left { node.left } else { node.right } as usize;
    }
    at
}

/// Every node is reached once from the root, so that walks end.
pub(crate) fn check_tree(tree: &[Node]) -> std::result::Result<(), String> {
    let mut seen = vec![false; tree.len()];
    let mut stack = vec![0usize];
    while let Some(at) = stack.pop() {
        match seen.get_mut(at) {
            None => return Err(format!("a child is node {at} of {}", tree.len())),
            Some(true) => return Err(format!("node {at} is reached twice")),
            Some(flag) => *flag = true,
        }
        if !tree[at].is_leaf() {
            stack.extend([tree[at].left as usize, tree[at].right as usize]);
        }
    }
    Ok(())
}
