//! How far architectures are from those that a model was fitted on.

use std::sync::OnceLock;

use crate::error::Result;
use crate::memory::zeros;
use crate::threads::{Run, filled, for_rows};

/// Training rows that are compared together: their counts stay in registers.
const TILE: usize = 64;
/// Variables whose differences a byte counts.
const BYTE: usize = u8::MAX as usize;
/// Training rows whose distances to the others stand for those of all.
const REPRESENTATIVES: usize = 8192;

/// Distinct training rows in tiles: the columns of [`TILE`] rows, then those of the next.
#[derive(Debug)]
pub(crate) struct Training {
    width: usize,
    tiles: Vec<u8>,
    limit: OnceLock<u16>,
}

impl Training {
    pub(crate) fn new(rows: &[u8], width: usize) -> Training {
        let n = rows.len() / width;
        // The last row fills up the last tile, which changes no minimum.
        let cell = |tile: usize, v: usize, i: usize| rows[(tile * TILE + i).min(n - 1) * width + v];
        let of_tile = |tile: usize| (0..width * TILE).map(move |j| cell(tile, j / TILE, j % TILE));
        Training { width, tiles: (0..n.div_ceil(TILE)).flat_map(of_tile).collect(), limit: OnceLock::new() }
    }

    /// Smallest number of variables in which each checked row differs from a training row.
    pub(crate) fn distances(&self, rows: &[u8], run: &Run<'_>) -> Result<Vec<u16>> {
        self.nearest(rows, false, run)
    }

    /// The 99th percentile of the training rows' distances to the others.
    pub(crate) fn limit(&self, training: &[u8], run: &Run<'_>) -> Result<u16> {
        if let Some(limit) = self.limit.get() {
            return Ok(*limit);
        }
        let step = (training.len() / self.width).div_ceil(REPRESENTATIVES);
        let some: Vec<u8> = training.chunks_exact(self.width).step_by(step).flatten().copied().collect();
        let mut distances = self.nearest(&some, true, run)?;
        distances.sort_unstable();
        // A lone row has no other; nothing but itself is near.
        let limit = if training.len() == self.width { 0 } else { distances[(99 * distances.len()).div_ceil(100) - 1] };
        filled(&self.limit, || Ok(limit)).copied()
    }

    fn nearest(&self, rows: &[u8], others: bool, run: &Run<'_>) -> Result<Vec<u16>> {
        let mut out = zeros(rows.len() / self.width, 1)?;
        for_rows(run, (rows, self.width), (&mut out, 1), |_, out, rows| {
            for (out, row) in out.iter_mut().zip(rows.chunks_exact(self.width)) {
                run.check()?;
                *out = self.nearest_to(row, others);
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Distance to the nearest training row, or to the nearest but the row itself.
    fn nearest_to(&self, row: &[u8], others: bool) -> u16 {
        let mut least = u16::MAX;
        for tile in self.tiles.chunks_exact(self.width * TILE) {
            let mut counts = [0u16; TILE];
            for (columns, values) in tile.chunks(BYTE * TILE).zip(row.chunks(BYTE)) {
                let mut bytes = [0u8; TILE];
                for (column, value) in columns.as_chunks::<TILE>().0.iter().zip(values) {
                    for (count, x) in bytes.iter_mut().zip(column) {
                        *count += u8::from(x != value);
                    }
                }
                counts.iter_mut().zip(bytes).for_each(|(count, byte)| *count += u16::from(byte));
            }
            let counted = |count: &u16| if others && *count == 0 { u16::MAX } else { *count };
            least = counts.iter().map(counted).fold(least, u16::min);
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::space::tests::{mnasnet, space_of};
    use crate::testing::run;

    fn distance(a: &[u8], b: &[u8]) -> u16 {
        a.iter().zip(b).filter(|(a, b)| a != b).count() as u16
    }

    fn sorted(space: &Space, n: usize) -> Vec<u8> {
        let rows = space.sample(n, 3, false).unwrap();
        let mut rows: Vec<&[u8]> = rows.chunks_exact(space.width()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.concat()
    }

    #[test]
    fn distances_are_those_of_brute_force() {
        let wide: Vec<&[usize]> = vec![&[2, 2, 3, 2]; 70];
        for (space, n) in [(mnasnet(), 300), (mnasnet(), 64), (mnasnet(), 1), (space_of(&wide), 130)] {
            let (rows, width) = (space.sample(200, 4, false).unwrap(), space.width());
            let training = sorted(&space, n);
            let made = Training::new(&training, width);
            let nearest = |row: &[u8]| training.chunks_exact(width).map(|t| distance(row, t)).min().unwrap();
            let expected: Vec<u16> = rows.chunks_exact(width).map(nearest).collect();
            assert_eq!(made.distances(&rows, &run()).unwrap(), expected);
            assert!(made.distances(&training, &run()).unwrap().iter().all(|&d| d == 0));
            let others = |row: &[u8]| training.chunks_exact(width).map(|t| distance(row, t)).filter(|&d| d > 0).min();
            let mut expected: Vec<u16> = training.chunks_exact(width).map(|r| others(r).unwrap_or(0)).collect();
            expected.sort_unstable();
            let at = (0.99 * expected.len() as f64).ceil() as usize - 1;
            assert_eq!(made.limit(&training, &run()).unwrap(), expected[at]);
        }
    }
}
