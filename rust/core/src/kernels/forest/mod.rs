//! Forests of a surrogate's members: three ways to the same leaves, whose fixed-point sums are the same bits.
//!
//! Many rows are cut into bit planes ([`sliced`]); few rows read the masks of leaves ([`masks`]), or walk the trees
//! where masks would take more memory than a model may.

pub(crate) mod fixed;
mod lookup;
mod masks;
mod planes;
mod program;
mod registers;
mod select;
mod sliced;
#[cfg(test)]
mod tests;
mod tree;

use crate::error::Result;
use crate::kernels::forest::fixed::{Fixed, Trees};
use crate::kernels::forest::masks::MaskForest;
use crate::kernels::forest::sliced::Sliced;
pub(crate) use crate::kernels::forest::sliced::TileBuffers;
use crate::kernels::transpose::{Packer, ROWS};
use crate::source::trees::Forest;
use crate::space::definition::Space;
use crate::threads::Run;

/// Rows from which on a whole tile pays.
const MANY: usize = 64;

/// The forests of a surrogate's members, ready for batches.
#[derive(Debug)]
pub(crate) struct Forests {
    /// None where masks would take more than the memory that they may.
    masks: Option<Vec<MaskForest>>,
    sliced: Sliced,
}

impl Forests {
    /// Prepares forests whose leaves are in fixed point; masks may take so many bytes.
    pub(crate) fn new(
        space: &Space,
        packer: &Packer,
        of: &[Trees<'_>],
        budget: usize,
        run: &Run<'_>,
    ) -> Result<Forests> {
        let masks = of.iter().fold(0usize, |sum, of| sum.saturating_add(MaskForest::most_bytes(space, of.forest)));
        let masks = match masks <= budget {
            true => Some(run.try_map(of, |of| MaskForest::new(space, *of, run))?),
            false => None,
        };
        Ok(Forests { masks, sliced: Sliced::new(space, packer, of, run)? })
    }

    /// Sums of each member's trees, [`ROWS`] apart, for checked rows that stand in columns of variables and of blocks.
    pub(crate) fn sums(
        &self,
        of: &[Trees<'_>],
        (rows, columns, blocks): (&[u8], &[u8], &[u8]),
        (sums, n): (&mut [f64], usize),
        buffers: &mut TileBuffers,
        run: &Run<'_>,
    ) -> Result<()> {
        if n >= MANY {
            return self.sliced.sums(of, (rows, columns), (sums, n), buffers, run);
        }
        for (m, (of, sums)) in of.iter().zip(sums.chunks_mut(ROWS)).enumerate() {
            run.check()?;
            match &self.masks {
                Some(masks) => masks[m].sums(of.fixed, blocks, ROWS, &mut sums[..n]),
                None => {
                    let rows = rows.chunks_exact(rows.len() / n.max(1));
                    sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum = of.walk(row));
                }
            }
        }
        Ok(())
    }
}

/// The forests with their leaves in fixed point.
pub(crate) fn trees<'a>(forests: &'a [Forest], fixed: &'a [Fixed]) -> Vec<Trees<'a>> {
    forests.iter().zip(fixed).map(|(forest, fixed)| Trees { forest, fixed }).collect()
}
