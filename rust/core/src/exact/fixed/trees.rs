//! Trees over levels: what a metric has beside its tables, in float64.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::exact::question::domain::Domain;
use crate::exact::question::levels::Levels;
use crate::source::trees::Node as SourceNode;
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;

/// Most splits from the root to a leaf.
const DEPTH: usize = 512;

/// A leaf, or a split of a level's states.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    Leaf(f64),
    /// Number of the set of states that go right, and both sides.
    Split {
        set: usize,
        left: usize,
        right: usize,
    },
}

/// The trees of a surrogate's members, their leaves divided by the number of members.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    pub(crate) nodes: Vec<Node>,
    pub(crate) roots: Vec<usize>,
    /// Sets of a level's states: the level, and whether each state is inside.
    pub(crate) sets: Vec<(usize, Vec<bool>)>,
    /// By level, the variance that splits of its states make, tree by tree.
    pub(crate) variances: Vec<f64>,
    /// Sum of the trees' largest absolute leaves.
    pub(crate) magnitude: f64,
}

/// Which variables some tree tests.
pub(crate) fn tested_variables(surrogate: &Surrogate, relevant: &mut [bool]) {
    let nodes = surrogate.forests.iter().flat_map(|forest| &forest.nodes);
    nodes.filter(|node| !node.is_leaf()).for_each(|node| relevant[node.variable as usize] = true);
}

impl Trees {
    /// The trees within a domain, and what is added to the constant.
    pub(crate) fn new(space: &Space, surrogate: &Surrogate, domain: &Domain, levels: &Levels) -> Result<(Trees, f64)> {
        let mut reader = Reader {
            trees: Trees { variances: vec![0.0; levels.levels.len()], ..Trees::default() },
            places: (0..space.width()).map(|v| place(v, levels)).collect(),
            first: domain.first(),
            open: levels.levels.iter().map(|level| vec![true; level.states]).collect(),
            numbers: HashMap::new(),
            weight: 1.0,
            largest: 0.0,
        };
        let mut constant = 0.0;
        for forest in &surrogate.forests {
            constant += forest.bias / surrogate.members() as f64;
            reader.weight = forest.scale / surrogate.members() as f64;
            for t in 0..forest.tree_count() {
                reader.largest = 0.0;
                let (root, _) = reader.read(forest.tree(t), 0, 0, 1.0)?;
                reader.trees.roots.push(root);
                reader.trees.magnitude += reader.largest;
            }
        }
        Ok((reader.trees, constant))
    }

    /// Sum of the leaves that the levels' states reach.
    pub(crate) fn value(&self, states: &[usize]) -> f64 {
        let leaf = |&root: &usize| {
            let mut at = root;
            loop {
                match self.nodes[at] {
                    Node::Leaf(value) => return value,
                    Node::Split { set, left, right } => {
                        let (level, inside) = &self.sets[set];
                        at = if inside[states[*level]] { right } else { left };
                    }
                }
            }
        };
        self.roots.iter().map(leaf).sum()
    }
}

/// The level of a variable, and its choice by the level's state.
fn place(variable: usize, levels: &Levels) -> Option<(usize, Vec<u8>)> {
    let inside = |level: &crate::exact::question::levels::Level| level.variables.iter().position(|&v| v == variable);
    let (level, at) = levels.levels.iter().enumerate().find_map(|(l, level)| Some((l, inside(level)?)))?;
    let level_of = &levels.levels[level];
    Some((level, (0..level_of.states).map(|state| level_of.state(state)[at]).collect()))
}

struct Reader {
    trees: Trees,
    places: Vec<Option<(usize, Vec<u8>)>>,
    /// Choices of variables of no level.
    first: Vec<u8>,
    /// By level, the states that reach where the reader is.
    open: Vec<Vec<bool>>,
    numbers: HashMap<(usize, Vec<bool>), usize>,
    weight: f64,
    /// Largest absolute leaf of the tree so far.
    largest: f64,
}

impl Reader {
    /// Reads what a share of the architectures reaches of a tree; gives its place, and the mean of its leaves.
    fn read(&mut self, tree: &[SourceNode], mut at: usize, depth: usize, share: f64) -> Result<(usize, f64)> {
        let (level, right) = loop {
            let node = &tree[at];
            if node.is_leaf() {
                let value = node.value * self.weight;
                self.largest = self.largest.max(value.abs());
                self.trees.nodes.push(Node::Leaf(value));
                return Ok((self.trees.nodes.len() - 1, value));
            }
            let goes_right = |choice: u8| !node.goes_left.contains(usize::from(choice));
            let (some_left, some_right) = match &self.places[node.variable as usize] {
                None => {
                    let right = goes_right(self.first[node.variable as usize]);
                    (!right, right)
                }
                Some((level, choices)) => {
                    let right: Vec<bool> = choices.iter().map(|&choice| goes_right(choice)).collect();
                    let any = |side: bool| right.iter().zip(&self.open[*level]).any(|(&r, &open)| open && r == side);
                    match (any(false), any(true)) {
                        (true, true) => break (*level, right),
                        one => one,
                    }
                }
            };
            at = if some_right && !some_left { node.right } else { node.left } as usize;
        };
        if depth == DEPTH {
            return Err(Error::model(format!(
                "has a tree of more than {DEPTH} levels of splits, so nothing exact is known of the whole space; refit it"
            )));
        }
        let before = self.open[level].clone();
        let count = |states: &[bool]| states.iter().filter(|&&open| open).count() as f64;
        let side = |reader: &mut Reader, child: u32, side: bool| {
            let own: Vec<bool> = before.iter().zip(&right).map(|(&open, &r)| open && r == side).collect();
            let part = count(&own) / count(&before);
            reader.open[level] = own;
            reader.read(tree, child as usize, depth + 1, share * part).map(|(place, mean)| (place, mean, part))
        };
        let (left, left_mean, left_part) = side(self, tree[at].left, false)?;
        let (right_place, right_mean, right_part) = side(self, tree[at].right, true)?;
        self.open[level] = before;
        self.trees.variances[level] += share * left_part * right_part * (right_mean - left_mean).powi(2);
        let next = self.trees.sets.len();
        let set = *self.numbers.entry((level, right)).or_insert_with_key(|set| {
            self.trees.sets.push(set.clone());
            next
        });
        self.trees.nodes.push(Node::Split { set, left, right: right_place });
        Ok((self.trees.nodes.len() - 1, left_part * left_mean + right_part * right_mean))
    }
}
