//! Decision trees over a finite space: a split is the set of choices that go left.

use crate::error::{Error, Result};
use crate::memory::zeros;
use crate::space::{MAX_STATES, Space};
use crate::threads::{Run, for_rows};

/// Rows that walk one tree before the next.
const BLOCK: usize = 256;

/// Set of choices of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChoiceSet([u64; MAX_STATES / 64]);

impl ChoiceSet {
    pub const EMPTY: ChoiceSet = ChoiceSet([0; MAX_STATES / 64]);

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
        choices.take(MAX_STATES).fold(ChoiceSet::EMPTY, ChoiceSet::with)
    }

    /// The choices, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_STATES).filter(move |&c| self.contains(c))
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

/// A source model's trees as flat arrays, all trees one after the other.
pub struct SourceTrees<'a> {
    /// For each model feature: its variable and the number the model sees for each choice; NaN is missing.
    pub columns: &'a [(usize, Vec<f64>)],
    pub tree_offsets: &'a [i64],
    pub feature: &'a [i32],
    /// 0 `<`, 1 `<=`, 2 `>`, 3 `>=`, 4 `==`: the test that goes left.
    pub operator: &'a [u8],
    pub threshold: &'a [f64],
    /// Whether the model compares in single precision.
    pub float32: bool,
    pub default_left: &'a [bool],
    pub left: &'a [i32],
    pub right: &'a [i32],
    pub value: &'a [f64],
    pub is_categorical: &'a [bool],
    pub category_offsets: &'a [i64],
    pub categories: &'a [u32],
    /// Whether the listed categories go right.
    pub categories_right: &'a [bool],
    pub scale: f64,
    pub bias: f64,
}

impl Forest {
    /// A forest without trees.
    pub fn constant(bias: f64) -> Forest {
        Forest { offsets: vec![0], nodes: Vec::new(), scale: 1.0, bias }
    }

    /// Resolves every split to the set of choices that go left, and checks that the trees are trees.
    pub fn new(space: &Space, source: &SourceTrees<'_>) -> Result<Forest> {
        source.check(space)?;
        let offsets: Vec<usize> = source.tree_offsets.iter().map(|&o| o as usize).collect();
        let mut nodes = Vec::with_capacity(source.left.len());
        for (tree, range) in offsets.windows(2).enumerate() {
            for i in range[0]..range[1] {
                nodes.push(
                    source
                        .node(space, i, range[1] - range[0])
                        .map_err(|reason| Error::model(format!("tree {tree}, node {}: {reason}", i - range[0])))?,
                );
            }
            check_tree(&nodes[range[0]..]).map_err(|reason| Error::model(format!("tree {tree}: {reason}")))?;
        }
        let forest = Forest { offsets, nodes, scale: source.scale, bias: source.bias };
        if !forest.scale.is_finite() || !forest.bias.is_finite() {
            return Err(Error::model(format!("scale {} and bias {} must be finite", forest.scale, forest.bias)));
        }
        Ok(forest)
    }

    /// Number of trees.
    pub fn tree_count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Nodes of one tree, its root first.
    pub fn tree(&self, tree: usize) -> &[Node] {
        &self.nodes[self.offsets[tree]..self.offsets[tree + 1]]
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

fn walk(tree: &[Node], row: &[u8]) -> usize {
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

impl SourceTrees<'_> {
    fn check(&self, space: &Space) -> Result<()> {
        let n = self.left.len();
        let lengths = [
            ("feature", self.feature.len()),
            ("operator", self.operator.len()),
            ("threshold", self.threshold.len()),
            ("default_left", self.default_left.len()),
            ("right", self.right.len()),
            ("value", self.value.len()),
            ("is_categorical", self.is_categorical.len()),
            ("categories_right", self.categories_right.len()),
            ("category_offsets", self.category_offsets.len().saturating_sub(1)),
        ];
        if let Some((name, length)) = lengths.iter().find(|(_, length)| *length != n) {
            return Err(Error::model(format!(
                "{name} describes {length} nodes, left describes {n}; pass arrays of one length"
            )));
        }
        let ascending = |offsets: &[i64], last: usize| {
            offsets.first() == Some(&0)
                && offsets.windows(2).all(|w| w[0] <= w[1])
                && offsets.last() == Some(&(last as i64))
        };
        if !ascending(self.tree_offsets, n) || self.tree_offsets.windows(2).any(|w| w[0] == w[1]) {
            return Err(Error::model(format!("tree_offsets must ascend from 0 to {n}, no tree empty")));
        }
        if !ascending(self.category_offsets, self.categories.len()) {
            return Err(Error::model(format!("category_offsets must ascend from 0 to {}", self.categories.len())));
        }
        for (feature, (variable, values)) in self.columns.iter().enumerate() {
            let expected = space.variables().get(*variable).map(|v| v.choices.len());
            if expected != Some(values.len()) {
                return Err(Error::model(format!(
                    "feature {feature} gives {} values for variable {variable}, which has {} choices",
                    values.len(),
                    expected.unwrap_or(0)
                )));
            }
        }
        Ok(())
    }

    fn node(&self, space: &Space, i: usize, tree_len: usize) -> std::result::Result<Node, String> {
        if self.left[i] < 0 {
            if !self.value[i].is_finite() {
                return Err(format!("leaf value {} is not finite", self.value[i]));
            }
            let leaf = Node {
                goes_left: ChoiceSet::EMPTY,
                variable: 0,
                left: Node::LEAF,
                right: Node::LEAF,
                value: self.value[i],
            };
            return Ok(leaf);
        }
        let child = |c: i32| match usize::try_from(c) {
            Ok(c) if c < tree_len => Ok(c as u32),
            _ => Err(format!("child {c} is outside a tree of {tree_len} nodes")),
        };
        let (left, right) = (child(self.left[i])?, child(self.right[i])?);
        let feature = self.feature[i];
        let Some((variable, values)) = usize::try_from(feature).ok().and_then(|f| self.columns.get(f)) else {
            return Err(format!("splits on feature {feature}, the encoding has {} features", self.columns.len()));
        };
        debug_assert_eq!(values.len(), space.variables()[*variable].choices.len());
        let mut goes_left = ChoiceSet::EMPTY;
        for (choice, &x) in values.iter().enumerate() {
            if self.test(i, x)? {
                goes_left = goes_left.with(choice);
            }
        }
        Ok(Node { goes_left, variable: *variable as u32, left, right, value: 0.0 })
    }

    fn test(&self, i: usize, x: f64) -> std::result::Result<bool, String> {
        if x.is_nan() {
            return Ok(self.default_left[i]);
        }
        if self.is_categorical[i] {
            let range = self.category_offsets[i] as usize..self.category_offsets[i + 1] as usize;
            let listed = x >= 0.0 && self.categories[range].contains(&(x as u32));
            return Ok(listed != self.categories_right[i]);
        }
        let t = self.threshold[i];
        if t.is_nan() {
            return Err("threshold is not a number".to_owned());
        }
        let (x, t) = if self.float32 { (f64::from(x as f32), f64::from(t as f32)) } else { (x, t) };
        Ok(match self.operator[i] {
            0 => x < t,
            1 => x <= t,
            2 => x > t,
            3 => x >= t,
            4 => x == t,
            other => return Err(format!("operator code {other} is none of 0 to 4")),
        })
    }
}
