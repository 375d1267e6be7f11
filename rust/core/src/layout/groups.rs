//! Expansion: the tables inside a group of axes summed into one dense table.
//!
//! The sum runs in one fixed nested order, last axis first, so that a dense table and a single cell
//! computed on the fly agree to the last bit.

use crate::layout::columns::columns;
use crate::space::definition::{BYTE_STATES, Space};
use crate::tables::axes::{AxisSet, Granularity, MAX_BLOCKS, MAX_CELLS, MAX_COMPLETE, joint};
use crate::tables::stored::Tables;

/// A group of ascending axes and where in a member's cells its tables are.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) axes: Vec<u16>,
    cards: Vec<usize>,
    /// A trie of axis sets: node 0 is the empty set.
    nodes: Vec<TrieNode>,
}

/// The set of axes on the path from the root.
#[derive(Clone, Debug, Default)]
struct TrieNode {
    /// First cell of the table over these axes, if it belongs to the group.
    table: Option<usize>,
    /// (position of a later axis in the group, node), the last axis first.
    children: Vec<(usize, usize)>,
}

impl Group {
    fn new(axes: &[u16], tables: &Tables) -> Group {
        let cards = axes.iter().map(|&a| tables.cards[a as usize]).collect();
        Group { axes: axes.to_vec(), cards, nodes: vec![TrieNode::default()] }
    }

    /// Number of cells of the dense table.
    pub(crate) fn cells(&self) -> usize {
        self.cards.iter().product()
    }

    /// Step of each axis in the dense table, row-major.
    pub(crate) fn strides(&self) -> Vec<usize> {
        (0..self.axes.len()).map(|j| self.cards[j + 1..].iter().product()).collect()
    }

    /// Takes the table over a set of axes if the group has them all.
    fn adopt(&mut self, set: &[u16], offset: usize) -> bool {
        let positions: Option<Vec<usize>> = set.iter().map(|a| self.axes.binary_search(a).ok()).collect();
        let Some(positions) = positions else { return false };
        let mut at = 0;
        for position in positions {
            let children = &self.nodes[at].children;
            at = match children.binary_search_by(|(p, _)| position.cmp(p)) {
                Ok(i) => children[i].1,
                Err(i) => {
                    let new = self.nodes.len();
                    self.nodes[at].children.insert(i, (position, new));
                    self.nodes.push(TrieNode::default());
                    new
                }
            };
        }
        self.nodes[at].table = Some(offset);
        true
    }

    /// Sum of the group's tables at the states of all axes of the space.
    pub(crate) fn cell(&self, cells: &[f64], states: &[u16]) -> f64 {
        self.cell_of(&self.nodes[0], cells, states, 0)
    }

    fn cell_of(&self, node: &TrieNode, cells: &[f64], states: &[u16], path: usize) -> f64 {
        let mut sum = node.table.map_or(0.0, |table| cells[table + path]);
        for &(k, child) in &node.children {
            let path = path * self.cards[k] + states[self.axes[k] as usize] as usize;
            sum += self.cell_of(&self.nodes[child], cells, states, path);
        }
        sum
    }

    /// The same of several members, at most [`MEMBER_LANES`], which the tables are found once for.
    pub(crate) fn cell_of_each(&self, cells: &[Vec<f64>], states: &[u16]) -> [f64; MEMBER_LANES] {
        self.cells_of(&self.nodes[0], cells, states, 0)
    }

    fn cells_of(&self, node: &TrieNode, cells: &[Vec<f64>], states: &[u16], path: usize) -> [f64; MEMBER_LANES] {
        let mut sums = [0.0; MEMBER_LANES];
        if let Some(table) = node.table {
            sums.iter_mut().zip(cells).for_each(|(sum, cells)| *sum = cells[table + path]);
        }
        for &(k, child) in &node.children {
            let path = path * self.cards[k] + states[self.axes[k] as usize] as usize;
            let below = self.cells_of(&self.nodes[child], cells, states, path);
            sums.iter_mut().zip(below).for_each(|(sum, below)| *sum += below);
        }
        sums
    }

    /// The dense table, row-major.
    pub(crate) fn expand(&self, cells: &[f64]) -> Vec<f64> {
        self.expand_of(&self.nodes[0], cells, 0, 0)
    }

