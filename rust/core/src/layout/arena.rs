//! Tables of look-ups side by side, on huge pages where the system has them.
//!
//! Look-ups go anywhere in megabytes of tables: with pages of 4 KiB most of them would miss the TLB.

use memmap2::MmapMut;

use crate::error::{Error, Result};
use crate::tables::axes::MAX_CELLS;

/// Bytes of a cell.
const CELL: usize = size_of::<f32>();
/// Bytes of a huge page.
const PAGE: usize = 1 << 21;

/// Tables of float32 numbers one after the other. Behind the last there is room for any cell number, so that a
/// look-up needs no check: one beyond its table would read another, not beyond the arena.
#[derive(Debug)]
pub(crate) struct Arena {
    map: MmapMut,
    /// First byte of each table.
    starts: Vec<usize>,
}

impl Arena {
    /// Tables of so many cells each, all 0.
    pub(crate) fn new(cells: impl IntoIterator<Item = usize>) -> Result<Arena> {
        let (mut starts, mut end) = (Vec::new(), 0);
        for cells in cells {
            starts.push(end);
            end += (cells * CELL).next_multiple_of(64);
        }
        let bytes = (end + MAX_CELLS * CELL).next_multiple_of(PAGE);
        let refused = |_| Error::Memory { rows: starts.len(), bytes: bytes as u128 };
        let map = MmapMut::map_anon(bytes).map_err(refused)?;
        #[cfg(target_os = "linux")]
        // A hint, which a system may refuse.
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Arena { map, starts })
    }

    /// Rounds a table's cells to float32.
    pub(crate) fn fill(&mut self, place: usize, cells: &[f64]) {
        let (floats, _) = self.map[self.starts[place]..].as_chunks_mut();
        floats.iter_mut().zip(cells).for_each(|(float, &cell)| *float = (cell as f32).to_ne_bytes());
    }

    /// So many cells from the first of one of the tables on.
    #[inline(always)]
    pub(crate) fn cells(&self, place: usize, cells: usize) -> &[f32] {
        let bytes = &self.map[self.starts[place]..][..cells * CELL];
        // SAFETY: the slice has the bytes of the cells, starts are aligned, and any bits are a float.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), cells) }
    }

    /// Number of the first cell of a table among all cells.
    pub(crate) fn start(&self, place: usize) -> usize {
        self.starts[place] / CELL
    }

    /// The cells of all tables.
    #[inline(always)]
    pub(crate) fn all(&self) -> &[f32] {
        // SAFETY: the map has these bytes, it begins with a page, and any bits are a float.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.map.len() / CELL) }
    }

    /// One of the tables, and what follows it.
    #[inline(always)]
    pub(crate) fn table(&self, place: usize) -> &[f32; MAX_CELLS] {
        let bytes = &self.map[self.starts[place]..][..MAX_CELLS * CELL];
        // SAFETY: the slice has the bytes of the table, starts are aligned, and any bits are a float.
        unsafe { &*bytes.as_ptr().cast() }
    }
}
