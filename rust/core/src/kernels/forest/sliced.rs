//! Many rows through forests, 512 at a time: answers to splits as bits, codes of leaves, sums of leaves.
//!
//! A finite space has few distinct splits, so each is answered once for all trees. What a tree then costs is one
//! selection a split for 512 rows (AVX-512) or 256 (AVX2), and a look-up of a leaf's three bytes. QuickScorer (Lucchese
//! et al. 2015) cuts trees into bits for one row at a time.

use crate::error::Result;
#[cfg(target_arch = "x86_64")]
use crate::kernels::cpu::Build;
use crate::kernels::cpu::build;
use crate::kernels::forest::fixed::{TREES, Trees};
use crate::kernels::forest::lookup::{self, Sums};
use crate::kernels::forest::planes::{self, BYTES, Plane, TILE};
use crate::kernels::forest::program::{OF_SPLIT, Piece, Slots, pieces};
use crate::kernels::forest::registers::Bits;
use crate::kernels::forest::select::{Codes, codes, place_of, row_at};
use crate::kernels::forest::tree::{Reader, Split, Splits};
use crate::kernels::transpose::{Packer, ROWS};
use crate::space::definition::Space;
use crate::threads::Run;

/// Pieces whose codes are found before their leaves are looked up: codes stay in the first cache.
const AT_ONCE: usize = 16;

/// The forests of a surrogate's members.
#[derive(Debug)]
pub(crate) struct Sliced {
    splits: Vec<Split>,
    planes: usize,
    /// Of each member the trees of one step at a time.
    members: Vec<Vec<Step>>,
}

/// Trees of one step.
#[derive(Debug)]
struct Step {
    scale: (f64, f64),
    /// By the bits of their codes.
    pieces: Vec<Piece>,
    /// Trees that are walked.
    walked: Vec<usize>,
}

/// Buffers of one thread.
#[derive(Debug)]
pub(crate) struct TileBuffers {
    planes: Vec<Plane>,
    codes: [Codes; AT_ONCE],
    sums: Sums,
    totals: [f64; TILE],
}

impl Default for TileBuffers {
    fn default() -> TileBuffers {
        let codes = [Codes([0; TILE]); AT_ONCE];
        TileBuffers { planes: Vec::new(), codes, sums: Sums::ZERO, totals: [0.0; TILE] }
    }
}

