//! Trees as flat arrays, as a library's model gives them: every split becomes the set of choices that go left.

use crate::error::{Error, Result};
use crate::source::trees::{ChoiceSet, Forest, Node, check_tree};
use crate::space::definition::Space;

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

impl SourceTrees<'_> {
    /// Resolves every split to the set of choices that go left, and checks that the trees are trees.
    pub fn forest(&self, space: &Space) -> Result<Forest> {
        self.check(space)?;
        let offsets: Vec<usize> = self.tree_offsets.iter().map(|&o| o as usize).collect();
        let mut nodes = Vec::with_capacity(self.left.len());
        for (tree, range) in offsets.windows(2).enumerate() {
            for i in range[0]..range[1] {
                nodes.push(
                    self.node(space, i, range[1] - range[0])
                        .map_err(|reason| Error::model(format!("tree {tree}, node {}: {reason}", i - range[0])))?,
                );
            }
            check_tree(&nodes[range[0]..]).map_err(|reason| Error::model(format!("tree {tree}: {reason}")))?;
        }
        let forest = Forest { offsets, nodes, scale: self.scale, bias: self.bias };
        if !forest.scale.is_finite() || !forest.bias.is_finite() {
            return Err(Error::model(format!("scale {} and bias {} must be finite", forest.scale, forest.bias)));
        }
        Ok(forest)
    }

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
            let expected = space.variables().get(*variable).map(crate::space::variables::Variable::card);
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
            return Ok(Node::leaf(self.value[i]));
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
        debug_assert_eq!(values.len(), space.variables()[*variable].card());
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
