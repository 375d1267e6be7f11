//! Rows of choice indices, checked and turned into columns of bytes for the kernels.

use crate::layout::columns::{Column, columns};
use crate::space::definition::{BYTE_STATES, Space};
use crate::tables::axes::Granularity;

/// Rows a kernel works on at a time; columns have this stride.
pub(crate) const ROWS: usize = 8192;

/// Bytes of a row that one vector holds.
#[cfg(target_arch = "x86_64")]
const WINDOW: usize = 32;
/// Rows transposed together.
#[cfg(target_arch = "x86_64")]
const TILE: usize = 16;

/// A choice out of range: the row of the chunk and the variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChoice {
    pub(crate) row: usize,
    pub(crate) variable: usize,
}

/// 32 neighbouring variables for the AVX2 loop: pairs of bytes become columns.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Debug)]
struct Window {
    first: usize,
    last: [u8; WINDOW],
    /// Factors of both bytes of a pair: first those of joint columns and of first variables, then those of second variables alone.
    weights: [[i8; WINDOW]; 2],
    /// The column of each pair for either set of weights.
    columns: [[Option<usize>; WINDOW / 2]; 2],
}

#[cfg(target_arch = "x86_64")]
impl Window {
    fn new(first: usize, columns: &[Column], last: &[u8]) -> Window {
        let mut window =
            Window { first, last: [u8::MAX; WINDOW], weights: [[0; WINDOW]; 2], columns: [[None; WINDOW / 2]; 2] };
        for (byte, &last) in last[first..].iter().take(WINDOW).enumerate() {
            window.last[byte] = last;
        }
        for (c, column) in columns.iter().enumerate() {
            let Some(byte) = column.first.checked_sub(first).filter(|&byte| byte < WINDOW) else { continue };
            let second = byte % 2;
            window.columns[second][byte / 2] = Some(c);
            if column.len == 2 {
                // A joint column has few states: the factor fits.
                window.weights[0][byte] = last[column.first + 1] as i8 + 1;
                window.weights[0][byte + 1] = 1;
            } else {
                window.weights[second][byte] = 1;
            }
        }
        window
    }
}

/// Columns of 16 rows, 16 bytes each.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(
    tile: &[std::arch::x86_64::__m256i; TILE],
    weights: std::arch::x86_64::__m256i,
) -> [[u8; TILE]; WINDOW / 2] {
    use std::arch::x86_64::*;
    let pairs = |row: __m256i| _mm256_maddubs_epi16(row, weights);
    // Each vector: two rows of columns 0 to 7, then the same rows of columns 8 to 15.
    let mut v: [__m256i; 8] = std::array::from_fn(|i| _mm256_packus_epi16(pairs(tile[2 * i]), pairs(tile[2 * i + 1])));
    // A byte's address is (row bits 3 to 0, column bits 2 to 0); a round rotates it left by one bit, so
    // that after four rounds it is (column, row): a vector a column.
    for _ in 0..4 {
        let w = v;
        for i in 0..4 {
            v[2 * i] = _mm256_unpacklo_epi8(w[i], w[i + 4]);
            v[2 * i + 1] = _mm256_unpackhi_epi8(w[i], w[i + 4]);
        }
    }
    let mut out = [[0u8; TILE]; WINDOW / 2];
    for (c, &v) in v.iter().enumerate() {
        // SAFETY: both arrays hold 16 bytes.
        unsafe {
            _mm_storeu_si128(out[c].as_mut_ptr().cast(), _mm256_castsi256_si128(v));
            _mm_storeu_si128(out[c + 8].as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(v));
        }
    }
    out
}

/// Turns rows into columns.
#[derive(Clone, Debug)]
pub(crate) struct Packer {
    width: usize,
    columns: Vec<Column>,
    /// Last choice of each variable.
    last: Vec<u8>,
    /// For each block, the columns it is made of and their strides in its state.
    blocks: Vec<Vec<(usize, u8)>>,
    #[cfg(target_arch = "x86_64")]
    windows: Vec<Window>,
}