impl Sliced {
    pub(crate) fn new(space: &Space, packer: &Packer, forests: &[Trees<'_>], run: &Run<'_>) -> Result<Sliced> {
        let reader = Reader::new(space, packer.columns());
        let mut splits = Splits::default();
        let mut reached = Vec::new();
        for Trees { forest, .. } in forests {
            for t in 0..forest.tree_count() {
                run.check()?;
                reached.push(reader.read(forest.tree(t), &mut splits));
            }
        }
        let mut slots = Slots::new(splits.all.len());
        let mut reached = reached.into_iter();
        let mut members = Vec::with_capacity(forests.len());
        for Trees { forest, fixed } in forests {
            let mut steps: Vec<Step> = Vec::with_capacity(fixed.scales.len());
            for t in 0..forest.tree_count() {
                run.check()?;
                if t % TREES == 0 {
                    steps.push(Step { scale: fixed.scales[t / TREES], pieces: Vec::new(), walked: Vec::new() });
                }
                let Some(step) = steps.last_mut() else { continue };
                match reached.next().flatten() {
                    Some(tree) => step.pieces.extend(pieces(&tree, &fixed.leaves[forest.offsets[t]..], &mut slots)),
                    None => step.walked.push(t),
                }
            }
            steps.iter_mut().for_each(|step| step.pieces.sort_by_key(|piece| piece.bits));
            members.push(steps);
        }
        Ok(Sliced { splits: splits.all, planes: slots.planes, members })
    }

    /// Sums of each member's trees, [`ROWS`] apart, for rows that stand in columns, too.
    pub(crate) fn sums(
        &self,
        forests: &[Trees<'_>],
        (rows, columns): (&[u8], &[u8]),
        (sums, n): (&mut [f64], usize),
        buffers: &mut TileBuffers,
        run: &Run<'_>,
    ) -> Result<()> {
        buffers.planes.resize(self.planes, Plane([0; BYTES]));
        let width = rows.len() / n.max(1);
        for (tile, rows) in rows.chunks(TILE * width).enumerate() {
            let first = tile * TILE;
            self.answer(columns, first, &mut buffers.planes);
            for (m, steps) in self.members.iter().enumerate() {
                buffers.totals = [0.0; TILE];
                for step in steps {
                    run.check()?;
                    buffers.add(step);
                    let mut walked = [0; TILE];
                    if !step.walked.is_empty() {
                        walk_trees(&step.walked, forests[m], rows.chunks_exact(width), &mut walked);
                    }
                    buffers.sums.flush(step.scale, &walked, &mut buffers.totals);
                }
                let sums = &mut sums[m * ROWS + first..m * ROWS + n];
                for (place, total) in buffers.totals.iter().enumerate() {
                    if let Some(sum) = sums.get_mut(row_at(place)) {
                        *sum = *total;
                    }
                }
            }
        }
        Ok(())
    }

    /// The planes of constants and of all splits.
    fn answer(&self, columns: &[u8], first: usize, planes: &mut [Plane]) {
        let [zeros, ones, planes @ ..] = planes else { return };
        (*zeros, *ones) = (Plane([0; BYTES]), Plane([u8::MAX; BYTES]));
        for (split, [plane, opposite]) in self.splits.iter().zip(planes.as_chunks_mut::<OF_SPLIT>().0) {
            // Columns have room for whole tiles; what is behind the last row is not used.
            let Some(states) = columns[split.column * ROWS + first..].first_chunk::<TILE>() else { continue };
            *plane = match build() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the processor has AVX2.
                Build::Avx2 | Build::Avx512 => unsafe { planes::avx2(states, split) },
                _ => planes::portable(states, split),
            };
            *opposite = Plane(plane.0.map(|byte| !byte));
        }
    }
}

/// Adds the leaves of trees that are walked, row by row, to the places of their rows.
fn walk_trees<'r>(trees: &[usize], of: Trees<'_>, rows: impl Iterator<Item = &'r [u8]>, walked: &mut [u32; TILE]) {
    for (place, row) in rows.enumerate().map(|(r, row)| (place_of(r), row)) {
        for &t in trees {
            walked[place] += of.leaf(t, row);
        }
    }
}

impl TileBuffers {
    /// Adds the leaves of the trees of one step.
    fn add(&mut self, step: &Step) {
        let same = |a: &Piece, b: &Piece| a.tables() == b.tables();
        for pieces in step.pieces.chunk_by(same).flat_map(|pieces| pieces.chunks(AT_ONCE)) {
            match build() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the processor has AVX-512.
                Build::Avx512 => unsafe { self.add_avx512(pieces) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the processor has AVX2.
                Build::Avx2 => unsafe { self.add_avx2(pieces) },
                _ => {
                    // SAFETY: any processor has what a word needs.
                    unsafe { self.find::<u64>(pieces) };
                    lookup::portable(&self.codes, pieces, &mut self.sums);
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn add_avx512(&mut self, pieces: &[Piece]) {
        // SAFETY: the processor has AVX-512.
        unsafe { self.find::<std::arch::x86_64::__m512i>(pieces) };
        lookup::avx512(&self.codes, pieces, &mut self.sums);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn add_avx2(&mut self, pieces: &[Piece]) {
        // SAFETY: the processor has AVX2.
        unsafe { self.find::<std::arch::x86_64::__m256i>(pieces) };
        match pieces.first().map_or(1, Piece::tables) {
            1 => lookup::avx2::<1>(&self.codes, pieces, &mut self.sums),
            2 => lookup::avx2::<2>(&self.codes, pieces, &mut self.sums),
            _ => lookup::avx2::<4>(&self.codes, pieces, &mut self.sums),
        }
    }

    /// Finds the codes of pieces.
    ///
    /// # Safety
    /// The processor has what the registers need.
    #[inline(always)]
    unsafe fn find<B: Bits>(&mut self, pieces: &[Piece]) {
        for (piece, out) in pieces.iter().zip(&mut self.codes) {
            // SAFETY: as the caller says; programs name planes below their number, which there is room for.
            unsafe { codes::<B>(&piece.code, &mut self.planes, out) }
        }
    }
}
