//! A tree without what no architecture reaches, as the kernels' programs are made from.

use std::collections::HashMap;

use crate::layout::columns::Column;
use crate::source::trees::{ChoiceSet, Node};
use crate::space::definition::Space;

/// Most splits from the root to a leaf.
const DEPTH: usize = 64;
/// Most leaves: trees of more are walked faster than their leaves are told apart.
pub(crate) const MOST_LEAVES: usize = 2048;

/// Most splits: their planes stay inside a core's second cache.
const MOST_SPLITS: usize = 4096;

/// States of a packed column that go right, and the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Split {
    pub(crate) column: usize,
    pub(crate) right: [u64; 4],
}

/// The splits of all trees, each once.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    pub(crate) all: Vec<Split>,
    places: HashMap<Split, usize>,
}

impl Splits {
    /// None where there are too many.
    fn place(&mut self, split: Split) -> Option<usize> {
        let next = self.all.len();
        match self.places.get(&split) {
            None if next < MOST_SPLITS => {
                self.all.push(split);
                self.places.insert(split, next);
                Some(next)
            }
            known => known.copied(),
        }
    }
}

/// A part of a tree: a leaf, or a split with the parts on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Place of the split among all; none for a leaf.
    pub(crate) split: Option<usize>,
    pub(crate) left: usize,
    pub(crate) right: usize,
    /// Its leaves, from left to right.
    pub(crate) first: usize,
    pub(crate) end: usize,
    /// Most splits down to a leaf.
    pub(crate) depth: usize,
}

/// What architectures reach of a tree.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// The root is the last.
    pub(crate) parts: Vec<Part>,
    /// Node of each leaf, from left to right.
    pub(crate) leaves: Vec<usize>,
}

/// What trees are read with.
pub(crate) struct Reader<'a> {
    space: &'a Space,
    columns: &'a [Column],
    /// Column of each variable.
    column_of: Vec<usize>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(space: &'a Space, columns: &'a [Column]) -> Reader<'a> {
        let of_column = |(c, column): (usize, &Column)| std::iter::repeat_n(c, column.len);
        let column_of = columns.iter().enumerate().flat_map(of_column).collect();
        Reader { space, columns, column_of }
    }

    /// Reads a tree; none where it is too deep, or has too many leaves or splits.
    pub(crate) fn read(&self, tree: &[Node], splits: &mut Splits) -> Option<Reached> {
        let mut choices = self.space.cards().map(ChoiceSet::first).collect::<Vec<_>>();
        let mut reached = Reached::default();
        self.part(tree, 0, &mut choices, 0, splits, &mut reached)?;
        Some(reached)
    }

    fn part(
        &self,
        tree: &[Node],
        mut at: usize,
        choices: &mut [ChoiceSet],
        level: usize,
        splits: &mut Splits,
        reached: &mut Reached,
    ) -> Option<usize> {
        let first = reached.leaves.len();
        // Tests that all remaining choices pass are skipped.
        let (node, left, right) = loop {
            let node = &tree[at];
            if node.is_leaf() {
                if first == MOST_LEAVES {
                    return None;
                }
                reached.leaves.push(at);
                reached.parts.push(Part { split: None, left: 0, right: 0, first, end: first + 1, depth: 0 });
                return Some(reached.parts.len() - 1);
            }
            let before = choices[node.variable as usize];
            let (left, right) = (before.and(&node.goes_left), before.and_not(&node.goes_left));
            match (left.is_empty(), right.is_empty()) {
                (false, false) => break (node, left, right),
                (true, _) => at = node.right as usize,
                (_, true) => at = node.left as usize,
            }
        };
        if level == DEPTH {
            return None;
        }
        let variable = node.variable as usize;
        let before = choices[variable];
        choices[variable] = left;
        let left = self.part(tree, node.left as usize, choices, level + 1, splits, reached)?;
        choices[variable] = right;
        let right = self.part(tree, node.right as usize, choices, level + 1, splits, reached)?;
        choices[variable] = before;
        let split = Some(splits.place(self.split(node))?);
        let depth = 1 + reached.parts[left].depth.max(reached.parts[right].depth);
        reached.parts.push(Part { split, left, right, first, end: reached.leaves.len(), depth });
        Some(reached.parts.len() - 1)
    }

    /// The states of a node's column that go right.
    fn split(&self, node: &Node) -> Split {
        let variable = node.variable as usize;
        let column = self.column_of[variable];
        let inner = match &self.columns[column] {
            Column { first, len: 2, .. } if *first == variable => self.space.variables()[variable + 1].card(),
            _ => 1,
        };
        let card = self.space.variables()[variable].card();
        let mut right = [0; 4];
        for state in (0..self.columns[column].states).filter(|s| !node.goes_left.contains(s / inner % card)) {
            right[state / 64] |= 1 << (state % 64);
        }
        Split { column, right }
    }
}