impl Packer {
    pub(crate) fn new(space: &Space) -> Packer {
        let columns = columns(space);
        let blocks = space
            .blocks()
            .iter()
            .map(|block| {
                let inside = |(_, c): &(usize, &Column)| block.variables.contains(&c.first);
                let inside: Vec<_> = columns.iter().enumerate().filter(inside).collect();
                // The stride of a column is the states of the later ones; only a lone column may have 256.
                let stride = |i: usize| inside[i + 1..].iter().map(|(_, c)| c.states).product::<usize>() as u8;
                // Nothing reads the states of a block that has more than a byte tells apart.
                let made_of = if block.states > BYTE_STATES { &[] } else { &inside[..] };
                made_of.iter().enumerate().map(|(i, &(c, _))| (c, stride(i))).collect()
            })
            .collect();
        let last: Vec<u8> = space.cards().map(|n| (n - 1) as u8).collect();
        Packer {
            width: space.width(),
            #[cfg(target_arch = "x86_64")]
            windows: (0..space.width()).step_by(WINDOW).map(|first| Window::new(first, &columns, &last)).collect(),
            columns,
            last,
            blocks,
        }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Last choice of each variable.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }

    /// From a number for each choice, variable after variable, their products by column and state.
    pub(crate) fn by_column(&self, of_choices: &[f64]) -> Vec<Vec<f64>> {
        let mut rest = of_choices;
        let mut of_variable = |v: usize| {
            let (own, tail) = rest.split_at(self.last[v] as usize + 1);
            rest = tail;
            own
        };
        let of_column = |column: &Column| {
            let first = of_variable(column.first);
            match column.len {
                2 => {
                    let second = of_variable(column.first + 1);
                    first.iter().flat_map(|a| second.iter().map(move |b| a * b)).collect()
                }
                _ => first.to_vec(),
            }
        };
        self.columns.iter().map(of_column).collect()
    }

    /// Fills columns of stride [`ROWS`] from at most that many rows.
    #[inline(always)]
    pub(crate) fn pack(&self, rows: &[u8], out: &mut [u8]) -> Result<(), BadChoice> {
        self.pack_from(0, rows, out)
    }

    /// Fills columns from row `start` of a chunk on.
    #[inline(always)]
    fn pack_from(&self, start: usize, rows: &[u8], out: &mut [u8]) -> Result<(), BadChoice> {
        let n = rows.len() / self.width;
        let mut bad = false;
        for (c, column) in self.columns.iter().enumerate() {
            let out = &mut out[c * ROWS + start..][..n - start];
            let (first, second) = (column.first, column.first + column.len - 1);
            let states = self.last[second].wrapping_add(1);
            for (out, row) in out.iter_mut().zip(rows.chunks_exact(self.width).skip(start)) {
                let (a, b) = (row[first], row[second]);
                bad |= a > self.last[first] || b > self.last[second];
                *out = if column.len == 2 { a.wrapping_mul(states).wrapping_add(b) } else { a };
            }
        }
        if bad { Err(self.first_bad(rows)) } else { Ok(()) }
    }

    /// Refuses rows with choices out of range.
    #[inline]
    pub(crate) fn check(&self, rows: &[u8]) -> Result<(), BadChoice> {
        let bad = |row: &[u8]| row.iter().zip(&self.last).fold(false, |bad, (x, last)| bad | (x > last));
        if rows.chunks_exact(self.width).fold(false, |any, row| any | bad(row)) {
            return Err(self.first_bad(rows));
        }
        Ok(())
    }

    /// States of the axes of one checked row: those of its columns, or of its blocks.
    pub(crate) fn states(&self, row: &[u8], granularity: Granularity) -> Vec<u8> {
        let state = |column: &Column| match column.len {
            2 => row[column.first] * (self.last[column.first + 1] + 1) + row[column.first + 1],
            _ => row[column.first],
        };
        let columns: Vec<u8> = self.columns.iter().map(state).collect();
        let part = |&(c, stride): &(usize, u8)| columns[c].wrapping_mul(stride);
        match granularity {
            Granularity::Variables => columns,
            Granularity::Blocks => {
                self.blocks.iter().map(|parts| parts.iter().map(part).fold(0, u8::wrapping_add)).collect()
            }
        }
    }

