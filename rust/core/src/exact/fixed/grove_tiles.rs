//! Trees over tiles: all states of the last two levels, which make rows and columns.

use crate::exact::fixed::grove::Grove;
use crate::exact::fixed::row_sets::{ALL, RowSets};
use crate::exact::fixed::tiles::{add, add_masked, blend, padded};

/// What tiles below a node have in common: the sum of the trees that do not test the last level before them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tiles {
    still: Vec<i32>,
    sets: RowSets,
    /// Lines that are made and used again.
    spare: Vec<Vec<i32>>,
}

/// The level before those of a tile, fixed at a state, and that of its rows; the last is that of its columns.
#[derive(Clone, Copy)]
struct Sides {
    fixed: (usize, usize),
    rows: usize,
}

impl Tiles {
    /// Tiles of another node are to come.
    pub(crate) fn forget(&mut self) {
        self.still.clear();
    }

    /// Adds the leaves of a node's trees to the values of a tile, whose rows are states of one level and columns of the
    /// next and last; the level before is fixed at a state.
    pub(crate) fn add(&mut self, grove: &Grove, (level, state): (usize, usize), columns: usize, values: &mut [i32]) {
        let (sides, columns) = (Sides { fixed: (level, state), rows: level + 1 }, padded(columns));
        self.sets.prepare(values.len() / columns, columns, grove.masks.len());
        if self.still.is_empty() {
            let mut still = vec![0; values.len()];
            self.add_trees(grove, false, sides, &mut still);
            self.still = still;
        }
        self.add_trees(grove, true, sides, values);
        add(values, &self.still);
    }

    /// Adds the trees that test the fixed level, or those that do not.
    fn add_trees(&mut self, grove: &Grove, testing: bool, sides: Sides, values: &mut [i32]) {
        for &root in grove.roots.iter().filter(|&&root| grove.tests(root, sides.fixed.0) == testing) {
            self.add_below(grove, root, sides, (ALL, None));
        }
        self.sets.add_to(values);
    }

    /// Adds the leaves below a node to a set of rows, and to columns where a mask is -1.
    fn add_below(&mut self, grove: &Grove, at: u32, sides: Sides, (set, columns): (u32, Option<&[i32]>)) {
        let at = beyond(grove, at, sides.fixed);
        let node = grove.nodes[at as usize];
        let split = node.mask.filter(|_| grove.tests(at, sides.rows));
        match (split, columns) {
            (None, None) if node.mask.is_none() => self.sets.add(set, node.most),
            (None, _) => {
                let mut line = self.line(grove, at, sides);
                match columns {
                    None => add(self.sets.line(set), &line),
                    Some(mask) => add_masked(self.sets.line(set), &line, mask),
                }
                line.clear();
                self.spare.push(line);
            }
            (Some(split), _) if node.level as usize == sides.rows => {
                for (side, right) in [(node.left, false), (node.right, true)] {
                    if let Some(part) = self.sets.part(set, split, &grove.masks[split as usize], right) {
                        self.add_below(grove, side, sides, (part, columns));
                    }
                }
            }
            (Some(split), _) => {
                let mask = &grove.masks[split as usize];
                for (side, right) in [(node.left, false), (node.right, true)] {
                    let own = mask.iter().map(|mask| if right { *mask } else { !mask });
                    let own: Vec<i32> = match columns {
                        None => own.collect(),
                        Some(columns) => own.zip(columns).map(|(own, column)| own & column).collect(),
                    };
                    self.add_below(grove, side, sides, (set, Some(&own)));
                }
            }
        }
    }

    /// The leaves below a node that tests columns alone.
    fn line(&mut self, grove: &Grove, at: u32, sides: Sides) -> Vec<i32> {
        let node = grove.nodes[beyond(grove, at, sides.fixed) as usize];
        let Some(split) = node.mask else {
            let mut line = self.spare.pop().unwrap_or_default();
            line.resize(self.sets.columns(), node.most);
            return line;
        };
        let mut line = self.line(grove, node.left, sides);
        let mut right = self.line(grove, node.right, sides);
        blend(&mut line, &right, &grove.masks[split as usize]);
        right.clear();
        self.spare.push(right);
        line
    }
}

/// The first node from one on that does not test a level which is fixed at a state.
fn beyond(grove: &Grove, mut at: u32, (level, state): (usize, usize)) -> u32 {
    loop {
        let node = grove.nodes[at as usize];
        match node.mask {
            Some(mask) if node.level as usize == level => {
                at = if grove.goes_right(mask, state) { node.right } else { node.left };
            }
            _ => return at,
        }
    }
}
