//! Tables of look-ups side by side, on huge pages where the system has them.
//!
//! Look-ups go anywhere in megabytes of tables: with pages of 4 KiB most of them would miss the TLB.

use memmap2::MmapMut;

use crate::lower::MAX_CELLS;

/// Bytes of a table.
const TABLE: usize = MAX_CELLS * size_of::<f32>();
/// Bytes of a huge page.
const PAGE: usize = 1 << 21;

/// Tables of float32 numbers, each as long as cell numbers can get, so that a look-up needs no check.
#[derive(Debug)]
pub(crate) struct Arena(MmapMut);

impl Arena {
    /// Rounds tables to float32; the rest of each is 0.
    pub(crate) fn new(tables: &[Vec<f64>]) -> std::io::Result<Arena> {
        let mut map = MmapMut::map_anon((tables.len() * TABLE).next_multiple_of(PAGE).max(PAGE))?;
        #[cfg(target_os = "linux")]
        // A hint, which a system may refuse.
        let _ = map.advise(memmap2::Advice::HugePage);
        for (table, cells) in map.chunks_exact_mut(TABLE).zip(tables) {
            let (floats, _) = table.as_chunks_mut();
            floats.iter_mut().zip(cells).for_each(|(float, &cell)| *float = (cell as f32).to_ne_bytes());
        }
        Ok(Arena(map))
    }

    /// One of the tables.
    #[inline(always)]
    pub(crate) fn table(&self, place: usize) -> &[f32; MAX_CELLS] {
        let bytes = &self.0[place * TABLE..][..TABLE];
        // SAFETY: the slice has the bytes of the table, tables of whole pages are aligned, and any bits are a float.
        unsafe { &*bytes.as_ptr().cast() }
    }
}
