//! A complete table: the value of every architecture, found by one number of its choices.
//!
//! Such a table is alone, so it may be far larger than the groups of other surrogates, whose cell numbers fit 16 bits.

use crate::error::Result;
use crate::kernels::transpose::{Packer, ROWS};
use crate::layout::arena::Arena;
use crate::space::definition::Space;

/// All values in float32, and how packed columns make the number of a cell: (column, step in cells).
#[derive(Debug)]
pub(crate) struct Complete {
    steps: Vec<(usize, u32)>,
    values: Arena,
    cells: usize,
}

impl Complete {
    /// The table of a space whose cells are in the order of joint choices.
    pub(crate) fn new(space: &Space, packer: &Packer, cells: &[f64]) -> Result<Complete> {
        let cards: Vec<usize> = space.cards().collect();
        let step = |end: usize| cards[end..].iter().product::<usize>() as u32;
        let steps = packer.columns().iter().enumerate();
        let steps = steps.filter(|(_, c)| c.states > 1).map(|(i, c)| (i, step(c.first + c.len))).collect();
        let mut values = Arena::new([cells.len()])?;
        values.fill(0, cells);
        Ok(Complete { steps, values, cells: cells.len() })
    }

    /// Writes each row's value.
    #[inline(always)]
    pub(crate) fn read(&self, columns: &[u8], out: &mut [f32]) {
        const VECTOR: usize = 16;
        let values = self.values.cells(0, self.cells);
        for (v, out) in out.chunks_mut(VECTOR).enumerate() {
            // A vector of rows at a time, so that the numbers stay in a register; behind the last row there is room.
            let mut cells = [0u32; VECTOR];
            for &(column, step) in &self.steps {
                let states: &[u8; VECTOR] = columns[column * ROWS + v * VECTOR..].first_chunk().unwrap_or(&[0; VECTOR]);
                for (cell, &state) in cells.iter_mut().zip(states) {
                    *cell = cell.wrapping_add(u32::from(state).wrapping_mul(step));
                }
            }
            for (out, &cell) in out.iter_mut().zip(&cells) {
                *out = values[cell as usize];
            }
        }
    }
}
