//! Sets of a tile's rows that splits of their level tell apart, and a line of columns for each.
//!
//! Few sets occur, because few splits of a level do: what trees add to a tile is added up by set, and to the tile once.

use std::collections::HashMap;

use crate::exact::fixed::tiles::{add_to_rows, padded};

/// The set of all rows.
pub(crate) const ALL: u32 = 0;

/// Neither known nor empty: the parts of a set that no split was asked of.
const UNKNOWN: u32 = u32::MAX;
const EMPTY: u32 = u32::MAX - 1;

/// Sets by number, and the sums over the current tile.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSets {
    /// By set: -1 for its rows, 0 for others, padded.
    sets: Vec<Vec<i32>>,
    numbers: HashMap<Vec<i32>, u32>,
    /// By set and split, the parts on its two sides.
    parts: Vec<[u32; 2]>,
    splits: usize,
    /// By set, a line of so many columns, and a number for all of them.
    lines: Vec<i32>,
    constants: Vec<i32>,
    columns: usize,
    /// Sets with sums, and whether a set is among them.
    used: Vec<u32>,
    is_used: Vec<bool>,
}

impl RowSets {
    /// Makes ready for tiles of so many padded columns, whose trees have so many splits.
    pub(crate) fn prepare(&mut self, rows: usize, columns: usize, splits: usize) {
        if self.sets.is_empty() {
            (self.columns, self.splits) = (columns, splits);
            self.number(vec![-1; padded(rows)]);
        }
    }

    /// Number of padded columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    fn number(&mut self, rows: Vec<i32>) -> u32 {
        if let Some(&known) = self.numbers.get(&rows) {
            return known;
        }
        let number = self.sets.len() as u32;
        self.numbers.insert(rows.clone(), number);
        self.sets.push(rows);
        self.parts.resize(self.sets.len() * self.splits, [UNKNOWN; 2]);
        self.lines.resize(self.sets.len() * self.columns, 0);
        self.constants.push(0);
        self.is_used.push(false);
        number
    }

    /// The rows of a set that go to one side of a split, whose mask is -1 for those that go right; none where that is empty.
    pub(crate) fn part(&mut self, set: u32, split: u32, mask: &[i32], right: bool) -> Option<u32> {
        let at = set as usize * self.splits + split as usize;
        if self.parts[at][usize::from(right)] == UNKNOWN {
            let side = |mask: &i32| if right { *mask } else { !mask };
            let rows: Vec<i32> = self.sets[set as usize].iter().zip(mask).map(|(own, mask)| own & side(mask)).collect();
            let part = if rows.iter().all(|&row| row == 0) { EMPTY } else { self.number(rows) };
            self.parts[at][usize::from(right)] = part;
        }
        Some(self.parts[at][usize::from(right)]).filter(|&part| part != EMPTY)
    }

    fn touch(&mut self, set: u32) -> usize {
        let index = set as usize;
        if !self.is_used[index] {
            self.is_used[index] = true;
            self.used.push(set);
        }
        index
    }

    /// Adds a number to a set's rows.
    pub(crate) fn add(&mut self, set: u32, value: i32) {
        let set = self.touch(set);
        self.constants[set] = self.constants[set].wrapping_add(value);
    }

    /// The line of columns that is added to a set's rows.
    pub(crate) fn line(&mut self, set: u32) -> &mut [i32] {
        let set = self.touch(set);
        &mut self.lines[set * self.columns..][..self.columns]
    }

    /// Adds the sums to a tile, and forgets them.
    pub(crate) fn add_to(&mut self, values: &mut [i32]) {
        for set in self.used.drain(..) {
            let set = set as usize;
            let line = &mut self.lines[set * self.columns..][..self.columns];
            let constant = std::mem::take(&mut self.constants[set]);
            line.iter_mut().for_each(|cell| *cell = cell.wrapping_add(constant));
            add_to_rows(values, &self.sets[set], line);
            line.fill(0);
            self.is_used[set] = false;
        }
    }
}