    /// The first row and variable out of range.
    #[cold]
    fn first_bad(&self, rows: &[u8]) -> BadChoice {
        let bad = |row: &[u8]| row.iter().zip(&self.last).position(|(x, last)| x > last);
        let found = rows.chunks_exact(self.width).enumerate().find_map(|(row, r)| Some((row, bad(r)?)));
        let (row, variable) = found.unwrap_or((0, 0));
        BadChoice { row, variable }
    }

    /// As [`Packer::pack`], 16 rows at a time: each row's pairs of bytes are multiplied and added into
    /// columns, then 16 rows of 16 columns are transposed in registers.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    pub(crate) fn pack_avx2(&self, rows: &[u8], out: &mut [u8]) -> Result<(), BadChoice> {
        let n = rows.len() / self.width;
        // Loads take 32 bytes, so the last rows are read from a copy with room behind it.
        let readable = (rows.len().saturating_sub(WINDOW) / self.width).min(n);
        let whole = readable / TILE * TILE;
        let mut fits = self.pack_tiles(rows, whole, 0, out);
        let mut last = vec![0; 2 * TILE * self.width + WINDOW];
        let rest = &rows[whole * self.width..];
        // Never more than two tiles are left over; columns have room for the choices 0 that fill them up.
        match rest.len() <= 2 * TILE * self.width {
            true => {
                last[..rest.len()].copy_from_slice(rest);
                fits &= self.pack_tiles(&last, (n - whole).next_multiple_of(TILE), whole, out);
            }
            false => self.pack_from(whole, rows, out)?,
        }
        if fits { Ok(()) } else { Err(self.first_bad(rows)) }
    }

    /// Packs so many rows, a multiple of 16, with 32 bytes behind the last row's first; says whether all fit.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pack_tiles(&self, rows: &[u8], n: usize, first: usize, out: &mut [u8]) -> bool {
        use std::arch::x86_64::*;
        let mut bad = _mm256_setzero_si256();
        for window in &self.windows {
            // SAFETY: the pointers are to arrays of 32 bytes.
            let (last, weights) = unsafe {
                let load = |bytes: *const u8| _mm256_loadu_si256(bytes.cast());
                (load(window.last.as_ptr()), window.weights.each_ref().map(|w| load(w.as_ptr().cast())))
            };
            for start in (0..n).step_by(TILE) {
                let mut tile = [_mm256_setzero_si256(); TILE];
                for (i, row) in tile.iter_mut().enumerate() {
                    let at = (start + i) * self.width + window.first;
                    // SAFETY: the slice has 32 bytes.
                    *row = unsafe { _mm256_loadu_si256(rows[at..at + WINDOW].as_ptr().cast()) };
                    bad = _mm256_or_si256(bad, _mm256_subs_epu8(*row, last));
                }
                for (weights, columns) in weights.iter().zip(&window.columns) {
                    if columns.iter().all(Option::is_none) {
                        continue;
                    }
                    for (slot, bytes) in columns.iter().zip(transpose(&tile, *weights)) {
                        if let Some(c) = slot {
                            out[c * ROWS + first + start..][..TILE].copy_from_slice(&bytes);
                        }
                    }
                }
            }
        }
        _mm256_testz_si256(bad, bad) != 0
    }

    /// Columns of block states of packed columns.
    #[inline(always)]
    pub(crate) fn pack_blocks(&self, rows: usize, columns: &[u8], out: &mut [u8]) {
        for (b, parts) in self.blocks.iter().enumerate() {
            let out = &mut out[b * ROWS..][..rows];
            out.fill(0);
            for &(c, stride) in parts {
                let column = &columns[c * ROWS..][..rows];
                for (out, &x) in out.iter_mut().zip(column) {
                    *out = out.wrapping_add(x.wrapping_mul(stride));
                }
            }
        }
    }
}