    /// Tables below a node over the axes from `first` on, the states of its own axes fixed.
    fn expand_of(&self, node: &TrieNode, cells: &[f64], path: usize, first: usize) -> Vec<f64> {
        let mut sum = vec![node.table.map_or(0.0, |table| cells[table + path])];
        let mut children = node.children.iter().peekable();
        for k in (first..self.cards.len()).rev() {
            let child = children.next_if(|(position, _)| *position == k).map(|&(_, child)| &self.nodes[child]);
            let mut longer = Vec::with_capacity(sum.len() * self.cards[k]);
            for state in 0..self.cards[k] {
                let path = path * self.cards[k] + state;
                match child {
                    None => longer.extend_from_slice(&sum),
                    Some(TrieNode { table: Some(table), children }) if children.is_empty() => {
                        let value = cells[table + path];
                        longer.extend(sum.iter().map(|s| s + value));
                    }
                    Some(child) => {
                        let below = self.expand_of(child, cells, path, k + 1);
                        longer.extend(sum.iter().zip(&below).map(|(s, b)| s + b));
                    }
                }
            }
            sum = longer;
        }
        sum
    }
}

/// Assigns every table to the last group that contains its axes; `None` where one fits nowhere.
///
/// Small interactions then come first and main effects last, which keeps the rounding of the float32 sum small.
pub(crate) fn assign(tables: &Tables, groups: &[Vec<u16>]) -> Option<Vec<Group>> {
    let mut out: Vec<Group> = groups.iter().map(|axes| Group::new(axes, tables)).collect();
    for (set, &offset) in tables.sets.iter().zip(&tables.offsets) {
        out.iter_mut().rev().find_map(|group| group.adopt(set.axes(), offset).then_some(()))?;
    }
    // Nothing is added by a group that got no table, as covers may overlap.
    out.retain(|group| group.nodes.iter().any(|node| node.table.is_some()));
    Some(out)
}

/// Members of a vector of deviations; tables are padded to whole vectors.
pub(crate) const MEMBER_LANES: usize = 16;

/// Whether groups are of axes that tables have, and small enough for a dense table.
pub(crate) fn check_groups(space: &Space, tables: &Tables, groups: &[Vec<u16>]) -> std::result::Result<(), String> {
    let cards = &tables.cards;
    let blocks = |set: &AxisSet| {
        space.blocks_of(set.axes().iter().flat_map(|&a| tables.granularity.variables(space, a as usize))).len()
    };
    if let Some(set) = tables.sets.iter().find(|set| blocks(set) > MAX_BLOCKS) {
        let (axes, found) = (set.axes(), blocks(set));
        return Err(format!("the table over axes {axes:?} depends on {found} blocks, at most {MAX_BLOCKS} fit"));
    }
    if tables.is_complete() && groups.iter().all(|axes| axes == tables.sets[0].axes()) {
        return match tables.cell_count() {
            0..=MAX_COMPLETE => Ok(()),
            cells => Err(format!("the complete table has {cells} cells, at most {MAX_COMPLETE} fit")),
        };
    }
    for axes in groups {
        // An axis of one state is in no table, and would let a group have any number of axes.
        let usable = |a: &u16| cards.get(*a as usize).is_some_and(|n| (2..=BYTE_STATES).contains(n));
        let known = axes.windows(2).all(|w| w[0] < w[1]) && axes.iter().all(usable);
        let cells = joint(axes.iter().map(|&a| *cards.get(a as usize).unwrap_or(&MAX_CELLS)));
        if !known || cells > MAX_CELLS {
            return Err(format!(
                "group {axes:?} has {cells} cells or unknown axes, expected ascending axes and at most {MAX_CELLS} cells"
            ));
        }
    }
    // A column of two variables enters a group whole.
    let split = |axes: &Vec<u16>| {
        let has = |v: usize| axes.binary_search(&(v as u16)).is_ok();
        columns(space).iter().any(|c| c.len == 2 && has(c.first) != has(c.first + 1))
    };
    match tables.granularity == Granularity::Variables && groups.iter().any(split) {
        true => Err("a group holds one of two variables that share a column".to_owned()),
        false => Ok(()),
    }
}
