//! The inner loops. The AVX2 and the portable form do the same float operations in the same order.

use crate::expand::Group;
use crate::link::Link;
use crate::pack::{Packer, ROWS};
use crate::tables::Granularity;

/// Float32 lanes of a vector; member tables are padded to whole vectors.
pub(crate) const LANES: usize = 8;

/// A group's dense table and how columns make its cell number.
#[derive(Debug)]
pub(crate) struct Dense {
    /// (column, step in cells).
    terms: Vec<(usize, u16)>,
    table: Vec<f32>,
}

impl Dense {
    pub(crate) fn new(packer: &Packer, granularity: Granularity, group: &Group, table: Vec<f32>) -> Dense {
        let steps = group.axes.iter().zip(group.strides());
        let column_of = |axis: u16| match granularity {
            // A column of two variables advances by the step of its second.
            Granularity::Variables => packer.columns().iter().position(|c| c.first + c.len - 1 == axis as usize),
            Granularity::Blocks => Some(axis as usize),
        };
        let terms = steps.filter_map(|(&axis, step)| Some((column_of(axis)?, step as u16))).collect();
        Dense { terms, table }
    }

    /// Cell number of one row of columns.
    #[inline(always)]
    fn cell(&self, columns: &[u8], row: usize) -> usize {
        self.terms.iter().map(|&(c, step)| columns[c * ROWS + row] as usize * step as usize).sum()
    }
}

/// The part of the work that differs between processors.
pub(crate) trait Kernels {
    /// Adds each row's cell to its sum; `sums` has a multiple of 16 rows.
    fn add_cells(dense: &Dense, columns: &[u8], sums: &mut [f32]);
}

/// Any processor.
pub(crate) struct Portable;

impl Kernels for Portable {
    fn add_cells(dense: &Dense, columns: &[u8], sums: &mut [f32]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            *sum += dense.table[dense.cell(columns, row)];
        }
    }
}

/// Whether the AVX2 kernels run: the processor has them and `ACCELNAS_PORTABLE` is not set.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx2_enabled() -> bool {
    static ENABLED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        std::is_x86_feature_detected!("avx2") && std::env::var_os("ACCELNAS_PORTABLE").is_none()
    });
    *ENABLED
}

/// x86-64 with AVX2; to be used only inside functions that enable it.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Kernels for Avx2 {
    #[inline(always)]
    fn add_cells(dense: &Dense, columns: &[u8], sums: &mut [f32]) {
        // SAFETY: callers checked that the processor has AVX2; the packer bounds columns by the
        // variables' choices, so that cell numbers are below the table's length, which is checked
        // where tables are made; columns hold ROWS bytes each and sums whole vectors of 16.
        unsafe { avx2::add_cells(dense, columns, sums) }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Dense, ROWS};
    use std::arch::x86_64::*;

    /// See [`super::Kernels::add_cells`].
    ///
    /// # Safety
    /// The processor has AVX2, `sums` is a multiple of 16 and at most `ROWS` long, every term's column
    /// exists, and every cell number lies inside the table.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn add_cells(dense: &Dense, columns: &[u8], sums: &mut [f32]) {
        let table = dense.table.as_ptr();
        let last_column = dense.terms.iter().map(|t| t.0).max().unwrap_or(0);
        assert!(sums.len() % 16 == 0 && sums.len() <= ROWS && columns.len() >= (last_column + 1) * ROWS);
        for (block, sums) in sums.chunks_exact_mut(16).enumerate() {
            let mut cell = _mm256_setzero_si256();
            for &(column, step) in &dense.terms {
                // SAFETY: 16 bytes from a multiple of 16 below ROWS lie inside the column.
                let bytes = unsafe { _mm_loadu_si128(columns.as_ptr().add(column * ROWS + block * 16).cast()) };
                let states = _mm256_cvtepu8_epi16(bytes);
                cell = _mm256_add_epi16(cell, _mm256_mullo_epi16(states, _mm256_set1_epi16(step as i16)));
            }
            let low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(cell));
            let high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256::<1>(cell));
            let sums = sums.as_mut_ptr();
            // SAFETY: the caller vouches for the cell numbers; sums holds 16 floats.
            unsafe {
                let first = _mm256_add_ps(_mm256_loadu_ps(sums), _mm256_i32gather_ps::<4>(table, low));
                let second = _mm256_add_ps(_mm256_loadu_ps(sums.add(8)), _mm256_i32gather_ps::<4>(table, high));
                _mm256_storeu_ps(sums, first);
                _mm256_storeu_ps(sums.add(8), second);
            }
        }
    }
}

/// Adds each row's cell, `lanes` floats, to its lanes.
#[inline(always)]
pub(crate) fn add_lanes(dense: &Dense, columns: &[u8], lanes: usize, sums: &mut [f32]) {
    match lanes {
        8 => add_lanes_of::<8>(dense, columns, sums),
        16 => add_lanes_of::<16>(dense, columns, sums),
        _ => {
            for (row, sums) in sums.chunks_exact_mut(lanes).enumerate() {
                let cell = &dense.table[dense.cell(columns, row) * lanes..][..lanes];
                sums.iter_mut().zip(cell).for_each(|(s, c)| *s += c);
            }
        }
    }
}

#[inline(always)]
fn add_lanes_of<const L: usize>(dense: &Dense, columns: &[u8], sums: &mut [f32]) {
    let (table, _) = dense.table.as_chunks::<L>();
    let (sums, _) = sums.as_chunks_mut::<L>();
    for (row, sums) in sums.iter_mut().enumerate() {
        let cell = &table[dense.cell(columns, row)];
        for l in 0..L {
            sums[l] += cell[l];
        }
    }
}

/// Writes the metric's values: table sums plus constant and forest, the link inverted.
#[inline(always)]
pub(crate) fn finish(link: Link, constant: f64, sums: &[f32], forest: &[f64], out: &mut [f32]) {
    for ((out, &sum), &forest) in out.iter_mut().zip(sums).zip(forest) {
        *out = inverse(link, f64::from(sum) + constant + forest);
    }
}

/// The metric's value in float32.
#[inline(always)]
pub(crate) fn inverse(link: Link, value: f64) -> f32 {
    match link {
        Link::Identity => value as f32,
        // A float32 division of the rounded value: several times faster, one more rounding of 6e-8.
        Link::Reciprocal => 1.0 / value as f32,
        Link::Log => link.inverse(value) as f32,
    }
}
