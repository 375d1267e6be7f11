//! Few rows: one after the other, without columns.
//!
//! The number of a cell is linear in the states that it is made of, so every choice adds its own part to the cell
//! numbers of all groups: a vector of groups at a time.

use std::sync::Arc;

use crate::kernels::lookup::Dense;
use crate::kernels::transpose::Packer;
use crate::layout::arena::Arena;
use crate::tables::axes::Granularity;

/// Groups of a vector.
const LANES: usize = 16;
/// Larger parts would leave the first cache to nothing else.
const MOST_BYTES: usize = 1 << 15;

/// What every choice adds to the cell numbers of groups.
#[derive(Debug)]
pub(crate) struct RowCells {
    /// First choice of every variable.
    first: Vec<u32>,
    /// Number of choices of all variables.
    choices: usize,
    /// A vector of groups for each choice, then the next vector.
    parts: Vec<[u16; LANES]>,
    /// Place of the first cell of each group.
    starts: Vec<u32>,
    tables: Arc<Arena>,
}

impl RowCells {
    /// None where the parts would be too large.
    pub(crate) fn new(packer: &Packer, granularity: Granularity, groups: &[Dense]) -> Option<RowCells> {
        let last = packer.last();
        let choices = last.iter().map(|&last| last as usize + 1).sum::<usize>();
        let vectors = groups.len().div_ceil(LANES);
        if vectors * choices * size_of::<[u16; LANES]>() > MOST_BYTES {
            return None;
        }
        let (mut first, mut parts) = (Vec::new(), vec![[0; LANES]; vectors * choices]);
        let (mut row, mut place) = (vec![0; last.len()], 0);
        for (variable, &last) in last.iter().enumerate() {
            first.push(place as u32);
            for choice in 0..=last {
                row[variable] = choice;
                let states = packer.states(&row, granularity);
                for (g, group) in groups.iter().enumerate() {
                    parts[g / LANES * choices + place][g % LANES] = group.number(&states);
                }
                place += 1;
            }
            row[variable] = 0;
        }
        let starts = groups.iter().map(|group| group.place().1 as u32).collect();
        Some(RowCells { first, choices, parts, starts, tables: groups.first()?.place().0.clone() })
    }

    /// The sum of a checked row's cells, in the order of the groups.
    #[inline]
    pub(crate) fn sum(&self, row: &[u8]) -> f32 {
        let (mut sum, tables) = (0.0, self.tables.all());
        for (parts, starts) in self.parts.chunks_exact(self.choices).zip(self.starts.chunks(LANES)) {
            let mut cells = [0u16; LANES];
            for (&first, &choice) in self.first.iter().zip(row) {
                let part = &parts[first as usize + choice as usize];
                for (cell, part) in cells.iter_mut().zip(part) {
                    *cell = cell.wrapping_add(*part);
                }
            }
            for (&start, &cell) in starts.iter().zip(&cells) {
                sum += tables[start as usize + cell as usize];
            }
        }
        sum
    }
}
